/* The load generator's bookkeeping: what is expected, what came, how long it took. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/load.h"
#include "common/clock.h"

#define SENDERS 2
#define SIZE 64

struct world {
    struct load load;
    struct client client;
    uint32_t next_seq[SENDERS];
    unsigned room_size[2];
    char text[SIZE + 128];
};

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    world->load.options.size_bytes = SIZE;
    world->load.sender_count = SENDERS;
    world->load.next_seq = world->next_seq;
    world->load.room_size = world->room_size;
    world->load.text = world->text;
    world->load.ready = 3;
    memcpy(world->load.run, "abcdefgh", 9);
    world->client.load = &world->load;
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    free(world->client.last_seen);
    free(world);
    return 0;
}

/* The next message of a sender, inside an event; the caller frees it. */
static char *packet(struct world *world, unsigned sender)
{
    char *text = malloc(SIZE + 160);
    sprintf(text, "2[\"chat\",{\"message\":\"%s\"}]", message_make(&world->load, sender, -1));
    return text;
}

static bool arrives(struct world *world, const char *text)
{
    return message_arrived(&world->client, text, strlen(text));
}

static void test_lost_doubled_and_late(void **state)
{
    struct world *world = *state;
    char *one = packet(world, 1);
    char *two = packet(world, 1);
    assert_int_equal(world->load.counts.expected, 6);
    assert_true(arrives(world, two));
    assert_true(arrives(world, two));
    assert_int_equal(world->load.counts.doubled, 1);
    assert_true(arrives(world, one));
    assert_int_equal(world->load.counts.reordered, 1);
    message_count_lost(&world->load);
    assert_int_equal(world->load.counts.lost, 4);
    world->load.run[0] = 'x';
    assert_false(arrives(world, one)); /* another run's */
    assert_false(arrives(world, "2[\"cl:abc\"]"));
    free(one);
    free(two);
}

/* Each echo is measured from its own departure, whatever has left since. */
static void test_echoes_overlap(void **state)
{
    struct world *world = *state;
    char early[128];
    world->load.options.mode = LOAD_MODE_ECHO;
    char *late = packet(world, 0);
    int n = snprintf(early, sizeof(early), "30[\"cl:abcdefgh:0:0:%lld:xxxx\"]",
                     (long long)clock_mono_us() - 3000000);
    assert_true(message_echoed(&world->client, early, (size_t)n));
    assert_true(world->load.latency.max_us >= 3000000);
    assert_true(message_echoed(&world->client, late, strlen(late)));
    assert_int_equal(world->load.counts.delivered, 2);
    assert_int_equal(world->load.counts.expected, 1);
    assert_false(message_echoed(&world->client, "30[\"ok\"]", 8));
    free(late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lost_doubled_and_late, setup, teardown),
        cmocka_unit_test_setup_teardown(test_echoes_overlap, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
