/*
 * The battery for a toy cluster: three nodes in one process whose broker is the least that
 * broker_impl.h allows, with a hub between them that takes a millisecond of virtual time for
 * everything.
 *
 * It shows that the battery's cluster cases can be met, and tries what both brokers share with
 * answers that come late, without any network. It cuts corners that a real one must not: a full
 * copy of each message, no link that could die.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "tests/contract/broker_contract.h"
#include <confab/err.h>

#define NAMES_MAX 32
#define NOWHERE CONTRACT_NODES_MAX

/* One name, as the hub knows it. */
struct hub_name {
    char key[ROSTER_KEY_MAX_BYTES + 1];
    char shown[ROSTER_SHOWN_MAX_BYTES + 1];
    unsigned owner; /* NOWHERE while nobody holds it */
    uint64_t claim;
    bool has_resume;
    uint8_t resume[16];
    int64_t grace_at_ms;
};

enum step_kind {
    STEP_DELIVER,
    STEP_EMITTED,
    STEP_JOINED,
    STEP_CLAIM,
    STEP_TAKEN,
    STEP_RECORD,
    STEP_RELEASE,
    STEP_LEFT
};

/* Something under way; `node` is whom it concerns. */
struct step {
    struct list link;
    enum step_kind kind;
    unsigned node;
    int64_t at_ms;
    struct message *message;
    char key[ROSTER_KEY_MAX_BYTES + 1];
    char shown[ROSTER_SHOWN_MAX_BYTES + 1];
    enum roster_op op;
    unsigned owner;
    uint64_t claim;
    bool keep;
    struct broker_namespace *nsp;
    void (*joined)(void *user, int status);
    void (*emitted)(void *user, int status, enum broker_scope scope);
    void (*left)(void *user);
    void *user;
};

struct hub;

struct toy {
    struct broker broker;
    struct hub *hub;
    unsigned number;
};

struct hub {
    int64_t now_ms;
    struct list steps;
    struct toy *nodes[CONTRACT_NODES_MAX];
    struct hub_name names[NAMES_MAX]; /* in joining order */
    unsigned name_count;
};

static struct toy *toy_of(struct broker *broker)
{
    return container_of(broker, struct toy, broker);
}

static struct step *add_step(struct hub *hub, enum step_kind kind, unsigned node)
{
    struct step *step = calloc(1, sizeof(*step));

    assert_non_null(step);
    step->kind = kind;
    step->node = node;
    step->at_ms = hub->now_ms + 1;
    list_init(&step->link);
    list_add_tail(&hub->steps, &step->link);
    return step;
}

static struct broker_roster *roster_of(struct toy *toy)
{
    return toy == NULL ? NULL : broker_roster_find(broker_namespace(&toy->broker, "/"));
}

/* ---- the hub's names ---- */

static struct hub_name *hub_find(struct hub *hub, const char *key)
{
    for (unsigned i = 0; i < hub->name_count; i++)
        if (strcmp(hub->names[i].key, key) == 0)
            return &hub->names[i];
    return NULL;
}

static void record(struct hub *hub, enum roster_op op, const struct hub_name *name)
{
    for (unsigned n = 0; n < CONTRACT_NODES_MAX; n++) {
        struct step *step;

        if (roster_of(hub->nodes[n]) == NULL)
            continue;
        step = add_step(hub, STEP_RECORD, n);
        step->op = op;
        step->owner = name->owner;
        step->claim = name->claim;
        memcpy(step->key, name->key, sizeof(step->key));
        memcpy(step->shown, name->shown, sizeof(step->shown));
    }
}

static void hub_drop(struct hub *hub, struct hub_name *name)
{
    size_t behind = (size_t)(&hub->names[hub->name_count] - name) - 1;

    record(hub, ROSTER_LEFT, name);
    memmove(name, name + 1, behind * sizeof(*name));
    hub->name_count--;
}

static void hub_lose(struct hub *hub, struct hub_name *name, bool keep, int64_t grace_ms)
{
    if (!keep) {
        hub_drop(hub, name);
        return;
    }
    name->owner = NOWHERE;
    name->grace_at_ms = hub->now_ms + grace_ms;
}

