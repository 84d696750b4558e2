/*
 * The broker of a single node: it is its own authority, so everything is decided inside the call,
 * and there is nobody to publish to.
 *
 * Names live here under their key with the hash that may resume them. A name without a claim is
 * held for its grace, by a timer; time is what the owner told last. The announcements are ordinary
 * messages to the namespace.
 */
#include "broker/broker_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/timerq.h"
#include <confab/err.h>

struct memory {
    struct broker broker;
    int64_t now_ms;
};

struct memory_name {
    struct htable_entry by_key;
    struct timerq_entry grace; /* armed while nobody holds it */
    bool has_resume;
    uint8_t resume[ROSTER_RESUME_BYTES];
    char key[];
};

struct memory_roster {
    struct htable by_key;
    struct timerq graces;
};

static struct memory *memory_of(struct broker *broker)
{
    return container_of(broker, struct memory, broker);
}

/* ---- announcing ---- */

static void announce(struct broker_roster *roster, struct message *message)
{
    broker_deliver(roster->broker, message);
    message_release(message);
}

static void announce_sums(struct broker_roster *roster, const struct roster_sums *sums)
{
    announce(roster, broker_roster_storm_message(roster, sums));
}

/* One name came or went; the copy of the list says so already. */
static void tell(struct broker_roster *roster, bool joined, struct text shown)
{
    const struct broker_roster_config *config = &roster->config;
    struct roster_sums before;

    if (!roster_storm_note(&roster->storm, joined, roster_names_count(&roster->names),
                           memory_of(roster->broker)->now_ms, &before))
        return;
    if (before.joined != 0 || before.left != 0)
        announce_sums(roster, &before);
    announce(roster, broker_roster_announcement(
                         roster, joined ? config->joined_event : config->left_event, shown));
}

/* ---- names ---- */

static struct memory_name *find_name(struct memory_roster *names, struct text key)
{
    struct htable_entry *entry = htable_find(&names->by_key, key.bytes, key.length);

    return entry == NULL ? NULL : container_of(entry, struct memory_name, by_key);
}

static struct text key_of(const struct memory_name *name)
{
    return (struct text){name->key, name->by_key.key_len};
}

static struct memory_name *name_new(struct memory_roster *names, struct text key)
{
    struct memory_name *name = xcalloc(1, sizeof(*name) + key.length + 1);

    memcpy(name->key, key.bytes, key.length);
    timerq_entry_init(&name->grace);
    htable_insert(&names->by_key, &name->by_key, name->key, key.length);
    return name;
}

static void name_free(struct memory_roster *names, struct memory_name *name)
{
    timerq_disarm(&names->graces, &name->grace);
    htable_remove(&names->by_key, &name->by_key);
    free(name);
}

/* Nobody has it any more: off the list, and said so. */
static void name_left(struct broker_roster *roster, struct memory_name *name)
{
    char shown[ROSTER_SHOWN_MAX_BYTES];
    struct text said = roster_names_find(&roster->names, key_of(name))->shown;

    memcpy(shown, said.bytes, said.length);
    said.bytes = shown;
    roster_names_drop(&roster->names, key_of(name));
    name_free(roster->impl, name);
    tell(roster, false, said);
}

static bool may_resume(const struct memory_name *name, const struct roster_claim *claim)
{
    return name->has_resume && claim->has_resume &&
           memcmp(name->resume, claim->resume, ROSTER_RESUME_BYTES) == 0;
}

static void remember_secret(struct memory_name *name, const struct roster_claim *claim)
{
    name->has_resume = claim->has_new_resume;
    memcpy(name->resume, claim->new_resume, ROSTER_RESUME_BYTES);
}

static void claim_name(struct broker_roster *roster, struct roster_claim *claim)
{
    struct memory_roster *names = roster->impl;
    struct memory_name *name = find_name(names, claim->key);

    if (name == NULL) {
        remember_secret(name_new(names, claim->key), claim);
        roster_names_put(&roster->names, claim->key, claim->shown, (struct text){"", 0});
        broker_hold(roster->broker);
        tell(roster, true, claim->shown);
        broker_claim_settle(roster, claim, BROKER_CLAIM_WON);
        broker_unhold(roster->broker);
    } else if (may_resume(name, claim)) {
        timerq_disarm(&names->graces, &name->grace);
        remember_secret(name, claim);
        broker_claim_settle(roster, claim, BROKER_CLAIM_RESUMED);
    } else {
        broker_claim_settle(roster, claim, BROKER_CLAIM_TAKEN);
    }
}

