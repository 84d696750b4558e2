/*
 * From a message on a channel to whom it concerns.
 *
 * Whatever is read here may be malformed: it is counted and dropped. A broadcast may come by two
 * subscriptions, an exact one and a pattern; the namespace in it and the kind of subscription
 * decide which of the two counts.
 */
#define _GNU_SOURCE
#include "broker/redis_impl.h"

#include "broker/wire.h"
#include "common/clock.h"
#include <confab/err.h>

/* Namespaces that one channel's name can belong to: two already take odd names. */
#define INTERESTED_MAX 8

void redis_malformed(struct redis *redis, const char *what, struct text channel, int err)
{
    redis->broker.counters.malformed++;
    log_limited(redis->log, &redis->malformed_lines, clock_mono_ms(), LOG_WARN, "redis_malformed",
                LOG_S("what", what), LOG_B("channel", channel.bytes, channel.length),
                LOG_S("error", confab_errname(err)));
}

/* A room whose broadcasts come by the pattern of this node's own ids. */
static bool is_private(const struct redis *redis, struct text room)
{
    const char *tag = redis->broker.node_tag;
    size_t length = strlen(tag);

    return length > 0 && room.length > length && memcmp(room.bytes, tag, length) == 0 &&
           room.bytes[length] == '.';
}

bool redis_room_is_exact(const struct redis *redis, struct text room)
{
    return redis->rooms == BROKER_REDIS_ROOMS_EXACT && !is_private(redis, room);
}

/* The channel's name already tells most of what does not concern anybody here. */
static bool concerns(const struct redis *redis, const struct broker_namespace *nsp,
                     const struct redis_message *message)
{
    struct wire_channel channel;

    if (!wire_channel_parse(message->channel.bytes, message->channel.length, redis->prefix,
                            nsp->name, &channel) ||
        channel.kind != WIRE_CHANNEL_BROADCAST)
        return false;
    if (!channel.has_room || channel.room.length == 0)
        return true;
    if (message->pattern.bytes == NULL && !redis_room_is_exact(redis, channel.room))
        return false;
    return rooms_find(&nsp->rooms, channel.room.bytes, channel.room.length) != NULL;
}

static void broadcast(struct redis *redis, struct broker_namespace *nsp,
                      const struct redis_message *in)
{
    struct message *message;

    if (!concerns(redis, nsp, in))
        return;
    switch (wire_read_broadcast(in->payload.bytes, in->payload.length, nsp->name,
                                redis_namespace_of(nsp)->uid, &message)) {
    case WIRE_TAKE:
        broker_deliver(&redis->broker, message);
        message_release(message);
        break;
    case WIRE_OWN:
        redis->broker.counters.own_dropped++;
        break;
    case WIRE_IGNORE:
        break;
    case WIRE_MALFORMED:
        redis_malformed(redis, "broadcast", in->channel, CONFAB_EPARSE);
        break;
    }
}

static void probe_returned(struct redis *redis)
{
    if (redis->probe_at_us == 0)
        return;
    redis->broker.counters.publish_lag_us_sum += (uint64_t)(clock_mono_us() - redis->probe_at_us);
    redis->broker.counters.publish_lag_count++;
    redis->probe_at_us = 0;
}

static void dispatch(struct redis *redis, const struct redis_interest *interest,
                     const struct redis_message *message)
{
    switch (interest->kind) {
    case REDIS_INTEREST_BROADCAST:
        broadcast(redis, interest->nsp, message);
        break;
    case REDIS_INTEREST_REQUEST:
        redis_request(redis, interest->nsp, message->channel, message->payload);
        break;
    case REDIS_INTEREST_RESPONSE:
        redis_response(redis, interest->nsp, message->channel, message->payload);
        break;
    case REDIS_INTEREST_NAMES:
        redis_names_record(interest->names, message->channel, message->payload);
        break;
    case REDIS_INTEREST_PROBE:
        probe_returned(redis);
        break;
    }
}

void redis_receive(struct redis *redis, const struct redis_message *message)
{
    bool pattern = message->pattern.bytes != NULL;
    struct list *interests =
        redis_channel_interests(redis, pattern, pattern ? message->pattern : message->channel);
    struct redis_interest interested[INTERESTED_MAX];
    bool holding = redis_names_hold(redis);
    unsigned count = 0;

    redis->broker.counters.received++;
    /* Copied, since the list may change with whatever a message causes. Namespaces and rosters
     * stay. */
    for (struct list *it = interests != NULL ? interests->next : NULL;
         it != interests && count < INTERESTED_MAX; it = it->next)
        interested[count++] = *container_of(it, struct redis_interest, in_channel);
    for (unsigned i = 0; i < count; i++)
        dispatch(redis, &interested[i], message);
    if (holding)
        redis_names_unhold(redis);
}
