/*
 * Which channels and patterns this node is subscribed to.
 *
 * A channel is there while somebody has an interest in it; what is asked of Redis follows a little
 * later. New ones are collected and subscribed together at the end of the loop's turn. One that
 * nobody wants any more stays subscribed for a while, so that a room whose only member comes and
 * goes does not cost two commands each time.
 *
 *     NONE -> WANTED -> ASKED -> LIVE -> (unwanted, and lingered) DROPPING -> freed
 *
 * The link gone, all are NONE; those still wanted are asked for anew when it comes back.
 */
#define _GNU_SOURCE
#include "broker/redis_impl.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include <confab/err.h>

/* One command has at most so many names, or bytes of them: Redis answers others between two
 * commands. */
#define CHUNK_CHANNELS 500
#define CHUNK_BYTES 65536

enum channel_state { CHANNEL_NONE, CHANNEL_WANTED, CHANNEL_ASKED, CHANNEL_LIVE, CHANNEL_DROPPING };

struct redis_channel {
    struct htable_entry by_name;
    struct list link; /* in channels.wanted */
    struct timerfifo_entry idle;
    enum channel_state state;
    struct list interests; /* struct redis_interest.in_channel */
    struct list waiters;   /* struct waiter.link */
    char name[];           /* 'p' or 'c', then the name, then NUL */
};

struct waiter {
    struct list link;
    void (*done)(void *user, int status);
    void *user;
};

static void on_turn(evutil_socket_t fd, short what, void *user);
static void on_idle(evutil_socket_t fd, short what, void *user);

void redis_channels_init(struct redis *redis)
{
    struct redis_channels *channels = &redis->channels;

    htable_init(&channels->by_name, redis->broker.seed);
    list_init(&channels->wanted);
    timerfifo_init(&channels->idle);
    channels->turn = event_new(redis->base, -1, 0, on_turn, redis);
    channels->idle_timer = event_new(redis->base, -1, 0, on_idle, redis);
    if (channels->turn == NULL || channels->idle_timer == NULL)
        abort();
}

/* ---- channels ---- */

static bool is_pattern(const struct redis_channel *channel)
{
    return channel->name[0] == 'p';
}

static struct text channel_name(const struct redis_channel *channel)
{
    return (struct text){channel->name + 1, channel->by_name.key_len - 1};
}

static struct redis_channel *find(struct redis_channels *channels, bool pattern, struct text name)
{
    char small[256];
    char *key = name.length < sizeof(small) ? small : xmalloc(name.length + 1);
    struct htable_entry *entry;

    key[0] = pattern ? 'p' : 'c';
    memcpy(key + 1, name.bytes, name.length);
    entry = htable_find(&channels->by_name, key, name.length + 1);
    if (key != small)
        free(key);
    return entry == NULL ? NULL : container_of(entry, struct redis_channel, by_name);
}

static struct redis_channel *channel_new(struct redis_channels *channels, bool pattern,
                                         struct text name)
{
    struct redis_channel *channel = xcalloc(1, sizeof(*channel) + name.length + 2);

    channel->name[0] = pattern ? 'p' : 'c';
    memcpy(channel->name + 1, name.bytes, name.length);
    list_init(&channel->link);
    timerfifo_entry_init(&channel->idle);
    list_init(&channel->interests);
    list_init(&channel->waiters);
    htable_insert(&channels->by_name, &channel->by_name, channel->name, name.length + 1);
    return channel;
}

static void channel_free(struct redis_channels *channels, struct redis_channel *channel)
{
    htable_remove(&channels->by_name, &channel->by_name);
    timerfifo_disarm(&channels->idle, &channel->idle);
    list_del(&channel->link);
    free(channel);
}

/* Keeps the counts; what the state means in Redis is the caller's. */
static void set_state(struct redis_channels *channels, struct redis_channel *channel,
                      enum channel_state state)
{
    channels->live += (state == CHANNEL_LIVE) - (channel->state == CHANNEL_LIVE);
    channels->asked += (state == CHANNEL_ASKED || state == CHANNEL_WANTED) -
                       (channel->state == CHANNEL_ASKED || channel->state == CHANNEL_WANTED);
    channel->state = state;
}

static void answer_waiters(struct list *waiters, int status)
{
    struct list row;

    /* The callbacks may free the channel, or wait anew. */
    list_init(&row);
    list_splice_tail(&row, waiters);
    while (!list_empty(&row)) {
        struct waiter *waiter = container_of(list_pop(&row), struct waiter, link);

        waiter->done(waiter->user, status);
        free(waiter);
    }
}

