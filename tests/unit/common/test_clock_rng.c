/* Clocks move and format; random bytes are bounded, even and, when seeded, the same again. */
#include <string.h>

#include "common/clock.h"
#include "common/rng.h"

#include "tests/unit/test.h"

static void test_clocks_move_forward(void **state)
{
    int64_t ms = clock_mono_ms();
    int64_t us = clock_mono_us();

    (void)state;
    assert_true(us >= ms * 1000);
    assert_true(clock_mono_us() >= us);
    assert_true(clock_mono_ms() >= ms);
    assert_true(clock_cpu_us() >= 0);
    /* After 2020, before 2200. */
    assert_true(clock_wall_ms() > INT64_C(1577836800000));
    assert_true(clock_wall_ms() < INT64_C(7258118400000));
}

static void test_utc_format(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
        {INT64_C(1893456000123), "2030-01-01T00:00:00.123Z"},
        {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000Z"},
    };

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        char text[CLOCK_UTC_BYTES];

        clock_format_utc(text, cases[i].ms);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_seeded_replays(void **state)
{
    struct rng a, b, c;
    uint8_t whole[3000], pieces[3000], other[3000];

    (void)state;
    rng_init_seeded(&a, 42);
    rng_init_seeded(&b, 42);
    rng_init_seeded(&c, 43);
    rng_bytes(&a, whole, sizeof(whole));
    for (size_t at = 0, n = 1; at < sizeof(pieces); at += n, n = n % 97 + 1) {
        if (n > sizeof(pieces) - at)
            n = sizeof(pieces) - at;
        rng_bytes(&b, pieces + at, n);
    }
    rng_bytes(&c, other, sizeof(other));
    assert_memory_equal(whole, pieces, sizeof(whole));
    assert_memory_not_equal(whole, other, sizeof(whole));
    assert_true(rng_u64(&a) == rng_u64(&b));
    assert_true(rng_u32(&a) == rng_u32(&b));
}

static void test_kernel_bytes_differ(void **state)
{
    struct rng a, b;
    uint8_t x[64], y[64];

    (void)state;
    rng_init(&a);
    rng_init(&b);
    rng_bytes(&a, x, sizeof(x));
    rng_bytes(&b, y, sizeof(y));
    assert_memory_not_equal(x, y, sizeof(x));
    rng_bytes(&a, y, sizeof(y));
    assert_memory_not_equal(x, y, sizeof(x));
    rng_bytes(&a, NULL, 0);
    /* Used bytes leave no trace. */
    for (size_t i = 0; i < 128; i++)
        assert_int_equal(a.pool[i], 0);
    rng_fini(&a);
    rng_fini(&b);
    assert_int_equal(a.left, 0);
}

static void test_below_is_even(void **state)
{
    struct rng r;
    uint32_t counts[7] = {0};

    (void)state;
    rng_init_seeded(&r, 5);
    for (int i = 0; i < 70000; i++) {
        uint32_t v = rng_below(&r, 7);

        assert_true(v < 7);
        counts[v]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(counts[i], 9500, 10500);
    assert_int_equal(rng_below(&r, 1), 0);
    assert_true(rng_below(&r, UINT32_MAX) < UINT32_MAX);
}

static void test_texts(void **state)
{
    static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    static const char base36[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    struct rng r;
    char text[2001];

    (void)state;
    rng_init_seeded(&r, 6);
    rng_base64url(&r, text, 2000);
    assert_int_equal(strlen(text), 2000);
    assert_int_equal(strspn(text, url), 2000);
    for (const char *c = url; *c != '\0'; c++)
        assert_non_null(strchr(text, *c));
    rng_base36(&r, text, 2000);
    assert_int_equal(strspn(text, base36), 2000);
    for (const char *c = base36; *c != '\0'; c++)
        assert_non_null(strchr(text, *c));
    rng_base36(&r, text, 0);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clocks_move_forward), cmocka_unit_test(test_utc_format),
        cmocka_unit_test(test_seeded_replays),      cmocka_unit_test(test_kernel_bytes_differ),
        cmocka_unit_test(test_below_is_even),       cmocka_unit_test(test_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
