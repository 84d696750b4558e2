/* The polling transport: GETs and POSTs. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/unit/engineio/world.h"
#include "tests/unit/test.h"
#include <confab/err.h>

static bool is_known(struct world *world, const char *sid)
{
    struct eio_verdict verdict = world_route_sid(world, EIO_GET, false, "polling", sid);

    if (verdict.route == EIO_ROUTE_GET)
        return true;
    assert_int_equal(verdict.answer.error_code, 1);
    return false;
}

/* Ends what a test leaves open, without a word of its own in the log. */
static void end(struct world *world, struct eio_session *session)
{
    world_post(world, session, "1");
}

/* ---- GET ---- */

static void test_get_waits_for_data(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;

    world_get(world, session, &get);
    world_get_waits(&get);
    assert_true(world_send(session, "a"));
    assert_true(world_send_binary(session, "\1\2\3\4", 4));
    assert_true(world_send(session, "b"));
    assert_int_equal(eio_session_queued_bytes(session), 3 * (FRAME_OVERHEAD_BYTES + 2) + 2 + 4 + 2);
    world_get_gives(&get, 200,
                    "4a\x1e"
                    "bAQIDBA==\x1e"
                    "4b");
    assert_int_equal(eio_session_queued_bytes(session), 0);
    end(world, session);
    world_told(world, "open close:transport_close");
}

static void test_data_waits_for_get(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;

    assert_true(world_send(session, "a"));
    assert_true(world_send(session, "b"));
    world_get(world, session, &get);
    world_get_gives(&get, 200,
                    "4a\x1e"
                    "4b");
    world_get(world, session, &get);
    world_get_waits(&get);
    end(world, session);
    world_get_gives(&get, 200, "6");
}

/* The first ends with `1`, the second with an empty 400, the session with both. */
static void test_second_get(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get first, second;

    world_get(world, session, &first);
    world_get(world, session, &second);
    world_get_gives(&first, 200, "1");
    world_get_gives(&second, 400, "");
    assert_false(is_known(world, eio_session_sid(session)));
    world_told(world, "open close:transport_error");
}

static void test_lost_get(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;

    world_get(world, session, &get);
    eio_get_lost(&get.get, world->now_ms);
    eio_get_lost(&get.get, world->now_ms); /* repeats are harmless */
    assert_false(get.woken);
    assert_false(is_known(world, eio_session_sid(session)));
    world_told(world, "open close:transport_error");
}

static void test_lost_after_its_answer(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;

    world_send(session, "a");
    world_get(world, session, &get);
    world_get_gives(&get, 200, "4a");
    eio_get_lost(&get.get, world->now_ms);
    world_told(world, "open");
    end(world, session);
}

/* The handshake's own connection may break before the open packet was taken. */
static void test_lost_handshake(void **state)
{
    struct world *world = *state;
    uint8_t random[16] = {0};
    struct fake_get get;

    memset(&get, 0, sizeof(get));
    eio_handshake_polling(world->engine, &get.get, world_handshake(""), random, world->now_ms);
    eio_get_lost(&get.get, world->now_ms);
    world_told(world, "open close:transport_error");
}

static void test_body_limit(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct eio_answer answer;
    struct fake_get get;
    struct buf body;

    world_get(world, session, &get);
    world_send(session, "0123456789");
    buf_init(&body, 8);
    assert_true(eio_get_take(&get.get, &answer, &body));
    assert_int_equal(answer.status, 200);
    assert_string_equal(buf_text(&body), "1");
    buf_fini(&body);
    world_told(world, "open");
    eio_engine_reap(world->engine);
    world_told(world, "close:overflow");
}

static void send_set(struct eio_session *session, const char *text, bool plain)
{
    struct frame *frame = frame_text("4", text, strlen(text));
    struct frame_set *set = frame_set_new(&frame, 1);

    if (plain)
        frame_set_keep_plain(set);
    eio_session_send(session, set->frames[0], false);
    frame_set_release(set);
}

