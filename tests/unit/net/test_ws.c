/* WebSockets over real sockets: framing, closes, and clients that read slowly. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/net/fixture.h"

static int setup_roomy(void **state)
{
    static const struct loopback_options options = {.max_queued_bytes = 64 * 1024 * 1024};

    return start(state, &options);
}

static int setup_hasty(void **state)
{
    static const struct loopback_options options = {.net = {.close_timeout_ms = 60}};

    return start(state, &options);
}

/* ---- messages ---- */

static void test_many_in_one_segment(void **state)
{
    struct peer peer;
    char text[16];

    begin_ws(&peer, *state);
    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof(text), "4%d", i);
        peer_text(&peer, text);
    }
    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof(text), "4%d", i);
        peer_expect_text(&peer, text);
    }
    peer_close(&peer);
}

static void test_byte_by_byte(void **state)
{
    static const uint8_t frames[] = {0x81, 0x83, 1, 2, 3, 4, '4' ^ 1, 'a' ^ 2, 'b' ^ 3,
                                     0x82, 0x82, 0, 0, 0, 0, 7,       8};
    struct peer peer;
    const char *payload;
    size_t length;

    begin_ws(&peer, *state);
    for (size_t i = 0; i < sizeof(frames); i++) {
        peer_send(&peer, frames + i, 1);
        loopback_turn(*state);
    }
    peer_expect_text(&peer, "4ab");
    assert_int_equal(peer_take_frame(&peer, &payload, &length), OP_BINARY);
    assert_memory_equal(payload, "\7\10", 2);
    peer_close(&peer);
}

static void test_sizes(void **state)
{
    static const size_t sizes[] = {1,   2,     125,   126,   127,    128,    129,
                                   255, 65535, 65536, 65537, 200000, 1000000};
    struct peer peer;
    char *text = malloc(1000001);

    begin_ws(&peer, *state);
    for (size_t i = 0; i < TEST_COUNT(sizes); i++) {
        const char *payload;
        size_t length;

        for (size_t at = 0; at < sizes[i]; at++)
            text[at] = (char)('a' + at % 23);
        text[0] = '4';
        text[sizes[i]] = '\0';
        peer_text(&peer, text);
        assert_int_equal(peer_take_frame(&peer, &payload, &length), OP_TEXT);
        assert_int_equal(length, sizes[i]);
        assert_memory_equal(payload, text, length);
    }
    free(text);
    peer_close(&peer);
}

static void test_fragments(void **state)
{
    struct peer peer;
    const char *payload;
    size_t length;

    begin_ws(&peer, *state);
    peer_frame(&peer, OP_TEXT, "4", 1);
    peer_frame(&peer, FIN | OP_PING, "p1", 2);
    peer_frame(&peer, OP_CONTINUATION, "", 0);
    /* A character cut in two by the fragments is whole in the message. */
    peer_frame(&peer, OP_CONTINUATION, "a\xc3", 2);
    peer_frame(&peer, FIN | OP_PING, "", 0);
    peer_frame(&peer, FIN | OP_CONTINUATION, "\xa9", 1);
    assert_int_equal(peer_take_frame(&peer, &payload, &length), OP_PONG);
    assert_string_equal(payload, "p1");
    assert_int_equal(peer_take_frame(&peer, &payload, &length), OP_PONG);
    assert_int_equal(length, 0);
    peer_expect_text(&peer, "4a\xc3\xa9");
    peer_frame(&peer, OP_BINARY, "\1", 1);
    peer_frame(&peer, FIN | OP_CONTINUATION, "", 0);
    assert_int_equal(peer_take_frame(&peer, &payload, &length), OP_BINARY);
    assert_int_equal(length, 1);
    peer_close(&peer);
}

static void test_control_frames(void **state)
{
    struct peer peer;
    const char *payload;
    size_t length;
    char long_ping[126];

    memset(long_ping, 'p', 125);
    long_ping[125] = '\0';
    begin_ws(&peer, *state);
    peer_frame(&peer, FIN | OP_PONG, "unasked", 7);
    peer_frame(&peer, FIN | OP_PONG, "", 0);
    peer_frame(&peer, FIN | OP_PING, "a", 1);
    peer_frame(&peer, FIN | OP_PING, "b", 1);
    peer_frame(&peer, FIN | OP_PING, long_ping, 125);
    assert_int_equal(peer_take_frame(&peer, &payload, &length), OP_PONG);
    assert_string_equal(payload, "a");
    assert_int_equal(peer_take_frame(&peer, &payload, &length), OP_PONG);
    assert_string_equal(payload, "b");
    assert_int_equal(peer_take_frame(&peer, &payload, &length), OP_PONG);
    assert_string_equal(payload, long_ping);
    peer_close(&peer);
}

/* ---- closes ---- */

