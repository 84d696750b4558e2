/*
 * Requests of Engine.IO. The engine decides what each one is (eio_route()); here its answers become
 * HTTP, handshakes are held until somebody admits them, and upgrades become WebSockets.
 */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "gateway/net/internal.h"

#define WS_KEY_BYTES 24 /* 16 random bytes in base64 */

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

void http_engine_prepare_get(struct http *http)
{
    http->kind = HTTP_GET;
    memset(&http->get, 0, sizeof(http->get));
    http->get.carrier.wake = wake_get;
}

/* What of a payload goes out: itself, or its compressed form, which *coding tells. */
static const struct buf *compress(struct http *http, const struct buf *body, enum coding *coding)
{
    struct net *net = http->conn->net;

    *coding = CODING_NONE;
    if (net->compress_from_bytes == 0 || body->len < net->compress_from_bytes ||
        http->coding == CODING_NONE)
        return body;
    if (net->coder == NULL)
        net->coder = coder_new(CODER_FAST);
    if (!coder_run(net->coder, (enum coding)http->coding, body->data, body->len, &net->packed))
        return body;
    *coding = (enum coding)http->coding;
    return &net->packed;
}

/* An answer of the engine. `body` is the payload of a GET; without it the answer's own text. */
void http_engine_answer(struct http *http, const struct eio_answer *answer, const struct buf *body)
{
    struct net *net = http->conn->net;
    struct net_response response = {
        .status = answer->status, .content_type = answer->content_type, .body_stays = body == NULL};
    enum coding coding = CODING_NONE;

    if (body != NULL) {
        if (answer->status == 200)
            body = compress(http, body, &coding);
        response.body = body->data;
        response.body_bytes = body->len;
    } else if (answer->body != NULL) {
        response.body = answer->body;
        response.body_bytes = strlen(answer->body);
    }
    if (answer->status == 200) {
        buf_reset(&net->lines);
        buf_puts(&net->lines, coding_line(coding));
        buf_puts(&net->lines, "Cache-Control: no-store\r\n");
        if (answer->is_script)
            buf_puts(&net->lines, "X-Content-Type-Options: nosniff\r\n");
        if (http->is_old_ie)
            buf_puts(&net->lines, "X-XSS-Protection: 0\r\n");
        response.headers = buf_text(&net->lines);
    }
    if (answer->error_code >= 0 && answer->error_code < NET_REFUSAL_CODES)
        net->counters.refused[answer->error_code]++;
    http_answer(http, &response);
}

/* A refused upgrade ends its connection: the client of a WebSocket expects no second request. */
void http_engine_refuse(struct http *http, struct eio_answer answer)
{
    if (http->wants_ws) {
        answer = eio_answer_for_upgrade(answer);
        http->keep_alive = false;
    }
    http_engine_answer(http, &answer, NULL);
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

/* All lines of the header together are one list. */
static bool read_extensions(struct http *http, const struct http_head *head)
{
    struct net *net = http->conn->net;
    struct buf *list = &net->lines;
    bool is_there = false;

    if (net->ws_compress_from_bytes == 0)
        return true;
    buf_reset(list);
    for (unsigned i = 0; i < head->header_count; i++) {
        if (strcmp(head->headers[i].name, "sec-websocket-extensions") != 0)
            continue;
        if (is_there)
            buf_puts(list, ",");
        buf_puts(list, head->headers[i].value);
        is_there = true;
    }
    return !is_there || ws_extensions_read(buf_text(list), &http->ws_terms);
}

/* Keeps what the 101 needs. False: refused and answered. */
static bool check_ws_handshake(struct http *http, const struct http_head *head)
{
    const char *key = http_head_get(head, "sec-websocket-key");
    const char *version = http_head_get(head, "sec-websocket-version");
    const char *protocols = http_head_get(head, "sec-websocket-protocol");

    if (http->has_body) {
        http_engine_refuse(http, eio_answer_bad_request());
        return false;
    }
    if (!is_ws_key(key)) {
        refuse_upgrade_text(http, "Missing or invalid Sec-WebSocket-Key header", NULL);
        return false;
    }
    if (version == NULL || (strcmp(version, "13") != 0 && strcmp(version, "8") != 0)) {
        refuse_upgrade_text(http, "Missing or invalid Sec-WebSocket-Version header",
                            "Sec-WebSocket-Version: 13, 8\r\n");
        return false;
    }
    if (!read_extensions(http, head)) {
        refuse_upgrade_text(http, "Invalid or unacceptable Sec-WebSocket-Extensions header", NULL);
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
    http_engine_refuse(http, eio_answer_forbidden());
    return false;
}

/* `verdict` NULL: it is only accepted to be closed. */
static void upgrade(struct http *http, const struct eio_verdict *verdict)
{
    struct conn *conn = http->conn;
    int64_t now_ms = conn->net->now_ms;

    if (!ws_accept(conn))
        return;
    if (verdict != NULL) {
        conn->ws->eio.base64 = verdict->base64;
        eio_ws_upgrade(verdict->session, &conn->ws->eio, now_ms);
    } else {
        ws_close(conn, WS_CLOSE_NONE, NET_CLOSE_WS_BY_SERVER);
    }
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
        http_engine_answer(http, &answer, NULL);
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

bool http_engine_apply_cors(struct net_request *request)
{
    static const struct net_response preflight = {.status = 204};
    struct http *http = request->conn->http;
    const struct http_head *head = request->head;
    struct net *net = http->conn->net;
    bool is_preflight = head->method == EIO_OPTIONS;

    if (!cors_is_on(&net->cors))
        return false;
    buf_reset(&net->lines);
    cors_add_headers(&net->cors, http_head_get(head, "origin"), &net->lines);
    if (is_preflight)
        cors_add_preflight(&net->cors, http_head_get(head, "access-control-request-headers"),
                           &net->lines);
    free(http->lines);
    http->lines = xstrdup(buf_text(&net->lines));
    if (is_preflight)
        http_answer(http, &preflight);
    return is_preflight;
}

static void follow(struct net_request *request, struct eio_verdict *verdict)
{
    struct http *http = request->conn->http;
    int64_t now_ms = request->conn->net->now_ms;

    switch (verdict->route) {
    case EIO_ROUTE_REFUSE:
        http_engine_refuse(http, verdict->answer);
        break;
    case EIO_ROUTE_HANDSHAKE:
        if (!http->wants_ws ||
            (check_origin(http, request->head) && check_ws_handshake(http, request->head)))
            http_ask_admission(request);
        break;
    case EIO_ROUTE_GET:
        http_engine_prepare_get(http);
        eio_get_open(verdict->session, &http->get, now_ms);
        break;
    case EIO_ROUTE_POST:
        open_post(http, verdict->session, request->head);
        break;
    case EIO_ROUTE_UPGRADE:
        if (check_origin(http, request->head) && check_ws_handshake(http, request->head))
            upgrade(http, verdict);
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
    struct net *net = conn->net;
    const struct http_head *head = request->head;
    struct eio_request asked = {
        .method = head->method,
        .is_upgrade = head->wants_websocket,
        .query = head->query,
        .origin = http_head_get(head, "origin"),
    };
    struct eio_verdict verdict = {0};

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
        http_engine_answer(http, &answer, NULL);
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
            if (http->get.is_plain)
                http->coding = CODING_NONE;
            http_engine_answer(http, &answer, &net->payload);
        }
        break;
    case HTTP_POST:
        look_at_post(http);
        break;
    case HTTP_ADMISSION:
        http_admission_look(http);
        break;
    case HTTP_OTHER:
        http_resume(http->conn);
        break;
    }
}