static void hub_claim(struct hub *hub, const struct step *step)
{
    struct roster_claim *claim =
        roster_claims_find(&roster_of(hub->nodes[step->node])->claims, step->claim);
    struct hub_name *name = hub_find(hub, claim->key.bytes);
    enum roster_op op = ROSTER_MOVED;

    if (name == NULL) {
        assert_true(hub->name_count < NAMES_MAX);
        name = &hub->names[hub->name_count++];
        *name = (struct hub_name){.owner = NOWHERE};
        snprintf(name->key, sizeof(name->key), "%s", claim->key.bytes);
        snprintf(name->shown, sizeof(name->shown), "%s", claim->shown.bytes);
        op = ROSTER_JOINED;
    } else if (!name->has_resume || !claim->has_resume ||
               memcmp(name->resume, claim->resume, 16) != 0) {
        add_step(hub, STEP_TAKEN, step->node)->claim = step->claim;
        return;
    }
    name->owner = step->node;
    name->claim = step->claim;
    name->has_resume = claim->has_new_resume;
    memcpy(name->resume, claim->new_resume, 16);
    record(hub, op, name);
}

static void hub_release(struct hub *hub, const struct step *step)
{
    struct hub_name *name = hub_find(hub, step->key);

    if (name != NULL && name->owner == step->node && name->claim == step->claim)
        hub_lose(hub, name, step->keep, roster_of(hub->nodes[step->node])->config.grace_ms);
}

/* ---- what a node makes of it ---- */

static void deliver_and_release(struct broker *broker, struct message *message)
{
    broker_deliver(broker, message);
    message_release(message);
}

static void tell(struct broker_roster *roster, bool joined, struct text shown, int64_t now_ms)
{
    struct roster_sums before;

    if (!roster_storm_note(&roster->storm, joined, roster_names_count(&roster->names), now_ms,
                           &before))
        return;
    if (before.joined != 0 || before.left != 0)
        deliver_and_release(roster->broker, broker_roster_storm_message(roster, &before));
    deliver_and_release(
        roster->broker,
        broker_roster_announcement(
            roster, joined ? roster->config.joined_event : roster->config.left_event, shown));
}

static void settle_own(struct broker_roster *roster, const struct step *step)
{
    struct roster_claim *claim = roster_claims_find(&roster->claims, step->claim);

    if (claim != NULL && claim->state == ROSTER_CLAIM_ASKED)
        broker_claim_settle(roster, claim,
                            step->op == ROSTER_JOINED ? BROKER_CLAIM_WON : BROKER_CLAIM_RESUMED);
}

static void take_record(struct hub *hub, struct toy *toy, const struct step *step)
{
    struct broker_roster *roster = roster_of(toy);
    const struct text shown = {step->shown, strlen(step->shown)};
    const struct roster_record taken = {.seq = roster->names.seq + 1,
                                        .op = step->op,
                                        .key = {step->key, strlen(step->key)},
                                        .shown = shown,
                                        .owner = {"toy", 3}};
    bool known = roster_names_find(&roster->names, taken.key) != NULL;
    struct roster_claim *held = roster_claims_holder(&roster->claims, taken.key);

    assert_int_equal(roster_names_apply(&roster->names, &taken), ROSTER_APPLIED);
    broker_hold(&toy->broker);
    if (step->op == ROSTER_JOINED && !known)
        tell(roster, true, shown, hub->now_ms);
    if (step->op == ROSTER_LEFT)
        tell(roster, false, shown, hub->now_ms);
    else if (step->owner == toy->number)
        settle_own(roster, step);
    else if (held != NULL)
        broker_claim_lost(roster, held, CONFAB_EEXISTS);
    broker_unhold(&toy->broker);
}

