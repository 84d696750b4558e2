/* Every request that can come, in every state of a session, and what it is answered with. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/engineio/world.h"
#include "tests/unit/test.h"

#define JSON0 "{\"code\":0,\"message\":\"Transport unknown\"}"
#define JSON1 "{\"code\":1,\"message\":\"Session ID unknown\"}"
#define JSON2 "{\"code\":2,\"message\":\"Bad handshake method\"}"
#define JSON3 "{\"code\":3,\"message\":\"Bad request\"}"
#define JSON5 "{\"code\":5,\"message\":\"Unsupported protocol version\"}"

struct routing {
    const char *query;
    enum eio_method method;
    bool is_upgrade;
    const char *origin;
    enum eio_route route;
    int status;
    int code;
    const char *body;
};

static void check(struct world *world, const struct routing *row)
{
    struct eio_request request = {row->method, row->is_upgrade, row->query, row->origin};
    struct eio_verdict verdict;

    memset(&verdict, 0xff, sizeof(verdict));
    eio_route(world->engine, &request, &verdict);
    if (verdict.route != row->route)
        fail_msg("%s, method %d, upgrade %d: route %d", row->query, (int)row->method,
                 row->is_upgrade, (int)verdict.route);
    if (row->route != EIO_ROUTE_REFUSE)
        return;
    assert_int_equal(verdict.answer.status, row->status);
    assert_int_equal(verdict.answer.error_code, row->code);
    assert_string_equal(verdict.answer.body, row->body);
    if (row->body[0] == '\0')
        assert_null(verdict.answer.content_type);
    else
        assert_string_equal(verdict.answer.content_type,
                            row->body[0] == '{' ? "application/json" : "text/html");
    assert_null(verdict.session);
}

#define HANDSHAKE EIO_ROUTE_HANDSHAKE, 0, 0, NULL
#define REFUSE0 EIO_ROUTE_REFUSE, 400, 0, JSON0
#define REFUSE1 EIO_ROUTE_REFUSE, 400, 1, JSON1
#define REFUSE2 EIO_ROUTE_REFUSE, 400, 2, JSON2
#define REFUSE3 EIO_ROUTE_REFUSE, 400, 3, JSON3
#define REFUSE5 EIO_ROUTE_REFUSE, 400, 5, JSON5
#define WS_TEXT(code, text) EIO_ROUTE_REFUSE, 400, code, text

static const struct routing handshakes[] = {
    {"EIO=4&transport=polling", EIO_GET, false, NULL, HANDSHAKE},
    {"EIO=4&transport=polling&sid=&b64=1&j=0&foo=bar", EIO_GET, false, "http://x.y", HANDSHAKE},
    {"EIO=4&transport=websocket", EIO_GET, true, NULL, HANDSHAKE},

    {"", EIO_GET, false, NULL, REFUSE0},
    {"EIO=4", EIO_GET, false, NULL, REFUSE0},
    {"EIO=4&transport=abc", EIO_GET, false, NULL, REFUSE0},
    {"EIO=4&transport=webtransport", EIO_GET, false, NULL, REFUSE0},
    {"EIO=4&transport=abc", EIO_POST, false, "\x01", REFUSE0}, /* the transport comes first */
    {"EIO=4&transport=abc", EIO_GET, true, NULL, WS_TEXT(0, "Transport unknown")},

    {"EIO=4&transport=polling", EIO_GET, false, "http://x\x01", REFUSE3},
    {"EIO=4&transport=polling", EIO_GET, false, "http://x\x7f", REFUSE3},
    {"EIO=4&transport=polling", EIO_GET, false, "http://x\ty\xff", HANDSHAKE},
    {"EIO=4&transport=polling&sid=abc.x", EIO_GET, false, "\n", REFUSE3}, /* then the origin */
    {"EIO=4&transport=websocket", EIO_GET, true, "\n", WS_TEXT(3, "Bad request")},

    {"EIO=4&transport=polling&sid=abc.x", EIO_GET, false, NULL, REFUSE1},
    {"EIO=4&transport=polling&sid=abc.x", EIO_POST, false, NULL, REFUSE1},
    {"EIO=3&transport=websocket&sid=abc.x", EIO_OTHER, false, NULL, REFUSE1}, /* then the sid */
    {"EIO=4&transport=polling&sid=a%00b", EIO_GET, false, NULL, REFUSE1},
    {"EIO=4&transport=websocket&sid=abc.x", EIO_GET, true, NULL, WS_TEXT(1, "Session ID unknown")},

    {"EIO=4&transport=polling", EIO_POST, false, NULL, REFUSE2},
    {"EIO=4&transport=polling", EIO_OPTIONS, false, NULL, REFUSE2},
    {"EIO=4&transport=polling", EIO_HEAD, false, NULL, REFUSE2},
    {"EIO=4&transport=polling", EIO_OTHER, false, NULL, REFUSE2},
    {"transport=polling", EIO_POST, false, NULL, REFUSE2}, /* then the method */
    {"transport=websocket", EIO_POST, false, NULL, REFUSE2},
    {"EIO=4&transport=websocket", EIO_GET, false, NULL, REFUSE3},
    {"transport=websocket", EIO_GET, false, NULL, REFUSE3},
    {"EIO=4&transport=polling", EIO_GET, true, NULL, EIO_ROUTE_WS_REFUSE, 0, 0, NULL},

    {"transport=polling", EIO_GET, false, NULL, REFUSE5},
    {"EIO=3&transport=polling", EIO_GET, false, NULL, REFUSE5},
    {"EIO=abc&transport=polling", EIO_GET, false, NULL, REFUSE5},
    {"EIO=5&transport=websocket", EIO_GET, true, NULL, WS_TEXT(5, "Unsupported protocol version")},
};

