/* Allocation and the live counters. */
#define _POSIX_C_SOURCE 200809L

#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/live.h"

#include "tests/unit/test.h"

static void test_copies(void **state)
{
    static const struct {
        const char *in;
        size_t n;
        const char *out;
    } cases[] = {
        {"", 0, ""}, {"abc", 0, ""}, {"abc", 2, "ab"}, {"abc", 3, "abc"}, {"abc", 9, "abc"}};

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        char *copy = xstrndup(cases[i].in, cases[i].n);

        assert_string_equal(copy, cases[i].out);
        free(copy);
    }
    char *s = xstrdup("text");
    assert_string_equal(s, "text");
    free(s);
    char *m = xmemdup0("a\0b", 3);
    assert_memory_equal(m, "a\0b", 4);
    free(m);
    void *d = xmemdup(NULL, 0);
    assert_non_null(d);
    free(d);
}

static void test_zero_sizes_give_memory(void **state)
{
    void *a = xmalloc(0);
    void *b = xcalloc(0, 8);
    void *c = xreallocarray(NULL, 0, 8);

    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    assert_ptr_not_equal(a, b);
    free(a);
    free(b);
    free(c);
}

static void test_calloc_is_zeroed_and_realloc_keeps(void **state)
{
    static const char zeros[64];
    char *a = xcalloc(8, 8);

    (void)state;
    assert_memory_equal(a, zeros, 64);
    memset(a, 'x', 64);
    a = xreallocarray(a, 1000, 16);
    for (int i = 0; i < 64; i++)
        assert_int_equal(a[i], 'x');
    free(a);
}

static void test_live_counts(void **state)
{
    char text[64] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");

    (void)state;
    assert_int_equal(live_total(), 0);
    live_report(out);
    assert_int_equal(ftell(out), 0);

    live_inc(LIVE_FRAME);
    live_inc(LIVE_FRAME);
    live_dec(LIVE_VALUE);
    assert_int_equal(live_count(LIVE_FRAME), 2);
    /* A missing object and one too many do not cancel out. */
    assert_int_equal(live_total(), 3);
    live_report(out);
    fclose(out);
    assert_string_equal(text, "live value -1\nlive frame 2\n");

    live_dec(LIVE_FRAME);
    live_dec(LIVE_FRAME);
    live_inc(LIVE_VALUE);
    assert_int_equal(live_total(), 0);
    assert_string_equal(live_kind_name(LIVE_KIND_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_zero_sizes_give_memory),
        cmocka_unit_test(test_calloc_is_zeroed_and_realloc_keeps),
        cmocka_unit_test(test_live_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
