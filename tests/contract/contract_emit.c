/* The battery, part one: members, rooms and emits on one node. */
#include "tests/contract/contract.h"

#include <stdio.h>
#include <string.h>

#include "common/live.h"
#include "common/value.h"
#include <confab/err.h>

/* Four peers: 0 1 in "a", 1 2 in "b", 3 in none. */
static struct node *four_peers(struct contract *c)
{
    struct node *node = make_node(c, 0);

    for (unsigned i = 0; i < 4; i++)
        add_peer(node);
    join(&node->peers[0], "a");
    join(&node->peers[1], "a");
    join(&node->peers[1], "b");
    join(&node->peers[2], "b");
    return node;
}

static void assert_four_heard(struct node *node, const char *p0, const char *p1, const char *p2,
                              const char *p3)
{
    quiesce(node->contract);
    assert_heard(&node->peers[0], p0);
    assert_heard(&node->peers[1], p1);
    assert_heard(&node->peers[2], p2);
    assert_heard(&node->peers[3], p3);
}

static void case_selection(struct contract *c)
{
    struct node *node = four_peers(c);
    const char *id = node->peers[3].id;

    emit(node, "all", "", "", 0);
    emit(node, "a", "a", "", 0);
    emit(node, "both", "a b", "", 0);
    emit(node, "id", id, "", 0);
    emit(node, "nobody", "none", "", 0);
    assert_four_heard(node, "all a both", "all a both", "all both", "all id");
    emit(node, "not-a", "", "a", 0);
    emit(node, "b-not-a", "b", "a", 0);
    emit(node, "not-id", "", id, 0);
    emit(node, "none", "a", "a none", 0);
    assert_four_heard(node, "not-id", "not-id", "not-a b-not-a not-id", "not-a");
}

static void case_once_inside_the_call(struct contract *c)
{
    struct node *node = four_peers(c);

    emit(node, "hi", "a b", "", 0);
    assert_heard(&node->peers[0], "hi");
    assert_heard(&node->peers[1], "hi");
    assert_heard(&node->peers[2], "hi");
    assert_four_heard(node, "", "", "", "");
}

static void case_flags(struct contract *c)
{
    struct node *node = four_peers(c);

    emit(node, "1", "", "", MESSAGE_VOLATILE | MESSAGE_COMPRESS_OFF);
    assert_int_equal(node->peers[0].flags, MESSAGE_VOLATILE | MESSAGE_COMPRESS_OFF);
    emit(node, "2", "", "", MESSAGE_NO_FLAGS);
    assert_int_equal(node->peers[0].flags, MESSAGE_NO_FLAGS);
    emit(node, "3", "a", "", MESSAGE_LOCAL);
    assert_four_heard(node, "1 2 3", "1 2 3", "1 2", "1 2");
}

static void case_namespaces_are_apart(struct contract *c)
{
    struct node *node = make_node(c, 0);
    struct broker_namespace *other = broker_namespace(node->broker, "/other");
    struct peer *here = add_peer(node), *there;
    struct message *message;

    assert_ptr_equal(broker_namespace(node->broker, "/other"), other);
    assert_string_equal(broker_namespace_name(other), "/other");
    settle(c);
    there = add_peer_in(node, other);
    join(here, "a");
    join(there, "a");
    assert_int_equal(broker_member_count(node->nsp), 1);
    assert_int_equal(broker_member_count(other), 1);
    assert_null(broker_find(other, here->id));
    emit(node, "here", "a", "", 0);
    emit(node, "here", "", "", 0);
    message = make_message("/other", "there", "a", "", 0);
    broker_emit(node->broker, message);
    message_release(message);
    quiesce(c);
    assert_heard(here, "here here");
    assert_heard(there, "there");
    broker_namespace_set_user(other, there);
    assert_ptr_equal(broker_namespace_user(other), there);
}

/* ---- ordered ---- */

struct emitted {
    unsigned answers;
    int status;
    enum broker_scope scope;
};

static void on_emitted(void *user, int status, enum broker_scope scope)
{
    struct emitted *emitted = user;

    emitted->answers++;
    emitted->status = status;
    emitted->scope = scope;
}

static bool is_emitted(void *arg)
{
    return ((struct emitted *)arg)->answers != 0;
}

