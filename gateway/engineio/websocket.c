/*
 * The WebSocket transport, and the way there from polling.
 *
 * Upgrade: a WebSocket that comes with the sid of a polling session probes (`2probe`, `3probe`);
 * polling stays the transport until its `5`. From the probe on every GET without data is answered
 * with a noop at once, so that the client can stop polling and send the `5`. What is queued then
 * leaves on the WebSocket: no packet is in two places, so none is lost and the order stays.
 * Whatever goes wrong before the `5` costs that WebSocket only.
 */
#include <string.h>

#include "common/buf.h"
#include "gateway/engineio/internal.h"
#include <confab/err.h>

static void attach(struct eio_session *session, struct eio_ws *ws, enum eio_ws_state state)
{
    ws->carrier.session = session;
    ws->state = (uint8_t)state;
    ws->paused = 0;
    ws->pongs_owed = 0;
}

static void let_go(struct eio_ws *ws, enum eio_ws_state state)
{
    ws->carrier.session = NULL;
    ws->state = (uint8_t)state;
    ws->paused = 0;
    ws->pongs_owed = 0;
    eio_carrier_wake(&ws->carrier);
}

/* ---- life ---- */

struct eio_session *eio_handshake_ws(struct eio_engine *engine, struct eio_ws *ws,
                                     struct eio_handshake *handshake, const uint8_t random[16],
                                     int64_t now_ms)
{
    struct eio_session *session = eio_session_new(engine, EIO_WEBSOCKET, handshake, random);

    attach(session, ws, EIO_WS_CARRIER);
    session->ws = ws;
    eio_session_opened(session, now_ms);
    return session;
}

void eio_ws_upgrade(struct eio_session *session, struct eio_ws *ws, int64_t now_ms)
{
    struct eio_engine *engine = session->engine;

    if (session->state != EIO_OPEN || session->transport != EIO_POLLING || session->probe != NULL) {
        let_go(ws, EIO_WS_CLOSE);
        return;
    }
    attach(session, ws, EIO_WS_NEW);
    session->probe = ws;
    timerfifo_arm(&engine->upgrades, &session->expiry, now_ms + engine->config.upgrade_timeout_ms);
}

/* The session goes on, or goes down, without the WebSocket that wanted to take over. */
static void forget_probe(struct eio_session *session)
{
    if (session->state == EIO_OPEN)
        timerfifo_disarm(&session->engine->upgrades, &session->expiry);
    session->engine->counters.upgrades_failed++;
    session->probe = NULL;
}

void eio_ws_drop_probe(struct eio_session *session)
{
    struct eio_ws *probe = session->probe;

    if (probe == NULL)
        return;
    forget_probe(session);
    let_go(probe, EIO_WS_CLOSE);
}

void eio_ws_drop(struct eio_session *session)
{
    struct eio_ws *ws = session->ws;

    eio_ws_drop_probe(session);
    session->ws = NULL;
    if (ws != NULL)
        let_go(ws, EIO_WS_CLOSE);
}

/* Detaches a WebSocket that the network closes by itself or has lost, and says what that means. */
static void leave(struct eio_ws *ws, enum eio_close_reason reason)
{
    struct eio_session *session = eio_carrier_session(&ws->carrier);
    bool was_probe;

    if (session == NULL) {
        ws->state = EIO_WS_IDLE;
        return;
    }
    was_probe = ws == session->probe;
    if (was_probe)
        forget_probe(session);
    else
        session->ws = NULL;
    let_go(ws, EIO_WS_IDLE);
    if (!was_probe)
        eio_session_end(session, reason, EIO_GET_CLOSE);
}

void eio_ws_lost(struct eio_ws *ws, bool clean, int64_t now_ms)
{
    (void)now_ms;
    leave(ws, clean ? EIO_CLOSE_TRANSPORT_CLOSE : EIO_CLOSE_TRANSPORT_ERROR);
}

void eio_ws_too_big(struct eio_ws *ws, int64_t now_ms)
{
    struct eio_session *session = eio_carrier_session(&ws->carrier);

    (void)now_ms;
    if (session != NULL)
        session->engine->counters.limits[EIO_LIMIT_PAYLOAD]++;
    leave(ws, EIO_CLOSE_PAYLOAD_TOO_BIG);
}

bool eio_ws_wants_close(const struct eio_ws *ws)
{
    return ws->state == EIO_WS_CLOSE;
}

/* ---- in ---- */

/* A close by the upper half is complete once nothing is left to take. */
static void finish_if_drained(struct eio_session *session)
{
    if (session->ws != NULL && session->ws->pongs_owed == 0 && session->queue == NULL)
        eio_session_finish(session, EIO_GET_NOOP);
}

