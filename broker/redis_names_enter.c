/*
 * How a node enters a roster, each time its link comes: it learns what happened meanwhile, puts
 * back what was lost, claims what its sockets hold and tells what they gave back, and reads the
 * list. Step by step, each of at most REDIS_STEP_NAMES names; the link's loss ends it wherever it
 * is.
 */
#define _GNU_SOURCE
#include "broker/redis_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include <confab/err.h>

/* Names put back wait so many leases for their nodes, which may still be finding out that Redis is
 * back. */
#define RESTORED_LEASES 2

static void restore_step(struct redis_names *names);
static void claim_begin(struct redis_names *names);
static void claim_step(struct redis_names *names);
static void prune_step(struct redis_names *names);

/* ---- entering ---- */

static bool copy_number(char out[NAMES_NUMBER_BYTES], const struct redis_answer *answer)
{
    struct text text = redis_answer_text(answer);

    if (text.bytes == NULL || text.length == 0 || text.length >= NAMES_NUMBER_BYTES)
        return false;
    memcpy(out, text.bytes, text.length + 1);
    return true;
}

static void on_entered(void *user, int status, const struct redis_answer *answer)
{
    struct redis_names *names = user;
    char born[NAMES_NUMBER_BYTES];
    bool renewed;

    if (status != CONFAB_OK || names->phase != NAMES_ENTERING)
        return;
    if (redis_answer_count(answer) != 3 || !copy_number(born, redis_answer_at(answer, 0)) ||
        !copy_number(names->round, redis_answer_at(answer, 2))) {
        names_answer_is_bad(names, answer);
        return;
    }
    renewed = names->born[0] != '\0' && strcmp(names->born, born) != 0;
    if (renewed)
        log_warn(names->redis->log, "names_restored", LOG_S("nsp", names->roster->nsp->name),
                 LOG_U("names", roster_names_count(&names->roster->names)));
    memcpy(names->born, born, sizeof(born));
    if (renewed && roster_names_count(&names->roster->names) > 0) {
        names->phase = NAMES_RESTORING;
        names->restore_next = names->roster->names.order.next;
        restore_step(names);
    } else {
        claim_begin(names);
    }
}

void names_enter(struct redis_names *names)
{
    struct names_args args;

    names->phase = NAMES_ENTERING;
    snprintf(names->seen, sizeof(names->seen), "%" PRIu64, names->roster->names.seq);
    names_args_begin(names, &args);
    names_args_add(&args, redis_text(names->born));
    names_args_add(&args, redis_text(names->seen));
    names_run(names, &redis_script_enter, &args, on_entered, names);
}

/* ---- putting back ---- */

static void on_restored(void *user, int status, const struct redis_answer *answer)
{
    struct redis_names *names = user;

    if (status != CONFAB_OK || names->phase != NAMES_RESTORING)
        return;
    if (!names_answer_is(answer, "ok"))
        names_answer_is_bad(names, answer);
    else if (names->restore_next == &names->roster->names.order)
        claim_begin(names);
    else
        restore_step(names);
}

/* The copy does not change before this node is READY again, so a pointer into it is a fine cursor.
 */
static void restore_step(struct redis_names *names)
{
    char keep_ms[NAMES_NUMBER_BYTES];
    struct names_args args;

    snprintf(keep_ms, sizeof(keep_ms), "%u", RESTORED_LEASES * names->redis->lease_ms);
    names_args_begin(names, &args);
    names_args_add(&args, redis_text(keep_ms));
    for (unsigned i = 0; i < REDIS_STEP_NAMES && names->restore_next != &names->roster->names.order;
         i++) {
        const struct roster_name *name =
            container_of(names->restore_next, struct roster_name, order);

        names_args_add(&args, (struct text){name->by_key.key, name->by_key.key_len});
        names_args_add(&args, name->shown);
        names->restore_next = names->restore_next->next;
    }
    names_run(names, &redis_script_restore, &args, on_restored, names);
}

/* ---- claiming again ---- */

