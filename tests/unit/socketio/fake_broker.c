/* The broker of fake_broker.h. */
#include "tests/unit/socketio/fake_broker.h"

#include <stdlib.h>
#include <string.h>

#include "broker/wire.h"
#include "common/live.h"
#include "common/mem.h"
#include "common/value.h"
#include "tests/unit/test.h"
#include <confab/err.h>

struct waiting {
    struct list link;
    struct broker_roster *roster; /* a claim */
    struct roster_claim *claim;
    void (*joined)(void *user, int status); /* a join */
    struct message *message;                /* an ordered emit */
    void (*sent)(void *user, int status, enum broker_scope scope);
    void *user;
};

struct fake {
    struct broker broker;
    struct list claims;
    struct list joins;
    struct list emits;
    struct broker_question question; /* the last one asked */
    struct buf told;
};

static struct fake *fake_of(struct broker *broker)
{
    return container_of(broker, struct fake, broker);
}

static void note(struct fake *fake, const char *word, const char *text)
{
    buf_printf(&fake->told, "%s%s:%s", fake->told.len > 0 ? " " : "", word, text);
}

static struct waiting *wait_in(struct list *list)
{
    struct waiting *waiting = xcalloc(1, sizeof(*waiting));
    list_init(&waiting->link);
    list_add_tail(list, &waiting->link);
    return waiting;
}

static struct waiting *oldest(struct list *list)
{
    struct list *node = list_pop(list);
    if (node == NULL)
        fail_msg("nothing waits for an answer");
    return container_of(node, struct waiting, link);
}

/* ---- what the common part asks ---- */

static void stop(struct broker *broker)
{
    struct fake *fake = fake_of(broker);
    while (!list_empty(&fake->joins))
        fake_broker_join_done(broker, CONFAB_ECLOSED);
    while (!list_empty(&fake->emits))
        fake_broker_ordered_done(broker, CONFAB_ECLOSED);
    while (!list_empty(&fake->claims))
        free(oldest(&fake->claims)); /* the claims themselves are answered by the common part */
}

static void free_fake(struct broker *broker)
{
    struct fake *fake = fake_of(broker);
    broker_fini(broker);
    buf_fini(&fake->told);
    free(fake);
}

static void room_joined(struct broker_namespace *nsp, struct room *room,
                        void (*done)(void *user, int status), void *user)
{
    (void)room;
    struct waiting *waiting = wait_in(&fake_of(nsp->broker)->joins);
    waiting->joined = done;
    waiting->user = user;
}

static void publish_ordered(struct broker *broker, struct message *message,
                            void (*done)(void *user, int status, enum broker_scope scope),
                            void *user)
{
    struct waiting *waiting = wait_in(&fake_of(broker)->emits);
    waiting->message = message_hold(message);
    waiting->sent = done;
    waiting->user = user;
}

static void nothing(struct broker_roster *roster)
{
    (void)roster;
}

static void roster_claim(struct broker_roster *roster, struct roster_claim *claim)
{
    struct waiting *waiting = wait_in(&fake_of(roster->broker)->claims);
    waiting->roster = roster;
    waiting->claim = claim;
}

static void roster_release(struct broker_roster *roster, struct roster_claim *claim,
                           bool keep_for_grace)
{
    note(fake_of(roster->broker), keep_for_grace ? "kept" : "freed", claim->key.bytes);
    roster_claim_free(&claim);
}

/* What other nodes were asked or told, by its number on the wire. */
static void note_request(struct broker_namespace *nsp, const char *word,
                         const struct wire_request *request)
{
    note(fake_of(nsp->broker), word,
         (const char *[]){"0", "1", "2", "3", "4", "5", "6", "7"}[request->type]);
}

static void tell(struct broker_namespace *nsp, struct wire_request *request)
{
    note_request(nsp, "told", request);
}

static void ask(struct broker_namespace *nsp, struct broker_question question,
                struct wire_request *request)
{
    fake_of(nsp->broker)->question = question;
    note_request(nsp, "asked", request);
}

static void ask_over(struct broker *broker, struct broker_question question)
{
    if (fake_of(broker)->question.id == question.id)
        fake_of(broker)->question.id = 0;
}

static void answer(struct broker *broker, struct broker_pending *pending,
                   const struct confab_value *first_argument)
{
    struct buf json;
    (void)pending;
    buf_init(&json, 4096);
    if (first_argument != NULL)
        value_write_json(first_argument, &json, NULL);
    note(fake_of(broker), "answer", first_argument != NULL ? buf_text(&json) : "none");
    buf_fini(&json);
}

static void answer_closed(struct broker *broker, struct broker_pending *pending)
{
    (void)broker;
    (void)pending;
}

