/* Which pages may talk to the gateway. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/buf.h"
#include "gateway/net/origin.h"

static void test_own_host(void **state)
{
    static const struct {
        const char *origin, *host;
        bool own;
    } cases[] = {
        {"http://a.example", "a.example", true},
        {"http://A.Example", "a.example", true},
        {"http://a.example:3000", "a.example:3000", true},
        {"http://a.example:3000", "a.example", false},
        {"http://a.example", "a.example:3000", false},
        {"http://a.example:80", "a.example", true},
        {"http://a.example", "a.example:80", true},
        {"https://a.example", "a.example", true},
        {"https://a.example", "a.example:443", true},
        {"https://a.example:443", "a.example", true},
        {"https://a.example", "a.example:80", false},
        {"http://[::1]:3000", "[::1]:3000", true},
        {"http://a.example.evil", "a.example", false},
        {"http://evil", "a.example", false},
        {"http://a.exampl", "a.example", false},
        {"null", "null", false},
        {"a.example", "a.example", false},
        {"http://", "", false},
        {"http://a.example", NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        if (origin_is_own(cases[i].origin, cases[i].host) != cases[i].own)
            fail_msg("%s at %s", cases[i].origin, cases[i].host);
    }
}

static void test_websocket_rule(void **state)
{
    static const char *const listed[] = {"https://app.example", "http://b.example:8080"};
    static const char *const any[] = {"*"};
    struct origin_rules rules;

    (void)state;
    assert_true(origin_rules_init(&rules, listed, 2));
    assert_true(origin_admits_websocket(&rules, NULL, "gw"));
    assert_true(origin_admits_websocket(&rules, "http://gw", "gw"));
    assert_true(origin_admits_websocket(&rules, "https://APP.example", "gw"));
    assert_true(origin_admits_websocket(&rules, "http://b.example:8080", "gw"));
    assert_false(origin_admits_websocket(&rules, "http://app.example", "gw"));
    assert_false(origin_admits_websocket(&rules, "http://b.example", "gw"));
    assert_false(origin_admits_websocket(&rules, "null", "gw"));
    assert_false(origin_admits_websocket(&rules, "", "gw"));
    origin_rules_fini(&rules);
    assert_true(origin_rules_init(&rules, any, 1));
    assert_true(origin_admits_websocket(&rules, "null", "gw"));
    origin_rules_fini(&rules);
}

static void test_configuration(void **state)
{
    static const char *const bad[] = {"app.example",       "https://", "https://a/",
                                      "https://a b",       "",         "https://a,https://b",
                                      "https://user@host", "://a",     "https://a?x"};
    struct origin_rules rules;

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(bad); i++) {
        if (origin_rules_init(&rules, &bad[i], 1))
            fail_msg("'%s' is taken", bad[i]);
    }
    assert_true(origin_rules_init(&rules, NULL, 0));
    origin_rules_fini(&rules);
}

static void expect_headers(const char *const *origins, size_t count, const char *origin,
                           const char *expected)
{
    struct origin_rules rules;
    struct buf out;

    buf_init(&out, 1000);
    assert_true(origin_rules_init(&rules, origins, count));
    origin_add_headers(&rules, origin, &out);
    assert_string_equal(buf_text(&out), expected);
    origin_rules_fini(&rules);
    buf_fini(&out);
}

static void test_headers(void **state)
{
    static const char *const any[] = {"*"};
    static const char *const two[] = {"https://a", "https://b"};

    (void)state;
    expect_headers(NULL, 0, "https://a", "");
    expect_headers(any, 1, NULL, "Access-Control-Allow-Origin: *\r\n");
    expect_headers(two, 1, "https://foreign",
                   "Access-Control-Allow-Origin: https://a\r\nVary: Origin\r\n");
    expect_headers(two, 2, "https://b",
                   "Access-Control-Allow-Origin: https://b\r\nVary: Origin\r\n");
    expect_headers(two, 2, "https://foreign", "Vary: Origin\r\n");
    expect_headers(two, 2, NULL, "Vary: Origin\r\n");
}

static void test_preflight(void **state)
{
    static const char *const any[] = {"*"};
    struct origin_rules rules;
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    assert_true(origin_rules_init(&rules, any, 1));
    origin_add_preflight(&rules, "content-type,x-foo", &out);
    assert_string_equal(buf_text(&out),
                        "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE\r\n"
                        "Vary: Access-Control-Request-Headers\r\n"
                        "Access-Control-Allow-Headers: content-type,x-foo\r\n");
    origin_rules_fini(&rules);
    buf_reset(&out);
    assert_true(origin_rules_init(&rules, NULL, 0));
    origin_add_preflight(&rules, NULL, &out);
    assert_int_equal(out.len, 0);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_host),      cmocka_unit_test(test_websocket_rule),
        cmocka_unit_test(test_configuration), cmocka_unit_test(test_headers),
        cmocka_unit_test(test_preflight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
