/*
 * What every unit test includes: cmocka behind the headers that it wants before its own.
 *
 * A test program is a table of cases and a main that runs it:
 *
 *     static void test_empty(void **state)
 *     {
 *         (void)state;
 *         assert_int_equal(buf_length(&buf), 0);
 *     }
 *
 *     int main(void)
 *     {
 *         const struct CMUnitTest tests[] = {cmocka_unit_test(test_empty)};
 *         return cmocka_run_group_tests(tests, NULL, NULL);
 *     }
 */
#ifndef CONFAB_TESTS_UNIT_TEST_H
#define CONFAB_TESTS_UNIT_TEST_H

/* cmocka.h takes these for granted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Elements of an array whose size the compiler knows. */
#define TEST_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
