/* Names kept in Redis: who gets one, how a copy of the list is read while it changes, and what
 * arrives too late. */
#define _GNU_SOURCE
#include "tests/unit/redis/world.h"

#include <stdio.h>
#include <string.h>

#define RACERS 51
#define MANY_NAMES 2500
#define MANY_LEASE_MS 4000

static unsigned answered(const struct claiming *claims, unsigned count)
{
    unsigned answers = 0;

    for (unsigned i = 0; i < count; i++)
        answers += claims[i].answers;
    return answers;
}

static void test_many_race_for_one_name(void **state)
{
    struct world *w = *state;
    struct claiming claims[RACERS];
    unsigned won = 0, winner = 0;

    onlooker_start(w);
    onlooker_subscribe(w, REDIS_SUBSCRIBE, "socket.io#/#");
    for (unsigned i = 0; i < NODES_MAX; i++)
        node_start(w, i);
    for (unsigned i = 0; i < RACERS; i++)
        node_ask(&w->nodes[i % NODES_MAX], "bride", 0, &claims[i]);
    WAIT_FOR(w, answered(claims, RACERS) == RACERS);
    for (unsigned i = 0; i < RACERS; i++) {
        assert_true(claims[i].result == BROKER_CLAIM_WON || claims[i].result == BROKER_CLAIM_TAKEN);
        if (claims[i].result == BROKER_CLAIM_WON) {
            won++;
            winner = i;
        }
    }
    assert_int_equal(won, 1);
    WAIT_FOR(w, w->announced.joined == 1);
    broker_roster_release(w->nodes[winner % NODES_MAX].roster, claims[winner].claim, false);
    WAIT_FOR(w, w->announced.left == 1);
    for (unsigned i = 0; i < NODES_MAX; i++)
        WAIT_FOR(w, broker_roster_count(w->nodes[i].roster) == 0);
    assert_int_equal(w->announced.joined, 1);
}

/* A lost line: the client comes back on another node, within the lease. */
static void test_resumed_on_another_node(void **state)
{
    struct world *w = *state;
    struct claiming claiming;
    struct member *member;

    onlooker_start(w);
    onlooker_subscribe(w, REDIS_SUBSCRIBE, "socket.io#/#");
    node_start(w, 0);
    node_start(w, 1);
    member = node_member(&w->nodes[0], NULL);
    node_ask(&w->nodes[1], "ann", 7, &claiming);
    WAIT_FOR(w, claiming.answers == 1 && member->heard.joined == 1);
    node_crash(&w->nodes[1]);
    node_ask(&w->nodes[0], "ann", 8, &claiming);
    WAIT_FOR(w, claiming.answers == 1);
    assert_int_equal(claiming.result, BROKER_CLAIM_TAKEN);
    node_ask(&w->nodes[0], "ann", 7, &claiming);
    WAIT_FOR(w, claiming.answers == 1);
    assert_int_equal(claiming.result, BROKER_CLAIM_RESUMED);
    world_pass(w, 2 * LEASE_MS);
    assert_int_equal(w->announced.joined, 1);
    assert_int_equal(w->announced.left, 0);
    assert_string_equal(node_list(&w->nodes[0]), "ann");
}

