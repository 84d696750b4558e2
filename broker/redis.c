/* The Redis broker's life, its way to UP, and what it does from time to time. */
#define _GNU_SOURCE
#include "broker/redis.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/redis_impl.h"
#include "broker/wire.h"
#include "common/clock.h"
#include "common/mem.h"
#include <confab/err.h>

#define DEFAULT_PREFIX "socket.io"
#define DEFAULT_LEASE_MS 6000
#define DEFAULT_TICK_MS 1000
#define DEFAULT_LINGER_MS 1000
#define DEFAULT_RESPONSE_MAX_BYTES ((size_t)4 << 20)
/* What may wait for the socket; also the longest message. */
#define QUEUE_MAX_BYTES ((size_t)16 << 20)
#define PROBE_TICKS 5
#define HOST_NAME_BYTES 256
#define LINES_PER_SECOND 2

/* ---- texts ---- */

struct text redis_join_text(const char *first, ...)
{
    struct text text = {NULL, 0};
    struct buf buf;
    va_list args;

    buf_init(&buf, SIZE_MAX);
    va_start(args, first);
    for (const char *part = first; part != NULL; part = va_arg(args, const char *))
        buf_puts(&buf, part);
    va_end(args);
    buf_append(&buf, "", 0);
    text.bytes = (const char *)buf_take(&buf, &text.length);
    if (text.bytes == NULL)
        abort();
    return text;
}

void redis_free_text(struct text *text)
{
    free((char *)(uintptr_t)text->bytes);
    *text = (struct text){NULL, 0};
}

static struct text taken(struct buf *buf)
{
    struct text text;

    text.bytes = (const char *)buf_take(buf, &text.length);
    if (text.bytes == NULL)
        abort();
    return text;
}

/* ---- namespaces ---- */

static void want_pattern(struct redis *redis, struct redis_interest *interest,
                         const struct broker_namespace *nsp, const char *room_prefix)
{
    struct buf name;
    struct text text;

    buf_init(&name, SIZE_MAX);
    wire_pattern_broadcast(&name, redis->prefix, nsp->name, room_prefix);
    text = taken(&name);
    redis_want(redis, interest, true, text);
    redis_free_text(&text);
}

/* The ids of this node's sockets begin with its tag, so they have one pattern in common. */
static void want_private_rooms(struct redis *redis, struct broker_namespace *nsp)
{
    struct redis_namespace *own = redis_namespace_of(nsp);
    char prefix[sizeof(redis->broker.node_tag) + 1];

    if (redis->rooms == BROKER_REDIS_ROOMS_ALL || redis->broker.node_tag[0] == '\0' ||
        own->private_rooms.channel != NULL)
        return;
    evutil_snprintf(prefix, sizeof(prefix), "%s.", redis->broker.node_tag);
    want_pattern(redis, &own->private_rooms, nsp, prefix);
}

static void namespace_opened(struct broker_namespace *nsp)
{
    struct redis *redis = redis_of(nsp->broker);
    struct redis_namespace *own = xcalloc(1, sizeof(*own));
    struct buf name;
    struct text requests;

    nsp->impl = own;
    own->nsp = nsp;
    do {
        rng_base64url(&redis->rng, own->uid, REDIS_UID_CHARS);
    } while (strcmp(own->uid, WIRE_UID_ORDERED) == 0);
    own->broadcasts = (struct redis_interest){.kind = REDIS_INTEREST_BROADCAST, .nsp = nsp};
    own->private_rooms = own->broadcasts;
    own->requests = (struct redis_interest){.kind = REDIS_INTEREST_REQUEST, .nsp = nsp};
    buf_init(&name, SIZE_MAX);
    wire_channel_broadcast(&name, redis->prefix, nsp->name, NULL);
    own->base = taken(&name);
    wire_channel_request(&name, redis->prefix, nsp->name);
    requests = taken(&name);
    if (redis->rooms == BROKER_REDIS_ROOMS_ALL)
        want_pattern(redis, &own->broadcasts, nsp, "");
    else
        redis_want(redis, &own->broadcasts, false, own->base);
    redis_want(redis, &own->requests, false, requests);
    redis_free_text(&requests);
    want_private_rooms(redis, nsp);
}

