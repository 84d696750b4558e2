/* The battery for the memory broker, under virtual time. */
#include <stdlib.h>

#include "tests/contract/broker_contract.h"

#include "tests/unit/test.h"

struct world {
    struct broker *broker; /* the battery frees it */
    int64_t now_ms;
};

static void *begin(void)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->now_ms = 1000;
    return world;
}

static void end(void *user)
{
    free(user);
}

static struct broker *make(void *user, unsigned node, const struct broker_events *events,
                           void *events_user)
{
    static const uint8_t seed[16] = {1, 2, 3};
    struct world *world = user;

    assert_int_equal(node, 0);
    world->broker = broker_memory_new("abc12", seed, events, events_user);
    broker_advance(world->broker, world->now_ms);
    return world->broker;
}

static void gone(void *user, unsigned node)
{
    struct world *world = user;

    (void)node;
    world->broker = NULL;
}

static int64_t now_ms(void *user)
{
    const struct world *world = user;

    return world->now_ms;
}

static void turn(void *user, int64_t until_at_ms)
{
    struct world *world = user;
    int64_t next_at_ms = world->broker == NULL ? INT64_MAX : broker_deadline(world->broker);

    assert_true(next_at_ms > world->now_ms);
    world->now_ms = next_at_ms < until_at_ms ? next_at_ms : until_at_ms;
    if (world->broker != NULL)
        broker_advance(world->broker, world->now_ms);
}

int main(void)
{
    static const struct broker_harness harness = {
        .name = "memory",
        .nodes = 1,
        .begin = begin,
        .end = end,
        .make = make,
        .gone = gone,
        .now_ms = now_ms,
        .turn = turn,
    };

    return broker_contract_run(&harness);
}
