/* The cases of the public Engine.IO 4 suite, restated: a server with ping interval 300 ms and ping
 * timeout 200 ms that echoes every message. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "tests/unit/net/fixture.h"

static int setup_quick(void **state)
{
    static const struct loopback_options options = {.ping_interval_ms = 300,
                                                    .ping_timeout_ms = 200};

    return start(state, &options);
}

static void expect_status(struct loopback *loopback, const char *method, const char *query,
                          int status)
{
    struct answer answer;

    exchange(loopback, method, query, NULL, &answer);
    if (answer.status != status)
        fail_msg("%s %s: %d %s", method, query, answer.status, answer.body);
}

/* ---- handshake ---- */

static void test_handshake_polling(void **state)
{
    struct answer answer;
    char rest[200];

    exchange(*state, "GET", POLLING, NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(answer_has(&answer, "Content-Type: text/plain; charset=UTF-8"));
    assert_true(answer_has(&answer, "Cache-Control: no-store"));
    assert_int_equal(sscanf(answer.body, "0{\"sid\":\"%*[^\"]\"%199s", rest), 1);
    assert_string_equal(rest, ",\"upgrades\":[\"websocket\"],\"pingInterval\":300,"
                              "\"pingTimeout\":200,\"maxPayload\":1000000}");
}

static void test_handshake_revision(void **state)
{
    expect_status(*state, "GET", "?transport=polling", 400);
    expect_status(*state, "GET", "?EIO=abc&transport=polling", 400);
    expect_status(*state, "GET", "?EIO=3&transport=polling", 400);
}

static void test_handshake_transport(void **state)
{
    expect_status(*state, "GET", "?EIO=4", 400);
    expect_status(*state, "GET", "?EIO=4&transport=abc", 400);
}

static void test_handshake_method(void **state)
{
    expect_status(*state, "POST", POLLING, 400);
    expect_status(*state, "PUT", POLLING, 400);
}

static void test_handshake_websocket(void **state)
{
    struct peer peer;
    const char *payload;
    size_t length;
    char rest[200];

    peer_open_ws(&peer, *state, WEBSOCKET);
    assert_int_equal(peer_take_frame(&peer, &payload, &length), OP_TEXT);
    assert_int_equal(sscanf(payload, "0{\"sid\":\"%*[^\"]\"%199s", rest), 1);
    assert_string_equal(
        rest, ",\"upgrades\":[],\"pingInterval\":300,\"pingTimeout\":200,\"maxPayload\":1000000}");
    peer_close(&peer);
}

static void expect_refused_upgrade(struct loopback *loopback, const char *query, const char *body)
{
    struct peer peer;
    struct answer answer;

    peer_open(&peer, loopback);
    peer_ask_ws(&peer, query, NULL);
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 400);
    assert_string_equal(answer.body, body);
    assert_true(answer_has(&answer, "Connection: close"));
    peer_expect_end(&peer);
    peer_close(&peer);
}

static void test_handshake_websocket_revision(void **state)
{
    expect_refused_upgrade(*state, "?transport=websocket", "Unsupported protocol version");
    expect_refused_upgrade(*state, "?EIO=abc&transport=websocket", "Unsupported protocol version");
}

static void test_handshake_websocket_transport(void **state)
{
    expect_refused_upgrade(*state, "?EIO=4", "Transport unknown");
    expect_refused_upgrade(*state, "?EIO=4&transport=abc", "Transport unknown");
}

/* ---- messages ---- */

static void expect_echo(struct loopback *loopback, const char *sid, const char *body)
{
    struct answer answer;

    exchange(loopback, "POST", of(sid), body, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "ok");
    assert_true(answer_has(&answer, "Content-Type: text/html"));
    exchange(loopback, "GET", of(sid), NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, body);
}

static void test_polling_message(void **state)
{
    char sid[64];

    handshake(*state, sid);
    expect_echo(*state, sid, "4hello");
}

