/*
 * A play at random: players who do what the dice say, rightly and wrongly, an application that
 * decides when it likes, or never, and time that passes between. A seed replays exactly.
 *
 * What must hold, whatever the dice say:
 * - what a player utters in a namespace reaches the application in that order, none missing, none
 *   twice, as long as the socket lives; and before its disconnect handler, unless this side ended
 * it;
 * - nothing of a socket is handled while a decision of it is owed;
 * - what is emitted reaches the player in that order, none missing, none twice, over any change of
 *   transport; volatile events may be missing; what was emitted before a DISCONNECT or an orderly
 *   close comes before it;
 * - each session that opened ends once, for a reason that the player or the application gave, and
 *   each connect handler is followed by one disconnect handler;
 * - an acknowledgement that was asked for is answered once;
 * - where the server recovers connections: who comes back in time with what it was told is the
 *   socket it was, with its rooms and data, and gets what it missed, in order, once, before the
 *   CONNECT answer and anything newer, and nothing volatile; whoever is not recovered is somebody
 *   new; what was shown wrongly, too late, once before or after an end on purpose recovers nothing;
 * - at the end nothing is alive.
 */
#ifndef CONFAB_TESTS_SCRIPT_RANDOM_H
#define CONFAB_TESTS_SCRIPT_RANDOM_H

#include "tests/script/client.h"
#include "tests/script/world.h"

#define PLAYERS 5
#define NSPS 2
#define TOKENS 32
#define PLAY_ROOMS 3

/* One stay of one player in one namespace. Kept until the play's end. */
struct seat {
    struct list link; /* play->seats */
    uint32_t number;
    uint32_t session; /* of the player */
    unsigned player, nsp;
    /* As the player sees it. */
    uint32_t uttered;
    /* As it passed the floors. */
    uint32_t handed;
    bool asked; /* its CONNECT came */
    /* As the application sees it. */
    struct confab_socket *socket; /* NULL: not connected, or gone */
    uint32_t handled;
    int64_t blocked_until_ms; /* a decision is owed, until then at most; 0: none */
    bool open;                /* emits reach it */
    bool was_open, gone, refused;
    bool left;         /* its DISCONNECT came */
    bool thrown;       /* ended by the application */
    struct list owed;  /* struct owed.link: emitted and not yet got */
    uint64_t bytes_id; /* in the bytes that are due */
    /* For random_recovery.c. */
    char id[32], pid[40], shown_pid[40];
    bool forged;         /* an offset was shown that is none */
    int64_t shown_at_ms; /* when the event of the offset shown was emitted */
    int64_t opened_at_ms, lost_at_ms;
    struct seat *before; /* whom it may continue; NULL: nobody */
    bool must_recover, recovered;
    bool due;       /* what is emitted is kept for it, also while it is away */
    bool taken;     /* somebody is about to continue it */
    unsigned rooms; /* bits: when it was gone */
    uint32_t data;
};

struct owed {
    struct list link;
    uint64_t id;
    bool is_volatile;
    bool is_kept;   /* for those who come back */
    bool is_late;   /* emitted while nobody was there */
    bool is_missed; /* has to come before the CONNECT answer */
    int64_t at_ms;
};

/* What stays with a player when its session is over. */
struct player_memory {
    char pid[40], offset[40];
    int64_t offset_at_ms; /* when its event was emitted */
};

enum sitting { AWAY, ASKED, IN };

