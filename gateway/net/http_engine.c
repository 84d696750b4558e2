/*
 * Requests of Engine.IO. The engine decides what each one is (eio_route()); here its answers become
 * HTTP, handshakes are held until somebody admits them, and upgrades become WebSockets.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/live.h"
#include "common/mem.h"
#include "gateway/net/internal.h"

#define WS_KEY_BYTES 24 /* 16 random bytes in base64 */

struct net_admission {
    struct conn *conn;               /* borrowed; NULL once the connection is gone */
    struct eio_handshake *handshake; /* one reference */
};

static void wake_get(struct eio_carrier *carrier)
{
    struct eio_get *get = container_of(carrier, struct eio_get, carrier);

    conn_mark(container_of(get, struct http, get)->conn);
}

static void wake_post(struct eio_carrier *carrier)
{
    struct eio_post *post = container_of(carrier, struct eio_post, carrier);

    conn_mark(container_of(post, struct http, post)->conn);
}

static void prepare_get(struct http *http)
{
    http->kind = HTTP_GET;
    memset(&http->get, 0, sizeof(http->get));
    http->get.carrier.wake = wake_get;
}

/* An answer of the engine. `body` is the payload of a GET; without it the answer's own text. */
static void send_answer(struct http *http, const struct eio_answer *answer, const struct buf *body)
{
    struct net *net = http->conn->net;
    struct net_response response = {
        .status = answer->status, .content_type = answer->content_type, .body_stays = body == NULL};

    if (body != NULL) {
        response.body = body->data;
        response.body_bytes = body->len;
    } else if (answer->body != NULL) {
        response.body = answer->body;
        response.body_bytes = strlen(answer->body);
    }
    if (answer->status == 200)
        response.headers = "Cache-Control: no-store\r\n";
    if (answer->error_code >= 0 && answer->error_code < NET_REFUSAL_CODES)
        net->counters.refused[answer->error_code]++;
    http_answer(http, &response);
}

/* A refused upgrade ends its connection: the client of a WebSocket expects no second request. */
static void refuse(struct http *http, struct eio_answer answer)
{
    if (http->wants_ws) {
        answer = eio_answer_for_upgrade(answer);
        http->keep_alive = false;
    }
    send_answer(http, &answer, NULL);
}

static void refuse_upgrade_text(struct http *http, const char *text, const char *headers)
{
    struct net_response response = {.status = 400,
                                    .content_type = "text/html",
                                    .headers = headers,
                                    .body = text,
                                    .body_bytes = strlen(text),
                                    .body_stays = true};

    http->keep_alive = false;
    http_answer(http, &response);
}

/* ---- the WebSocket handshake ---- */

static bool is_ws_key(const char *key)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    return key != NULL && strlen(key) == WS_KEY_BYTES && strspn(key, alphabet) == 22 &&
           strcmp(key + 22, "==") == 0;
}

/* Keeps what the 101 needs. False: refused and answered. */
static bool check_ws_handshake(struct http *http, const struct http_head *head)
{
    const char *key = http_head_get(head, "sec-websocket-key");
    const char *version = http_head_get(head, "sec-websocket-version");
    const char *protocols = http_head_get(head, "sec-websocket-protocol");

    if (!is_ws_key(key)) {
        refuse_upgrade_text(http, "Missing or invalid Sec-WebSocket-Key header", NULL);
        return false;
    }
    if (version == NULL || (strcmp(version, "13") != 0 && strcmp(version, "8") != 0)) {
        refuse_upgrade_text(http, "Missing or invalid Sec-WebSocket-Version header",
                            "Sec-WebSocket-Version: 13, 8\r\n");
        return false;
    }
    memcpy(http->ws_key, key, sizeof(http->ws_key));
    if (protocols != NULL) {
        size_t length = strcspn(protocols, ", \t");

        /* A browser that offers some fails when none is chosen; the reference server takes the
         * first. */
        if (http_is_token(protocols, length) && length <= 64)
            http->ws_protocol = xstrndup(protocols, length);
    }
    return true;
}

/* Pages of other hosts get no WebSocket unless they are listed. */
static bool check_origin(struct http *http, const struct http_head *head)
{
    struct net *net = http->conn->net;
    const char *origin = http_head_get(head, "origin");

    if (origin_admits_websocket(&net->origins, origin, http_head_get(head, "host")))
        return true;
    net->counters.origins_refused++;
    log_limited(net->log, &net->log_origin, net->now_ms, LOG_INFO, "origin_refused",
                LOG_S("origin", origin));
    refuse(http, eio_answer_forbidden());
    return false;
}

static void upgrade(struct http *http, struct eio_session *session)
{
    struct conn *conn = http->conn;
    int64_t now_ms = conn->net->now_ms;

    if (!ws_accept(conn))
        return;
    if (session != NULL)
        eio_ws_upgrade(session, &conn->ws->eio, now_ms);
    else
        ws_close(conn, WS_CLOSE_NONE, NET_CLOSE_WS_BY_SERVER);
}

/* ---- admission ---- */

static struct eio_handshake *make_handshake(const struct net_request *request)
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
    };

    return eio_handshake_new(&from);
}

static void ask_admission(struct net_request *request)
{
    struct http *http = request->conn->http;
    struct net *net = request->conn->net;
    struct net_admission *token;

    http->kind = HTTP_ADMISSION;
    memset(&http->admission, 0, sizeof(http->admission));
    http->admission.handshake = make_handshake(request);
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
    prepare_get(http);
    eio_handshake_polling(net->engine, &http->get, handshake, random, net->now_ms);
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
        refuse(http, answer);
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
    send_answer(http, &answer, &net->payload);
}

