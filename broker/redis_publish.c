/* Emits on their way to the other nodes: Node's way, under this adapter's own uid, and the ordered
 * way, which comes back to everybody. */
#define _GNU_SOURCE
#include "broker/redis_impl.h"

#include <stdlib.h>

#include "broker/wire.h"
#include "common/mem.h"
#include <confab/err.h>

static const struct text publish_word = {"PUBLISH", 7};

static struct text text_of(const struct buf *buf)
{
    return (struct text){buf_text(buf), buf->len};
}

void redis_send(struct redis *redis, struct text channel, struct text payload)
{
    const struct text args[] = {publish_word, channel, payload};

    if (redis_link_command(redis->link, args, 3, NULL, NULL) == CONFAB_OK)
        redis->broker.counters.published++;
    else
        redis->unsent++;
}

/* The two buffers are the broker's, used again and again: nothing here calls back while they are in
 * use. */
static int encode(struct redis *redis, const char *uid, const struct message *message)
{
    int err;

    buf_reset(&redis->channel_out);
    buf_reset(&redis->payload_out);
    err = wire_channel_of(&redis->channel_out, redis->prefix, message);
    return err == CONFAB_OK ? wire_write_broadcast(&redis->payload_out, uid, message) : err;
}

/* A large one has been and gone. */
static void shrink(struct buf *buf)
{
    if (buf->cap > REDIS_SCRATCH_KEPT_BYTES)
        buf_fini(buf);
}

void redis_publish(struct broker *broker, struct message *message)
{
    struct redis *redis = redis_of(broker);
    const struct broker_namespace *nsp =
        broker_namespace_find(broker, message->nsp.bytes, message->nsp.length);

    if (redis_link_state(redis->link) < REDIS_LINK_PREPARING || nsp == NULL ||
        encode(redis, redis_namespace_of(nsp)->uid, message) != CONFAB_OK)
        redis->unsent++;
    else
        redis_send(redis, text_of(&redis->channel_out), text_of(&redis->payload_out));
    shrink(&redis->payload_out);
}

/* ---- ordered ---- */

struct ordered {
    struct redis *redis;
    struct message *message; /* held until it is published */
    void (*done)(void *user, int status, enum broker_scope scope);
    void *user;
};

static void finish(struct ordered *ordered, int status, enum broker_scope scope)
{
    void (*done)(void *, int, enum broker_scope) = ordered->done;
    void *user = ordered->user;

    if (ordered->message != NULL)
        message_release(ordered->message);
    free(ordered);
    done(user, status, scope);
}

static void on_published(void *user, int status, const struct redis_answer *answer)
{
    if (status == CONFAB_OK && redis_answer_kind(answer) != REDIS_ANSWER_INTEGER)
        status = CONFAB_EUNAVAILABLE;
    finish(user, status, BROKER_SCOPE_CLUSTER);
}

static void deliver_here(struct ordered *ordered)
{
    broker_deliver(&ordered->redis->broker, ordered->message);
    finish(ordered, CONFAB_OK, BROKER_SCOPE_NODE);
}

static void publish_ordered(struct ordered *ordered)
{
    struct redis *redis = ordered->redis;
    int err = encode(redis, WIRE_UID_ORDERED, ordered->message);

    if (err == CONFAB_OK) {
        const struct text args[] = {publish_word, text_of(&redis->channel_out),
                                    text_of(&redis->payload_out)};

        err = redis_link_command(redis->link, args, 3, on_published, ordered);
        shrink(&redis->payload_out);
    }
    if (err == CONFAB_OK) {
        redis->broker.counters.published++;
        message_release(ordered->message);
        ordered->message = NULL;
    } else if (err == CONFAB_EUNAVAILABLE) {
        deliver_here(ordered);
    } else {
        redis->unsent++;
        finish(ordered, err, BROKER_SCOPE_CLUSTER);
    }
}

static void on_way_back_open(void *user, int status)
{
    struct ordered *ordered = user;

    if (status == CONFAB_ECLOSED)
        finish(ordered, status, BROKER_SCOPE_NODE);
    else if (redis_link_state(ordered->redis->link) == REDIS_LINK_UP)
        publish_ordered(ordered);
    else
        deliver_here(ordered);
}

/* By which subscription this node will get the message back; NULL when nobody here is meant. */
static const struct redis_interest *way_back(const struct redis *redis,
                                             const struct message *message)
{
    const struct broker_namespace *nsp =
        broker_namespace_find(&redis->broker, message->nsp.bytes, message->nsp.length);
    const struct redis_namespace *own;
    const struct room *room;

    if (nsp == NULL)
        return NULL;
    own = redis_namespace_of(nsp);
    if (message->room_count != 1 || redis->rooms == BROKER_REDIS_ROOMS_ALL)
        return &own->broadcasts;
    room = rooms_find(&nsp->rooms, message->rooms[0].bytes, message->rooms[0].length);
    if (room == NULL)
        return NULL;
    return room->impl != NULL ? room->impl : &own->private_rooms;
}

void redis_publish_ordered(struct broker *broker, struct message *message,
                           void (*done)(void *user, int status, enum broker_scope scope),
                           void *user)
{
    struct redis *redis = redis_of(broker);
    struct ordered *ordered = xmalloc(sizeof(*ordered));
    const struct redis_interest *back;

    *ordered = (struct ordered){redis, message_hold(message), done, user};
    if (redis_link_state(redis->link) != REDIS_LINK_UP) {
        deliver_here(ordered);
        return;
    }
    /* Published before the subscription is in force it would miss the members here. */
    back = way_back(redis, message);
    if (back == NULL || redis_interest_live(back))
        publish_ordered(ordered);
    else
        redis_wait(redis, back, on_way_back_open, ordered);
}