static void namespace_closing(struct broker_namespace *nsp)
{
    struct redis *redis = redis_of(nsp->broker);
    struct redis_namespace *own = redis_namespace_of(nsp);

    redis_unwant(redis, &own->broadcasts);
    redis_unwant(redis, &own->private_rooms);
    redis_unwant(redis, &own->requests);
    redis_asks_drop(redis, nsp);
    redis_asks_close(redis, own);
    redis_jobs_close(redis, nsp);
    redis_free_text(&own->base);
    free(own);
    nsp->impl = NULL;
}

/* ---- rooms ---- */

static void room_first(struct broker_namespace *nsp, struct room *room)
{
    struct redis *redis = redis_of(nsp->broker);
    struct text name = room_text(room);
    struct redis_interest *interest;
    struct buf channel;
    struct text text;

    if (!redis_room_is_exact(redis, name))
        return;
    interest = xmalloc(sizeof(*interest));
    *interest = (struct redis_interest){.kind = REDIS_INTEREST_BROADCAST, .nsp = nsp};
    room->impl = interest;
    buf_init(&channel, SIZE_MAX);
    wire_channel_broadcast(&channel, redis->prefix, nsp->name, &name);
    text = taken(&channel);
    redis_want(redis, interest, false, text);
    redis_free_text(&text);
}

static void room_last(struct broker_namespace *nsp, struct room *room)
{
    struct redis_interest *interest = room->impl;

    if (interest == NULL)
        return;
    room->impl = NULL;
    redis_unwant(redis_of(nsp->broker), interest);
    free(interest);
}

static void room_joined(struct broker_namespace *nsp, struct room *room,
                        void (*done)(void *user, int status), void *user)
{
    struct redis *redis = redis_of(nsp->broker);
    const struct redis_namespace *own = redis_namespace_of(nsp);

    if (room->impl != NULL)
        redis_wait(redis, room->impl, done, user);
    else
        redis_wait(redis,
                   redis->rooms == BROKER_REDIS_ROOMS_ALL ? &own->broadcasts : &own->private_rooms,
                   done, user);
}

/* ---- the way to UP ---- */

static void on_connected(void *user)
{
    struct redis *redis = user;

    /* Who leaves has no lease any more, and only listens. */
    if (redis->leaving)
        redis_channels_open(redis);
    else
        redis_lease_enter(redis);
}

void redis_lease_won(struct redis *redis)
{
    struct broker *broker = &redis->broker;

    if (broker->node_tag[0] == '\0') {
        evutil_snprintf(broker->node_tag, sizeof(broker->node_tag), "%s", redis->lease.tag);
        log_info(redis->log, "node_tag_won", LOG_S("tag", broker->node_tag));
        LIST_FOREACH(it, &broker->namespaces)
        want_private_rooms(redis, container_of(it, struct broker_namespace, link));
    }
    if (!redis->channels.open)
        redis_channels_open(redis);
}

void redis_subscribed(struct redis *redis)
{
    if (redis_link_state(redis->link) != REDIS_LINK_PREPARING)
        return;
    if (!redis->leaving)
        redis_names_enter_all(redis);
    redis_names_entered(redis);
}

void redis_names_entered(struct redis *redis)
{
    if (redis_link_state(redis->link) != REDIS_LINK_PREPARING || !redis->channels.told ||
        !(redis->leaving || redis_names_ready(redis)))
        return;
    redis_link_declare_up(redis->link);
    if (redis_link_state(redis->link) != REDIS_LINK_UP)
        return;
    redis->up_at_ms = clock_mono_ms();
    broker_set_state(&redis->broker, BROKER_UP);
}

static void on_lost(void *user, bool was_up, const char *why)
{
    struct redis *redis = user;

    (void)why;
    redis->broker.counters.link_losses = redis_link_losses(redis->link);
    redis->probe_at_us = 0;
    redis_lease_lost_link(redis);
    redis_asks_lost_link(redis);
    redis_channels_close(redis);
    redis_names_lost_link(redis);
    if (was_up)
        broker_set_state(&redis->broker, BROKER_DOWN);
}

static void on_message(void *user, const struct redis_message *message)
{
    redis_receive(user, message);
}

static void on_subscribed(void *user, enum redis_subscription kind, struct text channel)
{
    redis_channels_confirm(user, kind, channel);
}

