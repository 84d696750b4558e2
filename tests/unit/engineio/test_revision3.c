/* Sessions of revision 3: their payloads, their pings, their way to WebSocket; and that the two
 * revisions stay apart. Interval 300 ms, timeout 200 ms. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/engineio/world.h"
#include "tests/unit/test.h"

static int setup(void **state)
{
    struct eio_config config = world_usual_config();
    struct world *world;

    world_setup(state);
    world = *state;
    world_fini(world);
    config.ping_interval_ms = 300;
    config.ping_timeout_ms = 200;
    config.revision_3 = true;
    world_init(world, &config);
    world->revision = 3;
    return 0;
}

/* ---- routes ---- */

static enum eio_route route(struct world *world, bool is_upgrade, const char *query,
                            const struct eio_session *session)
{
    char whole[128];
    struct eio_verdict verdict;

    snprintf(whole, sizeof(whole), "%s%s%s", query, session != NULL ? "&sid=" : "",
             session != NULL ? eio_session_sid(session) : "");
    verdict = world_route(world, EIO_GET, is_upgrade, whole);
    if (verdict.route == EIO_ROUTE_REFUSE) {
        assert_int_equal(verdict.answer.status, 400);
        assert_int_equal(verdict.answer.error_code, 3);
        assert_null(verdict.session);
    }
    return verdict.route;
}

/* A session keeps its revision; a request of the other one is refused and changes nothing. */
static void test_revisions_apart(void **state)
{
    struct world *world = *state;
    struct eio_session *old = world_polling(world), *new;
    struct fake_get get;

    world->revision = 4;
    new = world_polling(world);
    assert_int_equal(eio_session_revision(old), 3);
    assert_int_equal(eio_session_revision(new), 4);

    assert_int_equal(route(world, false, "EIO=4&transport=polling", old), EIO_ROUTE_REFUSE);
    assert_int_equal(route(world, true, "EIO=4&transport=websocket", old), EIO_ROUTE_REFUSE);
    assert_int_equal(route(world, false, "EIO=3&transport=polling", new), EIO_ROUTE_REFUSE);
    assert_int_equal(route(world, true, "EIO=3&transport=websocket", new), EIO_ROUTE_REFUSE);
    assert_int_equal(route(world, true, "transport=websocket", new), EIO_ROUTE_REFUSE);
    assert_int_equal(route(world, true, "EIO=44&transport=websocket", new), EIO_ROUTE_REFUSE);

    world_get(world, new, &get);
    world_get_waits(&get);
    world_send(new, "a");
    world_get_gives(&get, 200, "4a");
    world->revision = 3;
    world_get(world, old, &get);
    world_send(old, "a");
    world_get_gives(&get, 200, "2:4a");
    world_told(world, "open open");
    world_post(world, old, "1:1");
    world->revision = 4;
    world_post(world, new, "1");
}

/* Whatever is not `4` is 3. */
static void test_queries(void **state)
{
    static const char *const queries[] = {"transport=polling", "EIO=3&transport=polling",
                                          "EIO=2&transport=polling", "EIO=&transport=polling",
                                          "EIO=04&transport=polling"};
    struct world *world = *state;
    size_t i;

    for (i = 0; i < TEST_COUNT(queries); i++) {
        struct fake_get get = {0};
        uint8_t random[16] = {(uint8_t)i};
        struct eio_session *session;

        assert_int_equal(route(world, false, queries[i], NULL), EIO_ROUTE_HANDSHAKE);
        session = eio_handshake_polling(world->engine, &get.get, world_handshake(queries[i]),
                                        random, world->now_ms);
        assert_int_equal(eio_session_revision(session), 3);
        eio_get_lost(&get.get, world->now_ms);
    }
}

/* ---- polling ---- */

