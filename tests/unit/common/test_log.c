/* Log lines: both forms, hostile values, limits. */
#define _POSIX_C_SOURCE 200809L

#include "common/log.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

struct fixture {
    struct log log;
    FILE *sink;
    char *text;
    size_t len;
};

static int64_t fixed_ms(void)
{
    return INT64_C(1893456000123);
}

static void open_log(struct fixture *f, enum log_level level, enum log_format format)
{
    f->text = NULL;
    f->sink = open_memstream(&f->text, &f->len);
    log_init(&f->log, level, format, f->sink);
    f->log.wall_ms = fixed_ms;
}

static void close_log(struct fixture *f)
{
    fclose(f->sink);
    free(f->text);
}

#define HEAD_TEXT "2030-01-01T00:00:00.123Z info "
#define HEAD_JSON "{\"ts\":\"2030-01-01T00:00:00.123Z\",\"level\":\"info\",\"event\":"

static void test_text_form(void **state)
{
    struct fixture f;

    (void)state;
    open_log(&f, LOG_INFO, LOG_TEXT);
    log_info(&f.log, "started");
    log_info(&f.log, "closed", LOG_S("reason", "ping_timeout"), LOG_I("a", -5),
             LOG_U("b", UINT64_MAX), LOG_D("c", 0.25), LOG_T("d", true), LOG_T("e", 0),
             LOG_B("f", "xyz", 2), LOG_S("g", NULL), LOG_D("h", NAN));
    assert_string_equal(f.text,
                        HEAD_TEXT "started\n" HEAD_TEXT
                                  "closed reason=ping_timeout a=-5 b=18446744073709551615 c=0.25 "
                                  "d=true e=false f=xy g=null h=null\n");
    assert_int_equal(f.log.lines, 2);
    close_log(&f);
}

static void test_json_form(void **state)
{
    struct fixture f;

    (void)state;
    open_log(&f, LOG_INFO, LOG_JSON);
    log_info(&f.log, "closed", LOG_S("reason", "ping \"x\""), LOG_I("a", -5), LOG_T("d", 7),
             LOG_S("g", NULL), LOG_D("h", INFINITY));
    assert_string_equal(f.text, HEAD_JSON
                        "\"closed\",\"reason\":\"ping \\\"x\\\"\",\"a\":-5,\"d\":true,\"g\":null,"
                        "\"h\":null}\n");
    close_log(&f);
}

static void test_hostile_values(void **state)
{
    static const struct {
        const char *value;
        size_t len;
        const char *text;
        const char *json;
    } cases[] = {
        {"", 0, "\"\"", "\"\""},
        {"null", 4, "\"null\"", "\"null\""},
        {"a b", 3, "\"a b\"", "\"a b\""},
        {"a=b", 3, "\"a=b\"", "\"a=b\""},
        {"a\"b\\c", 5, "\"a\\\"b\\\\c\"", "\"a\\\"b\\\\c\""},
        {"x\ny event=fake", 14, "\"x\\ny event=fake\"", "\"x\\ny event=fake\""},
        {"\r\t", 2, "\"\\r\\t\"", "\"\\r\\t\""},
        {"\0\x1b[31m", 6, "\"\\u0000\\u001b[31m\"", "\"\\u0000\\u001b[31m\""},
        {"\x7f", 1, "\"\\u007f\"", "\"\\u007f\""},
        {"\xc2\x9b", 2, "\"\\u009b\"", "\"\\u009b\""},                       /* CSI in one */
        {"\xe2\x80\xae", 3, "\"\\u202e\"", "\"\\u202e\""},                   /* right to left */
        {"\xe2\x80\xa8", 3, "\"\\u2028\"", "\"\\u2028\""},                   /* line separator */
        {"\xef\xbb\xbf", 3, "\"\\ufeff\"", "\"\\ufeff\""},                   /* no-break nothing */
        {"\xf3\xa0\x81\x81", 4, "\"\\udb40\\udc41\"", "\"\\udb40\\udc41\""}, /* tag letter */
        {"\xff\xc3", 2, "\"\\ufffd\\ufffd\"", "\"\\ufffd\\ufffd\""},         /* no UTF-8 */
        {"\xc3\xa4\xf0\x9f\x98\x80", 6, "\"\xc3\xa4\xf0\x9f\x98\x80\"",
         "\"\xc3\xa4\xf0\x9f\x98\x80\""},
    };

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        for (int json = 0; json < 2; json++) {
            struct fixture f;
            char expected[256];

            open_log(&f, LOG_INFO, json ? LOG_JSON : LOG_TEXT);
            log_info(&f.log, "e", LOG_B("v", cases[i].value, cases[i].len), LOG_I("n", 1));
            if (json)
                snprintf(expected, sizeof(expected), HEAD_JSON "\"e\",\"v\":%s,\"n\":1}\n",
                         cases[i].json);
            else
                snprintf(expected, sizeof(expected), HEAD_TEXT "e v=%s n=1\n", cases[i].text);
            assert_string_equal(f.text, expected);
            close_log(&f);
        }
    }
}

