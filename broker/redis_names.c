/*
 * Rosters whose names are kept in Redis.
 *
 * Whatever changes a roster is one script, one step inside Redis: it decides, it publishes a record
 * on the names channel, and behind it the announcement that clients see. All nodes read both on one
 * connection, so all copies of the list and all clients see one order. A claim that was won is
 * settled when its record comes by: then the own copy has the name and the announcement is still to
 * come.
 *
 * What could not be told to Redis, because the link died, is kept and told when it is back: names
 * given back, and claims whose outcome is not known.
 */
#define _GNU_SOURCE
#include "broker/redis_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/wire.h"
#include "common/mem.h"
#include "common/value.h"
#include <confab/err.h>

/* An event's name and a namespace's, both our own. */
#define TEMPLATE_MAX_BYTES 65536

/* A claim on its way. Freed when it has both been answered and been settled. */
struct names_call {
    struct redis_names *names;
    uint64_t claim;
    bool answered;
    enum broker_claim_result result; /* when answered */
    uint64_t seq;
};

static void on_claimed(void *user, int status, const struct redis_answer *answer);
static void on_released(void *user, int status, const struct redis_answer *answer);

/* ---- life ---- */

static struct text roster_key(const struct redis *redis, const struct broker_namespace *nsp,
                              const char *what)
{
    return redis_join_text("confab:{", redis->prefix, "}:roster:", nsp->name, ":", what, NULL);
}

static void on_records_live(void *user, int status)
{
    struct redis_names *names = user;

    if (status == CONFAB_OK && names->phase == NAMES_AWAY && names->redis->channels.told &&
        names->redis->lease.held)
        names_enter(names);
}

static struct text take_text(struct buf *buf)
{
    struct text text;

    text.bytes = (const char *)buf_take(buf, &text.length);
    return text.bytes != NULL ? text : (struct text){xstrdup(""), 0};
}

/* What an announcement's message is, with a gap where its argument goes. */
static void make_template(const struct redis_names *names, const char *event, struct text *head,
                          struct text *tail)
{
    struct buf before, after;

    const struct broker_namespace *nsp = names->roster->nsp;
    struct message *message =
        message_new(nsp->name, nsp->by_name.key_len, NULL, 0, NULL, 0, MESSAGE_NO_FLAGS,
                    confab_list(confab_string(event), NULL));

    buf_init(&before, TEMPLATE_MAX_BYTES);
    buf_init(&after, TEMPLATE_MAX_BYTES);
    wire_write_broadcast_around(&before, &after, WIRE_UID_ORDERED, message);
    message_release(message);
    *head = take_text(&before);
    *tail = take_text(&after);
    buf_fini(&before);
    buf_fini(&after);
}

void redis_names_open(struct broker_roster *roster)
{
    static const char *const keys[NAMES_KEYS] = {"names", "meta", "grace", "held", "owners"};
    struct redis *redis = redis_of(roster->broker);
    struct redis_names *names = xcalloc(1, sizeof(*names));
    struct text *common = names->common;

    names->redis = redis;
    names->roster = roster;
    list_init(&names->releases);
    roster->impl = names;
    for (unsigned i = 0; i < NAMES_KEYS - 1; i++)
        *common++ = roster_key(redis, roster->nsp, keys[i]);
    *common++ = redis_join_text("confab:{", redis->prefix, "}:leases", NULL);
    common++; /* the owner is known when the tag is */
    *common++ = redis_join_text("confab:{", redis->prefix, "}:names:", roster->nsp->name, NULL);
    *common++ = redis_join_text(redis_namespace_of(roster->nsp)->base.bytes, NULL);
    make_template(names, roster->config.joined_event, &common[0], &common[1]);
    make_template(names, roster->config.left_event, &common[2], &common[3]);
    make_template(names, roster->config.storm_event, &common[4], &common[5]);
    snprintf(names->storm_limit, sizeof(names->storm_limit), "%u", roster->config.storm_limit);
    names->records = (struct redis_interest){.kind = REDIS_INTEREST_NAMES, .names = names};
    redis_want(redis, &names->records, false, names->common[NAMES_KEYS + 1]);
    redis_wait(redis, &names->records, on_records_live, names);
}