struct broker *fake_broker_make(const struct broker_events *events, void *user)
{
    static const struct broker_ops ops = {.stop = stop,
                                          .free = free_fake,
                                          .room_joined = room_joined,
                                          .publish_ordered = publish_ordered,
                                          .roster_opened = nothing,
                                          .roster_closing = nothing,
                                          .roster_claim = roster_claim,
                                          .roster_release = roster_release,
                                          .tell = tell,
                                          .ask = ask,
                                          .ask_over = ask_over,
                                          .answer = answer,
                                          .answer_closed = answer_closed};
    static const uint8_t seed[HTABLE_SEED_BYTES] = {1};
    struct fake *fake = xcalloc(1, sizeof(*fake));
    list_init(&fake->claims);
    list_init(&fake->joins);
    list_init(&fake->emits);
    buf_init(&fake->told, 65536);
    broker_init(&fake->broker, &ops, seed, events, user);
    memcpy(fake->broker.node_tag, "abc", 4);
    fake->broker.state = BROKER_UP;
    return &fake->broker;
}

/* ---- what the test decides ---- */

void fake_broker_settle(struct broker *broker, enum broker_claim_result result)
{
    struct waiting *waiting = oldest(&fake_of(broker)->claims);
    struct broker_roster *roster = waiting->roster;
    broker_hold(broker);
    if (result == BROKER_CLAIM_WON) {
        struct message *joined =
            broker_roster_announcement(roster, roster->config.joined_event, waiting->claim->shown);
        broker_deliver(broker, joined);
        message_release(joined);
    }
    broker_claim_settle(roster, waiting->claim, result);
    broker_unhold(broker);
    free(waiting);
}

void fake_broker_lose_name(struct broker *broker, const char *nsp, const char *key, int why)
{
    struct broker_roster *roster = broker_roster_find(broker_namespace(broker, nsp));
    struct roster_claim *claim =
        roster_claims_holder(&roster->claims, (struct text){key, strlen(key)});
    assert_non_null(claim);
    broker_claim_lost(roster, claim, why);
}

void fake_broker_join_done(struct broker *broker, int status)
{
    struct waiting *waiting = oldest(&fake_of(broker)->joins);
    waiting->joined(waiting->user, status);
    free(waiting);
}

void fake_broker_ordered_done(struct broker *broker, int status)
{
    struct waiting *waiting = oldest(&fake_of(broker)->emits);
    if (status == CONFAB_OK)
        broker_deliver(broker, waiting->message);
    waiting->sent(waiting->user, status, BROKER_SCOPE_CLUSTER);
    message_release(waiting->message);
    free(waiting);
}

static void counted(void *user, size_t members)
{
    struct broker_pending *pending = user;
    broker_pending_expect(pending->nsp->broker, broker_pending_reply(pending), members);
}

void fake_broker_ask(struct broker *broker, const char *nsp, const char *event)
{
    struct broker_namespace *members = broker_namespace(broker, nsp);
    struct broker_pending *pending =
        broker_pending_open(members, BROKER_PENDING_ACKS, NULL, 0, 60000);
    struct message *message =
        message_new(nsp, strlen(nsp), NULL, 0, NULL, 0, 0, confab_list(confab_string(event), NULL));
    broker_deliver_with_ack(broker, message, broker_pending_reply(pending), counted, pending);
    message_release(message);
}

void fake_broker_server_event(struct broker *broker, const char *nsp, const char *args_json,
                              bool wants_reply)
{
    struct broker_namespace *members = broker_namespace(broker, nsp);
    struct confab_value *args;
    assert_int_equal(value_parse_json(args_json, strlen(args_json), NULL, &args), CONFAB_OK);
    struct broker_reply reply = {0};
    if (wants_reply) {
        struct broker_pending *pending =
            broker_pending_open(members, BROKER_PENDING_SERVER_EVENT, NULL, 0, 60000);
        broker_pending_expect(broker, broker_pending_reply(pending), 1);
        reply = broker_pending_reply(pending);
    }
    broker_server_event(members, args, wants_reply, reply);
    confab_value_release(args);
}

void fake_broker_nodes(struct broker *broker, size_t nodes)
{
    broker_asked_nodes(broker, fake_of(broker)->question, nodes);
}

void fake_broker_heard(struct broker *broker, size_t clients)
{
    broker_asked_heard(broker, fake_of(broker)->question, clients);
}

void fake_broker_answered(struct broker *broker, const char *json)
{
    struct confab_value *value = confab_from_json(json, strlen(json));
    assert_non_null(value);
    broker_asked_answer(broker, fake_of(broker)->question, value);
    confab_value_release(value);
}

void fake_broker_lost(struct broker *broker)
{
    broker_asked_lost(broker, fake_of(broker)->question);
}

bool fake_broker_is_asking(struct broker *broker)
{
    return fake_of(broker)->question.id != 0;
}

void fake_broker_told(struct broker *broker, const char *expected)
{
    struct fake *fake = fake_of(broker);
    assert_string_equal(buf_text(&fake->told), expected);
    buf_reset(&fake->told);
}
