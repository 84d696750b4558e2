/* Token buckets: the burst, what flows in, what is promised and what is shut. */
#include "common/bucket.h"

#include "tests/unit/test.h"

#define NOW 1000000

static const struct bucket_rule rule = {.burst = 3, .refill_ms = 500};

static int take_all(struct bucket *bucket, const struct bucket_rule *of, int64_t now_ms)
{
    int taken = 0;
    while (bucket_take(bucket, of, now_ms, NULL))
        taken++;
    return taken;
}

static void the_burst_then_one_each_refill(void **state)
{
    struct bucket bucket = {0};
    int64_t retry_ms = -1;
    (void)state;
    assert_int_equal(take_all(&bucket, &rule, NOW), 3);
    assert_false(bucket_take(&bucket, &rule, NOW + 100, &retry_ms));
    assert_int_equal(retry_ms, 400);
    assert_false(bucket_take(&bucket, &rule, NOW + 499, &retry_ms));
    assert_int_equal(retry_ms, 1);
    assert_true(bucket_take(&bucket, &rule, NOW + 500, &retry_ms));
    assert_int_equal(take_all(&bucket, &rule, NOW + 500), 0);
    assert_int_equal(take_all(&bucket, &rule, NOW + 1600), 2);
    assert_int_equal(take_all(&bucket, &rule, NOW + 60000), 3);
}

static void what_was_promised_is_taken(void **state)
{
    struct bucket bucket = {0};
    int64_t retry_ms = -1;
    (void)state;
    assert_int_equal(take_all(&bucket, &rule, NOW), 3);
    bucket_charge(&bucket, &rule, NOW + 400);
    assert_false(bucket_take(&bucket, &rule, NOW + 500, &retry_ms));
    assert_int_equal(retry_ms, 500);
}

static void shut_it_stays_so(void **state)
{
    struct bucket bucket = {0};
    int64_t retry_ms = -1;
    (void)state;
    bucket_shut(&bucket, &rule, NOW, 1000);
    assert_false(bucket_take(&bucket, &rule, NOW, &retry_ms));
    assert_int_equal(retry_ms, 1000);
    bucket_shut(&bucket, &rule, NOW + 100, 200); /* not shorter */
    assert_false(bucket_take(&bucket, &rule, NOW + 999, &retry_ms));
    assert_int_equal(retry_ms, 1);
    assert_true(bucket_take(&bucket, &rule, NOW + 1000, &retry_ms));
    assert_false(bucket_take(&bucket, &rule, NOW + 1000, &retry_ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_burst_then_one_each_refill),
        cmocka_unit_test(what_was_promised_is_taken),
        cmocka_unit_test(shut_it_stays_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
