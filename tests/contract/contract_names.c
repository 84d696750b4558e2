/* The battery, part two: names on one node. */
#include "tests/contract/contract.h"

#include <stdio.h>
#include <string.h>

#include <confab/err.h>

/* A node with its roster open and one peer who listens. */
static struct node *listening(struct contract *c)
{
    struct node *node = make_node(c, 0);

    open_roster(node);
    add_peer(node);
    settle(c);
    return node;
}

static void heard(struct node *node, const char *expected)
{
    quiesce(node->contract);
    assert_heard(&node->peers[0], expected);
}

static void case_won(struct contract *c)
{
    struct node *node = listening(c);
    uint64_t version = broker_roster_version(node->roster);
    struct claim claim = {0};

    assert_int_equal(broker_roster_count(node->roster), 0);
    ask(node, "Ann", 0, 1, &claim);
    wait_answer(&claim);
    assert_int_equal(claim.result, BROKER_CLAIM_WON);
    assert_int_not_equal(claim.id.id, 0);
    assert_string_equal(claim.heard_before, ""); /* joined comes after the answer */
    wait_heard(&node->peers[0], "joined:Ann");
    wait_list(node, "Ann");
    assert_int_equal(broker_roster_count(node->roster), 1);
    assert_true(broker_roster_version(node->roster) > version);
    heard(node, "joined:Ann");
}

static void case_taken(struct contract *c)
{
    struct node *node = listening(c);
    uint64_t version;

    claim_name(node, "Ann", 0, 1, BROKER_CLAIM_WON);
    wait_list(node, "Ann");
    version = broker_roster_version(node->roster);
    claim_name(node, "ANN", 0, 2, BROKER_CLAIM_TAKEN);
    claim_name(node, "Ann", 2, 2, BROKER_CLAIM_TAKEN); /* not the secret */
    heard(node, "joined:Ann");
    assert_list(node, "Ann");
    assert_int_equal(broker_roster_version(node->roster), version);
    assert_int_equal(node->loss_count, 0);
}

static void case_released(struct contract *c)
{
    struct node *node = listening(c);
    struct broker_claim claim = claim_name(node, "Ann", 0, 1, BROKER_CLAIM_WON);

    release(node, claim, false);
    wait_heard(&node->peers[0], "joined:Ann left:Ann");
    wait_list(node, "");
    release(node, claim, false);
    release(node, (struct broker_claim){0}, false);
    release(node, (struct broker_claim){12345}, true);
    claim = claim_name(node, "ANN", 1, 2, BROKER_CLAIM_WON);
    wait_list(node, "ANN");
    heard(node, "joined:Ann left:Ann joined:ANN");
    assert_int_equal(node->loss_count, 0);
}

static void case_asked_at_once(struct contract *c)
{
    static const char *const names[] = {"Ann", "ann", "Bob", "ANN", "Cy"};
    struct node *node = listening(c);
    struct claim claims[TEST_COUNT(names)];
    unsigned won = 0;

    memset(claims, 0, sizeof(claims));
    for (size_t i = 0; i < TEST_COUNT(names); i++)
        ask(node, names[i], 0, (uint8_t)(i + 1), &claims[i]);
    for (size_t i = 0; i < TEST_COUNT(names); i++) {
        wait_answer(&claims[i]);
        won += claims[i].result == BROKER_CLAIM_WON;
    }
    assert_int_equal(won, 3);
    assert_int_equal(claims[0].result, BROKER_CLAIM_WON);
    wait_list(node, "Ann Bob Cy");
    heard(node, "joined:Ann joined:Bob joined:Cy");
}

static void case_resumed(struct contract *c)
{
    struct node *node = listening(c);
    struct broker_claim first = claim_name(node, "Ann", 0, 1, BROKER_CLAIM_WON), second;
    uint64_t version;

    wait_list(node, "Ann");
    version = broker_roster_version(node->roster);
    second = claim_name(node, "ann", 1, 2, BROKER_CLAIM_RESUMED);
    assert_int_not_equal(second.id, first.id);
    assert_string_equal(broker_roster_shown(node->roster, second), "Ann");
    assert_null(broker_roster_shown(node->roster, first));
    wait_lost(node, first, CONFAB_EEXISTS);
    release(node, first, false);                       /* void: must not free the name */
    claim_name(node, "Ann", 1, 3, BROKER_CLAIM_TAKEN); /* the old secret is spent */
    heard(node, "joined:Ann");
    assert_list(node, "Ann");
    assert_int_equal(broker_roster_version(node->roster), version);
    release(node, second, false);
    wait_heard(&node->peers[0], "left:Ann");
    heard(node, "left:Ann");
    assert_int_equal(node->loss_count, 0);
}

