/* Which offers of permessage-deflate are taken, passed over, or no offers at all. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "gateway/net/ws_extensions.h"
#include "tests/unit/mutate.h"

#define ANSWER                                                                   \
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; " \
    "client_no_context_takeover"
#define OURS "permessage-deflate"

/* What is answered; NULL: the handshake is refused. */
static void expect(const char *value, const char *answer)
{
    struct ws_terms terms;
    struct buf lines;
    bool good;

    buf_init(&lines, 1000);
    good = ws_extensions_read(value, &terms);
    ws_extensions_answer(&terms, &lines);
    if (good != (answer != NULL) || strcmp(buf_text(&lines), answer != NULL ? answer : "") != 0)
        fail_msg("'%s': %s '%s'", value, good ? "taken" : "refused", buf_text(&lines));
    buf_fini(&lines);
}

static void test_taken(void **state)
{
    static const char *const offers[] = {
        OURS,
        OURS "; client_max_window_bits",
        OURS ";client_max_window_bits",
        OURS " ;\tclient_max_window_bits ",
        OURS "; client_max_window_bits=8",
        OURS "; client_max_window_bits=15",
        OURS "; client_max_window_bits=\"12\"",
        OURS "; client_max_window_bits=\"1\\2\"",
        OURS "; client_no_context_takeover",
        OURS "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
        "x-webkit-deflate-frame, " OURS,
        "bbf-usp-protocol; eid=\"abc\"; x, " OURS "; client_max_window_bits",
        OURS ", " OURS "; server_max_window_bits=10",
        OURS "; unknown, " OURS,
        OURS "; server_max_window_bits=7, " OURS,
        OURS "," OURS "; server_max_window_bits=0",
    };

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(offers); i++)
        expect(offers[i], ANSWER "\r\n");
}

/* A window that the client asks for is kept to. */
static void test_windows(void **state)
{
    struct ws_terms terms;

    (void)state;
    expect(OURS "; server_max_window_bits=8", ANSWER "; server_max_window_bits=8\r\n");
    expect(OURS "; server_max_window_bits=\"15\"", ANSWER "; server_max_window_bits=15\r\n");
    expect(OURS "; server_max_window_bits=10, " OURS, ANSWER "; server_max_window_bits=10\r\n");
    assert_true(ws_extensions_read(OURS "; server_max_window_bits=11", &terms));
    assert_int_equal(terms.window_bits, 11);
    assert_true(ws_extensions_read(OURS "; client_max_window_bits=9", &terms));
    assert_int_equal(terms.window_bits, WS_WINDOW_BITS_MAX);
    /* Nothing of an offer that was passed over stays. */
    assert_true(ws_extensions_read(OURS "; server_max_window_bits=9; x, " OURS, &terms));
    assert_int_equal(terms.window_bits, WS_WINDOW_BITS_MAX);
    assert_false(terms.tells_bits);
}

static void test_passed_over(void **state)
{
    static const char *const offers[] = {
        "x-webkit-deflate-frame",
        "permessage-bzip2; client_max_window_bits",
        "Permessage-Deflate",
        "permessage-deflate2",
        OURS "; unknown",
        OURS "; unknown=1",
        OURS "; unknown=\"a\"",
        OURS "; client_max_window_bits; client_max_window_bits",
        OURS "; server_no_context_takeover; server_no_context_takeover",
        OURS "; server_no_context_takeover=1",
        OURS "; client_no_context_takeover=\"true\"",
        OURS "; server_max_window_bits",
        OURS "; server_max_window_bits=7",
        OURS "; server_max_window_bits=16",
        OURS "; server_max_window_bits=0",
        OURS "; server_max_window_bits=08",
        OURS "; server_max_window_bits=\"010\"",
        OURS "; server_max_window_bits=1e1",
        OURS "; server_max_window_bits=+9",
        OURS "; server_max_window_bits=99999999999999999999999999999999",
        OURS "; client_max_window_bits=7",
        OURS "; client_max_window_bits=16",
        OURS "; client_max_window_bits=x",
        OURS "; Client_max_window_bits",
        "x; y=\"1\"; " OURS,
        OURS "; x, " OURS "; server_max_window_bits=\"16\"",
    };

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(offers); i++)
        expect(offers[i], "");
}

static void test_refused(void **state)
{
    static const char *const values[] = {
        "",
        ",",
        ";",
        "=",
        "\"" OURS "\"",
        OURS ",",
        "," OURS,
        OURS ",," OURS,
        OURS ";",
        OURS "; ;client_max_window_bits",
        OURS "; client_max_window_bits=",
        OURS "; client_max_window_bits=\"\"",
        OURS "; client_max_window_bits=\"10",
        OURS "; client_max_window_bits=\"10\\",
        OURS "; client_max_window_bits=\"1 0\"",
        OURS "; client_max_window_bits=\"1\\\"0\"",
        OURS "; client_max_window_bits=10\"",
        OURS "; client_max_window_bits=10 11",
        OURS "; client_max_window_bits==10",
        OURS "; client_max_window_bits =10",
        OURS "; client_max_window_bits= 10",
        OURS " client_max_window_bits",
        OURS "; \"client_max_window_bits\"",
        OURS "; a b",
        OURS "; (comment)",
        OURS ", @",
        OURS "; \xc3\xa9",
    };

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(values); i++)
        expect(values[i], NULL);
}

/* Thousands of offers, a value of kilobytes: read once from front to back. */
static void test_long(void **state)
{
    struct ws_terms terms;
    struct buf value;

    (void)state;
    buf_init(&value, 1000000);
    for (int i = 0; i < 10000; i++)
        buf_puts(&value, OURS "; x=\"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\",");
    buf_puts(&value, OURS);
    assert_true(ws_extensions_read(buf_text(&value), &terms));
    assert_true(terms.deflate);
    buf_reset(&value);
    buf_puts(&value, OURS "; server_max_window_bits=\"");
    for (int i = 0; i < 100000; i++)
        buf_puts(&value, "1");
    buf_puts(&value, "\"");
    assert_true(ws_extensions_read(buf_text(&value), &terms));
    assert_false(terms.deflate);
    buf_fini(&value);
}

static void test_damage(void **state)
{
    static const char seed[] = OURS "; server_max_window_bits=\"1\\2\"; x, " OURS
                                    "; client_max_window_bits=10; client_no_context_takeover";
    struct mutator mutator = {7};

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct ws_terms terms;
        size_t length;
        uint8_t *bytes = mutate(&mutator, (const uint8_t *)seed, sizeof(seed) - 1, &length);
        char *text = malloc(length + 1);

        memcpy(text, bytes, length);
        text[length] = '\0';
        if (!ws_extensions_read(text, &terms))
            assert_false(terms.deflate);
        assert_in_range(terms.window_bits, 8, WS_WINDOW_BITS_MAX);
        free(text);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),   cmocka_unit_test(test_windows),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_passed_over),
        cmocka_unit_test(test_long),    cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
