/* Pings, pongs and silence, in virtual time: interval 300 ms, timeout 200 ms. */
#include <string.h>

#include "tests/unit/engineio/world.h"
#include "tests/unit/test.h"

static void start(struct world *world)
{
    struct eio_config config = world_usual_config();

    config.ping_interval_ms = 300;
    config.ping_timeout_ms = 200;
    world_fini(world);
    world_init(world, &config);
}

static bool is_known(struct world *world, const char *sid)
{
    return world_route_sid(world, EIO_GET, false, "polling", sid).route == EIO_ROUTE_GET;
}

static void test_websocket_rounds(void **state)
{
    struct world *world = *state;
    struct fake_ws ws;
    int i;

    start(world);
    world_websocket(world, &ws);
    for (i = 0; i < 3; i++) {
        assert_int_equal(eio_engine_deadline(world->engine), world->now_ms + 300);
        world_pass(world, 299);
        world_ws_quiet(&ws);
        world_pass(world, 1);
        world_ws_gives(&ws, "2");
        world_ws_quiet(&ws);
        world_pass(world, 199);
        world_ws_sends(world, &ws, "3");
    }
    eio_ws_lost(&ws.ws, true, world->now_ms);
    assert_true(eio_engine_deadline(world->engine) == INT64_MAX);
}

static void test_polling_rounds(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_get get;
    int i;

    start(world);
    session = world_polling(world);
    for (i = 0; i < 3; i++) {
        world_get(world, session, &get);
        world_pass(world, 299);
        world_get_waits(&get);
        world_pass(world, 1);
        world_get_gives(&get, 200, "2");
        world_pass(world, 199);
        world_post(world, session, "3");
    }
    world_post(world, session, "1");
}

/* A GET exactly interval + timeout after the handshake finds the session unknown already, however
 * late the loop came to the ping. */
static void test_silence(void **state)
{
    static const int64_t lateness_ms[] = {0, 1, 5, 25};
    struct world *world = *state;
    struct eio_session *session;
    struct fake_ws ws;
    char sid[40];
    size_t i;

    start(world);
    for (i = 0; i < TEST_COUNT(lateness_ms); i++) {
        session = world_polling(world);
        strcpy(sid, eio_session_sid(session));
        world_websocket(world, &ws);
        world_told(world, "open open");
        world_pass(world, 300 + lateness_ms[i]);
        world_ws_gives(&ws, "2");
        world_pass(world, 199 - lateness_ms[i]);
        assert_true(is_known(world, sid));
        world_told(world, "");
        world_pass(world, 1);
        assert_false(is_known(world, sid));
        world_ws_closes(&ws);
        world_told(world, "close:ping_timeout close:ping_timeout");
        eio_engine_reap(world->engine);
    }
}

/* A loop that stood still does not make its clients pay: the pong has its full time. */
static void test_late_loop(void **state)
{
    struct world *world = *state;
    struct fake_ws ws;

    start(world);
    world_websocket(world, &ws);
    world_pass(world, 5000);
    world_ws_gives(&ws, "2");
    world_pass(world, 199);
    world_ws_quiet(&ws);
    world_pass(world, 1);
    world_ws_closes(&ws);
}

/* Only `3` counts: not messages, not GETs. */
static void test_other_traffic(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_get get;
    int i;

    start(world);
    session = world_polling(world);
    for (i = 0; i < 9; i++) {
        world_pass(world, 50);
        world_post(world, session, "4a");
    }
    world_get(world, session, &get);
    world_get_gives(&get, 200, "2");
    world_get(world, session, &get);
    world_pass(world, 50);
    world_get_gives(&get, 200, "1");
}

/* On polling the ping counts as sent when it is queued, though no GET took it. */
static void test_no_get(void **state)
{
    struct world *world = *state;
    struct eio_session *session;

    start(world);
    session = world_polling(world);
    world_pass(world, 300);
    world_pass(world, 200);
    assert_false(is_known(world, eio_session_sid(session)));
    world_told(world, "open close:ping_timeout");
}

