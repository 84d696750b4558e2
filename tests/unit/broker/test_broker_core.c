/* What an implementation stands on, tried with one that only takes notes: owed answers, requests of
 * other nodes, hooks, the end. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "common/live.h"
#include "common/value.h"
#include <confab/err.h>

struct notes {
    struct broker broker;
    char log[4096];
    struct broker_namespace *nsp;
    struct broker_member members[3];
    struct roster_claim *asked;
    bool answer_inside;
};

static void note(struct notes *n, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct notes *n, const char *format, ...)
{
    size_t used = strlen(n->log);
    va_list args;

    va_start(args, format);
    vsnprintf(n->log + used, sizeof(n->log) - used, format, args);
    va_end(args);
    strncat(n->log, "; ", sizeof(n->log) - strlen(n->log) - 1);
}

static struct notes *notes_of(struct broker *broker)
{
    return container_of(broker, struct notes, broker);
}

static void assert_noted(struct notes *n, const char *expected)
{
    assert_string_equal(n->log, expected);
    n->log[0] = '\0';
}

/* ---- the implementation ---- */

static void stop(struct broker *broker)
{
    note(notes_of(broker), "stop");
}

static void forget(struct broker *broker)
{
    note(notes_of(broker), "free");
    broker_fini(broker);
}

static void namespace_opened(struct broker_namespace *nsp)
{
    note(notes_of(nsp->broker), "open %s", nsp->name);
}

static void namespace_closing(struct broker_namespace *nsp)
{
    note(notes_of(nsp->broker), "close %s", nsp->name);
}

static void room_first(struct broker_namespace *nsp, struct room *room)
{
    note(notes_of(nsp->broker), "+%s", room->name);
}

static void room_last(struct broker_namespace *nsp, struct room *room)
{
    note(notes_of(nsp->broker), "-%s", room->name);
}

static void room_joined(struct broker_namespace *nsp, struct room *room,
                        void (*done)(void *user, int status), void *user)
{
    note(notes_of(nsp->broker), "wants %s", room->name);
    done(user, CONFAB_OK);
}

static void publish(struct broker *broker, struct message *message)
{
    note(notes_of(broker), "publish %s", confab_as_string(confab_at(message->args, 0), NULL));
}

static void publish_ordered(struct broker *broker, struct message *message,
                            void (*done)(void *user, int status, enum broker_scope scope),
                            void *user)
{
    publish(broker, message);
    done(user, CONFAB_OK, BROKER_SCOPE_CLUSTER);
}

static void roster_opened(struct broker_roster *roster)
{
    note(notes_of(roster->broker), "roster %s", roster->config.joined_event);
}

static void roster_closing(struct broker_roster *roster)
{
    note(notes_of(roster->broker), "roster closing");
}

static void roster_claim(struct broker_roster *roster, struct roster_claim *claim)
{
    notes_of(roster->broker)->asked = claim;
}

static void roster_release(struct broker_roster *roster, struct roster_claim *claim,
                           bool keep_for_grace)
{
    note(notes_of(roster->broker), "release %s %d", claim->key.bytes, keep_for_grace);
    roster_claim_free(&claim);
}

static void answer(struct broker *broker, struct broker_pending *pending,
                   const struct confab_value *first_argument)
{
    note(notes_of(broker), "answer %s %d", (const char *)pending->impl,
         (int)confab_as_int(first_argument, -1));
}

static void answer_closed(struct broker *broker, struct broker_pending *pending)
{
    if (strcmp(pending->impl, "quiet") != 0)
        note(notes_of(broker), "closed %s %zu/%d", (const char *)pending->impl, pending->answered,
             (int)pending->expected);
}

static const struct broker_ops ops = {
    .stop = stop,
    .free = forget,
    .namespace_opened = namespace_opened,
    .namespace_closing = namespace_closing,
    .room_first = room_first,
    .room_last = room_last,
    .room_joined = room_joined,
    .publish = publish,
    .publish_ordered = publish_ordered,
    .roster_opened = roster_opened,
    .roster_closing = roster_closing,
    .roster_claim = roster_claim,
    .roster_release = roster_release,
    .answer = answer,
    .answer_closed = answer_closed,
};

/* ---- the layer above ---- */

static void on_deliver(void *user, struct broker_member *member, struct message *message)
{
    note(user, "%s gets %s", broker_member_id(member).bytes,
         confab_as_string(confab_at(message->args, 0), NULL));
}

static void on_deliver_with_ack(void *user, struct broker_member *member, struct message *message,
                                struct broker_reply reply)
{
    struct notes *n = user;

