/*
 * What other nodes ask for on a namespace's request channel, all of it, because they count this
 * node among those that answer.
 *
 * Short answers are given here; lists are made in slices by redis_answer.c. Answers of clients and
 * of the application come later, through struct broker_pending, or never, and then end by time.
 */
#define _GNU_SOURCE
#include "broker/redis_impl.h"

#include <stdlib.h>

#include "broker/wire.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/value.h"
#include <confab/err.h>

/* Beyond the time that the asker waits: its clock started earlier than ours. */
#define PENDING_EXTRA_MS 1000

/* To whom an answer goes. */
struct asker {
    struct broker_namespace *nsp;
    struct confab_value *request_id; /* held; NULL: none */
    struct text uid;                 /* owned */
};

static struct asker *asker_new(struct broker_namespace *nsp, const struct wire_request *request)
{
    struct asker *asker = xmalloc(sizeof(*asker));

    asker->nsp = nsp;
    asker->request_id = confab_value_hold(request->request_id);
    asker->uid =
        (struct text){xmemdup0(request->uid.bytes, request->uid.length), request->uid.length};
    return asker;
}

static void asker_free(struct asker *asker)
{
    confab_value_release(asker->request_id);
    redis_free_text(&asker->uid);
    free(asker);
}

void redis_respond(struct redis *redis, const struct broker_namespace *nsp, const struct text *uid,
                   const struct buf *payload)
{
    buf_reset(&redis->channel_out);
    if (buf_error(payload) != CONFAB_OK ||
        wire_channel_response(&redis->channel_out, redis->prefix, nsp->name, uid) != CONFAB_OK) {
        redis->broker.counters.responses_too_big++;
        return;
    }
    redis_send(redis, (struct text){buf_text(&redis->channel_out), redis->channel_out.len},
               (struct text){buf_text(payload), payload->len});
}

const struct text *redis_answer_uid(const struct redis *redis, const struct text *uid)
{
    return redis->responses == BROKER_REDIS_RESPONSES_SPECIFIC ? uid : NULL;
}

static void respond(struct redis *redis, const struct broker_namespace *nsp, const struct text *uid)
{
    redis_respond(redis, nsp, uid, &redis->payload_out);
}

/* ---- joining, leaving, disconnecting ---- */

static bool do_single(struct broker_namespace *nsp, const struct wire_request *request)
{
    switch (request->type) {
    case WIRE_REQUEST_JOIN:
        return broker_single_join(nsp, &request->sid, &request->names.texts[0]);
    case WIRE_REQUEST_LEAVE:
        return broker_single_leave(nsp, &request->sid, &request->names.texts[0]);
    default:
        return broker_single_disconnect(nsp, &request->sid, request->close);
    }
}

static void do_bulk(struct broker_namespace *nsp, const struct wire_request *request)
{
    const struct rooms_target target = {request->rooms.texts, request->except.texts,
                                        request->rooms.count, request->except.count};

    switch (request->type) {
    case WIRE_REQUEST_JOIN:
        broker_bulk_join(nsp, &target, request->names.texts, request->names.count);
        break;
    case WIRE_REQUEST_LEAVE:
        broker_bulk_leave(nsp, &target, request->names.texts, request->names.count);
        break;
    default:
        broker_bulk_disconnect(nsp, &target, request->close);
        break;
    }
}

static void change_members(struct redis *redis, struct broker_namespace *nsp,
                           const struct wire_request *request)
{
    if (request->bulk) {
        do_bulk(nsp, request);
        return;
    }
    if (!do_single(nsp, request))
        return;
    buf_reset(&redis->payload_out);
    wire_write_done(&redis->payload_out, request->request_id);
    respond(redis, nsp, redis_answer_uid(redis, &request->uid));
    redis->broker.counters.requests_answered++;
}

/* ---- server-side events ---- */

static void server_event(struct redis *redis, struct broker_namespace *nsp,
                         const struct wire_request *request)
{
    struct broker_pending *pending;

    if (request->request_id == NULL) {
        broker_server_event(nsp, request->args, false, (struct broker_reply){0});
        return;
    }
    pending = broker_pending_open(nsp, BROKER_PENDING_SERVER_EVENT, asker_new(nsp, request),
                                  clock_mono_ms(), BROKER_PENDING_MAX_AGE_MS);
    redis->broker.counters.requests_answered++;
    broker_server_event(nsp, request->args, true, broker_pending_reply(pending));
}

