/* Origins and patterns for them. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/origin.h"

static void test_parse(void **state)
{
    static const char *const good[] = {
        "http://a",
        "https://a.example",
        "HTTP://A.Example:80",
        "http://127.0.0.1:65535",
        "http://[::1]:3000",
        "https://xn--nxasmq6b",
        "chrome-extension://abcdefgh",
        "capacitor://localhost",
        "http://my_host.lan",
    };
    static const char *const bad[] = {
        "",
        "null",
        "*",
        "a.example",
        "://a",
        "http:/a",
        "http://",
        "http://a/",
        "http://a?x",
        "http://a#x",
        "http://a b",
        "http://u@a",
        "http://a:",
        "http://a:0",
        "http://a:65536",
        "http://a:000080",
        "http://a:8o",
        "http://a:80:80",
        "http://.a",
        "http://a.",
        "http://a..b",
        "http://[::1",
        "http://[]",
        "http://[::1]x",
        "http://[x]",
        "http://h\xc3\xa9",
        "http://a,http://b",
        "http://*.a",
        "http://a:*",
        "http://a\r\nx",
    };
    struct origin origin;

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(good); i++) {
        if (!origin_parse(good[i], &origin))
            fail_msg("'%s' is not taken", good[i]);
    }
    for (size_t i = 0; i < TEST_COUNT(bad); i++) {
        if (origin_parse(bad[i], &origin))
            fail_msg("'%s' is taken", bad[i]);
    }
}

static void test_bad_patterns(void **state)
{
    static const char *const bad[] = {
        "https://*",    "https://*.",      "https://*.*.a",  "https://a*.b", "https://*a.b",
        "https://a.*",  "https://*.a:",    "https://*.a:**", "*://a",        "https://*.[::1]",
        "https://*..a", "https://a.*.b.c", "https://*.a/",
    };
    struct origin pattern;

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(bad); i++) {
        if (origin_parse_pattern(bad[i], &pattern))
            fail_msg("'%s' is taken", bad[i]);
    }
}

static void test_matches(void **state)
{
    static const struct {
        const char *pattern, *origin;
        bool matches;
    } cases[] = {
        {"https://a.example", "https://a.example", true},
        {"https://A.example", "HTTPS://a.EXAMPLE", true},
        {"https://a.example:443", "https://a.example", true},
        {"http://a.example", "http://a.example:80", true},
        {"http://a.example", "http://a.example:81", false},
        {"http://a.example", "https://a.example", false},
        {"http://a.example", "https://a.example:80", false},
        {"http://a.example", "http://b.a.example", false},
        {"http://a.example", "http://a.example.b", false},
        {"https://*.example.org", "https://a.example.org", true},
        {"https://*.example.org", "https://a.b.example.org", true},
        {"https://*.example.org", "https://example.org", false},
        {"https://*.example.org", "https://aexample.org", false},
        {"https://*.example.org", "https://a.example.org.evil", false},
        {"https://*.example.org", "https://a.example.org:8443", false},
        {"https://*.example.org", "http://a.example.org", false},
        {"https://*.example.org:*", "https://a.example.org:8443", true},
        {"https://*.example.org:*", "https://a.example.org", true},
        {"http://localhost:*", "http://localhost:5173", true},
        {"http://localhost:*", "http://localhost", true},
        {"http://localhost:*", "http://localhost.evil:5173", false},
        {"http://[::1]:*", "http://[::1]:80", true},
        {"app://x", "app://x", true},
        {"app://x", "app://x:1", false},
        {"app://x:1", "app://x:1", true},
    };

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct origin pattern, origin;

        assert_true(origin_parse_pattern(cases[i].pattern, &pattern));
        assert_true(origin_parse(cases[i].origin, &origin));
        if (origin_matches(&pattern, &origin) != cases[i].matches)
            fail_msg("%s and %s", cases[i].pattern, cases[i].origin);
    }
}

static void test_lengths(void **state)
{
    char text[400] = "http://";
    struct origin origin;

    (void)state;
    memset(text + 7, 'a', 63);
    assert_true(origin_parse(text, &origin));
    text[7 + 63] = 'a';
    assert_false(origin_parse(text, &origin));
    for (size_t i = 7; i < sizeof(text) - 1; i++)
        text[i] = i % 2 == 0 ? '.' : 'a';
    text[7 + 253] = '\0';
    assert_true(origin_parse(text, &origin));
    text[7 + 253] = '.';
    text[7 + 255] = '\0';
    assert_false(origin_parse(text, &origin));
    assert_true(origin_parse("http://a.b:80", &origin));
    assert_int_equal(origin.plain_bytes, strlen("http://a.b"));
    assert_true(origin_parse("http://a.b:81", &origin));
    assert_int_equal(origin.plain_bytes, strlen("http://a.b:81"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_bad_patterns),
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