/* The `5`: the WebSocket is the transport from here on. */
static void take_over(struct eio_session *session, int64_t now_ms)
{
    struct eio_engine *engine = session->engine;
    struct eio_ws *ws = session->probe;

    session->probe = NULL;
    session->ws = ws;
    session->transport = EIO_WEBSOCKET;
    ws->state = EIO_WS_CARRIER;
    ws->paused = session->paused;
    if (session->revision == EIO_REVISION_3)
        session->base64 = ws->base64;
    engine->counters.upgrades++;
    eio_session_drop_get(session, EIO_GET_NOOP);
    eio_carrier_wake(&ws->carrier);
    if (session->state != EIO_OPEN) {
        finish_if_drained(session);
        return;
    }
    timerfifo_disarm(&engine->upgrades, &session->expiry);
    engine->counters.sessions_now[EIO_POLLING]--;
    engine->counters.sessions_now[EIO_WEBSOCKET]++;
    eio_heartbeat_restart(session, now_ms);
    if (engine->events->on_upgrade != NULL)
        engine->events->on_upgrade(engine->user, session);
}

static bool is_probe(const struct eio_packet *packet)
{
    static const char probe[] = "probe";

    return packet->type == EIO_PACKET_PING && packet->length_bytes == sizeof(probe) - 1 &&
           memcmp(packet->data, probe, sizeof(probe) - 1) == 0;
}

/* One probe is free; who goes on probing pays, and in the end with the WebSocket. */
static bool may_probe_again(struct eio_session *session, const struct eio_ws *ws, int64_t now_ms)
{
    eio_flow_charge(session, 0, now_ms);
    return ws->pongs_owed < UINT8_MAX && (session->pauses & EIO_PAUSE_RATE) == 0;
}

static void probe_receives(struct eio_session *session, struct eio_ws *ws,
                           const struct eio_packet *packet, int64_t now_ms)
{
    eio_count_in(session->engine, packet);
    if (is_probe(packet) && (ws->state == EIO_WS_NEW || may_probe_again(session, ws, now_ms))) {
        ws->state = EIO_WS_PROBED;
        ws->pongs_owed++;
        eio_carrier_wake(&ws->carrier);
        if (session->queue == NULL)
            eio_session_drop_get(session, EIO_GET_NOOP);
    } else if (packet->type == EIO_PACKET_UPGRADE && ws->state == EIO_WS_PROBED) {
        /* Whoever did not wait for the answer to his POST still gets his packets in order. */
        eio_post_continue(session, true, now_ms);
        if (ws == session->probe)
            take_over(session, now_ms);
    } else {
        eio_ws_drop_probe(session);
    }
}

void eio_ws_receive(struct eio_ws *ws, enum frame_kind kind, const char *bytes, size_t length_bytes,
                    int64_t now_ms)
{
    struct eio_session *session = eio_carrier_session(&ws->carrier);
    bool from_probe = session != NULL && ws == session->probe;
    struct eio_packet packet;
    struct buf scratch;

    if (session == NULL)
        return;
    session->engine->counters.bytes_in += length_bytes;
    buf_init(&scratch, length_bytes);
    if (eio_session_decode(session, kind, bytes, length_bytes, &scratch, &packet) != CONFAB_OK) {
        if (from_probe)
            eio_ws_drop_probe(session);
        else if (session->state == EIO_OPEN)
            eio_session_end(session, EIO_CLOSE_PARSE_ERROR, EIO_GET_CLOSE);
    } else if (from_probe) {
        probe_receives(session, ws, &packet, now_ms);
    } else {
        eio_session_receive(session, &packet, EIO_GET_NOOP, now_ms);
    }
    buf_fini(&scratch);
}

/* ---- out ---- */

static struct frame *next_frame(struct eio_session *session, struct eio_ws *ws)
{
    struct frame *frame;

    if (ws->pongs_owed > 0) {
        ws->pongs_owed--;
        return frame_hold(session->engine->probe_pong);
    }
    if (ws != session->ws)
        return NULL;
    frame = eio_session_pull(session);
    return frame != NULL ? eio_session_websocket_frame(session, frame) : NULL;
}

struct frame *eio_ws_take(struct eio_ws *ws)
{
    struct eio_session *session = eio_carrier_session(&ws->carrier);
    struct frame *frame;
    size_t length_bytes;

    if (session == NULL)
        return NULL;
    frame = next_frame(session, ws);
    if (frame == NULL)
        return NULL;
    frame_payload(frame, &length_bytes);
    eio_count_out(session->engine, frame);
    session->engine->counters.bytes_out += length_bytes;
    finish_if_drained(session);
    return frame;
}

void eio_ws_buffered(struct eio_ws *ws, size_t bytes_in_network)
{
    struct eio_session *session = eio_carrier_session(&ws->carrier);

    if (session == NULL || ws != session->ws)
        return;
    session->buffered_bytes = bytes_in_network;
    eio_session_sent(session);
}