static void test_polling_several(void **state)
{
    char sid[64];

    handshake(*state, sid);
    expect_echo(*state, sid,
                "4test1\x1e"
                "4test2\x1e"
                "4test3");
}

static void test_polling_binary(void **state)
{
    char sid[64];

    handshake(*state, sid);
    expect_echo(*state, sid,
                "4hello\x1e"
                "bAQIDBA==");
}

static void test_polling_garbage(void **state)
{
    struct answer answer;
    char sid[64];

    handshake(*state, sid);
    exchange(*state, "POST", of(sid), "abc", &answer);
    exchange(*state, "GET", of(sid), NULL, &answer);
    assert_int_equal(answer.status, 400);
}

static void test_polling_two_gets(void **state)
{
    struct peer first, second;
    struct answer answer;
    char sid[64];

    handshake(*state, sid);
    peer_open(&first, *state);
    peer_request(&first, "GET", of(sid), NULL, NULL);
    peer_expect_silence(&first);
    peer_open(&second, *state);
    peer_request(&second, "GET", of(sid), NULL, NULL);
    peer_answer(&second, &answer, false);
    assert_int_equal(answer.status, 400);
    peer_answer(&first, &answer, false);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "1");
    exchange(*state, "GET", of(sid), NULL, &answer);
    assert_int_equal(answer.status, 400);
    peer_close(&first);
    peer_close(&second);
}

static void test_websocket_text(void **state)
{
    struct peer peer;

    peer_open_ws(&peer, *state, WEBSOCKET);
    peer_expect_open(&peer);
    peer_text(&peer, "4hello");
    peer_expect_text(&peer, "4hello");
    peer_close(&peer);
}

static void test_websocket_binary(void **state)
{
    struct peer peer;
    const char *payload;
    size_t length;

    peer_open_ws(&peer, *state, WEBSOCKET);
    peer_expect_open(&peer);
    peer_frame(&peer, FIN | OP_BINARY, "\1\2\3\4", 4);
    assert_int_equal(peer_take_frame(&peer, &payload, &length), OP_BINARY);
    assert_int_equal(length, 4);
    assert_memory_equal(payload, "\1\2\3\4", 4);
    peer_close(&peer);
}

static void test_websocket_garbage(void **state)
{
    struct peer peer;

    peer_open_ws(&peer, *state, WEBSOCKET);
    peer_expect_open(&peer);
    peer_text(&peer, "abc");
    peer_expect_close(&peer, 0);
    peer_frame(&peer, FIN | OP_CLOSE, "", 0);
    peer_expect_end(&peer);
    peer_close(&peer);
}

/* ---- heartbeat ---- */

static void test_heartbeat_polling(void **state)
{
    struct answer answer;
    char sid[64];

    handshake(*state, sid);
    for (int i = 0; i < 3; i++) {
        exchange(*state, "GET", of(sid), NULL, &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, "2");
        exchange(*state, "POST", of(sid), "3", &answer);
        assert_int_equal(answer.status, 200);
    }
}

static void test_heartbeat_websocket(void **state)
{
    struct peer peer;

    peer_open_ws(&peer, *state, WEBSOCKET);
    peer_expect_open(&peer);
    for (int i = 0; i < 3; i++) {
        peer_expect_text(&peer, "2");
        peer_text(&peer, "3");
    }
    peer_close(&peer);
}

static void test_silence_polling(void **state)
{
    struct answer answer;
    char sid[64];

    handshake(*state, sid);
    loopback_pass(*state, 500);
    /* The request that comes at the very end of the time is too late. */
    exchange(*state, "GET", of(sid), NULL, &answer);
    assert_int_equal(answer.status, 400);
}

static void test_silence_websocket(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;

    peer_open_ws(&peer, loopback, WEBSOCKET);
    peer_expect_open(&peer);
    peer_expect_text(&peer, "2");
    peer_expect_close(&peer, 0);
    assert_int_equal(loopback->last_reason, EIO_CLOSE_PING_TIMEOUT);
    peer_close(&peer);
}

