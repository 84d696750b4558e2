#include "tests/unit/net/loopback.h"

#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/frame.h"
#include "common/live.h"
#include "common/mem.h"

#define PATH "/engine.io/"
#define FLOOD_FRAMES 64
#define FLOOD_BYTES 100000

/* ---- the application ---- */

static void on_open(void *user, struct eio_session *session)
{
    struct loopback *loopback = user;
    const struct eio_handshake *handshake = eio_session_handshake(session);

    loopback->opened++;
    loopback->last = session;
    loopback->secure = handshake->secure;
    snprintf(loopback->client_address, sizeof(loopback->client_address), "%s", handshake->address);
}

static void flood(struct eio_session *session)
{
    struct frame *frame = frame_new(FRAME_TEXT, FLOOD_BYTES);

    memset(frame_fill(frame), 'f', FLOOD_BYTES);
    frame_fill(frame)[0] = '4';
    for (int i = 0; i < FLOOD_FRAMES; i++)
        eio_session_send(session, frame, false);
    frame_release(frame);
}

static void send_plain(struct eio_session *session)
{
    struct frame *frame = frame_new(FRAME_TEXT, 3000);
    struct frame_set *set;

    memset(frame_fill(frame), 'p', 3000);
    frame_fill(frame)[0] = '4';
    set = frame_set_new(&frame, 1);
    frame_set_keep_plain(set);
    eio_session_send_set(session, set, false);
    frame_set_release(set);
}

static bool is(const char *bytes, size_t length, const char *word)
{
    return length == strlen(word) && memcmp(bytes, word, length) == 0;
}

static void on_message(void *user, struct eio_session *session, enum frame_kind kind,
                       const char *bytes, size_t length_bytes)
{
    struct loopback *loopback = user;
    struct frame *frame;

    if (is(bytes, length_bytes, "close")) {
        eio_session_close(session, EIO_CLOSE_SERVER, net_now_ms(loopback->net));
    } else if (is(bytes, length_bytes, "hold")) {
        eio_session_pause(session, true, net_now_ms(loopback->net));
    } else if (is(bytes, length_bytes, "flood")) {
        flood(session);
    } else if (is(bytes, length_bytes, "plain")) {
        send_plain(session);
    } else {
        frame = kind == FRAME_TEXT ? frame_text("4", bytes, length_bytes)
                                   : frame_binary(bytes, length_bytes);
        eio_session_send(session, frame, false);
        frame_release(frame);
    }
}

static void on_close(void *user, struct eio_session *session, enum eio_close_reason reason)
{
    struct loopback *loopback = user;

    loopback->closed++;
    loopback->last_reason = reason;
    if (loopback->last == session)
        loopback->last = NULL;
}

static void on_upgrade(void *user, struct eio_session *session)
{
    struct loopback *loopback = user;

    (void)session;
    loopback->upgraded++;
}

static void on_admission(void *user, struct net_admission *admission)
{
    struct loopback *loopback = user;

    assert_true(loopback->admission_count < 64);
    loopback->admissions[loopback->admission_count++] = admission;
}

static void on_http(void *user, struct net_request *request)
{
    static char big[4000000];
    char text[512];
    struct net_response response = {.status = 200, .content_type = "text/plain"};

    (void)user;
    if (strcmp(net_request_path(request), "/big") == 0) {
        memset(big, 'b', sizeof(big));
        response.body = big;
        response.body_bytes = sizeof(big);
        response.body_stays = strcmp(net_request_query(request), "stays") == 0;
        net_respond(request, &response);
    } else if (strcmp(net_request_path(request), "/who") == 0) {
        const char *agent = net_request_header(request, "user-agent");

        response.body = text;
        response.body_bytes =
            (size_t)snprintf(text, sizeof(text), "%s %d %d %s", net_request_address(request),
                             net_request_from_here(request), (int)net_request_role(request),
                             agent != NULL ? agent : "-");
        response.headers = "X-Mine: yes\r\n";
        net_respond(request, &response);
    }
}

/* ---- life ---- */