static void test_payloads(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;

    world_send(session, "h\xc3\xa9");
    world_send(session, "\xf0\x9f\x98\x80");
    world_get(world, session, &get);
    world_get_gives(&get, 200,
                    "3:4h\xc3\xa9"
                    "3:4\xf0\x9f\x98\x80");
    world_post(world, session,
               "3:4\xf0\x9f\x98\x80"
               "6:b4AQID2:4x");
    world_told(world, "open text:\xf0\x9f\x98\x80 binary:010203 text:x");
    world_get(world, session, &get);
    world_post(world, session, "1:1");
    world_get_gives(&get, 200, "1:6");
    world_told(world, "close:transport_close");
}

static void get_gives_bytes(struct fake_get *get, const char *body, size_t length_bytes)
{
    struct eio_answer answer;
    struct buf got;

    buf_init(&got, 1000);
    assert_true(eio_get_take(&get->get, &answer, &got));
    assert_string_equal(answer.content_type, "application/octet-stream");
    assert_int_equal(answer.status, 200);
    assert_int_equal(got.len, length_bytes);
    assert_memory_equal(got.data, body, length_bytes);
    buf_fini(&got);
}

/* A body is binary when one of its packets is. */
static void test_binary_bodies(void **state)
{
    static const char both[] = "\0\2\xff"
                               "4a\1\4\xff\4\1\2\3";
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct eio_answer answer;
    struct fake_post post = {0};
    struct fake_get get;
    bool cut;

    world_send(session, "a");
    world_send_binary(session, "\1\2\3", 3);
    world_get(world, session, &get);
    get_gives_bytes(&get, both, sizeof(both) - 1);
    world_send(session, "a");
    world_get(world, session, &get);
    world_get_gives(&get, 200, "2:4a");

    assert_true(
        eio_post_open(session, &post.post, "application/octet-stream", &answer, world->now_ms));
    eio_post_submit(&post.post, both, sizeof(both) - 1, world->now_ms);
    assert_true(eio_post_take(&post.post, &answer, &cut));
    assert_string_equal(answer.body, "ok");
    world_told(world, "open text:a binary:010203");
    world_post(world, session, "1:1");
}

static void test_base64_bodies(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_get get;

    world->extra_query = "&b64=1";
    session = world_polling(world);
    world_send(session, "a");
    world_send_binary(session, "\1\2\3", 3);
    world_get(world, session, &get);
    world_get_gives(&get, 200, "2:4a6:b4AQID");
    world_post(world, session, "1:1");
}

/* ---- text beyond ASCII, from clients that encode it twice and from others ---- */

#define E_ACUTE "\xc3\xa9"
#define E_TWICE "\xc3\x83\xc2\xa9"

static void send_json(struct eio_session *session, const char *head, const char *json)
{
    struct frame *frame = frame_text(head, json, strlen(json));

    frame_set_json(frame, strlen(head));
    assert_true(eio_session_send(session, frame, false));
    frame_release(frame);
}

/* Each session is judged by its own packets, one after the other. */
static void test_encodings(void **state)
{
    struct world *world = *state;
    struct eio_session *twice = world_polling(world), *once = world_polling(world);

    world_post(world, twice, "2:4a4:4h" E_TWICE "5:4" E_TWICE E_TWICE);
    world_post(world, once, "2:4a4:4h" E_ACUTE "x3:4" E_TWICE);
    world_post(world, twice, "6:b4AQID3:4" E_TWICE "2:4" E_ACUTE);
    world_post(world, twice, "3:4" E_TWICE);
    world_post(world, once, "1:1");
    world_post(world, twice, "1:1");
    world_told(world,
               "open open text:a text:h" E_ACUTE " text:" E_ACUTE E_ACUTE " text:a text:h" E_ACUTE
               "x text:" E_TWICE " binary:010203 text:" E_ACUTE " text:" E_ACUTE " text:" E_TWICE
               " close:transport_close close:transport_close");
}

