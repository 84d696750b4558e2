/*
 * Admission: a handshake waits here until its owner has decided, which may be long after the
 * request came. The token that stands for it is answered exactly once; it knows when its connection
 * is gone, and then the answer counts for nothing.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/live.h"
#include "common/mem.h"
#include "gateway/net/internal.h"

struct net_admission {
    struct conn *conn;               /* borrowed; NULL once the connection is gone */
    struct eio_handshake *handshake; /* one reference */
};

static struct eio_handshake *make_handshake(const struct net_request *request, struct guest *guest)
{
    const struct http_head *head = request->head;
    struct eio_handshake from = {
        .issued_wall_ms = clock_wall_ms(),
        .secure = request->secure,
        .xdomain = http_head_get(head, "origin") != NULL,
        .address = request->address,
        .url = head->url,
        .query = head->query,
        .header_count = head->header_count,
        .headers = head->headers,
        .on_end = guest_session_ends,
        .end_user = guest,
    };

    return eio_handshake_new(&from);
}

/* Whether there is room for one more session, of this address and at all. False: refused. */
static bool check_room(struct net_request *request, struct guest *guest)
{
    struct net *net = request->conn->net;
    enum net_limit limit;
    int64_t retry_ms = FULL_RETRY_MS;

    if (net->max_sessions > 0 && eio_engine_session_count(net->engine) >= net->max_sessions)
        limit = NET_LIMIT_ALL_SESSIONS;
    else
        limit = guest_shakes_hands(guest, net->now_ms, &retry_ms);
    if (limit == NET_LIMIT_NONE)
        return true;
    http_refuse_limit(request->conn->http, limit, retry_ms);
    return false;
}

void http_ask_admission(struct net_request *request)
{
    struct http *http = request->conn->http;
    struct net *net = request->conn->net;
    struct guest *guest = guests_find(net->guests, &request->client, net->now_ms);
    struct net_admission *token;

    if (!check_room(request, guest))
        return;
    http->kind = HTTP_ADMISSION;
    memset(&http->admission, 0, sizeof(http->admission));
    http->admission.handshake = make_handshake(request, guest);
    if (net->events->on_admission == NULL) {
        http->admitted = true;
        conn_mark(request->conn);
        return;
    }
    token = xcalloc(1, sizeof(*token));
    token->conn = request->conn;
    token->handshake = eio_handshake_hold(http->admission.handshake);
    live_inc(LIVE_TOKEN);
    http->admission.token = token;
    net->events->on_admission(net->user, token);
}

const struct eio_handshake *net_admission_handshake(const struct net_admission *admission)
{
    return admission->handshake;
}

void http_admission_orphan(struct net_admission *token)
{
    token->conn = NULL;
}

/* The end of a token. Returns the request that waits for it, or NULL. */
static struct http *redeem(struct net_admission *token)
{
    struct conn *conn = token->conn;

    eio_handshake_release(token->handshake);
    free(token);
    live_dec(LIVE_TOKEN);
    if (conn == NULL)
        return NULL;
    assert(conn->state == CONN_HTTP && conn->http->kind == HTTP_ADMISSION);
    conn->http->admission.token = NULL;
    conn_mark(conn);
    return conn->http;
}

void net_admission_allow(struct net_admission *admission)
{
    struct http *http = redeem(admission);

    if (http != NULL)
        http->admitted = true;
}

void net_admission_deny(struct net_admission *admission, const char *message)
{
    struct http *http = redeem(admission);

    if (http == NULL)
        return;
    http->denied = true;
    if (message != NULL)
        http->admission.text = xstrdup(message);
}

/* Among the lines that the answer takes with it. */
static void set_cookie(struct http *http, const struct eio_session *session)
{
    struct net *net = http->conn->net;

    if (net->cookie.before == NULL)
        return;
    buf_reset(&net->lines);
    if (http->lines != NULL)
        buf_puts(&net->lines, http->lines);
    cookie_add_line(&net->cookie, eio_session_sid(session), &net->lines);
    free(http->lines);
    http->lines = xstrdup(buf_text(&net->lines));
}

static void open_session(struct http *http)
{
    struct conn *conn = http->conn;
    struct net *net = conn->net;
    struct eio_handshake *handshake = http->admission.handshake;
    uint8_t random[16];

    rng_bytes(&net->rng, random, sizeof(random));
    http->kind = HTTP_OTHER;
    if (http->wants_ws) {
        struct buf rest;

        http_take_rest(http, &rest);
        if (ws_accept(conn)) {
            eio_handshake_ws(net->engine, &conn->ws->eio, handshake, random, net->now_ms);
            ws_start(conn, &rest);
        } else {
            eio_handshake_release(handshake);
        }
        buf_fini(&rest);
        return;
    }
    http_engine_prepare_get(http);
    set_cookie(http,
               eio_handshake_polling(net->engine, &http->get, handshake, random, net->now_ms));
}

/* {"code":4,"message":"…"} for a filter's own words. */
static void compose_denial(struct buf *out, const char *text)
{
    buf_reset(out);
    buf_puts(out, "{\"code\":4,\"message\":\"");
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < 0x20)
            buf_printf(out, "\\u%04x", c);
        else
            buf_put_u8(out, c);
    }
    buf_puts(out, "\"}");
}

static void deny(struct http *http)
{
    struct net *net = http->conn->net;
    struct eio_answer answer = eio_answer_forbidden();
    char *text = http->admission.text;

    eio_handshake_release(http->admission.handshake);
    http->kind = HTTP_OTHER;
    if (text == NULL) {
        http_engine_refuse(http, answer);
        return;
    }
    buf_reset(&net->payload);
    if (http->wants_ws) {
        answer = eio_answer_for_upgrade(answer);
        http->keep_alive = false;
        buf_puts(&net->payload, text);
    } else {
        compose_denial(&net->payload, text);
    }
    free(text);
    http_engine_answer(http, &answer, &net->payload);
}

void http_admission_look(struct http *http)
{
    if (http->admitted)
        open_session(http);
    else if (http->denied)
        deny(http);
}
