/* The request head: what is read, what is refused, and that neither depends on how the bytes
 * arrive. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "gateway/net/http_head.h"
#include "tests/unit/mutate.h"
#include <confab/err.h>

#define GET "GET /a?b=c HTTP/1.1\r\nHost: x\r\n"
#define POST "POST /a HTTP/1.1\r\nHost: x\r\n"

/* The status of the refusal, 0 when it is taken, an error of http_head_find() when there is no
 * head. The bytes lie in memory of exactly their size, so that a sanitizer sees each step beyond.
 */
static int judge(struct http_head *head, char **memory, const char *text, size_t length)
{
    size_t scanned = 0;
    int found;

    *memory = xmemdup(text, length);
    found = http_head_find(*memory, length, HTTP_HEAD_DEFAULT_BYTES, &scanned);
    if (found < 0)
        return found;
    assert_true((size_t)found <= length);
    return http_head_parse(head, *memory, (size_t)found);
}

static int status_of(const char *text)
{
    struct http_head head;
    char *memory;
    int status = judge(&head, &memory, text, strlen(text));

    free(memory);
    return status;
}

static void test_parts(void **state)
{
    static const char text[] = "POST /engine.io/?EIO=4&sid=a%20b HTTP/1.1\r\n"
                               "Host: example:3000\r\n"
                               "X-Mixed-CASE:   two words \t \r\n"
                               "Empty:\r\n"
                               "Content-Length: 12\r\n"
                               "Expect: 100-Continue\r\n"
                               "Accept: a\r\n"
                               "Accept: b\r\n\r\n";
    struct http_head head;
    char *memory;

    (void)state;
    assert_int_equal(judge(&head, &memory, text, sizeof(text) - 1), 0);
    assert_int_equal(head.method, EIO_POST);
    assert_string_equal(head.url, "/engine.io/?EIO=4&sid=a%20b");
    assert_string_equal(head.query, "EIO=4&sid=a%20b");
    assert_int_equal(head.path_bytes, strlen("/engine.io/"));
    assert_int_equal(head.header_count, 7);
    assert_string_equal(head.headers[1].name, "x-mixed-case");
    assert_string_equal(head.headers[1].value, "two words");
    assert_string_equal(http_head_get(&head, "empty"), "");
    assert_string_equal(http_head_get(&head, "accept"), "a");
    assert_null(http_head_get(&head, "accep"));
    assert_int_equal(head.content_length, 12);
    assert_true(head.keep_alive);
    assert_true(head.expect_continue);
    assert_false(head.wants_websocket);
    assert_string_equal(http_head_cut_path(&head), "/engine.io/");
    assert_string_equal(head.query, "EIO=4&sid=a%20b");
    free(memory);
}