static void emit_and_wait(struct node *node, struct message *message, enum broker_scope scope)
{
    struct emitted emitted = {0};

    broker_emit_ordered(node->broker, message, on_emitted, &emitted);
    message_release(message);
    wait_for(node->contract, "an ordered emit", is_emitted, &emitted);
    assert_int_equal(emitted.answers, 1);
    assert_int_equal(emitted.status, CONFAB_OK);
    assert_int_equal(emitted.scope, scope);
}

static void case_ordered(struct contract *c)
{
    struct node *node = four_peers(c);

    emit_and_wait(node, make_message("/", "1", "", "", 0), BROKER_SCOPE_CLUSTER);
    emit_and_wait(node, make_message("/", "2", "a b", node->peers[1].id, 0), BROKER_SCOPE_CLUSTER);
    emit_and_wait(node, make_message("/", "3", "", "", MESSAGE_LOCAL), BROKER_SCOPE_NODE);
    assert_four_heard(node, "1 2 3", "1 3", "1 2 3", "1 3");
    for (unsigned i = 0; i < 10; i++) {
        char event[2] = {(char)('0' + i), '\0'};

        emit_ordered(node, event, "", "");
    }
    quiesce(c);
    assert_all_heard(c, "0 1 2 3 4 5 6 7 8 9");
}

static void case_many_arguments(struct contract *c)
{
    struct node *node = make_node(c, 0);
    struct peer *peer = add_peer(node);
    struct message *message =
        message_new("/", 1, NULL, 0, NULL, 0, 0,
                    confab_list(confab_string("x"), confab_binary("\0\1", 2), confab_null(), NULL));

    broker_emit(node->broker, message);
    broker_emit_ordered(node->broker, message, NULL, NULL);
    message_release(message);
    quiesce(c);
    assert_heard(peer, "x x");
}

/* ---- members and rooms ---- */

struct names_seen {
    char list[512];
};

static void see_room(void *user, const struct text *room)
{
    struct names_seen *seen = user;
    size_t used = strlen(seen->list);

    assert_int_equal(room->bytes[room->length], '\0');
    snprintf(seen->list + used, sizeof(seen->list) - used, "%s ", room->bytes);
}

static void see_member(void *user, struct broker_member *member)
{
    unsigned *bits = user;
    struct peer *peer = container_of(member, struct peer, member);

    *bits |= 1u << (unsigned)(peer - peer->node->peers);
}

static void see_and_remove(void *user, struct broker_member *member)
{
    see_member(user, member);
    broker_remove(member);
}

static void case_members_and_rooms(struct contract *c)
{
    struct node *node = four_peers(c);
    const struct text b = {"b", 1}, none = {"none", 4};
    struct names_seen seen = {""};
    char expected[128];
    unsigned bits = 0;

    assert_int_equal(broker_member_count(node->nsp), 4);
    assert_ptr_equal(broker_find(node->nsp, node->peers[2].id), &node->peers[2].member);
    assert_null(broker_find(node->nsp, "a"));
    assert_true(broker_is_in(&node->peers[1].member, node->peers[1].id, 20));
    broker_each_room(&node->peers[1].member, see_room, &seen);
    snprintf(expected, sizeof(expected), "%s a b ", node->peers[1].id);
    assert_string_equal(seen.list, expected);
    broker_each_member(node->nsp, &b, see_member, &bits);
    assert_int_equal(bits, 6);
    bits = 0;
    broker_each_member(node->nsp, &none, see_member, &bits);
    assert_int_equal(bits, 0);
    broker_each_member(node->nsp, &b, see_and_remove, &bits);
    assert_int_equal(bits, 6);
    bits = 0;
    broker_each_member(node->nsp, NULL, see_member, &bits);
    assert_int_equal(bits, 9);
    assert_null(broker_find(node->nsp, node->peers[2].id));
    broker_remove(&node->peers[2].member);
    assert_false(broker_is_in(&node->peers[2].member, "b", 1));
    broker_leave(&node->peers[2].member, "b", 1);
    assert_int_equal(broker_join(&node->peers[2].member, "b", 1, NULL, NULL), CONFAB_ECLOSED);
    assert_int_equal(broker_member_count(node->nsp), 2);
}

