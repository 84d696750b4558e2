/* JSON in and out, where JavaScript's ways matter. */
#include "tests/unit/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/live.h"
#include "common/value.h"
#include <confab/err.h>

static int nothing_lives(void **state)
{
    (void)state;
    assert_int_equal(live_count(LIVE_VALUE), 0);
    return 0;
}

static void assert_writes(const struct confab_value *value, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(value_write_json(value, &out, NULL), CONFAB_OK);
    assert_string_equal(buf_text(&out), expected);
    buf_fini(&out);
}

/* Texts and what JSON.stringify(JSON.parse(text)) gives; NULL: the same text. */
static void test_round_trips(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *back;
    } cases[] = {
        {"null", NULL},
        {" \t\n\r[ ] \n", "[]"},
        {"{}", NULL},
        {"[[],{},[{}],\"\",true,false]", NULL},
        {"{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}"},
        {"{\"\":{\"__proto__\":1}}", NULL},
        {"[0,-0,-0.0,1.0,1e2,-1E+2]", "[0,0,0,1,100,-100]"},
        {"[0.1,0.000001,1e-7,123456789012345680000,1e20,1e21,-1.5e300]",
         "[0.1,0.000001,1e-7,123456789012345680000,100000000000000000000,1e+21,-1.5e+300]"},
        {"[9007199254740991,9007199254740992,9007199254740993,-9007199254740993]",
         "[9007199254740991,9007199254740992,9007199254740992,-9007199254740992]"},
        {"[18446744073709551615,18446744073709551616,12345678901234567890123]",
         "[18446744073709552000,18446744073709552000,1.2345678901234568e+22]"},
        {"[5e-324,2.2250738585072014e-308,1.7976931348623157e308]",
         "[5e-324,2.2250738585072014e-308,1.7976931348623157e+308]"},
        {"[1e999,-1e999,1e-999]", "[null,null,0]"},
        {"\"\\u0041\\u00e9\\u6f22\\ud83d\\ude80\"", "\"A\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x9a\x80\""},
        {"\"\\u0000\\u001f\\b\\f\\n\\r\\t\\\"\\\\\\/\x7f\"",
         "\"\\u0000\\u001f\\b\\f\\n\\r\\t\\\"\\\\/\x7f\""},
        {"\"\xe2\x80\xa8\xed\x9f\xbf\"", NULL},
        {"\"\\ud800\"", NULL},
        {"[\"\\uDFFF\\ud83d\\ude80\\ud83d\",{\"\\udc00x\":\"\\ud83d\\u0041\"}]",
         "[\"\\udfff\xf0\x9f\x9a\x80\\ud83d\",{\"\\udc00x\":\"\\ud83dA\"}]"},
        {"\"\\ud83d\\ud83d\\ude80\\ude80\"", "\"\\ud83d\xf0\x9f\x9a\x80\\ude80\""},
        {"\"\\\\ud800\\ud800\\\\\"", NULL},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct confab_value *value;
        assert_int_equal(value_parse_json(cases[i].text, strlen(cases[i].text), NULL, &value),
                         CONFAB_OK);
        assert_writes(value, cases[i].back != NULL ? cases[i].back : cases[i].text);
        confab_value_release(value);
    }
}

/* What JSON.parse refuses. */
static void test_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "[",
        "]",
        "[1",
        "[1,]",
        "[,1]",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "'a'",
        "nul",
        "nulll",
        "True",
        "NaN",
        "Infinity",
        "-Infinity",
        "inf",
        "[nan]",
        "undefined",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x10",
        "1_000",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"a\nb\"",
        "\"\x01\"",
        "[1] 2",
        "[1]]",
        "// c\n1",
        "/* c */1",
        "\xef\xbb\xbf[]",
        "\"\xff\"",
        "\"\xed\xa0\x80\"",
        "\"\xc0\xaf\"",
        "\"\xf4\x90\x80\x80\"",
        "\xc2\xa0[]",
        "[1\x0b]",
        /* The second reading, for lone surrogates, must not let these in either. */
        "\"\\ud800\x01\"",
        "\"\\ud800\xff\"",
        "\"\\ud800\xed\xa0\x80\"",
        "[\"\\ud800\",NaN]",
        "[\"\\ud800\",]",
        "\"\\ud800\\x\"",
        "\"\\ud800",
        "\"\\ud80\"",
        "[\"\\ud800\"]\\",
        "\\ud800",
    };
    for (size_t i = 0; i < TEST_COUNT(texts); i++) {
        struct confab_value *value = confab_null();
        if (value_parse_json(texts[i], strlen(texts[i]), NULL, &value) != CONFAB_EPARSE)
            fail_msg("accepted: %s", texts[i]);
        assert_null(value);
    }
    struct confab_value *value;
    assert_int_equal(value_parse_json("1\0", 2, NULL, &value), CONFAB_EPARSE);
    assert_int_equal(value_parse_json("\"\\ud800\0\"", 9, NULL, &value), CONFAB_EPARSE);
}

