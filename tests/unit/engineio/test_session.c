/* What holds for a session whatever its transport: ids, pause, counters, the handshake, walks over
 * all sessions. */
#include <stdio.h>
#include <string.h>

#include "gateway/engineio/internal.h"
#include "tests/unit/engineio/world.h"
#include "tests/unit/test.h"

/* ---- ids ---- */

static void test_sids(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    uint8_t random[16];
    struct fake_ws ws;

    memset(random, 0xff, sizeof(random));
    memset(&ws, 0, sizeof(ws));
    session = eio_handshake_ws(world->engine, &ws.ws, world_handshake(""), random, world->now_ms);
    assert_string_equal(eio_session_sid(session), "abc._____________________w");
    eio_ws_lost(&ws.ws, true, world->now_ms);

    eio_engine_set_tag(world->engine, "abcdefgh");
    memset(random, 0, sizeof(random));
    session = eio_handshake_ws(world->engine, &ws.ws, world_handshake(""), random, world->now_ms);
    assert_string_equal(eio_session_sid(session), "abcdefgh.AAAAAAAAAAAAAAAAAAAAAA");
    assert_int_equal(
        world_route_sid(world, EIO_GET, true, "websocket", eio_session_sid(session)).route,
        EIO_ROUTE_WS_REFUSE);
    eio_ws_lost(&ws.ws, true, world->now_ms);
}

static void test_size(void **state)
{
    (void)state;
    assert_true(sizeof(struct eio_session) < 300);
}

/* ---- pause ---- */

static void pause_it(struct world *world, struct eio_session *session, const char *bytes)
{
    (void)bytes;
    eio_session_pause(session, true, world->now_ms);
}

static void test_pause_polling(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_post post;
    struct fake_get get;

    world->message = pause_it;
    world_get(world, session, &get);
    world_post_begins(world, session, &post);
    world_post_body(world, &post,
                    "4a\x1e"
                    "4b");
    world_told(world, "open text:a");
    world_post_waits(&post);
    world_send(session, "out"); /* the other direction goes on */
    world_get_gives(&get, 200, "4out");
    world_post_waits(&post);
    eio_session_pause(session, false, world->now_ms);
    world_told(world, ""); /* never inside the call */
    world_pass(world, 0);
    world_told(world, "text:b");
    world_post_waits(&post);
    eio_session_pause(session, false, world->now_ms);
    world_post_gives(&post, 200, "ok");

    world->message = NULL;
    eio_session_pause(session, true, world->now_ms);
    world_post_begins(world, session, &post);
    eio_session_pause(session, false, world->now_ms);
    world_post_waits(&post); /* its body is still to come */
    world_post_body(world, &post, "1");
    world_post_gives(&post, 200, "ok");
}

static void test_pause_websocket(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_ws ws;

    session = world_websocket(world, &ws);
    world_ws_quiet(&ws);
    eio_session_pause(session, true, world->now_ms);
    assert_true(ws.woken);
    assert_true(ws.ws.paused);
    world_ws_sends(world, &ws, "4was read already");
    world_told(world, "open text:was read already");
    world_ws_quiet(&ws);
    eio_session_pause(session, true, world->now_ms);
    assert_false(ws.woken);
    eio_session_pause(session, false, world->now_ms);
    assert_true(ws.woken);
    assert_false(ws.ws.paused);
    eio_ws_lost(&ws.ws, true, world->now_ms);
    eio_session_pause(session, true, world->now_ms);
}

/* Paused over polling, still paused on the WebSocket. */
static void test_pause_over_the_switch(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_post post;
    struct fake_ws ws;

    world_post_begins(world, session, &post);
    eio_session_pause(session, true, world->now_ms);
    world_post_body(world, &post, "4a");
    world_post_waits(&post);
    world_upgrade(world, session, &ws);
    assert_false(ws.ws.paused); /* its probe must come through */
    world_ws_sends(world, &ws, "2probe");
    world_ws_sends(world, &ws, "5");
    assert_true(ws.ws.paused);
    world_post_waits(&post);
    eio_session_pause(session, false, world->now_ms);
    assert_false(ws.ws.paused);
    world_post_gives(&post, 200, "ok");
    eio_ws_lost(&ws.ws, true, world->now_ms);
}