void loopback_start(struct loopback *loopback, const struct loopback_options *options)
{
    static const struct eio_events events = {on_open, on_message, on_close, on_upgrade};
    static const struct net_events plain = {.on_http = on_http};
    static const struct net_events asking = {.on_http = on_http, .on_admission = on_admission};
    static const struct loopback_options none;
    struct eio_config config = {
        .node_tag = "abc",
        .ping_interval_ms = 25000,
        .ping_timeout_ms = 20000,
        .upgrade_timeout_ms = 10000,
        .close_wait_ms = 30000,
        .max_payload_bytes = 1000000,
        .max_queued_bytes = 1 << 20,
        .polling = true,
        .websocket = true,
        .upgrades = true,
    };
    struct net_config net;

    if (options == NULL)
        options = &none;
    memset(loopback, 0, sizeof(*loopback));
    if (options->ping_interval_ms > 0)
        config.ping_interval_ms = options->ping_interval_ms;
    if (options->ping_timeout_ms > 0)
        config.ping_timeout_ms = options->ping_timeout_ms;
    if (options->max_queued_bytes > 0)
        config.max_queued_bytes = options->max_queued_bytes;
    net = options->net;
    net.path = PATH;
    net.node_tag = "abc";
    net.max_payload_bytes = config.max_payload_bytes;
    assert_int_equal(live_total(), 0);
    loopback->base = event_base_new();
    loopback->engine = eio_engine_new(&config, &events, loopback);
    assert_int_equal(net_new(&loopback->net, &net, loopback->base, loopback->engine, NULL,
                             options->ask_admission ? &asking : &plain, loopback),
                     0);
    assert_int_equal(net_listen(loopback->net, "127.0.0.1:0", NET_PUBLIC, loopback->address), 0);
    assert_int_equal(net_listen(loopback->net, "127.0.0.1:0", NET_ADMIN, loopback->admin_address),
                     0);
}

static void shut(void *user, struct eio_session *session)
{
    struct loopback *loopback = user;

    eio_session_close(session, EIO_CLOSE_SHUTDOWN, net_now_ms(loopback->net));
}

void loopback_stop(struct loopback *loopback)
{
    eio_engine_each(loopback->engine, shut, loopback);
    loopback_turn(loopback);
    eio_engine_each(loopback->engine, shut, loopback); /* those that opened in this turn */
    net_free(&loopback->net);
    eio_engine_reap(loopback->engine);
    eio_engine_free(&loopback->engine);
    for (unsigned i = 0; i < loopback->admission_count; i++)
        net_admission_allow(loopback->admissions[i]);
    event_base_free(loopback->base);
    assert_int_equal(loopback->opened, loopback->closed);
    if (live_total() != 0) {
        live_report(stdout);
        fail_msg("something is left alive");
    }
}

