/* What is said, and rooms, as far as it depends on time or on the cluster. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/chat/world.h"
#include <confab/err.h>

static struct peer *fake_user(struct world *world)
{
    struct peer *peer = peer_connect(&world->h, "/");
    peer_send(peer, "42[\"login\",\"Anna\"]");
    fake_broker_settle(world->h.broker, BROKER_CLAIM_RESUMED);
    harness_turn(&world->h);
    peer_expect(peer, "42[\"welcome\",*");
    return peer;
}

static void the_ack_comes_when_the_cluster_has_it(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, true);
    struct peer *anna = fake_user(&world);
    peer_send_all(anna, "420[\"chat\",\"first\"]", "421[\"nonsense\"]", NULL);
    peer_quiet(anna);
    fake_broker_ordered_done(world.h.broker, CONFAB_OK);
    harness_turn(&world.h);
    peer_expect(anna,
                "42[\"chat\",{\"sender\":\"Anna\",\"message\":\"first\",\"id\":\"*\",\"ts\":*}]");
    peer_expect(anna, "430[{\"ok\":true,\"id\":\"*\",\"ts\":*}]");
    peer_expect(anna, "431[{\"ok\":false,\"error\":\"unknown_event\",\"message\":\"*\"}]");
    world_fini(&world);
}

static void a_message_lost_with_the_link_is_unavailable(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, true);
    struct peer *anna = fake_user(&world);
    peer_send(anna, "420[\"chat\",\"first\"]");
    fake_broker_ordered_done(world.h.broker, CONFAB_EUNAVAILABLE);
    harness_turn(&world.h);
    peer_expect(anna, "430[{\"ok\":false,\"error\":\"unavailable\",\"message\":\"*\"}]");
    world_fini(&world);
}

static void a_join_is_acknowledged_when_it_is_live(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, true);
    struct peer *anna = fake_user(&world);
    peer_send(anna, "420[\"join\",{\"room\":\"tea\"}]");
    peer_quiet(anna);
    fake_broker_join_done(world.h.broker, CONFAB_OK);
    harness_turn(&world.h);
    peer_expect(anna, "430[{\"ok\":true}]");
    assert_true(confab_in_room(peer_socket(anna, "/"), "chat:tea"));
    world_fini(&world);
}

static void a_speaker_who_is_gone_needs_no_answer(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, true);
    struct peer *anna = fake_user(&world);
    peer_send(anna, "420[\"chat\",\"last words\"]");
    peer_lose(anna);
    fake_broker_ordered_done(world.h.broker, CONFAB_OK);
    harness_turn(&world.h);
    assert_int_equal(chat_counters(world.chat)->messages, 1);
    world_fini(&world);
}

/* Uses up what a user may say at once. */
static struct peer *talkative(struct world *world, const char *name)
{
    struct peer *peer = world_user(world, name);
    for (int i = 0; i < 500; i++)
        peer_send(peer, "42[\"chat\",\"x\"]");
    assert_int_equal(peer_drop_inbox(peer), 500);
    return peer;
}

static void messages_above_the_rate_are_refused_by_name(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, false);
    struct peer *anna = talkative(&world, "Anna");
    assert_int_equal(chat_counters(world.chat)->limits[CHAT_LIMIT_MESSAGES], 0);
    peer_send(anna, "420[\"chat\",\"one too many\"]");
    peer_expect(anna, "430[{\"ok\":false,\"error\":\"rate_limited\",\"message\":\"*\",\"limit\":"
                      "\"chat_messages_per_second\",\"retry_ms\":20}]");
    assert_int_equal(chat_counters(world.chat)->limits[CHAT_LIMIT_MESSAGES], 1);
    assert_int_equal(chat_counters(world.chat)->refused[CHAT_RATE_LIMITED], 1);
    assert_int_equal(chat_counters(world.chat)->messages, 500);
    peer_send(world_user(&world, "Berta"), "42[\"chat\",\"mine is another rate\"]");
    peer_expect(anna, "42[\"userJoined\",\"Berta\"]");
    peer_expect(anna, "42[\"chat\",{\"sender\":\"Berta\",*");
    harness_pass(&world.h, 20);
    peer_send(anna, "420[\"chat\",\"now\"]");
    peer_expect(anna, "42[\"chat\",{\"sender\":\"Anna\",\"message\":\"now\",*");
    peer_expect(anna, "430[{\"ok\":true,*");
    world_fini(&world);
}

/* Who cannot be told is not refused either: what he says comes later, in order. */
static void messages_without_an_ack_wait(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, false);
    struct peer *anna = talkative(&world, "Anna");
    peer_send(anna, "42[\"join\",{\"room\":\"tea\"}]");
    peer_send_all(anna, "42[\"chat\",\"a\"]", "42[\"chat\",{\"message\":\"b\",\"room\":\"tea\"}]",
                  "421[\"chat\",\"c\"]", "422[\"onlineUsers\"]", NULL);
    harness_pass(&world.h, 19);
    peer_quiet(anna);
    harness_pass(&world.h, 1);
    peer_expect(anna, "42[\"chat\",{\"sender\":\"Anna\",\"message\":\"a\",*");
    peer_quiet(anna);
    harness_pass(&world.h, 20);
    peer_expect(anna, "42[\"chat\",{\"sender\":\"Anna\",\"message\":\"b\",*\"room\":\"tea\"}]");
    peer_expect(anna, "431[{\"ok\":false,\"error\":\"rate_limited\",*");
    peer_expect(anna, "42[\"onlineUsers\",[\"Anna\"]]");
    peer_expect(anna, "432[{\"ok\":true,\"total\":1}]");
    assert_int_equal(chat_counters(world.chat)->messages, 502);
    assert_int_equal(chat_counters(world.chat)->limits[CHAT_LIMIT_MESSAGES], 3);
    world_fini(&world);
}

