/* Names and the list: what takes time, what is lost, and what happens when very many come. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "gateway/chat/chat_internal.h"
#include "tests/unit/chat/world.h"
#include <confab/err.h>

static void tries_are_limited_and_come_back(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, false);
    struct peer *peer = peer_connect(&world.h, "/");
    for (int i = 0; i < 5; i++) {
        peer_send(peer, "420[\"login\",\"x\"]");
        peer_expect(peer, "42[\"loginNameBad\",\"x\"]");
        peer_expect(peer, "430[{\"ok\":false,\"error\":\"name_bad\",\"message\":\"*\"}]");
    }
    peer_send(peer, "421[\"login\",\"Anna\"]");
    peer_expect(peer, "431[{\"ok\":false,\"error\":\"rate_limited\",\"message\":\"*\",\"limit\":"
                      "\"chat_logins_per_minute\",\"retry_ms\":2000}]");
    harness_pass(&world.h, 1999);
    peer_send(peer, "422[\"login\",\"Anna\"]");
    peer_expect(peer, "432[{\"ok\":false,\"error\":\"rate_limited\",\"message\":\"*\",\"limit\":"
                      "\"chat_logins_per_minute\",\"retry_ms\":1}]");
    assert_int_equal(chat_counters(world.chat)->limits[CHAT_LIMIT_LOGINS], 2);
    harness_pass(&world.h, 1);
    peer_send(peer, "423[\"login\",\"Anna\"]");
    peer_expect(peer, "42[\"welcome\",{\"name\":\"Anna\",\"resume\":\"*\"}]");
    peer_expect(peer, "433[{\"ok\":true,\"name\":\"Anna\",\"resume\":\"*\"}]");
    peer_expect(peer, "42[\"userJoined\",\"Anna\"]");
    world_fini(&world);
}

static void names_are_one_regardless_of_case_and_form(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, false);
    world_user(&world, "Stra\xc3\x9f"
                       "e");
    struct peer *other = peer_connect(&world.h, "/");
    peer_send(other, "42[\"login\",\" STRASSE \"]");
    peer_expect(other, "42[\"loginNameExists\",\"STRASSE\"]");
    /* e and a combining acute are é. */
    peer_send(other, "42[\"login\",\"Rene\xcc\x81\"]");
    peer_expect(other, "42[\"welcome\",{\"name\":\"Ren\xc3\xa9\",\"resume\":\"*\"}]");
    world_fini(&world);
}

static void who_resumes_in_another_spelling_is_who_he_was(void **state)
{
    (void)state;
    struct world world;
    char login[128];
    world_init(&world, 1000, false);
    struct peer *watcher = peer_connect(&world.h, "/");
    struct peer *lost = world_user(&world, "Stra\xc3\x9f"
                                           "e");
    const struct chat_user *user = confab_user(peer_socket(lost, "/"));
    snprintf(login, sizeof(login), "420[\"login\",{\"name\":\"STRASSE\",\"resume\":\"%s\"}]",
             user->resume);
    peer_lose(lost);
    struct peer *back = peer_connect(&world.h, "/");
    peer_drop_inbox(watcher);
    peer_send(back, login);
    peer_expect(back, "42[\"welcome\",{\"name\":\"Stra\xc3\x9f"
                      "e\",\"resume\":\"*\"}]");
    peer_expect(back, "430[{\"ok\":true,\"name\":\"Stra\xc3\x9f"
                      "e\",\"resume\":\"*\"}]");
    peer_send(back, "42[\"onlineUsers\"]");
    peer_expect(back, "42[\"onlineUsers\",[\"Stra\xc3\x9f"
                      "e\"]]");
    peer_send(back, "42[\"chat\",\"it is me\"]");
    peer_expect(watcher, "42[\"chat\",{\"sender\":\"Stra\xc3\x9f"
                         "e\",\"message\":\"it is me\",*");
    const struct confab_value *data = confab_data(peer_socket(back, "/"));
    assert_string_equal(confab_as_string(confab_get(data, "name"), NULL), "Stra\xc3\x9f"
                                                                          "e");
    peer_send(back, "41");
    peer_expect(watcher, "42[\"userLeft\",\"Stra\xc3\x9f"
                         "e\"]");
    world_fini(&world);
}

static void a_lost_user_is_kept_for_the_grace(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, false);
    struct peer *watcher = peer_connect(&world.h, "/");
    struct peer *lost = world_user(&world, "Anna");
    peer_expect(watcher, "42[\"userJoined\",\"Anna\"]");
    peer_lose(lost);
    harness_pass(&world.h, 4999);
    peer_quiet(watcher);
    harness_pass(&world.h, 1);
    peer_expect(watcher, "42[\"userLeft\",\"Anna\"]");
    struct peer *gone = world_user(&world, "Berta");
    peer_expect(watcher, "42[\"userJoined\",\"Berta\"]");
    peer_send(gone, "41");
    peer_expect(watcher, "42[\"userLeft\",\"Berta\"]");
    world_fini(&world);
}