static void release_free(struct names_release *release)
{
    list_del(&release->link);
    free(release);
}

void redis_names_close(struct broker_roster *roster)
{
    struct redis_names *names = redis_names_of(roster);

    redis_unwant(names->redis, &names->records);
    names_enter_stop(names);
    names_load_stop(names);
    while (!list_empty(&names->releases))
        release_free(container_of(list_pop(&names->releases), struct names_release, link));
    for (unsigned i = 0; i < NAMES_KEYS + NAMES_COMMON_ARGS - 1; i++)
        if (i != NAMES_KEYS)
            redis_free_text(&names->common[i]);
    free(names);
    roster->impl = NULL;
}

/* ---- scripts ---- */

void names_args_begin(const struct redis_names *names, struct names_args *args)
{
    memcpy(args->args, names->common, sizeof(names->common));
    args->args[NAMES_KEYS] = redis_text(names->redis->lease.owner);
    args->args[NAMES_KEYS + NAMES_COMMON_ARGS - 1] = redis_text(names->storm_limit);
    args->count = NAMES_KEYS + NAMES_COMMON_ARGS;
}

bool names_run(struct redis_names *names, const struct redis_script *script,
               const struct names_args *args, redis_link_done *done, void *user)
{
    int status = redis_link_script(names->redis->link, script, args->args, NAMES_KEYS, args->count,
                                   done, user);

    if (status == CONFAB_ELIMIT)
        redis_link_reset(names->redis->link, "the queue of commands is full");
    return status == CONFAB_OK;
}

bool names_answer_is(const struct redis_answer *answer, const char *word)
{
    struct text text = redis_answer_text(redis_answer_at(answer, 0));

    return text.bytes != NULL && strcmp(text.bytes, word) == 0;
}

void names_answer_is_bad(struct redis_names *names, const struct redis_answer *answer)
{
    struct text text = redis_answer_text(answer);

    if (names_answer_is(answer, "expired"))
        redis_link_reset(names->redis->link, "the lease has ended");
    else
        redis_link_reset(names->redis->link,
                         text.bytes != NULL ? text.bytes : "a step's answer makes no sense");
}