static void run_step(struct hub *hub, struct step *step)
{
    struct toy *toy = hub->nodes[step->node];

    switch (step->kind) {
    case STEP_DELIVER:
        broker_deliver(&toy->broker, step->message);
        break;
    case STEP_EMITTED:
        step->emitted(step->user, CONFAB_OK, BROKER_SCOPE_CLUSTER);
        break;
    case STEP_JOINED:
        step->joined(step->user, rooms_find(&step->nsp->rooms, step->key, strlen(step->key)) == NULL
                                     ? CONFAB_ECANCELED
                                     : CONFAB_OK);
        break;
    case STEP_CLAIM:
        hub_claim(hub, step);
        break;
    case STEP_TAKEN:
        broker_claim_settle(roster_of(toy),
                            roster_claims_find(&roster_of(toy)->claims, step->claim),
                            BROKER_CLAIM_TAKEN);
        break;
    case STEP_RECORD:
        take_record(hub, toy, step);
        break;
    case STEP_RELEASE:
        hub_release(hub, step);
        break;
    case STEP_LEFT:
        step->left(step->user);
        break;
    }
}

static void free_step(struct step *step)
{
    if (step->message != NULL)
        message_release(step->message);
    free(step);
}

/* ---- the broker's table ---- */

static void cancel(struct step *step)
{
    if (step->joined != NULL)
        step->joined(step->user, CONFAB_ECLOSED);
    if (step->emitted != NULL)
        step->emitted(step->user, CONFAB_ECLOSED, BROKER_SCOPE_NODE);
    if (step->left != NULL)
        step->left(step->user);
}

static void stop(struct broker *broker)
{
    struct toy *toy = toy_of(broker);

    LIST_FOREACH_SAFE(it, &toy->hub->steps)
    {
        struct step *step = container_of(it, struct step, link);

        if (step->node != toy->number)
            continue;
        list_del(&step->link);
        cancel(step);
        free_step(step);
    }
    toy->hub->nodes[toy->number] = NULL;
}

static void toy_free(struct broker *broker)
{
    broker_fini(broker);
    free(toy_of(broker));
}

static void leave_cluster(struct broker *broker, void (*done)(void *user), void *user)
{
    struct toy *toy = toy_of(broker);
    struct hub *hub = toy->hub;
    struct step *step = add_step(hub, STEP_LEFT, toy->number);

    step->left = done;
    step->user = user;
    for (unsigned i = 0; i < hub->name_count; i++)
        if (hub->names[i].owner == toy->number)
            hub_lose(hub, &hub->names[i], true, roster_of(toy)->config.grace_ms);
}

static void room_joined(struct broker_namespace *nsp, struct room *room,
                        void (*done)(void *user, int status), void *user)
{
    struct toy *toy = toy_of(nsp->broker);
    struct step *step = add_step(toy->hub, STEP_JOINED, toy->number);

    step->nsp = nsp;
    snprintf(step->key, sizeof(step->key), "%s", room->name);
    step->joined = done;
    step->user = user;
}

static void publish_to(struct hub *hub, unsigned node, struct message *message)
{
    if (hub->nodes[node] != NULL)
        add_step(hub, STEP_DELIVER, node)->message = message_hold(message);
}

static void publish(struct broker *broker, struct message *message)
{
    struct toy *toy = toy_of(broker);

    for (unsigned n = 0; n < CONTRACT_NODES_MAX; n++)
        if (n != toy->number)
            publish_to(toy->hub, n, message);
}

static void publish_ordered(struct broker *broker, struct message *message,
                            void (*done)(void *user, int status, enum broker_scope scope),
                            void *user)
{
    struct toy *toy = toy_of(broker);
    struct step *step = add_step(toy->hub, STEP_EMITTED, toy->number);

    step->emitted = done;
    step->user = user;
    for (unsigned n = 0; n < CONTRACT_NODES_MAX; n++)
        publish_to(toy->hub, n, message);
}

static void roster_opened(struct broker_roster *roster)
{
    struct hub *hub = toy_of(roster->broker)->hub;
    struct roster_names fresh;

    roster_names_init(&fresh, roster->broker->seed);
    for (unsigned i = 0; i < hub->name_count; i++)
        roster_names_put(&fresh, (struct text){hub->names[i].key, strlen(hub->names[i].key)},
                         (struct text){hub->names[i].shown, strlen(hub->names[i].shown)},
                         (struct text){"toy", 3});
    roster_names_replace(&roster->names, &fresh);
    roster_names_fini(&fresh);
}

