/*
 * The link to one Redis: two connections, one for commands and one for subscriptions, that live and
 * die together.
 *
 * It connects, authenticates, watches both connections with PING, reports when one of them fails,
 * closes the other one as well and tries again, for ever, with a back-off. What was asked for is
 * answered exactly once, also when the link dies. It knows nothing of rooms, names or what is
 * published: its owner subscribes anew each time the link comes back.
 *
 * This room is the only one that includes hiredis, and of it the protocol reader (hiredis/read.h):
 * bytes in, replies out. Its asynchronous context keeps a callback per channel in a table whose
 * hash room names chosen by clients could aim at; here all messages go to one function instead, and
 * the sockets, deadlines and queues are our own.
 *
 *     WAITING -> CONNECTING -> PREPARING -> UP -> (a connection fails) -> WAITING
 *
 * CONNECTING is resolving the host anew (evdns, never blocking), connecting and authenticating, all
 * within one deadline. In PREPARING commands and subscriptions work and the owner does what must be
 * done before anything else may happen; then it calls redis_link_declare_up().
 *
 * Nothing calls back before the function that asked for it has returned. Callbacks may call every
 * function here but redis_link_free(). A NULL link is one that is away: commands are refused.
 */
#ifndef CONFAB_BROKER_REDIS_LINK_H
#define CONFAB_BROKER_REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/message.h"
#include "broker/redis_scripts.h"

struct event_base;
struct log;
struct redis_link;
struct redis_answer;

enum redis_link_state {
    REDIS_LINK_WAITING,
    REDIS_LINK_CONNECTING,
    REDIS_LINK_PREPARING,
    REDIS_LINK_UP,
};
const char *redis_link_state_name(enum redis_link_state state);

/* Borrowed for the call of redis_link_new(), all copied. Zero numbers mean the default in
 * parentheses. */
struct redis_link_config {
    struct event_base *base; /* borrowed for the link's life, as is the log */
    struct log *log;         /* may be NULL */
    const char *host;     /* a name, an address, or the path of a Unix socket (begins with '/') */
    uint16_t port;        /* (6379) */
    const char *username; /* NULL: none, and then AUTH is sent with the password alone */
    const char *password; /* NULL: no AUTH */
    unsigned db;
    unsigned connect_timeout_ms; /* (2000) for a whole attempt */
    unsigned ping_interval_ms;   /* (2000) also how long the answer may take */
    unsigned backoff_min_ms;     /* (100) */
    unsigned backoff_max_ms;     /* (1000) */
    size_t queue_max_bytes; /* (16 MiB) commands not yet taken by the socket, for each connection;
                               of those not yet answered eight times as much is kept */
    size_t reply_max_bytes; /* (64 MiB) the longest reply or message, with all that is in it; a
                               longer one costs the connection as soon as it says so */
};

/* A message as it came. All texts are borrowed for the call. */
struct redis_message {
    struct text pattern; /* bytes == NULL: came by an exact subscription */
    struct text channel;
    struct text payload;
};

enum redis_subscription {
    REDIS_SUBSCRIBE,
    REDIS_UNSUBSCRIBE,
    REDIS_PSUBSCRIBE,
    REDIS_PUNSUBSCRIBE
};

struct redis_link_events {
    /* Both connections are there and authenticated: prepare, then redis_link_declare_up(). Nothing
     * is subscribed. */
    void (*on_connected)(void *user);
    /* A link that was PREPARING or UP is gone. All commands have been answered, all subscriptions
     * are forgotten. */
    void (*on_lost)(void *user, bool was_up, const char *why);
    void (*on_message)(void *user, const struct redis_message *message);
    /* Redis confirms one channel or pattern. */
    void (*on_subscribed)(void *user, enum redis_subscription kind, struct text channel);
};

/* Starts with the first attempt on the loop's next turn. events, user: borrowed. */
struct redis_link *redis_link_new(const struct redis_link_config *config,
                                  const struct redis_link_events *events, void *user);

/* Commands in flight are answered with CONFAB_ECLOSED inside the call; on_lost is not called. Not
 * from inside a callback of the link. A name look-up that is under way is ended by the loop's next
 * turn, so run the base once more before freeing it. */
void redis_link_free(struct redis_link **link);

enum redis_link_state redis_link_state(const struct redis_link *link);
/* Times a link that was UP was lost; attempts to connect. */
uint64_t redis_link_losses(const struct redis_link *link);
uint64_t redis_link_attempts(const struct redis_link *link);
/* Redis' id of the subscribing connection while PREPARING or UP, 0 when it does not tell. */
int64_t redis_link_subscriber_id(const struct redis_link *link);

/* PREPARING becomes UP. Without effect in other states. A link that stays up for five times the
 * longest back-off begins with the shortest one when it is lost. */
void redis_link_declare_up(struct redis_link *link);

/* The owner has found the link unusable: as if a connection had failed. on_lost comes on the loop's
 * next turn; until then commands are refused. `why` is
 * copied. */
void redis_link_reset(struct redis_link *link, const char *why);

/* ---- commands ---- */

/*
 * `status`: CONFAB_OK with an answer (which may be an error that Redis gave), CONFAB_EUNAVAILABLE
 * when the link died before it came (the command may or may not have been carried out) and
 * CONFAB_ECLOSED in redis_link_free(), both without. The answer is borrowed for the call.
 */
typedef void redis_link_done(void *user, int status, const struct redis_answer *answer);

/*
 * Sends a command on the command connection, in the order of the calls, and calls `done` (may be
 * NULL) exactly once, later. Copies the arguments. CONFAB_OK: accepted. Otherwise `done` is never
 * called: CONFAB_EUNAVAILABLE (not PREPARING or UP), CONFAB_ELIMIT (the queue is full).
 */
int redis_link_command(struct redis_link *link, const struct text *args, unsigned count,
                       redis_link_done *done, void *user);

/*
 * Runs a script: keys first, then the other arguments. It is sent whole (EVAL) the first time on
 * each connection, by its hash (EVALSHA) after that, and whole again should Redis answer NOSCRIPT.
 * Otherwise as redis_link_command().
 */
int redis_link_script(struct redis_link *link, const struct redis_script *script,
                      const struct text *args, unsigned key_count, unsigned count,
                      redis_link_done *done, void *user);

/* Sends (P)(UN)SUBSCRIBE for all the channels in one command; on_subscribed tells for each. Same
 * results as redis_link_command(). */
int redis_link_subscription(struct redis_link *link, enum redis_subscription kind,
                            const struct text *channels, unsigned count);

/* Bytes that wait for the sockets. */
size_t redis_link_queued_bytes(const struct redis_link *link);

/* ---- answers (every reader accepts NULL and another kind, and then says so) ---- */

enum redis_answer_kind {
    REDIS_ANSWER_NIL,
    REDIS_ANSWER_INTEGER,
    REDIS_ANSWER_TEXT,
    REDIS_ANSWER_ARRAY,
    REDIS_ANSWER_ERROR
};
enum redis_answer_kind redis_answer_kind(const struct redis_answer *answer);
int64_t redis_answer_integer(const struct redis_answer *answer, int64_t otherwise); /* also reads
                                                                                       decimal text
                                                                                     */
/* TEXT or ERROR; bytes == NULL otherwise. NUL behind it. */
struct text redis_answer_text(const struct redis_answer *answer);
size_t redis_answer_count(const struct redis_answer *answer);
const struct redis_answer *redis_answer_at(const struct redis_answer *answer, size_t i);

#endif
