/* The members of a node whose link was down are told, when it is back, who came and went
 * meanwhile: each once, and nothing else. */
#define _GNU_SOURCE
#include "tests/unit/redis/world.h"

#include <stdio.h>
#include <string.h>

#include <confab/err.h>

/* Two nodes with one name each and a third on the first; what a member of the second one hears. */
static struct heard *two_nodes(struct world *w, struct broker_claim *cid)
{
    node_start(w, 0);
    node_start(w, 1);
    node_claim(&w->nodes[0], "ann");
    node_claim(&w->nodes[1], "bob");
    *cid = node_claim(&w->nodes[0], "cid");
    WAIT_FOR(w, strcmp(node_list(&w->nodes[1]), "ann bob cid") == 0);
    return &node_member(&w->nodes[1], "room")->heard;
}

static void away(struct world *w)
{
    node_cut(&w->nodes[1]);
    WAIT_FOR(w, broker_state(w->nodes[1].broker) == BROKER_DOWN);
}

static void back(struct world *w)
{
    node_mend(&w->nodes[1]);
    node_settle(&w->nodes[1]);
    node_emit(&w->nodes[0], "fence", "room");
    WAIT_FOR(w, strcmp(w->nodes[1].members[0].heard.last, "fence") == 0);
}

static void test_joined_and_left(void **state)
{
    struct world *w = *state;
    struct broker_claim cid, passing;
    struct heard *heard = two_nodes(w, &cid);

    away(w);
    broker_roster_release(w->nodes[0].roster, cid, false);
    passing = node_claim(&w->nodes[0], "passing");
    broker_roster_release(w->nodes[0].roster, passing, false);
    node_claim(&w->nodes[0], "dora");
    node_claim(&w->nodes[0], "eve");
    WAIT_FOR(w, strcmp(node_list(&w->nodes[0]), "ann bob dora eve") == 0);
    assert_int_equal(heard->joined + heard->left, 0);
    back(w);
    assert_int_equal(heard->left, 1);
    assert_int_equal(heard->joined, 2);
    assert_string_equal(node_list(&w->nodes[1]), "ann bob dora eve");
    /* Once is enough. */
    away(w);
    back(w);
    assert_int_equal(heard->left, 1);
    assert_int_equal(heard->joined, 2);
}

/* What is said while the list is being read reaches the members by itself. */
static void test_told_once_while_entering(void **state)
{
    struct world *w = *state;
    struct broker_claim cid;
    struct heard *heard = two_nodes(w, &cid);
    unsigned expected = 0;

    for (unsigned round = 0; round < 20; round++) {
        struct claiming claims[4];
        char name[16];

        away(w);
        node_mend(&w->nodes[1]);
        for (unsigned i = 0; i < TEST_COUNT(claims); i++) {
            snprintf(name, sizeof(name), "r%u-%u", round, i);
            node_ask(&w->nodes[0], name, 0, &claims[i]);
            for (unsigned turns = 0; turns < round; turns++)
                world_turn(w);
        }
        for (unsigned i = 0; i < TEST_COUNT(claims); i++)
            WAIT_FOR(w, claims[i].answers == 1);
        back(w);
        expected += TEST_COUNT(claims);
        assert_int_equal(heard->joined, expected);
        broker_roster_release(w->nodes[0].roster, claims[0].claim, false);
        WAIT_FOR(w, heard->left == round + 1);
    }
}

/* Beyond the limit they are told in sums. */
static void test_storm_missed(void **state)
{
    struct world *w = *state;
    struct heard *heard;
    struct broker_claim cid, claims[30];
    char name[16];

    w->storm_limit = 10;
    heard = two_nodes(w, &cid);
    away(w);
    for (unsigned i = 0; i < TEST_COUNT(claims); i++) {
        snprintf(name, sizeof(name), "user%u", i);
        claims[i] = node_claim(&w->nodes[0], name);
    }
    back(w);
    assert_int_equal(heard->joined, 7);
    assert_int_equal(heard->left, 0);
    assert_int_equal(broker_roster_count(w->nodes[1].roster), 33);
    away(w);
    for (unsigned i = 0; i < TEST_COUNT(claims); i++)
        broker_roster_release(w->nodes[0].roster, claims[i], false);
    WAIT_FOR(w, broker_roster_count(w->nodes[0].roster) == 3);
    back(w);
    assert_int_equal(heard->joined, 7);
    assert_int_equal(heard->left, 8);
}

/* A goodbye during an outage is heard on all nodes, whichever is back first and whatever Redis
 * still knows. */
static void goodbye_in_an_outage(struct world *w, bool empty)
{
    struct broker_claim cid;
    struct heard *heard[2];

    heard[1] = two_nodes(w, &cid);
    heard[0] = &node_member(&w->nodes[0], "room")->heard;
    for (unsigned first = 0; first < 2; first++) {
        redis_server_pause(&w->server);
        WAIT_FOR(w, broker_state(w->nodes[0].broker) == BROKER_DOWN &&
                        broker_state(w->nodes[1].broker) == BROKER_DOWN);
        broker_roster_release(w->nodes[0].roster, cid, false);
        node_cut(&w->nodes[!first]);
        if (empty) {
            redis_server_kill(&w->server);
            redis_server_start(&w->server);
        } else {
            redis_server_resume(&w->server);
        }
        node_settle(&w->nodes[first]);
        node_mend(&w->nodes[!first]);
        node_settle(&w->nodes[!first]);
        WAIT_FOR(w, heard[0]->left == first + 1 && heard[1]->left == first + 1);
        world_pass(w, 3 * LEASE_MS);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(heard[i]->left, first + 1);
            assert_int_equal(heard[i]->joined, first);
            assert_string_equal(node_list(&w->nodes[i]), "ann bob");
        }
        if (first == 0) {
            cid = node_claim(&w->nodes[0], "cid");
            WAIT_FOR(w, heard[0]->joined == 1 && heard[1]->joined == 1);
        }
    }
}

static void test_goodbye_in_an_outage(void **state)
{
    goodbye_in_an_outage(*state, false);
}

static void test_goodbye_while_all_was_lost(void **state)
{
    goodbye_in_an_outage(*state, true);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_joined_and_left),
        CASE(test_told_once_while_entering),
        CASE(test_storm_missed),
        CASE(test_goodbye_in_an_outage),
        CASE(test_goodbye_while_all_was_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