static void ask_for(struct redis *redis, struct redis_channel *channel)
{
    struct redis_channels *channels = &redis->channels;

    if (!channels->open)
        return;
    set_state(channels, channel, CHANNEL_WANTED);
    list_add_tail(&channels->wanted, &channel->link);
    event_active(channels->turn, 0, 0);
}

static void plan_idle_timer(struct redis *redis)
{
    int64_t at_ms = timerfifo_next(&redis->channels.idle);
    int64_t in_ms = at_ms - clock_mono_ms();
    struct timeval delay;

    if (at_ms == TIMERQ_NEVER)
        return;
    if (in_ms < 1)
        in_ms = 1;
    delay = (struct timeval){in_ms / 1000, (suseconds_t)(in_ms % 1000) * 1000};
    event_add(redis->channels.idle_timer, &delay);
}

/* ---- interests ---- */

void redis_want(struct redis *redis, struct redis_interest *interest, bool pattern,
                struct text name)
{
    struct redis_channels *channels = &redis->channels;
    struct redis_channel *channel = find(channels, pattern, name);

    if (channel == NULL)
        channel = channel_new(channels, pattern, name);
    timerfifo_disarm(&channels->idle, &channel->idle);
    interest->channel = channel;
    list_init(&interest->in_channel);
    list_add_tail(&channel->interests, &interest->in_channel);
    if (channel->state == CHANNEL_NONE || channel->state == CHANNEL_DROPPING)
        ask_for(redis, channel);
}

void redis_unwant(struct redis *redis, struct redis_interest *interest)
{
    struct redis_channels *channels = &redis->channels;
    struct redis_channel *channel = interest->channel;
    struct list waiters;

    if (channel == NULL)
        return;
    interest->channel = NULL;
    list_del(&interest->in_channel);
    if (!list_empty(&channel->interests))
        return;
    list_init(&waiters);
    list_splice_tail(&waiters, &channel->waiters);
    if (channel->state == CHANNEL_NONE || channel->state == CHANNEL_WANTED) {
        set_state(channels, channel, CHANNEL_NONE);
        channel_free(channels, channel);
    } else if (channel->state != CHANNEL_DROPPING) {
        timerfifo_arm(&channels->idle, &channel->idle, clock_mono_ms() + redis->linger_ms);
        plan_idle_timer(redis);
    }
    answer_waiters(&waiters, CONFAB_ECANCELED);
}

bool redis_interest_live(const struct redis_interest *interest)
{
    return interest->channel != NULL && interest->channel->state == CHANNEL_LIVE;
}

void redis_wait(struct redis *redis, const struct redis_interest *interest,
                void (*done)(void *user, int status), void *user)
{
    struct waiter *waiter;

    if (!redis->channels.open || redis_interest_live(interest)) {
        done(user, CONFAB_OK);
        return;
    }
    waiter = xmalloc(sizeof(*waiter));
    waiter->done = done;
    waiter->user = user;
    list_init(&waiter->link);
    list_add_tail(&interest->channel->waiters, &waiter->link);
}

struct list *redis_channel_interests(struct redis *redis, bool pattern, struct text name)
{
    struct redis_channel *channel = find(&redis->channels, pattern, name);

    return channel == NULL ? NULL : &channel->interests;
}

/* ---- towards Redis ---- */

/* One command for at most a chunk of what `next` gives. */
struct chunk {
    enum redis_subscription kind;
    unsigned count;
    size_t bytes;
    struct text names[CHUNK_CHANNELS];
};

static void send_chunk(struct redis *redis, struct chunk *chunk)
{
    if (chunk->count != 0 && redis_link_subscription(redis->link, chunk->kind, chunk->names,
                                                     chunk->count) == CONFAB_ELIMIT)
        redis_link_reset(redis->link, "too many subscriptions are waiting");
    chunk->count = 0;
    chunk->bytes = 0;
}

static void add_to_chunk(struct redis *redis, struct chunk *chunk, struct redis_channel *channel)
{
    struct text name = channel_name(channel);

    if (chunk->count == CHUNK_CHANNELS || chunk->bytes + name.length > CHUNK_BYTES)
        send_chunk(redis, chunk);
    chunk->names[chunk->count++] = name;
    chunk->bytes += name.length;
}

static void tell_when_through(struct redis *redis)
{
    struct redis_channels *channels = &redis->channels;

    if (channels->open && !channels->told && channels->asked == 0) {
        channels->told = true;
        redis_subscribed(redis);
    }
}