/* A paused session that ends lets everything go. */
static void test_pause_and_end(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_post post, second;
    struct eio_answer answer;
    struct fake_ws ws;

    eio_session_pause(session, true, world->now_ms);
    world_post_begins(world, session, &post);
    world_post_body(world, &post, "4a");
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_post_gives(&post, 200, "ok");

    session = world_websocket(world, &ws);
    world_send(session, "a");
    eio_session_pause(session, true, world->now_ms);
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    assert_false(ws.ws.paused); /* to see the client's own close */
    world_ws_gives(&ws, "4a");
    world_ws_closes(&ws);

    session = world_polling(world); /* a client that does not wait for its `ok` */
    eio_session_pause(session, true, world->now_ms);
    world_post_begins(world, session, &post);
    world_post_body(world, &post, "4a");
    memset(&second, 0, sizeof(second));
    assert_false(eio_post_open(session, &second.post, NULL, &answer, world->now_ms));
    world_post_gives(&post, 200, "ok");

    session = world_polling(world);
    eio_session_pause(session, true, world->now_ms);
    world_post_begins(world, session, &post);
    world_post_body(world, &post, "4a");
    eio_post_lost(&post.post, world->now_ms);
    world_pass(world, 30000);
}

/* ---- everything else ---- */

static void test_counters(void **state)
{
    struct world *world = *state;
    const struct eio_counters *counters = eio_engine_counters(world->engine);
    struct eio_session *session = world_polling(world);
    uint64_t open_bytes = counters->bytes_out;
    struct fake_get get;
    struct fake_ws ws;

    world_websocket(world, &ws);
    assert_int_equal(counters->opened, 2);
    assert_int_equal(counters->sessions_now[EIO_POLLING], 1);
    assert_int_equal(counters->sessions_now[EIO_WEBSOCKET], 1);
    assert_int_equal(eio_engine_session_count(world->engine), 2);
    assert_int_equal(counters->packets_out[EIO_PACKET_OPEN], 2);
    world_post(world, session,
               "4a\x1e"
               "4b");
    world_ws_sends(world, &ws, "4c");
    assert_int_equal(counters->packets_in[EIO_PACKET_MESSAGE], 3);
    assert_int_equal(counters->bytes_in, 5 + 2);
    world_send(session, "hello");
    assert_int_equal(counters->queued_bytes, FRAME_OVERHEAD_BYTES + 2 + 6);
    open_bytes = counters->bytes_out;
    world_get(world, session, &get);
    world_get_gives(&get, 200, "4hello");
    assert_int_equal(counters->bytes_out, open_bytes + 6);
    assert_int_equal(counters->packets_out[EIO_PACKET_MESSAGE], 1);
    world_post(world, session, "1");
    eio_ws_lost(&ws.ws, false, world->now_ms);
    assert_int_equal(counters->closed[EIO_CLOSE_TRANSPORT_CLOSE], 1);
    assert_int_equal(counters->closed[EIO_CLOSE_TRANSPORT_ERROR], 1);
}

/* The packets that are no messages: of an upgrade, and of an end. */
static void test_counters_of_the_rest(void **state)
{
    struct world *world = *state;
    const struct eio_counters *counters = eio_engine_counters(world->engine);
    struct eio_session *session = world_polling(world);
    uint64_t open_bytes = counters->bytes_out;
    struct fake_get get;
    struct fake_ws ws;

    world_get(world, session, &get);
    world_upgrade(world, session, &ws);
    world_ws_sends(world, &ws, "2probe");
    world_get_gives(&get, 200, "6");
    world_ws_gives(&ws, "3probe");
    world_ws_sends(world, &ws, "5");
    assert_int_equal(counters->packets_in[EIO_PACKET_PING], 1);
    assert_int_equal(counters->packets_in[EIO_PACKET_UPGRADE], 1);
    assert_int_equal(counters->packets_out[EIO_PACKET_PONG], 1);
    assert_int_equal(counters->packets_out[EIO_PACKET_NOOP], 1);
    assert_int_equal(counters->bytes_out, open_bytes + 1 + 6);
    world_ws_sends(world, &ws, "1");
    assert_int_equal(counters->packets_in[EIO_PACKET_CLOSE], 1);

    session = world_polling(world);
    open_bytes = counters->bytes_out;
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_get(world, session, &get);
    world_get_gives(&get, 200,
                    "6\x1e"
                    "1");
    assert_int_equal(counters->packets_out[EIO_PACKET_NOOP], 2);
    assert_int_equal(counters->packets_out[EIO_PACKET_CLOSE], 1);
    assert_int_equal(counters->bytes_out, open_bytes + 3);
}

