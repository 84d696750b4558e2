/* The link's states, and the commands that go through it. */
#define _GNU_SOURCE
#include "broker/redis_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis_link_impl.h"
#include "common/clock.h"
#include "common/live.h"
#include "common/mem.h"
#include <confab/err.h>

#define DEFAULT_PORT 6379
#define DEFAULT_CONNECT_TIMEOUT_MS 2000
#define DEFAULT_PING_INTERVAL_MS 2000
#define DEFAULT_BACKOFF_MIN_MS 100
#define DEFAULT_BACKOFF_MAX_MS 1000
#define DEFAULT_QUEUE_MAX_BYTES ((size_t)16 << 20)
/* Above the 32 MiB at which Redis by default drops a subscriber that is behind: one message is
 * never longer than that. */
#define DEFAULT_REPLY_MAX_BYTES ((size_t)64 << 20)
/* A link that lasted no longer than so many of the longest back-offs had come back in vain: the
 * next attempt waits as if it had not. */
#define STEADY_BACKOFFS 5
/* The answer to PING may wait behind so much that it is late, but not for ever: bytes without end
 * are no sign of life. */
#define PING_WAITS_MAX 15
/* What is kept of commands that are not yet answered, in limits of the queue: when ten thousand
 * clients leave at once their commands are sent faster than Redis can carry them out. */
#define KEPT_QUEUES_MAX 8

static void on_timer(evutil_socket_t fd, short what, void *user);
static void on_flush(evutil_socket_t fd, short what, void *user);
static void on_reap(evutil_socket_t fd, short what, void *user);

const char *redis_link_state_name(enum redis_link_state state)
{
    static const char *const names[] = {"waiting", "connecting", "preparing", "up"};

    return names[state];
}

static void arm(struct redis_link *link, unsigned delay_ms)
{
    const struct timeval delay = {delay_ms / 1000, (suseconds_t)(delay_ms % 1000) * 1000};

    event_add(link->timer, &delay);
}

/* ---- life ---- */

struct redis_link *redis_link_new(const struct redis_link_config *config,
                                  const struct redis_link_events *events, void *user)
{
#define OR(value, otherwise) ((value) != 0 ? (value) : (otherwise))
    struct redis_link *link = xcalloc(1, sizeof(*link));
    size_t queue_max_bytes = OR(config->queue_max_bytes, DEFAULT_QUEUE_MAX_BYTES);

    link->base = config->base;
    link->log = config->log;
    link->events = events;
    link->user = user;
    link->host = xstrdup(config->host);
    link->username = config->username != NULL ? xstrdup(config->username) : NULL;
    link->password = config->password != NULL ? xstrdup(config->password) : NULL;
    link->port = OR(config->port, DEFAULT_PORT);
    link->db = config->db;
    link->connect_timeout_ms = OR(config->connect_timeout_ms, DEFAULT_CONNECT_TIMEOUT_MS);
    link->ping_interval_ms = OR(config->ping_interval_ms, DEFAULT_PING_INTERVAL_MS);
    link->backoff_min_ms = OR(config->backoff_min_ms, DEFAULT_BACKOFF_MIN_MS);
    link->backoff_max_ms = OR(config->backoff_max_ms, DEFAULT_BACKOFF_MAX_MS);
    link->reply_max_bytes = OR(config->reply_max_bytes, DEFAULT_REPLY_MAX_BYTES);
#undef OR
    link->backoff_ms = link->backoff_min_ms;
    rng_init(&link->rng);
    link_conn_init(&link->command, link, false, queue_max_bytes);
    link_conn_init(&link->subscriber, link, true, queue_max_bytes);
    link->timer = event_new(link->base, -1, 0, on_timer, link);
    link->flush = event_new(link->base, -1, 0, on_flush, link);
    link->reap = event_new(link->base, -1, 0, on_reap, link);
    if (link->timer == NULL || link->flush == NULL || link->reap == NULL)
        abort();
    arm(link, 0);
    return link;
}

static void answer_all(struct link_conn *conn, int status)
{
    while (!list_empty(&conn->calls))
        link_answer(conn, status, NULL);
}

