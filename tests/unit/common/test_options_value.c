/* Single values of options: numbers with units, truths, and the checks of texts. */
#include <string.h>

#include "common/options.h"
#include "common/options_check.h"
#include <confab/err.h>

#include "tests/unit/test.h"

struct number_case {
    const char *text;
    int err;
    int64_t value;
};

static void check_numbers(int (*parse)(const char *, int64_t *), const struct number_case *cases,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = -77;
        int err = parse(cases[i].text, &value);

        if (err != cases[i].err || (err == CONFAB_OK && value != cases[i].value))
            fail_msg("'%s': error %d, value %lld", cases[i].text, err, (long long)value);
    }
}

static void test_int(void **state)
{
    static const struct number_case cases[] = {
        {"0", 0, 0},
        {"-1", 0, -1},
        {"007", 0, 7},
        {"9223372036854775807", 0, INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"9223372036854775808", CONFAB_ELIMIT, 0},
        {"-9223372036854775809", CONFAB_ELIMIT, 0},
        {"99999999999999999999999999", CONFAB_ELIMIT, 0},
        {"", CONFAB_EPARSE, 0},
        {"-", CONFAB_EPARSE, 0},
        {"+1", CONFAB_EPARSE, 0},
        {" 1", CONFAB_EPARSE, 0},
        {"1 ", CONFAB_EPARSE, 0},
        {"1.5", CONFAB_EPARSE, 0},
        {"0x10", CONFAB_EPARSE, 0},
        {"1s", CONFAB_EPARSE, 0},
        {"one", CONFAB_EPARSE, 0},
    };

    (void)state;
    check_numbers(option_parse_int, cases, TEST_COUNT(cases));
}

static void test_duration(void **state)
{
    static const struct number_case cases[] = {
        {"25000", 0, 25000},
        {"100ms", 0, 100},
        {"25s", 0, 25000},
        {"25S", 0, 25000},
        {"1m", 0, 60000},
        {"2min", 0, 120000},
        {"1h", 0, 3600000},
        {"1d", 0, 86400000},
        {"0s", 0, 0},
        {"-1s", 0, -1000},
        {"9223372036854775807s", CONFAB_ELIMIT, 0},
        {"106751991168d", CONFAB_ELIMIT, 0},
        {"25x", CONFAB_EPARSE, 0},
        {"25 s", CONFAB_EPARSE, 0},
        {"1.5s", CONFAB_EPARSE, 0},
        {"s", CONFAB_EPARSE, 0},
        {"1sec", CONFAB_EPARSE, 0},
        {"1MB", CONFAB_EPARSE, 0},
        {"", CONFAB_EPARSE, 0},
    };

    (void)state;
    check_numbers(option_parse_duration_ms, cases, TEST_COUNT(cases));
}

static void test_bytes(void **state)
{
    static const struct number_case cases[] = {
        {"1000000", 0, 1000000},  {"512B", 0, 512},
        {"1kB", 0, 1000},         {"1MB", 0, 1000000},
        {"1mb", 0, 1000000},      {"2GB", 0, INT64_C(2000000000)},
        {"1KiB", 0, 1024},        {"1MiB", 0, 1048576},
        {"1GiB", 0, 1073741824},  {"9007199254740992KiB", CONFAB_ELIMIT, 0},
        {"1M", CONFAB_EPARSE, 0}, {"1s", CONFAB_EPARSE, 0},
        {"MB", CONFAB_EPARSE, 0},
    };

    (void)state;
    check_numbers(option_parse_bytes, cases, TEST_COUNT(cases));
}

static void test_bool(void **state)
{
    static const struct {
        const char *text;
        int err;
        bool value;
    } cases[] = {
        {"on", 0, true},
        {"off", 0, false},
        {"true", 0, true},
        {"False", 0, false},
        {"YES", 0, true},
        {"no", 0, false},
        {"1", 0, true},
        {"0", 0, false},
        {"", CONFAB_EPARSE, false},
        {"onn", CONFAB_EPARSE, false},
        {"o", CONFAB_EPARSE, false},
        {"2", CONFAB_EPARSE, false},
    };

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        bool value = false;

        assert_int_equal(option_parse_bool(cases[i].text, &value), cases[i].err);
        assert_int_equal(value, cases[i].value);
    }
}

struct check_case {
    const char *(*check)(const char *);
    const char *text;
};

