/* What surrounds the engine: admission, pages of other hosts, proxies, files, the owner's own
 * answers. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/net/fixture.h"
#include <confab/err.h>

static int setup_asking(void **state)
{
    static const struct loopback_options options = {.ask_admission = true};

    return start(state, &options);
}

static int setup_proxied(void **state)
{
    static const char *const proxies[] = {"127.0.0.0/8"};
    static const struct loopback_options options = {
        .net = {.trusted_proxies = proxies, .trusted_proxy_count = 1}};

    return start(state, &options);
}

static int setup_cors(void **state)
{
    static const char *const origins[] = {"https://a.example", "https://b.example"};
    static const struct loopback_options options = {.net = {.cors.origins = {origins, 2}}};

    return start(state, &options);
}

static int setup_cors_any(void **state)
{
    static const char *const origins[] = {"*"};
    static const struct loopback_options options = {.net = {.cors.origins = {origins, 1}}};

    return start(state, &options);
}

/* ---- admission ---- */

static struct net_admission *take_admission(struct loopback *loopback)
{
    loopback_await(loopback, &loopback->admission_count, 1);
    loopback->admission_count = 0;
    return loopback->admissions[0];
}

static void test_admission_later(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;
    struct net_admission *admission;
    const struct eio_handshake *said;

    peer_open(&peer, loopback);
    peer_request(&peer, "GET", POLLING "&x=%20y", "X-Ask: Please\r\nOrigin: http://else\r\n", NULL);
    admission = take_admission(loopback);
    said = net_admission_handshake(admission);
    assert_string_equal(said->address, "127.0.0.1");
    assert_string_equal(said->url, "/engine.io/" POLLING "&x=%20y");
    assert_string_equal(said->query, "EIO=4&transport=polling&x=%20y");
    assert_string_equal(eio_handshake_header(said, "x-ask"), "Please");
    assert_true(said->xdomain);
    assert_false(said->secure);
    peer_expect_silence(&peer);
    net_admission_allow(admission);
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 200);
    assert_int_equal(loopback->opened, 1);
    peer_close(&peer);
}

/* What comes behind the handshake waits, and is read in order. */
static void test_admission_websocket(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;
    struct net_admission *admission;

    peer_open(&peer, loopback);
    peer_ask_ws(&peer, WEBSOCKET, NULL);
    peer_text(&peer, "4early");
    admission = take_admission(loopback);
    peer_text(&peer, "4later");
    peer_expect_silence(&peer);
    net_admission_allow(admission);
    peer_answer(&peer, &answer, true);
    assert_int_equal(answer.status, 101);
    peer_expect_open(&peer);
    peer_expect_text(&peer, "4early");
    peer_expect_text(&peer, "4later");
    peer_close(&peer);
}

static void test_denial(void **state)
{
    static const struct {
        bool websocket;
        const char *message;
        int status;
        const char *body;
    } cases[] = {
        {false, NULL, 403, "{\"code\":4,\"message\":\"Forbidden\"}"},
        {false, "no \"x\"\n", 403, "{\"code\":4,\"message\":\"no \\\"x\\\"\\u000a\"}"},
        {true, NULL, 400, "Forbidden"},
        {true, "not you", 400, "not you"},
    };
    struct loopback *loopback = *state;

    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct peer peer;
        struct answer answer;

        peer_open(&peer, loopback);
        if (cases[i].websocket)
            peer_ask_ws(&peer, WEBSOCKET, NULL);
        else
            peer_request(&peer, "GET", POLLING, NULL, NULL);
        net_admission_deny(take_admission(loopback), cases[i].message);
        peer_answer(&peer, &answer, false);
        assert_int_equal(answer.status, cases[i].status);
        assert_string_equal(answer.body, cases[i].body);
        if (cases[i].websocket)
            peer_expect_end(&peer);
        peer_close(&peer);
    }
    assert_int_equal(loopback->opened, 0);
    assert_int_equal(net_counters(loopback->net)->refused[4], 4);
}

