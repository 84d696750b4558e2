/* The battery against the Redis broker: up to three nodes in one process, on a Redis of the test's
 * own, each world under a prefix of its own. */
#define _GNU_SOURCE
#include "tests/contract/broker_contract.h"

#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "broker/redis.h"
#include "common/clock.h"
#include "common/log.h"
#include "tests/unit/redis_link/redis_server.h"
#include "tests/unit/test.h"

#define UP_MS 20000
#define TURN_MS 20

struct world {
    struct event_base *base;
    struct broker *nodes[CONTRACT_NODES_MAX];
    char prefix[32];
    struct log log;
};

/* What all worlds of this run share. */
struct run {
    struct redis_server server;
    enum broker_redis_rooms rooms;
    unsigned worlds;
};

static struct run run;

static void *begin(void)
{
    struct world *world = calloc(1, sizeof(*world));

    world->base = event_base_new();
    log_init(&world->log, LOG_WARN, LOG_TEXT, stderr);
    snprintf(world->prefix, sizeof(world->prefix), "world%u", ++run.worlds);
    return world;
}

static void end(void *user)
{
    struct world *world = user;

    event_base_loop(world->base, EVLOOP_NONBLOCK);
    event_base_free(world->base);
    free(world);
}

static int64_t now_ms(void *user)
{
    (void)user;
    return clock_mono_ms();
}

static void wake(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    (void)user;
}

static void turn(void *user, int64_t until_at_ms)
{
    struct world *world = user;
    int64_t left_ms = until_at_ms - clock_mono_ms();
    struct timeval longest = {0, 1000 * (left_ms < 1 ? 1 : left_ms > TURN_MS ? TURN_MS : left_ms)};
    struct event *timeout = event_new(world->base, -1, 0, wake, NULL);

    event_add(timeout, &longest);
    event_base_loop(world->base, EVLOOP_ONCE);
    event_free(timeout);
}

static bool settled(const struct world *world)
{
    for (unsigned i = 0; i < CONTRACT_NODES_MAX; i++)
        if (world->nodes[i] != NULL && !broker_redis_settled(world->nodes[i]))
            return false;
    return true;
}

static void settle(void *user)
{
    const struct world *world = user;
    int64_t until_at_ms = clock_mono_ms() + UP_MS;

    while (!settled(world)) {
        if (clock_mono_ms() > until_at_ms)
            fail_msg("the nodes do not settle");
        turn(user, until_at_ms);
    }
}

static struct broker *make(void *user, unsigned node, const struct broker_events *events,
                           void *node_user)
{
    const struct redis_address address = {.host = "127.0.0.1", .port = run.server.port};
    struct world *world = user;
    const struct broker_redis_config config = {.base = world->base,
                                               .log = &world->log,
                                               .redis = &address,
                                               .prefix = world->prefix,
                                               .rooms = run.rooms,
                                               .lease_ms = 900,
                                               .tick_ms = 50,
                                               .linger_ms = 50};

    world->nodes[node] = broker_redis_new(&config, events, node_user);
    settle(world);
    return world->nodes[node];
}

static void gone(void *user, unsigned node)
{
    struct world *world = user;

    world->nodes[node] = NULL;
}

int main(void)
{
    struct broker_harness harness = {.name = "redis",
                                     .nodes = CONTRACT_NODES_MAX,
                                     .begin = begin,
                                     .end = end,
                                     .make = make,
                                     .gone = gone,
                                     .now_ms = now_ms,
                                     .turn = turn,
                                     .settle = settle};
    int failed;

    redis_server_start(&run.server);
    failed = broker_contract_run(&harness);
    harness.name = "redis, all rooms";
    run.rooms = BROKER_REDIS_ROOMS_ALL;
    failed += broker_contract_run(&harness);
    redis_server_kill(&run.server);
    return failed;
}
