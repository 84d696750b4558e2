/* Chunked bodies, in one piece and split at every byte. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "gateway/net/http_chunked.h"
#include "tests/unit/mutate.h"
#include <confab/err.h>

/* Decodes `text`, given in pieces of `piece` bytes. Returns the bytes consumed, or the error. */
static int decode(const char *text, size_t length, size_t piece, struct buf *out, bool *done)
{
    struct http_chunked chunked = {0};
    size_t at = 0;

    buf_reset(out);
    while (at < length && !chunked.done) {
        size_t end = at + piece < length ? at + piece : length;
        const char *data;
        size_t data_bytes;
        int n = http_chunked_read(&chunked, text + at, end - at, &data, &data_bytes);

        if (n < 0)
            return n;
        assert_true((size_t)n <= end - at);
        assert_true(n > 0);
        buf_append(out, data, data_bytes);
        at += (size_t)n;
    }
    *done = chunked.done;
    return (int)at;
}

static void test_cases(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        int result; /* the error, or 0 */
        const char *body;
    } cases[] = {
        {"nothing", "0\r\n\r\n", 0, ""},
        {"one", "5\r\nhello\r\n0\r\n\r\n", 0, "hello"},
        {"two", "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 0, "hello"},
        {"hex", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", 0, "01234567890123456789"},
        {"zeros", "0005\r\nhello\r\n000\r\n\r\n", 0, "hello"},
        {"extension", "5;a=b;c\r\nhello\r\n0;x\r\n\r\n", 0, "hello"},
        {"trailer", "0\r\nA: b\r\nC: d\r\n\r\n", 0, ""},
        {"line ends in the data", "4\r\n\r\n\r\n\r\n0\r\n\r\n", 0, "\r\n\r\n"},
        {"no size", "\r\n\r\n", CONFAB_EPARSE, NULL},
        {"sign", "+5\r\nhello\r\n", CONFAB_EPARSE, NULL},
        {"prefix", "0x5\r\nhello\r\n", CONFAB_EPARSE, NULL},
        {"blank behind the size", "5 \r\nhello\r\n", CONFAB_EPARSE, NULL},
        {"LF alone", "5\nhello\r\n0\r\n\r\n", CONFAB_EPARSE, NULL},
        {"CR alone", "5\rhello", CONFAB_EPARSE, NULL},
        {"too long a chunk", "4\r\nhello\r\n0\r\n\r\n", CONFAB_EPARSE, NULL},
        {"too many digits", "00000000000005\r\nhello\r\n", CONFAB_EPARSE, NULL},
        {"control in the extension", "5;\x01\r\nhello\r\n", CONFAB_EPARSE, NULL},
        {"LF in the trailer", "0\r\nA: b\n\r\n", CONFAB_EPARSE, NULL},
    };
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        size_t length = strlen(cases[i].text);

        for (size_t piece = 1; piece <= length; piece++) {
            bool done = false;
            int result = decode(cases[i].text, length, piece, &out, &done);

            if (cases[i].body == NULL
                    ? result != cases[i].result
                    : result != (int)length || !done || strcmp(buf_text(&out), cases[i].body) != 0)
                fail_msg("%s in pieces of %zu: %d", cases[i].name, piece, result);
        }
    }
    buf_fini(&out);
}

/* What follows the body belongs to the next request. */
static void test_stops_at_the_end(void **state)
{
    static const char text[] = "2\r\nab\r\n0\r\n\r\nGET";
    struct buf out;
    bool done = false;

    (void)state;
    buf_init(&out, 100);
    assert_int_equal(decode(text, sizeof(text) - 1, sizeof(text), &out, &done),
                     sizeof(text) - 1 - 3);
    assert_true(done);
    buf_fini(&out);
}

static void test_extra_is_bounded(void **state)
{
    struct buf text;
    struct buf out;
    bool done;

    (void)state;
    buf_init(&text, 100000);
    buf_init(&out, 100);
    for (size_t over = 0; over <= 1; over++) {
        buf_reset(&text);
        buf_puts(&text, "0\r\n");
        for (size_t i = 0; i < HTTP_CHUNKED_EXTRA_MAX_BYTES + over; i++)
            buf_puts(&text, i % 64 == 63 ? "a\r\n" : "a");
        buf_puts(&text, "\r\n\r\n");
        int result = decode(buf_text(&text), text.len, text.len, &out, &done);
        assert_int_equal(result < 0 ? result : 0, over == 0 ? 0 : CONFAB_ELIMIT);
    }
    buf_fini(&text);
    buf_fini(&out);
}

static void test_damage(void **state)
{
    static const char seed[] = "5;a=b\r\nhello\r\n3\r\nyou\r\n0\r\nT: v\r\n\r\n";
    struct mutator mutator = {7};
    struct buf whole, pieces;

    (void)state;
    buf_init(&whole, 1000);
    buf_init(&pieces, 1000);
    for (int i = 0; i < 20000; i++) {
        size_t length;
        uint8_t *text = mutate(&mutator, (const uint8_t *)seed, sizeof(seed) - 1, &length);
        bool done_whole = false, done_pieces = false;
        int result = decode((const char *)text, length, length + 1, &whole, &done_whole);

        assert_int_equal(decode((const char *)text, length, 1, &pieces, &done_pieces), result);
        if (result >= 0) {
            assert_int_equal(done_whole, done_pieces);
            assert_string_equal(buf_text(&whole), buf_text(&pieces));
        }
        free(text);
    }
    buf_fini(&whole);
    buf_fini(&pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_stops_at_the_end),
        cmocka_unit_test(test_extra_is_bounded),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
