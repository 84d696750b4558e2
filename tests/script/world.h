/*
 * A deterministic world: one whole gateway (engine, Socket.IO, broker) under a virtual clock, with
 * clients whose connections are plain structs. Nothing in it reads a clock, a socket or the
 * kernel's random bytes, so what happened once happens again.
 *
 * The gateway is that of tests/unit/socketio/harness.h. What this adds are clients with connections
 * of their own (client.h), a look at what crosses the floors, and turns as the network makes them.
 */
#ifndef CONFAB_TESTS_SCRIPT_WORLD_H
#define CONFAB_TESTS_SCRIPT_WORLD_H

#include <stdio.h>

#include "tests/unit/socketio/harness.h"

/* What is to be seen where the floors meet, before it goes on. Each may be NULL. */
struct world_spy {
    void (*opened)(void *user, struct eio_session *session);
    void (*message)(void *user, struct eio_session *session, enum frame_kind kind,
                    const char *bytes, size_t length_bytes);
    void (*closed)(void *user, struct eio_session *session, enum eio_close_reason reason);
};

struct world {
    struct harness h;
    struct list clients; /* struct client.link */
    struct eio_events engine_events;
    const struct world_spy *spy; /* borrowed; NULL: nobody */
    void *spy_user;
    /* Says where we are, in front of what world_fail() tells. */
    void (*where)(void *user, FILE *out);
    void *where_user;
    bool aborts; /* world_fail() does, for whoever looks at signals */
    FILE *log;   /* what clients send and get, line by line; NULL: nobody reads it */
};

/* `config` NULL: the usual. */
void world_init(struct world *world, const struct harness_config *config);
/* Loses all clients, ends everything and checks that nothing is alive. Frees the clients. */
void world_fini(struct world *world);

/* Ends a turn, and those that follow without time passing. Fails when the gateway never comes to
 * rest. */
void world_turn(struct world *world);
/* Moves the clock, stopping wherever something is due. */
void world_pass(struct world *world, int64_t ms);
/* The earlier of the two deadlines; INT64_MAX: never. */
int64_t world_deadline(const struct world *world);

/* What was expected did not come: prints where, what, and ends the process with status 1. */
void world_fail(const struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));
#define WORLD_CHECK(world, condition)                                               \
    do {                                                                            \
        if (!(condition))                                                           \
            world_fail(world, "%s:%d: not so: %s", __FILE__, __LINE__, #condition); \
    } while (0)
/* A line of the log. */
void world_log(const struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
