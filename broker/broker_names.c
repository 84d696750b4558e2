/* Rosters as both brokers have them; who wins a name is decided by the implementation. */
#include "broker/broker.h"

#include <stdlib.h>

#include "broker/broker_impl.h"
#include "common/live.h"
#include "common/mem.h"
#include "common/value.h"
#include <confab/err.h>

static void text_free(const char *text)
{
    free((char *)(uintptr_t)text);
}

struct broker_roster *broker_roster_find(const struct broker_namespace *nsp)
{
    LIST_FOREACH(it, &nsp->broker->rosters)
    {
        struct broker_roster *roster = container_of(it, struct broker_roster, link);

        if (roster->nsp == nsp)
            return roster;
    }
    return NULL;
}

struct broker_roster *broker_roster_open(struct broker *broker,
                                         const struct broker_roster_config *config,
                                         const struct broker_roster_events *events, void *user)
{
    struct broker_namespace *nsp = broker_namespace(broker, config->nsp);
    struct broker_roster *roster = broker_roster_find(nsp);

    if (roster != NULL)
        return roster;
    roster = xcalloc(1, sizeof(*roster));
    roster->broker = broker;
    roster->nsp = nsp;
    roster->config = *config;
    roster->config.nsp = nsp->name;
    roster->config.joined_event = xstrdup(config->joined_event);
    roster->config.left_event = xstrdup(config->left_event);
    roster->config.storm_event = xstrdup(config->storm_event);
    roster->events = events;
    roster->user = user;
    roster_names_init(&roster->names, broker->seed);
    roster_claims_init(&roster->claims, broker->seed);
    roster_storm_init(&roster->storm, config->storm_limit);
    list_init(&roster->link);
    list_add_tail(&broker->rosters, &roster->link);
    broker->ops->roster_opened(roster);
    return roster;
}

static void roster_free(struct broker_roster *roster)
{
    roster->broker->ops->roster_closing(roster);
    roster_names_fini(&roster->names);
    list_del(&roster->link);
    text_free(roster->config.joined_event);
    text_free(roster->config.left_event);
    text_free(roster->config.storm_event);
    free(roster);
}

/* First all answers that are owed, for their callbacks may still look at any roster. */
void broker_rosters_free(struct broker *broker)
{
    LIST_FOREACH(it, &broker->rosters)
    roster_claims_fini(&container_of(it, struct broker_roster, link)->claims);
    while (!list_empty(&broker->rosters))
        roster_free(LIST_FIRST(&broker->rosters, struct broker_roster, link));
}

/* ---- claims ---- */

void broker_roster_claim(struct broker_roster *roster, const struct broker_name *name,
                         void (*done)(void *user, enum broker_claim_result result,
                                      struct broker_claim claim),
                         void *user)
{
    struct roster_claim *claim;

    if (roster->broker->closing) {
        done(user, BROKER_CLAIM_UNAVAILABLE, (struct broker_claim){0});
        return;
    }
    claim = roster_claims_ask(&roster->claims, name, done, user);
    if (claim == NULL)
        done(user, BROKER_CLAIM_TAKEN, (struct broker_claim){0});
    else
        roster->broker->ops->roster_claim(roster, claim);
}

void broker_roster_release(struct broker_roster *roster, struct broker_claim claim,
                           bool keep_for_grace)
{
    struct roster_claim *held;

    if (roster->broker->closing)
        return;
    held = roster_claims_find(&roster->claims, claim.id);
    if (held == NULL || held->state != ROSTER_CLAIM_HELD)
        return;
    roster_claims_detach(&roster->claims, held);
    roster->broker->ops->roster_release(roster, held, keep_for_grace);
}

/* The claim that gives way leaves the tables before `done` and hears of it after, so that either
 * callback finds one holder. */
void broker_claim_settle(struct broker_roster *roster, struct roster_claim *claim,
                         enum broker_claim_result result)
{
    const struct roster_name *listed;
    struct roster_claim *old = NULL;
    struct broker_claim old_id;

    if (result == BROKER_CLAIM_RESUMED) {
        listed = roster_names_find(&roster->names, claim->key);
        if (listed != NULL)
            roster_claim_show(claim, listed->shown);
    }
    if (result == BROKER_CLAIM_WON || result == BROKER_CLAIM_RESUMED)
        old = roster_claims_holder(&roster->claims, claim->key);
    if (old == NULL) {
        roster_claims_settle(&roster->claims, claim, result);
        return;
    }
    old_id.id = old->id;
    roster_claims_detach(&roster->claims, old);
    roster_claim_free(&old);
    roster_claims_settle(&roster->claims, claim, result);
    roster->events->on_lost(roster->user, old_id, CONFAB_EEXISTS);
}

void broker_claim_lost(struct broker_roster *roster, struct roster_claim *claim, int why)
{
    struct broker_claim id = {claim->id};

    roster_claims_detach(&roster->claims, claim);
    roster_claim_free(&claim);
    roster->events->on_lost(roster->user, id, why);
}

const char *broker_roster_shown(const struct broker_roster *roster, struct broker_claim claim)
{
    const struct roster_claim *held = roster_claims_find(&roster->claims, claim.id);

    return held != NULL ? held->shown.bytes : NULL;
}

/* ---- the list ---- */

size_t broker_roster_count(const struct broker_roster *roster)
{
    return roster_names_count(&roster->names);
}

uint64_t broker_roster_version(const struct broker_roster *roster)
{
    return roster->names.version;
}

void broker_roster_each(const struct broker_roster *roster,
                        bool (*visit)(void *user, const char *shown), void *user)
{
    LIST_FOREACH(it, &roster->names.order)
    if (!visit(user, container_of(it, struct roster_name, order)->shown.bytes))
        return;
}

/* ---- announcements ---- */

static struct message *to_everybody(const struct broker_roster *roster, struct confab_value *args)
{
    return message_new(roster->nsp->name, roster->nsp->by_name.key_len, NULL, 0, NULL, 0,
                       MESSAGE_NO_FLAGS, args);
}

struct message *broker_roster_announcement(const struct broker_roster *roster, const char *event,
                                           struct text shown)
{
    return to_everybody(roster, confab_list(confab_string(event),
                                            confab_string_n(shown.bytes, shown.length), NULL));
}

struct message *broker_roster_storm_message(const struct broker_roster *roster,
                                            const struct roster_sums *sums)
{
    struct confab_value *told = confab_object();

    confab_set(told, "online", confab_int((int64_t)sums->online));
    confab_set(told, "joined", confab_int((int64_t)sums->joined));
    confab_set(told, "left", confab_int((int64_t)sums->left));
    return to_everybody(roster, confab_list(confab_string(roster->config.storm_event), told, NULL));
}