static void test_long_values_are_cut(void **state)
{
    char value[3 * LOG_VALUE_MAX_BYTES + 1];
    struct fixture f;

    (void)state;
    open_log(&f, LOG_INFO, LOG_TEXT);
    /* Characters of three bytes: the cut falls between two of them. */
    for (int i = 0; i < LOG_VALUE_MAX_BYTES; i++)
        memcpy(value + (size_t)i * 3, "\xe2\x82\xac", 3);
    value[sizeof(value) - 1] = '\0';
    log_info(&f.log, "e", LOG_S("v", value), LOG_I("n", 1));
    assert_string_equal(f.text + f.len - strlen("\xe2\x82\xac...\" n=1\n"),
                        "\xe2\x82\xac...\" n=1\n");
    assert_int_equal(f.len, strlen(HEAD_TEXT "e v=\"") + LOG_VALUE_MAX_BYTES / 3 * 3 +
                                strlen("...\" n=1\n"));
    close_log(&f);

    /* Exactly at the limit nothing is cut. */
    open_log(&f, LOG_INFO, LOG_TEXT);
    memset(value, 'x', LOG_VALUE_MAX_BYTES);
    value[LOG_VALUE_MAX_BYTES] = '\0';
    log_info(&f.log, "e", LOG_S("v", value));
    assert_int_equal(f.len, strlen(HEAD_TEXT "e v=") + LOG_VALUE_MAX_BYTES + 1);
    assert_null(strstr(f.text, "..."));
    close_log(&f);
}

static void test_line_is_bounded(void **state)
{
    char value[LOG_VALUE_MAX_BYTES + 1];
    struct fixture f;

    (void)state;
    memset(value, 1, LOG_VALUE_MAX_BYTES);
    value[LOG_VALUE_MAX_BYTES] = '\0';
    open_log(&f, LOG_INFO, LOG_JSON);
    log_info(&f.log, "e", LOG_S("a", value), LOG_S("b", value), LOG_S("c", value), LOG_I("d", 4));
    assert_true(f.len <= LOG_LINE_MAX_BYTES + 2);
    assert_non_null(strstr(f.text, "\"b\":"));
    assert_null(strstr(f.text, "\"c\":"));
    assert_string_equal(f.text + f.len - 9, "\",\"d\":4}\n");
    close_log(&f);
}

static int evaluated;

static int count_evaluation(void)
{
    return ++evaluated;
}

static void test_levels(void **state)
{
    struct fixture f;

    (void)state;
    evaluated = 0;
    open_log(&f, LOG_WARN, LOG_TEXT);
    log_info(&f.log, "hidden", LOG_I("n", count_evaluation()));
    log_debug(&f.log, "hidden", LOG_I("n", count_evaluation()));
    assert_int_equal(evaluated, 0);
    log_warn(&f.log, "shown", LOG_I("n", count_evaluation()));
    log_error(&f.log, "shown", LOG_I("n", count_evaluation()));
    log_at(&f.log, LOG_DEBUG, "hidden");
    assert_int_equal(f.log.lines, 2);
    log_warn(NULL, "nowhere", LOG_I("n", count_evaluation()));
    assert_int_equal(evaluated, 2);
    assert_non_null(strstr(f.text, "Z warn shown n=1\n"));
    assert_non_null(strstr(f.text, "Z error shown n=2\n"));
    close_log(&f);
}

static void test_errno_variant(void **state)
{
    struct fixture f;

    (void)state;
    open_log(&f, LOG_WARN, LOG_TEXT);
    log_warn_errno(&f.log, ENOENT, "open_failed", LOG_S("path", "x"));
    assert_non_null(strstr(f.text, "open_failed path=x error=\"No such file or directory\"\n"));
    close_log(&f);
}

static void test_limit(void **state)
{
    struct log_limit limit;
    struct fixture f;

    (void)state;
    open_log(&f, LOG_INFO, LOG_TEXT);
    log_limit_init(&limit, 2);
    for (int64_t now_ms = 5000; now_ms < 5010; now_ms++)
        log_limited(&f.log, &limit, now_ms, LOG_INFO, "bad", LOG_I("n", now_ms));
    assert_string_equal(f.text, HEAD_TEXT "bad n=5000\n" HEAD_TEXT "bad n=5001\n");
    log_limited(&f.log, &limit, 5999, LOG_INFO, "bad");
    assert_int_equal(f.log.lines, 2);
    log_limited(&f.log, &limit, 6000, LOG_INFO, "bad", LOG_I("n", 6000));
    assert_non_null(
        strstr(f.text, HEAD_TEXT "log_suppressed of=bad count=9\n" HEAD_TEXT "bad n=6000\n"));
    assert_int_equal(f.log.lines, 4);
    /* Nothing was left out since: no line about it. */
    log_limited(&f.log, &limit, 9000, LOG_INFO, "bad");
    assert_int_equal(f.log.lines, 5);
    close_log(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_form),       cmocka_unit_test(test_json_form),
        cmocka_unit_test(test_hostile_values),  cmocka_unit_test(test_long_values_are_cut),
        cmocka_unit_test(test_line_is_bounded), cmocka_unit_test(test_levels),
        cmocka_unit_test(test_errno_variant),   cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