static void on_reclaimed(void *user, int status, const struct redis_answer *answer)
{
    struct redis_names *names = user;
    struct roster_claims *claims = &names->roster->claims;

    if (status != CONFAB_OK || names->phase != NAMES_CLAIMING)
        return;
    if (!names_answer_is(answer, "ok")) {
        names_answer_is_bad(names, answer);
        return;
    }
    for (size_t i = 1; i < redis_answer_count(answer); i++) {
        int64_t id = redis_answer_integer(redis_answer_at(answer, i), 0);
        struct roster_claim *claim = roster_claims_find(claims, (uint64_t)id);

        if (claim != NULL && claim->state == ROSTER_CLAIM_HELD)
            broker_claim_lost(names->roster, claim, CONFAB_EDENIED);
    }
    claim_step(names);
}

struct reclaim_texts {
    char id[NAMES_NUMBER_BYTES];
    char resume[2 * ROSTER_RESUME_BYTES + 1];
};

static void add_claim(struct names_args *args, const struct roster_claim *claim,
                      struct reclaim_texts *texts)
{
    snprintf(texts->id, sizeof(texts->id), "%" PRIu64, claim->id);
    names_hash_text(texts->resume, claim->has_new_resume, claim->new_resume);
    names_args_add(args, claim->key);
    names_args_add(args, claim->shown);
    names_args_add(args, redis_text(texts->id));
    names_args_add(args, redis_text(texts->resume));
}

static void claim_step(struct redis_names *names)
{
    struct reclaim_texts *texts = xreallocarray(NULL, REDIS_STEP_NAMES, sizeof(*texts));
    struct names_args args;
    unsigned count = 0;

    names_args_begin(names, &args);
    names_args_add(&args, redis_text(names->round));
    while (count < REDIS_STEP_NAMES && names->id_next < names->id_count) {
        const struct roster_claim *claim =
            roster_claims_find(&names->roster->claims, names->ids[names->id_next++]);

        if (claim != NULL && claim->state == ROSTER_CLAIM_HELD)
            add_claim(&args, claim, &texts[count++]);
    }
    if (count > 0) {
        names_run(names, &redis_script_reclaim, &args, on_reclaimed, names);
    } else {
        names_send_releases(names);
        names_release_heard(names);
    }
    free(texts);
}

static void claim_begin(struct redis_names *names)
{
    struct roster_claims *claims = &names->roster->claims;

    names->phase = NAMES_CLAIMING;
    names->ids = xreallocarray(names->ids, roster_claims_count(claims) + 1, sizeof(*names->ids));
    names->id_count = 0;
    names->id_next = 0;
    LIST_FOREACH(it, &claims->all)
    names->ids[names->id_count++] = container_of(it, struct roster_claim, link)->id;
    claim_step(names);
}

/* When all is claimed and all that was given back is heard, the rest of what this node is said to
 * hold is wrong. */
void names_release_heard(struct redis_names *names)
{
    if (names->phase != NAMES_CLAIMING || names->id_next < names->id_count ||
        names->releases_in_flight > 0)
        return;
    names->phase = NAMES_PRUNING;
    names->prune_after[0] = '\0';
    prune_step(names);
}

/* ---- taking off what is not true ---- */

static void on_pruned(void *user, int status, const struct redis_answer *answer)
{
    struct redis_names *names = user;
    struct text last = redis_answer_text(redis_answer_at(answer, 1));

    if (status != CONFAB_OK || names->phase != NAMES_PRUNING)
        return;
    if (!names_answer_is(answer, "ok") || last.bytes == NULL ||
        last.length >= sizeof(names->prune_after)) {
        names_answer_is_bad(names, answer);
        return;
    }
    memcpy(names->prune_after, last.bytes, last.length + 1);
    if (last.length > 0) {
        prune_step(names);
        return;
    }
    names->phase = NAMES_LOADING;
    names_load_start(names);
}

static void prune_step(struct redis_names *names)
{
    char count[NAMES_NUMBER_BYTES];
    struct names_args args;

    snprintf(count, sizeof(count), "%u", REDIS_STEP_NAMES);
    names_args_begin(names, &args);
    names_args_add(&args, redis_text(names->round));
    names_args_add(&args, redis_text(count));
    names_args_add(&args, redis_text(names->prune_after));
    names_run(names, &redis_script_prune, &args, on_pruned, names);
}

/* ---- the end ---- */

void names_loaded(struct redis_names *names)
{
    bool entering = names->phase == NAMES_LOADING;

    names_are_ready(names);
    if (entering)
        redis_names_entered(names->redis);
}

void names_enter_stop(struct redis_names *names)
{
    free(names->ids);
    names->ids = NULL;
    names->id_count = 0;
    names->id_next = 0;
}