static void release_name(struct broker_roster *roster, struct roster_claim *claim,
                         bool keep_for_grace)
{
    struct memory_roster *names = roster->impl;
    struct memory_name *name = find_name(names, claim->key);

    assert(name != NULL);
    if (keep_for_grace)
        timerq_arm(&names->graces, &name->grace,
                   memory_of(roster->broker)->now_ms + roster->config.grace_ms);
    else
        name_left(roster, name);
    roster_claim_free(&claim);
}

static void roster_opened(struct broker_roster *roster)
{
    struct memory_roster *names = xcalloc(1, sizeof(*names));

    htable_init(&names->by_key, roster->broker->seed);
    timerq_init(&names->graces);
    roster->impl = names;
}

static void roster_closing(struct broker_roster *roster)
{
    struct memory_roster *names = roster->impl;
    struct htable_iter it;
    struct htable_entry *entry;

    htable_iter_init(&it, &names->by_key);
    while ((entry = htable_iter_next(&it)) != NULL)
        name_free(names, container_of(entry, struct memory_name, by_key));
    timerq_fini(&names->graces);
    htable_fini(&names->by_key);
    free(names);
}

/* ---- time ---- */

static void advance_roster(struct broker_roster *roster, int64_t now_ms)
{
    struct memory_roster *names = roster->impl;
    struct timerq_entry *due;
    struct roster_sums sums;

    while ((due = timerq_pop_due(&names->graces, now_ms)) != NULL)
        name_left(roster, container_of(due, struct memory_name, grace));
    if (roster_storm_take(&roster->storm, now_ms, &sums))
        announce_sums(roster, &sums);
}

static void advance(struct broker *broker, int64_t now_ms)
{
    struct memory *memory = memory_of(broker);

    if (now_ms > memory->now_ms)
        memory->now_ms = now_ms;
    LIST_FOREACH(it, &broker->rosters)
    advance_roster(container_of(it, struct broker_roster, link), memory->now_ms);
}

static int64_t deadline(const struct broker *broker)
{
    int64_t at_ms = INT64_MAX;

    LIST_FOREACH(it, &broker->rosters)
    {
        const struct broker_roster *roster = container_of(it, struct broker_roster, link);
        const struct memory_roster *names = roster->impl;
        int64_t grace_at_ms = timerq_next(&names->graces);
        int64_t storm_at_ms = roster_storm_deadline(&roster->storm);

        if (grace_at_ms < at_ms)
            at_ms = grace_at_ms;
        if (storm_at_ms < at_ms)
            at_ms = storm_at_ms;
    }
    return at_ms;
}

/* ---- the rest has no one to wait for ---- */

static void room_joined(struct broker_namespace *nsp, struct room *room,
                        void (*done)(void *user, int status), void *user)
{
    (void)nsp;
    (void)room;
    done(user, CONFAB_OK);
}

static void publish_ordered(struct broker *broker, struct message *message,
                            void (*done)(void *user, int status, enum broker_scope scope),
                            void *user)
{
    broker_deliver(broker, message);
    done(user, CONFAB_OK, BROKER_SCOPE_CLUSTER);
}

static void leave_cluster(struct broker *broker, void (*done)(void *user), void *user)
{
    (void)broker;
    done(user);
}

static void stop(struct broker *broker)
{
    (void)broker;
}

static void memory_free(struct broker *broker)
{
    broker_fini(broker);
    free(memory_of(broker));
}

struct broker *broker_memory_new(const char *node_tag, const uint8_t seed[16],
                                 const struct broker_events *events, void *user)
{
    static const struct broker_ops ops = {
        .stop = stop,
        .free = memory_free,
        .advance = advance,
        .deadline = deadline,
        .leave_cluster = leave_cluster,
        .room_joined = room_joined,
        .publish_ordered = publish_ordered,
        .roster_opened = roster_opened,
        .roster_closing = roster_closing,
        .roster_claim = claim_name,
        .roster_release = release_name,
    };
    struct memory *memory = xcalloc(1, sizeof(*memory));
    size_t tag_bytes = strlen(node_tag);

    assert(tag_bytes < sizeof(memory->broker.node_tag));
    broker_init(&memory->broker, &ops, seed, events, user);
    memcpy(memory->broker.node_tag, node_tag, tag_bytes + 1);
    memory->broker.state = BROKER_UP;
    return &memory->broker;
}
