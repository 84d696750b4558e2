/*
 * A WebSocket connection. Bytes are read here, looked at by the guard frame by frame, and given to
 * libwebsockets, which takes off masks and answers pings and closes; messages come back through
 * ws_receive(). A close of our own is one frame, then nothing more is read but its answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/buf.h"
#include "common/frame.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "gateway/net/internal.h"
#include <confab/err.h>

static void wake(struct eio_carrier *carrier)
{
    struct eio_ws *eio = container_of(carrier, struct eio_ws, carrier);

    conn_mark(container_of(eio, struct ws, eio)->conn);
}

bool ws_accept(struct conn *conn)
{
    struct net *net = conn->net;
    struct http *http = conn->http;
    struct ws *ws = xcalloc(1, sizeof(*ws));
    struct lws *wsi;
    char key[sizeof(http->ws_key)];
    struct ws_terms terms = http->ws_terms;

    ws->conn = conn;
    ws->eio.carrier.wake = wake;
    ws->close_reason = NET_CLOSE_RESET;
    ws->guard.may_deflate = terms.deflate;
    ws->window_bits = terms.window_bits;
    buf_init(&ws->pending, SIZE_MAX / 2); /* what one read, or what came with the request, leaves */
    buf_reset(&net->lines);
    if (http->is_proxied && net->node_line != NULL)
        buf_puts(&net->lines, net->node_line);
    if (http->ws_protocol != NULL)
        buf_printf(&net->lines, "Sec-WebSocket-Protocol: %s\r\n", http->ws_protocol);
    ws_extensions_answer(&terms, &net->lines);
    if (http->lines != NULL)
        buf_puts(&net->lines, http->lines);
    memcpy(key, http->ws_key, sizeof(key));
    conn_disarm(conn);
    net->counters.answers[1]++;
    http_free(http, net->now_ms);
    conn->state = CONN_WS;
    conn->ws = ws;
    conn->rate = (struct rate){0};
    conn->unread = false;
    net->counters.websockets_now++;
    wsi = lws_glue_adopt(conn, key);
    if (wsi == NULL) {
        /* lws has closed the socket. */
        conn_close(conn, NET_CLOSE_RESOURCES);
        return false;
    }
    conn_want(conn, EV_READ);
    return true;
}

void ws_free(struct ws *ws, bool clean, int64_t now_ms)
{
    if (!ws->lost)
        eio_ws_lost(&ws->eio, clean, now_ms);
    if (ws->frame != NULL)
        frame_release(ws->frame);
    if (ws->message != NULL) {
        buf_fini(ws->message);
        free(ws->message);
    }
    buf_fini(&ws->pending);
    free(ws);
}

/* Nothing more is sent or taken for the engine. */
static void let_go(struct ws *ws, bool clean)
{
    if (ws->lost)
        return;
    ws->lost = true;
    eio_ws_lost(&ws->eio, clean, ws->conn->net->now_ms);
}

void ws_close(struct conn *conn, enum ws_close_code code, enum net_close_reason reason)
{
    struct ws *ws = conn->ws;
    uint8_t frame[4];
    size_t length;

    if (ws->state != WS_OPEN)
        return;
    length = ws_close_frame(frame, code);
    /* In the middle of another frame no close frame can be sent. */
    if (ws->frame_at > 0 || !lws_glue_write(ws, frame, length)) {
        conn_close(conn, reason);
        return;
    }
    ws->state = WS_CLOSE_SENT;
    ws->close_reason = (uint8_t)reason;
    let_go(ws, reason != NET_CLOSE_WS_PROTOCOL);
    conn_want(conn, (short)(conn->wants | EV_READ));
    conn_arm(conn, NET_TIMEOUT_CLOSE);
}

/* The client broke the rules. */
static void fail(struct conn *conn, enum ws_close_code code, enum net_close_reason reason)
{
    struct net *net = conn->net;

    /* What the frames before have made comes before the close. */
    if (!ws_send_frames(conn->ws)) {
        conn_close(conn, NET_CLOSE_RESET);
        return;
    }
    if (reason == NET_CLOSE_WS_TOO_BIG)
        eio_ws_too_big(&conn->ws->eio, net->now_ms);
    log_limited(net->log, &net->log_bad_frame, net->now_ms, LOG_DEBUG, "bad_frame",
                LOG_S("reason", net_close_label(reason)));
    conn->ws->is_deaf = true;
    let_go(conn->ws, false);
    ws_close(conn, code, reason);
    /* No answer is waited for that could not be told from the rest; the end of the stream is one.
     */
    if (conn->state == CONN_WS && !lws_glue_is_full(conn->ws))
        shutdown(conn->fd, SHUT_WR);
}

