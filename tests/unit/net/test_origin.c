/* Which pages may talk to the gateway. */
#include "tests/unit/test.h"

#include <string.h>

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

static void test_patterns(void **state)
{
    static const char *const listed[] = {"https://*.Example.org", "http://localhost:*"};
    struct origin_rules rules;
    size_t length = 0;

    (void)state;
    assert_true(origin_rules_init(&rules, listed, 2));
    assert_true(origin_admits_websocket(&rules, "https://a.example.org", "gw"));
    assert_true(origin_admits_websocket(&rules, "https://a.b.EXAMPLE.org:443", "gw"));
    assert_true(origin_admits_websocket(&rules, "http://localhost:5173", "gw"));
    assert_false(origin_admits_websocket(&rules, "https://example.org", "gw"));
    assert_false(origin_admits_websocket(&rules, "https://evilexample.org", "gw"));
    assert_false(origin_admits_websocket(&rules, "https://a.example.org.evil", "gw"));
    assert_false(origin_admits_websocket(&rules, "https://localhost:5173", "gw"));
    assert_null(origin_only(&rules, &length));
    origin_rules_fini(&rules);
}

static void test_the_only_one(void **state)
{
    static const char *const listed[] = {"https://A.example:443", "https://b.example"};
    static const char *const pattern[] = {"https://*.example"};
    struct origin_rules rules;
    size_t length = 0;
    const char *only;

    (void)state;
    assert_true(origin_rules_init(&rules, listed, 1));
    only = origin_only(&rules, &length);
    assert_non_null(only);
    assert_int_equal(length, strlen("https://a.example"));
    assert_memory_equal(only, "https://a.example", length);
    origin_rules_fini(&rules);
    assert_true(origin_rules_init(&rules, listed, 2));
    assert_null(origin_only(&rules, &length));
    origin_rules_fini(&rules);
    assert_true(origin_rules_init(&rules, pattern, 1));
    assert_null(origin_only(&rules, &length));
    origin_rules_fini(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_host),      cmocka_unit_test(test_websocket_rule),
        cmocka_unit_test(test_configuration), cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_the_only_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
