/*
 * One session's life: birth, what is queued for it, what its client sends, its end.
 *
 * A session ends in one of two ways. eio_session_end() is for everything that goes wrong and for a
 * client that leaves: nothing queued matters any more. eio_session_close() is the upper half's:
 * what is queued still leaves, then the close itself. Both lead to bury(), the only place where a
 * session lets go of its carriers for good.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/live.h"
#include "common/mem.h"
#include "gateway/engineio/internal.h"

/* ---- carriers ---- */

struct eio_session *eio_carrier_session(const struct eio_carrier *carrier)
{
    assert(carrier->session == NULL || carrier->session->magic == EIO_SESSION_MAGIC);
    return carrier->session;
}

void eio_carrier_wake(struct eio_carrier *carrier)
{
    if (carrier->wake != NULL)
        carrier->wake(carrier);
}

/* The answers that never were frames. */
static void count_answer(struct eio_session *session, enum eio_get_state answer)
{
    struct eio_counters *counters = &session->engine->counters;
    bool noop = answer == EIO_GET_NOOP || answer == EIO_GET_NOOP_CLOSE;
    bool close = answer == EIO_GET_CLOSE || answer == EIO_GET_NOOP_CLOSE;

    counters->packets_out[EIO_PACKET_NOOP] += noop;
    counters->packets_out[EIO_PACKET_CLOSE] += close;
    if (noop || close)
        counters->bytes_out += strlen(eio_control_body(session->revision, answer));
}

void eio_session_drop_get(struct eio_session *session, enum eio_get_state answer)
{
    struct eio_get *get = session->get;

    if (get == NULL)
        return;
    count_answer(session, answer);
    session->get = NULL;
    get->carrier.session = NULL;
    get->state = (uint8_t)answer;
    eio_carrier_wake(&get->carrier);
}

void eio_session_drop_post(struct eio_session *session, enum eio_post_state answer)
{
    struct eio_post *post = session->post;

    if (post == NULL)
        return;
    session->post = NULL;
    post->carrier.session = NULL;
    post->state = (uint8_t)answer;
    eio_carrier_wake(&post->carrier);
}

static void wake_transport(struct eio_session *session)
{
    if (session->transport == EIO_WEBSOCKET) {
        if (session->ws != NULL)
            eio_carrier_wake(&session->ws->carrier);
    } else if (session->get != NULL) {
        eio_carrier_wake(&session->get->carrier);
    }
}

/* ---- birth ---- */

static void make_sid(struct eio_session *session, const uint8_t random[16])
{
    size_t tag_bytes = strlen(session->engine->config.node_tag), length;

    memcpy(session->sid, session->engine->config.node_tag, tag_bytes);
    session->sid[tag_bytes] = '.';
    length = tag_bytes + 1 + base64url_encode(session->sid + tag_bytes + 1, random, 16);
    assert(length <= EIO_SID_MAX_BYTES);
    session->sid[length] = '\0';
}

static void queue_open_packet(struct eio_session *session)
{
    const struct eio_config *config = &session->engine->config;
    struct eio_open_packet open = {
        .sid = session->sid,
        .offers_websocket =
            session->transport == EIO_POLLING && config->websocket && config->upgrades,
        .ping_interval_ms = config->ping_interval_ms,
        .ping_timeout_ms = config->ping_timeout_ms,
        .max_payload_bytes = config->max_payload_bytes,
    };

    eio_session_push(session, eio_open_packet_encode(&open));
}

struct eio_session *eio_session_new(struct eio_engine *engine, enum eio_transport transport,
                                    struct eio_handshake *handshake, const uint8_t random[16])
{
    struct eio_session *session = xcalloc(1, sizeof(*session));
    struct htable_entry *same;
    struct eio_query query;

    live_inc(LIVE_SESSION);
    session->magic = EIO_SESSION_MAGIC;
    session->state = EIO_OPEN;
    session->transport = (uint8_t)transport;
    session->engine = engine;
    session->handshake = handshake;
    timerfifo_entry_init(&session->beat);
    timerfifo_entry_init(&session->expiry);
    list_init(&session->ended);
    eio_query_parse(handshake->query, &query);
    session->base64 = query.b64;
    session->revision =
        engine->config.revision_3 ? (uint8_t)eio_query_revision(&query) : EIO_REVISION_4;
    if (session->revision == EIO_REVISION_3 && transport == EIO_POLLING)
        session->jsonp = query.jsonp;
    session->base64 |= session->jsonp != 0; /* a script has no bytes */

    make_sid(session, random);
    same = htable_insert(&engine->sessions, &session->by_sid, session->sid, strlen(session->sid));
    assert(same == NULL); /* 128 random bits */
    (void)same;
    session->in_table = true;
    engine->open_count++;
    engine->counters.opened++;
    engine->counters.sessions_now[transport]++;
    return session;
}