static void case_leave(struct contract *c)
{
    struct node *node = four_peers(c);

    leave(&node->peers[1], "a");
    broker_leave(&node->peers[1].member, "a", 1);
    broker_leave(&node->peers[0].member, node->peers[0].id, 20); /* not its private room */
    assert_true(broker_is_in(&node->peers[0].member, node->peers[0].id, 20));
    emit(node, "a", "a", "", 0);
    leave(&node->peers[0], "a");
    emit(node, "empty", "a", "", 0);
    join(&node->peers[3], "a");
    emit_ordered(node, "again", "a", "");
    assert_four_heard(node, "a", "", "", "again");
}

static void case_odd_room_names(struct contract *c)
{
    static const char *const names[] = {"*", "?", "[a]", "\\", "#", "a#b", "\xf0\x9f\x98\x80", ""};
    struct node *node = make_node(c, 0);
    struct peer *peer = add_peer(node);

    for (size_t i = 0; i < TEST_COUNT(names); i++) {
        const struct text room = {names[i], strlen(names[i])};
        struct message *message =
            message_new("/", 1, &room, 1, NULL, 0, 0, confab_list(confab_string("in"), NULL));

        add_peer(node);
        broker_emit(node->broker, message);
        assert_heard(peer, "");
        join(peer, names[i]);
        broker_emit(node->broker, message);
        broker_emit_ordered(node->broker, message, NULL, NULL);
        message_release(message);
        quiesce(c);
        assert_heard(peer, "in in");
        broker_remove(&node->peers[1].member);
        node->peer_count = 1;
    }
}

static void never_called(void *user, int status)
{
    (void)user;
    fail_msg("answered with %d", status);
}

static void case_limits(struct contract *c)
{
    static char long_name[BROKER_ROOM_MAX_BYTES + 1];
    struct broker_member *member = &add_peer(make_node(c, 0))->member;
    char name[16];

    memset(long_name, 'x', sizeof(long_name));
    assert_int_equal(broker_join(member, long_name, sizeof(long_name), never_called, NULL),
                     CONFAB_ELIMIT);
    for (unsigned i = 1; i < BROKER_ROOMS_PER_MEMBER_MAX; i++) {
        snprintf(name, sizeof(name), "room%u", i);
        assert_int_equal(broker_join(member, name, strlen(name), NULL, NULL), CONFAB_OK);
    }
    assert_int_equal(broker_join(member, "over", 4, never_called, NULL), CONFAB_ELIMIT);
    assert_false(broker_is_in(member, "over", 4));
    assert_int_equal(broker_join(member, "room7", 5, NULL, NULL), CONFAB_OK);
    broker_leave(member, "room7", 5);
    assert_int_equal(broker_join(member, "over", 4, NULL, NULL), CONFAB_OK);
}

/* ---- from inside a delivery ---- */

static void remove_all(struct peer *peer)
{
    for (unsigned i = 0; i < 4; i++)
        broker_remove(&peer->node->peers[i].member);
}

static void remove_self(struct peer *peer)
{
    broker_remove(&peer->member);
}

static void bring_in_another(struct peer *peer)
{
    peer->inside = NULL;
    broker_join(&peer->node->peers[3].member, "a", 1, NULL, NULL);
    add_peer(peer->node);
}

static void emit_reply(struct peer *peer)
{
    peer->inside = NULL;
    emit(peer->node, "reply", "", "", MESSAGE_LOCAL);
    assert_null(strstr(peer->log, "reply"));
}

static void case_remove_inside(struct contract *c)
{
    struct node *node = four_peers(c);

    node->peers[0].inside = remove_self;
    node->peers[1].inside = remove_self;
    emit(node, "hi", "", "", MESSAGE_LOCAL);
    assert_heard(&node->peers[0], "hi");
    assert_heard(&node->peers[1], "hi");
    assert_heard(&node->peers[2], "hi");
    assert_heard(&node->peers[3], "hi");
    assert_int_equal(broker_member_count(node->nsp), 2);
    node->peers[2].inside = remove_all;
    emit(node, "last", "", "", MESSAGE_LOCAL);
    assert_heard(&node->peers[2], "last");
    assert_heard(&node->peers[3], "");
    assert_int_equal(broker_member_count(node->nsp), 0);
}

