/* Name rules: trimming, normal form, length, forbidden characters, folding. */
#include "common/name.h"

#include <string.h>

#include "common/utf8.h"
#include <confab/err.h>

#include "tests/unit/test.h"

static void test_accepted(void **state)
{
    static const struct {
        const char *in;
        const char *shown;
        const char *key;
    } cases[] = {
        {"ann", "ann", "ann"},
        {"Ann", "Ann", "ann"},
        {"  Ann Lee\t\r\n", "Ann Lee", "ann lee"},
        {"\xc2\xa0\xe3\x80\x80"
         "bob\xe2\x80\xa8\xef\xbb\xbf",
         "bob", "bob"},
        {"12345678901234567890", "12345678901234567890", "12345678901234567890"},
        /* Decomposed comes out composed. */
        {"Zoe\xcc\x88", "Zo\xc3\xab", "zo\xc3\xab"},
        {"\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab--", "\xed\x95\x9c--", "\xed\x95\x9c--"},
        /* Full folding: sharp s, final sigma, ligature, Kelvin sign (NFC makes it K). */
        {"Stra\xc3\x9f"
         "e",
         "Stra\xc3\x9f"
         "e",
         "strasse"},
        {"\xe1\xba\x9e\xe1\xba\x9e\xe1\xba\x9e", "\xe1\xba\x9e\xe1\xba\x9e\xe1\xba\x9e", "ssssss"},
        {"\xce\xa3\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x82",
         "\xce\xa3\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x82",
         "\xcf\x83\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x83"},
        {"o\xef\xac\x83"
         "ce",
         "o\xef\xac\x83"
         "ce",
         "office"},
        {"\xe2\x84\xaa"
         "elvin",
         "Kelvin", "kelvin"},
        /* Capital I with dot: i and a combining dot. */
        {"\xc4\xb0zmir", "\xc4\xb0zmir", "i\xcc\x87zmir"},
        /* Cherokee folds to its capitals. */
        {"\xea\xad\xb0\xea\xad\xb1\xea\xad\xb2", "\xea\xad\xb0\xea\xad\xb1\xea\xad\xb2",
         "\xe1\x8e\xa0\xe1\x8e\xa1\xe1\x8e\xa2"},
        {"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80",
         "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80",
         "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80"},
        /* Deseret folds above the BMP. */
        {"\xf0\x90\x90\x80--", "\xf0\x90\x90\x80--", "\xf0\x90\x90\xa8--"},
        {"<b>x</b>", "<b>x</b>", "<b>x</b>"},
    };

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct name_out out;

        assert_int_equal(name_normalize(cases[i].in, strlen(cases[i].in), &out), CONFAB_OK);
        assert_string_equal(out.shown, cases[i].shown);
        assert_int_equal(out.shown_len, strlen(cases[i].shown));
        assert_string_equal(out.key, cases[i].key);
        assert_int_equal(out.key_len, strlen(cases[i].key));
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *in;
        size_t len;
        int err;
    } cases[] = {
        {"", 0, CONFAB_ELIMIT},
        {"ab", 2, CONFAB_ELIMIT},
        {"   ab   ", 8, CONFAB_ELIMIT},
        {"     ", 5, CONFAB_ELIMIT},
        {"123456789012345678901", 21, CONFAB_ELIMIT},
        /* Three characters of which two compose into one. */
        {"ae\xcc\x88", 4, CONFAB_ELIMIT},
        {"a\0b", 3, CONFAB_EDENIED},
        {"a\nb", 3, CONFAB_EDENIED},
        {"a\tb", 3, CONFAB_EDENIED},
        {"ab\x7f", 3, CONFAB_EDENIED},
        {"ab\xc2\x85"
         "c",
         5, CONFAB_EDENIED}, /* next line, inside */
        {"ab\xc2\xad"
         "c",
         5, CONFAB_EDENIED}, /* soft hyphen */
        {"ab\xe2\x80\x8b"
         "c",
         6, CONFAB_EDENIED}, /* zero width space */
        {"ab\xe2\x80\x8d"
         "c",
         6, CONFAB_EDENIED}, /* zero width joiner */
        {"ab\xe2\x80\xae"
         "c",
         6, CONFAB_EDENIED}, /* right-to-left override */
        {"ab\xe2\x80\xa8"
         "c",
         6, CONFAB_EDENIED}, /* line separator */
        {"ab\xef\xbb\xbf"
         "c",
         6, CONFAB_EDENIED},                       /* byte order mark, inside */
        {"ab\xee\x80\x80", 5, CONFAB_EDENIED},     /* private use */
        {"ab\xf4\x80\x80\x80", 6, CONFAB_EDENIED}, /* private use, plane 16 */
        {"ab\xef\xbf\xbf", 5, CONFAB_EDENIED},     /* noncharacter */
        {"ab\xcd\xb8", 4, CONFAB_EDENIED},         /* U+0378, unassigned */
        {"ab\xf3\xa0\x80\x81", 6, CONFAB_EDENIED}, /* language tag */
        {"ab\xed\xa0\x80", 5, CONFAB_EPARSE},      /* surrogate */
        {"ab\xff", 3, CONFAB_EPARSE},
        {"ab\xc3", 3, CONFAB_EPARSE},
    };
    static char long_text[NAME_INPUT_MAX_BYTES + 1];
    struct name_out out;

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++)
        assert_int_equal(name_normalize(cases[i].in, cases[i].len, &out), cases[i].err);
    memset(long_text, 'x', sizeof(long_text));
    assert_int_equal(name_normalize(long_text, sizeof(long_text), &out), CONFAB_ELIMIT);
    assert_int_equal(name_normalize(long_text, sizeof(long_text) - 1, &out), CONFAB_ELIMIT);
    memset(long_text, ' ', sizeof(long_text));
    assert_int_equal(name_normalize(long_text, sizeof(long_text) - 1, &out), CONFAB_ELIMIT);
}