/* A claim that was sent on a connection of before arrives when its node has long begun anew. */
static void test_a_late_claim(void **state)
{
    struct world *w = *state;
    struct text args[22];
    char owner[64];
    unsigned answers;

    node_start(w, 0);
    onlooker_start(w);
    snprintf(owner, sizeof(owner), "%s",
             onlooker_ask(w, "ZRANGE", "confab:{socket.io}:leases", "0", "0", NULL));
    for (unsigned i = 0; i < TEST_COUNT(args); i++)
        args[i] = TEXT("1");
    args[0] = TEXT("confab:{socket.io}:roster:/:names");
    args[1] = TEXT("confab:{socket.io}:roster:/:meta");
    args[2] = TEXT("confab:{socket.io}:roster:/:grace");
    args[3] = TEXT("confab:{socket.io}:roster:/:held");
    args[4] = TEXT("confab:{socket.io}:roster:/:owners");
    args[5] = TEXT("confab:{socket.io}:leases");
    args[6] = (struct text){owner, strlen(owner)};
    answers = w->answers;
    w->answer[0] = '\0';
    redis_link_script(w->onlooker, &redis_script_claim, args, 6, TEST_COUNT(args),
                      onlooker_answered, w);
    WAIT_FOR(w, w->answers > answers);
    assert_string_equal(w->answer, "expired");
    assert_string_equal(onlooker_ask(w, "HLEN", "confab:{socket.io}:roster:/:names", NULL), "0");
}

/* ---- the copy ---- */

struct list_of_names {
    const char *names[MANY_NAMES];
    size_t count;
};

static bool collect(void *user, const char *shown)
{
    struct list_of_names *list = user;

    list->names[list->count++] = shown;
    return list->count < MANY_NAMES;
}

static bool same_lists(struct node *a, struct node *b)
{
    struct list_of_names x = {.count = 0}, y = {.count = 0};

    broker_roster_each(a->roster, collect, &x);
    broker_roster_each(b->roster, collect, &y);
    if (x.count != y.count)
        return false;
    for (size_t i = 0; i < x.count; i++)
        if (strcmp(x.names[i], y.names[i]) != 0)
            return false;
    return true;
}

/* Gives one name back and, every other time, asks for it again at once; else when it is met again,
 * so that the list stays long however often it is stirred. */
static void stir(struct world *w, struct claiming *claims, unsigned i, bool again)
{
    struct node *node = &w->nodes[i % 2];
    char name[16];

    if (claims[i].answers == 0)
        return;
    if (claims[i].claim.id == 0)
        again = true;
    else
        broker_roster_release(node->roster, claims[i].claim, false);
    claims[i].claim.id = 0;
    snprintf(name, sizeof(name), "user%u", i);
    if (again)
        node_ask(node, name, 0, &claims[i]);
}

/* A node reads a list of several pages while names come and go. */
static void test_a_list_in_motion(void **state)
{
    struct world *w = *state;
    struct claiming *claims = test_calloc(MANY_NAMES, sizeof(*claims));
    char name[16];

    w->lease_ms = MANY_LEASE_MS;
    w->storm_limit = 2 * MANY_NAMES;
    node_start(w, 0);
    node_start(w, 1);
    for (unsigned i = 0; i < MANY_NAMES; i++) {
        snprintf(name, sizeof(name), "user%u", i);
        node_ask(&w->nodes[i % 2], name, 0, &claims[i]);
    }
    WAIT_FOR(w, broker_roster_count(w->nodes[0].roster) == MANY_NAMES);
    node_start(w, 2);
    for (unsigned round = 0; round < 20; round++) {
        node_cut(&w->nodes[2]);
        WAIT_FOR(w, broker_state(w->nodes[2].broker) == BROKER_DOWN);
        node_mend(&w->nodes[2]);
        for (unsigned n = 0; !broker_redis_settled(w->nodes[2].broker) || n < 20; n++) {
            stir(w, claims, (round * 977 + n * 31) % MANY_NAMES, n % 2 == 0);
            if (n % 4 == 0)
                world_turn(w);
        }
        WAIT_FOR(w, same_lists(&w->nodes[0], &w->nodes[1]));
        WAIT_FOR(w, same_lists(&w->nodes[0], &w->nodes[2]));
    }
    assert_true(broker_roster_count(w->nodes[2].roster) > MANY_NAMES / 2);
    for (unsigned i = 0; i < NODES_MAX; i++)
        node_free(&w->nodes[i]);
    test_free(claims);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_many_race_for_one_name),
        CASE(test_resumed_on_another_node),
        CASE(test_a_late_claim),
        CASE(test_a_list_in_motion),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
