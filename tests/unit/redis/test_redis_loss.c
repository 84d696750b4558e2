/* The Redis broker when Redis, the line to it, or another node goes away: nobody is said to have
 * left who is still there, and everybody who is not. */
#define _GNU_SOURCE
#include "tests/unit/redis/world.h"

#include <stdio.h>
#include <string.h>

#include <confab/err.h>

#define MANY_NAMES 5000
/* Renewals wait behind thousands of claims, on a busy machine for longer than the usual lease of a
 * test. */
#define MANY_LEASE_MS 4000

static bool both_up(struct world *w)
{
    return broker_redis_settled(w->nodes[0].broker) && broker_redis_settled(w->nodes[1].broker);
}

/* Two nodes, two names on each, and an onlooker that counts announcements. */
static void two_nodes(struct world *w)
{
    node_start(w, 0);
    node_start(w, 1);
    node_claim(&w->nodes[0], "ann");
    node_claim(&w->nodes[1], "bob");
    node_claim(&w->nodes[0], "cid");
    node_claim(&w->nodes[1], "dora");
    WAIT_FOR(w, strcmp(node_list(&w->nodes[0]), "ann bob cid dora") == 0);
    WAIT_FOR(w, strcmp(node_list(&w->nodes[1]), "ann bob cid dora") == 0);
    node_member(&w->nodes[0], "room");
    node_member(&w->nodes[1], "room");
}

/* Redis is back: all flows, nothing was announced, nobody has lost anything, and it stays so when
 * all leases of old are over. */
static void nothing_happened(struct world *w)
{
    WAIT_FOR(w, both_up(w));
    node_emit(&w->nodes[0], "again", "room");
    WAIT_FOR(w, strcmp(w->nodes[1].members[0].heard.last, "again") == 0);
    world_pass(w, 3 * LEASE_MS);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(broker_state(w->nodes[i].broker), BROKER_UP);
        assert_int_equal(w->nodes[i].members[0].heard.joined, 0);
        assert_int_equal(w->nodes[i].members[0].heard.left, 0);
        assert_int_equal(w->nodes[i].lost, 0);
        assert_string_equal(node_list(&w->nodes[i]), "ann bob cid dora");
    }
}

static void test_redis_comes_back_empty(void **state)
{
    struct world *w = *state;
    struct emission emission = {0};
    struct claiming claiming;

    two_nodes(w);
    redis_server_pause(&w->server);
    node_emit_ordered(&w->nodes[0], "in flight", "room", &emission);
    node_ask(&w->nodes[0], "eve", 0, &claiming);
    redis_server_kill(&w->server);
    WAIT_FOR(w, broker_state(w->nodes[0].broker) == BROKER_DOWN &&
                    broker_state(w->nodes[1].broker) == BROKER_DOWN);
    assert_int_equal(emission.answers, 1);
    assert_int_equal(emission.status, CONFAB_EUNAVAILABLE);
    assert_int_equal(claiming.answers, 1);
    assert_int_equal(claiming.result, BROKER_CLAIM_UNAVAILABLE);

    /* Local life goes on. */
    node_emit_ordered(&w->nodes[0], "alone", "room", &emission);
    assert_int_equal(emission.answers, 2);
    assert_int_equal(emission.status, CONFAB_OK);
    assert_int_equal(emission.scope, BROKER_SCOPE_NODE);
    assert_string_equal(w->nodes[0].members[0].heard.last, "alone");
    node_ask(&w->nodes[0], "eve", 0, &claiming);
    assert_int_equal(claiming.answers, 1);
    assert_int_equal(claiming.result, BROKER_CLAIM_UNAVAILABLE);
    assert_string_equal(node_list(&w->nodes[0]), "ann bob cid dora");

    redis_server_start(&w->server);
    nothing_happened(w);
}

static void test_redis_stops_for_long(void **state)
{
    struct world *w = *state;

    two_nodes(w);
    redis_server_pause(&w->server);
    WAIT_FOR(w, broker_state(w->nodes[0].broker) == BROKER_DOWN &&
                    broker_state(w->nodes[1].broker) == BROKER_DOWN);
    world_pass(w, 2 * LEASE_MS);
    redis_server_resume(&w->server);
    nothing_happened(w);
}

static void test_data_are_flushed(void **state)
{
    struct world *w = *state;

    two_nodes(w);
    onlooker_start(w);
    onlooker_ask(w, "FLUSHALL", NULL);
    WAIT_FOR(w, !both_up(w));
    nothing_happened(w);
}

