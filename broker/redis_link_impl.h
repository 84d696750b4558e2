/* What the files of the Redis link share: redis_link.c (states and commands), redis_link_conn.c
 * (one connection), redis_link_reader.c (what a reply may cost), redis_link_lookup.c (names to
 * addresses). */
#ifndef CONFAB_BROKER_REDIS_LINK_IMPL_H
#define CONFAB_BROKER_REDIS_LINK_IMPL_H

#include <sys/socket.h>

#include <event2/event.h>
#include <hiredis/hiredis.h>

#include "broker/redis_link.h"
#include "common/buf.h"
#include "common/list.h"
#include "common/log.h"
#include "common/rng.h"
#include <confab/err.h>

#define LINK_ADDRESSES_MAX 8
#define LINK_WHY_BYTES 160

/* One command whose reply has not come yet. Owned by the connection's list; freed when it has been
 * answered. */
struct link_call {
    struct list link;
    redis_link_done *done; /* may be NULL */
    void *user;
    const struct redis_script *script; /* NULL for a plain command; else the arguments are kept for
                                          a second try */
    unsigned key_count;
    unsigned count;
    size_t bytes; /* what this takes */
    bool whole;   /* was sent as EVAL */
    struct text args[];
};

enum conn_state {
    CONN_CLOSED,
    CONN_CONNECTING, /* connect() is under way */
    CONN_GREETING,   /* AUTH and its like are sent */
    CONN_READY,
};

struct link_conn {
    struct redis_link *link; /* the owner */
    bool subscriber;
    enum conn_state state;
    int fd; /* owned; -1 while closed */
    struct event *readable;
    struct event *writable;
    redisReader *reader;              /* owned while open */
    redisReplyObjectFunctions makers; /* the reader's own, but for arrays, which are counted */
    void *(*make_array)(const redisReadTask *task, size_t elements); /* the one replaced */
    size_t reply_bytes;    /* come and not yet a whole reply */
    size_t reply_elements; /* declared by the arrays of the reply that is being read */
    struct buf out;
    size_t out_sent;    /* of out's bytes */
    struct list calls;  /* struct link_call, in the order of the replies */
    size_t calls_bytes; /* what they take */
    unsigned greetings_owed;
    bool ping_owed;
    unsigned ping_waits; /* checks that found it still owed */
    bool heard;          /* bytes came since the last check */
    int64_t client_id;
};

struct link_address {
    struct sockaddr_storage address;
    socklen_t length;
};

struct link_lookup; /* redis_link_lookup.c */

struct redis_link {
    struct event_base *base; /* borrowed */
    struct log *log;         /* borrowed */
    struct rng rng;
    const struct redis_link_events *events;
    void *user;
    char *host, *username, *password; /* owned */
    uint16_t port;
    unsigned db;
    unsigned connect_timeout_ms, ping_interval_ms, backoff_min_ms, backoff_max_ms;
    size_t reply_max_bytes;

    enum redis_link_state state;
    bool broken; /* on its way down: `reap` is active */
    char why[LINK_WHY_BYTES];
    unsigned backoff_ms;
    int64_t up_at_ms;
    unsigned failures; /* attempts since it was up */
    uint64_t losses, attempts;
    uint64_t scripts_sent; /* bit per script: this connection has had it whole */

    struct event *timer; /* back-off, attempt's deadline or PING, by state */
    struct event *flush; /* active while output waits for the turn's end */
    struct event *reap;
    struct link_lookup *lookup; /* under way; it owns itself */
    struct link_address addresses[LINK_ADDRESSES_MAX];
    unsigned address_count;
    unsigned address_next;
    struct link_conn command, subscriber;
    unsigned depth; /* > 0: inside a callback of ours */
};

/* redis_link.c: what the other two tell it. Neither frees anything at once. */
void link_fail(struct redis_link *link, const char *why);
void link_resolved(struct redis_link *link);
void link_conn_ready(struct redis_link *link);
/* A reply that was owed on this connection, NULL when it is not coming any more. */
void link_answer(struct link_conn *conn, int status, const redisReply *reply);

/* redis_link_conn.c */
void link_conn_init(struct link_conn *conn, struct redis_link *link, bool subscriber,
                    size_t queue_max_bytes);
void link_conn_fini(struct link_conn *conn);
void link_conn_open(struct link_conn *conn, const struct link_address *address);
/* Closes the socket and forgets what was queued; the calls stay for link_answer(). */
void link_conn_close(struct link_conn *conn);
/* The same, and what the kernel has not delivered yet is thrown away: a command that is answered as
 * lost should not be carried out much later. */
void link_conn_drop(struct link_conn *conn);
/* Appends a command to the queue and sees to it that it is sent: CONFAB_OK, CONFAB_ELIMIT. */
int link_conn_put(struct link_conn *conn, const struct text *args, unsigned count);
struct link_call *link_conn_call(struct link_conn *conn, unsigned arg_count, size_t arg_bytes,
                                 redis_link_done *done, void *user);
void link_conn_flush(struct link_conn *conn);
/* redis_link_reader.c: a reader within bounds. NULL: out of memory. */
redisReader *link_reader_new(struct link_conn *conn);
/* The reply that is being read, or what it says is still to come, is beyond a limit. */
bool link_reader_overrun(const struct link_conn *conn);
size_t link_conn_queued_bytes(const struct link_conn *conn);

/* redis_link_lookup.c: fills link->addresses and calls link_resolved() or link_fail(), possibly
 * before it returns. */
void lookup_start(struct redis_link *link);
/* Its result is not wanted any more. */
void lookup_cancel(struct redis_link *link);

#endif