/* The client's close frame comes back, and the server ends the connection. */
static void test_close_by_client(void **state)
{
    static const struct {
        const char *body;
        size_t length;
        const char *answer;
        size_t answer_length;
    } cases[] = {
        {"", 0, "", 0},
        {"\x03\xe8", 2, "\x03\xe8", 2},
        {"\x03\xe8"
         "bye",
         5,
         "\x03\xe8"
         "bye",
         5},
        {"\x0f\xa0", 2, "\x0f\xa0", 2},
        {"\x03\xed", 2, "\x03\xea", 2}, /* 1005 may not be sent */
        {"\x03\xee", 2, "\x03\xea", 2},
        {"\x13\x87", 2, "\x13\x87", 2}, /* 4999: the last that applications may use */
        {"\x13\x88", 2, "\x03\xea", 2},
        {"\x03", 1, "\x03\xea", 2},
        {"\x03\xe8\xff", 3, "\x03\xef", 2},
    };
    struct loopback *loopback = *state;

    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct peer peer;
        const char *payload;
        size_t length;

        begin_ws(&peer, loopback);
        peer_frame(&peer, FIN | OP_CLOSE, cases[i].body, cases[i].length);
        peer_text(&peer, "4too late");
        assert_int_equal(peer_take_frame(&peer, &payload, &length), OP_CLOSE);
        if (length != cases[i].answer_length || memcmp(payload, cases[i].answer, length) != 0)
            fail_msg("case %zu: %zu bytes, %02x%02x", i, length, (uint8_t)payload[0],
                     (uint8_t)payload[1]);
        while (!peer.at_end) /* end of the stream, or a reset as we wrote behind the close */
            peer_expect_end(&peer);
        peer_close(&peer);
    }
    assert_int_equal(loopback->closed, TEST_COUNT(cases));
}

static void test_lost(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;

    begin_ws(&peer, loopback);
    peer_close(&peer);
    loopback_await(loopback, &loopback->closed, 1);
    assert_int_equal(loopback->last_reason, EIO_CLOSE_TRANSPORT_CLOSE);
    begin_ws(&peer, loopback);
    peer_half_close(&peer);
    loopback_await(loopback, &loopback->closed, 2);
    assert_int_equal(loopback->last_reason, EIO_CLOSE_TRANSPORT_CLOSE);
    peer_close(&peer);
    begin_ws(&peer, loopback);
    peer_reset(&peer);
    loopback_await(loopback, &loopback->closed, 3);
    assert_int_equal(loopback->last_reason, EIO_CLOSE_TRANSPORT_ERROR);
    loopback_await_connections(loopback, 0);
    assert_int_equal(closed(loopback, NET_CLOSE_RESET), 1);
    assert_int_equal(closed(loopback, NET_CLOSE_WS_BY_CLIENT), 2);
}

static void test_close_by_server(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;

    begin_ws(&peer, loopback);
    peer_text(&peer, "4first");
    peer_text(&peer, "4close");
    peer_text(&peer, "4ignored");
    peer_expect_text(&peer, "4first");
    peer_expect_close(&peer, 0);
    peer_expect_silence(&peer);
    peer_frame(&peer, FIN | OP_CLOSE, "", 0);
    peer_expect_end(&peer);
    peer_close(&peer);
    assert_int_equal(closed(loopback, NET_CLOSE_WS_BY_SERVER), 1);
}

static void test_close_unanswered(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;

    begin_ws(&peer, loopback);
    peer_text(&peer, "4close");
    peer_expect_close(&peer, 0);
    peer_expect_end(&peer);
    peer_close(&peer);
}

static void test_broken_frames(void **state)
{
    static const struct {
        const char *name;
        const char *bytes;
        size_t length;
        unsigned code;
        enum eio_close_reason reason;
    } cases[] = {
        {"unmasked",
         "\x81\x02"
         "4a",
         4, 1002, EIO_CLOSE_TRANSPORT_ERROR},
        {"RSV1",
         "\xc1\x81\0\0\0\0"
         "4",
         7, 1002, EIO_CLOSE_TRANSPORT_ERROR},
        {"opcode 3", "\x83\x80\0\0\0\0", 6, 1002, EIO_CLOSE_TRANSPORT_ERROR},
        {"continuation", "\x80\x80\0\0\0\0", 6, 1002, EIO_CLOSE_TRANSPORT_ERROR},
        {"ping in pieces", "\x09\x80\0\0\0\0", 6, 1002, EIO_CLOSE_TRANSPORT_ERROR},
        {"long ping", "\x89\xfe\0\x80\0\0\0\0", 8, 1002, EIO_CLOSE_TRANSPORT_ERROR},
        {"not UTF-8",
         "\x81\x82\0\0\0\0"
         "4\xff",
         8, 1007, EIO_CLOSE_TRANSPORT_ERROR},
        {"surrogate",
         "\x81\x84\0\0\0\0"
         "4\xed\xa0\x80",
         10, 1007, EIO_CLOSE_TRANSPORT_ERROR},
        {"too big",
         "\x81\xff\0\0\0\0\0\x0f\x42\x41\0\0\0\0"
         "4",
         15, 1009, EIO_CLOSE_PAYLOAD_TOO_BIG},
        {"far too big", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14, 1009,
         EIO_CLOSE_PAYLOAD_TOO_BIG},
    };
    struct loopback *loopback = *state;

    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct peer peer;

        begin_ws(&peer, loopback);
        peer_text(&peer, "4before");
        peer_send(&peer, cases[i].bytes, cases[i].length);
        peer_text(&peer, "4behind");
        peer_expect_text(&peer, "4before");
        peer_expect_close(&peer, cases[i].code);
        peer_expect_end(&peer);
        peer_close(&peer);
        loopback_await_connections(loopback, 0);
        assert_int_equal(loopback->last_reason, cases[i].reason);
    }
    assert_int_equal(closed(loopback, NET_CLOSE_WS_PROTOCOL), 6);
    assert_int_equal(closed(loopback, NET_CLOSE_WS_TEXT), 2);
    assert_int_equal(closed(loopback, NET_CLOSE_WS_TOO_BIG), 2);
}

