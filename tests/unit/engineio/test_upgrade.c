/* From polling to WebSocket: the probe, the switch, and everything that may go wrong between. */
#include <string.h>

#include "tests/unit/engineio/world.h"
#include "tests/unit/test.h"

static uint64_t failed(const struct world *world)
{
    return eio_engine_counters(world->engine)->upgrades_failed;
}

static void probe(struct world *world, struct fake_ws *ws)
{
    world_ws_sends(world, ws, "2probe");
    world_ws_gives(ws, "3probe");
    world_ws_quiet(ws);
}

/* As in the recorded transcript: the GET ends with a noop, then the client switches. */
static void test_upgrade(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;
    struct fake_ws ws;

    world_get(world, session, &get);
    world_upgrade(world, session, &ws);
    world_ws_quiet(&ws);
    world_send(session, "first");
    world_get_gives(&get, 200, "4first");
    world_get(world, session, &get);
    world_get_waits(&get);
    probe(world, &ws);
    world_get_gives(&get, 200, "6");
    assert_int_equal(eio_session_transport(session), EIO_POLLING);
    world_told(world, "open");

    world_ws_sends(world, &ws, "5");
    world_told(world, "upgrade");
    assert_int_equal(eio_engine_deadline(world->engine), 1000 + 25000); /* the ping's alone */
    world_ws_sends(world, &ws, "4x");
    world_told(world, "text:x");
    world_send(session, "y");
    world_ws_gives(&ws, "4y");
    world_ws_quiet(&ws);
    assert_int_equal(eio_engine_counters(world->engine)->upgrades, 1);
    assert_int_equal(eio_engine_counters(world->engine)->sessions_now[EIO_POLLING], 0);
    assert_int_equal(eio_engine_counters(world->engine)->sessions_now[EIO_WEBSOCKET], 1);
    world_pass(world, 10000); /* its deadline is no more */
    world_ws_quiet(&ws);
    world_ws_sends(world, &ws, "1");
    world_ws_closes(&ws);
    world_told(world, "close:transport_close");
    assert_int_equal(failed(world), 0);
}

/* From the probe on, every GET without data is answered at once: a client that sees the noop before
 * the `3probe` polls once more. One with data gets the data. */
static void test_gets_while_probed(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;
    struct fake_ws ws;

    world_get(world, session, &get);
    world_upgrade(world, session, &ws);
    probe(world, &ws);
    world_get_gives(&get, 200, "6");
    world_get(world, session, &get);
    world_get_gives(&get, 200, "6");
    world_send(session, "a");
    world_get(world, session, &get);
    world_get_gives(&get, 200, "4a");
    world_get(world, session, &get);
    world_get_gives(&get, 200, "6");
    world_ws_sends(world, &ws, "5");
    eio_ws_lost(&ws.ws, true, world->now_ms);
}

/* Data and probe in one turn: the GET takes the data, as it would have without the probe. */
static void test_probe_behind_data(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;
    struct fake_ws ws;

    world_get(world, session, &get);
    world_upgrade(world, session, &ws);
    world_send(session, "a");
    world_ws_sends(world, &ws, "2probe");
    world_get_gives(&get, 200, "4a");
    world_get(world, session, &get);
    world_get_gives(&get, 200, "6");
    world_send(session, "b");
    world_ws_sends(world, &ws, "5");
    world_ws_gives(&ws, "3probe");
    world_ws_gives(&ws, "4b");
    eio_ws_lost(&ws.ws, true, world->now_ms);
}

/* What no GET took leaves on the WebSocket, in order; a GET that is open then ends with a noop. */
static void test_queue_moves(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;
    struct fake_ws ws;

    world_upgrade(world, session, &ws);
    probe(world, &ws);
    world_send(session, "a");
    world_send_binary(session, "\1", 1);
    world_get(world, session, &get);
    world_ws_quiet(&ws);
    world_ws_sends(world, &ws, "5");
    world_send(session, "b");
    world_get_gives(&get, 200, "6");
    world_ws_gives(&ws, "4a");
    world_ws_gives_binary(&ws, "\1", 1);
    world_ws_gives(&ws, "4b");
    eio_ws_lost(&ws.ws, true, world->now_ms);
}

