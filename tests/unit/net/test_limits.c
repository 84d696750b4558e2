/* HTTP where something ends: sizes, deadlines, descriptors. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "tests/unit/net/fixture.h"

/* Short deadlines, for the tests of deadlines. */
static int setup_hasty(void **state)
{
    static const struct loopback_options options = {.net = {.head_timeout_ms = 60,
                                                            .body_timeout_ms = 60,
                                                            .write_timeout_ms = 60,
                                                            .message_timeout_ms = 60,
                                                            .close_timeout_ms = 60}};

    return start(state, &options);
}

static int setup_small(void **state)
{
    static const struct loopback_options options = {.net = {.max_connections = 3}};

    return start(state, &options);
}

/* ---- too much, or not HTTP ---- */

static void test_body_too_big(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;
    char *body = malloc(1000002);
    char sid[64];

    memset(body, 'x', 1000001);
    body[0] = '4';
    body[1000001] = '\0';
    handshake(loopback, sid);
    /* Announced, then the same in chunks: 413 is read although the body was sent, and the session
     * stays. */
    for (int chunked = 0; chunked <= 1; chunked++) {
        peer_open(&peer, loopback);
        if (chunked) {
            peer_puts(
                &peer,
                "POST /engine.io/%s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                of(sid));
            peer_puts(&peer, "%x\r\n", 1000001);
            peer_send(&peer, body, 1000001);
            peer_puts(&peer, "\r\n0\r\n\r\n");
        } else {
            peer_puts(&peer,
                      "POST /engine.io/%s HTTP/1.1\r\nHost: a\r\nContent-Length: 1000001\r\n\r\n",
                      of(sid));
            peer_send(&peer, body, 1000001);
        }
        peer_answer(&peer, &answer, false);
        assert_int_equal(answer.status, 413);
        assert_int_equal(answer.body_bytes, 0);
        peer_expect_end(&peer);
        assert_false(peer.broken);
        peer_close(&peer);
    }
    exchange(loopback, "POST", of(sid), "4x", &answer);
    assert_int_equal(answer.status, 200);
    loopback_await_connections(loopback, 0);
    assert_int_equal(closed(loopback, NET_CLOSE_BODY_TOO_BIG), 2);
    free(body);
}

static void test_largest_body(void **state)
{
    struct loopback *loopback = *state;
    struct answer answer;
    char *body = malloc(1000001);
    struct peer peer;
    char sid[64];

    memset(body, 'x', 1000000);
    body[0] = '4';
    handshake(loopback, sid);
    peer_open(&peer, loopback);
    peer_puts(&peer, "POST /engine.io/%s HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n",
              of(sid));
    peer_send(&peer, body, 1000000);
    peer_answer(&peer, &answer, false);
    assert_string_equal(answer.body, "ok");
    peer_close(&peer);
    free(body);
}

static void test_refused_heads(void **state)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"GET / HTTP/1.1\nHost: a\n\n", 400},
        {"\x16\x03\x01\x02", 400},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
         "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417},
    };
    struct loopback *loopback = *state;

    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct peer peer;
        struct answer answer;

        peer_open(&peer, loopback);
        peer_puts(&peer, "%s", cases[i].text);
        peer_answer(&peer, &answer, false);
        assert_int_equal(answer.status, cases[i].status);
        assert_true(answer_has(&answer, "Connection: close"));
        peer_expect_end(&peer);
        peer_close(&peer);
    }
    loopback_await_connections(loopback, 0);
    assert_int_equal(closed(loopback, NET_CLOSE_BAD_REQUEST), TEST_COUNT(cases));
}

static void test_head_too_big(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;
    char *line = malloc(20001);

    memset(line, 'a', 20000);
    line[20000] = '\0';
    peer_open(&peer, loopback);
    peer_puts(&peer, "GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n", line);
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 431);
    peer_expect_end(&peer);
    peer_close(&peer);
    free(line);
}

/* A request whose body nobody reads is answered, and its connection ends. */
static void test_unread_body(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;

    peer_open(&peer, loopback);
    peer_request(&peer, "POST", POLLING, NULL, "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 400);
    assert_string_equal(answer.body, "{\"code\":2,\"message\":\"Bad handshake method\"}");
    assert_true(answer_has(&answer, "Connection: close"));
    peer_expect_end(&peer);
    peer_close(&peer);
}

static void test_reader_that_never_reads(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;

    peer_open(&peer, loopback);
    peer_puts(&peer, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    loopback_await_connections(loopback, 1);
    loopback_await_connections(loopback, 0);
    assert_int_equal(closed(loopback, NET_CLOSE_WRITE_TIMEOUT), 1);
    peer_close(&peer);
}

/* ---- deadlines ---- */

static void test_head_deadline(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;

    peer_open(&peer, loopback);
    peer_puts(&peer, "GET / HTTP/1.1\r\nHo");
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 408);
    peer_expect_end(&peer);
    peer_close(&peer);
    loopback_await_connections(loopback, 0);
    assert_int_equal(closed(loopback, NET_CLOSE_HEAD_TIMEOUT), 1);
}

static void test_body_deadline(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;
    char sid[64];

    handshake(loopback, sid);
    peer_open(&peer, loopback);
    peer_puts(&peer, "POST /engine.io/%s HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n4x",
              of(sid));
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 408);
    peer_expect_end(&peer);
    peer_close(&peer);
    expect_gone(loopback, sid);
}

