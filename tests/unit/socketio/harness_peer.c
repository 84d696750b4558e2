/* The clients of harness.h, and the network between them and the engine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/mem.h"
#include "gateway/socketio/server_internal.h"
#include "tests/unit/socketio/harness.h"
#include "tests/unit/test.h"

#define BODY_LIMIT_BYTES (16u << 20)

struct letter {
    struct list link;
    enum frame_kind kind;
    size_t length;
    char *bytes; /* NUL behind them */
};

static struct letter *letter_new(struct list *box, enum frame_kind kind, const void *bytes,
                                 size_t length)
{
    struct letter *letter = xcalloc(1, sizeof(*letter));
    letter->kind = kind;
    letter->length = length;
    letter->bytes = xmemdup0(bytes, length);
    list_init(&letter->link);
    list_add_tail(box, &letter->link);
    return letter;
}

static void letter_free(struct letter *letter)
{
    list_del(&letter->link);
    free(letter->bytes);
    free(letter);
}

static struct letter *letter_first(struct list *box)
{
    return LIST_FIRST(box, struct letter, link);
}

/* ---- the network: what is taken from the engine ---- */

static void pong(struct peer *peer)
{
    letter_new(&peer->outbox, FRAME_TEXT, "3", 1);
}

static void arrived(struct peer *peer, enum frame_kind kind, const void *bytes, size_t length)
{
    if (kind == FRAME_TEXT && length == 1 && memcmp(bytes, "2", 1) == 0) {
        if (!peer->silent)
            pong(peer);
    } else {
        letter_new(&peer->inbox, kind, bytes, length);
    }
}

static void take_websocket(struct peer *peer)
{
    struct frame *frame;
    while (!peer->clogged && (frame = eio_ws_take(&peer->ws)) != NULL) {
        size_t length;
        const char *bytes = frame_payload(frame, &length);
        peer->plain += frame_is_plain(frame);
        arrived(peer, frame_kind(frame), bytes, length);
        frame_release(frame);
    }
    if (!peer->closed && eio_ws_wants_close(&peer->ws)) {
        peer->closed = true;
        eio_ws_lost(&peer->ws, true, peer->harness->now_ms);
    }
}

static void arrived_in_payload(struct peer *peer, const char *packet, size_t length)
{
    if (length == 1 && *packet == '1') {
        peer->closed = true;
    } else if (length == 1 && *packet == '6') {
        return;
    } else if (length > 0 && *packet == 'b') {
        char *bytes = xmalloc(base64_decoded_max(length) + 1);
        size_t decoded = base64_decode_lenient(bytes, packet + 1, length - 1);
        arrived(peer, FRAME_BINARY, bytes, decoded);
        free(bytes);
    } else {
        arrived(peer, FRAME_TEXT, packet, length);
    }
}

static void read_payload(struct peer *peer, const struct buf *body)
{
    const char *at = buf_text(body);
    const char *end = at + body->len;
    while (at < end) {
        const char *separator = memchr(at, 0x1e, (size_t)(end - at));
        size_t length = (size_t)((separator != NULL ? separator : end) - at);
        arrived_in_payload(peer, at, length);
        at += length + 1;
    }
}

/* The session for a request of the peer; NULL when it is gone. */
static struct eio_session *route(struct peer *peer, enum eio_method method)
{
    char query[128];
    struct eio_verdict verdict;
    snprintf(query, sizeof(query), "EIO=4&transport=polling&sid=%s", peer->eio_sid);
    struct eio_request request = {.method = method, .query = query};
    eio_route(peer->harness->engine, &request, &verdict);
    if (verdict.route == EIO_ROUTE_REFUSE)
        peer->closed = true;
    return verdict.route == EIO_ROUTE_REFUSE ? NULL : verdict.session;
}

static void take_polling(struct peer *peer)
{
    struct eio_answer answer;
    struct buf body;
    bool cut;
    bool answered = true;
    if (peer->post_open && eio_post_take(&peer->post, &answer, &cut))
        peer->post_open = false;
    while (answered && !peer->closed && !peer->clogged) {
        struct eio_session *session = peer->get_open ? NULL : route(peer, EIO_GET);
        if (session != NULL) {
            eio_get_open(session, &peer->get, peer->harness->now_ms);
            peer->get_open = true;
        }
        buf_init(&body, BODY_LIMIT_BYTES);
        answered = peer->get_open && eio_get_take(&peer->get, &answer, &body);
        if (answered) {
            peer->get_open = false;
            read_payload(peer, &body);
        }
        buf_fini(&body);
    }
}

static void take(struct peer *peer)
{
    if (peer->is_polling)
        take_polling(peer);
    else
        take_websocket(peer);
}

/* ---- the network: what is given to the engine ---- */