/* ---- reading ---- */

static void end_frame(struct conn *conn)
{
    const struct ws_guard *guard = &conn->ws->guard;

    fair_frame(conn, ws_guard_ended_message(guard));
    if (conn->timeout == NET_TIMEOUT_MESSAGE && !guard->in_message)
        conn_disarm(conn);
}

/* A message, once begun, has to end in time; control frames in its middle do not prolong that. */
static void watch_message(struct conn *conn)
{
    if (conn->state == CONN_WS && conn->ws->state == WS_OPEN && conn->timeout == NET_TIMEOUT_NONE &&
        ws_guard_is_inside(&conn->ws->guard))
        conn_arm(conn, NET_TIMEOUT_MESSAGE);
}

void ws_message_due(struct conn *conn)
{
    /* While it is we who do not read, the client cannot be late. */
    if (conn->resting || conn->unread || conn->ws->eio.paused)
        conn_arm(conn, NET_TIMEOUT_MESSAGE);
    else
        fail(conn, WS_CLOSE_POLICY, NET_CLOSE_WS_MESSAGE_TIMEOUT);
}

/* A frame's header is not to be borne. */
static void fail_frame(struct conn *conn, enum ws_close_code code)
{
    fail(conn, code, code == WS_CLOSE_TOO_BIG ? NET_CLOSE_WS_TOO_BIG : NET_CLOSE_WS_PROTOCOL);
}

static void fail_message(struct conn *conn)
{
    switch ((enum ws_fault)conn->ws->fault) {
    case WS_FAULT_NONE:
        break;
    case WS_FAULT_TEXT:
        fail(conn, WS_CLOSE_TEXT, NET_CLOSE_WS_TEXT);
        break;
    case WS_FAULT_DEFLATE:
        fail(conn, WS_CLOSE_TEXT, NET_CLOSE_WS_DEFLATE);
        break;
    case WS_FAULT_TOO_BIG:
        fail(conn, WS_CLOSE_TOO_BIG, NET_CLOSE_WS_TOO_BIG);
        break;
    }
}

/* One frame, or the part of one that has come, goes to lws. False: no more of these bytes are to be
 * read. */
static bool read_step(struct conn *conn, char *bytes, size_t length, size_t *consumed)
{
    struct ws *ws = conn->ws;
    enum ws_opcode opcode = WS_CONTINUATION;
    enum ws_close_code code = WS_CLOSE_NONE;
    bool begins = ws_guard_is_at_start(&ws->guard);
    enum ws_step step =
        ws_guard_read(&ws->guard, (const uint8_t *)bytes, length,
                      (uint32_t)conn->net->max_payload_bytes, consumed, &opcode, &code);

    if (step == WS_STEP_BAD) {
        if (ws->state == WS_CLOSE_SENT)
            conn_close(conn, (enum net_close_reason)ws->close_reason);
        else
            fail_frame(conn, code);
        return false;
    }
    if (ws->state == WS_CLOSE_SENT) {
        if (step == WS_STEP_END && opcode == WS_CLOSE)
            conn_close(conn, (enum net_close_reason)ws->close_reason);
        return conn->state == CONN_WS;
    }
    if (step == WS_STEP_END)
        end_frame(conn);
    /* lws knows of no extension: what the bit means is seen to in ws_message.c. */
    if (begins)
        bytes[0] = (char)(bytes[0] & ~WS_RSV1);
    lws_glue_feed(ws, bytes, *consumed);
    if (conn->state != CONN_WS)
        return false;
    if (ws->fault != WS_FAULT_NONE) {
        fail_message(conn);
        return false;
    }
    /* Each ping its pong: lws keeps only one that it has not sent. */
    if (ws->lws_waits && !lws_glue_is_full(ws))
        lws_glue_service(ws);
    return conn->state == CONN_WS && ws->state != WS_PEER_CLOSE;
}

static bool reads_frames(const struct ws *ws)
{
    return ws->state != WS_PEER_CLOSE && !ws->is_deaf;
}

static bool must_wait(struct conn *conn)
{
    struct ws *ws = conn->ws;

    return ws->state == WS_OPEN && (ws->eio.paused || !fair_may_go_on(conn));
}

/* Takes as many frames as are to be taken now, and keeps the rest. The bytes come from net's
 * scratch, or from `source`, which is given up. */