static void test_handshake(void **state)
{
    char name[] = "user-agent", value[] = "x", query[] = "EIO=4";
    struct eio_header headers[] = {{"host", "h"}, {name, value}, {"user-agent", "second"}};
    struct eio_handshake from = {.issued_wall_ms = 7,
                                 .secure = true,
                                 .xdomain = true,
                                 .address = "192.0.2.7",
                                 .query = query,
                                 .header_count = 3,
                                 .headers = headers};
    struct eio_handshake *copy = eio_handshake_new(&from);
    const struct eio_handshake *held;

    (void)state;
    memset(name, '-', sizeof(name) - 1);
    memset(value, '-', sizeof(value) - 1);
    memset(query, '-', sizeof(query) - 1);
    held = eio_handshake_hold(copy);
    eio_handshake_release(copy);
    assert_string_equal(eio_handshake_header(held, "user-agent"), "x");
    assert_string_equal(eio_handshake_header(held, "host"), "h");
    assert_null(eio_handshake_header(held, "cookie"));
    assert_string_equal(held->query, "EIO=4");
    assert_string_equal(held->url, "");
    assert_string_equal(held->address, "192.0.2.7");
    assert_true(held->secure && held->xdomain && held->issued_wall_ms == 7);
    eio_handshake_release(copy);
    eio_handshake_release(NULL);
}

static void test_user(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);

    assert_null(eio_session_user(session));
    eio_session_set_user(session, world);
    assert_ptr_equal(eio_session_user(session), world);
    assert_string_equal(eio_session_handshake(session)->address, "192.0.2.1");
    world_post(world, session, "1");
    assert_ptr_equal(eio_session_user(session), world); /* until it is reaped */
}

static void visit_and_close(void *user, struct eio_session *session)
{
    struct world *world = user;

    buf_puts(&world->told, "|");
    if (world->other != NULL && world->other != session)
        eio_session_close(world->other, EIO_CLOSE_SERVER, world->now_ms);
    world->other = session;
    eio_session_close(session, EIO_CLOSE_SHUTDOWN, world->now_ms);
}

static void close_other(void *user, struct eio_session *session)
{
    struct world *world = user;
    struct eio_session *other = world->other == session ? NULL : world->other;

    buf_puts(&world->told, "|");
    if (other != NULL)
        eio_session_close(other, EIO_CLOSE_SHUTDOWN, world->now_ms);
}

static void test_each(void **state)
{
    struct world *world = *state;
    int i;

    for (i = 0; i < 5; i++)
        world_polling(world);
    buf_reset(&world->told);
    eio_engine_each(world->engine, visit_and_close, world);
    assert_int_equal(eio_engine_session_count(world->engine), 0);
    assert_int_equal(buf_text(&world->told)[0], '|');
    buf_reset(&world->told);
    eio_engine_each(world->engine, visit_and_close, world); /* none is open */
    world_told(world, "");

    world->other = world_polling(world);
    world_polling(world);
    world_polling(world);
    eio_engine_each(world->engine, close_other, world);
    assert_int_equal(eio_engine_session_count(world->engine), 2);
    world->other = NULL;
    eio_engine_each(world->engine, visit_and_close, world);
}

static void test_reasons(void **state)
{
    (void)state;
    assert_string_equal(eio_close_label(EIO_CLOSE_OVERFLOW), "overflow");
    assert_string_equal(eio_close_text(EIO_CLOSE_OVERFLOW), "transport error");
    assert_true(eio_close_is_error(EIO_CLOSE_OVERFLOW));
    assert_string_equal(eio_close_text(EIO_CLOSE_SERVER), "forced server close");
    assert_false(eio_close_is_error(EIO_CLOSE_SERVER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_sids),
        WORLD_TEST(test_size),
        WORLD_TEST(test_pause_polling),
        WORLD_TEST(test_pause_websocket),
        WORLD_TEST(test_pause_over_the_switch),
        WORLD_TEST(test_pause_and_end),
        WORLD_TEST(test_counters),
        WORLD_TEST(test_counters_of_the_rest),
        WORLD_TEST(test_handshake),
        WORLD_TEST(test_user),
        WORLD_TEST(test_each),
        WORLD_TEST(test_reasons),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