/* A body may be compressed as soon as one packet in it is worth it. */
static void test_plain_packets(void **state)
{
    static const struct {
        bool first, second, body;
    } cases[] = {
        {true, true, true}, {true, false, false}, {false, true, false}, {false, false, false}};
    struct world *world = *state;
    struct eio_session *session = world_polling(world);

    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct eio_answer answer;
        struct fake_get get;
        struct buf body;

        world_get(world, session, &get);
        send_set(session, "a", cases[i].first);
        send_set(session, "b", cases[i].second);
        buf_init(&body, 100);
        assert_true(eio_get_take(&get.get, &answer, &body));
        assert_string_equal(buf_text(&body), "4a\x1e"
                                             "4b");
        assert_int_equal(get.get.is_plain, cases[i].body);
        buf_fini(&body);
    }
    world_told(world, "open");
    end(world, session);
}

/* ---- POST ---- */

static const struct {
    const char *body;
    const char *told; /* behind `open` */
    bool lives;
} posts[] = {
    {"4hello", "text:hello", true},
    {"4a\x1e"
     "4\x1e"
     "4b",
     "text:a text: text:b", true},
    {"4hello\x1e"
     "bAQIDBA==",
     "text:hello binary:01020304", true},
    {"b", "binary:", true},
    {"3", "", true},
    {"3probe\x1e"
     "4a",
     "text:a", true},
    {"0{}\x1e"
     "5\x1e"
     "6\x1e"
     "4a",
     "text:a", true}, /* at odd places, ignored */
    {"4\xc3\xa9\xf0\x9f\x98\x80", "text:\xc3\xa9\xf0\x9f\x98\x80", true},
    {"1", "close:transport_close", false},
    {"4a\x1e"
     "1\x1e"
     "4b",
     "text:a close:transport_close", false},
    {"2", "close:transport_error", false},
    {"2probe", "close:transport_error", false},
    {"4a\x1e"
     "2\x1e"
     "4b",
     "text:a close:transport_error", false},
    {"", "close:parse_error", false},
    {"abc", "close:parse_error", false},
    {"4a\x1e"
     "7\x1e"
     "4b",
     "text:a close:parse_error", false},
    {"4a\x1e", "text:a close:parse_error", false},
    {"4a\xff", "close:parse_error", false},
    {"4a\x1e"
     "4\xed\xa0\x80",
     "text:a close:parse_error", false},
    {"4\xc3\x1e"
     "4\xa9",
     "close:parse_error", false},
};

/* Whatever a POST brings is answered with `ok`; a GET that waits ends with the session. */
static void test_posts(void **state)
{
    struct world *world = *state;
    struct fake_post post;
    struct fake_get get;
    size_t i;

    for (i = 0; i < TEST_COUNT(posts); i++) {
        struct eio_session *session = world_polling(world);
        char *exact = xmemdup(posts[i].body, strlen(posts[i].body));

        world_told(world, "open");
        world_get(world, session, &get);
        world_post_begins(world, session, &post);
        eio_post_submit(&post.post, exact, strlen(posts[i].body), world->now_ms);
        free(exact);
        world_told(world, posts[i].told);
        world_post_gives(&post, 200, "ok");
        assert_int_equal(is_known(world, eio_session_sid(session)), posts[i].lives);
        if (posts[i].lives) {
            world_get_waits(&get);
            world_post(world, session, "1");
            world_get_gives(&get, 200, "6");
            world_told(world, "close:transport_close");
        } else {
            world_get_gives(&get, 200,
                            strstr(posts[i].told, "transport_close") != NULL ? "6" : "1");
        }
        eio_engine_reap(world->engine);
    }
}

/* Cut off at any byte a body is answered like any other, and the session's end is told once. */
static void test_posts_cut(void **state)
{
    struct world *world = *state;
    struct fake_post post;
    size_t i, cut;

    for (i = 0; i < TEST_COUNT(posts); i++) {
        for (cut = 0; cut < strlen(posts[i].body); cut++) {
            struct eio_session *session = world_polling(world);
            char *exact = xmemdup(posts[i].body, cut);

            world_post_begins(world, session, &post);
            eio_post_submit(&post.post, exact, cut, world->now_ms);
            free(exact);
            world_post_gives(&post, 200, "ok");
            if (is_known(world, eio_session_sid(session)))
                end(world, session);
            assert_non_null(strstr(buf_text(&world->told), "close:"));
            buf_reset(&world->told);
        }
    }
}

