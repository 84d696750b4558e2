/*
 * This node's tag, and the lease that says it is alive.
 *
 * A drawn tag is drawn again until nobody has it. A given one may be held by another process: by a
 * dead one, whose lease ends soon or whose connection Redis knows to be gone, or by a live one,
 * which shows by renewing; then this process cannot take part.
 *
 * A lease that was found to have ended costs the link: the others may have freed this node's names,
 * and the way to UP is also the way to claim them again.
 */
#define _GNU_SOURCE
#include "broker/redis_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include <confab/err.h>

#define TAG_CHARS 5
#define DRAWS_MAX 100
/* How much less than expected must be left of a rival's lease to see that it was not renewed. */
#define RENEWED_MS 500
#define RETRY_MS 1000
/* More than is left of any lease. */
#define LEFT_MAX_MS INT64_C(86400000)

enum lease_step { LEASE_ENTER, LEASE_RENEW, LEASE_LEAVE };

static void on_timer(evutil_socket_t fd, short what, void *user);
static void on_entered(void *user, int status, const struct redis_answer *answer);
static void on_renewed(void *user, int status, const struct redis_answer *answer);

static void set_tag(struct redis_lease *lease, const char *tag)
{
    snprintf(lease->tag, sizeof(lease->tag), "%s", tag);
    snprintf(lease->owner, sizeof(lease->owner), "%s:%s", tag, lease->incarnation);
}

static void draw_tag(struct redis *redis)
{
    char tag[TAG_CHARS + 1];

    rng_base36(&redis->rng, tag, TAG_CHARS);
    set_tag(&redis->lease, tag);
}

void redis_lease_init(struct redis *redis, const char *given_tag)
{
    struct redis_lease *lease = &redis->lease;

    rng_base36(&redis->rng, lease->incarnation, REDIS_INCARNATION_CHARS);
    lease->given = given_tag != NULL && given_tag[0] != '\0';
    if (lease->given)
        set_tag(lease, given_tag);
    lease->timer = event_new(redis->base, -1, 0, on_timer, redis);
    if (lease->timer == NULL)
        abort();
}

void redis_lease_fini(struct redis *redis)
{
    event_free(redis->lease.timer);
    free(redis->lease.rival);
}

static void arm(struct redis *redis, unsigned delay_ms)
{
    const struct timeval delay = {delay_ms / 1000, (suseconds_t)(delay_ms % 1000) * 1000};

    event_add(redis->lease.timer, &delay);
}

/* ---- the script ---- */

static int run(struct redis *redis, const char *what, const char *gone, redis_link_done *done,
               void *user)
{
    const struct redis_lease *lease = &redis->lease;
    char client[24], lease_ms[16];
    struct text leases = redis_join_text("confab:{", redis->prefix, "}:leases", NULL);
    struct text nodes = redis_join_text("confab:{", redis->prefix, "}:nodes", NULL);
    int status;

    snprintf(client, sizeof(client), "%lld", (long long)redis_link_subscriber_id(redis->link));
    snprintf(lease_ms, sizeof(lease_ms), "%u", redis->lease_ms);
    {
        const struct text args[] = {leases,
                                    nodes,
                                    redis_text(what),
                                    redis_text(lease->tag),
                                    redis_text(lease->incarnation),
                                    redis_text(client),
                                    redis_text(redis->address),
                                    redis_text(lease_ms),
                                    redis_text(gone)};

        status = redis_link_script(redis->link, &redis_script_lease, args, 2,
                                   sizeof(args) / sizeof(args[0]), done, user);
    }
    redis_free_text(&leases);
    redis_free_text(&nodes);
    return status;
}

static bool answer_says(const struct redis_answer *answer, const char *word)
{
    struct text text = redis_answer_text(redis_answer_at(answer, 0));

    return text.bytes != NULL && strcmp(text.bytes, word) == 0;
}

static void take_part(struct redis *redis, const char *gone)
{
    struct redis_lease *lease = &redis->lease;
    bool drawn = !lease->given && redis->broker.node_tag[0] == '\0';

    if (drawn)
        draw_tag(redis);
    if (run(redis, drawn ? "draw" : "take", gone, on_entered, redis) == CONFAB_ELIMIT)
        arm(redis, RETRY_MS);
}

void redis_lease_enter(struct redis *redis)
{
    redis->lease.draws = 0;
    take_part(redis, "");
}

/* ---- a tag that somebody else has ---- */

static void refuse(struct redis *redis)
{
    struct redis_lease *lease = &redis->lease;
    const char *holder = strrchr(lease->rival, ' ');

    log_limited(redis->log, &redis->refused_lines, clock_mono_ms(), LOG_ERROR, "node_tag_taken",
                LOG_S("tag", lease->tag), LOG_S("holder", lease->rival));
    if (lease->refused)
        return;
    lease->refused = true;
    if (redis->tag_refused != NULL)
        redis->tag_refused(redis->tag_refused_user, lease->tag, holder != NULL ? holder + 1 : "");
}