void loopback_turn(struct loopback *loopback)
{
    event_base_loop(loopback->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    net_turn(loopback->net);
}

/* A turn, then a moment in which the kernel may bring something to `fd`. */
static void step(struct loopback *loopback, int fd, short events)
{
    struct pollfd wait = {.fd = fd, .events = events};

    loopback_turn(loopback);
    poll(&wait, fd >= 0 ? 1 : 0, 1);
}

static int64_t deadline(void)
{
    return clock_mono_ms() + LOOPBACK_PATIENCE_MS;
}

static void check(int64_t deadline_ms, const char *what)
{
    if (clock_mono_ms() > deadline_ms)
        fail_msg("waited in vain for %s", what);
}

void loopback_await(struct loopback *loopback, const unsigned *number, unsigned value)
{
    int64_t until_ms = deadline();

    while (*number != value) {
        step(loopback, -1, 0);
        check(until_ms, "an event");
    }
}

void loopback_await_connections(struct loopback *loopback, uint64_t count)
{
    int64_t until_ms = deadline();

    while (net_counters(loopback->net)->connections_now != count) {
        step(loopback, -1, 0);
        check(until_ms, "connections");
    }
}

void loopback_pass(struct loopback *loopback, int64_t ms)
{
    int64_t until_ms = clock_mono_ms() + ms;

    while (clock_mono_ms() < until_ms)
        step(loopback, -1, 0);
}

/* ---- bytes ---- */

static void open_at(struct peer *peer, struct loopback *loopback, const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    int one = 1;
    int flags;

    memset(peer, 0, sizeof(*peer));
    peer->loopback = loopback;
    buf_init(&peer->in, 32 * 1024 * 1024);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    peer->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(peer->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    /* As browsers and Node do: without it a second small frame waits for the first one's receipt.
     */
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    flags = fcntl(peer->fd, F_GETFL);
    fcntl(peer->fd, F_SETFL, flags | O_NONBLOCK);
}

void peer_open(struct peer *peer, struct loopback *loopback)
{
    open_at(peer, loopback, loopback->address);
}

void peer_open_admin(struct peer *peer, struct loopback *loopback)
{
    open_at(peer, loopback, loopback->admin_address);
}

void peer_close(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = -1;
    buf_fini(&peer->in);
}

void peer_reset(struct peer *peer)
{
    struct linger linger = {.l_onoff = 1};

    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    peer_close(peer);
}

void peer_half_close(struct peer *peer)
{
    shutdown(peer->fd, SHUT_WR);
}

/* Reads what is there. */
static void take(struct peer *peer)
{
    char bytes[65536];
    ssize_t n;

    while (!peer->at_end && (n = recv(peer->fd, bytes, sizeof(bytes), 0)) != -1) {
        if (n == 0)
            peer->at_end = true;
        else
            assert_int_equal(buf_append(&peer->in, bytes, (size_t)n), 0);
    }
    if (!peer->at_end && errno != EAGAIN) {
        peer->at_end = true;
        peer->broken = true;
    }
}

void peer_send(struct peer *peer, const void *bytes, size_t length_bytes)
{
    const char *at = bytes;
    int64_t until_ms = deadline();

    while (length_bytes > 0) {
        ssize_t n = send(peer->fd, at, length_bytes, MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN)
            return; /* closed by the other side: the test looks at what it said */
        if (n > 0) {
            at += n;
            length_bytes -= (size_t)n;
        } else {
            step(peer->loopback, peer->fd, POLLOUT);
            take(peer);
            check(until_ms, "room to send");
        }
    }
}

void peer_puts(struct peer *peer, const char *format, ...)
{
    struct buf text;
    va_list args;

    buf_init(&text, 100000);
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    peer_send(peer, text.data, text.len);
    buf_fini(&text);
}

void peer_need(struct peer *peer, size_t length_bytes)
{
    int64_t until_ms = deadline();

    take(peer);
    while (peer->in.len < length_bytes && !peer->at_end) {
        step(peer->loopback, peer->fd, POLLIN);
        take(peer);
        check(until_ms, "bytes");
    }
    if (peer->in.len < length_bytes)
        fail_msg("the end came after %zu of %zu bytes: %s", peer->in.len, length_bytes,
                 buf_text(&peer->in));
}

void peer_expect_end(struct peer *peer)
{
    int64_t until_ms = deadline();

    take(peer);
    while (!peer->at_end) {
        step(peer->loopback, peer->fd, POLLIN);
        take(peer);
        check(until_ms, "the end");
    }
    if (peer->in.len > 0)
        fail_msg("%zu bytes before the end: %s", peer->in.len, buf_text(&peer->in));
}

void peer_expect_silence(struct peer *peer)
{
    for (int i = 0; i < 5; i++)
        step(peer->loopback, peer->fd, POLLIN);
    take(peer);
    if (peer->in.len > 0 || peer->at_end)
        fail_msg("not silent: %s", buf_text(&peer->in));
}

/* ---- HTTP ---- */

void peer_answer(struct peer *peer, struct answer *answer, bool bodyless)
{
    const char *end;
    const char *length;
    size_t head_bytes;

    while ((end = strstr(buf_text(&peer->in), "\r\n\r\n")) == NULL)
        peer_need(peer, peer->in.len + 1);
    head_bytes = (size_t)(end - buf_text(&peer->in)) + 4;
    assert_true(head_bytes < sizeof(answer->head));
    memcpy(answer->head, peer->in.data, head_bytes);
    answer->head[head_bytes] = '\0';
    buf_consume(&peer->in, head_bytes);
    assert_int_equal(sscanf(answer->head, "HTTP/1.1 %d ", &answer->status), 1);
    length = strstr(answer->head, "\r\nContent-Length: ");
    answer->body_bytes = bodyless || length == NULL ? 0 : (size_t)atol(length + 18);
    assert_true(answer->body_bytes < sizeof(answer->body));
    peer_need(peer, answer->body_bytes);
    if (answer->body_bytes > 0)
        memcpy(answer->body, peer->in.data, answer->body_bytes);
    answer->body[answer->body_bytes] = '\0';
    buf_consume(&peer->in, answer->body_bytes);
}

bool answer_has(const struct answer *answer, const char *line)
{
    char wanted[512];

    snprintf(wanted, sizeof(wanted), "\r\n%s\r\n", line);
    return strstr(answer->head, wanted) != NULL;
}

void peer_request(struct peer *peer, const char *method, const char *query, const char *lines,
                  const char *body)
{
    peer_puts(peer, "%s " PATH "%s HTTP/1.1\r\nHost: test\r\n%s", method, query,
              lines != NULL ? lines : "");
    if (body != NULL)
        peer_puts(peer, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    else
        peer_puts(peer, "\r\n");
}

void exchange(struct loopback *loopback, const char *method, const char *query, const char *body,
              struct answer *answer)
{
    struct peer peer;

    peer_open(&peer, loopback);
    peer_request(&peer, method, query, NULL, body);
    peer_answer(&peer, answer, strcmp(method, "HEAD") == 0);
    peer_close(&peer);
}

void handshake(struct loopback *loopback, char *sid)
{
    struct answer answer;

    exchange(loopback, "GET", "?EIO=4&transport=polling", NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(sscanf(answer.body, "0{\"sid\":\"%63[^\"]\"", sid), 1);
}

/* ---- WebSocket ---- */

void peer_ask_ws(struct peer *peer, const char *query, const char *lines)
{
    peer_puts(peer,
              "GET " PATH "%s HTTP/1.1\r\n"
              "Host: test\r\n"
              "Connection: Upgrade\r\n"
              "Upgrade: websocket\r\n"
              "Sec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: IQf1bbYdoTpyLojpyoWiuQ==\r\n"
              "%s\r\n",
              query, lines != NULL ? lines : "");
}

void peer_open_ws(struct peer *peer, struct loopback *loopback, const char *query)
{
    struct answer answer;

    peer_open(peer, loopback);
    peer_ask_ws(peer, query, NULL);
    peer_answer(peer, &answer, true);
    assert_int_equal(answer.status, 101);
    assert_true(answer_has(&answer, "Sec-WebSocket-Accept: VvWx98kRPQILA9mnywU5/KSP0UQ="));
}

void peer_frame(struct peer *peer, int first, const void *payload, size_t length_bytes)
{
    static const uint8_t mask[4] = {0x12, 0xab, 0x00, 0xff};
    struct buf frame;
    const uint8_t *bytes = payload;

    buf_init(&frame, length_bytes + 16);
    buf_put_u8(&frame, (uint8_t)first);
    if (length_bytes < 126) {
        buf_put_u8(&frame, (uint8_t)(0x80 | length_bytes));
    } else if (length_bytes < 65536) {
        buf_put_u8(&frame, 0x80 | 126);
        buf_put_u16be(&frame, (uint16_t)length_bytes);
    } else {
        buf_put_u8(&frame, 0x80 | 127);
        buf_put_u64be(&frame, length_bytes);
    }
    buf_append(&frame, mask, sizeof(mask));
    for (size_t i = 0; i < length_bytes; i++)
        buf_put_u8(&frame, bytes[i] ^ mask[i & 3]);
    peer_send(peer, frame.data, frame.len);
    buf_fini(&frame);
}

void peer_text(struct peer *peer, const char *text)
{
    peer_frame(peer, FIN | OP_TEXT, text, strlen(text));
}

int peer_take_frame(struct peer *peer, const char **payload, size_t *length_bytes)
{
    static struct buf taken; /* of the frame before */
    size_t header = 2;
    uint64_t length;
    int opcode;

    peer_need(peer, 2);
    assert_int_equal(peer->in.data[0] & 0xb0, FIN); /* one piece, no unknown extension */
    assert_int_equal(peer->in.data[1] & 0x80, 0);   /* not masked */
    length = peer->in.data[1];
    if (length >= 126) {
        size_t more = length == 126 ? 2 : 8;

        header += more;
        peer_need(peer, header);
        length = 0;
        for (size_t i = 2; i < header; i++)
            length = length << 8 | peer->in.data[i];
    }
    peer_need(peer, header + (size_t)length);
    opcode = peer->in.data[0] & (0x0f | DEFLATED);
    buf_fini(&taken);
    buf_init(&taken, (size_t)length + 1);
    buf_append(&taken, peer->in.data + header, (size_t)length);
    buf_consume(&peer->in, header + (size_t)length);
    *payload = buf_text(&taken);
    *length_bytes = (size_t)length;
    return opcode;
}

void peer_expect_text(struct peer *peer, const char *text)
{
    const char *payload;
    size_t length;

    assert_int_equal(peer_take_frame(peer, &payload, &length), OP_TEXT);
    assert_string_equal(payload, text);
}

void peer_expect_close(struct peer *peer, unsigned code)
{
    const char *payload;
    size_t length;
    unsigned got = 0;

    assert_int_equal(peer_take_frame(peer, &payload, &length), OP_CLOSE);
    if (length > 0) {
        assert_int_equal(length, 2);
        got = (unsigned)(uint8_t)payload[0] << 8 | (uint8_t)payload[1];
    }
    assert_int_equal(got, code);
}

void peer_expect_open(struct peer *peer)
{
    const char *payload;
    size_t length;

    assert_int_equal(peer_take_frame(peer, &payload, &length), OP_TEXT);
    assert_int_equal(strncmp(payload, "0{\"sid\":\"", 9), 0);
}
