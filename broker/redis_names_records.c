/*
 * The records of a roster's changes, as they come by: what they mean for the copy, and for this
 * node's own claims.
 *
 * A claim of this node is settled when the last announcement of its step has come too, but before
 * anybody here is given it: who answers a client from the settlement is ahead of the announcement,
 * and who emits something is behind it. Both are published in one step, so nothing comes between.
 */
#define _GNU_SOURCE
#include "broker/redis_names.h"

#include "common/value.h"
#include <confab/err.h>

/* A record holds at most what one step changes. */
#define RECORD_NODES_MAX (20 * REDIS_STEP_NAMES)

static bool is_own(const struct redis_names *names, struct text owner)
{
    const char *own = names->redis->lease.owner;

    return owner.length == strlen(own) && memcmp(owner.bytes, own, owner.length) == 0;
}

static void settle_decided(struct redis_names *names)
{
    struct roster_claim *claim = roster_claims_find(&names->roster->claims, names->decided);

    names->decided = 0;
    if (claim != NULL && claim->state == ROSTER_CLAIM_ASKED)
        names_settle(names, claim, names->decided_result);
}

/* What a change means for this node's claims. */
static void heed_change(struct redis_names *names, const struct names_change *change)
{
    struct roster_claims *claims = &names->roster->claims;
    struct roster_claim *claim;

    if (change->op != ROSTER_LEFT && is_own(names, change->owner)) {
        settle_decided(names);
        names->decided = change->claim;
        names->decided_result =
            change->op == ROSTER_JOINED ? BROKER_CLAIM_WON : BROKER_CLAIM_RESUMED;
    }
    if (change->op == ROSTER_MOVED && is_own(names, change->former_owner)) {
        claim = roster_claims_find(claims, change->former_claim);
        if (claim != NULL && claim->state == ROSTER_CLAIM_HELD)
            broker_claim_lost(names->roster, claim, CONFAB_EEXISTS);
    }
}

/* False: records are missing. */
static bool apply_changes(struct redis_names *names, uint64_t first_seq,
                          const struct confab_value *changes)
{
    enum roster_applied applied = ROSTER_APPLIED;

    for (size_t i = 0; i < confab_size(changes) && applied != ROSTER_GAP; i++) {
        struct names_change change;

        if (!names_change_read(confab_at(changes, i), &change))
            return false;
        applied = roster_names_apply(&names->roster->names,
                                     &(struct roster_record){.seq = first_seq + i,
                                                             .op = change.op,
                                                             .key = change.key,
                                                             .shown = change.shown,
                                                             .owner = change.owner});
    }
    return applied != ROSTER_GAP;
}

static void take_record(struct redis_names *names, uint64_t first_seq, struct confab_value *changes,
                        int64_t announcements)
{
    bool loading = names->phase == NAMES_LOADING || names->load != NULL;
    bool heard = redis_interest_live(&redis_namespace_of(names->roster->nsp)->broadcasts);

    if (!loading && names->phase == NAMES_READY && !apply_changes(names, first_seq, changes)) {
        names_load_start(names);
        loading = true;
    }
    if (heard && (loading || names->phase != NAMES_READY))
        names_follow(names, changes);
    if (loading)
        names_load_keep(names, first_seq, confab_value_hold(changes));
    for (size_t i = 0; i < confab_size(changes); i++) {
        struct names_change change;

        if (names_change_read(confab_at(changes, i), &change))
            heed_change(names, &change);
    }
    if (announcements > 0 && heard && names->decided != 0) {
        names->announcements_left = (uint64_t)announcements;
        names->redis->announcing = names;
    } else {
        settle_decided(names);
    }
}

bool redis_names_hold(struct redis *redis)
{
    struct redis_names *names = redis->announcing;

    if (names == NULL || --names->announcements_left > 0)
        return false;
    broker_hold(&redis->broker);
    return true;
}

void redis_names_unhold(struct redis *redis)
{
    struct redis_names *names = redis->announcing;

    redis->announcing = NULL;
    settle_decided(names);
    broker_unhold(&redis->broker);
}

void redis_names_record(struct redis_names *names, struct text channel, struct text payload)
{
    const struct value_limits limits = {.depth = 4, .nodes = RECORD_NODES_MAX};
    struct confab_value *record = NULL;
    int err = value_parse_msgpack(payload.bytes, payload.length, &limits, &record);
    int64_t first_seq = confab_as_int(confab_at(record, 0), -1);
    struct confab_value *changes = confab_value_hold(confab_at(record, 1));
    int64_t announcements = confab_as_int(confab_at(record, 2), 0);

    confab_value_release(record);
    if (err != CONFAB_OK || first_seq < 0 || !confab_is(changes, CONFAB_ARRAY))
        redis_malformed(names->redis, "names record", channel, err);
    else
        take_record(names, (uint64_t)first_seq, changes, announcements);
    confab_value_release(changes);
}
