/* The polling transport: how the server closes a session, with a GET open or without. */
#include <string.h>

#include "tests/unit/engineio/world.h"
#include "tests/unit/test.h"

static bool is_known(struct world *world, const char *sid)
{
    struct eio_verdict verdict = world_route_sid(world, EIO_GET, false, "polling", sid);

    if (verdict.route == EIO_ROUTE_GET)
        return true;
    assert_int_equal(verdict.answer.error_code, 1);
    return false;
}

static void test_close_with_get(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;

    world_get(world, session, &get);
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    eio_session_close(session, EIO_CLOSE_FORCED, world->now_ms);
    world_told(world, "open close:server_close");
    world_get_gives(&get, 200, "1");
    assert_false(is_known(world, eio_session_sid(session)));
}

static void test_close_without_get(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;

    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_told(world, "open close:server_close");
    assert_int_equal(eio_engine_session_count(world->engine), 0);
    eio_engine_reap(world->engine); /* it is not freed: it waits */
    world_pass(world, 29999);
    world_get(world, session, &get);
    world_get_gives(&get, 200,
                    "6\x1e"
                    "1");
    assert_false(is_known(world, eio_session_sid(session)));
    world_told(world, "");
}

/* What was queued leaves first; the close comes with the GET after it. */
static void test_close_behind_data(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;

    world_get(world, session, &get);
    world_send(session, "1"); /* Socket.IO's disconnect */
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    assert_false(world_send(session, "too late"));
    world_get_gives(&get, 200, "41");
    world_get(world, session, &get);
    world_get_gives(&get, 200,
                    "6\x1e"
                    "1");

    session = world_polling(world);
    world_send(session, "a");
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_get(world, session, &get);
    world_get_gives(&get, 200, "4a");
    world_get(world, session, &get);
    world_get_gives(&get, 200,
                    "6\x1e"
                    "1");
}

static void test_close_wait_ends(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    char sid[40];

    strcpy(sid, eio_session_sid(session));
    world_send(session, "a");
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    assert_int_equal(eio_engine_deadline(world->engine), world->now_ms + 30000);
    world_pass(world, 30000);
    assert_false(is_known(world, sid));
    assert_true(eio_engine_deadline(world->engine) == INT64_MAX);
    world_told(world, "open close:server_close");
}

/* The official client sends a GET and `1` together when it was disconnected; whichever is first. */
static void test_close_wait_and_posts(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;

    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_post(world, session, "4ignored");
    assert_true(is_known(world, eio_session_sid(session)));
    world_post(world, session, "1");
    assert_false(is_known(world, eio_session_sid(session)));

    session = world_polling(world);
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_get(world, session, &get);
    world_get_gives(&get, 200,
                    "6\x1e"
                    "1");
    assert_false(is_known(world, eio_session_sid(session)));
    world_told(world, "open close:server_close open close:server_close");
}

static void test_close_wait_and_losses(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_post post;
    struct fake_get get;

    world_send(session, "a");
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_post_begins(world, session, &post);
    eio_post_lost(&post.post, world->now_ms);
    world_get(world, session, &get);
    eio_get_lost(&get.get, world->now_ms);
    assert_false(is_known(world, eio_session_sid(session)));
    world_told(world, "open close:server_close");
}

/* An engine may go while sessions still wait for a GET that takes their close. */
static void test_free_while_waiting(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_post post;

    eio_session_close(session, EIO_CLOSE_SHUTDOWN, world->now_ms);
    world_post_begins(world, session, &post);
    eio_engine_free(&world->engine);
    world_post_cut(&post);
}

/* ---- inside events ---- */

static void close_it(struct world *w, struct eio_session *session)
{
    eio_session_close(session, EIO_CLOSE_SERVER, w->now_ms);
}

static void on_message_close(struct world *w, struct eio_session *session, const char *bytes)
{
    (void)bytes;
    close_it(w, session);
}

static void on_message_echo_and_close(struct world *w, struct eio_session *session,
                                      const char *bytes)
{
    (void)bytes;
    world_send(session, "1");
    close_it(w, session);
}

static void test_close_inside_open(void **state)
{
    struct world *world = *state;
    uint8_t random[16] = {0};
    struct eio_session *session;
    struct eio_answer answer;
    struct fake_get get;
    struct buf body;

    world->opened = close_it;
    memset(&get, 0, sizeof(get));
    session =
        eio_handshake_polling(world->engine, &get.get, world_handshake(""), random, world->now_ms);
    world_told(world, "open close:server_close");
    buf_init(&body, 1000);
    assert_true(eio_get_take(&get.get, &answer, &body));
    assert_int_equal(buf_text(&body)[0], '0');
    buf_fini(&body);
    world_get(world, session, &get);
    world_get_gives(&get, 200,
                    "6\x1e"
                    "1");
}

static void test_close_inside_message(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;

    world->message = on_message_close;
    world_get(world, session, &get);
    world_post(world, session,
               "4a\x1e"
               "4b\x1e"
               "4c");
    world_told(world, "open text:a close:server_close");
    world_get_gives(&get, 200, "1");

    world->message = on_message_echo_and_close;
    session = world_polling(world);
    world_get(world, session, &get);
    world_post(world, session,
               "4a\x1e"
               "4b");
    world_told(world, "open text:a close:server_close");
    world_get_gives(&get, 200, "41");
    world_get(world, session, &get);
    world_get_gives(&get, 200,
                    "6\x1e"
                    "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_close_with_get),       WORLD_TEST(test_close_without_get),
        WORLD_TEST(test_close_behind_data),    WORLD_TEST(test_close_wait_ends),
        WORLD_TEST(test_close_wait_and_posts), WORLD_TEST(test_close_wait_and_losses),
        WORLD_TEST(test_free_while_waiting),   WORLD_TEST(test_close_inside_open),
        WORLD_TEST(test_close_inside_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
