/* Rates: the burst, what flows in, debt, what is shut; exact to the millisecond, in any span. */
#include "common/rate.h"

#include "tests/unit/test.h"

#define NOW 1000000

static const struct rate_rule rule = {.amount = 100, .span_ms = 1000, .burst = 200};
static const struct rate_rule slow = {.amount = 2, .span_ms = 1000, .burst = 3};
static const struct rate_rule uneven = {.amount = 7, .span_ms = 60000, .burst = 14};

static int take_all(struct rate *rate, const struct rate_rule *of, int64_t now_ms)
{
    int64_t retry_ms;
    int taken = 0;
    while (rate_take(rate, of, now_ms, &retry_ms))
        taken++;
    return taken;
}

static void the_burst_then_what_flows_in(void **state)
{
    struct rate rate = {0};
    int64_t retry_ms = -1;
    (void)state;
    assert_int_equal(take_all(&rate, &slow, NOW), 3);
    assert_false(rate_take(&rate, &slow, NOW + 100, &retry_ms));
    assert_int_equal(retry_ms, 400);
    assert_false(rate_take(&rate, &slow, NOW + 499, &retry_ms));
    assert_int_equal(retry_ms, 1);
    assert_true(rate_take(&rate, &slow, NOW + 500, &retry_ms));
    assert_int_equal(retry_ms, 0);
    assert_int_equal(take_all(&rate, &slow, NOW + 500), 0);
    assert_int_equal(take_all(&rate, &slow, NOW + 1600), 2);
    assert_int_equal(take_all(&rate, &slow, NOW + 60000), 3);
}

static void what_is_charged_may_be_debt(void **state)
{
    struct rate rate = {0};
    (void)state;
    rate_charge(&rate, &rule, 300, NOW);
    assert_int_equal(rate_wait_ms(&rate, &rule, 0, NOW), 1000);
    assert_int_equal(rate_wait_ms(&rate, &rule, 1, NOW), 1010);
    assert_int_equal(rate_wait_ms(&rate, &rule, 200, NOW), 3000);
    assert_int_equal(rate_wait_ms(&rate, &rule, 1, NOW + 1010), 0);
    assert_false(rate_is_full(&rate, NOW + 2999));
    assert_true(rate_is_full(&rate, NOW + 3000));
}

static void idle_time_saves_no_more_than_the_burst(void **state)
{
    struct rate rate = {0};
    (void)state;
    rate_charge(&rate, &rule, 10, NOW);
    rate_charge(&rate, &rule, 200, NOW + 900000);
    assert_int_equal(rate_wait_ms(&rate, &rule, 1, NOW + 900000), 10);
    rate_empty(&rate, &rule, NOW);
    assert_int_equal(rate_wait_ms(&rate, &rule, 1, NOW), 10);
}

static void shut_it_stays_so(void **state)
{
    struct rate rate = {0};
    int64_t retry_ms = -1;
    (void)state;
    rate_shut(&rate, &slow, NOW, 1000);
    assert_false(rate_take(&rate, &slow, NOW, &retry_ms));
    assert_int_equal(retry_ms, 1000);
    rate_shut(&rate, &slow, NOW + 100, 200); /* not shorter */
    assert_false(rate_take(&rate, &slow, NOW + 999, &retry_ms));
    assert_int_equal(retry_ms, 1);
    assert_true(rate_take(&rate, &slow, NOW + 1000, &retry_ms));
    assert_false(rate_take(&rate, &slow, NOW + 1000, &retry_ms));
}

/* A unit's time is no whole number of nanoseconds: over an hour it is as many units all the same.
 */
static void fractions_do_not_add_up(void **state)
{
    struct rate rate = {0};
    int taken = take_all(&rate, &uneven, NOW);
    (void)state;
    assert_int_equal(taken, 14);
    for (int64_t ms = 1; ms <= 3600000; ms += 13)
        taken += take_all(&rate, &uneven, NOW + ms);
    assert_in_range(taken, 14 + 7 * 60 - 1, 14 + 7 * 60);
}

/* The largest that options allow, charged with the largest message. */
static void large_amounts_fit(void **state)
{
    static const struct rate_rule large = {
        .amount = 1u << 30, .span_ms = 1000, .burst = UINT64_C(1) << 31};
    static const struct rate_rule tiny = {.amount = 1, .span_ms = 1000, .burst = 2};
    struct rate rate = {0};
    (void)state;
    rate_charge(&rate, &large, UINT64_C(3) << 30, NOW);
    assert_int_equal(rate_wait_ms(&rate, &large, 0, NOW), 1000);
    rate = (struct rate){0};
    rate_charge(&rate, &tiny, 100u << 20, NOW);
    assert_int_equal(rate_wait_ms(&rate, &tiny, 0, NOW), ((100u << 20) - 2) * INT64_C(1000));
}

static void no_amount_no_limit(void **state)
{
    static const struct rate_rule none = {0};
    struct rate rate = {0};
    int64_t retry_ms = -1;
    (void)state;
    rate_charge(&rate, &none, UINT32_MAX, NOW);
    rate_shut(&rate, &none, NOW, 1000);
    rate_empty(&rate, &none, NOW);
    assert_int_equal(rate_wait_ms(&rate, &none, 1, NOW), 0);
    assert_true(rate_take(&rate, &none, NOW, &retry_ms));
    assert_int_equal(retry_ms, 0);
    assert_true(rate_is_full(&rate, NOW));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_burst_then_what_flows_in),
        cmocka_unit_test(what_is_charged_may_be_debt),
        cmocka_unit_test(idle_time_saves_no_more_than_the_burst),
        cmocka_unit_test(shut_it_stays_so),
        cmocka_unit_test(fractions_do_not_add_up),
        cmocka_unit_test(large_amounts_fit),
        cmocka_unit_test(no_amount_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