static void on_turn(evutil_socket_t fd, short what, void *user)
{
    struct redis *redis = user;
    struct redis_channels *channels = &redis->channels;
    struct chunk exact = {.kind = REDIS_SUBSCRIBE}, patterns = {.kind = REDIS_PSUBSCRIBE};

    (void)fd;
    (void)what;
    while (!list_empty(&channels->wanted)) {
        struct redis_channel *channel =
            container_of(list_pop(&channels->wanted), struct redis_channel, link);

        set_state(channels, channel, CHANNEL_ASKED);
        add_to_chunk(redis, is_pattern(channel) ? &patterns : &exact, channel);
    }
    send_chunk(redis, &exact);
    send_chunk(redis, &patterns);
    tell_when_through(redis);
}

static void on_idle(evutil_socket_t fd, short what, void *user)
{
    struct redis *redis = user;
    struct redis_channels *channels = &redis->channels;
    struct chunk exact = {.kind = REDIS_UNSUBSCRIBE}, patterns = {.kind = REDIS_PUNSUBSCRIBE};
    int64_t now_ms = clock_mono_ms();
    struct timerfifo_entry *due;

    (void)fd;
    (void)what;
    while ((due = timerfifo_pop_due(&channels->idle, now_ms)) != NULL) {
        struct redis_channel *channel = container_of(due, struct redis_channel, idle);

        if (channel->state == CHANNEL_ASKED) {
            /* Not confirmed yet, so it is not known what there is to undo. */
            timerfifo_arm(&channels->idle, due, now_ms + redis->linger_ms);
            continue;
        }
        set_state(channels, channel, CHANNEL_DROPPING);
        add_to_chunk(redis, is_pattern(channel) ? &patterns : &exact, channel);
    }
    send_chunk(redis, &exact);
    send_chunk(redis, &patterns);
    plan_idle_timer(redis);
}

void redis_channels_confirm(struct redis *redis, enum redis_subscription kind, struct text name)
{
    struct redis_channels *channels = &redis->channels;
    bool pattern = kind == REDIS_PSUBSCRIBE || kind == REDIS_PUNSUBSCRIBE;
    bool subscribed = kind == REDIS_SUBSCRIBE || kind == REDIS_PSUBSCRIBE;
    struct redis_channel *channel = find(channels, pattern, name);

    if (channel == NULL)
        return;
    if (subscribed && channel->state == CHANNEL_ASKED) {
        set_state(channels, channel, CHANNEL_LIVE);
        answer_waiters(&channel->waiters, CONFAB_OK);
        tell_when_through(redis);
    } else if (!subscribed && channel->state == CHANNEL_DROPPING) {
        channel_free(channels, channel);
    }
}

/* ---- the link ---- */

/* Calls `visit` for every channel; it may free the one it is given. */
static void each_channel(struct redis *redis,
                         void (*visit)(struct redis *redis, struct redis_channel *channel))
{
    struct htable_iter it;
    struct htable_entry *entry;

    htable_iter_init(&it, &redis->channels.by_name);
    while ((entry = htable_iter_next(&it)) != NULL)
        visit(redis, container_of(entry, struct redis_channel, by_name));
}

void redis_channels_open(struct redis *redis)
{
    redis->channels.open = true;
    redis->channels.told = false;
    each_channel(redis, ask_for);
    /* Told through the turn's event even when there is nothing to subscribe. */
    event_active(redis->channels.turn, 0, 0);
}

static void forget(struct redis *redis, struct redis_channel *channel)
{
    struct redis_channels *channels = &redis->channels;

    list_del(&channel->link);
    timerfifo_disarm(&channels->idle, &channel->idle);
    set_state(channels, channel, CHANNEL_NONE);
    if (list_empty(&channel->interests))
        channel_free(channels, channel);
}

/* First all are put in a row, for callbacks may want and unwant others. */
static void collect_waiters(struct redis *redis, struct list *row)
{
    struct htable_iter it;
    struct htable_entry *entry;

    list_init(row);
    htable_iter_init(&it, &redis->channels.by_name);
    while ((entry = htable_iter_next(&it)) != NULL)
        list_splice_tail(row, &container_of(entry, struct redis_channel, by_name)->waiters);
}

void redis_channels_close(struct redis *redis)
{
    struct list row;

    redis->channels.open = false;
    collect_waiters(redis, &row);
    each_channel(redis, forget);
    answer_waiters(&row, redis->broker.closing ? CONFAB_ECLOSED : CONFAB_OK);
}

void redis_channels_fini(struct redis *redis)
{
    struct redis_channels *channels = &redis->channels;

    event_free(channels->turn);
    event_free(channels->idle_timer);
    htable_fini(&channels->by_name);
    timerfifo_fini(&channels->idle);
}
