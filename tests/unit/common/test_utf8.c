/* UTF-8: every code point, every pair and many malformed sequences. */
#include "common/utf8.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#include "tests/unit/test.h"

static void test_every_code_point(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x110010; cp++) {
        bool surrogate = cp >= 0xd800 && cp <= 0xdfff;
        char bytes[4];
        size_t n = utf8_encode(cp, bytes);
        uint32_t back = 0;

        if (surrogate || cp > 0x10ffff) {
            assert_int_equal(n, 0);
            continue;
        }
        assert_int_equal(n, cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4);
        assert_int_equal(utf8_decode(bytes, n, &back), n);
        assert_int_equal(back, cp);
        assert_true(utf8_valid(bytes, n));
        assert_int_equal(utf8_count(bytes, n), 1);
        assert_int_equal(utf8_utf16_len(bytes, n), cp > 0xffff ? 2 : 1);
        for (size_t cut = 1; cut < n; cut++)
            assert_int_equal(utf8_decode(bytes, cut, &back), 0);
    }
}

static void test_malformed(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        size_t valid;
    } cases[] = {
        {"\x80", 1, 0},
        {"\xbf", 1, 0},
        {"\xc0\x80", 2, 0},             /* overlong NUL */
        {"\xc1\xbf", 2, 0},             /* overlong */
        {"\xc2", 1, 0},                 /* cut off */
        {"\xc2 ", 2, 0},                /* no tail */
        {"\xe0\x9f\xbf", 3, 0},         /* overlong */
        {"\xe0\xa0", 2, 0},             /* cut off */
        {"\xe1\x80 ", 3, 0},            /* second tail missing */
        {"\xed\xa0\x80", 3, 0},         /* U+D800 */
        {"\xed\xbf\xbf", 3, 0},         /* U+DFFF */
        {"\xf0\x8f\xbf\xbf", 4, 0},     /* overlong */
        {"\xf0\x90\x80", 3, 0},         /* cut off */
        {"\xf1\x80\x80 ", 4, 0},        /* third tail missing */
        {"\xf4\x90\x80\x80", 4, 0},     /* U+110000 */
        {"\xf5\x80\x80\x80", 4, 0},     /* no such lead */
        {"\xf8\x88\x80\x80\x80", 5, 0}, /* five bytes */
        {"\xfe", 1, 0},
        {"\xff", 1, 0},
        {"abc\xff", 4, 3},
        {"abcdefgh\x80", 9, 8},
        {"abcdefghabcdefg\xc3", 16, 15},
        {"\xc3\xa4\xc3\xa4\xc3", 5, 4},
        {"\xe2\x82\xac\xe2\x82", 5, 3},
        {"", 0, 0},
        {"a\0b", 3, 3},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z", 10, 10},
    };

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        /* Exactly sized, for the sanitizer. */
        char *bytes = xmemdup(cases[i].bytes, cases[i].len);

        assert_int_equal(utf8_valid_prefix(bytes, cases[i].len), cases[i].valid);
        assert_int_equal(utf8_valid(bytes, cases[i].len), cases[i].valid == cases[i].len);
        free(bytes);
    }
}

/* A bad byte, and a good character, at every offset against the eight-byte steps. */
static void test_every_offset(void **state)
{
    (void)state;
    for (size_t len = 4; len < 40; len++) {
        char *text = xmalloc(len);

        for (size_t at = 0; at + 4 <= len; at++) {
            memset(text, 'x', len);
            text[at] = (char)0x80;
            assert_int_equal(utf8_valid_prefix(text, len), at);
            memcpy(text + at, "\xf0\x9f\x98\x80", 4);
            assert_true(utf8_valid(text, len));
            assert_int_equal(utf8_count(text, len), len - 3);
            assert_int_equal(utf8_utf16_len(text, len), len - 2);
            memcpy(text + at, "\xc3\xa4\xc3\xa4", 4);
            assert_int_equal(utf8_count(text, len), len - 2);
            assert_int_equal(utf8_utf16_len(text, len), len - 2);
        }
        free(text);
    }
}

/* All pairs of bytes: valid ones are two of ASCII or one character of two bytes. */
static void test_all_pairs(void **state)
{
    (void)state;
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            const uint8_t pair[2] = {(uint8_t)a, (uint8_t)b};
            bool expected =
                (a < 0x80 && b < 0x80) || (a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf);

            assert_int_equal(utf8_valid(pair, 2), expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_every_offset),
        cmocka_unit_test(test_all_pairs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
