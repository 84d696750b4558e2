/*
 * A small world around an Engine.IO engine: a clock that only the test moves, a network whose
 * connections are plain structs, and an application that writes down what it is told.
 *
 * What every helper checks besides its own purpose: a carrier has something to take only after it
 * was woken, and the requests go through eio_route() as real ones do.
 */
#ifndef CONFAB_TESTS_UNIT_ENGINEIO_WORLD_H
#define CONFAB_TESTS_UNIT_ENGINEIO_WORLD_H

#include "common/buf.h"
#include "gateway/engineio/session.h"

struct fake_get {
    struct eio_get get;
    bool woken;
};
struct fake_post {
    struct eio_post post;
    bool woken;
};
struct fake_ws {
    struct eio_ws ws;
    bool woken;
};

struct world {
    struct eio_engine *engine;
    struct eio_config config;
    int64_t now_ms;
    uint8_t drawn;           /* the last "random" byte */
    struct buf told;         /* the events since the last world_told(), one word each */
    const char *extra_query; /* appended to a handshake's query; "" */
    int revision;            /* that the requests speak; 4 */

    /* What the application does inside its events, after noting them; NULL: nothing. */
    void (*opened)(struct world *world, struct eio_session *session);
    void (*message)(struct world *world, struct eio_session *session, const char *bytes);
    void (*closed)(struct world *world, struct eio_session *session);
    struct eio_session *other; /* for what these do */
};

/* Node tag `abc`, the usual timings and limits. */
struct eio_config world_usual_config(void);
/* `config` NULL: the usual one. */
void world_init(struct world *world, const struct eio_config *config);
/* Reaps, frees the engine (unless the test did) and checks that nothing is alive any more. */
void world_fini(struct world *world);

/* The same for a test that gets its world, with the usual configuration, in *state. */
int world_setup(void **state);
int world_teardown(void **state);
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

/* Compares what the application was told since the last call: words like `open`, `text:hello`,
 * `binary:0102`, `upgrade`, `close:ping_timeout`, joined by blanks. */
void world_told(struct world *world, const char *expected);
/* Moves the clock, then lets the engine do what is due, in one step. */
void world_pass(struct world *world, int64_t ms);

struct eio_verdict world_route(struct world *world, enum eio_method method, bool is_upgrade,
                               const char *query);
/* The verdict for a request with `EIO=4&transport=…&sid=…`. */
struct eio_verdict world_route_sid(struct world *world, enum eio_method method, bool is_upgrade,
                                   const char *transport, const char *sid);

/* A session over polling, its open packet taken; over WebSocket likewise. */
struct eio_session *world_polling(struct world *world);
struct eio_session *world_websocket(struct world *world, struct fake_ws *ws);
struct eio_handshake *world_handshake(const char *query);

/* A GET of the session's client arrives. */
void world_get(struct world *world, struct eio_session *session, struct fake_get *get);
void world_get_waits(struct fake_get *get);
void world_get_gives(struct fake_get *get, int status, const char *body);

/* A POST arrives up to its body; the body; both, with its `ok`. */
void world_post_begins(struct world *world, struct eio_session *session, struct fake_post *post);
void world_post_body(struct world *world, struct fake_post *post, const char *body);
void world_post_waits(struct fake_post *post);
void world_post_gives(struct fake_post *post, int status, const char *body);
void world_post_cut(struct fake_post *post);
void world_post(struct world *world, struct eio_session *session, const char *body);

/* A second WebSocket of the session's client was accepted. */
void world_upgrade(struct world *world, struct eio_session *session, struct fake_ws *ws);
void world_ws_sends(struct world *world, struct fake_ws *ws, const char *text);
void world_ws_gives(struct fake_ws *ws, const char *text);
void world_ws_gives_binary(struct fake_ws *ws, const char *bytes, size_t length_bytes);
/* Nothing more to take, and it stays open; nothing more, and it is to be closed. */
void world_ws_quiet(struct fake_ws *ws);
void world_ws_closes(struct fake_ws *ws);

/* Sends `4<text>`, or bytes. */
bool world_send(struct eio_session *session, const char *text);
bool world_send_volatile(struct eio_session *session, const char *text);
bool world_send_binary(struct eio_session *session, const char *bytes, size_t length_bytes);

#endif
