/* Base64 both ways; the lenient decoder against what Node's Buffer.from(text, 'base64') gives. */
#include "common/base64.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/rng.h"

#include "tests/unit/test.h"

static void check_encoding(const char *data, size_t len, const char *standard, const char *url)
{
    char out[64];

    assert_int_equal(base64_encoded_len(len), strlen(standard));
    assert_int_equal(base64_encode(out, data, len), strlen(standard));
    assert_memory_equal(out, standard, strlen(standard));
    assert_int_equal(base64url_encoded_len(len), strlen(url));
    assert_int_equal(base64url_encode(out, data, len), strlen(url));
    assert_memory_equal(out, url, strlen(url));
}

static void test_encode(void **state)
{
    (void)state;
    /* RFC 4648, section 10. */
    check_encoding("", 0, "", "");
    check_encoding("f", 1, "Zg==", "Zg");
    check_encoding("fo", 2, "Zm8=", "Zm8");
    check_encoding("foo", 3, "Zm9v", "Zm9v");
    check_encoding("foob", 4, "Zm9vYg==", "Zm9vYg");
    check_encoding("fooba", 5, "Zm9vYmE=", "Zm9vYmE");
    check_encoding("foobar", 6, "Zm9vYmFy", "Zm9vYmFy");
    check_encoding("\xfb\xff\xbf", 3, "+/+/", "-_-_");
    check_encoding("\0\0\0\0", 4, "AAAAAA==", "AAAAAA");
}

/* All lengths over several of the encoder's blocks, in exactly sized memory so that the sanitizer
 * sees one byte too much. */
static void test_round_trips(void **state)
{
    struct rng r;

    (void)state;
    rng_init_seeded(&r, 3);
    for (size_t len = 0; len < 200; len++) {
        uint8_t *data = xmalloc(len);
        char *text = xmalloc(base64_encoded_len(len));
        char *url = xmalloc(base64url_encoded_len(len));
        uint8_t *back;
        size_t n;

        rng_bytes(&r, data, len);
        n = base64_encode(text, data, len);
        assert_int_equal(n, base64_encoded_len(len));
        back = xmalloc(base64_decoded_max(n));
        assert_int_equal(base64_decode_lenient(back, text, n), len);
        assert_memory_equal(back, data, len);
        free(back);

        n = base64url_encode(url, data, len);
        assert_int_equal(n, base64url_encoded_len(len));
        assert_int_equal(base64_decoded_max(n), len);
        back = xmalloc(len);
        assert_int_equal(base64_decode_lenient(back, url, n), len);
        assert_memory_equal(back, data, len);
        free(back);
        free(url);
        free(text);
        free(data);
    }
}

static void test_decode_as_node(void **state)
{
    /* Recorded with Node 20. */
    static const struct {
        const char *text;
        size_t len;
        const char *bytes;
    } cases[] = {
        {"", 0, ""},
        {"YQ", 2, "a"},
        {"YQ==", 4, "a"},
        {"YWI", 3, "ab"},
        {"YWI=", 4, "ab"},
        {"YWJj", 4, "abc"},
        {"A", 1, ""},
        {"Y Q", 3, "a"},
        {"Y\nW\tJ j", 7, "abc"},
        {"_-+/", 4, "\xff\xef\xbf"},
        {"-_-_", 4, "\xfb\xff\xbf"},
        {"YQ==YQ==", 8, "a"},
        {"=YQ", 3, ""},
        {"!!!!", 4, ""},
        {"Y!W@J#j", 7, "abc"},
        {"YWJjZ", 5, "abc"},
        {"YWJjZA=", 7, "abcd"},
        {"YW=Jj", 5, "a"},
        {"YWJj====", 8, "abc"},
        {"\xc3\xbfYWJj", 6, "abc"},
        {"YWJjYWJjYWJj!YWJjYW", 19, "abcabcabcabca"},
        {"Y=", 2, ""},
        {"YWJ=j", 5, "ab"},
        {"YWJj\0YWJj", 9, "abcabc"},
        {"YWJjZG.VmZ2hp", 13, "abcdefghi"},
    };

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        char *text = xmemdup(cases[i].text, cases[i].len);
        uint8_t *out = xmalloc(base64_decoded_max(cases[i].len));
        size_t n = base64_decode_lenient(out, text, cases[i].len);

        assert_int_equal(n, strlen(cases[i].bytes));
        assert_memory_equal(out, cases[i].bytes, n);
        free(out);
        free(text);
    }
}

/* Whatever comes, the output stays inside its bound. */
static void test_junk_stays_bounded(void **state)
{
    static const char alphabet[] = "AZaz09+/-_ =!\n\xff";
    struct rng r;

    (void)state;
    rng_init_seeded(&r, 4);
    for (int round = 0; round < 5000; round++) {
        size_t len = rng_below(&r, 40);
        char *text = xmalloc(len);
        uint8_t *out = xmalloc(base64_decoded_max(len));

        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[rng_below(&r, sizeof(alphabet))];
        assert_true(base64_decode_lenient(out, text, len) <= base64_decoded_max(len));
        free(out);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_decode_as_node),
        cmocka_unit_test(test_junk_stays_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
