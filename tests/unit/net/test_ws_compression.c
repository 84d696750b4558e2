/* Compressed messages over real sockets: what is agreed on, what comes, what leaves. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/net/ws_deflate.h"
#include "tests/unit/net/fixture.h"

#define FROM_BYTES 200 /* more than an open packet */
#define OFFER "Sec-WebSocket-Extensions: permessage-deflate"
#define ANSWER OFFER "; server_no_context_takeover; client_no_context_takeover"

static int start_packing(void **state, size_t from_bytes)
{
    struct loopback_options options = {.max_queued_bytes = 16 << 20,
                                       .net = {.compression.ws_from_bytes = from_bytes}};

    return start(state, &options);
}

static int setup_packing(void **state)
{
    return start_packing(state, FROM_BYTES);
}

static int setup_off(void **state)
{
    return start_packing(state, 0);
}

static uint64_t count(const struct loopback *loopback, enum net_ws_compression what)
{
    return net_counters(loopback->net)->ws_compression[what];
}

static void ask(struct peer *peer, struct loopback *loopback, const char *lines,
                struct answer *answer)
{
    peer_open(peer, loopback);
    peer_ask_ws(peer, WEBSOCKET, lines);
    peer_answer(peer, answer, false);
}

static void begin(struct peer *peer, struct loopback *loopback, const char *lines)
{
    struct answer answer;

    ask(peer, loopback, lines, &answer);
    assert_int_equal(answer.status, 101);
    peer_expect_open(peer);
}

/* ---- agreeing ---- */

static const struct {
    const char *lines;
    int status;
    const char *answer;
} handshakes[] = {
    {NULL, 101, NULL},
    {OFFER "\r\n", 101, ANSWER},
    {OFFER "; client_max_window_bits\r\n", 101, ANSWER},
    {OFFER "; server_max_window_bits=12\r\n", 101, ANSWER "; server_max_window_bits=12"},
    {"Sec-WebSocket-Extensions: x-other\r\n", 101, NULL},
    {"Sec-WebSocket-Extensions: x-other\r\n" OFFER "\r\n", 101, ANSWER},
    {OFFER "; unknown\r\n", 101, NULL},
    {OFFER "; unknown\r\nsec-websocket-extensions: permessage-deflate\r\n", 101, ANSWER},
    {OFFER ";\r\n", 400, NULL},
    {"Sec-WebSocket-Extensions:\r\n", 400, NULL},
    {OFFER "\r\nSec-WebSocket-Extensions: ,\r\n", 400, NULL},
};

static void expect_handshake(struct loopback *loopback, const char *lines, int status,
                             const char *line)
{
    struct answer answer;
    struct peer peer;

    ask(&peer, loopback, lines, &answer);
    assert_int_equal(answer.status, status);
    if (line != NULL)
        assert_true(answer_has(&answer, line));
    else
        assert_null(strstr(answer.head, "Sec-WebSocket-Extensions"));
    if (status == 400)
        assert_string_equal(answer.body, "Invalid or unacceptable Sec-WebSocket-Extensions header");
    peer_close(&peer);
}

static void test_handshakes(void **state)
{
    for (size_t i = 0; i < TEST_COUNT(handshakes); i++)
        expect_handshake(*state, handshakes[i].lines, handshakes[i].status, handshakes[i].answer);
}

/* Off, it is not even read. */
static void test_off(void **state)
{
    struct peer peer;

    for (size_t i = 0; i < TEST_COUNT(handshakes); i++)
        expect_handshake(*state, handshakes[i].lines, 101, NULL);
    begin(&peer, *state, OFFER "\r\n");
    peer_frame(&peer, FIN | DEFLATED | OP_TEXT, "\0", 1);
    peer_expect_close(&peer, 1002);
    peer_close(&peer);
}

/* ---- in ---- */

static size_t pack(const char *text, size_t length, struct buf *out)
{
    struct ws_deflate *deflate = ws_deflate_new();

    buf_init(out, length + 10);
    assert_true(ws_deflate_run(deflate, text, length, out));
    ws_deflate_free(&deflate);
    return out->len;
}