static void test_admission_too_late(void **state)
{
    struct loopback *loopback = *state;
    struct net_admission *admissions[4];

    for (int i = 0; i < 4; i++) {
        struct peer peer;

        peer_open(&peer, loopback);
        if (i < 2)
            peer_request(&peer, "GET", POLLING, NULL, NULL);
        else
            peer_ask_ws(&peer, WEBSOCKET, NULL);
        admissions[i] = take_admission(loopback);
        peer_close(&peer);
        loopback_await_connections(loopback, 0);
    }
    net_admission_allow(admissions[0]);
    net_admission_deny(admissions[1], "late");
    net_admission_allow(admissions[2]);
    net_admission_deny(admissions[3], NULL);
    loopback_turn(loopback);
    assert_int_equal(loopback->opened, 0);
}

/* loopback_stop() answers what is still asked, after the network is gone. */
static void test_admission_outlives_the_network(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;

    peer_open(&peer, loopback);
    peer_request(&peer, "GET", POLLING, NULL, NULL);
    loopback_await(loopback, &loopback->admission_count, 1);
    peer_close(&peer);
}

/* ---- pages of other hosts ---- */

static int ask_with_origin(struct loopback *loopback, const char *origin)
{
    struct peer peer;
    struct answer answer;
    char line[100];

    snprintf(line, sizeof(line), "Origin: %s\r\n", origin);
    peer_open(&peer, loopback);
    peer_ask_ws(&peer, WEBSOCKET, line);
    peer_answer(&peer, &answer, false);
    if (answer.status == 400)
        assert_string_equal(answer.body, "Forbidden");
    peer_close(&peer);
    return answer.status;
}

static void test_origin_of_websockets(void **state)
{
    struct loopback *loopback = *state;

    assert_int_equal(ask_with_origin(loopback, "http://test"), 101);
    assert_int_equal(ask_with_origin(loopback, "https://test"), 101);
    assert_int_equal(ask_with_origin(loopback, "http://elsewhere"), 400);
    assert_int_equal(ask_with_origin(loopback, "null"), 400);
    assert_int_equal(net_counters(loopback->net)->origins_refused, 2);
}

static void test_listed_origins(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;

    assert_int_equal(ask_with_origin(loopback, "https://b.example"), 101);
    assert_int_equal(ask_with_origin(loopback, "https://c.example"), 400);
    peer_open(&peer, loopback);
    peer_request(&peer, "GET", POLLING, "Origin: https://b.example\r\n", NULL);
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 200);
    assert_true(answer_has(&answer, "Access-Control-Allow-Origin: https://b.example"));
    assert_true(answer_has(&answer, "Vary: Origin"));
    peer_request(&peer, "GET", "?EIO=4", "Origin: https://c.example\r\n", NULL);
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 400);
    assert_null(strstr(answer.head, "Access-Control-Allow-Origin"));
    assert_true(answer_has(&answer, "Vary: Origin"));
    peer_close(&peer);
}

static void test_preflight(void **state)
{
    struct peer peer;
    struct answer answer;

    peer_open(&peer, *state);
    peer_request(&peer, "OPTIONS", POLLING,
                 "Origin: http://x.y\r\n"
                 "Access-Control-Request-Method: POST\r\n"
                 "Access-Control-Request-Headers: content-type,x-foo\r\n",
                 NULL);
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 204);
    assert_true(answer_has(&answer, "Access-Control-Allow-Origin: *"));
    assert_true(answer_has(&answer, "Access-Control-Allow-Headers: content-type,x-foo"));
    assert_true(
        answer_has(&answer, "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE"));
    assert_true(answer_has(&answer, "Content-Length: 0"));
    peer_close(&peer);
}

