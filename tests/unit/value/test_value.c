/* Values as a tree: building, sharing, reading, comparing. */
#include "tests/unit/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/live.h"
#include "common/value.h"
#include <confab/err.h>

static int nothing_lives(void **state)
{
    (void)state;
    assert_int_equal(live_count(LIVE_VALUE), 0);
    return 0;
}

static void test_scalars(void **state)
{
    (void)state;
    assert_int_equal(confab_kind(NULL), CONFAB_UNDEFINED);
    assert_true(confab_is(confab_undefined(), CONFAB_UNDEFINED));
    assert_true(confab_is(confab_null(), CONFAB_NULL));
    assert_true(confab_as_bool(confab_bool(true), false));
    assert_false(confab_as_bool(confab_bool(false), true));
    assert_true(confab_as_bool(confab_null(), true));
    struct confab_value *text = confab_string("h\xc3\xa9");
    size_t length;
    assert_string_equal(confab_as_string(text, &length), "h\xc3\xa9");
    assert_int_equal(length, 3);
    assert_null(confab_as_binary(text, &length));
    assert_null(confab_as_string(confab_null(), NULL));
    confab_value_release(text);
    text = confab_string_f("%d-%s", 7, "x");
    assert_string_equal(confab_as_string(text, NULL), "7-x");
    confab_value_release(text);
    text = confab_string_f("%0300d", 7);
    assert_string_equal(confab_as_string(text, &length) + 298, "07");
    assert_int_equal(length, 300);
    confab_value_release(text);
    struct confab_value *binary = confab_binary("\0\1", 2);
    assert_memory_equal(confab_as_binary(binary, &length), "\0\1", 2);
    assert_int_equal(length, 2);
    assert_true(confab_has_binary(binary));
    confab_value_release(binary);
    struct confab_value *ext = confab_ext(5, "ab", 2);
    assert_int_equal(confab_ext_type(ext), 5);
    assert_int_equal(confab_ext_type(confab_null()), 0);
    assert_memory_equal(confab_as_binary(ext, &length), "ab", 2);
    confab_value_release(ext);
    confab_value_release(NULL);
    assert_null(confab_value_hold(NULL));
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        double from;
        enum confab_kind kind;
    } cases[] = {
        {0, CONFAB_INT},
        {-0.0, CONFAB_INT},
        {1.5, CONFAB_DOUBLE},
        {9007199254740991.0, CONFAB_INT},
        {9007199254740992.0, CONFAB_DOUBLE},
        {-9007199254740991.0, CONFAB_INT},
        {-9007199254740992.0, CONFAB_DOUBLE},
        {1e300, CONFAB_DOUBLE},
        {(double)NAN, CONFAB_DOUBLE},
        {(double)INFINITY, CONFAB_DOUBLE},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct confab_value *value = confab_double(cases[i].from);
        assert_int_equal(confab_kind(value), cases[i].kind);
        double back = confab_as_double(value, -1);
        assert_true(back == cases[i].from || (isnan(back) && isnan(cases[i].from)));
        assert_true(confab_equal(value, value));
        confab_value_release(value);
    }
    struct confab_value *value = confab_int(INT64_MAX);
    assert_int_equal(confab_kind(value), CONFAB_DOUBLE);
    assert_int_equal(confab_as_int(value, -7), -7);
    confab_value_release(value);
    value = confab_double(-2.9);
    assert_int_equal(confab_as_int(value, 0), -2);
    confab_value_release(value);
    value = confab_double((double)NAN);
    assert_int_equal(confab_as_int(value, 5), 5);
    confab_value_release(value);
    value = confab_date(8.64e15 + 1);
    assert_true(isnan(confab_as_double(value, 0)));
    confab_value_release(value);
    value = confab_date(-1.5);
    assert_true(confab_as_double(value, 0) == -1);
    confab_value_release(value);
}

