/* What waits for a client: sets in one piece, volatile packets, the bound, the order. */
#include <stdio.h>
#include <string.h>

#include "gateway/engineio/internal.h"
#include "tests/unit/engineio/world.h"
#include "tests/unit/test.h"

/* ---- sets ---- */

static struct frame_set *make_set(void)
{
    struct frame *frames[] = {frame_text("4", "52-[]", 5), frame_binary("\1", 1),
                              frame_binary("\2", 1)};

    return frame_set_new(frames, 3);
}

static void test_sets(void **state)
{
    struct world *world = *state;
    struct eio_session *polling = world_polling(world), *websocket;
    struct frame_set *set = make_set();
    struct fake_get get;
    struct fake_ws ws;

    websocket = world_websocket(world, &ws);
    assert_true(eio_session_send_set(polling, set, false));
    assert_true(eio_session_send_set(websocket, set, false));
    frame_set_release(set);
    world_get(world, polling, &get);
    world_get_gives(&get, 200,
                    "452-[]\x1e"
                    "bAQ==\x1e"
                    "bAg==");
    world_ws_gives(&ws, "452-[]");
    world_ws_gives_binary(&ws, "\1", 1);
    world_ws_gives_binary(&ws, "\2", 1);
    eio_ws_lost(&ws.ws, true, world->now_ms);
    world_post(world, polling, "1");
}

/* ---- volatile packets ---- */

static void test_volatile(void **state)
{
    struct world *world = *state;
    struct eio_session *polling = world_polling(world), *websocket;
    struct frame_set *set = make_set();
    struct fake_get get;
    struct fake_ws ws;

    assert_false(world_send_volatile(polling, "no GET"));
    assert_false(eio_session_send_set(polling, set, true));
    world_get(world, polling, &get);
    assert_true(world_send_volatile(polling, "a"));
    assert_false(world_send_volatile(polling, "one is on its way"));
    world_get_gives(&get, 200, "4a");
    world_get(world, polling, &get);
    assert_true(eio_session_send_set(polling, set, true));
    world_get_gives(&get, 200,
                    "452-[]\x1e"
                    "bAQ==\x1e"
                    "bAg==");

    websocket = world_websocket(world, &ws);
    assert_true(world_send_volatile(websocket, "b"));
    assert_false(world_send_volatile(websocket, "one is on its way"));
    assert_false(eio_session_send_set(websocket, set, true));
    world_ws_gives(&ws, "4b");
    eio_ws_buffered(&ws.ws, 1);
    assert_false(world_send_volatile(websocket, "the socket is full"));
    eio_ws_buffered(&ws.ws, 0);
    assert_true(world_send_volatile(websocket, "c"));
    world_ws_gives(&ws, "4c");
    world_ws_quiet(&ws);
    frame_set_release(set);

    eio_ws_lost(&ws.ws, true, world->now_ms);
    world_post(world, polling, "1");
    assert_false(world_send_volatile(polling, "gone"));
    world_told(world, "open open close:transport_close close:transport_close");
}

/* ---- the bound ---- */

static void bounded(struct world *world, size_t max_queued_bytes)
{
    struct eio_config config = world_usual_config();

    config.max_queued_bytes = max_queued_bytes;
    world_fini(world);
    world_init(world, &config);
}

static void test_overflow_polling(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_get get;
    char text[96];

    bounded(world, 200 + 2 * FRAME_OVERHEAD_BYTES);
    memset(text, 'x', 95);
    text[95] = '\0';
    session = world_polling(world);
    assert_true(world_send(session, text));
    assert_true(world_send(session, text)); /* 2 * (2 + 96): four are left */
    assert_int_equal(eio_session_queued_bytes(session), 196 + 2 * FRAME_OVERHEAD_BYTES);
    assert_true(world_send(session, "a"));
    assert_false(world_send(session, ""));
    world_told(world, "open"); /* never inside a send */
    assert_false(world_send(session, "a"));
    assert_int_equal(eio_engine_counters(world->engine)->queued_bytes, 0);
    assert_int_equal(eio_engine_session_count(world->engine), 0);
    assert_true(eio_engine_deadline(world->engine) <= world->now_ms);
    world_pass(world, 0);
    world_told(world, "close:overflow");
    assert_true(eio_engine_deadline(world->engine) == INT64_MAX);

    session = world_polling(world); /* with a GET that was not taken in time */
    world_get(world, session, &get);
    assert_true(world_send(session, text));
    assert_true(world_send(session, text));
    assert_true(world_send(session, text));
    assert_false(world_send(session, text));
    world_get_gives(&get, 200, "1");
    eio_engine_reap(world->engine);
    world_told(world, "open close:overflow");
}

