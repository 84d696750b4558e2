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
        cmocka_unit_test(send_msg_flows_again_at_five_a_second),
        cmocka_unit_test(exactly_4096_bytes_of_json_pass),
        cmocka_unit_test(half_characters_are_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