static void case_not_to_be_resumed(struct contract *c)
{
    struct node *node = listening(c);
    struct broker_claim claim = claim_name(node, "Ann", 0, 0, BROKER_CLAIM_WON);

    claim_name(node, "Ann", 0, 1, BROKER_CLAIM_TAKEN);
    claim_name(node, "Ann", ZERO_SECRET, 1, BROKER_CLAIM_TAKEN);
    release(node, claim, true);
    claim_name(node, "Ann", 0, 1, BROKER_CLAIM_TAKEN);
    wait_heard(&node->peers[0], "joined:Ann left:Ann");
    claim_name(node, "Ann", 0, ZERO_SECRET, BROKER_CLAIM_WON);
    claim_name(node, "Ann", 0, 1, BROKER_CLAIM_TAKEN);
    claim_name(node, "Ann", ZERO_SECRET, 1, BROKER_CLAIM_RESUMED);
}

static void case_grace_ends(struct contract *c)
{
    struct node *node = listening(c);
    struct broker_claim claim = claim_name(node, "Ann", 0, 1, BROKER_CLAIM_WON);
    int64_t released_at_ms = c->harness->now_ms(c->world);

    release(node, claim, true);
    claim_name(node, "Ann", 0, 2, BROKER_CLAIM_TAKEN);
    claim_name(node, "Ann", 3, 2, BROKER_CLAIM_TAKEN);
    heard(node, "joined:Ann");
    assert_list(node, "Ann");
    wait_heard(&node->peers[0], "left:Ann");
    assert_true(c->harness->now_ms(c->world) - released_at_ms >= GRACE_MS);
    wait_list(node, "");
    claim_name(node, "Ann", 1, 2, BROKER_CLAIM_WON); /* as a new name */
    pass(c, 2 * GRACE_MS);
    heard(node, "left:Ann joined:Ann");
}

static void case_grace_resumed(struct contract *c)
{
    struct node *node = listening(c);
    struct broker_claim claim = claim_name(node, "Ann", 0, 1, BROKER_CLAIM_WON);

    release(node, claim, true);
    claim = claim_name(node, "Ann", 1, 2, BROKER_CLAIM_RESUMED);
    pass(c, 2 * GRACE_MS);
    heard(node, "joined:Ann");
    assert_list(node, "Ann");
    assert_int_equal(node->loss_count, 0);
    release(node, claim, true);
    wait_heard(&node->peers[0], "left:Ann");
    pass(c, 2 * GRACE_MS);
    heard(node, "left:Ann");
}

static void case_released_inside(struct contract *c)
{
    struct node *node = listening(c);
    struct claim claim = {.release_inside = true};

    ask(node, "Ann", 0, 1, &claim);
    wait_answer(&claim);
    assert_int_equal(claim.result, BROKER_CLAIM_WON);
    wait_heard(&node->peers[0], "joined:Ann left:Ann");
    wait_list(node, "");
    heard(node, "joined:Ann left:Ann");
}

static void case_emit_inside(struct contract *c)
{
    struct node *node = listening(c);
    struct claim claim = {.emit_inside = true};

    ask(node, "Ann", 0, 1, &claim);
    wait_answer(&claim);
    assert_string_equal(claim.heard_before, "");
    wait_heard(&node->peers[0], "joined:Ann inside");
}

static void case_in_joining_order(struct contract *c)
{
    struct node *node = listening(c);
    struct broker_claim bob;

    claim_name(node, "Zoe", 0, 1, BROKER_CLAIM_WON);
    bob = claim_name(node, "Bob", 0, 1, BROKER_CLAIM_WON);
    claim_name(node, "Ann", 0, 1, BROKER_CLAIM_WON);
    wait_list(node, "Zoe Bob Ann");
    claim_name(node, "Zoe", 1, 1, BROKER_CLAIM_RESUMED);
    release(node, bob, false);
    wait_list(node, "Zoe Ann");
    claim_name(node, "Bob", 0, 1, BROKER_CLAIM_WON);
    wait_list(node, "Zoe Ann Bob");
}

/* ---- storms ---- */

struct counting {
    struct peer *peer;
    int64_t online;
};

static bool counts(void *arg)
{
    const struct counting *counting = arg;

    return counting->peer->online == counting->online && counting->peer->storms != 0;
}