static void post(struct peer *peer, const struct letter *letter)
{
    struct eio_answer answer;
    bool cut;
    struct eio_session *session = route(peer, EIO_POST);
    if (session == NULL)
        return;
    memset(&peer->post, 0, sizeof(peer->post));
    peer->post.carrier.wake = peer->ws.carrier.wake;
    if (!eio_post_open(session, &peer->post, NULL, &answer, peer->harness->now_ms))
        fail_msg("a POST was refused");
    char *body;
    size_t length = letter->length;
    if (letter->kind == FRAME_BINARY) {
        body = xmalloc(base64_encoded_len(length) + 1);
        body[0] = 'b';
        length = 1 + base64_encode(body + 1, letter->bytes, letter->length);
    } else {
        body = xmemdup(letter->bytes, length);
    }
    peer->post_open = true;
    eio_post_submit(&peer->post, body, length, peer->harness->now_ms);
    free(body);
    if (eio_post_take(&peer->post, &answer, &cut))
        peer->post_open = false;
}

/* Gives what may be given now; true when there was something. */
static bool give(struct peer *peer)
{
    bool given = false;
    while (!peer->closed && !list_empty(&peer->outbox)) {
        if (peer->is_polling ? peer->post_open : peer->ws.paused)
            break;
        struct letter *letter = letter_first(&peer->outbox);
        if (peer->is_polling)
            post(peer, letter);
        else
            eio_ws_receive(&peer->ws, letter->kind, letter->bytes, letter->length,
                           peer->harness->now_ms);
        letter_free(letter);
        given = true;
    }
    return given;
}

bool peers_give_and_take(struct harness *h)
{
    bool moved = false;
    LIST_FOREACH(it, &h->peers)
    {
        struct peer *peer = container_of(it, struct peer, link);
        moved |= give(peer);
        take(peer);
        moved |= !peer->closed && !list_empty(&peer->outbox) &&
                 !(peer->is_polling ? peer->post_open : peer->ws.paused);
    }
    return moved;
}

/* ---- clients ---- */

static void wake(struct eio_carrier *carrier)
{
    (void)carrier;
}

static void peer_free(struct peer *peer)
{
    peer_drop_inbox(peer);
    while (!list_empty(&peer->outbox))
        letter_free(letter_first(&peer->outbox));
    list_del(&peer->link);
    free(peer);
}

void peers_free(struct harness *h)
{
    while (!list_empty(&h->peers))
        peer_free(LIST_FIRST(&h->peers, struct peer, link));
}

static struct peer *peer_new(struct harness *h)
{
    struct peer *peer = xcalloc(1, sizeof(*peer));
    peer->harness = h;
    list_init(&peer->inbox);
    list_init(&peer->outbox);
    list_init(&peer->link);
    list_add_tail(&h->peers, &peer->link);
    peer->ws.carrier.wake = wake;
    peer->get.carrier.wake = wake;
    return peer;
}

static struct eio_handshake *handshake(const struct harness *h, const char *transport)
{
    char query[256];
    char url[300];
    struct eio_header headers[] = {
        {"user-agent", "test"}, {"host", "localhost"}, {"cookie", h->cookie}};
    snprintf(query, sizeof(query), "EIO=4&transport=%s%s", transport, h->query);
    snprintf(url, sizeof(url), "/socket.io/?%s", query);
    struct eio_handshake from = {.issued_wall_ms = h->wall_ms,
                                 .address = "192.0.2.7",
                                 .url = url,
                                 .query = query,
                                 .header_count = h->cookie != NULL ? 3 : 2,
                                 .headers = headers};
    return eio_handshake_new(&from);
}

static void expect_open_packet(struct peer *peer)
{
    const char *sid =
        eio_session_sid(peer->is_polling ? peer->get.carrier.session : peer->ws.carrier.session);
    snprintf(peer->eio_sid, sizeof(peer->eio_sid), "%s", sid);
    harness_turn(peer->harness);
    peer_expect(peer, "0{\"sid\":*}");
}

struct peer *peer_open(struct harness *h)
{
    uint8_t random[16];
    struct peer *peer = peer_new(h);
    rng_bytes(&h->rng, random, sizeof(random));
    assert_non_null(
        eio_handshake_ws(h->engine, &peer->ws, handshake(h, "websocket"), random, h->now_ms));
    expect_open_packet(peer);
    return peer;
}

struct peer *peer_open_polling(struct harness *h)
{
    uint8_t random[16];
    struct peer *peer = peer_new(h);
    peer->is_polling = true;
    peer->get_open = true;
    rng_bytes(&h->rng, random, sizeof(random));
    struct eio_session *session =
        eio_handshake_polling(h->engine, &peer->get, handshake(h, "polling"), random, h->now_ms);
    snprintf(peer->eio_sid, sizeof(peer->eio_sid), "%s", eio_session_sid(session));
    harness_turn(h);
    peer_expect(peer, "0{\"sid\":*}");
    return peer;
}

