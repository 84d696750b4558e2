/* The battery, part three: what several nodes promise together. */
#include "tests/contract/contract.h"

#include <stdio.h>
#include <string.h>

#include <confab/err.h>

/* Two nodes, two peers each: n0.p0 n1.p0 in "a", n0.p1 n1.p1 in "b". */
static void two_nodes(struct contract *c)
{
    for (unsigned i = 0; i < 2; i++)
        make_node(c, i);
    for (unsigned i = 0; i < 2; i++) {
        add_peer(&c->nodes[i]);
        add_peer(&c->nodes[i]);
        join(&c->nodes[i].peers[0], "a");
        join(&c->nodes[i].peers[1], "b");
    }
    settle(c);
}

static void two_rosters(struct contract *c)
{
    two_nodes(c);
    open_roster(&c->nodes[0]);
    open_roster(&c->nodes[1]);
}

static void assert_two_heard(struct contract *c, const char *a0, const char *b0, const char *a1,
                             const char *b1)
{
    quiesce(c);
    assert_heard(&c->nodes[0].peers[0], a0);
    assert_heard(&c->nodes[0].peers[1], b0);
    assert_heard(&c->nodes[1].peers[0], a1);
    assert_heard(&c->nodes[1].peers[1], b1);
}

static void case_emits_cross(struct contract *c)
{
    struct node *first;

    two_nodes(c);
    first = &c->nodes[0];
    assert_string_not_equal(broker_node_tag(first->broker), broker_node_tag(c->nodes[1].broker));
    emit(first, "all", "", "", 0);
    emit(first, "a", "a", "", 0);
    emit(first, "ab", "a b", "", 0);
    emit(first, "local", "", "", MESSAGE_LOCAL);
    assert_two_heard(c, "all a ab local", "all ab local", "all a ab", "all ab");
    emit(first, "not-a", "", "a", 0);
    emit(first, "id", c->nodes[1].peers[1].id, "", 0);
    emit(first, "not-id", "", c->nodes[1].peers[0].id, 0);
    emit(first, "none", "a b", "a b", 0);
    emit(first, "nobody", "none", "", 0);
    assert_two_heard(c, "not-id", "not-a not-id", "", "not-a id not-id");
    emit(first, "flags", "", "", MESSAGE_VOLATILE | MESSAGE_COMPRESS_ON);
    assert_two_heard(c, "flags", "flags", "flags", "flags");
    assert_int_equal(c->nodes[1].peers[0].flags, MESSAGE_VOLATILE | MESSAGE_COMPRESS_ON);
}

static void case_joins_and_leaves_cross(struct contract *c)
{
    struct node *first, *second;

    two_nodes(c);
    first = &c->nodes[0];
    second = &c->nodes[1];
    join(&second->peers[1], "new");
    emit(first, "1", "new", "", 0); /* at once: the join was done */
    quiesce(c);
    leave(&second->peers[1], "new");
    emit(first, "2", "new", "", 0);
    quiesce(c);
    join(&second->peers[1], "new");
    join(&second->peers[0], "new");
    leave(&second->peers[1], "new");
    emit(first, "3", "new", "", 0);
    quiesce(c);
    broker_remove(&second->peers[0].member);
    emit(first, "4", "new", "", 0);
    emit(first, "5", second->peers[0].id, "", 0);
    quiesce(c);
    assert_heard(&second->peers[0], "3");
    assert_heard(&second->peers[1], "1");
}

/* A member that joins and leaves without waiting: whatever order the subscriptions take, the last
 * word counts. */
static void case_hasty_joins(struct contract *c)
{
    struct peer *peer;

    two_nodes(c);
    peer = &c->nodes[1].peers[0];
    for (unsigned i = 0; i < 5; i++) {
        broker_join(&peer->member, "x", 1, NULL, NULL);
        broker_leave(&peer->member, "x", 1);
        broker_leave(&peer->member, "y", 1);
        broker_join(&peer->member, "y", 1, NULL, NULL);
    }
    join(peer, "y");
    settle(c);
    emit(&c->nodes[0], "x", "x", "", 0);
    emit(&c->nodes[0], "y", "y", "", 0);
    quiesce(c);
    assert_heard(peer, "y");
}

static void case_namespaces_cross(struct contract *c)
{
    struct peer *there[2];
    struct message *message = make_message("/other", "there", "", "", 0);

    two_nodes(c);
    for (unsigned i = 0; i < 2; i++) {
        struct broker_namespace *other = broker_namespace(c->nodes[i].broker, "/other");

        settle(c);
        there[i] = add_peer_in(&c->nodes[i], other);
    }
    broker_emit(c->nodes[0].broker, message);
    message_release(message);
    wait_heard(there[0], "there");
    wait_heard(there[1], "there");
    assert_two_heard(c, "", "", "", "");
}

