/* The headers of CORS, line by line. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/buf.h"
#include "gateway/net/cors.h"
#include "gateway/net/net.h"
#include "gateway/net/origin.h"

#define METHODS "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE\r\n"
#define REFLECTS "Vary: Access-Control-Request-Headers\r\n"

static const char *const any[] = {"*"};
static const char *const two[] = {"https://a.example", "https://*.b.example"};

static bool try_init(struct cors *cors, struct origin_rules *rules,
                     const struct net_cors_config *config)
{
    assert_true(origin_rules_init(rules, config->origins.items, config->origins.count));
    return cors_init(cors, config, rules);
}

static void fini(struct cors *cors, struct origin_rules *rules)
{
    cors_fini(cors);
    origin_rules_fini(rules);
}

static void expect_headers(const struct net_cors_config *config, const char *origin,
                           const char *expected)
{
    struct origin_rules rules;
    struct cors cors;
    struct buf out;

    buf_init(&out, 4000);
    assert_true(try_init(&cors, &rules, config));
    assert_int_equal(cors_is_on(&cors), config->origins.count > 0);
    cors_add_headers(&cors, origin, &out);
    assert_string_equal(buf_text(&out), expected);
    fini(&cors, &rules);
    buf_fini(&out);
}

static void expect_preflight(const struct net_cors_config *config, const char *requested,
                             const char *expected)
{
    struct origin_rules rules;
    struct cors cors;
    struct buf out;

    buf_init(&out, 4000);
    assert_true(try_init(&cors, &rules, config));
    cors_add_preflight(&cors, requested, &out);
    assert_string_equal(buf_text(&out), expected);
    fini(&cors, &rules);
    buf_fini(&out);
}

static void test_origins(void **state)
{
    static const struct net_cors_config off = {.credentials = true};
    static const struct net_cors_config all = {.origins = {any, 1}};
    static const struct net_cors_config one = {.origins = {two, 1}};
    static const struct net_cors_config several = {.origins = {two, 2}};

    (void)state;
    expect_headers(&off, "https://a.example", "");
    expect_preflight(&off, NULL, "");
    expect_headers(&all, NULL, "Access-Control-Allow-Origin: *\r\n");
    expect_headers(&all, "null", "Access-Control-Allow-Origin: *\r\n");
    expect_headers(&one, "https://foreign",
                   "Access-Control-Allow-Origin: https://a.example\r\nVary: Origin\r\n");
    expect_headers(&several, "https://x.b.example",
                   "Access-Control-Allow-Origin: https://x.b.example\r\nVary: Origin\r\n");
    expect_headers(&several, "https://b.example", "Vary: Origin\r\n");
    expect_headers(&several, NULL, "Vary: Origin\r\n");
}

static void test_everything(void **state)
{
    static const char *const exposed[] = {"e1", "e2"};
    static const char *const methods[] = {"GET", "POST"};
    static const char *const allowed[] = {"my-header"};
    static const struct net_cors_config config = {.origins = {two, 1},
                                                  .methods = {methods, 2},
                                                  .allowed_headers = {allowed, 1},
                                                  .exposed_headers = {exposed, 2},
                                                  .credentials = true,
                                                  .max_age_s = 600};

    (void)state;
    expect_headers(&config, "https://a.example",
                   "Access-Control-Allow-Origin: https://a.example\r\nVary: Origin\r\n"
                   "Access-Control-Allow-Credentials: true\r\n"
                   "Access-Control-Expose-Headers: e1,e2\r\n");
    expect_preflight(&config, "content-type",
                     "Access-Control-Allow-Methods: GET,POST\r\n"
                     "Access-Control-Allow-Headers: my-header\r\n"
                     "Access-Control-Max-Age: 600\r\n");
}

static void test_reflected_headers(void **state)
{
    static const struct net_cors_config all = {.origins = {any, 1}};
    static const char *const no_lists[] = {"",    " ",         "a,",     ",a",  "a,,b",
                                           "a b", "a\tb",      "a:b",    "a;b", "\"a\"",
                                           "{}",  "h\xc3\xa9", "a , , b"};
    char much[1100];

    (void)state;
    expect_preflight(&all, NULL, METHODS REFLECTS);
    expect_preflight(&all, "content-type,x-foo",
                     METHODS REFLECTS "Access-Control-Allow-Headers: content-type,x-foo\r\n");
    expect_preflight(&all, "a , b", METHODS REFLECTS "Access-Control-Allow-Headers: a , b\r\n");
    for (size_t i = 0; i < TEST_COUNT(no_lists); i++)
        expect_preflight(&all, no_lists[i], METHODS REFLECTS);
    memset(much, 'a', sizeof(much));
    much[sizeof(much) - 1] = '\0';
    expect_preflight(&all, much, METHODS REFLECTS);
}

static void test_configuration(void **state)
{
    static const char *const bad[] = {"a b", "", "a\r\nb", "a,b", "\xc3\xa9"};
    static const char *long_names[64];
    struct net_cors_config config = {.origins = {any, 1}, .credentials = true};
    struct origin_rules rules;
    struct cors cors;

    (void)state;
    assert_false(try_init(&cors, &rules, &config));
    fini(&cors, &rules);
    config.credentials = false;
    for (size_t i = 0; i < TEST_COUNT(bad); i++) {
        struct net_names names = {&bad[i], 1};
        struct net_cors_config wrong[] = {config, config, config};

        wrong[0].methods = names;
        wrong[1].allowed_headers = names;
        wrong[2].exposed_headers = names;
        for (size_t k = 0; k < TEST_COUNT(wrong); k++) {
            assert_false(try_init(&cors, &rules, &wrong[k]));
            fini(&cors, &rules);
        }
    }
    for (size_t i = 0; i < TEST_COUNT(long_names); i++)
        long_names[i] = "a-name-of-a-header-that-is-forty-bytes-x";
    config.exposed_headers = (struct net_names){long_names, TEST_COUNT(long_names)};
    assert_false(try_init(&cors, &rules, &config));
    fini(&cors, &rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_reflected_headers),
        cmocka_unit_test(test_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