struct player {
    struct play *play;
    struct client *client; /* NULL: none at the moment */
    unsigned index;
    uint32_t session;       /* counts its sessions */
    bool is_open;           /* on_open was given, on_close was not */
    bool owes_pong, silent; /* silent: will not pay */
    bool is_old;            /* revision 3: pings, and sits in `/` from its session's opening on */
    int64_t pinged_at_ms;
    unsigned reasons; /* bits of enum eio_close_reason that are no surprise */
    int end;          /* enum eio_close_reason; -1: not over */
    int64_t ended_at_ms;
    enum sitting sitting[NSPS];
    bool left[NSPS];          /* by its own DISCONNECT; an answer to a later CONNECT did not come */
    struct seat *seats[NSPS]; /* the present ones; NULL: none yet */
    struct list unsaid;       /* struct client_letter.link */
    bool broken;              /* a packet was begun that no bytes will follow */
    struct seat *handing;     /* its text was handed up, its bytes were not; NULL: none */
    struct seat *bytes_for;   /* of the text that came last; NULL: no bytes are due */
    bool ignores_bytes;       /* … of a text that meant nothing any more */
    struct owed *half;        /* the event of that text, in front of its bytes; NULL: none */
    char half_offset[40];
    struct player_memory memory[NSPS];
};

struct play {
    struct world world;
    struct rng dice;
    uint64_t seed;
    unsigned step;
    const char *program;
    struct player players[PLAYERS];
    struct player *opening;
    struct list seats;
    struct confab_namespace *nsps[NSPS];
    struct {
        struct confab_token token;
        uint64_t id; /* of the ack to be given; 0: none was asked for */
        struct seat *seat;
        bool is_middleware, blocks;
    } tokens[TOKENS]; /* a ring: older ones are left to their deadlines */
    unsigned token_next;
    uint32_t seat_next;
    uint64_t id_next;
    uint64_t opens, closes, connects, disconnects, asked, answered, incompletes;
    bool stopping; /* pending decisions do not hold anything up any more */
    bool recovers; /* the server recovers connections */
    bool is_tight; /* … and has little room for it */
    uint64_t recovered;
};

unsigned roll(struct play *play, unsigned sides);
#define PLAY_CHECK(play, condition) WORLD_CHECK(&(play)->world, condition)
#define REASON(reason) (1u << (reason))

/* ---- random_app.c ---- */

/* Registers the application. */
void play_app_begin(struct play *play);
/* Decides one of the tokens; `all`: each of them. */
void play_decides(struct play *play, bool all);
/* The session of a player is over: nothing reaches its sockets any more. */
void play_session_over(struct play *play, const struct player *player);
struct seat *play_seat(struct play *play, uint32_t number);
void play_seats_free(struct play *play);
void play_owed_free(struct owed *owed);

/* ---- random_player.c ---- */

/* Does one thing; opens a session when it has none. */
void player_acts(struct player *player);
/* Brings everything that is under way to its end, as far as one turn allows. */
void player_settles(struct player *player);
/* Its connections break. */
void player_vanishes(struct player *player);
/* Nothing is unsaid, nothing owed. */
void player_check_settled(struct player *player);
void player_fini(struct player *player);

/* ---- random_recovery.c; each does nothing where nothing is recovered ---- */

struct server_config recovery_config(const struct play *play, struct server_config server);
void recovery_tune(const struct play *play, struct eio_config *engine);
/* Adds what the player remembers to its CONNECT, an object of JSON. */
void recovery_writes_auth(struct player *player, struct seat *seat, char *text, size_t size);
/* Of an event; "": it has none. It counts when the event is whole. */
void recovery_reads_offset(const char *text, char offset[40]);
void recovery_notes_offset(struct player *player, unsigned nsp, const char *offset, int64_t at_ms);
/* The life of a seat: its CONNECT came, it was refused or let in, its socket is gone, its session
 * over. */
void recovery_asked(struct play *play, struct seat *seat);
void recovery_refused(struct seat *seat);
void recovery_comes_in(struct play *play, struct seat *seat, struct confab_socket *socket);
void recovery_gone(struct play *play, struct seat *seat, const char *reason);
void recovery_session_over(struct seat *seat);
/* Was it in the room when it was gone? */
bool recovery_is_in(const struct seat *seat, const char *room);
/* The CONNECT answer came; an event came before it. */
void recovery_answered(struct player *player, struct seat *seat, const char *text);
bool recovery_is_void(struct player *player, const struct seat *seat);

/* ---- random_chat.c ---- */

/* A whole play of another kind. */
void chat_plays(uint64_t seed, const char *program, FILE *log);

#endif