static void case_one_order(struct contract *c)
{
    two_nodes(c);
    for (unsigned i = 0; i < 20; i++) {
        char event[8];

        for (unsigned n = 0; n < 2; n++) {
            snprintf(event, sizeof(event), "%u-%u", n, i);
            emit_ordered(&c->nodes[n], event, "", "");
        }
        if (i % 5 == 4)
            pass(c, 1);
    }
    quiesce(c);
    assert_int_equal(strlen(c->nodes[0].peers[0].log), 10 * 8 + 10 * 10 - 1);
    for (unsigned n = 0; n < 2; n++)
        for (unsigned i = 0; i < 2; i++)
            assert_string_equal(c->nodes[n].peers[i].log, c->nodes[0].peers[0].log);
}

/* ---- names ---- */

static void case_race(struct contract *c)
{
    struct claim claims[10];
    unsigned won = 0;

    two_rosters(c);
    memset(claims, 0, sizeof(claims));
    for (unsigned i = 0; i < TEST_COUNT(claims); i++)
        ask(&c->nodes[i % 2], i % 3 == 0 ? "ANN" : "ann", 0, (uint8_t)(i + 1), &claims[i]);
    for (unsigned i = 0; i < TEST_COUNT(claims); i++) {
        wait_answer(&claims[i]);
        assert_true(claims[i].result == BROKER_CLAIM_WON || claims[i].result == BROKER_CLAIM_TAKEN);
        won += claims[i].result == BROKER_CLAIM_WON;
    }
    assert_int_equal(won, 1);
    quiesce(c);
    assert_int_equal(strncmp(c->nodes[0].peers[0].log, "joined:", 7), 0);
    assert_int_equal(strlen(c->nodes[0].peers[0].log), strlen("joined:ann"));
    for (unsigned n = 0; n < 2; n++) {
        assert_string_equal(c->nodes[n].peers[1].log, c->nodes[0].peers[0].log);
        assert_int_equal(broker_roster_count(c->nodes[n].roster), 1);
    }
}

static void case_names_cross(struct contract *c)
{
    struct broker_claim ann;

    two_rosters(c);
    ann = claim_name(&c->nodes[0], "Ann", 0, 1, BROKER_CLAIM_WON);
    claim_name(&c->nodes[1], "ann", 0, 2, BROKER_CLAIM_TAKEN);
    claim_name(&c->nodes[1], "Bob", 0, 2, BROKER_CLAIM_WON);
    wait_list(&c->nodes[0], "Ann Bob");
    wait_list(&c->nodes[1], "Ann Bob");
    release(&c->nodes[0], ann, false);
    wait_list(&c->nodes[0], "Bob");
    wait_list(&c->nodes[1], "Bob");
    quiesce(c);
    assert_all_heard(c, "joined:Ann joined:Bob left:Ann");
    claim_name(&c->nodes[1], "ann", 0, 2, BROKER_CLAIM_WON);
}

static void case_resumed_elsewhere(struct contract *c)
{
    struct broker_claim first, second;

    two_rosters(c);
    first = claim_name(&c->nodes[0], "Ann", 0, 1, BROKER_CLAIM_WON);
    second = claim_name(&c->nodes[1], "aNN", 1, 2, BROKER_CLAIM_RESUMED);
    assert_string_equal(broker_roster_shown(c->nodes[1].roster, second), "Ann");
    wait_lost(&c->nodes[0], first, CONFAB_EEXISTS);
    release(&c->nodes[0], first, false);
    claim_name(&c->nodes[0], "Ann", 0, 3, BROKER_CLAIM_TAKEN);
    quiesce(c);
    assert_all_heard(c, "joined:Ann");
    first = claim_name(&c->nodes[0], "Ann", 2, 3, BROKER_CLAIM_RESUMED);
    wait_lost(&c->nodes[1], second, CONFAB_EEXISTS);
    release(&c->nodes[0], first, false);
    wait_list(&c->nodes[1], "");
    quiesce(c);
    assert_all_heard(c, "left:Ann");
    assert_int_equal(c->nodes[0].loss_count + c->nodes[1].loss_count, 0);
}