/* ---- broadcasts that clients acknowledge ---- */

struct counting {
    struct redis *redis;
    struct asker *asker; /* a copy of its own: the pending answer may be over by then */
    struct broker_reply reply;
};

static void send_count(struct redis *redis, const struct asker *asker, size_t members)
{
    buf_reset(&redis->payload_out);
    wire_write_client_count(&redis->payload_out, asker->request_id, members);
    respond(redis, asker->nsp, redis_answer_uid(redis, &asker->uid));
    redis->broker.counters.requests_answered++;
}

static void on_counted(void *user, size_t members)
{
    struct counting *counting = user;

    send_count(counting->redis, counting->asker, members);
    broker_pending_expect(&counting->redis->broker, counting->reply, members);
    asker_free(counting->asker);
    free(counting);
}

static void broadcast_with_ack(struct redis *redis, struct broker_namespace *nsp,
                               const struct wire_request *request)
{
    struct asker *asker = asker_new(nsp, request);
    double timeout_ms =
        confab_as_double(confab_get(request->flags, "timeout"), BROKER_PENDING_MAX_AGE_MS);
    struct broker_pending *pending;
    struct counting *counting;

    if (request->nobody || request->message == NULL) {
        send_count(redis, asker, 0);
        asker_free(asker);
        return;
    }
    if (!(timeout_ms >= 0 && timeout_ms < BROKER_PENDING_MAX_AGE_MS))
        timeout_ms = BROKER_PENDING_MAX_AGE_MS;
    pending = broker_pending_open(nsp, BROKER_PENDING_ACKS, asker_new(nsp, request),
                                  clock_mono_ms(), (int64_t)timeout_ms + PENDING_EXTRA_MS);
    counting = xmalloc(sizeof(*counting));
    *counting = (struct counting){redis, asker, broker_pending_reply(pending)};
    broker_deliver_with_ack(&redis->broker, request->message, counting->reply, on_counted,
                            counting);
}

void redis_answer_pending(struct broker *broker, struct broker_pending *pending,
                          const struct confab_value *first_argument)
{
    struct redis *redis = redis_of(broker);
    const struct asker *asker = pending->impl;

    buf_reset(&redis->payload_out);
    if (pending->kind == BROKER_PENDING_SERVER_EVENT) {
        /* Node listens for these on the shared channel only. */
        wire_write_server_event_answer(&redis->payload_out, asker->request_id, first_argument);
        respond(redis, asker->nsp, NULL);
    } else {
        wire_write_client_ack(&redis->payload_out, asker->request_id, first_argument);
        respond(redis, asker->nsp, redis_answer_uid(redis, &asker->uid));
    }
}

void redis_answer_closed(struct broker *broker, struct broker_pending *pending)
{
    (void)broker;
    asker_free(pending->impl);
}

/* ---- the dispatcher ---- */

static void act(struct redis *redis, struct broker_namespace *nsp,
                const struct wire_request *request)
{
    /* What this node asks or tells the others it has done for its own members already. */
    if (request->own) {
        redis->broker.counters.own_dropped++;
        return;
    }
    switch (request->type) {
    case WIRE_REQUEST_SOCKETS:
    case WIRE_REQUEST_ALL_ROOMS:
    case WIRE_REQUEST_FETCH:
        redis_answer_list(redis, nsp, request);
        break;
    case WIRE_REQUEST_JOIN:
    case WIRE_REQUEST_LEAVE:
    case WIRE_REQUEST_DISCONNECT:
        change_members(redis, nsp, request);
        break;
    case WIRE_REQUEST_SERVER_EVENT:
        server_event(redis, nsp, request);
        break;
    case WIRE_REQUEST_BROADCAST:
        broadcast_with_ack(redis, nsp, request);
        break;
    }
}

void redis_request(struct redis *redis, struct broker_namespace *nsp, struct text channel,
                   struct text payload)
{
    struct wire_request request;

    switch (wire_read_request(payload.bytes, payload.length, nsp->name,
                              redis_namespace_of(nsp)->uid, &request)) {
    case WIRE_TAKE:
        act(redis, nsp, &request);
        wire_request_fini(&request);
        break;
    case WIRE_OWN:
        redis->broker.counters.own_dropped++;
        wire_request_fini(&request);
        break;
    case WIRE_IGNORE:
        break;
    case WIRE_MALFORMED:
        redis_malformed(redis, "request", channel, CONFAB_EPARSE);
        break;
    }
}