static void test_overflow_websocket(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct frame_set *set;
    struct fake_ws ws;

    bounded(world, 200);
    set = make_set();
    session = world_websocket(world, &ws);
    eio_ws_buffered(&ws.ws, 199); /* what the network holds counts too */
    assert_int_equal(eio_session_queued_bytes(session), 199);
    assert_true(eio_session_send_set(session, set, false)); /* as one, with all its frames */
    assert_false(eio_session_send_set(session, set, false));
    frame_set_release(set);
    world_ws_closes(&ws);
    world_told(world, "open");
    eio_engine_reap(world->engine);
    world_told(world, "close:overflow");

    session = world_websocket(world, &ws);
    eio_ws_buffered(&ws.ws, 100000); /* more than the limit: no place left, and no underflow */
    assert_false(world_send(session, ""));
    eio_engine_reap(world->engine);
    world_ws_closes(&ws);
    world_told(world, "open close:overflow");
}

static void send_until_full(struct world *world, struct eio_session *session, const char *bytes)
{
    (void)world;
    while (world_send(session, bytes))
        ;
}

/* The receiver of a message fills its own queue: the rest of the payload is not given. */
static void test_overflow_inside_message(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_post post;

    bounded(world, 1000);
    world->message = send_until_full;
    session = world_polling(world);
    world_post_begins(world, session, &post);
    world_post_body(world, &post,
                    "4a\x1e"
                    "4b");
    world_post_gives(&post, 200, "ok");
    world_told(world, "open text:a");
    eio_engine_reap(world->engine);
    world_told(world, "close:overflow");
}

static void fill_other(struct world *world, struct eio_session *session)
{
    if (world->other != NULL && world->other != session)
        send_until_full(world, world->other, "x");
}

/* One end makes another, inside the reap. */
static void test_overflow_inside_close(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_ws ws;

    bounded(world, 1000);
    world->closed = fill_other;
    session = world_polling(world);
    world->other = world_websocket(world, &ws);
    send_until_full(world, session, "x");
    eio_engine_reap(world->engine);
    world_told(world, "open open close:overflow close:overflow");
    world_ws_closes(&ws);
}

static void send_two(struct world *world, struct eio_session *session)
{
    (void)world;
    assert_false(world_send(session, "more than there is room for"));
    assert_false(world_send(session, ""));
}

/* Behind the open packet there is no room. */
static void test_overflow_at_birth(void **state)
{
    struct world *world = *state;
    uint8_t random[16] = {0};
    struct fake_ws ws;

    bounded(world, 10);
    world->opened = send_two;
    memset(&ws, 0, sizeof(ws));
    eio_handshake_ws(world->engine, &ws.ws, world_handshake(""), random, world->now_ms);
    assert_true(eio_ws_wants_close(&ws.ws));
    eio_engine_reap(world->engine);
    world_told(world, "open close:overflow");
}

/* A ping that finds no place. */
static void test_overflow_by_ping(void **state)
{
    struct world *world = *state;
    struct eio_session *session;

    bounded(world, 150);
    session = world_polling(world);
    while (eio_session_queued_bytes(session) < 150)
        world_send(session, "");
    world_pass(world, 25000);
    world_told(world, "open close:overflow");
}

/* The ring of the queue wraps and grows in every position. */
static void test_queue_order(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    unsigned sent = 0, taken = 0, round;
    struct fake_ws ws;
    char text[16];

    session = world_websocket(world, &ws);
    for (round = 1; round < 60; round++) {
        unsigned more = round * 7 % 23, less = round * 5 % 19;

        while (more-- > 0) {
            snprintf(text, sizeof(text), "%u", sent++);
            assert_true(world_send(session, text));
        }
        while (less-- > 0 && taken < sent) {
            snprintf(text, sizeof(text), "4%u", taken++);
            world_ws_gives(&ws, text);
        }
    }
    eio_ws_lost(&ws.ws, true, world->now_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_sets),
        WORLD_TEST(test_volatile),
        WORLD_TEST(test_overflow_polling),
        WORLD_TEST(test_overflow_websocket),
        WORLD_TEST(test_overflow_inside_message),
        WORLD_TEST(test_overflow_inside_close),
        WORLD_TEST(test_overflow_at_birth),
        WORLD_TEST(test_overflow_by_ping),
        WORLD_TEST(test_queue_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
