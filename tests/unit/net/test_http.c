/* HTTP as clients really speak it: in pieces, too fast, too much, half closed. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/net/fixture.h"

/* ---- pieces ---- */

static void test_byte_by_byte(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;
    char sid[64];
    char text[400];

    handshake(loopback, sid);
    snprintf(text, sizeof(text),
             "POST /engine.io/%s HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
             "3\r\n4he\r\n3\r\nllo\r\n0\r\n\r\n",
             of(sid));
    peer_open(&peer, loopback);
    for (const char *c = text; *c != '\0'; c++) {
        peer_send(&peer, c, 1);
        loopback_turn(loopback);
    }
    peer_answer(&peer, &answer, false);
    assert_string_equal(answer.body, "ok");
    snprintf(text, sizeof(text), "GET /engine.io/%s HTTP/1.1\r\nHost: test\r\n\r\n", of(sid));
    for (const char *c = text; *c != '\0'; c++) {
        peer_send(&peer, c, 1);
        loopback_turn(loopback);
    }
    peer_answer(&peer, &answer, false);
    assert_string_equal(answer.body, "4hello");
    peer_close(&peer);
}

/* Several requests in one segment are answered in order, the last one waits for what the others
 * bring. */
static void test_pipeline(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;
    char sid[64];
    char text[2000];

    handshake(loopback, sid);
    snprintf(text, sizeof(text),
             "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
             "POST /engine.io/%s HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n4one"
             "HEAD /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
             "POST /engine.io/" POLLING
             "&sid=%s HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n4two"
             "GET /engine.io/" POLLING "&sid=%s HTTP/1.1\r\nHost: a\r\n\r\n",
             of(sid), sid, sid);
    peer_open(&peer, loopback);
    peer_puts(&peer, "%s", text);
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 404);
    peer_answer(&peer, &answer, false);
    assert_string_equal(answer.body, "ok");
    peer_answer(&peer, &answer, true);
    assert_int_equal(answer.status, 404);
    peer_answer(&peer, &answer, false);
    assert_string_equal(answer.body, "ok");
    peer_answer(&peer, &answer, false);
    assert_string_equal(answer.body, "4one\x1e"
                                     "4two");
    peer_expect_silence(&peer);
    peer_close(&peer);
}

static void test_request_behind_a_held_one(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;
    char sid[64];

    handshake(loopback, sid);
    peer_open(&peer, loopback);
    peer_request(&peer, "GET", of(sid), NULL, NULL);
    peer_puts(&peer, "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    peer_expect_silence(&peer);
    exchange(loopback, "POST", of(sid), "4x", &answer);
    peer_answer(&peer, &answer, false);
    assert_string_equal(answer.body, "4x");
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 404);
    peer_close(&peer);
}

static void test_expect_continue(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;
    char sid[64];

    handshake(loopback, sid);
    peer_open(&peer, loopback);
    peer_puts(&peer,
              "POST /engine.io/%s HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
              "Expect: 100-continue\r\n\r\n",
              of(sid));
    peer_answer(&peer, &answer, true);
    assert_int_equal(answer.status, 100);
    peer_puts(&peer, "4x");
    peer_answer(&peer, &answer, false);
    assert_string_equal(answer.body, "ok");
    peer_close(&peer);
}

/* ---- which connections live on ---- */

static void test_persistence(void **state)
{
    static const struct {
        const char *text;
        bool lives;
    } cases[] = {
        {"GET /who HTTP/1.1\r\nHost: a\r\n\r\n", true},
        {"GET /who HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false},
        {"GET /who HTTP/1.0\r\n\r\n", false},
        {"GET /who HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
    };
    struct loopback *loopback = *state;

    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct peer peer;
        struct answer answer;

        peer_open(&peer, loopback);
        peer_puts(&peer, "%s", cases[i].text);
        peer_answer(&peer, &answer, false);
        assert_int_equal(answer.status, 200);
        assert_int_equal(answer_has(&answer, "Connection: keep-alive"), cases[i].lives);
        assert_int_equal(answer_has(&answer, "Keep-Alive: timeout=5"), cases[i].lives);
        if (cases[i].lives)
            peer_expect_silence(&peer);
        else
            peer_expect_end(&peer);
        peer_close(&peer);
    }
}

static void test_head_method(void **state)
{
    struct peer peer;
    struct answer answer;

    peer_open(&peer, *state);
    peer_puts(&peer, "HEAD /who HTTP/1.1\r\nHost: a\r\n\r\n");
    peer_answer(&peer, &answer, true);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.head, "\r\nContent-Length: "));
    peer_expect_silence(&peer);
    peer_close(&peer);
}