/* Nobody encodes twice in binary payloads and on WebSockets. */
static void test_encodings_elsewhere(void **state)
{
    static const char binary[] = "\0\3\xff"
                                 "4" E_ACUTE "\0\5\xff"
                                 "4" E_TWICE;
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct eio_answer answer;
    struct fake_post post = {0};
    struct fake_ws ws;
    bool cut;

    world_post(world, session, "3:4" E_TWICE);
    assert_true(
        eio_post_open(session, &post.post, "application/octet-stream", &answer, world->now_ms));
    eio_post_submit(&post.post, binary, sizeof(binary) - 1, world->now_ms);
    assert_true(eio_post_take(&post.post, &answer, &cut));
    world_told(world, "open text:" E_ACUTE " text:" E_ACUTE " text:" E_TWICE);

    send_json(session, "42", "[\"" E_ACUTE "\"]");
    world_upgrade(world, session, &ws);
    world_ws_sends(world, &ws, "2probe");
    world_ws_gives(&ws, "3probe");
    world_ws_sends(world, &ws, "5");
    world_ws_gives(&ws, "42[\"" E_ACUTE "\"]");
    world_ws_sends(world, &ws, "4" E_TWICE);
    eio_ws_lost(&ws.ws, true, world->now_ms);
    world_told(world, "upgrade text:" E_TWICE " close:transport_close");
}

/* A frame of many receivers: each has it in its own way. */
static void test_json_bodies(void **state)
{
    static const char binary[] = "\0\1\2\xff"
                                 "42/" E_ACUTE ",[\"" E_ACUTE "\"]\1\2\xff\4\1";
    struct world *world = *state;
    struct eio_session *old = world_polling(world), *today;
    struct frame *frame = frame_text("42/" E_ACUTE ",", "[\"" E_ACUTE "\"]", 6);
    struct fake_get get;

    frame_set_json(frame, 6);
    world->revision = 4;
    today = world_polling(world);
    assert_true(eio_session_send(old, frame, false));
    assert_true(eio_session_send(today, frame, false));
    frame_release(frame);
    world_get(world, today, &get);
    world_get_gives(&get, 200, "42/" E_ACUTE ",[\"" E_ACUTE "\"]");
    world_post(world, today, "1");

    world->revision = 3;
    world_send_binary(old, "\1", 1);
    world_get(world, old, &get);
    get_gives_bytes(&get, binary, sizeof(binary) - 1);
    send_json(old, "42", "[\"" E_ACUTE "\"]");
    world_get(world, old, &get);
    world_get_gives(&get, 200, "12:42[\"\\u00e9\"]");
    world_post(world, old, "1:1");
}

/* What does not parse costs the session, and what stood before it is heard. */
static void test_broken_payloads(void **state)
{
    static const char *const broken[] = {"",      "4a",      "5:4a",          "2:4a5:4b",
                                         "2:4a2", "2:4\xff", "9999999999:4a", "3:bAQ"};
    struct world *world = *state;
    size_t i;

    for (i = 0; i < TEST_COUNT(broken); i++) {
        struct eio_session *session = world_polling(world);
        bool one = strncmp(broken[i], "2:4a", 4) == 0;

        world_post(world, session, broken[i]);
        world_told(world, one ? "open text:a close:parse_error" : "open close:parse_error");
    }
}

static void test_fixed_answers(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get first, second = {0};
    struct eio_answer answer;
    struct buf body;

    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_get(world, session, &first);
    world_get_gives(&first, 200, "1:61:1");

    session = world_polling(world);
    world_get(world, session, &first);
    eio_get_open(session, &second.get, world->now_ms);
    world_get_gives(&first, 200, "1:1");
    buf_init(&body, 100);
    assert_true(eio_get_take(&second.get, &answer, &body));
    assert_int_equal(answer.status, 400);
    buf_fini(&body);
    world_told(world, "open close:server_close open close:transport_error");
}

/* ---- pings ---- */

static void test_polling_pings(void **state)
{
    struct world *world = *state;
    struct eio_session *session = world_polling(world);
    struct fake_get get;
    int i;

    for (i = 0; i < 3; i++) {
        assert_int_equal(eio_engine_deadline(world->engine), world->now_ms + 500);
        world_pass(world, 499);
        world_get(world, session, &get);
        world_get_waits(&get);
        world_post(world, session, i == 1 ? "6:2probe" : "1:2");
        world_get_gives(&get, 200, "1:3");
    }
    world_get(world, session, &get);
    world_pass(world, 500);
    world_get_gives(&get, 200, "1:1");
    world_told(world, "open close:ping_timeout");
}