    note(n, "%s asked %s", broker_member_id(member).bytes,
         confab_as_string(confab_at(message->args, 0), NULL));
    if (n->answer_inside) {
        struct confab_value *value = confab_int(1);

        broker_answer_ack(&n->broker, reply, value);
        confab_value_release(value);
    }
}

static struct confab_value *on_describe(void *user, struct broker_member *member, bool abroad)
{
    (void)abroad;
    (void)user;
    return confab_string(broker_member_id(member).bytes);
}

static void on_disconnect(void *user, struct broker_member *member, bool close)
{
    note(user, "%s disconnect %d", broker_member_id(member).bytes, close);
    broker_remove(member);
}

static void on_state(void *user)
{
    note(user, "state");
}

static void on_rooms(void *user, struct broker_member *member)
{
    note(user, "%s has %u rooms", broker_member_id(member).bytes, member->room_count);
}

static void on_server_event(void *user, struct broker_namespace *nsp,
                            const struct confab_value *args, bool wants_reply,
                            struct broker_reply reply)
{
    struct notes *n = user;

    note(n, "server event %s", confab_as_string(confab_at(args, 0), NULL));
    if (wants_reply)
        broker_answer_server_event(nsp->broker, reply, NULL);
}

static const struct broker_events events = {
    .deliver = on_deliver,
    .deliver_with_ack = on_deliver_with_ack,
    .describe = on_describe,
    .disconnect = on_disconnect,
    .server_event = on_server_event,
    .state_changed = on_state,
    .rooms_changed = on_rooms,
};

static const uint8_t seed[16] = "0123456789abcde";

static int setup(void **state)
{
    struct notes *n = test_calloc(1, sizeof(*n));

    broker_init(&n->broker, &ops, seed, &events, n);
    n->nsp = broker_namespace(&n->broker, "/");
    broker_add(n->nsp, &n->members[0], "m0");
    broker_add(n->nsp, &n->members[1], "m1");
    broker_add(n->nsp, &n->members[2], "m2");
    n->log[0] = '\0';
    *state = n;
    return 0;
}

static int teardown(void **state)
{
    struct notes *n = *state;
    struct broker *broker = &n->broker;

    broker_free(&broker);
    test_free(n);
    return live_total() == 0 ? 0 : -1;
}

static struct message *word(const char *event)
{
    return message_new("/", 1, NULL, 0, NULL, 0, 0, confab_list(confab_string(event), NULL));
}

static void on_counted(void *user, size_t members)
{
    note(user, "counted %zu", members);
}

static struct broker_reply owe(struct notes *n, enum broker_pending_kind kind, char *name,
                               int64_t now_ms, int64_t lifetime_ms)
{
    return broker_pending_reply(broker_pending_open(n->nsp, kind, name, now_ms, lifetime_ms));
}

/* ---- the cases ---- */

static void test_acks_are_gathered(void **state)
{
    struct notes *n = *state;
    static char name[] = "a";
    struct broker_reply reply = owe(n, BROKER_PENDING_ACKS, name, 0, 1000);
    struct message *message = word("hi");
    struct confab_value *value = confab_int(7);

    broker_deliver_with_ack(&n->broker, message, reply, on_counted, n);
    message_release(message);
    assert_noted(n, "m0 asked hi; m1 asked hi; m2 asked hi; counted 3; ");
    broker_answer_ack(&n->broker, reply, value);
    broker_pending_expect(&n->broker, reply, 3);
    broker_answer_server_event(&n->broker, reply, value);
    broker_answer_ack(&n->broker, reply, value);
    assert_noted(n, "answer a 7; answer a 7; ");
    broker_answer_ack(&n->broker, reply, NULL);
    broker_answer_ack(&n->broker, reply, value);
    assert_noted(n, "answer a -1; closed a 3/3; ");
    assert_null(broker_pending_find(&n->broker, reply));
    confab_value_release(value);
}

static void test_acks_before_the_count(void **state)
{
    struct notes *n = *state;
    static char name[] = "a";
    struct broker_reply reply = owe(n, BROKER_PENDING_ACKS, name, 0, 1000);
    struct message *message = word("hi");

    n->answer_inside = true;
    broker_deliver_with_ack(&n->broker, message, reply, on_counted, n);
    message_release(message);
    broker_pending_expect(&n->broker, reply, 3);
    assert_noted(n, "m0 asked hi; answer a 1; m1 asked hi; answer a 1; m2 asked hi; answer a 1; "
                    "counted 3; closed a 3/3; ");
    reply = owe(n, BROKER_PENDING_ACKS, name, 0, 1000);
    broker_pending_expect(&n->broker, reply, 0);
    assert_noted(n, "closed a 0/0; ");
}

