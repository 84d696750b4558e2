/*
 * A whole gateway without a network: a real engine, a real server and a broker under a clock that
 * only the test moves, and clients that are plain structs.
 *
 * Clients speak text frames. What arrives for one is kept until the test expects it; pings are
 * answered unless it is told to be silent. Every helper that makes a client do something ends the
 * turn, as the network would: left-over work is done, frames are taken, what ended is freed.
 * peer_send_all() puts several messages into one turn.
 *
 *     struct harness h;
 *     harness_init(&h, NULL);
 *     confab_on(confab_of(h.server, "/"), "echo", on_echo, &h);
 *     struct peer *peer = peer_connect(&h, "/");
 *     peer_send(peer, "42[\"echo\",1]");
 *     peer_expect(peer, "42[\"echo\",1]");
 *     harness_fini(&h);
 */
#ifndef CONFAB_TESTS_UNIT_SOCKETIO_HARNESS_H
#define CONFAB_TESTS_UNIT_SOCKETIO_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/broker.h"
#include "common/buf.h"
#include "common/list.h"
#include "common/rng.h"
#include "gateway/engineio/session.h"
#include "gateway/socketio/wiring.h"
#include <confab/server.h>

struct harness {
    struct confab_server *server;
    struct eio_engine *engine;
    struct broker *broker;
    struct rng rng;
    int64_t now_ms;
    int64_t wall_ms; /* moves with now_ms */
    struct list peers;
    struct buf told;                 /* words that handlers noted */
    const char *query;               /* appended to the query of the next handshakes; "". With
                                        `&EIO=3` they are old clients' (over WebSocket) */
    const char *cookie;              /* a header of the next handshakes; NULL: none */
    void (*before_free)(void *user); /* the application's end; NULL: none */
    void *user;
};

/* Zero and NULL: the usual. */
struct harness_config {
    struct server_config server;
    size_t max_queued_bytes;
    struct broker *(*make_broker)(const struct broker_events *events, void *user);
    uint64_t seed;                                       /* of the random bytes */
    void (*tune)(struct eio_config *engine, void *user); /* changes the engine's; NULL: nothing */
    void *tune_user;
};

/* Node tag `abc`, seeded random bytes, a memory broker. */
void harness_init(struct harness *h, const struct harness_config *config);
/* Loses all clients, ends everything and checks that nothing is alive. */
void harness_fini(struct harness *h);
/* The same for a test that gets its harness in *state. */
int harness_setup(void **state);
int harness_teardown(void **state);
#define HARNESS_TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

/* Ends a turn. */
void harness_turn(struct harness *h);
/* Moves the clock, stopping wherever something is due. */
void harness_pass(struct harness *h, int64_t ms);
/* Adds a word, printf-like; words are joined by blanks. */
void harness_note(struct harness *h, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Compares with what was noted since the last call. */
void harness_told(struct harness *h, const char *expected);

/* For harness.c: moves what is under way; true when it may go on. Frees all clients. */
bool peers_give_and_take(struct harness *h);
void peers_free(struct harness *h);

/* ---- clients ---- */

struct peer {
    struct harness *harness;
    struct list link;
    struct eio_ws ws;
    struct eio_get get;
    struct eio_post post;
    bool is_polling, get_open, post_open;
    bool silent;  /* does not answer pings */
    bool clogged; /* reads nothing */
    bool closed;  /* by the server, or lost */
    size_t plain; /* frames that came by WebSocket and were not to be compressed */
    char eio_sid[64];
    char id[32];        /* of the socket that peer_connect() joined */
    struct list inbox;  /* struct letter */
    struct list outbox; /* while the session is paused */
};

/* Opens a session; its open packet is taken. Ended by harness_fini() at the latest. */
struct peer *peer_open(struct harness *h);
struct peer *peer_open_polling(struct harness *h);
/* Opens one, joins a namespace and remembers the socket's id. */
struct peer *peer_connect(struct harness *h, const char *nsp);
/* Joins another one, with `auth` as JSON or "". */
void peer_join(struct peer *peer, const char *nsp, const char *auth);

/* Sends an Engine.IO packet (`42["hi"]`), or bytes. */
void peer_send(struct peer *peer, const char *text);
void peer_send_binary(struct peer *peer, const void *bytes, size_t length_bytes);
/* Several texts in one turn; ends with NULL. */
void peer_send_all(struct peer *peer, ...) __attribute__((sentinel));

/* The next frame is this text; `*` in it stands for anything. */
void peer_expect(struct peer *peer, const char *pattern);
void peer_expect_binary(struct peer *peer, const void *bytes, size_t length_bytes);
/* The next frame, with a NUL behind it; NULL: none. The caller frees it. */
char *peer_take(struct peer *peer);
/* Nothing has arrived, and the session is open. */
void peer_quiet(struct peer *peer);
/* Nothing more has arrived, and the server closed the session. */
void peer_expect_closed(struct peer *peer);
/* Forgets what has arrived; returns how many frames. */
size_t peer_drop_inbox(struct peer *peer);
/* The connection ends: by a close frame, or just so. */
void peer_leave(struct peer *peer);
void peer_lose(struct peer *peer);
/* The server's socket of peer_connect(); NULL: gone. */
struct confab_socket *peer_socket(struct peer *peer, const char *nsp);

#endif