static int parse_limited(const char *text, const struct value_limits *limits,
                         struct confab_value **value)
{
    return value_parse_json(text, strlen(text), limits, value);
}

static void test_limits(void **state)
{
    (void)state;
    enum { SIZE = 3 * 1000 * 1000 };
    char *text = malloc(SIZE);
    struct confab_value *value;
    assert_non_null(text);
    for (size_t depth = 255; depth < 258; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        int rc = value_parse_json(text, 2 * depth, NULL, &value);
        assert_int_equal(rc, depth <= 256 ? CONFAB_OK : CONFAB_ELIMIT);
        confab_value_release(value);
    }
    struct value_limits limits = {.depth = 100000, .nodes = 10};
    memset(text, '[', 1000);
    memset(text + 1000, ']', 1000);
    assert_int_equal(value_parse_json(text, 2000, &limits, &value), CONFAB_ELIMIT);
    assert_int_equal(parse_limited("[1,2,3,4,5,6,7,8,9]", &limits, &value), CONFAB_OK);
    confab_value_release(value);
    assert_int_equal(parse_limited("[1,2,3,4,5,6,7,8,9,1]", &limits, &value), CONFAB_ELIMIT);
    /* Commas inside a string are no values. */
    assert_int_equal(parse_limited("[\",,,,,,,,,,,,[[[[\\\"[[\"]", &limits, &value), CONFAB_OK);
    confab_value_release(value);
    assert_int_equal(
        parse_limited("{\"a\":[],\"b\":{},\"c\":[ ],\"d\":[1],\"e\":{\"f\":2},\"g\":3}", &limits,
                      &value),
        CONFAB_OK);
    confab_value_release(value);
    /* Never built: brackets without end, and a million numbers. */
    memset(text, '[', SIZE);
    assert_int_equal(value_parse_json(text, SIZE, NULL, &value), CONFAB_ELIMIT);
    for (size_t i = 0; i < SIZE; i += 2)
        memcpy(text + i, "1,", 2);
    text[0] = '[';
    memcpy(text + SIZE - 2, "1]", 2);
    assert_int_equal(value_parse_json(text, SIZE, NULL, &value), CONFAB_ELIMIT);
    /* One large string is one value. */
    memset(text, 'x', SIZE);
    text[0] = text[SIZE - 1] = '"';
    assert_int_equal(value_parse_json(text, SIZE, NULL, &value), CONFAB_OK);
    confab_value_release(value);
    free(text);
}

/* 100,000 keys, each twice: no quadratic work, the last one wins. */
static void test_many_keys(void **state)
{
    (void)state;
    struct buf text;
    struct confab_value *value;
    buf_init(&text, 1 << 24);
    buf_put_u8(&text, '{');
    for (int i = 0; i < 200000; i++)
        buf_printf(&text, "%s\"k%d\":%d", i == 0 ? "" : ",", i % 100000, i % 7);
    buf_put_u8(&text, '}');
    struct value_limits limits = {.nodes = 200001};
    assert_int_equal(value_parse_json(buf_text(&text), text.len, &limits, &value), CONFAB_OK);
    assert_int_equal(confab_size(value), 100000);
    assert_int_equal(confab_as_int(confab_get(value, "k99999"), -1), 199999 % 7);
    confab_value_release(value);
    buf_fini(&text);
}

static void test_written(void **state)
{
    (void)state;
    struct confab_value *value = confab_list(
        confab_undefined(), confab_double((double)NAN), confab_double(-(double)INFINITY),
        confab_date(1699999999123), confab_date(0), confab_date(-1), confab_date(8.64e15),
        confab_date(-62198755200000.0), confab_date(253402300800000.0), confab_date((double)NAN),
        confab_ext(5, "\1\2", 2), confab_binary("\0\xff", 2), NULL);
    confab_push(value, confab_set(confab_set(confab_object(), "u", confab_undefined()), "n",
                                  confab_null()));
    assert_writes(
        value,
        "[null,null,null,\"2023-11-14T22:13:19.123Z\",\"1970-01-01T00:00:00.000Z\",\"1969-12-31T23:59:59.999Z\",\"+275760-09-13T00:00:00.000Z\",\"-000001-01-01T00:00:00.000Z\",\"+010000-01-01T00:00:00.000Z\",null,[5,{\"type\":\"Buffer\",\"data\":[1,2]}],{\"type\":\"Buffer\",\"data\":[0,255]},{\"n\":null}]");
    confab_value_release(value);
    assert_writes(NULL, "null");
}

