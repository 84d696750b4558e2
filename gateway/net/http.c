/*
 * The bytes of an HTTP connection: cuts them into heads and bodies, strictly one request after the
 * other. While one is at work, bytes behind it wait (bounded); reading goes on so that the end of
 * the connection is seen.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/mem.h"
#include "gateway/net/internal.h"
#include <confab/err.h>

struct http *http_new(struct conn *conn, const struct address *peer)
{
    struct http *http = xcalloc(1, sizeof(*http));

    http->conn = conn;
    http->peer = *peer;
    http->is_proxied = address_list_has(&conn->net->proxies, peer);
    buf_init(&http->in, conn->net->max_header_bytes + NET_READ_BYTES);
    buf_init(&http->body, conn->net->max_payload_bytes);
    buf_init(&http->out, SIZE_MAX / 2); /* one answer: bounded by who made it */
    return http;
}

void http_free(struct http *http, int64_t now_ms)
{
    if (http->kind == HTTP_GET) {
        eio_get_lost(&http->get, now_ms);
    } else if (http->kind == HTTP_POST) {
        eio_post_lost(&http->post, now_ms);
    } else if (http->kind == HTTP_ADMISSION) {
        if (http->admission.token != NULL)
            http_admission_orphan(http->admission.token);
        eio_handshake_release(http->admission.handshake);
        free(http->admission.text);
    }
    buf_fini(&http->in);
    buf_fini(&http->body);
    buf_fini(&http->out);
    free(http->lines);
    free(http->ws_protocol);
    free(http);
}

void http_take_rest(struct http *http, struct buf *rest)
{
    *rest = http->in;
    buf_init(&http->in, 0);
}

/* Reads a head at `bytes`, when it is whole, and routes it. Returns the bytes consumed. */
static size_t read_head(struct http *http, char *bytes, size_t length)
{
    struct conn *conn = http->conn;
    struct net *net = conn->net;
    int head_bytes = http_head_find(bytes, length, net->max_header_bytes, &http->scanned);
    int status;

    if (conn->timeout == NET_TIMEOUT_IDLE || conn->timeout == NET_TIMEOUT_NONE)
        conn_arm(conn, NET_TIMEOUT_HEAD);
    if (head_bytes == CONFAB_EPARTIAL)
        return 0;
    if (head_bytes == CONFAB_ELIMIT) {
        http_refuse(http, 431, NET_CLOSE_HEAD_TOO_BIG);
        return 0;
    }
    if (head_bytes < 0) {
        http_refuse(http, 400, NET_CLOSE_BAD_REQUEST);
        return 0;
    }
    http->scanned = 0;
    conn_disarm(conn);
    fair_request(conn);
    status = http_head_parse(&net->head, bytes, (size_t)head_bytes);
    if (status != 0) {
        log_limited(net->log, &net->log_bad_request, net->now_ms, LOG_DEBUG, "bad_request",
                    LOG_I("status", status));
        http_refuse(http, status, status == 431 ? NET_CLOSE_HEAD_TOO_BIG : NET_CLOSE_BAD_REQUEST);
    } else {
        http_route(conn, &net->head);
    }
    return (size_t)head_bytes;
}

/* A body of known length: whole in one piece if possible, else collected. */
static size_t read_plain_body(struct http *http, const char *bytes, size_t length)
{
    if (length > http->body_left)
        length = (size_t)http->body_left;
    if (http->body.len == 0 && length == http->body_left) {
        http_engine_body(http, bytes, length);
        return length;
    }
    buf_append(&http->body, bytes, length); /* the announced length is within the limit */
    http->body_left -= length;
    if (http->body_left == 0)
        http_engine_body(http, buf_text(&http->body), http->body.len);
    return length;
}

static size_t read_chunked_body(struct http *http, const char *bytes, size_t length)
{
    const char *data;
    size_t data_bytes;
    int n = http_chunked_read(&http->chunked, bytes, length, &data, &data_bytes);

    if (n < 0) {
        http_refuse(http, 400, NET_CLOSE_BAD_REQUEST);
        return 0;
    }
    if (buf_append(&http->body, data, data_bytes) != CONFAB_OK)
        http_engine_body_too_big(http);
    else if (http->chunked.done)
        http_engine_body(http, buf_text(&http->body), http->body.len);
    return (size_t)n;
}

/* Takes as much of the bytes as is to be taken now. The connection may be another afterwards: a
 * WebSocket, or dead. */