static void a_name_lost_in_an_outage_logs_out(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, true);
    struct peer *peer = peer_connect(&world.h, "/");
    peer_send(peer, "42[\"login\",\"Anna\"]");
    peer_quiet(peer);
    fake_broker_settle(world.h.broker, BROKER_CLAIM_WON);
    harness_turn(&world.h);
    peer_expect(peer, "42[\"welcome\",{\"name\":\"Anna\",\"resume\":\"*\"}]");
    peer_expect(peer, "42[\"userJoined\",\"Anna\"]");
    fake_broker_lose_name(world.h.broker, "/", "anna", CONFAB_EDENIED);
    harness_turn(&world.h);
    peer_expect(peer, "42[\"loginNameExists\",\"Anna\"]");
    peer_send(peer, "420[\"chat\",\"hi\"]");
    peer_expect(peer, "430[{\"ok\":false,\"error\":\"not_logged_in\",\"message\":\"*\"}]");
    world_fini(&world);
}

static void a_name_resumed_elsewhere_closes_this_one(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, true);
    struct peer *peer = peer_connect(&world.h, "/");
    peer_send(peer, "42[\"login\",\"Anna\"]");
    fake_broker_settle(world.h.broker, BROKER_CLAIM_RESUMED);
    harness_turn(&world.h);
    peer_expect(peer, "42[\"welcome\",*");
    fake_broker_lose_name(world.h.broker, "/", "anna", CONFAB_EEXISTS);
    harness_turn(&world.h);
    peer_expect(peer, "41");
    peer_expect_closed(peer);
    world_fini(&world);
}

static void what_the_cluster_cannot_decide_is_unavailable(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, true);
    struct peer *peer = peer_connect(&world.h, "/");
    peer_send(peer, "420[\"login\",\"Anna\"]");
    fake_broker_settle(world.h.broker, BROKER_CLAIM_UNAVAILABLE);
    harness_turn(&world.h);
    peer_expect(peer, "430[{\"ok\":false,\"error\":\"unavailable\",\"message\":\"*\"}]");
    assert_int_equal(chat_counters(world.chat)->logins[CHAT_LOGIN_UNAVAILABLE], 1);
    world_fini(&world);
}

/* The decision about a name may come after the deadline of the log-in that asked for it. */
static void a_late_decision_counts_all_the_same(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, true);
    struct peer *peer = peer_connect(&world.h, "/");
    peer_send(peer, "420[\"login\",\"Anna\"]");
    harness_pass(&world.h, 31000);
    peer_send(peer, "421[\"login\",\"Berta\"]");
    peer_expect(peer, "431[{\"ok\":false,\"error\":\"unavailable\",\"message\":\"*\"}]");
    fake_broker_settle(world.h.broker, BROKER_CLAIM_RESUMED);
    harness_turn(&world.h);
    peer_expect(peer, "42[\"welcome\",{\"name\":\"Anna\",\"resume\":\"*\"}]");
    peer_quiet(peer);
    world_fini(&world);
}

static void the_list_waits_rather_than_leave_the_asker_out(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1000, false);
    struct peer *anna = world_user(&world, "Anna");
    peer_send(anna, "420[\"onlineUsers\"]");
    peer_expect(anna, "42[\"onlineUsers\",[\"Anna\"]]");
    peer_expect(anna, "430[{\"ok\":true,\"total\":1}]");
    struct peer *berta = world_user(&world, "Berta");
    /* The list is 0 ms old and without her: she gets it when it may be built again, in order. */
    peer_send_all(berta, "420[\"onlineUsers\"]", "421[\"whatever\"]", NULL);
    harness_pass(&world.h, 199);
    peer_quiet(berta);
    harness_pass(&world.h, 1);
    peer_expect(berta, "42[\"onlineUsers\",[\"Anna\",\"Berta\"]]");
    peer_expect(berta, "430[{\"ok\":true,\"total\":2}]");
    peer_expect(berta, "431[{\"ok\":false,\"error\":\"unknown_event\",\"message\":\"*\"}]");
    world_fini(&world);
}

static void above_the_limit_summaries_replace_single_news(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 2, false);
    struct peer *watcher = peer_connect(&world.h, "/");
    world_user(&world, "Anna");
    world_user(&world, "Berta");
    peer_expect(watcher, "42[\"userJoined\",\"Anna\"]");
    peer_expect(watcher, "42[\"userJoined\",\"Berta\"]");
    struct peer *carla = peer_connect(&world.h, "/");
    peer_send(carla, "42[\"login\",\"Carla\"]");
    peer_expect(carla, "42[\"welcome\",*");
    harness_pass(&world.h, 1000);
    peer_expect(carla, "42[\"presence\",{\"online\":3,\"joined\":1,\"left\":0}]");
    peer_expect(watcher, "42[\"presence\",{\"online\":3,\"joined\":1,\"left\":0}]");
    peer_send(carla, "420[\"onlineUsers\"]");
    peer_expect(carla, "42[\"onlineUsers\",[\"Anna\",\"Berta\"]]");
    peer_expect(carla, "430[{\"ok\":true,\"total\":3}]");
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tries_are_limited_and_come_back),
        cmocka_unit_test(names_are_one_regardless_of_case_and_form),
        cmocka_unit_test(who_resumes_in_another_spelling_is_who_he_was),
        cmocka_unit_test(a_lost_user_is_kept_for_the_grace),
        cmocka_unit_test(a_name_lost_in_an_outage_logs_out),
        cmocka_unit_test(a_name_resumed_elsewhere_closes_this_one),
        cmocka_unit_test(what_the_cluster_cannot_decide_is_unavailable),
        cmocka_unit_test(a_late_decision_counts_all_the_same),
        cmocka_unit_test(the_list_waits_rather_than_leave_the_asker_out),
        cmocka_unit_test(above_the_limit_summaries_replace_single_news),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