static void remember_id(struct peer *peer, const char *answer)
{
    const char *id = strstr(answer, "\"sid\":\"");
    if (id == NULL)
        fail_msg("not a CONNECT answer: %s", answer);
    snprintf(peer->id, sizeof(peer->id), "%.20s", id + 7);
}

void peer_join(struct peer *peer, const char *nsp, const char *auth)
{
    char packet[512];
    bool is_main = strcmp(nsp, "/") == 0;
    snprintf(packet, sizeof(packet), "40%s%s%s", is_main ? "" : nsp, is_main ? "" : ",", auth);
    peer_send(peer, packet);
    struct letter *first = letter_first(&peer->inbox);
    assert_non_null(first);
    remember_id(peer, first->bytes);
    snprintf(packet, sizeof(packet), "40%s%s{\"sid\":\"abc.*\"}", is_main ? "" : nsp,
             is_main ? "" : ",");
    peer_expect(peer, packet);
}

struct peer *peer_connect(struct harness *h, const char *nsp)
{
    struct peer *peer = peer_open(h);
    peer_join(peer, nsp, "");
    return peer;
}

void peer_send(struct peer *peer, const char *text)
{
    letter_new(&peer->outbox, FRAME_TEXT, text, strlen(text));
    harness_turn(peer->harness);
}

void peer_send_binary(struct peer *peer, const void *bytes, size_t length_bytes)
{
    letter_new(&peer->outbox, FRAME_BINARY, bytes, length_bytes);
    harness_turn(peer->harness);
}

void peer_send_all(struct peer *peer, ...)
{
    va_list texts;
    const char *text;
    va_start(texts, peer);
    while ((text = va_arg(texts, const char *)) != NULL)
        letter_new(&peer->outbox, FRAME_TEXT, text, strlen(text));
    va_end(texts);
    harness_turn(peer->harness);
}

/* `*` is the only special character. */
static bool matches(const char *pattern, const char *text)
{
    while (*pattern != '\0' && *pattern != '*') {
        if (*pattern++ != *text++)
            return false;
    }
    if (*pattern == '\0')
        return *text == '\0';
    for (;; text++) {
        if (matches(pattern + 1, text))
            return true;
        if (*text == '\0')
            return false;
    }
}

void peer_expect(struct peer *peer, const char *pattern)
{
    struct letter *letter = letter_first(&peer->inbox);
    if (letter == NULL)
        fail_msg("nothing arrived; expected %s", pattern);
    if (letter->kind != FRAME_TEXT || !matches(pattern, letter->bytes))
        fail_msg("%s %.400s arrived; expected %s", letter->kind == FRAME_TEXT ? "text" : "binary",
                 letter->bytes, pattern);
    letter_free(letter);
}

void peer_expect_binary(struct peer *peer, const void *bytes, size_t length_bytes)
{
    struct letter *letter = letter_first(&peer->inbox);
    if (letter == NULL)
        fail_msg("nothing arrived; expected %zu bytes", length_bytes);
    assert_int_equal(letter->kind, FRAME_BINARY);
    assert_int_equal(letter->length, length_bytes);
    assert_memory_equal(letter->bytes, bytes, length_bytes);
    letter_free(letter);
}

char *peer_take(struct peer *peer)
{
    struct letter *letter = letter_first(&peer->inbox);
    if (letter == NULL)
        return NULL;
    char *bytes = xmemdup0(letter->bytes, letter->length);
    letter_free(letter);
    return bytes;
}

static void expect_empty(struct peer *peer)
{
    struct letter *letter = letter_first(&peer->inbox);
    if (letter != NULL)
        fail_msg("%.400s arrived; expected nothing", letter->bytes);
}

void peer_quiet(struct peer *peer)
{
    expect_empty(peer);
    assert_false(peer->closed);
}

void peer_expect_closed(struct peer *peer)
{
    expect_empty(peer);
    assert_true(peer->closed);
}

size_t peer_drop_inbox(struct peer *peer)
{
    size_t count = 0;
    for (; !list_empty(&peer->inbox); count++)
        letter_free(letter_first(&peer->inbox));
    return count;
}

static void gone(struct peer *peer, bool clean)
{
    int64_t now_ms = peer->harness->now_ms;
    if (peer->closed)
        return;
    peer->closed = true;
    if (!peer->is_polling) {
        eio_ws_lost(&peer->ws, clean, now_ms);
        return;
    }
    if (peer->post_open)
        eio_post_lost(&peer->post, now_ms);
    if (peer->get_open)
        eio_get_lost(&peer->get, now_ms);
}

void peer_leave(struct peer *peer)
{
    gone(peer, true);
    harness_turn(peer->harness);
}

void peer_lose(struct peer *peer)
{
    gone(peer, false);
    harness_turn(peer->harness);
}

struct confab_socket *peer_socket(struct peer *peer, const char *nsp)
{
    struct broker_member *member =
        broker_find(broker_namespace(peer->harness->broker, nsp), peer->id);
    return member != NULL ? sio_socket_of(member) : NULL;
}