static void test_websocket_pings(void **state)
{
    struct world *world = *state;
    struct fake_ws ws;

    world_websocket(world, &ws);
    world_pass(world, 499);
    world_ws_quiet(&ws);
    world_ws_sends(world, &ws, "2");
    world_ws_gives(&ws, "3");
    world_pass(world, 300);
    world_ws_sends(world, &ws, "4x"); /* no ping */
    world_pass(world, 200);
    world_ws_closes(&ws);
    world_told(world, "open text:x close:ping_timeout");
}

/* The server's direction belongs to revision 4. */
static void test_pong(void **state)
{
    struct world *world = *state;
    struct fake_ws ws;

    world_websocket(world, &ws);
    world_ws_sends(world, &ws, "3");
    world_ws_closes(&ws);
    world_told(world, "open close:transport_error");
}

/* While nothing is read no ping can come. */
static void test_pause(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_ws ws;

    session = world_websocket(world, &ws);
    eio_session_pause(session, true, world->now_ms);
    world_pass(world, 5000);
    world_told(world, "open");
    eio_session_pause(session, false, world->now_ms);
    world_pass(world, 499);
    world_told(world, "");
    world_pass(world, 1);
    world_told(world, "close:ping_timeout");
}

/* ---- WebSocket ---- */

static void test_websocket_bytes(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_ws ws;

    session = world_websocket(world, &ws);
    world_send_binary(session, "\1\2\3", 3);
    world_ws_gives_binary(&ws, "\4\1\2\3", 4);
    eio_ws_receive(&ws.ws, FRAME_BINARY, "\4\1\2", 3, world->now_ms);
    world_ws_sends(world, &ws, "b4AQID");
    world_told(world, "open binary:0102 binary:010203");
    eio_ws_receive(&ws.ws, FRAME_BINARY, "\1\2", 2, world->now_ms);
    world_told(world, "close:parse_error");
    world_ws_closes(&ws);

    world->extra_query = "&b64=1";
    session = world_websocket(world, &ws);
    world_send_binary(session, "\1\2\3", 3);
    world_ws_gives(&ws, "b4AQID");
    world_ws_sends(world, &ws, "1");
    world_told(world, "open close:transport_close");
}

/* Polling may need base64 where WebSocket does not: each has its own say. */
static void test_upgrade(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_get get;
    struct fake_ws ws;

    world->extra_query = "&b64=1";
    session = world_polling(world);
    world_get(world, session, &get);
    world_upgrade(world, session, &ws);
    world_ws_sends(world, &ws, "2probe");
    world_ws_gives(&ws, "3probe");
    world_get_gives(&get, 200, "1:6");
    world_send_binary(session, "\1\2\3", 3);
    world_pass(world, 499);
    world_ws_sends(world, &ws, "5");
    world_ws_gives_binary(&ws, "\4\1\2\3", 4);
    world_pass(world, 499); /* the time runs anew */
    world_told(world, "open upgrade");
    world_ws_sends(world, &ws, "2");
    world_ws_gives(&ws, "3");
    eio_ws_lost(&ws.ws, true, world->now_ms);
    world_told(world, "close:transport_close");
}

/* ---- scripts ---- */

static void get_gives_script(struct fake_get *get, const char *script)
{
    struct eio_answer answer;
    struct buf got;

    buf_init(&got, 1000);
    assert_true(eio_get_take(&get->get, &answer, &got));
    assert_string_equal(answer.content_type, "text/javascript; charset=UTF-8");
    assert_true(answer.is_script);
    assert_string_equal(buf_text(&got), script);
    buf_fini(&got);
}

