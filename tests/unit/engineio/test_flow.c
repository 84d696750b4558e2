/* A client that sends too fast is held back, and one that reads too slowly is let go. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "gateway/engineio/internal.h"
#include "tests/unit/engineio/world.h"
#include "tests/unit/test.h"

/* Ten packets and a thousand bytes a second; the soft limit is two small frames. */
static void limited(struct world *world)
{
    struct eio_config config = world_usual_config();

    config.max_packets_per_second = 10;
    config.max_per_second_bytes = 1000;
    config.soft_queued_bytes = 2 * (FRAME_OVERHEAD_BYTES + 2 + 2);
    config.soft_queued_ms = 5000;
    world_fini(world);
    world_init(world, &config);
}

static uint64_t reached(struct world *world, enum eio_limit limit)
{
    return eio_engine_counters(world->engine)->limits[limit];
}

static void ws_sends_many(struct world *world, struct fake_ws *ws, unsigned count)
{
    while (count-- > 0) {
        assert_false(ws->ws.paused);
        world_ws_sends(world, ws, "4");
    }
}

/* `count` messages without a text in one body. */
static void post_many(struct world *world, struct eio_session *session, struct fake_post *post,
                      unsigned count)
{
    struct buf body;

    buf_init(&body, 10000);
    while (count-- > 0)
        buf_puts(&body, count > 0 ? "4\x1e" : "4last");
    world_post_begins(world, session, post);
    world_post_body(world, post, buf_text(&body));
    buf_fini(&body);
}

/* What the application was told since the last time: only how many messages. */
static unsigned told_messages(struct world *world)
{
    const char *at = buf_text(&world->told);
    unsigned count = 0;

    while ((at = strstr(at, "text:")) != NULL) {
        at++;
        count++;
    }
    buf_reset(&world->told);
    return count;
}

/* ---- packets ---- */

static void test_packets_websocket(void **state)
{
    struct world *world = *state;
    struct fake_ws ws;

    limited(world);
    world_websocket(world, &ws);
    ws_sends_many(world, &ws, 20); /* two seconds' worth at once */
    assert_false(ws.ws.paused);
    world_ws_sends(world, &ws, "4");
    assert_true(ws.ws.paused && ws.woken);
    assert_int_equal(reached(world, EIO_LIMIT_PACKET_RATE), 1);
    world_ws_sends(world, &ws, "4"); /* had been read with it: comes, and costs */
    assert_int_equal(told_messages(world), 22);
    assert_int_equal(reached(world, EIO_LIMIT_PACKET_RATE), 1);
    assert_int_equal(eio_engine_deadline(world->engine), world->now_ms + 300);
    world_pass(world, 299);
    assert_true(ws.ws.paused);
    world_pass(world, 1);
    assert_false(ws.ws.paused);
    ws_sends_many(world, &ws, 1); /* for which there is room again; not for two */
    assert_false(ws.ws.paused);
    ws_sends_many(world, &ws, 1);
    assert_true(ws.ws.paused);
    assert_int_equal(reached(world, EIO_LIMIT_PACKET_RATE), 2);
    assert_int_equal(reached(world, EIO_LIMIT_BYTE_RATE), 0);
    world_pass(world, 2000); /* and after a rest for twenty */
    ws_sends_many(world, &ws, 18);
    eio_ws_lost(&ws.ws, true, world->now_ms);
}

static void test_packets_polling(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_post post;
    struct fake_get get;

    limited(world);
    session = world_polling(world);
    post_many(world, session, &post, 20);
    world_post_gives(&post, 200, "ok");
    world_pass(world, 2000);
    told_messages(world);

    post_many(world, session, &post, 23);
    assert_int_equal(told_messages(world), 21);
    world_post_waits(&post);
    world_get(world, session, &get); /* the other direction goes on */
    world_send(session, "out");
    world_get_gives(&get, 200, "4out");
    world_pass(world, 199);
    assert_int_equal(told_messages(world), 0);
    world_pass(world, 1);
    assert_int_equal(told_messages(world), 2); /* there was room for one, and one too many */
    world_post_waits(&post);
    world_pass(world, 200);
    world_post_gives(&post, 200, "ok");
    assert_int_equal(reached(world, EIO_LIMIT_PACKET_RATE), 2);
    world_post(world, session, "1");
}

/* ---- bytes ---- */