static void case_grace_elsewhere(struct contract *c)
{
    struct broker_claim claim;

    two_rosters(c);
    claim = claim_name(&c->nodes[0], "Ann", 0, 1, BROKER_CLAIM_WON);
    release(&c->nodes[0], claim, true);
    claim_name(&c->nodes[1], "Ann", 0, 2, BROKER_CLAIM_TAKEN);
    claim = claim_name(&c->nodes[1], "Ann", 1, 2, BROKER_CLAIM_RESUMED);
    pass(c, 2 * GRACE_MS);
    quiesce(c);
    assert_all_heard(c, "joined:Ann");
    release(&c->nodes[1], claim, true);
    wait_list(&c->nodes[0], "");
    wait_list(&c->nodes[1], "");
    pass(c, 2 * GRACE_MS);
    quiesce(c);
    assert_all_heard(c, "left:Ann");
}

static void case_late_node(struct contract *c)
{
    struct node *late;
    struct broker_claim bob;

    make_node(c, 0);
    open_roster(&c->nodes[0]);
    claim_name(&c->nodes[0], "Zoe", 0, 1, BROKER_CLAIM_WON);
    bob = claim_name(&c->nodes[0], "Bob", 0, 1, BROKER_CLAIM_WON);
    release(&c->nodes[0], claim_name(&c->nodes[0], "Cy", 0, 1, BROKER_CLAIM_WON), false);
    claim_name(&c->nodes[0], "Ann", 0, 1, BROKER_CLAIM_WON);
    late = make_node(c, 1);
    open_roster(late);
    wait_list(late, "Zoe Bob Ann");
    release(&c->nodes[0], bob, false);
    wait_list(late, "Zoe Ann");
}

static void on_left(void *user)
{
    ++*(unsigned *)user;
}

static bool has_left(void *arg)
{
    return *(unsigned *)arg != 0;
}

static void case_node_leaves(struct contract *c)
{
    unsigned left = 0;

    two_rosters(c);
    claim_name(&c->nodes[0], "Ann", 0, 1, BROKER_CLAIM_WON);
    claim_name(&c->nodes[0], "Bob", 0, 1, BROKER_CLAIM_WON);
    claim_name(&c->nodes[1], "Cy", 0, 1, BROKER_CLAIM_WON);
    wait_list(&c->nodes[1], "Ann Bob Cy");
    broker_leave_cluster(c->nodes[0].broker, on_left, &left);
    wait_for(c, "leaving the cluster", has_left, &left);
    assert_int_equal(left, 1);
    free_node(&c->nodes[0]);
    claim_name(&c->nodes[1], "Bob", 1, 2, BROKER_CLAIM_RESUMED);
    wait_list(&c->nodes[1], "Bob Cy");
    pass(c, 2 * GRACE_MS);
    quiesce(c);
    assert_all_heard(c, "joined:Ann joined:Bob joined:Cy left:Ann");
    assert_list(&c->nodes[1], "Bob Cy");
}

struct sums {
    struct contract *contract;
    int64_t online;
};

static bool all_count(void *arg)
{
    const struct sums *sums = arg;

    for (unsigned n = 0; n < 2; n++)
        if (sums->contract->nodes[n].peers[0].online != sums->online ||
            sums->contract->nodes[n].peers[0].storms == 0)
            return false;
    return true;
}

static void case_storm_crosses(struct contract *c)
{
    struct sums sums = {c, 10};
    struct broker_claim claims[10];
    char name[8];

    two_rosters(c);
    for (unsigned i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "U%u", i);
        claims[i] = claim_name(&c->nodes[i % 2], name, 0, 1, BROKER_CLAIM_WON);
    }
    wait_for(c, "sums on both nodes", all_count, &sums);
    quiesce(c);
    assert_all_heard(c, "joined:U0 joined:U1 joined:U2");
    for (unsigned i = 0; i < 9; i++)
        release(&c->nodes[i % 2], claims[i], false);
    sums.online = 1;
    wait_for(c, "sums on both nodes", all_count, &sums);
    wait_list(&c->nodes[0], "U9");
    wait_list(&c->nodes[1], "U9");
    pass(c, 1500);
    assert_true(all_count(&sums));
}

const struct contract_case contract_cluster_cases[] = {
    {"emits cross", 2, case_emits_cross},
    {"joins and leaves cross", 2, case_joins_and_leaves_cross},
    {"hasty joins", 2, case_hasty_joins},
    {"namespaces cross", 2, case_namespaces_cross},
    {"one order on all nodes", 2, case_one_order},
    {"nodes race for a name", 2, case_race},
    {"names cross", 2, case_names_cross},
    {"a name is resumed on another node", 2, case_resumed_elsewhere},
    {"a grace that ends on another node", 2, case_grace_elsewhere},
    {"a node that comes later", 2, case_late_node},
    {"a node leaves", 2, case_node_leaves},
    {"a storm on two nodes", 2, case_storm_crosses},
    {NULL, 0, NULL},
};