static void test_answers_are_bounded(void **state)
{
    struct notes *n = *state;
    static char late[] = "late", early[] = "early", quiet[] = "quiet";

    owe(n, BROKER_PENDING_ACKS, late, 100, 1 << 30);
    owe(n, BROKER_PENDING_SERVER_EVENT, early, 100, 500);
    assert_int_equal(broker_pending_expire(&n->broker, 599), 600);
    assert_noted(n, "");
    assert_int_equal(broker_pending_expire(&n->broker, 600), 100 + BROKER_PENDING_MAX_AGE_MS);
    assert_noted(n, "closed early 0/1; ");
    for (unsigned i = 1; i < BROKER_PENDING_MAX; i++)
        owe(n, BROKER_PENDING_ACKS, quiet, 200, -1);
    assert_noted(n, "");
    owe(n, BROKER_PENDING_ACKS, quiet, 200, -1);
    assert_noted(n, "closed late 0/-1; ");
    assert_int_equal(live_count(LIVE_ACK), BROKER_PENDING_MAX);
}

static void test_server_events(void **state)
{
    struct notes *n = *state;
    static char name[] = "s";
    struct confab_value *args = confab_list(confab_string("sum"), confab_int(2), NULL);

    broker_server_event(n->nsp, args, false, (struct broker_reply){0});
    broker_server_event(n->nsp, args, true, owe(n, BROKER_PENDING_SERVER_EVENT, name, 0, 1000));
    assert_noted(n, "server event sum; server event sum; answer s -1; closed s 1/1; ");
    confab_value_release(args);
}

static void test_bulk_requests(void **state)
{
    struct notes *n = *state;
    const struct text a = {"a", 1}, b = {"b", 1}, m1 = {"m1", 2}, none = {"none", 4};
    const struct text both[] = {a, b};
    const struct rooms_target all = {0};
    const struct rooms_target in_a = {.rooms = &a, .room_count = 1};
    const struct rooms_target not_m1 = {.except = &m1, .except_count = 1};
    struct confab_value *value;

    broker_bulk_join(n->nsp, &not_m1, both, 2);
    assert_noted(n, "+a; +b; m0 has 3 rooms; m2 has 3 rooms; ");
    assert_true(broker_single_join(n->nsp, &m1, &a));
    assert_false(broker_single_join(n->nsp, &none, &a));
    assert_noted(n, "m1 has 2 rooms; ");
    broker_bulk_leave(n->nsp, &all, &b, 1);
    assert_noted(n, "m0 has 2 rooms; m1 has 2 rooms; -b; m2 has 2 rooms; ");
    assert_true(broker_single_leave(n->nsp, &m1, &a));
    n->log[0] = '\0';
    broker_bulk_disconnect(n->nsp, &in_a, true);
    assert_noted(n, "m0 disconnect 1; -m0; m2 disconnect 1; -a; -m2; ");
    value = broker_describe(&n->members[1], true);
    assert_string_equal(confab_as_string(value, NULL), "m1");
    confab_value_release(value);
    assert_true(broker_single_disconnect(n->nsp, &m1, false));
    assert_false(broker_single_disconnect(n->nsp, &m1, false));
    assert_noted(n, "m1 disconnect 0; -m1; ");
}

static void on_joined(void *user, int status)
{
    note(user, "joined %d", status);
}

static void test_what_is_passed_on(void **state)
{
    struct notes *n = *state;
    struct message *message = word("hi");

    broker_emit(&n->broker, message);
    assert_noted(n, "publish hi; m0 gets hi; m1 gets hi; m2 gets hi; ");
    message->flags = MESSAGE_LOCAL;
    broker_emit(&n->broker, message);
    assert_noted(n, "m0 gets hi; m1 gets hi; m2 gets hi; ");
    message_release(message);
    assert_int_equal(broker_join(&n->members[0], "a", 1, on_joined, n), CONFAB_OK);
    assert_int_equal(broker_join(&n->members[1], "a", 1, NULL, NULL), CONFAB_OK);
    assert_noted(n, "+a; wants a; joined 0; ");
    assert_ptr_equal(broker_namespace(&n->broker, "/b"), broker_namespace(&n->broker, "/b"));
    assert_noted(n, "open /b; ");
    assert_int_equal(broker_deadline(&n->broker), INT64_MAX);
    assert_null(broker_node_tag(&n->broker));
    broker_set_state(&n->broker, BROKER_UP);
    broker_set_state(&n->broker, BROKER_UP);
    assert_noted(n, "state; ");
}