static const struct check_case good[] = {
    {option_check_address, "127.0.0.1:3000"},
    {option_check_address, "0.0.0.0:0"},
    {option_check_address, "[::1]:65535"},
    {option_check_address, "[::]:80"},
    {option_check_address, "localhost:80"},
    {option_check_address, "my-host_1.example.org:80"},
    {option_check_address, "*:3000"},
    {option_check_cidr, "10.0.0.0/8"},
    {option_check_cidr, "192.0.2.7"},
    {option_check_cidr, "0.0.0.0/0"},
    {option_check_cidr, "::1/128"},
    {option_check_cidr, "fd00::/8"},
    {option_check_path, "/socket.io/"},
    {option_check_path, "/a/b-c_d~e/"},
    {option_check_origin, "*"},
    {option_check_origin, "https://example.org"},
    {option_check_origin, "http://localhost:8080"},
    {option_check_origin, "http://[::1]:80"},
    {option_check_redis_url, ""},
    {option_check_redis_url, "redis://localhost"},
    {option_check_redis_url, "redis://127.0.0.1:6379"},
    {option_check_redis_url, "redis://127.0.0.1:6379/0"},
    {option_check_redis_url, "redis://127.0.0.1:6379/"},
    {option_check_redis_url, "redis://user:p@ss/w:rd@redis.example.org:6380/15"},
    {option_check_redis_url, "redis://:secret@[::1]"},
    {option_check_prefix, "socket.io"},
    {option_check_prefix, "app-1:test"},
    {option_check_node_tag, ""},
    {option_check_node_tag, "abc"},
    {option_check_node_tag, "0a1b2c3d"},
    {option_check_namespace, "/"},
    {option_check_namespace, "/chat-2"},
};

static const struct check_case bad[] = {
    {option_check_address, ""},
    {option_check_address, "3000"},
    {option_check_address, ":3000"},
    {option_check_address, "127.0.0.1"},
    {option_check_address, "127.0.0.1:"},
    {option_check_address, "127.0.0.1:65536"},
    {option_check_address, "127.0.0.1:-1"},
    {option_check_address, "127.0.0.1:80x"},
    {option_check_address, "::1:3000"},
    {option_check_address, "[::1]3000"},
    {option_check_address, "[::1:3000"},
    {option_check_address, "[nonsense]:3000"},
    {option_check_address, "http://localhost:80"},
    {option_check_address, "a b:80"},
    {option_check_cidr, ""},
    {option_check_cidr, "10.0.0.0/33"},
    {option_check_cidr, "10.0.0.0/"},
    {option_check_cidr, "10.0.0/8"},
    {option_check_cidr, "::1/129"},
    {option_check_cidr, "10.0.0.0/-1"},
    {option_check_cidr, "proxy.example.org"},
    {option_check_cidr, "0000000000000000000000000000000000000000000000000000:1/8"},
    {option_check_path, ""},
    {option_check_path, "/"},
    {option_check_path, "/socket.io"},
    {option_check_path, "socket.io/"},
    {option_check_path, "/a//b/"},
    {option_check_path, "/a?b/"},
    {option_check_path, "/a b/"},
    {option_check_origin, ""},
    {option_check_origin, "example.org"},
    {option_check_origin, "https://"},
    {option_check_origin, "https://example.org/"},
    {option_check_origin, "https://example.org:0"},
    {option_check_origin, "://example.org"},
    {option_check_redis_url, "localhost:6379"},
    {option_check_redis_url, "rediss://localhost"},
    {option_check_redis_url, "redis://"},
    {option_check_redis_url, "redis://:6379"},
    {option_check_redis_url, "redis://host:0"},
    {option_check_redis_url, "redis://host:65536"},
    {option_check_redis_url, "redis://host:123456789"},
    {option_check_redis_url, "redis://host:"},
    {option_check_redis_url, "redis://host/x"},
    {option_check_redis_url, "redis://host/1/2"},
    {option_check_redis_url, "redis://user:pass@"},
    {option_check_redis_url, "redis://host?x=1"},
    {option_check_prefix, "a*"},
    {option_check_prefix, "a#b"},
    {option_check_prefix, "{a}"},
    {option_check_prefix, "a b"},
    {option_check_node_tag, "ab"},
    {option_check_node_tag, "abcdefghi"},
    {option_check_node_tag, "Abc"},
    {option_check_node_tag, "a.b"},
    {option_check_namespace, "chat"},
    {option_check_namespace, ""},
    {option_check_namespace, "/a,b"},
    {option_check_namespace, "/a?b"},
};

static void test_checks(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(good); i++) {
        const char *problem = good[i].check(good[i].text);

        if (problem != NULL)
            fail_msg("'%s' %s", good[i].text, problem);
    }
    for (size_t i = 0; i < TEST_COUNT(bad); i++) {
        if (bad[i].check(bad[i].text) == NULL)
            fail_msg("'%s' was taken (row %zu)", bad[i].text, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_int),  cmocka_unit_test(test_duration), cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_bool), cmocka_unit_test(test_checks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