static void case_bring_in_inside(struct contract *c)
{
    struct node *node = four_peers(c);

    node->peers[0].inside = bring_in_another;
    emit(node, "hi", "a", "", MESSAGE_LOCAL);
    node->peers[0].inside = bring_in_another;
    emit(node, "all", "", "", MESSAGE_LOCAL);
    assert_heard(&node->peers[0], "hi all");
    assert_heard(&node->peers[3], "all");
    assert_heard(&node->peers[4], "all");
    assert_heard(&node->peers[5], "");
}

static void case_emit_inside(struct contract *c)
{
    struct node *node = four_peers(c);

    node->peers[0].inside = emit_reply;
    node->peers[2].inside = emit_reply;
    emit(node, "hi", "", "", MESSAGE_LOCAL);
    assert_four_heard(node, "hi reply reply", "hi reply reply", "hi reply reply", "hi reply reply");
}

/* ---- the end ---- */

struct owed {
    unsigned joins;
    unsigned emits;
    unsigned claims;
    unsigned leaves;
};

static void owed_join(void *user, int status)
{
    (void)status;
    ((struct owed *)user)->joins++;
}

static void owed_emit(void *user, int status, enum broker_scope scope)
{
    (void)status;
    (void)scope;
    ((struct owed *)user)->emits++;
}

static void owed_claim(void *user, enum broker_claim_result result, struct broker_claim claim)
{
    (void)result;
    (void)claim;
    ((struct owed *)user)->claims++;
}

static void owed_leave(void *user)
{
    ((struct owed *)user)->leaves++;
}

static void case_everything_is_answered_at_the_end(struct contract *c)
{
    struct node *node = make_node(c, 0);
    struct peer *peer = add_peer(node);
    struct message *message = make_message("/", "late", "", "", 0);
    const struct broker_name name = {.key = "ann", .shown = "Ann"};
    struct owed owed = {0};

    open_roster(node);
    assert_int_equal(broker_join(&peer->member, "a", 1, owed_join, &owed), CONFAB_OK);
    assert_int_equal(broker_join(&peer->member, "b", 1, owed_join, &owed), CONFAB_OK);
    broker_emit_ordered(node->broker, message, owed_emit, &owed);
    broker_emit_ordered(node->broker, message, owed_emit, &owed);
    message_release(message);
    broker_roster_claim(node->roster, &name, owed_claim, &owed);
    broker_roster_claim(node->roster, &name, owed_claim, &owed);
    broker_leave_cluster(node->broker, owed_leave, &owed);
    free_node(node);
    assert_int_equal(owed.joins, 2);
    assert_int_equal(owed.emits, 2);
    assert_int_equal(owed.claims, 2);
    assert_int_equal(owed.leaves, 1);
    broker_remove(&peer->member);
    pass(c, 50);
    assert_int_equal(owed.joins + owed.emits + owed.claims + owed.leaves, 7);
}

static void case_tag(struct contract *c)
{
    struct node *node = make_node(c, 0);
    const char *tag = broker_node_tag(node->broker);

    assert_non_null(tag);
    assert_in_range(strlen(tag), 3, 8);
    assert_int_equal(strspn(tag, "0123456789abcdefghijklmnopqrstuvwxyz"), strlen(tag));
    assert_non_null(broker_counters(node->broker));
}

const struct contract_case contract_emit_cases[] = {
    {"who is meant", 1, case_selection},
    {"once, inside the call", 1, case_once_inside_the_call},
    {"flags", 1, case_flags},
    {"namespaces are apart", 1, case_namespaces_are_apart},
    {"ordered", 1, case_ordered},
    {"several arguments, bytes among them", 1, case_many_arguments},
    {"members and rooms are found", 1, case_members_and_rooms},
    {"leaving", 1, case_leave},
    {"odd room names", 1, case_odd_room_names},
    {"limits", 1, case_limits},
    {"members removed inside a delivery", 1, case_remove_inside},
    {"members brought in inside a delivery", 1, case_bring_in_inside},
    {"an emit inside a delivery waits", 1, case_emit_inside},
    {"everything is answered at the end", 1, case_everything_is_answered_at_the_end},
    {"the node's tag", 1, case_tag},
    {NULL, 0, NULL},
};