/* Both frames in one segment. */
static void test_probe_and_switch_at_once(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_ws ws;

    world_send(session, "a");
    world_upgrade(world, session, &ws);
    world_ws_sends(world, &ws, "2probe");
    world_ws_sends(world, &ws, "2probe");
    world_ws_sends(world, &ws, "5");
    world_ws_sends(world, &ws, "4b");
    world_told(world, "open upgrade text:b");
    world_ws_gives(&ws, "3probe");
    world_ws_gives(&ws, "3probe");
    world_ws_gives(&ws, "4a");
    world_ws_quiet(&ws);
    eio_ws_lost(&ws.ws, true, world->now_ms);
}

/* ---- failures cost the WebSocket, not the session ---- */

static const struct {
    const char *frames[3];
} bad[] = {
    {{"5"}},
    {{"4a"}},
    {{"2"}},
    {{"2prob"}},
    {{"2probes"}},
    {{"3"}},
    {{"1"}},
    {{"junk"}},
    {{""}},
    {{"2probe", "4a"}},
    {{"2probe", "1"}},
    {{"2probe", "6"}},
    {{"2probe", "3"}},
    {{"2probe", "junk"}},
    {{"2probe", "2"}},
};

static void test_bad_probes(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;
    struct fake_ws ws;
    size_t i, k;

    for (i = 0; i < TEST_COUNT(bad); i++) {
        world_upgrade(world, session, &ws);
        for (k = 0; k < 3 && bad[i].frames[k] != NULL; k++)
            world_ws_sends(world, &ws, bad[i].frames[k]);
        world_ws_sends(world, &ws, "5"); /* too late */
        world_ws_closes(&ws);
        assert_int_equal(failed(world), i + 1);
        assert_int_equal(eio_session_transport(session), EIO_POLLING);
    }
    world_upgrade(world, session, &ws);
    eio_ws_receive(&ws.ws, FRAME_BINARY, "2probe", 6, world->now_ms);
    world_ws_closes(&ws);

    world_get(world, session, &get);
    world_get_waits(&get);
    world_send(session, "still here");
    world_get_gives(&get, 200, "4still here");
    world_told(world, "open");
    world_post(world, session, "1");
}

static void test_probe_lost(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;
    struct fake_ws ws;

    world_upgrade(world, session, &ws);
    probe(world, &ws);
    eio_ws_lost(&ws.ws, false, world->now_ms);
    world_upgrade(world, session, &ws); /* another try may come */
    eio_ws_too_big(&ws.ws, world->now_ms);
    assert_false(eio_ws_wants_close(&ws.ws));
    eio_ws_lost(&ws.ws, true, world->now_ms);
    assert_int_equal(failed(world), 2);
    world_get(world, session, &get);
    world_get_waits(&get); /* no noop any more */
    world_post(world, session, "1");
    world_get_gives(&get, 200, "6");
    world_told(world, "open close:transport_close");
}

static void test_upgrade_timeout(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;
    struct fake_ws ws;

    world_upgrade(world, session, &ws);
    assert_int_equal(eio_engine_deadline(world->engine), world->now_ms + 10000);
    world_pass(world, 9999);
    probe(world, &ws);
    world_pass(world, 1);
    world_ws_closes(&ws);
    assert_int_equal(failed(world), 1);
    world_get(world, session, &get);
    world_get_waits(&get);
    world_post(world, session, "1");
}

static void test_further_websockets(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_ws first, second;

    world_upgrade(world, session, &first);
    memset(&second, 0, sizeof(second));
    eio_ws_upgrade(session, &second.ws, world->now_ms);
    assert_true(eio_ws_wants_close(&second.ws));
    eio_ws_receive(&second.ws, FRAME_TEXT, "2probe", 6, world->now_ms);
    eio_ws_lost(&second.ws, true, world->now_ms);
    probe(world, &first);
    world_ws_sends(world, &first, "5");
    eio_ws_upgrade(session, &second.ws, world->now_ms);
    assert_true(eio_ws_wants_close(&second.ws));
    eio_ws_lost(&second.ws, false, world->now_ms);
    world_send(session, "a");
    world_ws_gives(&first, "4a");
    world_told(world, "open upgrade");
    eio_ws_lost(&first.ws, true, world->now_ms);
}

/* Probes without end, nothing ever taken. */
static void test_probe_flood(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_ws ws;
    int i;

    world_upgrade(world, session, &ws);
    for (i = 0; i < 1000; i++)
        world_ws_sends(world, &ws, "2probe");
    world_ws_closes(&ws);
    world_told(world, "open");
    world_post(world, session, "1");
}

