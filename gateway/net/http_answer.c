/* Answers: composing them, sending them, and what becomes of the connection after the last byte. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "common/clock.h"
#include "gateway/net/internal.h"

/* What a refused client may still send while it is being told. */
#define LINGER_MAX_BYTES (16 * 1024 * 1024)

const char *http_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Payload Too Large"},
        {417, "Expectation Failed"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].status == status)
            return texts[i].text;
    }
    return "Unknown";
}

/* Made once a second. */
static const char *date_line(struct net *net)
{
    int64_t second = clock_wall_ms() / 1000;
    time_t now = (time_t)second;
    struct tm parts;

    if (second != net->date_second) {
        net->date_second = second;
        gmtime_r(&now, &parts);
        strftime(net->date_line, sizeof(net->date_line), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n",
                 &parts);
    }
    return net->date_line;
}

static bool has_no_body(int status)
{
    return status == 304 || status / 100 == 1;
}

static void compose_head(struct http *http, const struct net_response *response)
{
    struct net *net = http->conn->net;
    struct buf *text = &net->text;

    buf_reset(text);
    buf_puts(text, "HTTP/1.1 ");
    buf_put_int(text, response->status);
    buf_put_u8(text, ' ');
    buf_puts(text, http_status_text(response->status));
    buf_puts(text, "\r\n");
    if (response->content_type != NULL) {
        buf_puts(text, "Content-Type: ");
        buf_puts(text, response->content_type);
        buf_puts(text, "\r\n");
    }
    if (!has_no_body(response->status)) {
        buf_puts(text, "Content-Length: ");
        buf_put_uint(text, response->body_bytes);
        buf_puts(text, "\r\n");
    }
    if (response->headers != NULL)
        buf_puts(text, response->headers);
    if (http->lines != NULL)
        buf_puts(text, http->lines);
    if (http->is_proxied && net->node_line != NULL)
        buf_puts(text, net->node_line);
    buf_puts(text, date_line(net));
    buf_puts(text, http->keep_alive ? net->keep_alive_line : "Connection: close\r\n");
    buf_puts(text, "\r\n");
}

/* The whole answer is out. */
static void finish(struct http *http)
{
    struct conn *conn = http->conn;

    free(http->lines);
    http->lines = NULL;
    buf_fini(&http->out);
    http->out_at = 0;
    if (!http->keep_alive && !http->has_body) {
        conn_close(conn, (enum net_close_reason)http->close_reason);
        return;
    }
    if (!http->keep_alive) {
        /* Closing now, with bytes unread, would break the connection before the answer is read. */
        shutdown(conn->fd, SHUT_WR);
        http->phase = HTTP_LINGER;
        http->body_left = LINGER_MAX_BYTES;
        buf_fini(&http->in);
        conn_want(conn, EV_READ);
        conn_arm(conn, NET_TIMEOUT_CLOSE);
        return;
    }
    http->phase = HTTP_HEAD;
    /* What waits goes first: together with new bytes it could be more than there is room for. */
    conn_want(conn, http->in.len > 0 ? 0 : EV_READ);
    conn_arm(conn, NET_TIMEOUT_IDLE);
    if (http->in.len > 0)
        conn_mark(conn);
}

/* Sends head and body as far as the socket takes them. Returns the bytes sent, or -1. */
static ssize_t send_both(struct conn *conn, const void *head, size_t head_bytes, const void *body,
                         size_t body_bytes)
{
    struct iovec parts[2];
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = body_bytes > 0 ? 2 : 1};
    ssize_t n;

    parts[0].iov_base = (void *)(uintptr_t)head;
    parts[0].iov_len = head_bytes;
    parts[1].iov_base = (void *)(uintptr_t)body;
    parts[1].iov_len = body_bytes;
    n = sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return n;
}

/* The socket is full: what is left goes later. The copy is only of what nobody keeps. */
static void keep_rest(struct http *http, const struct net_response *response, size_t body_bytes,
                      size_t sent)
{
    struct buf *text = &http->conn->net->text;

    if (sent < text->len) {
        buf_append(&http->out, text->data + sent, text->len - sent);
        sent = 0;
    } else {
        sent -= text->len;
    }
    http->tail = NULL;
    http->tail_bytes = 0;
    if (response->body_stays) {
        http->tail = (const uint8_t *)response->body + sent;
        http->tail_bytes = body_bytes - sent;
    } else if (body_bytes > sent) {
        buf_append(&http->out, (const uint8_t *)response->body + sent, body_bytes - sent);
    }
}