static void test_no_cors(void **state)
{
    struct peer peer;
    struct answer answer;

    peer_open(&peer, *state);
    peer_request(&peer, "OPTIONS", POLLING, "Origin: http://x.y\r\n", NULL);
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 400);
    assert_string_equal(answer.body, "{\"code\":2,\"message\":\"Bad handshake method\"}");
    assert_null(strstr(answer.head, "Access-Control"));
    peer_close(&peer);
}

/* ---- proxies ---- */

static void test_behind_a_proxy(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;

    peer_open(&peer, loopback);
    peer_request(&peer, "GET", POLLING,
                 "X-Forwarded-For: 1.1.1.1, 192.0.2.7\r\nX-Forwarded-Proto: https\r\n", NULL);
    peer_answer(&peer, &answer, false);
    assert_true(answer_has(&answer, "X-Node: abc"));
    assert_string_equal(loopback->client_address, "192.0.2.7");
    assert_true(loopback->secure);
    peer_request(&peer, "GET", "?EIO=4", NULL, NULL);
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 400);
    assert_true(answer_has(&answer, "X-Node: abc"));
    peer_puts(&peer, "GET /who HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n");
    peer_answer(&peer, &answer, false);
    assert_string_equal(answer.body, "192.0.2.9 0 0 -");
    assert_true(answer_has(&answer, "X-Node: abc"));
    peer_puts(&peer, "nonsense\r\n\r\n");
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 400);
    assert_true(answer_has(&answer, "X-Node: abc"));
    peer_close(&peer);
    peer_open(&peer, loopback);
    peer_ask_ws(&peer, WEBSOCKET, "X-Forwarded-For: 192.0.2.8\r\n");
    peer_answer(&peer, &answer, true);
    assert_int_equal(answer.status, 101);
    assert_true(answer_has(&answer, "X-Node: abc"));
    peer_expect_open(&peer);
    assert_string_equal(loopback->client_address, "192.0.2.8");
    assert_false(loopback->secure);
    peer_close(&peer);
}

static void test_without_a_proxy(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;

    peer_open(&peer, loopback);
    peer_request(&peer, "GET", POLLING,
                 "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n", NULL);
    peer_answer(&peer, &answer, false);
    assert_null(strstr(answer.head, "X-Node"));
    assert_string_equal(loopback->client_address, "127.0.0.1");
    assert_false(loopback->secure);
    peer_close(&peer);
}

/* ---- the owner's answers ---- */

static void test_owner(void **state)
{
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;

    peer_open(&peer, loopback);
    peer_puts(&peer, "GET /who?a=b HTTP/1.1\r\nHost: a\r\nUser-Agent: me\r\n\r\n");
    peer_answer(&peer, &answer, false);
    assert_string_equal(answer.body, "127.0.0.1 1 0 me");
    assert_true(answer_has(&answer, "X-Mine: yes"));
    peer_puts(&peer, "GET /who HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n");
    peer_answer(&peer, &answer, false);
    assert_string_equal(answer.body, "127.0.0.1 0 0 -");
    /* The path is a prefix up to its slash. */
    peer_puts(&peer, "GET /engine.iox/?EIO=4 HTTP/1.1\r\nHost: a\r\n\r\n"
                     "GET /engine.io HTTP/1.1\r\nHost: a\r\n\r\n"
                     "GET /engine.io/foo?EIO=4 HTTP/1.1\r\nHost: a\r\n\r\n");
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 404);
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 404);
    peer_answer(&peer, &answer, false);
    assert_string_equal(answer.body, "{\"code\":0,\"message\":\"Transport unknown\"}");
    peer_close(&peer);
    peer_open_admin(&peer, loopback);
    peer_puts(&peer, "GET /who HTTP/1.1\r\nHost: a\r\n\r\n"
                     "GET /engine.io/" POLLING " HTTP/1.1\r\nHost: a\r\n\r\n");
    peer_answer(&peer, &answer, false);
    assert_string_equal(answer.body, "127.0.0.1 1 1 -");
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 404);
    peer_close(&peer);
}

