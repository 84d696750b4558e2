/* Who floods waits for his turn, and rests; the others do not notice. */
#include "tests/unit/test.h"

#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "gateway/engineio/packet.h"
#include "tests/unit/net/fixture.h"

static int setup_rates(void **state)
{
    static const struct loopback_options options = {
        .net = {.max_requests_per_second = 100, .max_control_frames_per_second = 100}};

    return start(state, &options);
}

static uint64_t messages(const struct loopback *loopback)
{
    return eio_engine_counters(loopback->engine)->packets_in[EIO_PACKET_MESSAGE];
}

#define FLOODERS 4
#define FLOOD 2500

static void test_flood_beside_a_word(void **state)
{
    static uint8_t flood[FLOOD * 7];
    struct loopback *loopback = *state;
    struct peer quiet, flooders[FLOODERS];

    for (int i = 0; i < FLOOD; i++)
        memcpy(flood + 7 * i,
               "\x81\x81\0\0\0\0"
               "4",
               7);
    begin_ws(&quiet, loopback);
    for (int i = 0; i < FLOODERS; i++)
        begin_ws(&flooders[i], loopback);
    /* Time to earn some credit: a newcomer has none. */
    loopback_pass(loopback, 300);
    for (int i = 0; i < FLOODERS; i++)
        peer_send(&flooders[i], flood, sizeof(flood));
    peer_text(&quiet, "4hello");
    for (int turn = 1; turn <= 3; turn++) {
        loopback_turn(loopback);
        /* A portion at once, and one when the turn comes. */
        assert_true(messages(loopback) <= (uint64_t)turn * FLOODERS * 64 + 1);
    }
    assert_int_equal(recv(quiet.fd, flood, sizeof(flood), MSG_DONTWAIT), 8);
    assert_memory_equal(flood,
                        "\x81\x06"
                        "4hello",
                        8);
    while (messages(loopback) < FLOODERS * FLOOD + 1)
        loopback_turn(loopback);
    assert_true(net_counters(loopback->net)->reads_deferred > 0);
    assert_int_equal(net_counters(loopback->net)->held_frames, 0);
    peer_close(&quiet);
    for (int i = 0; i < FLOODERS; i++)
        peer_close(&flooders[i]);
}

static void test_control_frames(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    const char *payload;
    size_t length;
    int64_t began_ms;

    begin_ws(&peer, loopback);
    began_ms = clock_mono_ms();
    for (int i = 0; i < 250; i++)
        peer_frame(&peer, FIN | OP_PING, "p", 1);
    peer_text(&peer, "4behind");
    for (int i = 0; i < 250; i++) {
        assert_int_equal(peer_take_frame(&peer, &payload, &length), OP_PONG);
        assert_int_equal(length, 1);
    }
    peer_expect_text(&peer, "4behind");
    assert_true(clock_mono_ms() - began_ms >= 400);
    assert_true(net_counters(loopback->net)->held_frames > 0);
    peer_close(&peer);
}

/* Fragments and empty messages count like pings, whole messages do not. */
static void test_what_counts(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;

    begin_ws(&peer, loopback);
    for (int i = 0; i < 400; i++)
        peer_text(&peer, "4m");
    for (int i = 0; i < 400; i++)
        peer_expect_text(&peer, "4m");
    assert_int_equal(net_counters(loopback->net)->held_frames, 0);
    peer_frame(&peer, OP_TEXT, "4", 1);
    for (int i = 0; i < 220; i++)
        peer_frame(&peer, OP_CONTINUATION, "", 0);
    peer_frame(&peer, FIN | OP_CONTINUATION, "end", 3);
    peer_expect_text(&peer, "4end");
    assert_true(net_counters(loopback->net)->held_frames > 0);
    peer_close(&peer);
}

static void test_requests(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer, other;
    struct answer answer;

    peer_open(&peer, loopback);
    for (int i = 0; i < 230; i++)
        peer_puts(&peer, "GET /nothing?%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
    for (int i = 0; i < 190; i++)
        peer_answer(&peer, &answer, false);
    /* Another connection is another matter. */
    peer_open(&other, loopback);
    peer_puts(&other, "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    peer_answer(&other, &answer, false);
    for (int i = 190; i < 230; i++) {
        peer_answer(&peer, &answer, false);
        assert_int_equal(answer.status, 404);
    }
    assert_true(net_counters(loopback->net)->held_requests > 0);
    /* Whoever rests is told from whoever is idle, and may leave. */
    peer_expect_silence(&peer);
    peer_close(&peer);
    peer_close(&other);
    loopback_await_connections(loopback, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_flood_beside_a_word, setup, teardown),
        cmocka_unit_test_setup_teardown(test_control_frames, setup_rates, teardown),
        cmocka_unit_test_setup_teardown(test_what_counts, setup_rates, teardown),
        cmocka_unit_test_setup_teardown(test_requests, setup_rates, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