/* ---- from time to time ---- */

/* Published to itself: how long the way through Redis takes now. */
static void send_probe(struct redis *redis)
{
    struct text args[3] = {{"PUBLISH", 7}, {NULL, 0}, {"probe", 5}};

    if (redis->probe_at_us != 0 || !redis_interest_live(&redis->probe))
        return;
    args[1] = redis_join_text("confab:{", redis->prefix, "}:probe:", redis->probe_id, NULL);
    if (redis_link_command(redis->link, args, 3, NULL, NULL) == CONFAB_OK)
        redis->probe_at_us = clock_mono_us();
    redis_free_text(&args[1]);
}

static void plan_tick(struct redis *redis)
{
    /* A tenth of chance, so that nodes started together do not look together. */
    unsigned ms = redis->tick_ms - rng_below(&redis->rng, redis->tick_ms / 10 + 1);
    const struct timeval delay = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

    event_add(redis->tick, &delay);
}

static void on_tick(evutil_socket_t fd, short what, void *user)
{
    struct redis *redis = user;
    int64_t now_ms = clock_mono_ms();

    (void)fd;
    (void)what;
    plan_tick(redis);
    broker_pending_expire(&redis->broker, now_ms);
    redis_asks_tick(redis, now_ms);
    if (redis_link_state(redis->link) != REDIS_LINK_UP)
        return;
    /* Others that lost Redis together with this node have had the time of a lease to come back. */
    if (!redis->leaving)
        redis_names_tick(redis, now_ms - redis->up_at_ms >= (int64_t)redis->lease_ms);
    if (redis->ticks++ % PROBE_TICKS == 0)
        send_probe(redis);
}

/* ---- leaving ---- */

static void on_left(struct redis *redis)
{
    void (*left)(void *) = redis->left;

    redis->left = NULL;
    if (left != NULL)
        left(redis->left_user);
}

static void on_names_left(struct redis *redis)
{
    redis_lease_leave(redis, on_left);
}

static void leave_cluster(struct broker *broker, void (*done)(void *user), void *user)
{
    struct redis *redis = redis_of(broker);

    if (redis->leaving) {
        done(user);
        return;
    }
    redis->leaving = true;
    redis->left = done;
    redis->left_user = user;
    redis_names_leave(redis, on_names_left);
}

/* ---- life ---- */

static void stop(struct broker *broker)
{
    struct redis *redis = redis_of(broker);

    redis_link_free(&redis->link);
    redis_channels_close(redis);
    redis_names_stop(redis);
    redis_jobs_clear(redis);
    event_del(redis->tick);
}

static void redis_free(struct broker *broker)
{
    struct redis *redis = redis_of(broker);

    redis_unwant(redis, &redis->probe);
    redis_jobs_fini(redis);
    redis_asks_fini(redis);
    redis_lease_fini(redis);
    redis_channels_fini(redis);
    event_free(redis->tick);
    buf_fini(&redis->channel_out);
    buf_fini(&redis->payload_out);
    rng_fini(&redis->rng);
    free(redis->prefix);
    free(redis->address);
    broker_fini(broker);
    free(redis);
}

static const struct broker_ops ops = {
    .stop = stop,
    .free = redis_free,
    .leave_cluster = leave_cluster,
    .namespace_opened = namespace_opened,
    .namespace_closing = namespace_closing,
    .room_first = room_first,
    .room_last = room_last,
    .room_joined = room_joined,
    .publish = redis_publish,
    .publish_ordered = redis_publish_ordered,
    .roster_opened = redis_names_open,
    .roster_closing = redis_names_close,
    .roster_claim = redis_names_claim,
    .roster_release = redis_names_release,
    .tell = redis_tell,
    .ask = redis_ask,
    .ask_over = redis_ask_over,
    .answer = redis_answer_pending,
    .answer_closed = redis_answer_closed,
};