/* The peer has learnt, by storm sums too, that so many are online. */
static void wait_online(struct peer *peer, int64_t online)
{
    struct counting counting = {peer, online};

    wait_for(peer->node->contract, "the sums of a storm", counts, &counting);
}

static void case_storm(struct contract *c)
{
    struct node *node = listening(c);
    struct peer *peer = &node->peers[0];
    struct broker_claim claims[8];
    char name[8];

    for (unsigned i = 0; i < 8; i++) {
        snprintf(name, sizeof(name), "U%u", i);
        claims[i] = claim_name(node, name, 0, 1, BROKER_CLAIM_WON);
    }
    wait_online(peer, 8);
    heard(node, "joined:U0 joined:U1 joined:U2");
    assert_int_equal(peer->singles, STORM_LIMIT);
    assert_in_range(peer->storms, 1, 3);
    claim_name(node, "U7", 1, 1, BROKER_CLAIM_RESUMED);
    pass(c, 2500);
    assert_int_equal(peer->online, 8);
    assert_in_range(peer->storms, 1, 3); /* nothing to tell, nothing told */

    peer->storms = 0;
    release(node, claims[6], false);
    release(node, claims[5], false);
    wait_online(peer, 6);
    assert_in_range(peer->storms, 1, 2);

    peer->storms = 0;
    release(node, claims[4], false);
    release(node, claims[3], false);
    claim_name(node, "V", 0, 1, BROKER_CLAIM_WON); /* 5 again */
    for (unsigned i = 0; i < 3; i++)
        release(node, claims[i], false);
    wait_online(peer, 2); /* the last two are announced by themselves, what was counted ahead of
                             them */
    assert_in_range(peer->storms, 1, 2);
    heard(node, "left:U1 left:U2");
    pass(c, 1500);
    heard(node, "");
    assert_int_equal(peer->online, 2);
    assert_int_equal(broker_roster_count(node->roster), 2);
}

static void case_storm_and_grace(struct contract *c)
{
    struct node *node = listening(c);
    struct broker_claim claims[6];
    char name[8];

    for (unsigned i = 0; i < 6; i++) {
        snprintf(name, sizeof(name), "U%u", i);
        claims[i] = claim_name(node, name, 0, 1, BROKER_CLAIM_WON);
    }
    wait_online(&node->peers[0], 6);
    for (unsigned i = 0; i < 6; i++)
        release(node, claims[i], true);
    wait_list(node, "");
    wait_online(&node->peers[0], 0);
}

static void case_left_over(struct contract *c)
{
    struct node *node = listening(c);

    release(node, claim_name(node, "Ann", 0, 1, BROKER_CLAIM_WON), true);
    claim_name(node, "Bob", 0, 1, BROKER_CLAIM_WON);
    for (unsigned i = 0; i < 6; i++) {
        char name[8];

        snprintf(name, sizeof(name), "U%u", i);
        claim_name(node, name, 0, 1, BROKER_CLAIM_WON);
    }
}

static void case_unwanted_names(struct contract *c)
{
    struct node *node = listening(c);
    char name[300], expected[320];

    memset(name, 'x', sizeof(name));
    name[256] = '\0';
    claim_name(node, name, 0, 1, BROKER_CLAIM_TAKEN);
    claim_name(node, "", 0, 1, BROKER_CLAIM_TAKEN);
    name[255] = '\0';
    claim_name(node, name, 0, 1, BROKER_CLAIM_WON);
    snprintf(expected, sizeof(expected), "joined:%s", name);
    heard(node, expected);
}

const struct contract_case contract_name_cases[] = {
    {"a name is won", 1, case_won},
    {"a name is taken", 1, case_taken},
    {"a name is released", 1, case_released},
    {"claims asked at once", 1, case_asked_at_once},
    {"a name is resumed", 1, case_resumed},
    {"a name without a secret", 1, case_not_to_be_resumed},
    {"a grace ends", 1, case_grace_ends},
    {"a name is resumed in its grace", 1, case_grace_resumed},
    {"a claim released from its answer", 1, case_released_inside},
    {"an emit from a claim's answer", 1, case_emit_inside},
    {"the list is in joining order", 1, case_in_joining_order},
    {"a storm", 1, case_storm},
    {"a storm of ended graces", 1, case_storm_and_grace},
    {"names left over at the end", 1, case_left_over},
    {"names too long or empty", 1, case_unwanted_names},
    {NULL, 0, NULL},
};