/* He is lost while it waits: it was said. */
static void last_words_wait_too(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, false);
    struct peer *berta = world_user(&world, "Berta");
    struct peer *anna = talkative(&world, "Anna");
    peer_drop_inbox(berta);
    peer_send(anna, "42[\"chat\",\"farewell\"]");
    peer_lose(anna);
    peer_quiet(berta);
    harness_pass(&world.h, 20);
    peer_expect(berta, "42[\"chat\",{\"sender\":\"Anna\",\"message\":\"farewell\",*");
    world_fini(&world);
}

/* Nor does the end of everything leave one behind. */
static void the_end_takes_what_waits(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, false);
    peer_send(talkative(&world, "Anna"), "42[\"chat\",\"never heard\"]");
    world_fini(&world);
}

static void no_rates_no_limits(void **state)
{
    (void)state;
    struct world world;
    harness_init(&world.h, &(struct harness_config){.make_broker = NULL});
    struct chat_config config = {.nsp = "/", .send_msg = true, .presence_limit = 10};
    world.chat = chat_new(world.h.server, &config);
    struct peer *peer = peer_connect(&world.h, "/");
    for (int i = 0; i < 100; i++) {
        peer_send(peer, "420[\"login\",\"x\"]");
        peer_expect(peer, "42[\"loginNameBad\",\"x\"]");
        peer_expect(peer, "430[{\"ok\":false,\"error\":\"name_bad\",*");
        peer_send(peer, "42[\"send_msg\",1]");
        assert_int_equal(peer_drop_inbox(peer), 2);
    }
    harness_fini(&world.h);
    chat_free(&world.chat);
}

static void send_msg_flows_again_at_five_a_second(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, false);
    struct peer *peer = peer_connect(&world.h, "/");
    for (int i = 0; i < 20; i++) {
        peer_send(peer, "42[\"send_msg\",1]");
        peer_expect(peer, "42[\"send_msg\",1]");
        peer_expect(peer, "42[\"send_msg\",1]");
    }
    peer_send(peer, "42[\"send_msg\",1]");
    peer_quiet(peer);
    assert_int_equal(chat_counters(world.chat)->refused[CHAT_RATE_LIMITED], 1);
    harness_pass(&world.h, 200);
    peer_send_all(peer, "42[\"send_msg\",2]", "42[\"send_msg\",3]", NULL);
    peer_expect(peer, "42[\"send_msg\",2]");
    peer_expect(peer, "42[\"send_msg\",2]");
    peer_quiet(peer);
    world_fini(&world);
}

static void exactly_4096_bytes_of_json_pass(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, false);
    struct peer *peer = peer_connect(&world.h, "/");
    char packet[4200] = "420[\"send_msg\",\"";
    size_t head = strlen(packet);
    memset(packet + head, 'x', 4094);
    memcpy(packet + head + 4094, "\"]", 3);
    peer_send(peer, packet);
    peer_expect(peer, "42[\"send_msg\",\"x*");
    peer_expect(peer, "42[\"send_msg\",\"x*");
    peer_expect(peer, "430[{\"ok\":true}]");
    memcpy(packet + head + 4094, "x\"]", 4);
    peer_send(peer, packet);
    peer_expect(peer, "430[{\"ok\":false,\"error\":\"too_long\",\"message\":\"*\"}]");
    world_fini(&world);
}

/* Halves of characters: JSON can write them, UTF-8 and so the way to other nodes cannot. */
static void half_characters_are_no_text(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, false);
    struct peer *anna = world_user(&world, "Anna");
    static const char *const packets[] = {
        "420[\"chat\",\"a\\ud800\"]",
        "420[\"chat\",{\"message\":\"\\udfff\"}]",
        "420[\"join\",{\"room\":\"\\ud83d\"}]",
        "420[\"chat\",{\"message\":\"a\",\"cid\":\"\\udc00\"}]",
    };
    for (size_t i = 0; i < TEST_COUNT(packets); i++) {
        peer_send(anna, packets[i]);
        peer_expect(anna, "430[{\"ok\":false,\"error\":\"bad_request\",\"message\":\"*\"}]");
    }
    peer_send(anna, "420[\"join\",{\"room\":\"\\ud83d\\ude00\"}]");
    peer_expect(anna, "430[{\"ok\":true}]");
    peer_send(anna, "420[\"chat\",\"\\ud83d\\ude00\"]");
    peer_expect(anna, "42[\"chat\",{\"sender\":\"Anna\",\"message\":\"\xf0\x9f\x98\x80\",*");
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ack_comes_when_the_cluster_has_it),
        cmocka_unit_test(a_message_lost_with_the_link_is_unavailable),
        cmocka_unit_test(a_join_is_acknowledged_when_it_is_live),
        cmocka_unit_test(a_speaker_who_is_gone_needs_no_answer),
        cmocka_unit_test(messages_above_the_rate_are_refused_by_name),
        cmocka_unit_test(messages_without_an_ack_wait),
        cmocka_unit_test(last_words_wait_too),
        cmocka_unit_test(the_end_takes_what_waits),
        cmocka_unit_test(no_rates_no_limits),
        cmocka_unit_test(send_msg_flows_again_at_five_a_second),
        cmocka_unit_test(exactly_4096_bytes_of_json_pass),
        cmocka_unit_test(half_characters_are_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
