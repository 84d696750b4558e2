/* A store that has to ask elsewhere: its answers come later, too late, or for nobody. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/rng.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include "tests/unit/socketio/recovery_world.h"

/* The memory of one node, but for its haste. */
struct slow {
    struct recovery_ops ops; /* first: the store points to it */
    const struct recovery_ops *real;
    struct rng rng;
    bool asked;
    struct recovery_space *space;
    char pid[64], offset[64];
    recovery_restored_fn *done;
    void *user;
};

struct fixture {
    struct world *world;
    struct slow slow;
};

static struct slow *slow_of(const struct recovery_space *space)
{
    return (struct slow *)(uintptr_t)space->store->ops;
}

static void restore(struct recovery_space *space, const char *pid, const char *offset,
                    int64_t now_ms, recovery_restored_fn *done, void *user)
{
    struct slow *slow = slow_of(space);
    (void)now_ms;
    assert_false(slow->asked);
    slow->asked = true;
    slow->space = space;
    slow->done = done;
    slow->user = user;
    snprintf(slow->pid, sizeof(slow->pid), "%s", pid);
    snprintf(slow->offset, sizeof(slow->offset), "%s", offset);
}

static void space_close(struct recovery_space *space)
{
    struct slow *slow = slow_of(space);
    if (slow->asked)
        slow->done(slow->user, RECOVERY_NO_SESSION, NULL);
    slow->asked = false;
    slow->real->space_close(space);
}

static void answer(struct fixture *fixture)
{
    struct slow *slow = &fixture->slow;
    struct harness *h = &fixture->world->h;
    assert_true(slow->asked);
    slow->asked = false;
    slow->real->restore(slow->space, slow->pid, slow->offset, h->now_ms, slow->done, slow->user);
    harness_turn(h);
}

static int setup(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));
    struct slow *slow = &fixture->slow;
    const struct recovery_memory_config config = {
        .window_ms = WINDOW_MS, .packets_bytes = 1 << 20, .sessions_bytes = 1 << 20};
    rng_init_seeded(&slow->rng, 7);
    struct recovery_store *store = recovery_memory_new(&config, &slow->rng);
    slow->real = store->ops;
    slow->ops = *store->ops;
    slow->ops.restore = restore;
    slow->ops.space_close = space_close;
    store->ops = &slow->ops;
    void *world;
    recovery_begin(&world, (struct server_config){.recovery_store = store}, 0);
    fixture->world = world;
    both_in(fixture->world);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    void *world = fixture->world;
    recovery_teardown(&world);
    rng_fini(&fixture->slow.rng);
    free(fixture);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static uint64_t late(struct fixture *fixture)
{
    return counters(fixture->world)->recoveries[RECOVERY_ANSWER_COUNT];
}

static void test_later(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = fixture->world;
    struct client *a = &world->a;
    peer_lose(a->peer);
    say(world, 1);
    client_come(world, a);
    say(world, 2);
    client_got(a, "");
    answer(fixture);
    client_got(a, "1 2 |");
    assert_true(a->recovered);
    say(world, 3);
    client_got(a, "3");
    client_got(&world->b, "1 2 3");
    assert_int_equal(late(fixture), 0);
}

/* The client is let in as a new one in the end; what it was is not lost by that. */
static void test_too_late(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = fixture->world;
    struct client old = world->a;
    peer_lose(world->a.peer);
    say(world, 1);
    client_come(world, &world->a);
    harness_pass(&world->h, 5000);
    client_got(&world->a, "|");
    assert_false(world->a.recovered);
    assert_int_equal(late(fixture), 1);
    answer(fixture);
    assert_int_equal(counters(world)->recoveries[RECOVERY_FOUND], 0);
    client_got(&world->a, "");
    client_come(world, &old);
    answer(fixture);
    client_got(&old, "1 |");
    assert_true(old.recovered);
    client_got(&world->b, "1");
}

static void test_gone_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    struct world *world = fixture->world;
    peer_lose(world->a.peer);
    say(world, 1);
    client_come(world, &world->a);
    peer_lose(world->a.peer);
    answer(fixture);
    client_come(world, &world->a);
    answer(fixture);
    client_got(&world->a, "1 |");
    assert_true(world->a.recovered);
    client_got(&world->b, "1");
}

/* The server ends first: the teardown counts what is left. */
static void test_never(void **state)
{
    struct fixture *fixture = *state;
    peer_lose(fixture->world->a.peer);
    client_come(fixture->world, &fixture->world->a);
    assert_true(fixture->slow.asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_later),
        TEST(test_too_late),
        TEST(test_gone_meanwhile),
        TEST(test_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
