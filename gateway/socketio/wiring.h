/*
 * For the program that puts a gateway together: making a Socket.IO server, tying it to its engine
 * and its broker, giving it time, draining it. Applications use server.h and never this.
 *
 * The server does no I/O. It gets messages from the engine's events and from the broker's, sends
 * by queueing frames in the engine, and asks an injected clock and an injected source of random
 * bytes.
 *
 *     server = server_new(&config, &clock, &rng);
 *     broker = broker_memory_new(…, server_broker_events(), server);
 *     engine = eio_engine_new(…, server_engine_events(), server);
 *     server_attach(server, engine, broker);
 *     …the application registers its handlers (server.h)…
 *     each turn: events of the network and the broker; server_advance(); the network sends.
 *     …server_drain(), until server_client_count() is 0…
 *     server_stop(server); broker_free(&broker); eio_engine_free(&engine); server_free(&server);
 *
 * A node's tag must be known (broker_node_tag()) before the first session opens.
 */
#ifndef CONFAB_SOCKETIO_WIRING_H
#define CONFAB_SOCKETIO_WIRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct broker;
struct broker_events;
struct confab_server;
struct eio_engine;
struct eio_events;
struct eio_handshake;
struct recovery_store;
struct rng;

/* ---- life ---- */

/* Zero means the default in parentheses. */
struct server_config {
    int64_t connect_timeout_ms; /* a session without a namespace, and half a packet, end (45000) */
    size_t max_packet_bytes;    /* text and attachments of one packet (4 MiB) */
    size_t max_waiting_bytes;   /* of one client behind a pending decision; beyond, its session is
                                   paused; beyond that and a packet, it is closed (64 KiB) */
    size_t max_auth_bytes;      /* text of a CONNECT packet (64 KiB) */
    size_t max_encoded_bytes;   /* text of an emit, whoever's; larger ones are dropped (64 MiB) */
    unsigned max_namespaces;    /* joined by one client at a time (64) */
    unsigned max_acks;          /* acknowledgements one socket owes (1000) */
    unsigned max_attachments;   /* of a packet (10) */
    bool msgpack;               /* packets in socket.io-msgpack-parser's form (Socket.IO's text) */
    unsigned max_rooms;         /* of one socket, its own included (1000) */
    size_t max_pending; /* decisions owed to all clients: beyond, requests and CONNECTs that need
                           one are refused, events that middleware is to decide wait, and
                           confab_defer_ack() makes its socket wait. Beyond 256 of one client, or a
                           quarter of this, its CONNECTs wait, too (100000) */

    /* Connection state recovery; not with a broker of several nodes. */
    int64_t recovery_ms;        /* how long a lost socket can come back (never) */
    int64_t recovery_notice_ms; /* how long it takes to notice a loss at the latest: packets are
                                   kept so much longer (0) */
    size_t recovery_bytes;      /* of packets kept for that, and once more of sockets (16 MiB) */
    size_t max_replay_bytes; /* sent to one that comes back, else it is not recovered (512 KiB) */
    bool recovery_skips_middleware;        /* what comes back need not pass it again */
    struct recovery_store *recovery_store; /* in place of the memory of this process; taken */
};

/* `user` is borrowed for the server's life. */
struct server_clock {
    /* Monotonic; one instant during a turn, whose end server_advance() is owed once it was asked.
     */
    int64_t (*now_ms)(void *user);
    int64_t (*wall_ms)(void *user); /* since 1970 */
    void *user;
};

/* Config and clock are copied; `rng` is borrowed for the server's life. */
struct confab_server *server_new(const struct server_config *config,
                                 const struct server_clock *clock, struct rng *rng);
/* For eio_engine_new() and for the broker's constructor, with the server as `user`. */
const struct eio_events *server_engine_events(void);
const struct broker_events *server_broker_events(void);
/* Both are borrowed until server_stop(). Once, before any namespace is made. */
void server_attach(struct confab_server *server, struct eio_engine *engine, struct broker *broker);

/*
 * The end: what is still open is closed (EIO_CLOSE_SHUTDOWN), every socket's disconnect handler
 * runs now, whatever was pending, and everything deferred is completed. Afterwards no handler is
 * called any more but those of claims and ordered broadcasts that the broker still owes and answers
 * in broker_free().
 */
void server_stop(struct confab_server *server);
/* After server_stop(), broker_free() and eio_engine_free(). Clears the caller's pointer; NULL
 * inside is fine. */
void server_free(struct confab_server **server);

/* ---- time and turns ---- */

