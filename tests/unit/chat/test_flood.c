/* Those who say more than two messages a second for long: refused, or made to wait. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "tests/unit/chat/world.h"

#define AT_ONCE 500
#define REFILL_MS 500

static void slow_world(struct world *world)
{
    world_init_rates(world, (unsigned[CHAT_LIMIT_COUNT]){[CHAT_LIMIT_MESSAGES] = 2});
}

static struct peer *talkative(struct world *world, const char *name)
{
    struct peer *peer = world_user(world, name);
    for (int i = 0; i < AT_ONCE; i++)
        peer_send(peer, "42[\"chat\",\"x\"]");
    peer_drop_inbox(peer);
    return peer;
}

static void expect_refusal(struct peer *peer, int64_t retry_ms)
{
    char expected[200];
    snprintf(expected, sizeof(expected),
             "431[{\"ok\":false,\"error\":\"rate_limited\",\"message\":\"*\",\"limit\":"
             "\"chat_messages_per_second\",\"retry_ms\":%lld}]",
             (long long)retry_ms);
    peer_send(peer, "421[\"chat\",\"buy\"]");
    peer_expect(peer, expected);
}

/* A message each millisecond: not even what flows in comes through. */
static void who_floods_is_heard_again_after_a_pause(void **state)
{
    (void)state;
    struct world world;
    slow_world(&world);
    struct peer *anna = talkative(&world, "Anna");
    for (int i = 0; i < 100; i++) {
        expect_refusal(anna, REFILL_MS - i);
        harness_pass(&world.h, 1);
    }
    for (int i = 0; i < 10000; i++) {
        expect_refusal(anna, 1000);
        harness_pass(&world.h, 1);
    }
    assert_int_equal(chat_counters(world.chat)->messages, AT_ONCE);
    harness_pass(&world.h, 999);
    peer_send(anna, "421[\"chat\",\"hello\"]");
    peer_expect(anna, "42[\"chat\",{\"sender\":\"Anna\",\"message\":\"hello\",*");
    peer_expect(anna, "431[{\"ok\":true,*");
    expect_refusal(anna, REFILL_MS); /* and the hundred begins anew */
    world_fini(&world);
}

/* What he may say at once is not there again for coming anew, and flows in meanwhile. */
static void who_comes_anew_goes_on(void **state)
{
    (void)state;
    struct world world;
    slow_world(&world);
    for (int i = 0; i < 3; i++) {
        struct peer *anna = i == 0 ? talkative(&world, "Anna") : world_user(&world, "Anna");
        expect_refusal(anna, REFILL_MS);
        peer_send(anna, "41");
        harness_pass(&world.h, 1);
        peer_lose(anna);
        harness_pass(&world.h, REFILL_MS - 1);
        struct peer *berta = world_user(&world, "Berta");
        peer_send(berta, "421[\"chat\",\"one\"]");
        peer_expect(berta, "42[\"chat\",{\"sender\":\"Berta\",\"message\":\"one\",*");
        peer_expect(berta, "431[{\"ok\":true,*");
        peer_send(berta, "41");
        peer_lose(berta);
    }
    assert_int_equal(chat_counters(world.chat)->messages, AT_ONCE + 3);
    world_fini(&world);
}

/* Twenty a second for a minute, where two are allowed: those two get through. */
static void who_is_merely_too_fast_has_his_rate(void **state)
{
    (void)state;
    struct world world;
    slow_world(&world);
    struct peer *anna = talkative(&world, "Anna");
    for (int i = 0; i < 1200; i++) {
        peer_send(anna, "421[\"chat\",\"quick\"]");
        peer_drop_inbox(anna);
        harness_pass(&world.h, 50);
    }
    assert_in_range(chat_counters(world.chat)->messages - AT_ONCE, 118, 121);
    world_fini(&world);
}

/* Waiting is not being refused: three hundred in a row, each in its time. */
static void who_is_made_to_wait_is_not_silenced(void **state)
{
    (void)state;
    struct world world;
    slow_world(&world);
    struct peer *anna = talkative(&world, "Anna");
    for (int i = 0; i < 300; i++)
        peer_send(anna, "42[\"chat\",\"patient\"]");
    harness_pass(&world.h, 299 * REFILL_MS + 250);
    assert_in_range(peer_drop_inbox(anna), 298, 300);
    world_fini(&world);
}

/* What ten people say who all wait is told in as few moments as what one says. */
static void those_who_wait_are_served_together(void **state)
{
    (void)state;
    struct world world;
    struct peer *peers[10];
    slow_world(&world);
    for (size_t i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof(name), "Anna%zu", i);
        peers[i] = talkative(&world, name);
        harness_pass(&world.h, 7);
    }
    for (size_t i = 0; i < 10; i++)
        for (int n = 0; n < 20; n++)
            peer_send(peers[i], "42[\"chat\",\"y\"]");
    unsigned moments = 0, told = 0;
    peer_drop_inbox(peers[0]);
    for (int64_t ms = 0; ms < 20 * REFILL_MS + 500; ms++) {
        harness_pass(&world.h, 1);
        unsigned n = (unsigned)peer_drop_inbox(peers[0]);
        moments += n > 0 ? 1 : 0;
        told += n;
    }
    assert_in_range(told, 195, 200);
    assert_in_range(moments, 20, 42);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_floods_is_heard_again_after_a_pause),
        cmocka_unit_test(who_comes_anew_goes_on),
        cmocka_unit_test(who_is_merely_too_fast_has_his_rate),
        cmocka_unit_test(who_is_made_to_wait_is_not_silenced),
        cmocka_unit_test(those_who_wait_are_served_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