/* Redis comes back with what was true some time ago. */
static void test_redis_comes_back_old(void **state)
{
    struct world *w = *state;
    struct broker_claim old[2];

    node_start(w, 0);
    node_start(w, 1);
    old[0] = node_claim(&w->nodes[0], "old0");
    old[1] = node_claim(&w->nodes[1], "old1");
    node_claim(&w->nodes[0], "ann");
    onlooker_start(w);
    assert_string_equal(onlooker_ask(w, "SAVE", NULL), "OK");
    node_claim(&w->nodes[1], "bob");
    broker_roster_release(w->nodes[0].roster, old[0], false);
    broker_roster_release(w->nodes[1].roster, old[1], false);
    node_claim(&w->nodes[0], "cid");
    node_claim(&w->nodes[1], "dora");
    WAIT_FOR(w, strcmp(node_list(&w->nodes[0]), "ann bob cid dora") == 0);
    WAIT_FOR(w, strcmp(node_list(&w->nodes[1]), "ann bob cid dora") == 0);
    node_member(&w->nodes[0], "room");
    node_member(&w->nodes[1], "room");
    redis_server_kill(&w->server);
    WAIT_FOR(w, broker_state(w->nodes[0].broker) == BROKER_DOWN &&
                    broker_state(w->nodes[1].broker) == BROKER_DOWN);
    redis_server_start(&w->server);
    nothing_happened(w);
    onlooker_start(w);
    assert_string_equal(onlooker_ask(w, "HLEN", "confab:{socket.io}:roster:/:names", NULL), "4");
}

static void test_scripts_are_flushed(void **state)
{
    struct world *w = *state;

    two_nodes(w);
    onlooker_start(w);
    onlooker_ask(w, "SCRIPT", "FLUSH", NULL);
    nothing_happened(w);
}

/* Only one node is cut off, for longer than its lease. */
static void test_a_node_is_away(void **state)
{
    struct world *w = *state;
    struct heard *heard;

    two_nodes(w);
    heard = &w->nodes[0].members[0].heard;
    node_cut(&w->nodes[1]);
    WAIT_FOR(w, heard->left == 2);
    assert_string_equal(node_list(&w->nodes[0]), "ann cid");
    assert_string_equal(node_list(&w->nodes[1]), "ann bob cid dora");
    node_claim(&w->nodes[0], "bob");
    node_mend(&w->nodes[1]);
    WAIT_FOR(w, both_up(w));
    WAIT_FOR(w, w->nodes[1].lost == 1);
    assert_int_equal(w->nodes[1].lost_why_denied, 1);
    /* The other one is back, and said to be. */
    WAIT_FOR(w, heard->joined == 2);
    WAIT_FOR(w, strcmp(node_list(&w->nodes[0]), "ann cid bob dora") == 0);
    WAIT_FOR(w, strcmp(node_list(&w->nodes[1]), "ann cid bob dora") == 0);
    assert_int_equal(heard->left, 2);
}

/* Both were away for longer than their leases, and one is back earlier: it gives the other one
 * time. */
static void test_the_other_has_time(void **state)
{
    enum { LONGER_LEASE_MS = 2 * LEASE_MS }; /* than the pause between two attempts to connect */
    struct world *w = *state;

    w->lease_ms = LONGER_LEASE_MS;
    two_nodes(w);
    node_cut(&w->nodes[0]);
    node_cut(&w->nodes[1]);
    WAIT_FOR(w, broker_state(w->nodes[0].broker) == BROKER_DOWN);
    world_pass(w, LONGER_LEASE_MS + 200);
    node_mend(&w->nodes[0]);
    node_settle(&w->nodes[0]);
    world_pass(w, LONGER_LEASE_MS / 3);
    node_mend(&w->nodes[1]);
    nothing_happened(w);
}

/* A cut shorter than the lease: seen by nobody. */
static void test_a_node_blinks(void **state)
{
    struct world *w = *state;

    two_nodes(w);
    node_cut(&w->nodes[1]);
    WAIT_FOR(w, broker_state(w->nodes[1].broker) == BROKER_DOWN);
    node_mend(&w->nodes[1]);
    nothing_happened(w);
}

/* What was given back while the link was down is told when it is back; of what was won in flight
 * nothing remains. */
static void test_given_back_while_away(void **state)
{
    struct world *w = *state;
    struct heard *heard;
    struct broker_claim bob, kept, flying;
    struct claiming claiming;

    node_start(w, 0);
    node_start(w, 1);
    node_member(&w->nodes[0], NULL);
    heard = &w->nodes[0].members[0].heard;
    bob = node_claim(&w->nodes[1], "bob");
    kept = node_claim(&w->nodes[1], "kept");
    flying = node_claim(&w->nodes[1], "flying");
    WAIT_FOR(w, heard->joined == 3);
    redis_server_pause(&w->server);
    node_ask(&w->nodes[1], "eve", 0, &claiming);
    world_turn(w);
    broker_roster_release(w->nodes[1].roster, flying, false);
    node_cut(&w->nodes[1]);
    redis_server_resume(&w->server);
    WAIT_FOR(w, claiming.answers == 1);
    assert_int_equal(claiming.result, BROKER_CLAIM_UNAVAILABLE);
    broker_roster_release(w->nodes[1].roster, bob, false);
    broker_roster_release(w->nodes[1].roster, kept, true);
    node_mend(&w->nodes[1]);
    WAIT_FOR(w, heard->left >= 3 && broker_roster_count(w->nodes[0].roster) == 0);
    world_pass(w, 2 * LEASE_MS);
    /* eve may have come and gone. */
    assert_int_equal(heard->left, heard->joined);
    assert_true(heard->left == 3 || heard->left == 4);
    assert_int_equal(broker_roster_count(w->nodes[1].roster), 0);
    node_claim(&w->nodes[0], "eve");
}