static void test_bad_ws_handshakes(void **state)
{
    static const struct {
        const char *lines;
        const char *body;
        bool tells_versions;
    } cases[] = {
        {"Sec-WebSocket-Version: 13\r\n", "Missing or invalid Sec-WebSocket-Key header", false},
        {"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n",
         "Missing or invalid Sec-WebSocket-Key header", false},
        {"Sec-WebSocket-Key: IQf1bbYdoTpyLojpyoWiuQ==\r\n",
         "Missing or invalid Sec-WebSocket-Version header", true},
        {"Sec-WebSocket-Version: 7\r\nSec-WebSocket-Key: IQf1bbYdoTpyLojpyoWiuQ==\r\n",
         "Missing or invalid Sec-WebSocket-Version header", true},
    };
    struct loopback *loopback = *state;

    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct peer peer;
        struct answer answer;

        peer_open(&peer, loopback);
        peer_puts(&peer,
                  "GET /engine.io/" WEBSOCKET " HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                  "Upgrade: websocket\r\n%s\r\n",
                  cases[i].lines);
        peer_answer(&peer, &answer, false);
        assert_int_equal(answer.status, 400);
        assert_string_equal(answer.body, cases[i].body);
        assert_int_equal(answer_has(&answer, "Sec-WebSocket-Version: 13, 8"),
                         cases[i].tells_versions);
        peer_expect_end(&peer);
        peer_close(&peer);
    }
}

/* RFC 6455, 4.1: only a GET becomes a WebSocket, and a body in front of the frames is none of them.
 */
static void test_ws_handshakes_with_bodies(void **state)
{
    static const char lines[] = "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                "Sec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: IQf1bbYdoTpyLojpyoWiuQ==\r\n"
                                "Content-Length: 5\r\n\r\n4post";
    struct loopback *loopback = *state;
    struct peer peer;
    struct answer answer;
    char sid[64];

    handshake(loopback, sid);
    peer_open(&peer, loopback);
    peer_puts(&peer, "POST /engine.io/" POLLING "&sid=%s HTTP/1.1\r\n%s", sid, lines);
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "ok");
    peer_close(&peer);
    peer_open(&peer, loopback);
    peer_puts(&peer, "GET /engine.io/" WEBSOCKET " HTTP/1.1\r\n%s", lines);
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 400);
    assert_string_equal(answer.body, "Bad request");
    peer_close(&peer);
    assert_int_equal(net_counters(loopback->net)->websockets_now, 0);
}

static void test_subprotocol(void **state)
{
    struct peer peer;
    struct answer answer;

    peer_open(&peer, *state);
    peer_ask_ws(&peer, WEBSOCKET, "Sec-WebSocket-Protocol: chat, other\r\n");
    peer_answer(&peer, &answer, true);
    assert_int_equal(answer.status, 101);
    assert_true(answer_has(&answer, "Sec-WebSocket-Protocol: chat"));
    assert_null(strstr(answer.head, "Sec-WebSocket-Extensions"));
    peer_close(&peer);
}

/* ---- files ---- */

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[200];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void get(struct peer *peer, const char *path, const char *lines, struct answer *answer)
{
    peer_puts(peer, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path, lines);
    peer_answer(peer, answer, false);
}