static void test_in(void **state)
{
    static const uint8_t hello[] = "\x32\xf1\x48\xcd\xc9\xc9\x07\x00"; /* "4Hello" */
    struct loopback *loopback = *state;
    struct peer peer;
    const char *payload;
    size_t length;

    begin(&peer, loopback, OFFER "\r\n");
    peer_frame(&peer, FIN | DEFLATED | OP_TEXT, hello, 8);
    peer_text(&peer, "4other");
    peer_expect_text(&peer, "4Hello");
    peer_expect_text(&peer, "4other");
    peer_frame(&peer, DEFLATED | OP_TEXT, hello, 3);
    peer_frame(&peer, FIN | OP_PING, "between", 7);
    peer_frame(&peer, OP_CONTINUATION, hello + 3, 1);
    peer_frame(&peer, OP_CONTINUATION, "", 0);
    peer_frame(&peer, FIN | OP_CONTINUATION, hello + 4, 4);
    peer_frame(&peer, OP_TEXT, "4in pie", 7);
    peer_frame(&peer, FIN | OP_CONTINUATION, "ces", 3);
    peer_frame(&peer, FIN | DEFLATED | OP_BINARY, "\x62\x64\x62\x06\x00", 5); /* 1 2 3 */
    assert_int_equal(peer_take_frame(&peer, &payload, &length), OP_PONG);
    peer_expect_text(&peer, "4Hello");
    peer_expect_text(&peer, "4in pieces");
    assert_int_equal(peer_take_frame(&peer, &payload, &length), OP_BINARY);
    assert_int_equal(length, 3);
    assert_memory_equal(payload, "\1\2\3", 3);
    assert_int_equal(count(loopback, NET_WS_INFLATED), 3);
    assert_int_equal(eio_engine_counters(loopback->engine)->bytes_in, 6 + 6 + 6 + 10 + 3);
    peer_close(&peer);
}

static void test_byte_by_byte(void **state)
{
    static const uint8_t frame[] = {0xc1, 0x88, 0,    0,    0,    0,    0x32,
                                    0xf1, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00};
    struct peer peer;

    begin(&peer, *state, OFFER "\r\n");
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < sizeof(frame); i++) {
            peer_send(&peer, frame + i, 1);
            loopback_turn(*state);
        }
        peer_expect_text(&peer, "4Hello");
    }
    peer_close(&peer);
}

static void expect_refused(struct loopback *loopback, int first, const void *bytes, size_t length,
                           unsigned code)
{
    struct peer peer;

    begin(&peer, loopback, OFFER "\r\n");
    peer_text(&peer, "4before");
    peer_frame(&peer, first, bytes, length);
    peer_text(&peer, "4behind");
    peer_expect_text(&peer, "4before");
    peer_expect_close(&peer, code);
    peer_expect_end(&peer);
    peer_close(&peer);
    loopback_await_connections(loopback, 0);
}

static void test_refused(void **state)
{
    struct loopback *loopback = *state;
    char *zeros = calloc(1, 1000001);
    struct buf bomb;

    expect_refused(loopback, FIN | DEFLATED | OP_TEXT, "corrupt", 7, 1007);
    expect_refused(loopback, FIN | DEFLATED | OP_TEXT, "", 0, 1007);
    expect_refused(loopback, FIN | DEFLATED | OP_BINARY, "\xf2\x48\xcd", 3, 1007);
    assert_int_equal(closed(loopback, NET_CLOSE_WS_DEFLATE), 3);
    /* Text is judged by what it means. */
    expect_refused(loopback, FIN | DEFLATED | OP_TEXT, "\x00\x02\x00\xfd\xff\x34\xff\x00", 8, 1007);
    assert_int_equal(closed(loopback, NET_CLOSE_WS_TEXT), 1);
    expect_refused(loopback, FIN | DEFLATED | OP_PING, "", 0, 1002);
    expect_refused(loopback, FIN | DEFLATED | OP_CONTINUATION, "", 0, 1002);
    assert_int_equal(closed(loopback, NET_CLOSE_WS_PROTOCOL), 2);
    assert_int_equal(loopback->last_reason, EIO_CLOSE_TRANSPORT_ERROR);
    pack(zeros, 1000001, &bomb);
    expect_refused(loopback, FIN | DEFLATED | OP_BINARY, bomb.data, bomb.len, 1009);
    assert_int_equal(closed(loopback, NET_CLOSE_WS_TOO_BIG), 1);
    assert_int_equal(loopback->last_reason, EIO_CLOSE_PAYLOAD_TOO_BIG);
    buf_fini(&bomb);
    free(zeros);
}

/* As much as a message may be passes, and counts for what it is. */
static void test_largest(void **state)
{
    struct loopback *loopback = *state;
    char *text = malloc(1000001);
    struct buf packed;
    struct peer peer;
    const char *payload;
    size_t length;

    memset(text, 'x', 1000000);
    text[0] = '4';
    pack(text, 1000000, &packed);
    begin(&peer, loopback, OFFER "\r\n");
    for (int i = 0; i < 10; i++) {
        peer_frame(&peer, FIN | DEFLATED | OP_TEXT, packed.data, packed.len);
        assert_int_equal(peer_take_frame(&peer, &payload, &length), DEFLATED | OP_TEXT);
        assert_int_equal(length, packed.len);
    }
    /* 10 MB cost more than the credit that there was. */
    assert_true(net_counters(loopback->net)->reads_deferred > 0);
    peer_close(&peer);
    buf_fini(&packed);
    free(text);
}

/* ---- out ---- */

