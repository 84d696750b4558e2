/* Rates that are charged afterwards. */
#include "tests/unit/test.h"

#include "gateway/net/meter.h"

static const struct meter_rule rule = {.per_second = 100, .burst = 200};

static void test_burst_then_rate(void **state)
{
    struct meter meter = {0};

    (void)state;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(meter_wait_ms(&meter, &rule, 5000), 0);
        meter_charge(&meter, &rule, 1, 5000);
    }
    assert_int_equal(meter_wait_ms(&meter, &rule, 5000), 10);
    assert_int_equal(meter_wait_ms(&meter, &rule, 5009), 1);
    assert_int_equal(meter_wait_ms(&meter, &rule, 5010), 0);
    meter_charge(&meter, &rule, 1, 5010);
    assert_int_equal(meter_wait_ms(&meter, &rule, 5010), 10);
}

static void test_debt(void **state)
{
    struct meter meter = {0};

    (void)state;
    meter_charge(&meter, &rule, 300, 1000);
    assert_int_equal(meter_wait_ms(&meter, &rule, 1000), 1010);
    assert_int_equal(meter_wait_ms(&meter, &rule, 2010), 0);
}

static void test_idle_saves_no_more_than_the_burst(void **state)
{
    struct meter meter = {0};

    (void)state;
    meter_charge(&meter, &rule, 10, 1000);
    meter_charge(&meter, &rule, 200, 900000);
    assert_int_equal(meter_wait_ms(&meter, &rule, 900000), 10);
    meter = (struct meter){0};
    meter_empty(&meter, &rule, 1000);
    assert_int_equal(meter_wait_ms(&meter, &rule, 1000), 10);
}

static void test_no_limit(void **state)
{
    static const struct meter_rule none = {0};
    struct meter meter = {0};

    (void)state;
    meter_charge(&meter, &none, UINT32_MAX, 1);
    assert_int_equal(meter_wait_ms(&meter, &none, 1), 0);
    assert_int_equal(meter.full_at_us, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst_then_rate),
        cmocka_unit_test(test_debt),
        cmocka_unit_test(test_idle_saves_no_more_than_the_burst),
        cmocka_unit_test(test_no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