/*
 * Runs what is due and what this turn left over: deadlines, timers, connect timeouts, events that
 * waited for a decision taken in this turn, disconnects; then frees what ended. Tells the broker
 * the time, too (broker_advance()). Call once a turn, after the events and before the network
 * sends; never from inside a handler.
 */
void server_advance(struct confab_server *server);
/* When to call it at the latest, the broker's deadline included; now or earlier when something is
 * left over already; INT64_MAX: never. */
int64_t server_deadline(const struct confab_server *server);

/* ---- admission: the application's request filter ---- */

/* `message`: why not, in the application's words; borrowed for the call. */
typedef void server_admitted_fn(void *user, bool admitted, const char *message);

/* Asks whether a request may open a session. `done` is called exactly once, perhaps before this
 * returns, at the latest by server_stop(). `handshake` is held as needed. */
void server_admit(struct confab_server *server, struct eio_handshake *handshake,
                  server_admitted_fn *done, void *user);

/* ---- the end of a process ---- */

/* Closes the sessions (EIO_CLOSE_SHUTDOWN) one by one in random order, spread over spread_ms, so
 * that their clients do not all come back elsewhere at once. Again: with what is left, anew. */
void server_drain(struct confab_server *server, int64_t spread_ms);
/* Sessions that have not ended, sockets with a pending decision included. */
size_t server_client_count(const struct confab_server *server);

/* ---- other threads ---- */

/* Who brings what confab_post() is given to the server's thread; as that one, the last argument
 * being its `user`. Before any thread posts. */
typedef int server_post_fn(void *user, void (*fn)(struct confab_server *server, void *user),
                           void (*dropped)(void *user), void *fn_user);
void server_set_post(struct confab_server *server, server_post_fn *post, void *user);

/* ---- what happened ---- */

/* What was dropped, refused or closed because of a limit: symbol, label for metrics. */
#define SERVER_LIMITS(X)                                 \
    X(SERVER_LIMIT_PACKET, "sio_packet_bytes")           \
    X(SERVER_LIMIT_ATTACHMENTS, "sio_attachments")       \
    X(SERVER_LIMIT_WAITING, "sio_waiting_bytes")         \
    X(SERVER_LIMIT_NAMESPACES, "sio_namespaces")         \
    X(SERVER_LIMIT_AUTH, "sio_auth_bytes")               \
    X(SERVER_LIMIT_ACKS, "sio_acks")                     \
    X(SERVER_LIMIT_ENCODED, "sio_encoded_bytes")         \
    X(SERVER_LIMIT_ROOMS, "sio_rooms")                   \
    X(SERVER_LIMIT_PENDING, "sio_pending")               \
    X(SERVER_LIMIT_CLIENT_PENDING, "sio_client_pending") \
    X(SERVER_LIMIT_INCOMPLETE, "sio_incomplete_packet")  \
    X(SERVER_LIMIT_ASKINGS, "sio_askings")               \
    X(SERVER_LIMIT_ANSWERS, "sio_answers_bytes")         \
    X(SERVER_LIMIT_CHILDREN, "sio_child_namespaces")

enum server_limit {
#define X(symbol, label) symbol,
    SERVER_LIMITS(X)
#undef X
        SERVER_LIMIT_COUNT
};
const char *server_limit_label(enum server_limit limit);

/* What came of a CONNECT that asked for its state, in the order of enum recovery_answer, and the
 * lookup that took too long. */
#define SERVER_RECOVERIES 6

struct server_counters {
    uint64_t sockets_now;    /* connected to a namespace */
    uint64_t connects;       /* CONNECTs that were accepted */
    uint64_t connect_errors; /* … and refused */
    uint64_t events_in;      /* EVENT packets */
    uint64_t bad_packets;    /* did not parse, or not at that place; each ended a session */
    uint64_t deliveries;     /* events queued for sockets */
    uint64_t volatile_drops; /* volatile events a client could not take */
    uint64_t pauses;         /* sessions whose reading was stopped */
    uint64_t tokens_now;     /* decisions owed by the application */
    uint64_t tokens_expired; /* … that never came */
    uint64_t acks_timed_out; /* of emits with a timeout */
    uint64_t limits[SERVER_LIMIT_COUNT];
    uint64_t recoveries[SERVER_RECOVERIES];
    uint64_t recovery_packets_evicted; /* for want of room, not of time */
    uint64_t recovery_sessions_evicted;
    uint64_t recovery_bytes_now;
};
const struct server_counters *server_counters(struct confab_server *server);

/* Called when the broker's state changed (ready, degraded). One at a time; NULL: nobody. */
void server_on_broker_state(struct confab_server *server, void (*changed)(void *user), void *user);

#endif