static void expect_back(struct peer *peer, const char *text, size_t length, bool compressed)
{
    struct ws_deflate *deflate = ws_deflate_new();
    const char *payload;
    size_t taken;
    struct buf out;
    int opcode;

    buf_init(&out, length);
    opcode = peer_take_frame(peer, &payload, &taken);
    if (opcode != (OP_TEXT | (compressed ? DEFLATED : 0)))
        fail_msg("%zu bytes: %02x", length, (unsigned)opcode);
    if (compressed) {
        assert_true(taken < length);
        assert_int_equal(ws_inflate(deflate, payload, taken, &out), WS_INFLATED);
        payload = buf_text(&out);
        taken = out.len;
    }
    assert_int_equal(taken, length);
    assert_memory_equal(payload, text, length);
    buf_fini(&out);
    ws_deflate_free(&deflate);
}

static void echo(struct peer *peer, size_t length, bool compressed)
{
    char *text = malloc(length + 1);

    memset(text, 'x', length);
    text[0] = '4';
    text[length] = '\0';
    peer_text(peer, text);
    expect_back(peer, text, length, compressed);
    free(text);
}

static void test_out(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    uint8_t noise[1000];
    uint32_t seed = 1;
    const char *payload;
    size_t length;
    uint64_t bytes_out;

    for (size_t i = 0; i < sizeof(noise); i++) {
        seed = seed * 1664525u + 1013904223u;
        noise[i] = (uint8_t)(seed >> 24);
    }
    begin(&peer, loopback, OFFER "\r\n");
    bytes_out = eio_engine_counters(loopback->engine)->bytes_out;
    echo(&peer, FROM_BYTES - 1, false);
    echo(&peer, FROM_BYTES, true);
    echo(&peer, 70000, true);
    echo(&peer, 1000000, true);
    assert_int_equal(count(loopback, NET_WS_SENT), 3);
    assert_int_equal(count(loopback, NET_WS_DEFLATED), 3);
    /* Bytes of packets, whatever becomes of them. */
    assert_int_equal(eio_engine_counters(loopback->engine)->bytes_out - bytes_out,
                     FROM_BYTES * 2 - 1 + 70000 + 1000000);
    peer_frame(&peer, FIN | OP_BINARY, noise, sizeof(noise));
    assert_int_equal(peer_take_frame(&peer, &payload, &length), OP_BINARY);
    assert_int_equal(length, sizeof(noise));
    assert_memory_equal(payload, noise, sizeof(noise));
    assert_int_equal(count(loopback, NET_WS_SENT), 3);
    peer_close(&peer);
    begin(&peer, loopback, NULL);
    echo(&peer, 1000, false);
    peer_close(&peer);
}

/* What the application calls not worth it. */
static void test_plain(void **state)
{
    struct peer peer;
    const char *payload;
    size_t length;

    begin(&peer, *state, OFFER "\r\n");
    peer_text(&peer, "4plain");
    assert_int_equal(peer_take_frame(&peer, &payload, &length), OP_TEXT);
    assert_int_equal(length, 3000);
    echo(&peer, 3000, true);
    peer_close(&peer);
}

/* A client that knows little of the past gets only what cannot refer to more. */
static void test_small_window(void **state)
{
    struct peer peer;

    begin(&peer, *state, OFFER "; server_max_window_bits=9\r\n");
    echo(&peer, 512, true);
    echo(&peer, 513, false);
    peer_close(&peer);
}

/* One frame, many times: compressed once, and in the middle of what a socket does not take. */
static void test_flood(void **state)
{
    struct loopback *loopback = *state;
    char *text = malloc(100000);
    struct peer peer;

    memset(text, 'f', 100000);
    text[0] = '4';
    begin(&peer, loopback, OFFER "\r\n");
    peer_text(&peer, "4flood");
    for (int i = 0; i < 64; i++)
        expect_back(&peer, text, 100000, true);
    assert_int_equal(count(loopback, NET_WS_DEFLATED), 1);
    assert_int_equal(count(loopback, NET_WS_SENT), 64);
    assert_int_equal(eio_engine_counters(loopback->engine)->queued_bytes, 0);
    peer_close(&peer);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_handshakes, setup_packing, teardown),
        cmocka_unit_test_setup_teardown(test_off, setup_off, teardown),
        cmocka_unit_test_setup_teardown(test_in, setup_packing, teardown),
        cmocka_unit_test_setup_teardown(test_byte_by_byte, setup_packing, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup_packing, teardown),
        cmocka_unit_test_setup_teardown(test_largest, setup_packing, teardown),
        cmocka_unit_test_setup_teardown(test_out, setup_packing, teardown),
        cmocka_unit_test_setup_teardown(test_plain, setup_packing, teardown),
        cmocka_unit_test_setup_teardown(test_small_window, setup_packing, teardown),
        cmocka_unit_test_setup_teardown(test_flood, setup_packing, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