static void wipe(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void redis_link_free(struct redis_link **linkp)
{
    struct redis_link *link = *linkp;

    if (link == NULL)
        return;
    *linkp = NULL;
    if (link->depth > 0)
        abort(); /* a callback's frame is still using it */
    link->broken = true;
    lookup_cancel(link);
    link_conn_close(&link->command);
    link_conn_close(&link->subscriber);
    answer_all(&link->command, CONFAB_ECLOSED);
    answer_all(&link->subscriber, CONFAB_ECLOSED);
    link_conn_fini(&link->command);
    link_conn_fini(&link->subscriber);
    event_free(link->timer);
    event_free(link->flush);
    event_free(link->reap);
    rng_fini(&link->rng);
    free(link->host);
    free(link->username);
    wipe(link->password);
    free(link);
}

/* ---- states ---- */

enum redis_link_state redis_link_state(const struct redis_link *link)
{
    return link != NULL ? link->state : REDIS_LINK_WAITING;
}

uint64_t redis_link_losses(const struct redis_link *link)
{
    return link->losses;
}

uint64_t redis_link_attempts(const struct redis_link *link)
{
    return link->attempts;
}

int64_t redis_link_subscriber_id(const struct redis_link *link)
{
    return link != NULL ? link->subscriber.client_id : 0;
}

size_t redis_link_queued_bytes(const struct redis_link *link)
{
    return link_conn_queued_bytes(&link->command) + link_conn_queued_bytes(&link->subscriber);
}

static void attempt(struct redis_link *link)
{
    link->state = REDIS_LINK_CONNECTING;
    link->attempts++;
    arm(link, link->connect_timeout_ms);
    lookup_start(link);
}

/* The addresses are there. Both connections go to the same one; another one's turn comes when it
 * fails. */
void link_resolved(struct redis_link *link)
{
    const struct link_address *address = &link->addresses[link->address_next % link->address_count];

    link_conn_open(&link->command, address);
    if (!link->broken)
        link_conn_open(&link->subscriber, address);
}

void link_conn_ready(struct redis_link *link)
{
    if (link->command.state != CONN_READY || link->subscriber.state != CONN_READY)
        return;
    link->state = REDIS_LINK_PREPARING;
    link->scripts_sent = 0;
    arm(link, link->ping_interval_ms);
    link->events->on_connected(link->user);
}

void redis_link_declare_up(struct redis_link *link)
{
    if (link->state != REDIS_LINK_PREPARING || link->broken)
        return;
    link->state = REDIS_LINK_UP;
    link->up_at_ms = clock_mono_ms();
    link->failures = 0;
    log_info(link->log, "redis_up", LOG_S("host", link->host), LOG_U("port", link->port),
             LOG_U("losses", link->losses));
}

void link_fail(struct redis_link *link, const char *why)
{
    if (link->broken || link->state == REDIS_LINK_WAITING)
        return;
    link->broken = true;
    snprintf(link->why, sizeof(link->why), "%s", why);
    event_active(link->reap, 0, 0);
}

void redis_link_reset(struct redis_link *link, const char *why)
{
    if (link != NULL)
        link_fail(link, why);
}

/* The first failure of a row is told aloud, its repetitions only to those who look closely. */
static void log_failure(struct redis_link *link, enum redis_link_state was)
{
    enum log_level level = link->failures == 0 ? LOG_WARN : LOG_DEBUG;

    log_at(link->log, level, was == REDIS_LINK_UP ? "redis_lost" : "redis_unreachable",
           LOG_S("host", link->host), LOG_U("port", link->port), LOG_S("why", link->why),
           LOG_S("state", redis_link_state_name(was)));
    link->failures++;
}

/* Takes the link down at the top of the loop, where nothing of it is on the stack, and plans the
 * next attempt. */
static void on_reap(evutil_socket_t fd, short what, void *user)
{
    struct redis_link *link = user;
    enum redis_link_state was = link->state;

    (void)fd;
    (void)what;
    if (!link->broken)
        return;
    log_failure(link, was);
    lookup_cancel(link);
    link_conn_drop(&link->command);
    link_conn_drop(&link->subscriber);
    link->depth++;
    answer_all(&link->command, CONFAB_EUNAVAILABLE);
    answer_all(&link->subscriber, CONFAB_EUNAVAILABLE);
    link->state = REDIS_LINK_WAITING;
    link->broken = false;
    if (was == REDIS_LINK_CONNECTING)
        link->address_next++;
    if (was == REDIS_LINK_UP) {
        link->losses++;
        if (clock_mono_ms() - link->up_at_ms >= (int64_t)link->backoff_max_ms * STEADY_BACKOFFS)
            link->backoff_ms = link->backoff_min_ms;
    }
    /* Half of it is chance, so that the nodes of a cluster do not come back in step. */
    arm(link, link->backoff_ms / 2 + rng_below(&link->rng, link->backoff_ms / 2 + 1));
    link->backoff_ms *= 2;
    if (link->backoff_ms > link->backoff_max_ms)
        link->backoff_ms = link->backoff_max_ms;
    if (was >= REDIS_LINK_PREPARING)
        link->events->on_lost(link->user, was == REDIS_LINK_UP, link->why);
    link->depth--;
}

/* ---- the watch ---- */

static void on_pong(void *user, int status, const struct redis_answer *answer)
{
    struct link_conn *conn = user;

    (void)status;
    (void)answer;
    conn->ping_owed = false;
    conn->ping_waits = 0;
}

/* False: the last PING has not been answered in its time, nor has anything else come. Bytes count
 * as a sign of life for a while, since the answer may wait behind them. */
static bool watch(struct link_conn *conn)
{
    static const struct text ping = {"PING", 4};

    bool heard = conn->heard;

    conn->heard = false;
    if (conn->ping_owed)
        return heard && ++conn->ping_waits < PING_WAITS_MAX;
    if (link_conn_put(conn, &ping, 1) != CONFAB_OK)
        return heard; /* a full queue: what is in it will be answered, or not */
    conn->ping_owed = true;
    link_conn_call(conn, 0, 0, on_pong, conn);
    return true;
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
    struct redis_link *link = user;

    (void)fd;
    (void)what;
    if (link->broken)
        return;
    switch (link->state) {
    case REDIS_LINK_WAITING:
        attempt(link);
        break;
    case REDIS_LINK_CONNECTING:
        link_fail(link, "no connection in time");
        break;
    case REDIS_LINK_PREPARING:
    case REDIS_LINK_UP:
        arm(link, link->ping_interval_ms);
        if (!watch(&link->command) || !watch(&link->subscriber))
            link_fail(link, "no answer to PING");
        break;
    }
}

static void on_flush(evutil_socket_t fd, short what, void *user)
{
    struct redis_link *link = user;

    (void)fd;
    (void)what;
    if (!link->broken)
        link_conn_flush(&link->command);
    if (!link->broken)
        link_conn_flush(&link->subscriber);
}

/* ---- commands ---- */

static bool takes_commands(const struct redis_link *link)
{
    return link != NULL && !link->broken && link->state >= REDIS_LINK_PREPARING;
}

/* A Redis that takes commands and answers none of them must not fill the memory either. */
static bool owes_too_much(const struct link_conn *conn)
{
    return conn->calls_bytes / KEPT_QUEUES_MAX > conn->out.limit_bytes;
}

int redis_link_command(struct redis_link *link, const struct text *args, unsigned count,
                       redis_link_done *done, void *user)
{
    int status;

    if (!takes_commands(link))
        return CONFAB_EUNAVAILABLE;
    status =
        owes_too_much(&link->command) ? CONFAB_ELIMIT : link_conn_put(&link->command, args, count);
    if (status == CONFAB_OK)
        link_conn_call(&link->command, 0, 0, done, user);
    return status;
}

int redis_link_subscription(struct redis_link *link, enum redis_subscription kind,
                            const struct text *channels, unsigned count)
{
    static const struct text verbs[] = {
        [REDIS_SUBSCRIBE] = {"SUBSCRIBE", 9},
        [REDIS_UNSUBSCRIBE] = {"UNSUBSCRIBE", 11},
        [REDIS_PSUBSCRIBE] = {"PSUBSCRIBE", 10},
        [REDIS_PUNSUBSCRIBE] = {"PUNSUBSCRIBE", 12},
    };
    struct text *args;
    int status;

    if (!takes_commands(link))
        return CONFAB_EUNAVAILABLE;
    if (count == 0)
        return CONFAB_OK; /* without a name the command means all of them */
    args = xreallocarray(NULL, count + 1, sizeof(*args));
    args[0] = verbs[kind];
    memcpy(args + 1, channels, count * sizeof(*args));
    status = link_conn_put(&link->subscriber, args, count + 1);
    free(args);
    return status;
}

/* Puts EVAL or EVALSHA, which it is, and the arguments. */
static int put_script(struct redis_link *link, const struct redis_script *script, bool whole,
                      const struct text *args, unsigned key_count, unsigned count)
{
    struct text *words = xreallocarray(NULL, count + 3, sizeof(*words));
    char keys[16];
    int status;

    words[0] = whole ? (struct text){"EVAL", 4} : (struct text){"EVALSHA", 7};
    words[1] = whole ? (struct text){script->text, script->length_bytes}
                     : (struct text){script->sha1, strlen(script->sha1)};
    words[2].bytes = keys;
    words[2].length = (size_t)snprintf(keys, sizeof(keys), "%u", key_count);
    memcpy(words + 3, args, count * sizeof(*words));
    status = link_conn_put(&link->command, words, count + 3);
    free(words);
    return status;
}

int redis_link_script(struct redis_link *link, const struct redis_script *script,
                      const struct text *args, unsigned key_count, unsigned count,
                      redis_link_done *done, void *user)
{
    uint64_t bit = UINT64_C(1) << script->index;
    struct link_call *call;
    size_t bytes = 0;
    char *kept;
    int status;

    if (!takes_commands(link))
        return CONFAB_EUNAVAILABLE;
    if (owes_too_much(&link->command))
        return CONFAB_ELIMIT;
    status = put_script(link, script, (link->scripts_sent & bit) == 0, args, key_count, count);
    if (status != CONFAB_OK)
        return status;
    for (unsigned i = 0; i < count; i++)
        bytes += args[i].length;
    call = link_conn_call(&link->command, count, bytes, done, user);
    call->script = script;
    call->key_count = key_count;
    call->whole = (link->scripts_sent & bit) == 0;
    kept = (char *)(call->args + count);
    for (unsigned i = 0; i < count; i++) {
        memcpy(kept, args[i].bytes, args[i].length);
        call->args[i] = (struct text){kept, args[i].length};
        kept += args[i].length;
    }
    link->scripts_sent |= bit;
    return CONFAB_OK;
}

/* Redis has forgotten the script (SCRIPT FLUSH, a failover behind one address): once more, whole.
 * True when that is on its way. */
static bool again_whole(struct link_conn *conn, struct link_call *call, const redisReply *reply)
{
    static const char noscript[] = "NOSCRIPT";

    if (call->script == NULL || call->whole || reply->type != REDIS_REPLY_ERROR ||
        strncmp(reply->str, noscript, sizeof(noscript) - 1) != 0)
        return false;
    if (put_script(conn->link, call->script, true, call->args, call->key_count, call->count) !=
        CONFAB_OK)
        return false;
    call->whole = true;
    list_add_tail(&conn->calls, &call->link);
    return true;
}

void link_answer(struct link_conn *conn, int status, const redisReply *reply)
{
    struct link_call *call = container_of(list_pop(&conn->calls), struct link_call, link);

    if (reply != NULL && again_whole(conn, call, reply))
        return;
    if (call->done != NULL)
        call->done(call->user, status, (const struct redis_answer *)(const void *)reply);
    conn->calls_bytes -= call->bytes;
    free(call);
    live_dec(LIVE_REDIS_CALL);
}

/* ---- answers ---- */

static const redisReply *reply_of(const struct redis_answer *answer)
{
    return (const redisReply *)(const void *)answer;
}

enum redis_answer_kind redis_answer_kind(const struct redis_answer *answer)
{
    if (answer == NULL)
        return REDIS_ANSWER_NIL;
    switch (reply_of(answer)->type) {
    case REDIS_REPLY_INTEGER:
        return REDIS_ANSWER_INTEGER;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        return REDIS_ANSWER_TEXT;
    case REDIS_REPLY_ARRAY:
        return REDIS_ANSWER_ARRAY;
    case REDIS_REPLY_ERROR:
        return REDIS_ANSWER_ERROR;
    default:
        return REDIS_ANSWER_NIL;
    }
}

int64_t redis_answer_integer(const struct redis_answer *answer, int64_t otherwise)
{
    struct text text = redis_answer_text(answer);
    char *end;
    long long value;

    if (redis_answer_kind(answer) == REDIS_ANSWER_INTEGER)
        return reply_of(answer)->integer;
    if (redis_answer_kind(answer) != REDIS_ANSWER_TEXT || text.length == 0)
        return otherwise;
    value = strtoll(text.bytes, &end, 10);
    return end == text.bytes + text.length ? value : otherwise;
}

struct text redis_answer_text(const struct redis_answer *answer)
{
    enum redis_answer_kind kind = redis_answer_kind(answer);

    if (kind != REDIS_ANSWER_TEXT && kind != REDIS_ANSWER_ERROR)
        return (struct text){NULL, 0};
    return (struct text){reply_of(answer)->str, reply_of(answer)->len};
}

size_t redis_answer_count(const struct redis_answer *answer)
{
    return redis_answer_kind(answer) == REDIS_ANSWER_ARRAY ? reply_of(answer)->elements : 0;
}

const struct redis_answer *redis_answer_at(const struct redis_answer *answer, size_t i)
{
    if (i >= redis_answer_count(answer))
        return NULL;
    return (const struct redis_answer *)(const void *)reply_of(answer)->element[i];
}