static void test_bytes(void **state)
{
    struct world *world = *state;
    char *text = xmalloc(2002);
    struct fake_ws ws;

    limited(world);
    memset(text, 'x', 2001);
    text[0] = '4';
    text[2001] = '\0';
    world_websocket(world, &ws);
    world_ws_sends(world, &ws, text); /* 2000 without the type */
    assert_false(ws.ws.paused);
    world_ws_sends(world, &ws, "4"); /* nothing is not too much */
    assert_false(ws.ws.paused);
    world_ws_sends(world, &ws, "4x");
    assert_true(ws.ws.paused);
    assert_int_equal(reached(world, EIO_LIMIT_BYTE_RATE), 1);
    assert_int_equal(reached(world, EIO_LIMIT_PACKET_RATE), 0);
    world_pass(world, 100);
    assert_true(ws.ws.paused);
    world_pass(world, 1);
    assert_false(ws.ws.paused);
    eio_ws_lost(&ws.ws, true, world->now_ms);
    free(text);
}

static void test_off(void **state)
{
    struct world *world = *state;
    struct fake_ws ws;

    world_websocket(world, &ws);
    ws_sends_many(world, &ws, 10000);
    assert_false(ws.ws.paused);
    eio_ws_lost(&ws.ws, true, world->now_ms);
}

/* ---- what costs ---- */

static void test_pongs(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_ws ws;

    limited(world);
    session = world_websocket(world, &ws);
    world_pass(world, 25000);
    world_ws_gives(&ws, "2");
    world_ws_sends(world, &ws, "3");
    assert_null(session->flow); /* an answer is free, and costs no memory either */
    for (int i = 0; i < 20; i++)
        world_ws_sends(world, &ws, "3");
    assert_false(ws.ws.paused);
    world_ws_sends(world, &ws, "6");
    assert_true(ws.ws.paused);
    world_pass(world, 200);
    world_pass(world, 24800);
    assert_null(session->flow); /* nor does one that was quiet meanwhile */
    eio_ws_lost(&ws.ws, true, world->now_ms);
}

static void test_probes(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_ws ws;

    limited(world);
    session = world_polling(world);
    world_upgrade(world, session, &ws);
    world_ws_sends(world, &ws, "2probe");
    for (int i = 0; i < 20; i++)
        world_ws_sends(world, &ws, "2probe");
    for (int i = 0; i < 21; i++)
        world_ws_gives(&ws, "3probe");
    world_ws_quiet(&ws);
    world_ws_sends(world, &ws, "2probe"); /* ends that WebSocket, and nothing else */
    world_ws_closes(&ws);
    world_pass(world, 200);
    world_post(world, session, "4still here");
    world_told(world, "open text:still here");
    world_post(world, session, "1");
}

/* ---- a session that is held back lives on ---- */

static void test_held_and_silent(void **state)
{
    struct world *world = *state;
    struct fake_ws ws;

    limited(world);
    world_websocket(world, &ws);
    world_pass(world, 24900);
    ws_sends_many(world, &ws, 21);
    world_pass(world, 100);
    world_ws_gives(&ws, "2");
    assert_true(ws.ws.paused);
    world_pass(world, 100);
    assert_false(ws.ws.paused);
    world_pass(world, 19999);
    world_ws_quiet(&ws);
    world_pass(world, 1);
    world_ws_closes(&ws);
    told_messages(world);
    assert_int_equal(eio_engine_counters(world->engine)->closed[EIO_CLOSE_PING_TIMEOUT], 1);
}

static void test_held_and_upgraded(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_post post;
    struct fake_ws ws;

    limited(world);
    session = world_polling(world);
    post_many(world, session, &post, 30);
    assert_int_equal(told_messages(world), 21);
    world_upgrade(world, session, &ws);
    world_ws_sends(world, &ws, "2probe"); /* is answered nevertheless */
    world_ws_gives(&ws, "3probe");
    assert_int_equal(told_messages(world), 0);
    world_ws_sends(world, &ws, "5"); /* who did not wait for his `ok` is given all in order */
    assert_int_equal(told_messages(world), 9);
    assert_true(ws.ws.paused);
    world_post_waits(&post);
    world_pass(world, 1100 - 1);
    assert_true(ws.ws.paused);
    world_pass(world, 1);
    assert_false(ws.ws.paused);
    world_post_gives(&post, 200, "ok");
    eio_ws_lost(&ws.ws, true, world->now_ms);
}