static void test_handshakes(void **state)
{
    struct world world;
    size_t i;

    (void)state;
    world_init(&world, NULL);
    for (i = 0; i < TEST_COUNT(handshakes); i++)
        check(&world, &handshakes[i]);
    world_fini(&world);
}

/* ---- with a known sid: the same rows in three states of the session ---- */

enum { POLLS, PROBES, UPGRADED, KIND_COUNT };

static const struct {
    const char *query; /* %s: the sid */
    enum eio_method method;
    bool is_upgrade;
    struct {
        enum eio_route route;
        int status;
        int code;
        const char *body;
    } wanted[KIND_COUNT];
} known[] = {
#define ALL(...)                      \
    {                                 \
        {__VA_ARGS__}, {__VA_ARGS__}, \
        {                             \
            __VA_ARGS__               \
        }                             \
    }
    {"EIO=4&transport=polling&sid=%s",
     EIO_GET,
     false,
     {{EIO_ROUTE_GET, 0, 0, ""}, {EIO_ROUTE_GET, 0, 0, ""}, {REFUSE3}}},
    {"EIO=4&transport=polling&sid=%s",
     EIO_POST,
     false,
     {{EIO_ROUTE_POST, 0, 0, ""}, {EIO_ROUTE_POST, 0, 0, ""}, {REFUSE3}}},
    {"EIO=4&transport=polling&sid=%s",
     EIO_OTHER,
     false,
     {{EIO_ROUTE_REFUSE, 500, -1, ""}, {EIO_ROUTE_REFUSE, 500, -1, ""}, {REFUSE3}}},
    {"EIO=4&transport=polling&sid=%s",
     EIO_OPTIONS,
     false,
     {{EIO_ROUTE_REFUSE, 500, -1, ""}, {EIO_ROUTE_REFUSE, 500, -1, ""}, {REFUSE3}}},
    {"EIO=4&transport=websocket&sid=%s",
     EIO_GET,
     true,
     {{EIO_ROUTE_UPGRADE, 0, 0, ""},
      {EIO_ROUTE_WS_REFUSE, 0, 0, ""},
      {EIO_ROUTE_WS_REFUSE, 0, 0, ""}}},
    {"EIO=4&transport=polling&sid=%s", EIO_GET, true, ALL(EIO_ROUTE_WS_REFUSE, 0, 0, "")},
    {"EIO=4&transport=websocket&sid=%s", EIO_GET, false, ALL(REFUSE3)},
    {"EIO=3&transport=polling&sid=%s", EIO_GET, false, ALL(REFUSE3)},
    {"transport=polling&sid=%s", EIO_POST, false, ALL(REFUSE3)},
    {"EIO=3&transport=websocket&sid=%s", EIO_GET, true, ALL(WS_TEXT(3, "Bad request"))},
    {"EIO=4&transport=abc&sid=%s", EIO_GET, false, ALL(REFUSE0)},
#undef ALL
};