/* The densest input there is: nothing but characters that decompose most, and combining marks in
 * the worst order. */
static void test_worst_input(void **state)
{
    char text[NAME_INPUT_MAX_BYTES];
    struct name_out out;

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(text); i += 2)
        memcpy(text + i, "\xce\x90", 2); /* three code points decomposed */
    assert_int_equal(name_normalize(text, sizeof(text), &out), CONFAB_ELIMIT);
    for (size_t i = 0; i + 1 < sizeof(text); i += 2)
        memcpy(text + i, i < sizeof(text) / 2 ? "\xcc\x88" : "\xcc\xa3", 2);
    assert_int_equal(name_normalize(text, sizeof(text), &out), CONFAB_ELIMIT);
    /* Twenty that fold to three each fill the key's buffer. */
    for (size_t i = 0; i < 40; i += 2)
        memcpy(text + i, "\xce\x90", 2);
    assert_int_equal(name_normalize(text, 40, &out), CONFAB_OK);
    assert_int_equal(utf8_count(out.shown, out.shown_len), 20);
}

/* For every code point that a name may hold: the shown form is stable, the key is the key of the
 * key and of the shown form. */
static void test_stable_for_every_code_point(void **state)
{
    uint32_t accepted = 0;

    (void)state;
    for (uint32_t cp = 0x21; cp <= 0x10ffff; cp++) {
        struct name_out once, again, of_key;
        char text[16] = "xy";
        size_t n = utf8_encode(cp, text + 2);

        memcpy(text + 2 + n, "z", 2);
        if (n == 0 || name_normalize(text, n + 3, &once) != CONFAB_OK)
            continue;
        accepted++;
        assert_int_equal(name_normalize(once.shown, once.shown_len, &again), CONFAB_OK);
        assert_string_equal(once.shown, again.shown);
        assert_string_equal(once.key, again.key);
        assert_int_equal(name_normalize(once.key, once.key_len, &of_key), CONFAB_OK);
        assert_string_equal(once.key, of_key.key);
    }
    assert_true(accepted > 140000);
}

static void test_reasons(void **state)
{
    static const int errors[] = {CONFAB_OK, CONFAB_ELIMIT, CONFAB_EDENIED, CONFAB_EPARSE,
                                 CONFAB_EIO};

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(errors); i++) {
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(name_reason(errors[i]), name_reason(errors[j]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_worst_input), cmocka_unit_test(test_stable_for_every_code_point),
        cmocka_unit_test(test_reasons),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