/* Redis loses everything and a node dies at the same time: its names are still freed, and told
 * once. */
static void test_lost_with_its_node(void **state)
{
    struct world *w = *state;
    struct heard *heard;

    two_nodes(w);
    heard = &w->nodes[0].members[0].heard;
    redis_server_kill(&w->server);
    node_crash(&w->nodes[1]);
    redis_server_start(&w->server);
    node_settle(&w->nodes[0]);
    assert_string_equal(node_list(&w->nodes[0]), "ann bob cid dora");
    WAIT_FOR(w, heard->left == 2);
    world_pass(w, 2 * LEASE_MS);
    assert_int_equal(heard->left, 2);
    assert_int_equal(heard->joined, 0);
    assert_string_equal(node_list(&w->nodes[0]), "ann cid");
}

static void test_a_node_dies(void **state)
{
    struct world *w = *state;
    struct claiming *claims = test_calloc(MANY_NAMES, sizeof(*claims));
    unsigned answered;
    char name[16];
    int64_t died_at_ms;

    w->storm_limit = 2 * MANY_NAMES;
    w->lease_ms = MANY_LEASE_MS;
    node_start(w, 0);
    node_start(w, 1);
    node_claim(&w->nodes[0], "survivor");
    for (unsigned i = 0; i < MANY_NAMES; i++) {
        snprintf(name, sizeof(name), "user%u", i);
        node_ask(&w->nodes[1], name, 0, &claims[i]);
    }
    do {
        world_turn(w);
        answered = 0;
        for (unsigned i = 0; i < MANY_NAMES; i++)
            answered += claims[i].answers;
    } while (answered < MANY_NAMES);
    WAIT_FOR(w, broker_roster_count(w->nodes[0].roster) == MANY_NAMES + 1);
    onlooker_start(w);
    onlooker_subscribe(w, REDIS_SUBSCRIBE, "socket.io#/#");
    node_start(w, 2);
    assert_int_equal(broker_roster_count(w->nodes[2].roster), MANY_NAMES + 1);

    died_at_ms = world_now_ms();
    node_crash(&w->nodes[1]);
    WAIT_FOR(w, broker_roster_count(w->nodes[0].roster) == 1);
    assert_true(world_now_ms() - died_at_ms >= MANY_LEASE_MS / 2);
    assert_true(world_now_ms() - died_at_ms <= MANY_LEASE_MS + 3000);
    WAIT_FOR(w, w->announced.left == MANY_NAMES);
    world_pass(w, LEASE_MS);
    assert_int_equal(w->announced.left, MANY_NAMES);
    assert_int_equal(w->announced.joined, 0);
    assert_string_equal(node_list(&w->nodes[0]), "survivor");
    assert_string_equal(node_list(&w->nodes[2]), "survivor");
    assert_string_equal(onlooker_ask(w, "ZCARD", "confab:{socket.io}:roster:/:held", NULL), "1");
    test_free(claims);
}

/* A node that stops for good hands its names over, for their grace. */
static void test_a_node_leaves(void **state)
{
    struct world *w = *state;
    struct heard *heard;

    two_nodes(w);
    heard = &w->nodes[0].members[0].heard;
    onlooker_start(w);
    broker_leave_cluster(w->nodes[1].broker, world_count, &w->counted);
    WAIT_FOR(w, w->counted == 1);
    assert_string_equal(onlooker_ask(w, "ZCARD", "confab:{socket.io}:leases", NULL), "1");
    assert_string_equal(onlooker_ask(w, "HLEN", "confab:{socket.io}:nodes", NULL), "1");
    assert_int_equal(heard->left, 0);
    node_free(&w->nodes[1]);
    WAIT_FOR(w, heard->left == 2);
    assert_string_equal(node_list(&w->nodes[0]), "ann cid");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_redis_comes_back_empty),
        CASE(test_redis_stops_for_long),
        CASE(test_redis_comes_back_old),
        CASE(test_data_are_flushed),
        CASE(test_scripts_are_flushed),
        CASE(test_a_node_is_away),
        CASE(test_the_other_has_time),
        CASE(test_a_node_blinks),
        CASE(test_given_back_while_away),
        CASE(test_lost_with_its_node),
        CASE(test_a_node_dies),
        CASE(test_a_node_leaves),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