static size_t read_requests(struct conn *conn, char *bytes, size_t length)
{
    size_t at = 0;

    while (at < length && conn->state == CONN_HTTP) {
        struct http *http = conn->http;
        size_t n;

        if (http->phase == HTTP_HEAD) {
            if (!fair_may_go_on(conn)) {
                conn->unread = true;
                break;
            }
            n = read_head(http, bytes + at, length - at);
        } else if (http->phase == HTTP_BODY)
            n = http->is_chunked ? read_chunked_body(http, bytes + at, length - at)
                                 : read_plain_body(http, bytes + at, length - at);
        else
            break;
        if (n == 0)
            break;
        at += n;
    }
    return at;
}

/* What was not taken waits; or it is what a WebSocket begins with. */
static void keep(struct conn *conn, struct buf *source, const char *bytes, size_t length)
{
    struct http *http = conn->http;

    if (http->phase == HTTP_LINGER)
        length = 0;
    if (source != NULL) {
        buf_consume(source, source->len - length);
        if (source->len == 0)
            buf_fini(source);
        http->in = *source;
        return;
    }
    if (length > 0)
        buf_append(&http->in, bytes, length);
}

static void stop_reading_when_full(struct conn *conn)
{
    struct http *http = conn->http;
    bool full = http->phase != HTTP_HEAD && http->in.len >= conn->net->max_header_bytes;

    conn_want(conn, (short)((conn->wants & EV_WRITE) | (full ? 0 : EV_READ)));
}

/* New bytes, behind those that waited. */
static void take_bytes(struct conn *conn, char *bytes, size_t length)
{
    struct http *http = conn->http;
    struct buf waiting = http->in;
    struct buf *source = NULL;
    size_t taken;

    if (waiting.len > 0) {
        source = &waiting;
        if (buf_append(source, bytes, length) != CONFAB_OK) {
            conn_close(conn, NET_CLOSE_RESOURCES);
            return;
        }
        bytes = (char *)source->data;
        length = source->len;
        buf_init(&http->in, waiting.limit_bytes);
    }
    taken = read_requests(conn, bytes, length);
    if (conn->state == CONN_HTTP) {
        keep(conn, source, bytes + taken, length - taken);
        stop_reading_when_full(conn);
        return;
    }
    if (conn->state == CONN_WS && taken < length) {
        struct buf rest;

        buf_init(&rest, SIZE_MAX / 2);
        buf_append(&rest, bytes + taken, length - taken);
        ws_start(conn, &rest);
        buf_fini(&rest);
    }
    if (source != NULL)
        buf_fini(source);
}

void http_resume(struct conn *conn)
{
    if (conn->state != CONN_HTTP || conn->http->phase != HTTP_HEAD || conn->http->in.len == 0)
        return;
    conn->unread = true;
    fair_queue(conn);
}

static void at_end(struct conn *conn, bool orderly)
{
    struct http *http = conn->http;

    if (http->phase == HTTP_LINGER)
        conn_close(conn, (enum net_close_reason)http->close_reason);
    else if (!orderly)
        conn_close(conn, NET_CLOSE_RESET);
    else if (http->phase == HTTP_HEAD && http->in.len == 0)
        conn_close(conn, NET_CLOSE_CLIENT);
    else if (http->phase == HTTP_SENDING) {
        /* It may still be reading what it asked for. */
        http->keep_alive = false;
        http->close_reason = NET_CLOSE_ANSWERED;
        conn_want(conn, EV_WRITE);
    } else
        conn_close(conn, NET_CLOSE_CLIENT_EARLY);
}

void http_readable(struct conn *conn)
{
    struct net *net = conn->net;
    bool lingers = conn->http->phase == HTTP_LINGER;
    ssize_t n;

    if (conn->unread) {
        conn->unread = false;
        take_bytes(conn, net->in, 0);
        return;
    }
    n = recv(conn->fd, net->in, lingers ? NET_READ_BYTES : NET_PORTION_BYTES, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        at_end(conn, n == 0);
        return;
    }
    fair_read(conn, (size_t)n);
    if (lingers) {
        fair_rest(conn, FAIR_LEAVE_MS);
        if ((uint64_t)n > conn->http->body_left)
            conn_close(conn, (enum net_close_reason)conn->http->close_reason);
        else
            conn->http->body_left -= (uint64_t)n;
        return;
    }
    take_bytes(conn, net->in, (size_t)n);
}

void http_writable(struct conn *conn)
{
    http_send(conn->http);
}