static void check_known(struct world *world, struct eio_session *session, int kind)
{
    char query[128];
    size_t i;

    for (i = 0; i < TEST_COUNT(known); i++) {
        struct routing row = {query,
                              known[i].method,
                              known[i].is_upgrade,
                              NULL,
                              known[i].wanted[kind].route,
                              known[i].wanted[kind].status,
                              known[i].wanted[kind].code,
                              known[i].wanted[kind].body};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(query, sizeof(query), known[i].query, eio_session_sid(session));
#pragma GCC diagnostic pop
        check(world, &row);
    }
}

static void test_known_sids(void **state)
{
    struct eio_session *session;
    struct world world;
    struct fake_ws ws;

    (void)state;
    world_init(&world, NULL);
    session = world_polling(&world);
    check_known(&world, session, POLLS);
    world_upgrade(&world, session, &ws);
    check_known(&world, session, PROBES);
    world_ws_sends(&world, &ws, "2probe");
    check_known(&world, session, PROBES);
    world_ws_sends(&world, &ws, "5");
    check_known(&world, session, UPGRADED);
    eio_ws_lost(&ws.ws, true, world.now_ms);

    session = world_websocket(&world, &ws);
    check_known(&world, session, UPGRADED);
    eio_ws_lost(&ws.ws, true, world.now_ms);
    world_fini(&world);
}

/* The sid of a session that is over is unknown in the same instant, before it is reaped. */
static void test_ended_sid(void **state)
{
    struct eio_session *session;
    struct eio_verdict verdict;
    struct world world;
    struct fake_ws ws;

    (void)state;
    world_init(&world, NULL);
    session = world_websocket(&world, &ws);
    eio_ws_lost(&ws.ws, false, world.now_ms);
    verdict = world_route_sid(&world, EIO_GET, true, "websocket", eio_session_sid(session));
    assert_int_equal(verdict.answer.error_code, 1);
    world_fini(&world);
}

static void test_transports_switched_off(void **state)
{
    struct eio_config config = world_usual_config();
    struct routing row = {"EIO=4&transport=polling", EIO_GET, false, NULL, REFUSE0};
    struct routing ws = {"EIO=4&transport=websocket", EIO_GET, true, NULL, HANDSHAKE};
    struct world world;

    (void)state;
    config.polling = false;
    world_init(&world, &config);
    check(&world, &row);
    check(&world, &ws);
    world_fini(&world);
}

static void test_draining(void **state)
{
    struct routing polling = {"EIO=4&transport=polling", EIO_GET, false, NULL,
                              EIO_ROUTE_REFUSE,          503,     -1,    "Shutting down"};
    struct routing ws = {"EIO=4&transport=websocket",
                         EIO_GET,
                         true,
                         NULL,
                         EIO_ROUTE_REFUSE,
                         503,
                         -1,
                         "Shutting down"};
    struct routing early = {"EIO=3&transport=polling", EIO_GET, false, NULL, REFUSE5};
    struct eio_session *session;
    struct fake_get get;
    struct world world;

    (void)state;
    world_init(&world, NULL);
    session = world_polling(&world);
    eio_engine_refuse_new(world.engine);
    check(&world, &polling);
    check(&world, &ws);
    check(&world, &early);
    world_get(&world, session, &get); /* known sids are served on */
    eio_session_close(session, EIO_CLOSE_SHUTDOWN, world.now_ms);
    world_get_gives(&get, 200, "1");
    world_fini(&world);
}

static void test_filter_answers(void **state)
{
    struct eio_answer answer = eio_answer_forbidden();

    (void)state;
    assert_int_equal(answer.status, 403);
    assert_int_equal(answer.error_code, 4);
    assert_string_equal(answer.body, "{\"code\":4,\"message\":\"Forbidden\"}");
    answer = eio_answer_for_upgrade(eio_answer_for_upgrade(answer));
    assert_int_equal(answer.status, 400);
    assert_int_equal(answer.error_code, 4);
    assert_string_equal(answer.body, "Forbidden");
    assert_string_equal(answer.content_type, "text/html");
    assert_string_equal(eio_answer_bad_request().body, JSON3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshakes), cmocka_unit_test(test_known_sids),
        cmocka_unit_test(test_ended_sid),  cmocka_unit_test(test_transports_switched_off),
        cmocka_unit_test(test_draining),   cmocka_unit_test(test_filter_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