/* ---- upgrades meet other ends ---- */

static void test_session_ends_while_probing(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;
    struct fake_ws ws;

    world_get(world, session, &get);
    world_upgrade(world, session, &ws);
    world_post(world, session, "1");
    world_get_gives(&get, 200, "6");
    world_ws_closes(&ws);
    world_told(world, "open close:transport_close");
}

static void test_post_over_the_switch(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_post post;
    struct fake_ws ws;

    world_post_begins(world, session, &post);
    world_upgrade(world, session, &ws);
    probe(world, &ws);
    world_ws_sends(world, &ws, "5");
    world_post_body(world, &post, "4a");
    world_post_gives(&post, 200, "ok");
    world_told(world, "open upgrade text:a");
    eio_ws_lost(&ws.ws, true, world->now_ms);
}

/* The client has stopped polling, so the server's close has to reach it on the WebSocket. */
static void test_close_while_probed(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_ws ws;

    world_upgrade(world, session, &ws);
    probe(world, &ws);
    world_send(session, "1");
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_ws_quiet(&ws);
    world_ws_sends(world, &ws, "5");
    world_ws_gives(&ws, "41");
    world_ws_closes(&ws);
    world_told(world, "open close:server_close");

    session = world_polling(world);
    world_upgrade(world, session, &ws);
    probe(world, &ws);
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_ws_sends(world, &ws, "5");
    world_ws_closes(&ws);

    session = world_polling(world);
    world_upgrade(world, session, &ws);
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_ws_sends(world, &ws, "2probe"); /* only now */
    world_ws_sends(world, &ws, "5");
    world_ws_gives(&ws, "3probe");
    world_ws_closes(&ws);
    world_told(world, "open close:server_close open close:server_close");
}

static void test_close_while_probing_then_get(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;
    struct fake_ws ws;

    world_upgrade(world, session, &ws);
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_pass(world, 10000); /* the upgrade's time does not count any more */
    world_ws_quiet(&ws);
    world_get(world, session, &get);
    world_get_gives(&get, 200,
                    "6\x1e"
                    "1");
    world_ws_closes(&ws);

    session = world_polling(world);
    world_upgrade(world, session, &ws);
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_pass(world, 30000);
    world_ws_closes(&ws);
}

static void test_late_websocket_of_a_closing_session(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_ws ws;

    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    assert_int_equal(
        world_route_sid(world, EIO_GET, true, "websocket", eio_session_sid(session)).route,
        EIO_ROUTE_WS_REFUSE);
    memset(&ws, 0, sizeof(ws));
    eio_ws_upgrade(session, &ws.ws, world->now_ms);
    assert_true(eio_ws_wants_close(&ws.ws));
}

static void on_close_nothing(struct world *world, struct eio_session *session)
{
    eio_session_close(session, EIO_CLOSE_FORCED, world->now_ms);
    assert_false(world_send(session, "gone"));
}

/* A GET that arrives for a session which is over by then, in the same turn. */
static void test_late_carriers(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct eio_answer answer;
    struct fake_post post;
    struct fake_get get;

    world->closed = on_close_nothing;
    world_post(world, session, "1");
    memset(&get, 0, sizeof(get));
    memset(&post, 0, sizeof(post));
    eio_get_open(session, &get.get, world->now_ms);
    get.woken = true;
    world_get_gives(&get, 400, "");
    assert_false(eio_post_open(session, &post.post, NULL, &answer, world->now_ms));
    assert_int_equal(answer.status, 400);
    world_told(world, "open close:transport_close");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_upgrade),
        WORLD_TEST(test_gets_while_probed),
        WORLD_TEST(test_probe_behind_data),
        WORLD_TEST(test_queue_moves),
        WORLD_TEST(test_probe_and_switch_at_once),
        WORLD_TEST(test_bad_probes),
        WORLD_TEST(test_probe_lost),
        WORLD_TEST(test_upgrade_timeout),
        WORLD_TEST(test_further_websockets),
        WORLD_TEST(test_probe_flood),
        WORLD_TEST(test_session_ends_while_probing),
        WORLD_TEST(test_post_over_the_switch),
        WORLD_TEST(test_close_while_probed),
        WORLD_TEST(test_close_while_probing_then_get),
        WORLD_TEST(test_late_websocket_of_a_closing_session),
        WORLD_TEST(test_late_carriers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