static void test_judgement(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        int status;
    } cases[] = {
        {"plain", GET "\r\n", 0},
        {"empty line first", "\r\n" GET "\r\n", 0},
        {"two empty lines first", "\r\n\r\n" GET "\r\n", 400},
        {"revision 1.0 without host", "GET / HTTP/1.0\r\n\r\n", 0},
        {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
        {"two hosts", GET "Host: y\r\n\r\n", 400},
        {"revision 2.0", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        {"no revision", "GET /\r\nHost: x\r\n\r\n", 400},
        {"small letters", "GET / http/1.1\r\nHost: x\r\n\r\n", 400},
        {"blank behind the revision", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400},
        {"two blanks", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"no path", "GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 0},
        {"asterisk elsewhere", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"authority", "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"whole URL", "GET http://x/a?b HTTP/1.1\r\nHost: x\r\n\r\n", 0},
        {"whole URL without path", "GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"fragment", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"byte above ASCII in the path", "GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"byte above ASCII in a value", GET "A: \xc3\xa9\r\n\r\n", 0},
        {"unknown method", "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 0},
        {"bad method", "GE(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"LF alone", "GET / HTTP/1.1\nHost: x\r\n\r\n", CONFAB_EPARSE},
        {"CR alone", GET "A: b\rc\r\n\r\n", 400},
        {"control in a value", GET "A: b\x01\r\n\r\n", 400},
        {"delete in a value", GET "A: b\x7f\r\n\r\n", 400},
        {"tab in a value", GET "A: b\tc\r\n\r\n", 0},
        {"blank before the colon", GET "A : b\r\n\r\n", 400},
        {"no colon", GET "A\r\n\r\n", 400},
        {"no name", GET ": b\r\n\r\n", 400},
        {"folded line", GET "A: b\r\n c\r\n\r\n", 400},
        {"folded with a tab", GET "A: b\r\n\tc: d\r\n\r\n", 400},
        {"length", POST "Content-Length: 5\r\n\r\n", 0},
        {"length twice, the same", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 0},
        {"length twice", POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400},
        {"length as a list", POST "Content-Length: 5, 5\r\n\r\n", 400},
        {"length with a sign", POST "Content-Length: +5\r\n\r\n", 400},
        {"length below zero", POST "Content-Length: -5\r\n\r\n", 400},
        {"length in hex", POST "Content-Length: 0x5\r\n\r\n", 400},
        {"length empty", POST "Content-Length:\r\n\r\n", 400},
        {"length beyond all", POST "Content-Length: 99999999999999999999\r\n\r\n", 400},
        {"chunked", POST "Transfer-Encoding: Chunked\r\n\r\n", 0},
        {"chunked and length", POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
        {"length and chunked", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"chunked twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
         400},
        {"another coding", POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"identity", POST "Transfer-Encoding: identity\r\n\r\n", 501},
        {"chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"another expectation", POST "Expect: cookies\r\n\r\n", 417},
    };

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        int status = status_of(cases[i].text);

        if (status != cases[i].status)
            fail_msg("%s: %d, not %d", cases[i].name, status, cases[i].status);
    }
}

static void test_connection(void **state)
{
    static const struct {
        const char *text;
        bool keep_alive, websocket;
    } cases[] = {
        {GET "\r\n", true, false},
        {GET "Connection: close\r\n\r\n", false, false},
        {GET "Connection: x, Close\r\n\r\n", false, false},
        {GET "Connection: closed\r\n\r\n", true, false},
        {"GET / HTTP/1.0\r\n\r\n", false, false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true, false},
        {GET "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n", true, true},
        {GET "Connection: keep-alive\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", true,
         true},
        {GET "Upgrade: websocket\r\n\r\n", true, false},
        {GET "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", true, false},
        {"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", false, false},
        {POST "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n", true, false},
    };

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct http_head head;
        char *memory;

        assert_int_equal(judge(&head, &memory, cases[i].text, strlen(cases[i].text)), 0);
        if (head.keep_alive != cases[i].keep_alive || head.wants_websocket != cases[i].websocket)
            fail_msg("case %zu", i);
        free(memory);
    }
}

/* However the bytes arrive, the end is found once it is there, and not before. */
static void test_every_split(void **state)
{
    static const char text[] = POST "Content-Length: 3\r\nA: b\r\n\r\nabc";
    size_t head_bytes = sizeof(text) - 1 - 3;

    (void)state;
    for (size_t first = 0; first <= sizeof(text) - 1; first++) {
        size_t scanned = 0;
        int found = http_head_find(text, first, HTTP_HEAD_DEFAULT_BYTES, &scanned);

        if (first < head_bytes) {
            assert_int_equal(found, CONFAB_EPARTIAL);
            assert_int_equal(scanned, first);
        } else {
            assert_int_equal(found, head_bytes);
        }
        assert_int_equal(http_head_find(text, sizeof(text) - 1, HTTP_HEAD_DEFAULT_BYTES, &scanned),
                         head_bytes);
    }
    for (size_t scanned = 0, length = 1; length < head_bytes; length++)
        assert_int_equal(http_head_find(text, length, HTTP_HEAD_DEFAULT_BYTES, &scanned),
                         CONFAB_EPARTIAL);
}

static void test_limits(void **state)
{
    char *text = xmalloc(HTTP_HEAD_DEFAULT_BYTES + 64);
    size_t at;

    (void)state;
    /* Exactly the limit, and one byte more. */
    for (int extra = 0; extra <= 1; extra++) {
        size_t length = HTTP_HEAD_DEFAULT_BYTES + (size_t)extra;
        struct http_head head;
        char *memory;

        memset(text, 'a', length);
        memcpy(text, GET "A: ", strlen(GET "A: "));
        memcpy(text + length - 4, "\r\n\r\n", 4);
        assert_int_equal(judge(&head, &memory, text, length), extra == 0 ? 0 : CONFAB_ELIMIT);
        free(memory);
    }
    for (int count = HTTP_HEADERS_MAX; count <= HTTP_HEADERS_MAX + 1; count++) {
        at = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: x\r\n");
        for (int i = 1; i < count; i++)
            at += (size_t)sprintf(text + at, "A: b\r\n");
        sprintf(text + at, "\r\n");
        assert_int_equal(status_of(text), count == HTTP_HEADERS_MAX ? 0 : 431);
    }
    free(text);
}

static void test_no_head_at_all(void **state)
{
    size_t scanned = 0;

    (void)state;
    assert_int_equal(http_head_find("", 0, HTTP_HEAD_DEFAULT_BYTES, &scanned), CONFAB_EPARTIAL);
    assert_int_equal(http_head_find("\x16\x03\x01", 3, HTTP_HEAD_DEFAULT_BYTES, &scanned),
                     CONFAB_EPARSE);
    assert_int_equal(http_head_find("\n", 1, HTTP_HEAD_DEFAULT_BYTES, &scanned), CONFAB_EPARSE);
    assert_int_equal(http_head_find(" GET", 4, HTTP_HEAD_DEFAULT_BYTES, &scanned), CONFAB_EPARSE);
}

/* Damaged heads: whatever comes out, it keeps the promises of the header file. */
static void test_damage(void **state)
{
    static const char *const seeds[] = {
        GET "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nA: b\r\n\r\n",
        POST "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n",
        POST "Transfer-Encoding: chunked\r\nX-Forwarded-For: 1.2.3.4, ::1\r\n\r\n",
    };
    struct mutator mutator = {20260101};

    (void)state;
    for (int i = 0; i < 30000; i++) {
        const char *seed = seeds[mutator_below(&mutator, TEST_COUNT(seeds))];
        size_t length;
        uint8_t *text = mutate(&mutator, (const uint8_t *)seed, strlen(seed), &length);
        struct http_head head;
        char *memory;

        if (judge(&head, &memory, (const char *)text, length) == 0) {
            assert_true(head.url[0] == '/' || head.url[0] == '*');
            assert_true(head.path_bytes <= strlen(head.url));
            assert_true(head.header_count <= HTTP_HEADERS_MAX);
            assert_false(head.chunked && head.content_length > 0);
            for (unsigned h = 0; h < head.header_count; h++) {
                assert_true(http_is_token(head.headers[h].name, strlen(head.headers[h].name)));
                assert_null(strpbrk(head.headers[h].value, "\r\n"));
            }
        }
        free(memory);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),      cmocka_unit_test(test_judgement),
        cmocka_unit_test(test_connection), cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_limits),     cmocka_unit_test(test_no_head_at_all),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