static struct eio_session *jsonp_session(struct world *world, const char *query)
{
    struct fake_get get = {0};
    struct eio_answer answer;
    uint8_t random[16] = {++world->drawn};
    struct eio_session *session;
    struct buf got;

    assert_int_equal(world_route(world, EIO_GET, false, query).route, EIO_ROUTE_HANDSHAKE);
    session = eio_handshake_polling(world->engine, &get.get, world_handshake(query), random,
                                    world->now_ms);
    buf_init(&got, 1000);
    assert_true(eio_get_take(&get.get, &answer, &got));
    assert_memory_equal(buf_text(&got), "___eio[7](\"", 11);
    buf_fini(&got);
    return session;
}

static void test_scripts(void **state)
{
    struct world *world = *state;
    struct eio_session *session = jsonp_session(world, "EIO=3&transport=polling&j=7");
    struct fake_get get;

    world_send(session, "\"");
    world_send_binary(session, "\1\2\3", 3);
    world_get(world, session, &get);
    get_gives_script(&get, "___eio[7](\"2:4\\\"6:b4AQID\");");
    world_post(world, session, "d=3%3A4%5C%5Cn2%3A4x");
    world_told(world, "open text:\\n text:x");
    world_get(world, session, &get);
    world_post(world, session, "d=1%3A1");
    get_gives_script(&get, "___eio[7](\"1:6\");");
    world_told(world, "close:transport_close");
}

static void test_script_ends(void **state)
{
    static const char *const forms[] = {"", "2:4x", "d=2%3A4", "d=1&d=2"};
    struct world *world = *state;
    struct eio_session *session;
    struct eio_answer answer;
    struct fake_post post = {0};
    struct fake_get get;
    size_t i;

    for (i = 0; i < TEST_COUNT(forms); i++) {
        session = jsonp_session(world, "EIO=3&transport=polling&j=7");
        world_post(world, session, forms[i]);
        world_told(world, "open close:parse_error");
    }
    session = jsonp_session(world, "EIO=3&transport=polling&j=7");
    eio_session_close(session, EIO_CLOSE_SERVER, world->now_ms);
    world_get(world, session, &get);
    get_gives_script(&get, "___eio[7](\"1:61:1\");");

    session = jsonp_session(world, "transport=polling&j=7");
    assert_false(
        eio_post_open(session, &post.post, "application/octet-stream", &answer, world->now_ms));
    world_told(world, "open close:server_close open close:transport_error");
}

/* No number, no script; and revision 4 has none. */
static void test_script_numbers(void **state)
{
    struct world *world = *state;
    struct eio_session *session;
    struct fake_get get;

    assert_int_equal(route(world, false, "EIO=3&transport=polling&j=1]//", NULL), EIO_ROUTE_REFUSE);
    assert_int_equal(route(world, false, "EIO=3&transport=polling&j=", NULL), EIO_ROUTE_REFUSE);
    assert_int_equal(route(world, true, "EIO=3&transport=websocket&j=x", NULL),
                     EIO_ROUTE_HANDSHAKE);
    world->revision = 4;
    world->extra_query = "&j=7";
    session = world_polling(world);
    world_send(session, "a");
    world_get(world, session, &get);
    world_get_gives(&get, 200, "4a");
    world_post(world, session, "1");
    assert_int_equal(route(world, false, "EIO=4&transport=polling&j=x", NULL), EIO_ROUTE_HANDSHAKE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_revisions_apart),
        TEST(test_queries),
        TEST(test_payloads),
        TEST(test_binary_bodies),
        TEST(test_base64_bodies),
        TEST(test_encodings),
        TEST(test_encodings_elsewhere),
        TEST(test_json_bodies),
        TEST(test_broken_payloads),
        TEST(test_fixed_answers),
        TEST(test_polling_pings),
        TEST(test_websocket_pings),
        TEST(test_pong),
        TEST(test_pause),
        TEST(test_websocket_bytes),
        TEST(test_upgrade),
        TEST(test_scripts),
        TEST(test_script_ends),
        TEST(test_script_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