static void test_repair(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
    } cases[] = {
        {"\xff"
         "A\xfe",
         "\xef\xbf\xbd"
         "A\xef\xbf\xbd"},
        {"\xe2\x82"
         "A",
         "\xef\xbf\xbd"
         "A"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf0\x9f\x9a", "\xef\xbf\xbd"},
        {"x\xf0\x9f\x9a\x80y\xc3", "x\xf0\x9f\x9a\x80y\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct confab_value *value = confab_string(cases[i].from);
        assert_string_equal(confab_as_string(value, NULL), cases[i].to);
        confab_value_release(value);
        value = confab_set(confab_object(), cases[i].from, confab_null());
        assert_string_equal(confab_entry(value, 0, NULL, NULL), cases[i].to);
        confab_value_release(value);
    }
}

static void test_arrays(void **state)
{
    (void)state;
    struct confab_value *list = confab_list(confab_string("hi"), confab_int(3), NULL);
    assert_int_equal(confab_size(list), 2);
    assert_int_equal(confab_as_int(confab_at(list, 1), 0), 3);
    assert_null(confab_at(list, 2));
    assert_null(confab_at(confab_null(), 0));
    for (int i = 0; i < 100; i++)
        confab_push(list, confab_int(i));
    assert_int_equal(confab_size(list), 102);
    assert_int_equal(confab_as_int(confab_at(list, 101), 0), 99);
    assert_false(confab_has_binary(list));
    confab_push(list, confab_binary("x", 1));
    assert_true(confab_has_binary(list));
    struct confab_value *outer = confab_list(list, NULL);
    assert_true(confab_has_binary(outer));
    struct confab_value *held = confab_value_hold(confab_at(outer, 0));
    confab_value_release(outer);
    assert_int_equal(confab_size(held), 103);
    confab_value_release(held);
}

static void test_objects(void **state)
{
    (void)state;
    struct confab_value *object = confab_object();
    confab_set(object, "a", confab_int(1));
    confab_set(object, "b", confab_binary("x", 1));
    confab_set(object, "a", confab_int(2));
    assert_int_equal(confab_size(object), 2);
    assert_int_equal(confab_as_int(confab_get(object, "a"), 0), 2);
    assert_null(confab_get(object, "c"));
    assert_null(confab_get(confab_null(), "c"));
    assert_true(confab_has_binary(object));
    confab_set(object, "b", confab_null());
    assert_false(confab_has_binary(object));
    confab_set_n(object, "a\0b", 3, confab_bool(true));
    assert_true(confab_as_bool(confab_get_n(object, "a\0b", 3), false));
    confab_set(object, "", confab_int(0));
    size_t length;
    const struct confab_value *value;
    assert_string_equal(confab_entry(object, 1, &length, &value), "b");
    assert_int_equal(length, 1);
    assert_true(confab_is(value, CONFAB_NULL));
    assert_string_equal(confab_entry(object, 3, &length, NULL), "");
    assert_null(confab_entry(object, 4, &length, &value));
    confab_value_release(object);
}

/* Order, replacement and lookup across the change from a walk to the index. */
static void test_many_keys(void **state)
{
    (void)state;
    enum { KEYS = 3000 };
    struct confab_value *object = confab_object();
    char key[64];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < KEYS; i++) {
            snprintf(key, sizeof key, "key number %d", i);
            confab_set(object, key, confab_int(i + round));
        }
    }
    assert_int_equal(confab_size(object), KEYS);
    for (int i = 0; i < KEYS; i++) {
        const struct confab_value *value;
        snprintf(key, sizeof key, "key number %d", i);
        assert_string_equal(confab_entry(object, (size_t)i, NULL, &value), key);
        assert_int_equal(confab_as_int(value, -1), i + 1);
        assert_ptr_equal(confab_get(object, key), value);
    }
    assert_null(confab_get(object, "key number"));
    confab_value_release(object);
}

static void test_equal(void **state)
{
    (void)state;
    struct confab_value *a = confab_object();
    struct confab_value *b = confab_object();
    confab_set(confab_set(a, "x", confab_int(1)), "y", confab_list(confab_string("t"), NULL));
    confab_set(confab_set(b, "y", confab_list(confab_string("t"), NULL)), "x", confab_int(1));
    assert_true(confab_equal(a, b));
    confab_set(b, "z", confab_null());
    assert_false(confab_equal(a, b));
    confab_set(a, "w", confab_null());
    assert_false(confab_equal(a, b));
    assert_true(confab_equal(NULL, confab_undefined()));
    assert_false(confab_equal(confab_null(), confab_undefined()));
    struct confab_value *one = confab_int(1);
    struct confab_value *text = confab_string("1");
    assert_false(confab_equal(one, text));
    confab_value_release(one);
    confab_value_release(text);
    confab_value_release(a);
    confab_value_release(b);
}