void names_hash_text(char out[2 * ROSTER_RESUME_BYTES + 1], bool has,
                     const uint8_t hash[ROSTER_RESUME_BYTES])
{
    out[0] = '\0';
    for (unsigned i = 0; has && i < ROSTER_RESUME_BYTES; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

/* ---- claims ---- */

void names_settle(struct redis_names *names, struct roster_claim *claim,
                  enum broker_claim_result result)
{
    struct names_call *call = claim->impl;

    claim->impl = NULL;
    if (call != NULL && call->answered)
        free(call);
    broker_claim_settle(names->roster, claim, result);
}

static void add_release(struct redis_names *names, uint64_t claim, struct text key, bool keep)
{
    struct names_release *release = xmalloc(sizeof(*release) + key.length);

    *release = (struct names_release){.names = names, .claim = claim, .keep = keep};
    memcpy(release->bytes, key.bytes, key.length);
    release->key = (struct text){release->bytes, key.length};
    list_init(&release->link);
    list_add_tail(&names->releases, &release->link);
}

static bool send_claim(struct redis_names *names, struct roster_claim *claim)
{
    struct names_call *call = xmalloc(sizeof(*call));
    char id[NAMES_NUMBER_BYTES];
    char resume[2 * ROSTER_RESUME_BYTES + 1], new_resume[2 * ROSTER_RESUME_BYTES + 1];
    struct names_args args;

    *call = (struct names_call){.names = names, .claim = claim->id};
    snprintf(id, sizeof(id), "%" PRIu64, claim->id);
    names_hash_text(resume, claim->has_resume, claim->resume);
    names_hash_text(new_resume, claim->has_new_resume, claim->new_resume);
    names_args_begin(names, &args);
    names_args_add(&args, redis_text(names->round));
    names_args_add(&args, claim->key);
    names_args_add(&args, claim->shown);
    names_args_add(&args, redis_text(id));
    names_args_add(&args, redis_text(resume));
    names_args_add(&args, redis_text(new_resume));
    if (!names_run(names, &redis_script_claim, &args, on_claimed, call)) {
        free(call);
        return false;
    }
    claim->impl = call;
    return true;
}

void redis_names_claim(struct broker_roster *roster, struct roster_claim *claim)
{
    struct redis_names *names = redis_names_of(roster);
    const struct redis *redis = names->redis;

    if (redis->leaving || redis_link_state(redis->link) < REDIS_LINK_PREPARING ||
        (names->phase == NAMES_READY && !send_claim(names, claim)))
        names_settle(names, claim, BROKER_CLAIM_UNAVAILABLE);
}

/* Won, and the copy has the name: nothing to wait for. */
static bool copy_is_there(const struct redis_names *names, uint64_t seq)
{
    return names->phase == NAMES_READY && names->load == NULL && names->decided == 0 &&
           names->roster->names.seq >= seq;
}

static void claim_is_decided(struct redis_names *names, struct roster_claim *claim,
                             enum broker_claim_result result, const struct redis_answer *answer)
{
    struct names_call *call = claim->impl;

    call->result = result;
    call->seq = (uint64_t)redis_answer_integer(redis_answer_at(answer, 1), 0);
    if (result == BROKER_CLAIM_TAKEN || copy_is_there(names, call->seq))
        names_settle(names, claim, result);
}

static void on_claimed(void *user, int status, const struct redis_answer *answer)
{
    struct names_call *call = user;
    struct redis_names *names = call->names;
    struct roster_claim *claim = roster_claims_find(&names->roster->claims, call->claim);

    call->answered = true;
    if (claim == NULL || claim->state != ROSTER_CLAIM_ASKED) {
        free(call); /* the record was faster */
        return;
    }
    if (status == CONFAB_ECLOSED)
        return; /* see redis_names_stop() */
    if (names_answer_is(answer, "won")) {
        claim_is_decided(names, claim, BROKER_CLAIM_WON, answer);
    } else if (names_answer_is(answer, "resumed")) {
        claim_is_decided(names, claim, BROKER_CLAIM_RESUMED, answer);
    } else if (names_answer_is(answer, "taken")) {
        claim_is_decided(names, claim, BROKER_CLAIM_TAKEN, answer);
    } else {
        /* Nobody knows whether it was won. If it was, it is given back. */
        add_release(names, claim->id, claim->key, false);
        if (status == CONFAB_OK)
            names_answer_is_bad(names, answer);
        names_settle(names, claim, BROKER_CLAIM_UNAVAILABLE);
    }
}

/* Calls `visit` for each claim that is in `state`, those it adds left out; it may do anything to
 * claims. */
static void each_claim(struct redis_names *names, enum roster_claim_state state,
                       void (*visit)(struct redis_names *names, struct roster_claim *claim))
{
    struct roster_claims *claims = &names->roster->claims;
    uint64_t *ids = xreallocarray(NULL, roster_claims_count(claims) + 1, sizeof(*ids));
    size_t count = 0;

    LIST_FOREACH(it, &claims->all)
    {
        const struct roster_claim *claim = container_of(it, struct roster_claim, link);

        if (claim->state == state)
            ids[count++] = claim->id;
    }
    for (size_t i = 0; i < count; i++) {
        struct roster_claim *claim = roster_claims_find(claims, ids[i]);

        if (claim != NULL && claim->state == state)
            visit(names, claim);
    }
    free(ids);
}

static void claim_without_link(struct redis_names *names, struct roster_claim *claim)
{
    const struct names_call *call = claim->impl;

    /* One that is known to be won is kept, and claimed again when the link is back. */
    names_settle(names, claim, call != NULL ? call->result : BROKER_CLAIM_UNAVAILABLE);
}

static void claim_when_ready(struct redis_names *names, struct roster_claim *claim)
{
    const struct names_call *call = claim->impl;

    if (call == NULL && !send_claim(names, claim))
        names_settle(names, claim, BROKER_CLAIM_UNAVAILABLE);
    else if (call != NULL && call->answered && copy_is_there(names, call->seq))
        names_settle(names, claim, call->result);
}

void names_are_ready(struct redis_names *names)
{
    names->phase = NAMES_READY;
    names_send_releases(names);
    each_claim(names, ROSTER_CLAIM_ASKED, claim_when_ready);
}

/* ---- giving back ---- */

static bool send_release(struct redis_names *names, struct names_release *release)
{
    char id[NAMES_NUMBER_BYTES], grace_ms[NAMES_NUMBER_BYTES];
    struct names_args args;

    snprintf(id, sizeof(id), "%" PRIu64, release->claim);
    snprintf(grace_ms, sizeof(grace_ms), "%" PRId64,
             release->keep ? names->roster->config.grace_ms : 0);
    names_args_begin(names, &args);
    names_args_add(&args, release->key);
    names_args_add(&args, redis_text(id));
    names_args_add(&args, redis_text(grace_ms));
    return names_run(names, &redis_script_release, &args, on_released, release);
}

void names_send_releases(struct redis_names *names)
{
    LIST_FOREACH(it, &names->releases)
    {
        struct names_release *release = container_of(it, struct names_release, link);

        if (release->sent)
            continue;
        if (!send_release(names, release))
            return;
        release->sent = true;
        names->releases_in_flight++;
    }
}

static void on_released(void *user, int status, const struct redis_answer *answer)
{
    struct names_release *release = user;
    struct redis_names *names = release->names;
    bool heard = names_answer_is(answer, "freed") || names_answer_is(answer, "kept") ||
                 names_answer_is(answer, "gone");

    names->releases_in_flight--;
    release->sent = false;
    if (heard || status == CONFAB_ECLOSED)
        release_free(release);
    else if (status == CONFAB_OK)
        names_answer_is_bad(names, answer);
    if (heard)
        names_release_heard(names);
}

void redis_names_release(struct broker_roster *roster, struct roster_claim *claim,
                         bool keep_for_grace)
{
    struct redis_names *names = redis_names_of(roster);

    add_release(names, claim->id, claim->key, keep_for_grace);
    roster_claim_free(&claim);
    if (names->phase == NAMES_READY)
        names_send_releases(names);
}

/* ---- the link is gone ---- */

static void lost_link(struct redis_names *names)
{
    names->phase = NAMES_AWAY;
    names->sweeping = false;
    names->decided = 0;
    names->redis->announcing = NULL;
    names_enter_stop(names);
    names_load_stop(names);
    each_claim(names, ROSTER_CLAIM_ASKED, claim_without_link);
}

static void forget_call(struct redis_names *names, struct roster_claim *claim)
{
    (void)names;
    free(claim->impl);
    claim->impl = NULL;
}

void redis_names_stop(struct redis *redis)
{
    LIST_FOREACH(it, &redis->broker.rosters)
    each_claim(redis_names_of(container_of(it, struct broker_roster, link)), ROSTER_CLAIM_ASKED,
               forget_call);
}

void redis_names_lost_link(struct redis *redis)
{
    LIST_FOREACH(it, &redis->broker.rosters)
    lost_link(redis_names_of(container_of(it, struct broker_roster, link)));
}

void redis_names_enter_all(struct redis *redis)
{
    LIST_FOREACH(it, &redis->broker.rosters)
    {
        struct redis_names *names = redis_names_of(container_of(it, struct broker_roster, link));

        if (names->phase == NAMES_AWAY && redis_interest_live(&names->records))
            names_enter(names);
    }
}

bool redis_names_ready(const struct redis *redis)
{
    LIST_FOREACH(it, &redis->broker.rosters)
    if (redis_names_of(container_of(it, struct broker_roster, link))->phase != NAMES_READY)
        return false;
    return true;
}