void http_answer(struct http *http, const struct net_response *response)
{
    struct conn *conn = http->conn;
    struct net *net = conn->net;
    bool bodyless = http->is_head || has_no_body(response->status);
    size_t body_bytes = bodyless ? 0 : response->body_bytes;
    ssize_t sent;

    http->kind = HTTP_OTHER;
    if (net->draining || http->has_body) {
        http->keep_alive = false;
    }
    if (!http->keep_alive && http->close_reason == 0)
        http->close_reason = NET_CLOSE_ANSWERED;
    net->counters.answers[response->status / 100 % 6]++;
    conn_disarm(conn);
    buf_fini(&http->body);
    compose_head(http, response);
    sent = send_both(conn, net->text.data, net->text.len, response->body, body_bytes);
    if (sent < 0) {
        conn_close(conn, NET_CLOSE_RESET);
        return;
    }
    if ((size_t)sent == net->text.len + body_bytes) {
        finish(http);
        return;
    }
    keep_rest(http, response, body_bytes, (size_t)sent);
    http->phase = HTTP_SENDING;
    conn_want(conn, EV_READ | EV_WRITE);
    conn_arm(conn, NET_TIMEOUT_WRITE);
}

void http_send(struct http *http)
{
    struct conn *conn = http->conn;
    size_t rest = http->out.len - http->out_at;
    ssize_t sent;

    if (http->phase != HTTP_SENDING)
        return;
    sent = send_both(conn, http->out.data + http->out_at, rest, http->tail, http->tail_bytes);
    if (sent < 0) {
        conn_close(conn, NET_CLOSE_RESET);
        return;
    }
    if ((size_t)sent == rest + http->tail_bytes) {
        finish(http);
        return;
    }
    if (sent > 0)
        conn_arm(conn, NET_TIMEOUT_WRITE);
    if ((size_t)sent < rest) {
        http->out_at += (size_t)sent;
        return;
    }
    http->out_at = http->out.len;
    http->tail += (size_t)sent - rest;
    http->tail_bytes -= (size_t)sent - rest;
}

void http_refuse(struct http *http, int status, enum net_close_reason reason)
{
    struct net_response response = {.status = status};

    if (http->kind == HTTP_POST)
        eio_post_lost(&http->post, http->conn->net->now_ms);
    http->kind = HTTP_OTHER;
    http->keep_alive = false;
    http->has_body = true; /* whatever follows is not read as a request */
    http->close_reason = (uint8_t)reason;
    http_answer(http, &response);
}

static const struct {
    const char *label, *text;
    int status;
} limits[] = {
#define X(symbol, label, text, status) [symbol] = {label, text, status},
    NET_LIMITS(X)
#undef X
};

const char *net_limit_label(enum net_limit limit)
{
    return limits[limit].label;
}

void http_refuse_limit(struct http *http, enum net_limit limit, int64_t retry_ms)
{
    struct net *net = http->conn->net;
    char lines[48], body[160];
    struct net_response response = {.status = limits[limit].status,
                                    .content_type = "application/json",
                                    .headers = lines,
                                    .body = body};

    net->counters.limits[limit]++;
    log_limited(net->log, &net->log_limit, net->now_ms, LOG_INFO, "limit_reached",
                LOG_S("limit", limits[limit].label));
    snprintf(lines, sizeof(lines), "Retry-After: %lld\r\n", (long long)((retry_ms + 999) / 1000));
    response.body_bytes =
        (size_t)snprintf(body, sizeof(body), "{\"limit\":\"%s\",\"message\":\"%s\"}",
                         limits[limit].label, limits[limit].text);
    if (http->wants_ws)
        http->keep_alive = false;
    http_answer(http, &response);
}

void http_continue(struct http *http)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";

    /* The socket of a client that waits is empty; should it not be, the client sends its body all
     * the same. */
    send(http->conn->fd, line, sizeof(line) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}