/* A tree deeper than any reader allows must not use up the stack when it goes. */
static void test_deep_release(void **state)
{
    (void)state;
    struct confab_value *value = confab_array();
    for (int i = 0; i < 200000; i++)
        value = i % 2 == 0 ? confab_list(value, confab_null(), NULL)
                           : confab_set(confab_object(), "a", value);
    confab_value_release(value);
    assert_int_equal(live_count(LIVE_VALUE), 0);
}

static struct confab_value *placeholder(double num)
{
    return confab_set(confab_set(confab_object(), "_placeholder", confab_bool(true)), "num",
                      confab_double(num));
}

static void test_placeholders(void **state)
{
    (void)state;
    struct confab_value *attachments =
        confab_list(confab_binary("a", 1), confab_binary("b", 1), NULL);
    struct confab_value *value =
        confab_list(confab_string("e"), confab_set(confab_object(), "k", placeholder(1)),
                    placeholder(0), placeholder(0.5), NULL);
    assert_false(confab_has_binary(value));
    assert_int_equal(value_fill_placeholders(&value, attachments, 100, 100), 0);
    assert_true(confab_has_binary(value));
    assert_ptr_equal(confab_get(confab_at(value, 1), "k"), confab_at(attachments, 1));
    assert_true(confab_has_binary(confab_at(value, 1)));
    assert_ptr_equal(confab_at(value, 2), confab_at(attachments, 0));
    assert_true(confab_is(confab_at(value, 3), CONFAB_UNDEFINED));
    confab_value_release(value);
    static const double wrong[] = {2, -1, 1e300};
    for (size_t i = 0; i < TEST_COUNT(wrong); i++) {
        value = confab_list(placeholder(wrong[i]), NULL);
        assert_int_not_equal(value_fill_placeholders(&value, attachments, 100, 100), 0);
        confab_value_release(value);
    }
    value = confab_set(placeholder(0), "num", confab_string("0"));
    assert_int_not_equal(value_fill_placeholders(&value, attachments, 100, 100), 0);
    confab_value_release(value);
    value = confab_set(placeholder(0), "_placeholder", confab_int(1));
    assert_int_equal(value_fill_placeholders(&value, attachments, 100, 100), 0);
    assert_true(confab_is(value, CONFAB_OBJECT));
    confab_value_release(value);
    value = placeholder(1);
    assert_int_equal(value_fill_placeholders(&value, attachments, 100, 100), 0);
    assert_true(confab_is(value, CONFAB_BINARY));
    confab_value_release(value);
    /* One attachment in two places, and the limits just met and just missed. */
    static const struct {
        size_t places, bytes;
        int status;
    } limits[] = {{2, 2, CONFAB_OK}, {1, 2, CONFAB_ELIMIT}, {2, 1, CONFAB_ELIMIT}};
    for (size_t i = 0; i < TEST_COUNT(limits); i++) {
        value = confab_list(placeholder(0), placeholder(0), NULL);
        assert_int_equal(
            value_fill_placeholders(&value, attachments, limits[i].places, limits[i].bytes),
            limits[i].status);
        confab_value_release(value);
    }
    confab_value_release(attachments);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_scalars, nothing_lives),
        cmocka_unit_test_teardown(test_numbers, nothing_lives),
        cmocka_unit_test_teardown(test_repair, nothing_lives),
        cmocka_unit_test_teardown(test_arrays, nothing_lives),
        cmocka_unit_test_teardown(test_objects, nothing_lives),
        cmocka_unit_test_teardown(test_many_keys, nothing_lives),
        cmocka_unit_test_teardown(test_equal, nothing_lives),
        cmocka_unit_test_teardown(test_deep_release, nothing_lives),
        cmocka_unit_test_teardown(test_placeholders, nothing_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
