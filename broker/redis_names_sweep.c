/* Freeing the names whose time is over, of whichever node; and handing over this node's own when it
 * stops for good. */
#define _GNU_SOURCE
#include "broker/redis_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include <confab/err.h>

/* ---- sweeping ---- */

static void on_swept(void *user, int status, const struct redis_answer *answer);

static void sweep(struct redis_names *names, bool may_sweep)
{
    char count[NAMES_NUMBER_BYTES];
    struct names_args args;

    snprintf(count, sizeof(count), "%u", may_sweep ? REDIS_STEP_NAMES : 0);
    names_args_begin(names, &args);
    names_args_add(&args, redis_text(count));
    names->sweeping = names_run(names, &redis_script_sweep, &args, on_swept, names);
}

static void on_swept(void *user, int status, const struct redis_answer *answer)
{
    struct redis_names *names = user;

    if (status != CONFAB_OK)
        return;
    names->sweeping = false;
    if (!names_answer_is(answer, "ok"))
        names_answer_is_bad(names, answer);
    else if (redis_answer_integer(redis_answer_at(answer, 2), 0) != 0 && !names->redis->leaving)
        sweep(names, true);
}

void redis_names_tick(struct redis *redis, bool may_sweep)
{
    LIST_FOREACH(it, &redis->broker.rosters)
    {
        struct redis_names *names = redis_names_of(container_of(it, struct broker_roster, link));

        if (names->phase == NAMES_READY && !names->sweeping)
            sweep(names, may_sweep);
    }
}

/* ---- leaving ---- */

struct names_leaving {
    struct redis *redis;
    struct list *roster; /* the one that is being left */
    void (*done)(struct redis *redis);
};

static void leave_step(struct names_leaving *leaving);

static void on_left(void *user, int status, const struct redis_answer *answer)
{
    struct names_leaving *leaving = user;

    /* Without an answer, or with a bad one, the lease's end frees the names. */
    if (status != CONFAB_OK || redis_answer_integer(redis_answer_at(answer, 1), 0) == 0)
        leaving->roster = leaving->roster->next;
    if (status == CONFAB_OK)
        leave_step(leaving);
    else {
        leaving->done(leaving->redis);
        free(leaving);
    }
}

static void leave_step(struct names_leaving *leaving)
{
    struct redis *redis = leaving->redis;
    char grace_ms[NAMES_NUMBER_BYTES], count[NAMES_NUMBER_BYTES];
    struct redis_names *names;
    struct names_args args;

    if (leaving->roster != &redis->broker.rosters) {
        names = redis_names_of(container_of(leaving->roster, struct broker_roster, link));
        snprintf(grace_ms, sizeof(grace_ms), "%" PRId64, names->roster->config.grace_ms);
        snprintf(count, sizeof(count), "%u", REDIS_STEP_NAMES);
        names_args_begin(names, &args);
        names_args_add(&args, redis_text(grace_ms));
        names_args_add(&args, redis_text(count));
        if (names_run(names, &redis_script_leave, &args, on_left, leaving))
            return;
    }
    leaving->done(redis);
    free(leaving);
}

void redis_names_leave(struct redis *redis, void (*done)(struct redis *redis))
{
    struct names_leaving *leaving = xmalloc(sizeof(*leaving));

    *leaving = (struct names_leaving){redis, redis->broker.rosters.next, done};
    leave_step(leaving);
}