static void test_overlapping_posts(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_post first, second;
    struct eio_answer answer;
    struct fake_get get;

    memset(&second, 0, sizeof(second));
    world_get(world, session, &get);
    world_post_begins(world, session, &first);
    assert_false(eio_post_open(session, &second.post, NULL, &answer, world->now_ms));
    assert_int_equal(answer.status, 400);
    assert_string_equal(answer.body, "");
    world_get_gives(&get, 200, "1");
    world_post_body(world, &first, "4late"); /* nothing happens */
    world_post_cut(&first);
    eio_post_lost(&second.post, world->now_ms);
    world_told(world, "open close:transport_error");
    assert_false(is_known(world, eio_session_sid(session)));
}

static void test_posts_in_a_row(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_post first, second;

    world_post_begins(world, session, &first);
    world_post_body(world, &first, "4a");
    world_post_begins(world, session, &second); /* the first was whole, though not yet answered */
    world_post_body(world, &second, "4b");
    world_post_gives(&first, 200, "ok");
    world_post_gives(&second, 200, "ok");
    world_told(world, "open text:a text:b");
    end(world, session);
}

static void test_content_types(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *type;
        bool is_taken;
    } types[] = {
        {NULL, true},
        {"", true},
        {"text/plain", true},
        {"text/plain;charset=UTF-8", true},
        {"application/octet-streams", true},
        {"application/octet-stream", false},
        {"Application/Octet-Stream; x=y", false},
        {" application/octet-stream ", false},
    };
    size_t i;

    for (i = 0; i < TEST_COUNT(types); i++) {
        struct eio_session *session = world_polling(world);
        struct eio_answer answer = {0};
        struct fake_post post;

        memset(&post, 0, sizeof(post));
        assert_int_equal(eio_post_open(session, &post.post, types[i].type, &answer, world->now_ms),
                         types[i].is_taken);
        assert_int_equal(answer.status, types[i].is_taken ? 0 : 400);
        assert_int_equal(is_known(world, eio_session_sid(session)), types[i].is_taken);
        eio_post_lost(&post.post, world->now_ms); /* the body was not read: an error either way */
        world_told(world, "open close:transport_error");
    }
}

static void test_post_too_big(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_post post;
    char *body;

    world_post_begins(world, session, &post);
    eio_post_too_big(&post.post);
    world_post_gives(&post, 413, "");

    body = xmalloc(world->config.max_payload_bytes + 1);
    memset(body, '4', world->config.max_payload_bytes + 1);
    world_post_begins(world, session, &post);
    eio_post_submit(&post.post, body, world->config.max_payload_bytes + 1, world->now_ms);
    world_post_gives(&post, 413, "");
    world_told(world, "open");

    world_post_begins(world, session, &post);
    eio_post_submit(&post.post, body, world->config.max_payload_bytes, world->now_ms);
    world_post_gives(&post, 200, "ok");
    free(body);
    end(world, session);
}

static void test_lost_post(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_post post;
    struct fake_get get;

    world_get(world, session, &get);
    world_post_begins(world, session, &post);
    eio_post_lost(&post.post, world->now_ms);
    eio_post_lost(&post.post, world->now_ms);
    world_get_gives(&get, 200, "1");
    world_told(world, "open close:transport_error");
}

/* Its session ends while the body is read, for a reason that has nothing to do with it. */
static void test_post_of_an_ended_session(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_post post;

    world_post_begins(world, session, &post);
    world_pass(world, 25000);
    world_pass(world, 20000);
    world_told(world, "open close:ping_timeout");
    world_post_cut(&post);
    eio_engine_reap(world->engine);
    world_post_body(world, &post, "4late");
    world_told(world, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_get_waits_for_data),
        WORLD_TEST(test_data_waits_for_get),
        WORLD_TEST(test_second_get),
        WORLD_TEST(test_lost_get),
        WORLD_TEST(test_lost_after_its_answer),
        WORLD_TEST(test_lost_handshake),
        WORLD_TEST(test_body_limit),
        WORLD_TEST(test_plain_packets),
        WORLD_TEST(test_posts),
        WORLD_TEST(test_posts_cut),
        WORLD_TEST(test_overlapping_posts),
        WORLD_TEST(test_posts_in_a_row),
        WORLD_TEST(test_content_types),
        WORLD_TEST(test_post_too_big),
        WORLD_TEST(test_lost_post),
        WORLD_TEST(test_post_of_an_ended_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
