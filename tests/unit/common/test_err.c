/* The error table: numbers, texts and names agree and are distinct. */
#include <confab/err.h>

#include <string.h>

#include "tests/unit/test.h"

static const int all[] = {
#define X(symbol, number, name, text) symbol,
    CONFAB_ERRORS(X)
#undef X
};

static void test_ok_is_zero_and_errors_are_negative(void **state)
{
    (void)state;
    assert_int_equal(CONFAB_OK, 0);
    for (size_t i = 1; i < TEST_COUNT(all); i++)
        assert_true(all[i] < 0);
}

static void test_numbers_names_and_texts_are_distinct(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(all); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(all[i], all[j]);
            assert_string_not_equal(confab_errname(all[i]), confab_errname(all[j]));
            assert_string_not_equal(confab_strerror(all[i]), confab_strerror(all[j]));
        }
    }
}

static void test_unknown_numbers_have_a_text(void **state)
{
    (void)state;
    assert_string_equal(confab_strerror(1), "unknown error");
    assert_string_equal(confab_strerror(-10000), "unknown error");
    assert_string_equal(confab_errname(-10000), "unknown");
    assert_string_equal(confab_strerror(CONFAB_EPARSE), "malformed input");
    assert_string_equal(confab_errname(CONFAB_ETIMEDOUT), "timed_out");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ok_is_zero_and_errors_are_negative),
        cmocka_unit_test(test_numbers_names_and_texts_are_distinct),
        cmocka_unit_test(test_unknown_numbers_have_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