static void test_attachments(void **state)
{
    (void)state;
    struct confab_value *attachments = confab_list(confab_binary("old", 3), NULL);
    struct confab_value *value =
        confab_list(confab_string("e"), confab_binary("a", 1),
                    confab_set(confab_object(), "x", confab_ext(-7, "b", 1)), NULL);
    struct buf out;
    buf_init(&out, 1000);
    assert_int_equal(value_write_json(value, &out, attachments), CONFAB_OK);
    assert_string_equal(
        buf_text(&out),
        "[\"e\",{\"_placeholder\":true,\"num\":1},{\"x\":[-7,{\"_placeholder\":true,\"num\":2}]}]");
    assert_int_equal(confab_size(attachments), 3);
    assert_ptr_equal(confab_at(attachments, 1), confab_at(value, 1));
    assert_memory_equal(confab_as_binary(confab_at(attachments, 2), NULL), "b", 1);
    buf_fini(&out);
    confab_value_release(value);
    confab_value_release(attachments);
}

static void test_writer_limits(void **state)
{
    (void)state;
    struct buf out;
    struct confab_value *value = confab_string("0123456789");
    buf_init(&out, 11);
    assert_int_equal(value_write_json(value, &out, NULL), CONFAB_ELIMIT);
    buf_fini(&out);
    confab_value_release(value);
    value = confab_array();
    for (int i = 0; i < 600; i++)
        value = confab_list(value, NULL);
    buf_init(&out, 10000);
    assert_int_equal(value_write_json(value, &out, NULL), CONFAB_ELIMIT);
    buf_reset(&out);
    assert_int_equal(value_write_msgpack(value, &out), CONFAB_ELIMIT);
    buf_fini(&out);
    confab_value_release(value);
}

static void test_number_text(void **state)
{
    (void)state;
    static const struct {
        double number;
        const char *text;
    } cases[] = {
        {0, "0"},
        {42, "42"},
        {-1.5, "-1.5"},
        {1e21, "1e+21"},
        {1e-7, "1e-7"},
        {9007199254740992.0, "9007199254740992"},
        {(double)NAN, "NaN"},
        {-(double)INFINITY, "-Infinity"},
        {123456789012345678.0, "123456789012345680"},
        {-2.2250738585072014e-308, "-2.2250738585072014e-308"},
        {-0.0000012345678901234567, "-0.0000012345678901234567"},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        char text[VALUE_NUMBER_TEXT_BYTES + 1];
        struct confab_value *value = confab_double(cases[i].number);
        text[value_number_text(value, text)] = '\0';
        assert_string_equal(text, cases[i].text);
        confab_value_release(value);
    }
    char none[VALUE_NUMBER_TEXT_BYTES];
    assert_int_equal(value_number_text(confab_null(), none), 0);
}

/* What applications have of all this. */
static void test_text_values(void **state)
{
    (void)state;
    static const char source[] = "{\"a\":[1,null,\"\xc3\xbc\"],\"b\":1e+21}";
    struct confab_value *value = confab_from_json(source, sizeof(source) - 1);
    struct confab_value *text = confab_to_json(value, 0);
    size_t length;
    assert_string_equal(confab_as_string(text, &length), source);
    assert_int_equal(length, sizeof(source) - 1);
    confab_value_release(text);
    text = confab_to_json(value, sizeof(source) - 1);
    assert_non_null(text);
    confab_value_release(text);
    assert_null(confab_to_json(value, sizeof(source) - 2));
    confab_value_release(value);

    assert_null(confab_from_json(source, sizeof(source) - 2));
    assert_null(confab_from_json("", 0));
    assert_null(confab_from_json("\"\xff\"", 3));
    value = confab_list(confab_binary("\x01\xff", 2), NULL);
    text = confab_to_json(value, 0);
    assert_string_equal(confab_as_string(text, NULL), "[{\"type\":\"Buffer\",\"data\":[1,255]}]");
    confab_value_release(text);
    confab_value_release(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_round_trips, nothing_lives),
        cmocka_unit_test_teardown(test_refused, nothing_lives),
        cmocka_unit_test_teardown(test_limits, nothing_lives),
        cmocka_unit_test_teardown(test_many_keys, nothing_lives),
        cmocka_unit_test_teardown(test_written, nothing_lives),
        cmocka_unit_test_teardown(test_attachments, nothing_lives),
        cmocka_unit_test_teardown(test_writer_limits, nothing_lives),
        cmocka_unit_test_teardown(test_number_text, nothing_lives),
        cmocka_unit_test_teardown(test_text_values, nothing_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