static void roster_closing(struct broker_roster *roster)
{
    (void)roster;
}

static void roster_claim(struct broker_roster *roster, struct roster_claim *claim)
{
    struct toy *toy = toy_of(roster->broker);

    add_step(toy->hub, STEP_CLAIM, toy->number)->claim = claim->id;
}

static void roster_release(struct broker_roster *roster, struct roster_claim *claim,
                           bool keep_for_grace)
{
    struct toy *toy = toy_of(roster->broker);
    struct step *step = add_step(toy->hub, STEP_RELEASE, toy->number);

    snprintf(step->key, sizeof(step->key), "%s", claim->key.bytes);
    step->claim = claim->id;
    step->keep = keep_for_grace;
    roster_claim_free(&claim);
}

static const struct broker_ops toy_ops = {
    .stop = stop,
    .free = toy_free,
    .leave_cluster = leave_cluster,
    .room_joined = room_joined,
    .publish = publish,
    .publish_ordered = publish_ordered,
    .roster_opened = roster_opened,
    .roster_closing = roster_closing,
    .roster_claim = roster_claim,
    .roster_release = roster_release,
};

/* ---- the harness ---- */

static void *begin(void)
{
    struct hub *hub = calloc(1, sizeof(*hub));

    assert_non_null(hub);
    list_init(&hub->steps);
    hub->now_ms = 1000;
    return hub;
}

static void end(void *user)
{
    struct hub *hub = user;
    struct list *link;

    while ((link = list_pop(&hub->steps)) != NULL)
        free_step(container_of(link, struct step, link));
    free(hub);
}

static struct broker *make(void *user, unsigned node, const struct broker_events *events,
                           void *events_user)
{
    static const uint8_t seed[16] = {1, 2, 3};
    struct hub *hub = user;
    struct toy *toy = calloc(1, sizeof(*toy));

    assert_non_null(toy);
    toy->hub = hub;
    toy->number = node;
    broker_init(&toy->broker, &toy_ops, seed, events, events_user);
    snprintf(toy->broker.node_tag, sizeof(toy->broker.node_tag), "toy%u", node);
    toy->broker.state = BROKER_UP;
    hub->nodes[node] = toy;
    return &toy->broker;
}

static int64_t now_ms(void *user)
{
    return ((struct hub *)user)->now_ms;
}

static void run_timers(struct hub *hub)
{
    for (unsigned i = 0; i < hub->name_count;) {
        struct hub_name *name = &hub->names[i];

        if (name->owner == NOWHERE && name->grace_at_ms <= hub->now_ms)
            hub_drop(hub, name);
        else
            i++;
    }
    for (unsigned n = 0; n < CONTRACT_NODES_MAX; n++) {
        struct broker_roster *roster = roster_of(hub->nodes[n]);
        struct roster_sums sums;

        if (roster != NULL && roster_storm_take(&roster->storm, hub->now_ms, &sums))
            deliver_and_release(roster->broker, broker_roster_storm_message(roster, &sums));
    }
}

static void turn(void *user, int64_t until_at_ms)
{
    struct hub *hub = user;
    struct step *step;

    if (hub->now_ms < until_at_ms)
        hub->now_ms++;
    run_timers(hub);
    while ((step = LIST_FIRST(&hub->steps, struct step, link)) != NULL &&
           step->at_ms <= hub->now_ms) {
        list_del(&step->link);
        run_step(hub, step);
        free_step(step);
    }
}

static void settle(void *user)
{
    struct hub *hub = user;

    turn(hub, hub->now_ms + 1);
    turn(hub, hub->now_ms + 1);
}

int main(void)
{
    static const struct broker_harness harness = {
        .name = "toy",
        .nodes = CONTRACT_NODES_MAX,
        .begin = begin,
        .end = end,
        .make = make,
        .now_ms = now_ms,
        .turn = turn,
        .settle = settle,
    };

    return broker_contract_run(&harness);
}