static void read_frames(struct conn *conn, char *bytes, size_t length, struct buf *source)
{
    size_t at = 0;
    size_t consumed = 0;

    while (at < length && !must_wait(conn) && read_step(conn, bytes + at, length - at, &consumed))
        at += consumed;
    watch_message(conn);
    if (conn->state == CONN_WS && at < length && reads_frames(conn->ws)) {
        conn->unread = !conn->ws->eio.paused;
        if (source != NULL) {
            buf_consume(source, at);
            conn->ws->pending = *source;
            return;
        }
        buf_append(&conn->ws->pending, bytes + at, length - at);
    }
    if (source != NULL)
        buf_fini(source);
}

/* Those that wait since an earlier read. */
static void read_pending(struct conn *conn)
{
    struct buf pending = conn->ws->pending;

    conn->unread = false;
    buf_init(&conn->ws->pending, pending.limit_bytes);
    read_frames(conn, (char *)pending.data, pending.len, &pending);
}

static void follow_pause(struct conn *conn)
{
    struct ws *ws = conn->ws;
    bool paused = ws->eio.paused && ws->state == WS_OPEN;

    conn_want(conn, (short)((conn->wants & EV_WRITE) | (paused ? 0 : EV_READ)));
    if (!paused && ws->pending.len > 0) {
        conn->unread = true;
        fair_queue(conn);
    }
}

void ws_start(struct conn *conn, struct buf *rest)
{
    if (conn->state != CONN_WS || rest->len == 0)
        return;
    buf_append(&conn->ws->pending, rest->data, rest->len);
    conn->unread = true;
    fair_queue(conn);
}

void ws_readable(struct conn *conn)
{
    struct net *net = conn->net;
    ssize_t n;

    if (conn->ws->pending.len > 0) {
        read_pending(conn);
        return;
    }
    n = recv(conn->fd, net->in, NET_PORTION_BYTES, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        bool by_us = conn->ws->state == WS_CLOSE_SENT;

        if (by_us)
            conn_close(conn, (enum net_close_reason)conn->ws->close_reason);
        else
            conn_close(conn, n == 0 ? NET_CLOSE_WS_BY_CLIENT : NET_CLOSE_RESET);
        return;
    }
    fair_read(conn, (size_t)n);
    if (conn->ws->state != WS_OPEN)
        fair_rest(conn, FAIR_LEAVE_MS); /* nothing counts any more but the end */
    if (reads_frames(conn->ws))
        read_frames(conn, net->in, (size_t)n, NULL);
}

/* ---- the client's close ---- */

/* RFC 6455, 7.4: the codes that a close frame may carry. */
static bool may_be_sent(const uint8_t code_bytes[2])
{
    unsigned code = (unsigned)code_bytes[0] << 8 | code_bytes[1];

    return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) ||
           (code >= 3000 && code <= 4999);
}

/* lws answers the close frame of a client with the same; what it would not mind is refused here. */
bool ws_peer_close(struct ws *ws, const char *body, size_t length_bytes)
{
    enum ws_close_code code = WS_CLOSE_NONE;
    uint8_t frame[4];

    if (length_bytes == 1 || (length_bytes > 1 && !may_be_sent((const uint8_t *)body)))
        code = WS_CLOSE_PROTOCOL;
    else if (length_bytes > 2 && !utf8_valid(body + 2, length_bytes - 2))
        code = WS_CLOSE_TEXT;
    ws->state = WS_PEER_CLOSE;
    ws->close_reason = code == WS_CLOSE_NONE ? NET_CLOSE_WS_BY_CLIENT : NET_CLOSE_WS_PROTOCOL;
    let_go(ws, code == WS_CLOSE_NONE);
    conn_arm(ws->conn, NET_TIMEOUT_CLOSE);
    if (code == WS_CLOSE_NONE)
        return true;
    lws_glue_write(ws, frame, ws_close_frame(frame, code));
    return false;
}

/* ---- end of the turn ---- */

void ws_writable(struct conn *conn)
{
    lws_glue_service(conn->ws);
    conn_mark(conn);
}

void ws_look(struct conn *conn)
{
    struct ws *ws = conn->ws;

    if (ws->lws_waits && !lws_glue_is_full(ws))
        lws_glue_service(ws);
    if (conn->state != CONN_WS || ws->state != WS_OPEN)
        return;
    if (!ws_send_frames(ws)) {
        conn_close(conn, NET_CLOSE_RESET);
        return;
    }
    if (!eio_ws_wants_close(&ws->eio)) {
        follow_pause(conn);
    } else if (ws->frame == NULL) {
        ws_close(conn, WS_CLOSE_NONE, NET_CLOSE_WS_BY_SERVER);
    } else if (conn->timeout != NET_TIMEOUT_CLOSE) {
        ws->close_reason = NET_CLOSE_WS_BY_SERVER;
        conn_arm(conn, NET_TIMEOUT_CLOSE);
    }
}