void eio_session_opened(struct eio_session *session, int64_t now_ms)
{
    struct eio_engine *engine = session->engine;

    eio_heartbeat_start(session, now_ms);
    queue_open_packet(session);
    engine->events->on_open(engine->user, session);
}

void eio_session_free(struct eio_session *session)
{
    assert(session->state == EIO_ENDED && !session->close_untold);
    eio_handshake_release(session->handshake);
    session->magic = 0;
    free(session);
    live_dec(LIVE_SESSION);
}

/* ---- the queue ---- */

/* What waits decides, not what comes: a client that reads gets a packet of any size, and nobody can
 * end the sessions of all receivers with a single large one. */
static bool has_room(struct eio_session *session)
{
    const struct eio_config *config = &session->engine->config;
    size_t waiting_bytes = eio_session_queued_bytes(session);

    if (waiting_bytes >= config->max_queued_bytes) {
        session->engine->counters.limits[EIO_LIMIT_QUEUED]++;
        eio_session_end_untold(session, EIO_CLOSE_OVERFLOW);
        return false;
    }
    if (config->soft_queued_bytes > 0 && waiting_bytes >= config->soft_queued_bytes)
        eio_flow_is_slow(session);
    return true;
}

void eio_session_sent(struct eio_session *session)
{
    if (session->flow != NULL &&
        eio_session_queued_bytes(session) < session->engine->config.soft_queued_bytes)
        eio_flow_is_quick(session);
}

/* Takes the reference. */
static void append(struct eio_session *session, struct frame *frame)
{
    size_t cost_bytes = frame_cost_bytes(frame);

    eio_queue_push(&session->queue, frame);
    session->queued_bytes += cost_bytes;
    session->engine->counters.queued_bytes += cost_bytes;
    wake_transport(session);
}

bool eio_session_push(struct eio_session *session, struct frame *frame)
{
    if (!has_room(session)) {
        frame_release(frame);
        return false;
    }
    append(session, frame);
    return true;
}

struct frame *eio_session_pull(struct eio_session *session)
{
    struct frame *frame = eio_queue_pull(&session->queue);

    if (frame != NULL) {
        session->queued_bytes -= frame_cost_bytes(frame);
        session->engine->counters.queued_bytes -= frame_cost_bytes(frame);
        eio_session_sent(session);
    }
    return frame;
}

static void drop_queue(struct eio_session *session)
{
    struct frame *frame;

    while ((frame = eio_session_pull(session)) != NULL)
        frame_release(frame);
}

/* As the reference server has it: one packet on its way is enough for the next volatile one to be
 * dropped. */
static bool is_idle(const struct eio_session *session)
{
    if (session->queue != NULL || session->buffered_bytes > 0)
        return false;
    return session->transport == EIO_WEBSOCKET ? session->ws != NULL : session->get != NULL;
}

static bool takes(const struct eio_session *session, bool volatile_)
{
    return session->state == EIO_OPEN && (!volatile_ || is_idle(session));
}

bool eio_session_send(struct eio_session *session, struct frame *frame, bool volatile_)
{
    assert(session->magic == EIO_SESSION_MAGIC);
    if (!takes(session, volatile_))
        return false;
    return eio_session_push(session, frame_hold(frame));
}

bool eio_session_send_set(struct eio_session *session, struct frame_set *set, bool volatile_)
{
    unsigned i;

    assert(session->magic == EIO_SESSION_MAGIC);
    if (!takes(session, volatile_) || !has_room(session))
        return false;
    for (i = 0; i < set->count; i++)
        append(session, frame_hold(set->frames[i]));
    return true;
}

/* ---- what the client sends ---- */

/* What is the other revision's direction ends the session. */
static void receive_beat(struct eio_session *session, enum eio_packet_type type, int64_t now_ms)
{
    bool client_pings = session->revision == EIO_REVISION_3;

    if (client_pings != (type == EIO_PACKET_PING))
        eio_session_end(session, EIO_CLOSE_TRANSPORT_ERROR, EIO_GET_CLOSE);
    else if (client_pings)
        eio_heartbeat_ping(session, now_ms);
    else
        eio_heartbeat_pong(session, now_ms);
}

void eio_session_receive(struct eio_session *session, const struct eio_packet *packet,
                         enum eio_get_state close_answer, int64_t now_ms)
{
    struct eio_engine *engine = session->engine;