/* ---- slow readers ---- */

#define FLOOD_FRAMES 64
#define FLOOD_BYTES 100000

/* More waits than any socket takes: it arrives whole and in order, however slowly it is read. */
static void test_flood(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;

    begin_ws(&peer, loopback);
    peer_text(&peer, "4flood");
    peer_text(&peer, "4after");
    for (int i = 0; i < 20; i++)
        loopback_turn(loopback);
    assert_true(eio_engine_counters(loopback->engine)->queued_bytes > 0);
    for (int i = 0; i < FLOOD_FRAMES; i++) {
        const char *payload;
        size_t length;

        assert_int_equal(peer_take_frame(&peer, &payload, &length), OP_TEXT);
        assert_int_equal(length, FLOOD_BYTES);
        assert_int_equal(payload[0], '4');
        assert_int_equal(strspn(payload + 1, "f"), FLOOD_BYTES - 1);
    }
    peer_expect_text(&peer, "4after");
    assert_int_equal(eio_engine_counters(loopback->engine)->queued_bytes, 0);
    peer_close(&peer);
}

static void test_overflow(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;

    begin_ws(&peer, loopback);
    peer_text(&peer, "4flood");
    loopback_await(loopback, &loopback->closed, 1);
    assert_int_equal(loopback->last_reason, EIO_CLOSE_OVERFLOW);
    loopback_await_connections(loopback, 0);
    peer_close(&peer);
}

/* Pongs and closes find their way between what waits. */
static void test_close_while_full(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;

    begin_ws(&peer, loopback);
    peer_text(&peer, "4flood");
    peer_frame(&peer, FIN | OP_PING, "p", 1);
    for (int i = 0; i < 10; i++)
        loopback_turn(loopback);
    peer_frame(&peer, FIN | OP_CLOSE, "", 0);
    loopback_await(loopback, &loopback->closed, 1);
    peer_close(&peer);
    loopback_await_connections(loopback, 0);
}

/* A paused session is not read: what the client sends waits in the kernel. */
static void test_pause(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;

    begin_ws(&peer, loopback);
    peer_text(&peer, "4hold");
    loopback_turn(loopback);
    loopback_turn(loopback);
    peer_text(&peer, "4waiting");
    peer_expect_silence(&peer);
    eio_session_pause(loopback->last, false, net_now_ms(loopback->net));
    peer_expect_text(&peer, "4waiting");
    peer_close(&peer);
}

static void test_taken_down(void **state)
{
    struct loopback *loopback = *state;
    struct peer peers[3];

    for (int i = 0; i < 3; i++)
        begin_ws(&peers[i], loopback);
    peer_text(&peers[0], "4close");
    peer_expect_close(&peers[0], 0);
    peer_frame(&peers[1], OP_TEXT, "4in the middle", 14);
    peer_expect_silence(&peers[1]);
    for (int i = 0; i < 3; i++)
        peer_close(&peers[i]);
    /* loopback_stop() closes what is there, in whatever state. */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_many_in_one_segment),
        CASE(test_byte_by_byte),
        cmocka_unit_test_setup_teardown(test_sizes, setup_roomy, teardown),
        CASE(test_fragments),
        CASE(test_control_frames),
        CASE(test_close_by_client),
        CASE(test_lost),
        CASE(test_close_by_server),
        cmocka_unit_test_setup_teardown(test_close_unanswered, setup_hasty, teardown),
        CASE(test_broken_frames),
        cmocka_unit_test_setup_teardown(test_flood, setup_roomy, teardown),
        cmocka_unit_test_setup_teardown(test_overflow, setup_hasty, teardown),
        cmocka_unit_test_setup_teardown(test_close_while_full, setup_roomy, teardown),
        CASE(test_pause),
        CASE(test_taken_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
