/* The world of world.h. */
#define _GNU_SOURCE
#include "tests/script/world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/engineio/internal.h"
#include "tests/script/client.h"

/* Turns that may follow each other before it counts as never coming to rest. */
#define TURNS_MAX 1000

/* ---- between the floors ---- */

static void on_open(void *user, struct eio_session *session)
{
    struct world *world = user;
    if (world->spy != NULL && world->spy->opened != NULL)
        world->spy->opened(world->spy_user, session);
    server_engine_events()->on_open(world->h.server, session);
}

static void on_message(void *user, struct eio_session *session, enum frame_kind kind,
                       const char *bytes, size_t length_bytes)
{
    struct world *world = user;
    if (world->spy != NULL && world->spy->message != NULL)
        world->spy->message(world->spy_user, session, kind, bytes, length_bytes);
    server_engine_events()->on_message(world->h.server, session, kind, bytes, length_bytes);
}

static void on_close(void *user, struct eio_session *session, enum eio_close_reason reason)
{
    struct world *world = user;
    if (world->spy != NULL && world->spy->closed != NULL)
        world->spy->closed(world->spy_user, session, reason);
    server_engine_events()->on_close(world->h.server, session, reason);
}

static void on_upgrade(void *user, struct eio_session *session)
{
    struct world *world = user;
    if (server_engine_events()->on_upgrade != NULL)
        server_engine_events()->on_upgrade(world->h.server, session);
}

static void watch_floors(struct world *world)
{
    struct eio_engine *engine = world->h.engine;
    world->engine_events = *engine->events;
    world->engine_events.on_open = on_open;
    world->engine_events.on_message = on_message;
    world->engine_events.on_close = on_close;
    world->engine_events.on_upgrade = on_upgrade;
    engine->events = &world->engine_events;
    engine->user = world;
}

/* ---- life ---- */

void world_init(struct world *world, const struct harness_config *config)
{
    memset(world, 0, sizeof(*world));
    setenv("CMOCKA_TEST_ABORT", "1", 1); /* the harness' own checks, outside of a cmocka test */
    list_init(&world->clients);
    harness_init(&world->h, config);
    watch_floors(world);
}

void world_fini(struct world *world)
{
    LIST_FOREACH(it, &world->clients)
    client_vanishes(container_of(it, struct client, link));
    harness_fini(&world->h);
    while (!list_empty(&world->clients))
        client_free(LIST_FIRST(&world->clients, struct client, link));
}

/* ---- time ---- */

int64_t world_deadline(const struct world *world)
{
    int64_t server_ms = server_deadline(world->h.server);
    int64_t engine_ms = eio_engine_deadline(world->h.engine);
    int64_t next_ms = server_ms < engine_ms ? server_ms : engine_ms;
    LIST_FOREACH(it, &world->clients)
    {
        const struct client *client = container_of(it, struct client, link);
        if (!client->manual && !client->silent && !client->closed && client->pings_at_ms < next_ms)
            next_ms = client->pings_at_ms;
    }
    return next_ms;
}

void world_turn(struct world *world)
{
    unsigned turns = 0;
    bool moved;
    do {
        moved = false;
        eio_engine_advance(world->h.engine, world->h.now_ms);
        LIST_FOREACH(it, &world->clients)
        moved |= client_gives(container_of(it, struct client, link));
        server_advance(world->h.server);
        LIST_FOREACH(it, &world->clients)
        moved |= client_takes(container_of(it, struct client, link));
        eio_engine_reap(world->h.engine);
        if (++turns > TURNS_MAX)
            world_fail(world, "the gateway does not come to rest: deadlines %lld and %lld at %lld",
                       (long long)server_deadline(world->h.server),
                       (long long)eio_engine_deadline(world->h.engine), (long long)world->h.now_ms);
    } while (moved || world_deadline(world) <= world->h.now_ms);
}

void world_pass(struct world *world, int64_t ms)
{
    int64_t until_ms = world->h.now_ms + ms;
    while (world->h.now_ms < until_ms) {
        int64_t next_ms = world_deadline(world);
        if (next_ms > until_ms)
            next_ms = until_ms;
        if (next_ms <= world->h.now_ms)
            next_ms = world->h.now_ms + 1;
        world->h.wall_ms += next_ms - world->h.now_ms;
        world->h.now_ms = next_ms;
        world_turn(world);
    }
}

/* ---- words ---- */

void world_fail(const struct world *world, const char *format, ...)
{
    va_list args;
    fflush(stdout);
    if (world->where != NULL)
        world->where(world->where_user, stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    fflush(NULL);
    if (world->aborts)
        abort();
    _exit(1);
}

void world_log(const struct world *world, const char *format, ...)
{
    va_list args;
    if (world->log == NULL)
        return;
    fprintf(world->log, "%8lld  ", (long long)world->h.now_ms);
    va_start(args, format);
    vfprintf(world->log, format, args);
    va_end(args);
    fputc('\n', world->log);
}