static void test_idle_deadline(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;

    peer_open(&peer, loopback);
    peer_puts(&peer, "GET /who HTTP/1.1\r\nHost: a\r\n\r\n");
    peer_answer(&peer, &answer, false);
    net_drain(loopback->net); /* ends what is idle at once */
    peer_expect_end(&peer);
    peer_close(&peer);
    assert_int_equal(closed(loopback, NET_CLOSE_IDLE), 1);
    peer_open(&peer, loopback);
    peer_puts(&peer, "GET /who HTTP/1.1\r\nHost: a\r\n\r\n");
    peer_answer(&peer, &answer, false);
    assert_true(answer_has(&answer, "Connection: close"));
    peer_expect_end(&peer);
    peer_close(&peer);
}

/* ---- accepting ---- */

static void test_connection_limit(void **state)
{
    struct loopback *loopback = *state;
    struct peer peers[4];
    struct answer answer;

    for (int i = 0; i < 4; i++) {
        peer_open(&peers[i], loopback);
        peer_puts(&peers[i], "GET /who HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for (int i = 0; i < 3; i++)
        peer_answer(&peers[i], &answer, false);
    peer_expect_silence(&peers[3]);
    assert_int_equal(net_counters(loopback->net)->accept_pauses, 1);
    peer_close(&peers[1]);
    peer_answer(&peers[3], &answer, false);
    assert_int_equal(answer.status, 200);
    peer_close(&peers[0]);
    peer_close(&peers[2]);
    peer_close(&peers[3]);
}

/* The system has no descriptor left: accepting pauses, and goes on by itself. */
static void test_descriptors_run_out(void **state)
{
    struct loopback *loopback = *state;
    struct rlimit before, none;
    struct peer peer;
    struct answer answer;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    peer_open(&peer, loopback);
    peer_puts(&peer, "GET /who HTTP/1.1\r\nHost: a\r\n\r\n");
    none = before;
    none.rlim_cur = (rlim_t)peer.fd + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    while (net_counters(loopback->net)->accept_pauses == 0)
        peer_expect_silence(&peer);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 200);
    assert_int_equal(net_counters(loopback->net)->accept_pauses, 1);
    peer_close(&peer);
}

static void test_listening(void **state)
{
    static const char *const bad[] = {"",      "127.0.0.1",    "127.0.0.1:", ":3000", "127.0.0.1:x",
                                      "::1:0", "127.0.0.1:-1", "[::1:0",     "[]:0"};
    struct loopback *loopback = *state;
    char bound[NET_ADDRESS_BYTES];

    for (size_t i = 0; i < TEST_COUNT(bad); i++) {
        if (net_listen(loopback->net, bad[i], NET_PUBLIC, bound) == 0)
            fail_msg("'%s' is taken", bad[i]);
    }
    assert_int_equal(net_listen(loopback->net, loopback->address, NET_PUBLIC, bound),
                     -17 /* CONFAB_EADDRINUSE */);
    assert_int_equal(net_listen(loopback->net, "localhost:0", NET_PUBLIC, bound), 0);
    assert_non_null(strchr(bound, ':'));
    net_stop_accepting(loopback->net);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define HASTY(name) cmocka_unit_test_setup_teardown(name, setup_hasty, teardown)

/* Byte by byte, in fragments with pings between, or a header that never ends: it is the whole that
 * counts. Whoever sends one message after the other has all the time. */
static void test_dripped_messages(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        bool begins; /* with a fragment */
    } drips[] = {
        {"\x00\x80\0\0\0\0", 6, true},
        {"\x89\x80\0\0\0\0", 6, true},
        {"\x81", 1, false},
    };
    struct loopback *loopback = *state;
    struct peer peer;

    for (size_t i = 0; i < TEST_COUNT(drips); i++) {
        int64_t until_ms = clock_mono_ms() + LOOPBACK_PATIENCE_MS;

        peer_open_ws(&peer, loopback, "?EIO=4&transport=websocket");
        peer_expect_open(&peer);
        if (drips[i].begins)
            peer_frame(&peer, OP_TEXT, "4", 1);
        peer_send(&peer, drips[i].bytes, drips[i].length);
        while (closed(loopback, NET_CLOSE_WS_MESSAGE_TIMEOUT) == i && loopback->closed <= i) {
            assert_true(clock_mono_ms() < until_ms);
            if (drips[i].begins)
                peer_send(&peer, drips[i].bytes, drips[i].length);
            loopback_pass(loopback, 10);
        }
        peer_close(&peer);
        loopback_await_connections(loopback, 0);
        assert_int_equal(closed(loopback, NET_CLOSE_WS_MESSAGE_TIMEOUT), i + 1);
    }
    peer_open_ws(&peer, loopback, "?EIO=4&transport=websocket");
    peer_expect_open(&peer);
    for (int i = 0; i < 10; i++) {
        peer_send(&peer, "\x81\x82\0\0\0\0", 6);
        loopback_pass(loopback, 20);
        peer_send(&peer, "4x", 2);
        peer_expect_text(&peer, "4x");
    }
    peer_close(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_body_too_big),
        CASE(test_largest_body),
        CASE(test_refused_heads),
        CASE(test_head_too_big),
        CASE(test_unread_body),
        HASTY(test_dripped_messages),
        HASTY(test_reader_that_never_reads),
        HASTY(test_head_deadline),
        HASTY(test_body_deadline),
        CASE(test_idle_deadline),
        cmocka_unit_test_setup_teardown(test_connection_limit, setup_small, teardown),
        CASE(test_descriptors_run_out),
        CASE(test_listening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