/* ---- close ---- */

static void test_close_polling(void **state)
{
    struct peer get, post;
    struct answer answer;
    char sid[64];

    handshake(*state, sid);
    peer_open(&get, *state);
    peer_open(&post, *state);
    peer_request(&get, "GET", of(sid), NULL, NULL);
    peer_request(&post, "POST", of(sid), NULL, "1");
    peer_answer(&post, &answer, false);
    assert_string_equal(answer.body, "ok");
    peer_answer(&get, &answer, false);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "6");
    exchange(*state, "GET", of(sid), NULL, &answer);
    assert_int_equal(answer.status, 400);
    peer_close(&get);
    peer_close(&post);
}

static void test_close_websocket(void **state)
{
    struct peer peer;

    peer_open_ws(&peer, *state, WEBSOCKET);
    peer_expect_open(&peer);
    peer_text(&peer, "1");
    peer_expect_close(&peer, 0);
    peer_close(&peer);
}

/* ---- upgrade ---- */

static void open_upgrade(struct peer *peer, struct loopback *loopback, const char *sid)
{
    char query[160];

    snprintf(query, sizeof(query), WEBSOCKET "&sid=%s", sid);
    peer_open_ws(peer, loopback, query);
}

static void test_upgrade(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;
    char sid[64];

    handshake(loopback, sid);
    open_upgrade(&peer, loopback, sid);
    peer_text(&peer, "2probe");
    peer_expect_text(&peer, "3probe");
    exchange(loopback, "GET", of(sid), NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "6");
    peer_text(&peer, "5");
    peer_text(&peer, "4hello");
    peer_expect_text(&peer, "4hello");
    assert_int_equal(loopback->upgraded, 1);
    peer_close(&peer);
}

/* Probe and upgrade in one segment, and a GET right behind them. */
static void test_upgrade_ends_polling(void **state)
{
    struct peer peer;
    struct answer answer;
    char sid[64];

    handshake(*state, sid);
    open_upgrade(&peer, *state, sid);
    peer_text(&peer, "2probe");
    peer_text(&peer, "5");
    exchange(*state, "GET", of(sid), NULL, &answer);
    assert_int_equal(answer.status, 400);
    peer_expect_text(&peer, "3probe");
    peer_text(&peer, "4hello");
    peer_expect_text(&peer, "4hello");
    peer_close(&peer);
}

static void test_upgrade_twice(void **state)
{
    struct peer peer, other;
    char sid[64];

    handshake(*state, sid);
    open_upgrade(&peer, *state, sid);
    peer_text(&peer, "2probe");
    peer_expect_text(&peer, "3probe");
    peer_text(&peer, "5");
    open_upgrade(&other, *state, sid);
    peer_expect_close(&other, 0);
    peer_frame(&other, FIN | OP_CLOSE, "", 0);
    peer_expect_end(&other);
    peer_text(&peer, "4hello");
    peer_expect_text(&peer, "4hello");
    peer_close(&peer);
    peer_close(&other);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_quick, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_handshake_polling),
        CASE(test_handshake_revision),
        CASE(test_handshake_transport),
        CASE(test_handshake_method),
        CASE(test_handshake_websocket),
        CASE(test_handshake_websocket_revision),
        CASE(test_handshake_websocket_transport),
        CASE(test_polling_message),
        CASE(test_polling_several),
        CASE(test_polling_binary),
        CASE(test_polling_garbage),
        CASE(test_polling_two_gets),
        CASE(test_websocket_text),
        CASE(test_websocket_binary),
        CASE(test_websocket_garbage),
        CASE(test_heartbeat_polling),
        CASE(test_heartbeat_websocket),
        CASE(test_silence_polling),
        CASE(test_silence_websocket),
        CASE(test_close_polling),
        CASE(test_close_websocket),
        CASE(test_upgrade),
        CASE(test_upgrade_ends_polling),
        CASE(test_upgrade_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