/* A word: what is not one would split the lease's record. */
static char *address_word(const char *address)
{
    char host[HOST_NAME_BYTES] = "unknown";
    char *word;

    if (address == NULL || address[0] == '\0') {
        gethostname(host, sizeof(host) - 1);
        address = host;
    }
    word = xstrdup(address);
    for (char *c = word; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ')
            *c = '_';
    return word;
}

static void configure(struct redis *redis, const struct broker_redis_config *config)
{
#define OR(value, otherwise) ((value) != 0 ? (value) : (otherwise))
    redis->base = config->base;
    redis->log = config->log;
    redis->prefix = xstrdup(config->prefix != NULL ? config->prefix : DEFAULT_PREFIX);
    redis->address = address_word(config->address);
    redis->rooms = config->rooms;
    redis->responses = config->responses;
    redis->tag_refused = config->tag_refused;
    redis->tag_refused_user = config->tag_refused_user;
    redis->lease_ms = OR(config->lease_ms, DEFAULT_LEASE_MS);
    redis->tick_ms = OR(config->tick_ms, DEFAULT_TICK_MS);
    redis->linger_ms = OR(config->linger_ms, DEFAULT_LINGER_MS);
    redis->response_max_bytes = OR(config->response_max_bytes, DEFAULT_RESPONSE_MAX_BYTES);
#undef OR
    log_limit_init(&redis->malformed_lines, LINES_PER_SECOND);
    log_limit_init(&redis->refused_lines, LINES_PER_SECOND);
    buf_init(&redis->channel_out, QUEUE_MAX_BYTES);
    buf_init(&redis->payload_out, QUEUE_MAX_BYTES);
}

static void want_probe(struct redis *redis)
{
    struct text channel;

    rng_base64url(&redis->rng, redis->probe_id, REDIS_UID_CHARS);
    channel = redis_join_text("confab:{", redis->prefix, "}:probe:", redis->probe_id, NULL);
    redis->probe = (struct redis_interest){.kind = REDIS_INTEREST_PROBE};
    redis_want(redis, &redis->probe, false, channel);
    redis_free_text(&channel);
}

struct broker *broker_redis_new(const struct broker_redis_config *config,
                                const struct broker_events *events, void *user)
{
    static const struct redis_link_events link_events = {on_connected, on_lost, on_message,
                                                         on_subscribed};
    const struct redis_address *address = config->redis;
    const struct redis_link_config link = {
        .base = config->base,
        .log = config->log,
        .host = address->host,
        .port = address->port,
        .username = address->username[0] != '\0' ? address->username : NULL,
        .password = address->password[0] != '\0' ? address->password : NULL,
        .db = address->db,
        .ping_interval_ms = config->ping_interval_ms,
        .queue_max_bytes = QUEUE_MAX_BYTES};
    struct redis *redis = xcalloc(1, sizeof(*redis));
    uint8_t seed[HTABLE_SEED_BYTES];

    rng_init(&redis->rng);
    rng_bytes(&redis->rng, seed, sizeof(seed));
    broker_init(&redis->broker, &ops, seed, events, user);
    configure(redis, config);
    redis_channels_init(redis);
    redis_lease_init(redis, config->node_tag);
    redis_jobs_init(redis);
    redis_asks_init(redis);
    redis->tick = event_new(redis->base, -1, 0, on_tick, redis);
    if (redis->tick == NULL)
        abort();
    want_probe(redis);
    redis->link = redis_link_new(&link, &link_events, redis);
    plan_tick(redis);
    return &redis->broker;
}

/* ---- looking in ---- */

static const struct redis *redis_const(const struct broker *broker)
{
    assert(broker->ops == &ops);
    return container_of((struct broker *)(uintptr_t)broker, struct redis, broker);
}

bool broker_redis_settled(const struct broker *broker)
{
    const struct redis *redis = redis_const(broker);

    return redis_link_state(redis->link) == REDIS_LINK_UP && redis->channels.asked == 0 &&
           redis_names_ready(redis);
}

void broker_redis_stats(const struct broker *broker, struct broker_redis_stats *out)
{
    const struct redis *redis = redis_const(broker);
    bool up = redis_link_state(redis->link) >= REDIS_LINK_PREPARING;

    *out = (struct broker_redis_stats){.command_up = up,
                                       .subscriber_up = up,
                                       .connects = redis_link_attempts(redis->link),
                                       .losses = redis_link_losses(redis->link),
                                       .unsent = redis->unsent,
                                       .subscriptions = redis->channels.live,
                                       .queued_bytes = redis_link_queued_bytes(redis->link),
                                       .nodes = redis->lease.nodes};
}
