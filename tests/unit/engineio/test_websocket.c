/* The WebSocket transport. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/unit/engineio/world.h"
#include "tests/unit/test.h"

static void test_echo(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_ws ws;

    session = world_websocket(world, &ws);
    world_ws_quiet(&ws);
    world_ws_sends(world, &ws, "4hello");
    eio_ws_receive(&ws.ws, FRAME_BINARY, "\1\2\3\4", 4, world->now_ms);
    eio_ws_receive(&ws.ws, FRAME_BINARY, NULL, 0, world->now_ms);
    world_told(world, "open text:hello binary:01020304 binary:");
    assert_true(world_send(session, "hello"));
    assert_true(world_send_binary(session, "\1\2\3\4", 4));
    assert_true(world_send(session, ""));
    world_ws_gives(&ws, "4hello");
    world_ws_gives_binary(&ws, "\1\2\3\4", 4);
    world_ws_gives(&ws, "4");
    world_ws_quiet(&ws);
    eio_ws_lost(&ws.ws, true, world->now_ms);
    world_told(world, "close:transport_close");
}

static const struct {
    const char *frame;
    const char *told;
    bool lives;
} frames[] = {
    {"4a", "text:a", true},
    {"bAQID", "binary:010203", true},
    {"3", "", true},
    {"0{}", "", true},
    {"5", "", true},
    {"6", "", true},
    {"4a\x1e"
     "b",
     "text:a\x1e"
     "b",
     true}, /* no payload here */
    {"1", "close:transport_close", false},
    {"2", "close:transport_error", false},
    {"2probe", "close:transport_error", false},
    {"", "close:parse_error", false},
    {"abc", "close:parse_error", false},
    {"7", "close:parse_error", false},
};

static void test_frames(void **state)
{
    struct world *world = *state;
    struct fake_ws ws;
    size_t i;

    for (i = 0; i < TEST_COUNT(frames); i++) {
        char *exact = xmemdup(frames[i].frame, strlen(frames[i].frame));

        world_websocket(world, &ws);
        world_told(world, "open");
        world_ws_quiet(&ws);
        eio_ws_receive(&ws.ws, FRAME_TEXT, exact, strlen(frames[i].frame), world->now_ms);
        free(exact);
        world_told(world, frames[i].told);
        if (frames[i].lives) {
            world_ws_quiet(&ws);
            eio_ws_lost(&ws.ws, true, world->now_ms);
            world_told(world, "close:transport_close");
        } else {
            eio_ws_receive(&ws.ws, FRAME_TEXT, "4late", 5, world->now_ms);
            world_ws_closes(&ws);
            world_told(world, "");
        }
    }
}

static void test_lost(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_ws ws;

    session = world_websocket(world, &ws);
    world_send(session, "never taken");
    eio_ws_lost(&ws.ws, false, world->now_ms);
    eio_ws_lost(&ws.ws, false, world->now_ms);
    assert_null(eio_ws_take(&ws.ws));
    assert_false(eio_ws_wants_close(&ws.ws));
    world_told(world, "open close:transport_error");
}

static void test_too_big(void **state)
{
    struct world *world = *state;
    struct fake_ws ws;

    world_websocket(world, &ws);
    eio_ws_too_big(&ws.ws, world->now_ms);
    assert_false(eio_ws_wants_close(&ws.ws)); /* the network sends its own close, with 1009 */
    eio_ws_lost(&ws.ws, true, world->now_ms);
    world_told(world, "open close:payload_too_big");
}

/* b64=1: bytes travel as text, both ways. */
static void test_forced_base64(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_ws ws;

    world->extra_query = "&b64=1";
    session = world_websocket(world, &ws);
    world_ws_sends(world, &ws, "bAQID");
    world_told(world, "open binary:010203");
    world_send(session, "a");
    world_send_binary(session, "\1\2\3", 3);
    world_send_binary(session, "", 0);
    world_ws_gives(&ws, "4a");
    world_ws_gives(&ws, "bAQID");
    world_ws_gives(&ws, "b");
    eio_ws_lost(&ws.ws, true, world->now_ms);
}

/* ---- a close by the server ---- */

static void test_close(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_ws ws;

    session = world_websocket(world, &ws);
    world_ws_quiet(&ws);
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_told(world, "open close:server_close");
    world_ws_closes(&ws);
    assert_int_equal(world_route_sid(world, EIO_GET, true, "websocket", eio_session_sid(session))
                         .answer.error_code,
                     1);
}

static void test_close_behind_data(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct eio_verdict verdict;
    struct fake_ws ws;

    session = world_websocket(world, &ws);
    world_send(session, "1");
    world_send(session, "1/adm,");
    eio_session_close(session, EIO_CLOSE_SHUTDOWN, world->now_ms);
    world_told(world, "open close:server_shutting_down");
    eio_engine_reap(world->engine);
    assert_false(eio_ws_wants_close(&ws.ws));
    verdict = world_route_sid(world, EIO_GET, true, "websocket", eio_session_sid(session));
    assert_int_equal(verdict.answer.error_code, 1); /* gone for everybody else */
    world_ws_sends(world, &ws, "4ignored");
    world_ws_sends(world, &ws, "junk");
    world_ws_gives(&ws, "41");
    eio_engine_reap(world->engine);
    world_ws_gives(&ws, "41/adm,");
    world_ws_closes(&ws);
    world_told(world, "");
}

/* A client that does not read what is queued does not keep the session. */
static void test_close_wait_ends(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_ws ws;

    session = world_websocket(world, &ws);
    world_send(session, "a");
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_pass(world, 29999);
    assert_false(eio_ws_wants_close(&ws.ws));
    world_pass(world, 1);
    eio_engine_reap(world->engine);
    world_ws_closes(&ws);
}

static void test_close_then_client_leaves(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_ws ws;
    int i;

    for (i = 0; i < 2; i++) {
        session = world_websocket(world, &ws);
        world_send(session, "a");
        eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
        if (i == 0) {
            eio_ws_lost(&ws.ws, true, world->now_ms);
            assert_null(eio_ws_take(&ws.ws));
        } else {
            world_ws_sends(world, &ws, "1");
            world_ws_closes(&ws);
        }
        world_told(world, "open close:server_close");
    }
}

/* An engine may go while a slow reader has not taken everything. */
static void test_free_while_closing(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_ws ws;

    session = world_websocket(world, &ws);
    world_send(session, "a");
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    eio_engine_free(&world->engine);
    world_ws_closes(&ws);
}

static void on_message_close(struct world *world, struct eio_session *session, const char *bytes)
{
    (void)bytes;
    world_send(session, "1");
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
}

static void test_close_inside_message(void **state)
{
    struct world *world = *state;
    struct fake_ws ws;

    world->message = on_message_close;
    world_websocket(world, &ws);
    world_ws_sends(world, &ws, "4a");
    world_ws_sends(world, &ws, "4b");
    world_told(world, "open text:a close:server_close");
    world_ws_gives(&ws, "41");
    world_ws_closes(&ws);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_echo),
        WORLD_TEST(test_frames),
        WORLD_TEST(test_lost),
        WORLD_TEST(test_too_big),
        WORLD_TEST(test_forced_base64),
        WORLD_TEST(test_close),
        WORLD_TEST(test_close_behind_data),
        WORLD_TEST(test_close_wait_ends),
        WORLD_TEST(test_close_then_client_leaves),
        WORLD_TEST(test_free_while_closing),
        WORLD_TEST(test_close_inside_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