static void test_half_closed_after_request(void **state)
{
    struct peer peer;
    struct answer answer;

    peer_open(&peer, *state);
    peer_puts(&peer, "GET /who HTTP/1.1\r\nHost: a\r\n\r\n");
    peer_half_close(&peer);
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 200);
    peer_expect_end(&peer);
    peer_close(&peer);
}

/* ---- the end of a held request ---- */

static void lose_held_get(struct loopback *loopback, void (*how)(struct peer *peer))
{
    struct peer peer;
    char sid[64];

    handshake(loopback, sid);
    peer_open(&peer, loopback);
    peer_request(&peer, "GET", of(sid), NULL, NULL);
    peer_expect_silence(&peer);
    how(&peer);
    loopback_await(loopback, &loopback->closed, loopback->opened);
    assert_int_equal(loopback->last_reason, EIO_CLOSE_TRANSPORT_ERROR);
    expect_gone(loopback, sid);
    if (peer.fd >= 0)
        peer_close(&peer);
}

static void test_held_get_lost(void **state)
{
    lose_held_get(*state, peer_close);
    lose_held_get(*state, peer_reset);
    lose_held_get(*state, peer_half_close);
}

static void test_post_lost(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    char sid[64];

    handshake(loopback, sid);
    peer_open(&peer, loopback);
    peer_puts(&peer, "POST /engine.io/%s HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n4x",
              of(sid));
    peer_expect_silence(&peer);
    peer_close(&peer);
    loopback_await(loopback, &loopback->closed, 1);
    expect_gone(loopback, sid);
}

static void test_two_posts(void **state)
{
    struct loopback *loopback = *state;
    struct peer first;
    struct answer answer;
    char sid[64];

    handshake(loopback, sid);
    peer_open(&first, loopback);
    peer_puts(&first, "POST /engine.io/%s HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n4x",
              of(sid));
    peer_expect_silence(&first);
    exchange(loopback, "POST", of(sid), "4y", &answer);
    assert_int_equal(answer.status, 400);
    assert_int_equal(answer.body_bytes, 0);
    peer_expect_end(&first);
    expect_gone(loopback, sid);
    assert_int_equal(closed(loopback, NET_CLOSE_CUT), 1);
    peer_close(&first);
}

/* ---- slow readers ---- */

static void read_big(struct loopback *loopback, const char *path, bool half_close)
{
    struct peer peer;
    const size_t total = 4000000;
    char *end;

    peer_open(&peer, loopback);
    peer_puts(&peer, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    if (half_close)
        peer_half_close(&peer);
    /* Nothing is read for a while: the socket fills up. */
    for (int i = 0; i < 20; i++)
        loopback_turn(loopback);
    peer_need(&peer, total);
    end = strstr(buf_text(&peer.in), "\r\n\r\n");
    assert_non_null(end);
    peer_need(&peer, (size_t)(end - buf_text(&peer.in)) + 4 + total);
    end = strstr(buf_text(&peer.in), "\r\n\r\n");
    assert_int_equal(strspn(end + 4, "b"), total);
    buf_reset(&peer.in);
    if (half_close)
        peer_expect_end(&peer);
    else
        peer_expect_silence(&peer);
    peer_close(&peer);
}

static void test_big_answers(void **state)
{
    read_big(*state, "/big", false);
    read_big(*state, "/big?stays", false);
    read_big(*state, "/big", true);
    read_big(*state, "/big?stays", true);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_byte_by_byte),
        CASE(test_pipeline),
        CASE(test_request_behind_a_held_one),
        CASE(test_expect_continue),
        CASE(test_persistence),
        CASE(test_head_method),
        CASE(test_half_closed_after_request),
        CASE(test_held_get_lost),
        CASE(test_post_lost),
        CASE(test_two_posts),
        CASE(test_big_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
