/*
 * Connection state recovery, the part that remembers: what was sent, and what lost sockets were.
 *
 * A space is the memory of one namespace: the packets that left there, each with a place in their
 * one order, and the sessions of sockets that were lost. A session is what outlives a connection:
 * the private id (pid) that its client shows, the socket id, rooms and data, and in which rooms the
 * socket was while which packets left. A packet is due to a session when the socket was in one of
 * its rooms, and in none of its `except` rooms, at that very place: so a recovered client gets
 * what it would have got, whatever it joined and left meanwhile.
 *
 * The server (recovery.c) sees a store through struct recovery_ops. Looking up a session is
 * answered through a callback, perhaps later, because another store may have to ask elsewhere. The
 * one here, recovery_memory_new(), answers at once. Stores do no I/O of their own and are told the
 * time.
 *
 * Offsets go to clients as text: the place, behind a keyed hash of it, so that nobody can make one
 * up, neither for a packet that has not left nor for one of another space.
 */
#ifndef CONFAB_SOCKETIO_RECOVERY_STORE_H
#define CONFAB_SOCKETIO_RECOVERY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/htable.h"
#include "common/list.h"

struct confab_value;
struct frame_set;
struct message;
struct recovery_space;
struct recovery_store;
struct rng;
struct text;

#define RECOVERY_PID_CHARACTERS 24 /* 144 random bits */
#define RECOVERY_ID_BYTES 20
#define RECOVERY_OFFSET_BYTES 32 /* an offset's text, the NUL included */

/* ---- sessions ---- */

struct recovery_session {
    struct recovery_space *space; /* borrowed */
    struct htable_entry by_pid;   /* the next two: the store's, while it keeps the session */
    struct list by_age;
    int64_t lost_at_ms;  /* 0: never yet */
    uint64_t number;     /* of this space */
    uint64_t born;       /* the place of the first packet that may be due */
    uint64_t known_from; /* of packets before it, nobody can tell any more whether they are due */
    uint64_t after;      /* once restored: no packet before this place was missed */
    uint64_t looks;      /* packets that its returns had looked at */
    struct confab_value *rooms; /* when it was lost, its own id first; NULL: never lost */
    struct confab_value *data;  /* the same; NULL: none */
    struct htable stays;        /* struct stay, the latest of each room */
    unsigned ended_stays;
    size_t stays_bytes;
    char pid[RECOVERY_PID_CHARACTERS + 1];
    char id[RECOVERY_ID_BYTES + 1];
};

/* The session of a socket that comes in now. The caller owns it until recovery_ops.keep(). */
struct recovery_session *recovery_session_new(struct recovery_space *space, const char *id,
                                              struct rng *rng);
/* NULL is fine. */
void recovery_session_free(struct recovery_session *session);
/* The socket came into a room (one it is in already: nothing happens), or went out. */
void recovery_session_joined(struct recovery_session *session, const struct text *room);
void recovery_session_left(struct recovery_session *session, const struct text *room);
/* Was it in the room when the packet of that place left? */
bool recovery_session_was_in(const struct recovery_session *session, const struct text *room,
                             uint64_t place);

/* ---- stores ---- */

enum recovery_answer {
    RECOVERY_FOUND,
    RECOVERY_NO_SESSION, /* never lost, too long ago, evicted, of another namespace */
    RECOVERY_NO_OFFSET,  /* none of this space's offsets */
    RECOVERY_GAP,        /* what was missed is not there any more */
    RECOVERY_TOO_MUCH,   /* more was missed than may be sent at once, or looked for so often */
    RECOVERY_ANSWER_COUNT
};

/* The session is the callee's now; NULL unless found. */
typedef void recovery_restored_fn(void *user, enum recovery_answer answer,
                                  struct recovery_session *session);

/* Each space belongs to one store; fields but `user` are the store's. */
struct recovery_space {
    struct recovery_store *store;
    uint64_t next;   /* the place of the packet that leaves next */
    uint64_t oldest; /* no packet before this place is kept */
    uint64_t births; /* of sessions */
    size_t alive;    /* sessions; without any, nobody will ever ask for a packet that leaves */
};

struct recovery_ops {
    struct recovery_space *(*space_open)(struct recovery_store *store, const char *nsp);
    /* With all sessions that it keeps; those of connected sockets must be gone. */
    void (*space_close)(struct recovery_space *space);

    /* The text of the offset of the packet at `space->next`. */
    void (*offset)(struct recovery_space *space, char text[RECOVERY_OFFSET_BYTES]);
    /* The packet at `space->next` leaves: it is kept, the next one has the next place. Holds the
     * frames. `message` (for its rooms) is borrowed; NULL: the packet is for the one session of
     * that number. */
    void (*append)(struct recovery_space *space, struct frame_set *frames,
                   const struct message *message, uint64_t session_number, int64_t now_ms);

    /* A socket is lost, or one that was restored did not come in: `lost_at_ms` says since when.
     * Takes the session. */
    void (*keep)(struct recovery_session *session, int64_t now_ms);
    /* Takes the session of a pid out, when all that it missed can be sent. A session that is found
     * but of no use is forgotten. `done` is called exactly once, perhaps before this returns, at
     * the latest by space_close(). Texts are borrowed. */
    void (*restore)(struct recovery_space *space, const char *pid, const char *offset,
                    int64_t now_ms, recovery_restored_fn *done, void *user);
    /* Visits what a restored session has missed until now, in order. `visit` may append. False:
     * something was evicted since it was restored. */
    bool (*replay)(struct recovery_session *session,
                   void (*visit)(void *user, struct frame_set *frames), void *user);

    void (*advance)(struct recovery_store *store, int64_t now_ms);
    int64_t (*deadline)(struct recovery_store *store); /* INT64_MAX: never */
    /* After its spaces. */
    void (*free)(struct recovery_store *store);
};

struct recovery_counters {
    uint64_t packets_evicted;  /* pushed out by newer ones before their time was over */
    uint64_t sessions_evicted; /* the same */
    size_t bytes;              /* of packets and sessions kept now */
};

/* Embedded first in an implementation's struct. */
struct recovery_store {
    const struct recovery_ops *ops;
    struct recovery_counters counters;
};

struct recovery_memory_config {
    int64_t window_ms; /* how long sessions are kept (a sweep may come a quarter of it later, but
                          nothing is found after it) */
    int64_t notice_ms; /* packets are kept so much longer: until a loss is noticed, what leaves is
                          missed already */
    size_t packets_bytes;  /* the oldest packets go when they take more … */
    size_t sessions_bytes; /* … and the oldest sessions, what applications hang on them not counted
                            */
    size_t most_replay_bytes; /* RECOVERY_TOO_MUCH beyond; 0: no bound */
};

/* `rng` is borrowed for the store's life. */
struct recovery_store *recovery_memory_new(const struct recovery_memory_config *config,
                                           struct rng *rng);

#endif