static void look_at_files(struct loopback *loopback)
{
    struct peer peer;
    struct answer answer;
    char line[200];
    char tag[100];

    peer_open(&peer, loopback);
    get(&peer, "/", "", &answer);
    assert_string_equal(answer.body, "<p>page");
    assert_true(answer_has(&answer, "Content-Type: text/html; charset=utf-8"));
    assert_true(answer_has(&answer, "Cache-Control: public, max-age=0"));
    assert_int_equal(sscanf(strstr(answer.head, "ETag: "), "ETag: %99s", tag), 1);
    snprintf(line, sizeof(line), "If-None-Match: \"other\", W/%s\r\n", tag);
    get(&peer, "/index.html", line, &answer);
    assert_int_equal(answer.status, 304);
    assert_int_equal(answer.body_bytes, 0);
    get(&peer, "/sub/style.css?v=1", "", &answer);
    assert_string_equal(answer.body, "p{}");
    assert_true(answer_has(&answer, "Content-Type: text/css; charset=utf-8"));
    get(&peer, "/engine.io/client.js", "", &answer);
    assert_string_equal(answer.body, "client");
    assert_true(answer_has(&answer, "ETag: \"4.8.4\""));
    assert_true(answer_has(&answer, "Content-Type: application/javascript; charset=utf-8"));
    get(&peer, "/engine.io/client.js", "If-None-Match: \"4.8.4\"\r\n", &answer);
    assert_int_equal(answer.status, 304);
    get(&peer, "/engine.io/client.jsx", "", &answer);
    assert_string_equal(answer.body, "{\"code\":0,\"message\":\"Transport unknown\"}");
    get(&peer, "/.secret", "", &answer);
    assert_int_equal(answer.status, 404);
    get(&peer, "/../etc/passwd", "", &answer);
    assert_int_equal(answer.status, 404);
    peer_puts(&peer, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    peer_answer(&peer, &answer, true);
    assert_int_equal(answer.status, 200);
    assert_true(answer_has(&answer, "Content-Length: 7"));
    peer_request(&peer, "POST", "client.js", NULL, NULL);
    peer_answer(&peer, &answer, false);
    assert_int_equal(answer.status, 400);
    peer_close(&peer);
}

static void test_files(void **state)
{
    char directory[] = "/tmp/confab-test-XXXXXX";
    char path[200];
    struct net_files *files = net_files_new();
    struct loopback loopback;
    struct loopback_options options = {.net = {.files = files}};

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/sub", directory);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(directory, "index.html", "<p>page");
    write_file(directory, ".secret", "no");
    write_file(path, "style.css", "p{}");
    assert_int_equal(net_files_add_directory(files, "/", directory), CONFAB_OK);
    write_file(directory, "client.js", "client");
    snprintf(path, sizeof(path), "%s/client.js", directory);
    assert_int_equal(net_files_add(files, "/engine.io/client.js", path, "4.8.4"), CONFAB_OK);
    assert_int_equal(net_files_count(files), 4);
    assert_int_equal(net_files_add_directory(files, "/", "/nowhere/at/all"), CONFAB_ENOTFOUND);
    assert_int_equal(net_files_add(files, "/x", "/nowhere/at/all", NULL), CONFAB_ENOTFOUND);
    loopback_start(&loopback, &options);
    look_at_files(&loopback);
    loopback_stop(&loopback);
    net_files_free(&files);
    unlink(path);
    snprintf(path, sizeof(path), "%s/sub/style.css", directory);
    unlink(path);
    snprintf(path, sizeof(path), "%s/sub", directory);
    rmdir(path);
    snprintf(path, sizeof(path), "%s/index.html", directory);
    unlink(path);
    snprintf(path, sizeof(path), "%s/.secret", directory);
    unlink(path);
    rmdir(directory);
}

#define CASE(name, how) cmocka_unit_test_setup_teardown(name, how, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_admission_later, setup_asking),
        CASE(test_admission_websocket, setup_asking),
        CASE(test_denial, setup_asking),
        CASE(test_admission_too_late, setup_asking),
        CASE(test_admission_outlives_the_network, setup_asking),
        CASE(test_origin_of_websockets, setup),
        CASE(test_listed_origins, setup_cors),
        CASE(test_preflight, setup_cors_any),
        CASE(test_no_cors, setup),
        CASE(test_behind_a_proxy, setup_proxied),
        CASE(test_without_a_proxy, setup),
        CASE(test_owner, setup),
        CASE(test_bad_ws_handshakes, setup),
        CASE(test_ws_handshakes_with_bodies, setup),
        CASE(test_subprotocol, setup),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