    if (session->state == EIO_CLOSING && packet->type == EIO_PACKET_CLOSE)
        eio_session_finish(session, close_answer);
    if (session->state != EIO_OPEN)
        return;
    eio_count_in(engine, packet);
    if (packet->type != EIO_PACKET_PONG || !session->awaits_pong)
        eio_flow_charge(session, packet->length_bytes, now_ms);
    switch (packet->type) {
    case EIO_PACKET_MESSAGE:
        engine->events->on_message(engine->user, session, packet->kind, packet->data,
                                   packet->length_bytes);
        break;
    case EIO_PACKET_PONG:
    case EIO_PACKET_PING:
        receive_beat(session, packet->type, now_ms);
        break;
    case EIO_PACKET_CLOSE:
        eio_session_end(session, EIO_CLOSE_TRANSPORT_CLOSE, close_answer);
        break;
    case EIO_PACKET_OPEN:
    case EIO_PACKET_UPGRADE:
    case EIO_PACKET_NOOP:
        break;
    }
}

/* ---- the end ---- */

static void leave_table(struct eio_session *session)
{
    if (session->in_table)
        htable_remove(&session->engine->sessions, &session->by_sid);
    session->in_table = false;
}

/* The first step of every end: the session is not open any more, and on_close is owed. */
static void leave_open(struct eio_session *session, enum eio_close_reason reason)
{
    struct eio_engine *engine = session->engine;

    session->state = EIO_CLOSING;
    session->reason = (uint8_t)reason;
    session->close_untold = true;
    engine->untold_count++;
    engine->open_count--;
    engine->counters.closed[reason]++;
    engine->counters.sessions_now[session->transport]--;
    eio_heartbeat_stop(session);
    timerfifo_disarm(&engine->upgrades, &session->expiry);
    eio_flow_end(session);
}

static void bury(struct eio_session *session, enum eio_get_state answer)
{
    struct eio_engine *engine = session->engine;

    session->state = EIO_ENDED;
    timerfifo_disarm(&engine->close_waits, &session->expiry);
    leave_table(session);
    drop_queue(session);
    eio_session_drop_get(session, answer);
    if (session->post != NULL && session->post->state == EIO_POST_BODY)
        eio_session_drop_post(session, EIO_POST_CUT);
    else
        eio_session_drop_post(session, EIO_POST_OK);
    eio_ws_drop(session);
    list_add_tail(&engine->ended, &session->ended);
}

void eio_session_finish(struct eio_session *session, enum eio_get_state answer)
{
    if (session->state == EIO_CLOSING)
        bury(session, answer);
}

void eio_session_end_untold(struct eio_session *session, enum eio_close_reason reason)
{
    if (session->state == EIO_OPEN)
        leave_open(session, reason);
    eio_session_finish(session, EIO_GET_CLOSE);
}

void eio_session_end(struct eio_session *session, enum eio_close_reason reason,
                     enum eio_get_state answer)
{
    bool was_open = session->state == EIO_OPEN;

    if (was_open)
        leave_open(session, reason);
    eio_session_finish(session, answer);
    if (was_open)
        eio_session_tell_close(session);
}

void eio_session_tell_close(struct eio_session *session)
{
    struct eio_engine *engine = session->engine;

    if (!session->close_untold)
        return;
    session->close_untold = false;
    engine->untold_count--;
    engine->events->on_close(engine->user, session, (enum eio_close_reason)session->reason);
}

void eio_session_close(struct eio_session *session, enum eio_close_reason reason, int64_t now_ms)
{
    struct eio_engine *engine = session->engine;

    assert(session->magic == EIO_SESSION_MAGIC);
    if (session->state != EIO_OPEN)
        return;
    leave_open(session, reason);
    if (session->transport == EIO_WEBSOCKET)
        leave_table(session);
    if (session->queue == NULL && (session->ws != NULL || session->get != NULL))
        bury(session, EIO_GET_CLOSE);
    else
        timerfifo_arm(&engine->close_waits, &session->expiry,
                      now_ms + engine->config.close_wait_ms);
    eio_session_tell_close(session);
}

/* ---- what the upper half asks ---- */

void eio_session_set_user(struct eio_session *session, void *user)
{
    session->user = user;
}

void *eio_session_user(const struct eio_session *session)
{
    return session->user;
}

const char *eio_session_sid(const struct eio_session *session)
{
    return session->sid;
}

unsigned eio_session_revision(const struct eio_session *session)
{
    return session->revision;
}

enum eio_transport eio_session_transport(const struct eio_session *session)
{
    return (enum eio_transport)session->transport;
}

const struct eio_handshake *eio_session_handshake(const struct eio_session *session)
{
    return session->handshake;
}

size_t eio_session_queued_bytes(const struct eio_session *session)
{
    return session->queued_bytes + session->buffered_bytes;
}