static void test_deliveries_wait(void **state)
{
    struct notes *n = *state;
    struct message *first = word("1"), *second = word("2");

    broker_hold(&n->broker);
    broker_hold(&n->broker);
    broker_deliver(&n->broker, first);
    broker_deliver_with_ack(&n->broker, second, (struct broker_reply){0}, on_counted, n);
    message_release(first);
    message_release(second);
    broker_unhold(&n->broker);
    assert_noted(n, "");
    broker_remove(&n->members[1]);
    n->log[0] = '\0';
    broker_unhold(&n->broker);
    assert_noted(n, "m0 gets 1; m2 gets 1; m0 asked 2; m2 asked 2; counted 2; ");
}

static void on_claimed(void *user, enum broker_claim_result result, struct broker_claim claim)
{
    note(user, "claimed %d %d", result, (int)claim.id);
}

static void on_lost(void *user, struct broker_claim claim, int why)
{
    note(user, "lost %d %s", (int)claim.id, confab_errname(why));
}

static struct broker_roster *open_roster(struct notes *n)
{
    static const struct broker_roster_events roster_events = {.on_lost = on_lost};
    const struct broker_roster_config config = {
        .nsp = "/", .joined_event = "joined", .left_event = "left", .storm_event = "storm"};

    return broker_roster_open(&n->broker, &config, &roster_events, n);
}

static void test_claims_give_way(void **state)
{
    struct notes *n = *state;
    struct broker_roster *roster = open_roster(n);
    const struct broker_name name = {.key = "ann", .shown = "Ann"};

    assert_ptr_equal(open_roster(n), roster);
    assert_ptr_equal(broker_roster_find(n->nsp), roster);
    assert_noted(n, "roster joined; ");
    broker_roster_claim(roster, &name, on_claimed, n);
    broker_claim_settle(roster, n->asked, BROKER_CLAIM_WON);
    broker_roster_claim(roster, &name, on_claimed, n);
    broker_roster_release(roster, (struct broker_claim){n->asked->id}, false); /* not held yet */
    broker_claim_settle(roster, n->asked, BROKER_CLAIM_RESUMED);
    assert_noted(n, "claimed 0 1; claimed 1 2; lost 1 exists; ");
    broker_roster_release(roster, (struct broker_claim){1}, false);
    broker_roster_release(roster, (struct broker_claim){2}, true);
    broker_roster_release(roster, (struct broker_claim){2}, false);
    assert_noted(n, "release ann 1; ");
    broker_roster_claim(roster, &name, on_claimed, n);
    broker_claim_settle(roster, n->asked, BROKER_CLAIM_WON);
    broker_claim_lost(roster, roster_claims_find(&roster->claims, 3), CONFAB_EDENIED);
    assert_noted(n, "claimed 0 3; lost 3 denied; ");
}

static void test_the_end(void **state)
{
    struct notes *n = test_calloc(1, sizeof(*n));
    struct broker *broker = &n->broker;
    struct broker_name name = {.key = "ann", .shown = "Ann"};
    struct broker_roster *roster;
    struct message *message = word("hi");
    static char pending[] = "p";

    (void)state;
    broker_init(broker, &ops, seed, &events, n);
    n->nsp = broker_namespace(broker, "/");
    broker_add(n->nsp, &n->members[0], "m0");
    roster = open_roster(n);
    broker_roster_claim(roster, &name, on_claimed, n);
    broker_claim_settle(roster, n->asked, BROKER_CLAIM_WON);
    name.key = "bob";
    broker_roster_claim(roster, &name, on_claimed, n);
    owe(n, BROKER_PENDING_ACKS, pending, 0, 1000);
    broker_hold(broker);
    broker_deliver(broker, message);
    message_release(message);
    broker->holds = 0; /* a hold that the end overtakes */
    n->log[0] = '\0';
    broker_free(&broker);
    assert_null(broker);
    assert_noted(n, "stop; closed p 0/-1; claimed 3 0; roster closing; -m0; close /; free; ");
    assert_null(n->members[0].nsp);
    broker_remove(&n->members[0]);
    broker_free(&broker);
    assert_int_equal(live_total(), 0);
    test_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_acks_are_gathered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_acks_before_the_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answers_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_server_events, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bulk_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_passed_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deliveries_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_claims_give_way, setup, teardown),
        cmocka_unit_test(test_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