/* A body that was begun before the switch comes after it: whole, for others may follow. */
static void test_body_after_the_switch(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_post post;
    struct fake_ws ws;

    limited(world);
    session = world_polling(world);
    world_post_begins(world, session, &post);
    world_upgrade(world, session, &ws);
    world_ws_sends(world, &ws, "2probe");
    world_ws_gives(&ws, "3probe");
    world_ws_sends(world, &ws, "5");
    eio_session_pause(session, true, world->now_ms);
    world_post_body(world, &post,
                    "4a\x1e"
                    "4b");
    world_ws_sends(world, &ws, "4c");
    world_told(world, "open upgrade text:a text:b text:c");
    eio_ws_lost(&ws.ws, true, world->now_ms);
    world_post_gives(&post, 200, "ok");
}

static void test_held_and_ended(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_post post;
    struct fake_ws ws;

    limited(world);
    session = world_polling(world);
    post_many(world, session, &post, 30);
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_post_gives(&post, 200, "ok");

    session = world_polling(world);
    post_many(world, session, &post, 30);
    eio_post_lost(&post.post, world->now_ms);

    world_websocket(world, &ws);
    ws_sends_many(world, &ws, 21);
    eio_ws_lost(&ws.ws, true, world->now_ms);
    assert_int_equal(told_messages(world), 63);
    world_pass(world, 30000); /* the close waited for a GET */
    assert_true(eio_engine_deadline(world->engine) == INT64_MAX);
}

/* Two who want a pause: reading goes on when neither does. */
static void test_held_and_paused(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_post post;

    limited(world);
    session = world_polling(world);
    post_many(world, session, &post, 23);
    eio_session_pause(session, true, world->now_ms);
    world_pass(world, 1000);
    assert_int_equal(told_messages(world), 21);
    eio_session_pause(session, false, world->now_ms);
    world_pass(world, 0);
    assert_int_equal(told_messages(world), 2);
    world_post_gives(&post, 200, "ok");
    world_post(world, session, "1");
}

/* ---- the soft limit of the queue ---- */

static void test_soft_limit(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_ws ws;

    limited(world);
    session = world_websocket(world, &ws);
    world_send(session, "a");
    world_send(session, "b"); /* found less than the limit, which is reached now */
    world_pass(world, 10000);
    world_send(session, "c"); /* finds it reached */
    world_pass(world, 0);
    world_pass(world, 4999);
    world_ws_gives(&ws, "4a");
    world_ws_gives(&ws, "4b"); /* in the last moment */
    world_pass(world, 5000);
    world_send(session, "d");
    world_send(session, "e");
    assert_true(eio_engine_deadline(world->engine) <= world->now_ms);
    world_pass(world, 0);
    world_pass(world, 4999);
    world_ws_gives(&ws, "4c"); /* two wait: not below */
    world_told(world, "open");
    world_pass(world, 1);
    world_told(world, "close:too_slow");
    world_ws_closes(&ws);
    assert_int_equal(reached(world, EIO_LIMIT_QUEUED_SOFT), 1);
    assert_int_equal(reached(world, EIO_LIMIT_QUEUED), 0);
}

/* What the network holds is waiting, too; what leaves from there counts. */
static void test_soft_limit_in_network(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_ws ws;

    limited(world);
    session = world_websocket(world, &ws);
    eio_ws_buffered(&ws.ws, 1000);
    world_send(session, "a");
    world_ws_gives(&ws, "4a");
    world_pass(world, 0);
    world_pass(world, 4999);
    eio_ws_buffered(&ws.ws, 10);
    world_pass(world, 10000);
    world_told(world, "open");
    eio_ws_lost(&ws.ws, true, world->now_ms);
}

static void test_labels(void **state)
{
    (void)state;
    assert_string_equal(eio_limit_label(EIO_LIMIT_PACKET_RATE), "packets_per_second");
    assert_string_equal(eio_limit_label(EIO_LIMIT_BYTE_RATE), "per_second_bytes");
    assert_string_equal(eio_limit_label(EIO_LIMIT_QUEUED_SOFT), "soft_queued_bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_packets_websocket),
        WORLD_TEST(test_packets_polling),
        WORLD_TEST(test_bytes),
        WORLD_TEST(test_off),
        WORLD_TEST(test_pongs),
        WORLD_TEST(test_probes),
        WORLD_TEST(test_held_and_silent),
        WORLD_TEST(test_held_and_upgraded),
        WORLD_TEST(test_body_after_the_switch),
        WORLD_TEST(test_held_and_ended),
        WORLD_TEST(test_held_and_paused),
        WORLD_TEST(test_soft_limit),
        WORLD_TEST(test_soft_limit_in_network),
        WORLD_TEST(test_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