/* What CLIENT LIST ID says of the rival's subscribing connection. */
static void on_rival_looked_up(void *user, int status, const struct redis_answer *answer)
{
    struct redis *redis = user;
    struct text text = redis_answer_text(answer);

    if (status != CONFAB_OK || redis->lease.rival == NULL)
        return;
    if (redis_answer_kind(answer) != REDIS_ANSWER_TEXT)
        arm(redis, RETRY_MS); /* an older Redis: its lease will tell */
    else if (text.length == 0)
        take_part(redis, redis->lease.rival);
    else
        refuse(redis);
    if (redis->lease.refused)
        arm(redis, RETRY_MS);
}

static void look_up_rival(struct redis *redis)
{
    const char *client = strchr(redis->lease.rival, ' ');
    char id[24] = "0";

    if (client != NULL)
        snprintf(id, sizeof(id), "%.*s", (int)strcspn(client + 1, " "), client + 1);
    if (strcmp(id, "0") == 0) {
        arm(redis, RETRY_MS);
        return;
    }
    {
        const struct text args[] = {{"CLIENT", 6}, {"LIST", 4}, {"ID", 2}, redis_text(id)};

        redis_link_command(redis->link, args, 4, on_rival_looked_up, redis);
    }
}

static void tag_is_held(struct redis *redis, struct text record, int64_t left_ms)
{
    struct redis_lease *lease = &redis->lease;
    bool seen = lease->rival != NULL && strcmp(lease->rival, record.bytes) == 0;
    bool renewed = seen && left_ms > lease->rival_left_ms - RENEWED_MS;

    if (!lease->given && redis->broker.node_tag[0] == '\0') {
        if (++lease->draws < DRAWS_MAX)
            take_part(redis, "");
        else
            redis_link_reset(redis->link, "no free node tag");
        return;
    }
    free(lease->rival);
    lease->rival = xstrdup(record.bytes);
    lease->rival_left_ms = left_ms;
    if (renewed) {
        refuse(redis);
        arm(redis, RETRY_MS);
    } else if (seen) {
        arm(redis, RETRY_MS);
    } else {
        look_up_rival(redis);
    }
}

/* ---- answers ---- */

/* Whatever else Redis says (an error, a shape nobody expects), without a lease there is no taking
 * part. */
static void give_up_link(struct redis *redis, const struct redis_answer *answer)
{
    struct text text = redis_answer_text(answer);

    redis_link_reset(redis->link,
                     text.bytes != NULL ? text.bytes : "a lease's answer makes no sense");
}

static void won(struct redis *redis, const struct redis_answer *answer)
{
    struct redis_lease *lease = &redis->lease;

    lease->nodes = (unsigned)redis_answer_integer(redis_answer_at(answer, 1), 1);
    lease->held = true;
    lease->refused = false;
    free(lease->rival);
    lease->rival = NULL;
    arm(redis, redis->lease_ms / 3);
}

/* What is left of a rival's lease: never less than nothing. */
static int64_t left_ms_in(const struct redis_answer *answer)
{
    int64_t left_ms = redis_answer_integer(answer, 0);

    if (left_ms < 0)
        return 0;
    return left_ms < LEFT_MAX_MS ? left_ms : LEFT_MAX_MS;
}

static void on_entered(void *user, int status, const struct redis_answer *answer)
{
    struct redis *redis = user;

    if (status != CONFAB_OK)
        return;
    if (answer_says(answer, "ok")) {
        won(redis, answer);
        redis_lease_won(redis);
    } else if (answer_says(answer, "held") &&
               redis_answer_text(redis_answer_at(answer, 1)).bytes != NULL) {
        tag_is_held(redis, redis_answer_text(redis_answer_at(answer, 1)),
                    left_ms_in(redis_answer_at(answer, 2)));
    } else {
        give_up_link(redis, answer);
    }
}

static void on_renewed(void *user, int status, const struct redis_answer *answer)
{
    struct redis *redis = user;

    if (status != CONFAB_OK || redis->leaving)
        return;
    if (answer_says(answer, "ok"))
        won(redis, answer);
    else if (answer_says(answer, "expired"))
        redis_link_reset(redis->link, "the lease has ended");
    else
        give_up_link(redis, answer);
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
    struct redis *redis = user;

    (void)fd;
    (void)what;
    if (redis->leaving)
        return;
    if (!redis->lease.held)
        take_part(redis, "");
    else if (run(redis, "renew", "", on_renewed, redis) == CONFAB_ELIMIT)
        arm(redis, RETRY_MS);
}

void redis_lease_lost_link(struct redis *redis)
{
    redis->lease.held = false;
    redis->lease.nodes = 0;
    event_del(redis->lease.timer);
}

/* ---- the end ---- */

struct leaving {
    struct redis *redis;
    void (*done)(struct redis *redis);
};

static void on_left(void *user, int status, const struct redis_answer *answer)
{
    struct leaving *leaving = user;

    (void)status;
    (void)answer;
    leaving->done(leaving->redis);
    free(leaving);
}

void redis_lease_leave(struct redis *redis, void (*done)(struct redis *redis))
{
    struct leaving *leaving = xmalloc(sizeof(*leaving));

    event_del(redis->lease.timer);
    *leaving = (struct leaving){redis, done};
    if (redis->lease.held && run(redis, "leave", "", on_left, leaving) == CONFAB_OK)
        return;
    free(leaving);
    done(redis);
}