/* ---- bodies ---- */

static void open_post(struct http *http, struct eio_session *session, const struct http_head *head)
{
    struct conn *conn = http->conn;
    struct net *net = conn->net;
    struct eio_answer answer;

    memset(&http->post, 0, sizeof(http->post));
    http->post.carrier.wake = wake_post;
    if (!eio_post_open(session, &http->post, http_head_get(head, "content-type"), &answer,
                       net->now_ms)) {
        send_answer(http, &answer, NULL);
        return;
    }
    http->kind = HTTP_POST;
    http->phase = HTTP_BODY;
    http->body_left = head->content_length;
    if (!head->chunked && head->content_length == 0) {
        http_engine_body(http, "", 0);
    } else if (!head->chunked && head->content_length > net->max_payload_bytes) {
        http_engine_body_too_big(http);
    } else {
        if (head->expect_continue)
            http_continue(http);
        conn_arm(conn, NET_TIMEOUT_BODY);
    }
}

void http_engine_body(struct http *http, const char *body, size_t length_bytes)
{
    struct conn *conn = http->conn;

    conn_disarm(conn);
    http->has_body = false;
    http->phase = HTTP_WAIT;
    eio_post_submit(&http->post, body, length_bytes, conn->net->now_ms);
    if (conn->state == CONN_HTTP)
        buf_fini(&http->body);
}

void http_engine_body_too_big(struct http *http)
{
    conn_disarm(http->conn);
    http->phase = HTTP_WAIT;
    http->close_reason = NET_CLOSE_BODY_TOO_BIG;
    eio_post_too_big(&http->post);
}

/* ---- in and out ---- */

static void answer_preflight(struct http *http, const struct http_head *head)
{
    struct net *net = http->conn->net;
    struct net_response response = {.status = 204};

    buf_reset(&net->lines);
    origin_add_preflight(&net->origins, http_head_get(head, "access-control-request-headers"),
                         &net->lines);
    response.headers = buf_text(&net->lines);
    http_answer(http, &response);
}

/* The headers of CORS, on whatever answer this request gets. */
static void add_cors(struct http *http, const struct http_head *head)
{
    struct net *net = http->conn->net;

    buf_reset(&net->lines);
    if (http->lines != NULL)
        buf_puts(&net->lines, http->lines);
    origin_add_headers(&net->origins, http_head_get(head, "origin"), &net->lines);
    free(http->lines);
    http->lines = net->lines.len > 0 ? xstrdup(buf_text(&net->lines)) : NULL;
}

static void follow(struct net_request *request, struct eio_verdict *verdict)
{
    struct http *http = request->conn->http;
    int64_t now_ms = request->conn->net->now_ms;

    switch (verdict->route) {
    case EIO_ROUTE_REFUSE:
        refuse(http, verdict->answer);
        break;
    case EIO_ROUTE_HANDSHAKE:
        if (!http->wants_ws ||
            (check_origin(http, request->head) && check_ws_handshake(http, request->head)))
            ask_admission(request);
        break;
    case EIO_ROUTE_GET:
        prepare_get(http);
        eio_get_open(verdict->session, &http->get, now_ms);
        break;
    case EIO_ROUTE_POST:
        open_post(http, verdict->session, request->head);
        break;
    case EIO_ROUTE_UPGRADE:
        if (check_origin(http, request->head) && check_ws_handshake(http, request->head))
            upgrade(http, verdict->session);
        break;
    case EIO_ROUTE_WS_REFUSE:
        if (check_ws_handshake(http, request->head))
            upgrade(http, NULL);
        break;
    }
}

void http_engine_request(struct net_request *request)
{
    struct conn *conn = request->conn;
    struct http *http = conn->http;
    struct net *net = conn->net;
    const struct http_head *head = request->head;
    struct eio_request asked = {
        .method = head->method,
        .is_upgrade = head->wants_websocket,
        .query = head->query,
        .origin = http_head_get(head, "origin"),
    };
    struct eio_verdict verdict = {0};

    if (net->origins.any || net->origins.count > 0) {
        add_cors(http, head);
        if (head->method == EIO_OPTIONS) {
            answer_preflight(http, head);
            return;
        }
    }
    /* A session whose time is up is not there any more, whatever arrives in the same turn. */
    if (eio_engine_deadline(net->engine) <= net->now_ms)
        eio_engine_advance(net->engine, net->now_ms);
    eio_route(net->engine, &asked, &verdict);
    follow(request, &verdict);
}

static void look_at_post(struct http *http)
{
    struct eio_answer answer;
    bool cut = false;

    if (!eio_post_take(&http->post, &answer, &cut))
        return;
    http->kind = HTTP_OTHER;
    if (cut)
        conn_close(http->conn, NET_CLOSE_CUT);
    else
        send_answer(http, &answer, NULL);
}

void http_engine_look(struct http *http)
{
    struct net *net = http->conn->net;
    struct eio_answer answer;

    switch ((enum http_kind)http->kind) {
    case HTTP_GET:
        buf_reset(&net->payload);
        if (eio_get_take(&http->get, &answer, &net->payload)) {
            http->kind = HTTP_OTHER;
            send_answer(http, &answer, &net->payload);
        }
        break;
    case HTTP_POST:
        look_at_post(http);
        break;
    case HTTP_ADMISSION:
        if (http->admitted)
            open_session(http);
        else if (http->denied)
            deny(http);
        break;
    case HTTP_OTHER:
        http_resume(http->conn);
        break;
    }
}
