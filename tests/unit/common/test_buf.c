/* The growable buffer: growth, the limit, the sticky error. */
#include "common/buf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <confab/err.h>

#include "tests/unit/test.h"

static void test_empty(void **state)
{
    struct buf b;
    size_t len = 7;
    uint8_t *data;

    (void)state;
    buf_init(&b, 100);
    assert_null(b.data);
    assert_string_equal(buf_text(&b), "");
    buf_consume(&b, 5);
    buf_truncate(&b, 0);
    assert_int_equal(buf_append(&b, NULL, 0), CONFAB_OK);
    data = buf_take(&b, &len);
    assert_non_null(data);
    assert_int_equal(len, 0);
    assert_int_equal(data[0], 0);
    free(data);
    buf_fini(&b);
}

static void test_appends_every_kind(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    buf_puts(&b, "ab");
    buf_put_u8(&b, 0xff);
    buf_put_u16be(&b, 0x0102);
    buf_put_u32be(&b, 0x03040506);
    buf_put_u64be(&b, UINT64_C(0x0708090a0b0c0d0e));
    buf_append(&b, "\0z", 2);
    assert_int_equal(b.len, 2 + 1 + 2 + 4 + 8 + 2);
    assert_memory_equal(b.data, "ab\xff\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\0z",
                        b.len + 1);
    buf_fini(&b);
}

static void test_numbers(void **state)
{
    static const int64_t numbers[] = {0, 1, -1, 9, 10, -10, INT64_MAX, INT64_MIN};
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    for (size_t i = 0; i < TEST_COUNT(numbers); i++) {
        char expected[32];

        snprintf(expected, sizeof(expected), "%" PRId64, numbers[i]);
        buf_reset(&b);
        buf_put_int(&b, numbers[i]);
        assert_string_equal(buf_text(&b), expected);
    }
    buf_reset(&b);
    buf_put_uint(&b, UINT64_MAX);
    assert_string_equal(buf_text(&b), "18446744073709551615");
    buf_fini(&b);
}

static void test_limit_is_exact_and_error_sticks(void **state)
{
    struct buf b;

    (void)state;
    for (size_t limit = 0; limit < 200; limit++) {
        buf_init(&b, limit);
        for (size_t i = 0; i < limit; i++)
            assert_int_equal(buf_put_u8(&b, (uint8_t)i), CONFAB_OK);
        assert_int_equal(buf_put_u8(&b, 0), CONFAB_ELIMIT);
        assert_int_equal(b.len, limit);
        assert_true(b.cap <= limit + 1);
        /* Would fit, but the document is broken already. */
        buf_truncate(&b, 0);
        assert_int_equal(buf_puts(&b, ""), CONFAB_ELIMIT);
        assert_int_equal(buf_printf(&b, "%d", 1), CONFAB_ELIMIT);
        assert_null(buf_extend(&b, 0));
        assert_null(buf_take(&b, NULL));
        assert_int_equal(buf_error(&b), CONFAB_ELIMIT);
        buf_reset(&b);
        assert_int_equal(buf_puts(&b, ""), CONFAB_OK);
        buf_fini(&b);
    }
}

static void test_failed_append_changes_nothing(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 5);
    buf_puts(&b, "abc");
    assert_int_equal(buf_append(&b, "defg", 4), CONFAB_ELIMIT);
    assert_string_equal(buf_text(&b), "abc");
    buf_reset(&b);
    buf_puts(&b, "abc");
    assert_int_equal(buf_printf(&b, "%d", 100), CONFAB_ELIMIT);
    assert_string_equal(buf_text(&b), "abc");
    buf_reset(&b);
    buf_puts(&b, "abcd");
    assert_int_equal(buf_put_int(&b, -1), CONFAB_ELIMIT);
    assert_string_equal(buf_text(&b), "abcd");
    buf_fini(&b);
}

static void test_absurd_sizes_are_refused(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, SIZE_MAX);
    buf_puts(&b, "abc");
    assert_int_equal(buf_reserve(&b, SIZE_MAX), CONFAB_ELIMIT);
    buf_fini(&b);
    buf_init(&b, 1000);
    buf_puts(&b, "abc");
    assert_null(buf_extend(&b, SIZE_MAX - 1));
    buf_fini(&b);
}

static void test_consume_truncate_take(void **state)
{
    struct buf b;
    uint8_t *data;
    size_t len;

    (void)state;
    buf_init(&b, 100);
    buf_puts(&b, "hello world");
    buf_consume(&b, 0);
    buf_consume(&b, 6);
    assert_string_equal(buf_text(&b), "world");
    buf_truncate(&b, 99);
    assert_string_equal(buf_text(&b), "world");
    buf_truncate(&b, 3);
    assert_string_equal(buf_text(&b), "wor");
    data = buf_take(&b, &len);
    assert_int_equal(len, 3);
    assert_string_equal((char *)data, "wor");
    free(data);
    assert_int_equal(b.len, 0);
    buf_puts(&b, "again");
    buf_consume(&b, 50);
    assert_string_equal(buf_text(&b), "");
    buf_fini(&b);
}

static void test_printf_grows(void **state)
{
    struct buf b;
    char expected[2001];

    (void)state;
    buf_init(&b, 100000);
    buf_printf(&b, "%s-%d", "x", 7);
    assert_string_equal(buf_text(&b), "x-7");
    buf_reset(&b);
    memset(expected, 'y', 2000);
    expected[2000] = '\0';
    buf_printf(&b, "%s", expected);
    assert_string_equal(buf_text(&b), expected);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_appends_every_kind),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_limit_is_exact_and_error_sticks),
        cmocka_unit_test(test_failed_append_changes_nothing),
        cmocka_unit_test(test_absurd_sizes_are_refused),
        cmocka_unit_test(test_consume_truncate_take),
        cmocka_unit_test(test_printf_grows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