static void test_unasked_pong(void **state)
{
    struct world *world = *state;
    struct fake_ws ws;

    start(world);
    world_websocket(world, &ws);
    world_pass(world, 299);
    world_ws_sends(world, &ws, "3");
    world_pass(world, 299);
    world_ws_quiet(&ws);
    world_pass(world, 1);
    world_ws_gives(&ws, "2");
    world_ws_sends(world, &ws, "3");
    world_ws_sends(world, &ws, "3");
    world_pass(world, 299);
    world_ws_quiet(&ws);
    eio_ws_lost(&ws.ws, true, world->now_ms);
}

/* The ping went out on polling, the pong may be on its way there: the switch gives it full time. */
static void test_switch(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_get get;
    struct fake_ws ws;

    start(world);
    session = world_polling(world);
    world_upgrade(world, session, &ws);
    world_get(world, session, &get);
    world_pass(world, 300);
    world_get_gives(&get, 200, "2");
    world_pass(world, 150);
    world_ws_sends(world, &ws, "2probe");
    world_ws_sends(world, &ws, "5");
    world_ws_gives(&ws, "3probe");
    world_pass(world, 199);
    world_ws_quiet(&ws);
    world_pass(world, 1);
    world_ws_closes(&ws);
    world_told(world, "open upgrade close:ping_timeout");
}

/* While paused nothing is read, so no pong can be missed; after it the time starts anew. */
static void test_pause(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_ws ws;

    start(world);
    session = world_websocket(world, &ws);
    world_pass(world, 300);
    world_ws_gives(&ws, "2");
    world_pass(world, 100);
    eio_session_pause(session, true, world->now_ms);
    world_pass(world, 5000);
    world_ws_quiet(&ws);
    eio_session_pause(session, false, world->now_ms);
    world_pass(world, 199);
    world_ws_quiet(&ws);
    world_ws_sends(world, &ws, "3");

    eio_session_pause(session, true, world->now_ms); /* the ping falls due meanwhile */
    world_pass(world, 300);
    world_ws_gives(&ws, "2");
    world_pass(world, 5000);
    eio_session_pause(session, false, world->now_ms);
    world_pass(world, 199);
    world_ws_quiet(&ws);
    world_pass(world, 1);
    world_ws_closes(&ws);
    world_told(world, "open close:ping_timeout");
}

/* No heartbeat for a session that was closed. */
static void test_closing(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_get get;

    start(world);
    session = world_polling(world);
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_pass(world, 10000);
    world_get(world, session, &get);
    world_get_gives(&get, 200,
                    "6\x1e"
                    "1");
    world_told(world, "open close:server_close");
}

/* The order of deadlines is the order of time, whoever's they are. */
static void test_many(void **state)
{
    struct world *world = *state;
    struct fake_ws ws[20];
    int i, k;

    start(world);
    for (i = 0; i < 20; i++) {
        world_websocket(world, &ws[i]);
        world_pass(world, 10);
    }
    world_pass(world, 100);
    for (i = 0; i < 20; i++) {
        world_ws_gives(&ws[i], "2");
        for (k = i + 1; k < 20; k++)
            world_ws_quiet(&ws[k]);
        world_pass(world, 10);
    }
    for (i = 0; i < 20; i++) {
        world_ws_closes(&ws[i]);
        for (k = i + 1; k < 20; k++)
            world_ws_quiet(&ws[k]);
        world_pass(world, 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_websocket_rounds),
        WORLD_TEST(test_polling_rounds),
        WORLD_TEST(test_silence),
        WORLD_TEST(test_late_loop),
        WORLD_TEST(test_other_traffic),
        WORLD_TEST(test_no_get),
        WORLD_TEST(test_unasked_pong),
        WORLD_TEST(test_switch),
        WORLD_TEST(test_pause),
        WORLD_TEST(test_closing),
        WORLD_TEST(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
