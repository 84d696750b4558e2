/* msgpack in and out: the forms Node's encoders use, and what must be refused before anything is
 * built. */
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

#define BYTES(literal) (literal), sizeof(literal) - 1

/* Bytes, the JSON of what they mean, and the bytes that come out again (NULL: the same). */
static void test_round_trips(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *json;
        const char *back;
        size_t back_length;
    } cases[] = {
        {BYTES("\xc0"), "null", NULL, 0},
        {BYTES("\x93\xc2\xc3\xc0"), "[false,true,null]", NULL, 0},
        {BYTES("\x94\x7f\xe0\xcc\x80\xd0\xdf"), "[127,-32,128,-33]", NULL, 0},
        {BYTES("\x92\xcd\x00\x01\xd3\xff\xff\xff\xff\xff\xff\xff\xff"), "[1,-1]",
         BYTES("\x92\x01\xff")},
        {BYTES("\xcf\x00\x1f\xff\xff\xff\xff\xff\xff"), "9007199254740991", NULL, 0},
        {BYTES("\xd3\xff\xe0\x00\x00\x00\x00\x00\x01"), "-9007199254740991", NULL, 0},
        {BYTES("\xcf\x00\x20\x00\x00\x00\x00\x00\x00"), "9007199254740992",
         BYTES("\xcb\x43\x40\x00\x00\x00\x00\x00\x00")},
        {BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709552000",
         BYTES("\xcb\x43\xf0\x00\x00\x00\x00\x00\x00")},
        {BYTES("\xca\x3f\xc0\x00\x00"), "1.5", BYTES("\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00")},
        {BYTES("\xcb\x40\x00\x00\x00\x00\x00\x00\x00"), "2", BYTES("\x02")},
        {BYTES("\xcb\x80\x00\x00\x00\x00\x00\x00\x00"), "0", BYTES("\x00")},
        {BYTES("\xcb\xff\xf8\x00\x00\x00\x00\x00\x01"), "null",
         BYTES("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00")},
        {BYTES("\xa0"), "\"\"", NULL, 0},
        {BYTES("\xd9\x01x"), "\"x\"", BYTES("\xa1x")},
        {BYTES("\xdb\x00\x00\x00\x01x"), "\"x\"", BYTES("\xa1x")},
        {BYTES("\xa3\xff\x41\xfe"),
         "\"\xef\xbf\xbd"
         "A\xef\xbf\xbd\"",
         BYTES("\xa7\xef\xbf\xbd"
               "A\xef\xbf\xbd")},
        {BYTES("\xc4\x00"), "{\"type\":\"Buffer\",\"data\":[]}", NULL, 0},
        {BYTES("\xc6\x00\x00\x00\x01\x09"), "{\"type\":\"Buffer\",\"data\":[9]}",
         BYTES("\xc4\x01\x09")},
        {BYTES("\xdc\x00\x01\x90"), "[[]]", BYTES("\x91\x90")},
        {BYTES("\xdf\x00\x00\x00\x01\xa1k\x80"), "{\"k\":{}}", BYTES("\x81\xa1k\x80")},
        {BYTES("\x82\xa1k\x01\xa1k\x02"), "{\"k\":2}", BYTES("\x81\xa1k\x02")},
        {BYTES(
             "\x87\x01\x01\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\x02\xc0\x03\xc3\x04\xc2\x05\xff\x06\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00\x07"),
         "{\"1\":1,\"1.5\":2,\"null\":3,\"true\":4,\"false\":5,\"-1\":6,\"Infinity\":7}",
         BYTES("\x87\xa1"
               "1\x01\xa3"
               "1.5\x02\xa4null\x03\xa4true\x04\xa5"
               "false\x05\xa2-1\x06\xa8Infinity\x07")},
        /* Dates: whole seconds; with nanoseconds; before 1970 or far away. */
        {BYTES("\xd6\xff\x65\x53\xf1\x00"), "\"2023-11-14T22:13:20.000Z\"", NULL, 0},
        {BYTES("\xd7\xff\x1d\x53\x53\x00\x65\x53\xf1\x00"), "\"2023-11-14T22:13:20.123Z\"", NULL,
         0},
        {BYTES("\xc7\x0c\xff\x3b\x8b\x87\xc0\xff\xff\xff\xff\xff\xff\xff\xff"),
         "\"1969-12-31T23:59:59.999Z\"", NULL, 0},
        {BYTES("\xc7\x0c\xff\x00\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff"), "null",
         BYTES("\xc0")},
        {BYTES("\xc7\x04\xff\x65\x53\xf1\x00"),
         "[-1,{\"type\":\"Buffer\",\"data\":[101,83,241,0]}]", NULL, 0},
        {BYTES("\xd4\xff\x01"), "[-1,{\"type\":\"Buffer\",\"data\":[1]}]", NULL, 0},
        /* The old forms of type 0, told apart by their header. */
        {BYTES("\x92\xd4\x00\x00\x81\xa1u\xd4\x00\x00"), "[null,{}]", BYTES("\x92\xc0\x80")},
        {BYTES("\xd7\x00\x00\x00\x01\x8b\xcf\xe5\x68\x7b"), "\"2023-11-14T22:13:20.123Z\"",
         BYTES("\xd7\xff\x1d\x53\x53\x00\x65\x53\xf1\x00")},
        {BYTES("\xc7\x08\x00\x00\x00\x01\x8b\xcf\xe5\x68\x7b"),
         "{\"type\":\"Buffer\",\"data\":[0,0,1,139,207,229,104,123]}",
         BYTES("\xc4\x08\x00\x00\x01\x8b\xcf\xe5\x68\x7b")},
        {BYTES("\xc7\x01\x00\x00"), "{\"type\":\"Buffer\",\"data\":[0]}", BYTES("\xc4\x01\x00")},
        {BYTES("\xc8\x00\x08\x00"
               "12345678"),
         "{\"type\":\"Buffer\",\"data\":[49,50,51,52,53,54,55,56]}",
         BYTES("\xc4\x08"
               "12345678")},
        {BYTES("\xc7\x00\x00"), "{\"type\":\"Buffer\",\"data\":[]}", BYTES("\xc4\x00")},
        {BYTES("\xd5\x00\x01\x02"), "[0,{\"type\":\"Buffer\",\"data\":[1,2]}]", NULL, 0},
        {BYTES("\xd6\x05\x01\x02\x03\x04"), "[5,{\"type\":\"Buffer\",\"data\":[1,2,3,4]}]", NULL,
         0},
        {BYTES("\xc7\x03\x80\x01\x02\x03"), "[-128,{\"type\":\"Buffer\",\"data\":[1,2,3]}]", NULL,
         0},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct confab_value *value;
        struct buf out;
        buf_init(&out, 10000);
        assert_int_equal(value_parse_msgpack(cases[i].bytes, cases[i].length, NULL, &value),
                         CONFAB_OK);
        value_write_json(value, &out, NULL);
        assert_string_equal(buf_text(&out), cases[i].json);
        buf_reset(&out);
        assert_int_equal(value_write_msgpack(value, &out), CONFAB_OK);
        const char *back = cases[i].back != NULL ? cases[i].back : cases[i].bytes;
        size_t back_length = cases[i].back != NULL ? cases[i].back_length : cases[i].length;
        assert_int_equal(out.len, back_length);
        assert_memory_equal(out.data, back, back_length);
        buf_fini(&out);
        confab_value_release(value);
    }
}

/* Each length at which a form changes: text, bytes, arrays, maps, ext. */
static void test_boundaries(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536};
    char *text = malloc(65536);
    assert_non_null(text);
    memset(text, 'x', 65536);
    for (size_t i = 0; i < TEST_COUNT(lengths); i++) {
        struct confab_value *array = confab_array();
        struct confab_value *object = confab_object();
        for (size_t k = 0; k < lengths[i]; k++) {
            struct confab_value *key = confab_string_f("%zu", k);
            confab_push(array, confab_null());
            confab_set(object, confab_as_string(key, NULL), confab_null());
            confab_value_release(key);
        }
        struct confab_value *all =
            confab_list(confab_string_n(text, lengths[i]), confab_binary(text, lengths[i]),
                        confab_ext(9, text, lengths[i]), array, object, NULL);
        struct confab_value *back;
        struct buf out;
        buf_init(&out, 1 << 22);
        assert_int_equal(value_write_msgpack(all, &out), CONFAB_OK);
        assert_int_equal(value_parse_msgpack(out.data, out.len, NULL, &back), CONFAB_OK);
        assert_true(confab_equal(all, back));
        assert_true(confab_has_binary(back));
        confab_value_release(back);
        confab_value_release(all);
        buf_fini(&out);
    }
    free(text);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } cases[] = {
        {BYTES("")},
        {BYTES("\xc1")},
        {BYTES("\xc0\xc0")},
        {BYTES("\x91")},
        {BYTES("\x91\xc1")},
        {BYTES("\xa1")},
        {BYTES("\xd9")},
        {BYTES("\xda\x00")},
        {BYTES("\xdb\xff\xff\xff\xff")},
        {BYTES("\xc6\xff\xff\xff\xff"
               "x")},
        {BYTES("\xc9\xff\xff\xff\xff\x00")},
        {BYTES("\xdd\xff\xff\xff\xff\xc0")},
        {BYTES("\xdf\xff\xff\xff\xff\xc0\xc0")},
        {BYTES("\xdf\x80\x00\x00\x00\xc0\xc0")},
        {BYTES("\x81\xa1k")},
        {BYTES("\xcb\x00")},
        {BYTES("\xd8\x00"
               "123456789012345")},
        {BYTES("\xc7\x01")},
        {BYTES("\x81\x90\x00")},
        {BYTES("\x81\x80\x00")},
        {BYTES("\x81\xc4\x00\x00")},
        {BYTES("\x81\xd4\x00\x00\x00")},
        {BYTES("garbage")},
        {BYTES("[\"x\"]")},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct confab_value *value = confab_null();
        assert_int_equal(value_parse_msgpack(cases[i].bytes, cases[i].length, NULL, &value),
                         CONFAB_EPARSE);
        assert_null(value);
    }
}

static void test_limits(void **state)
{
    (void)state;
    uint8_t bytes[2000];
    struct confab_value *value;
    for (size_t depth = 255; depth < 258; depth++) {
        memset(bytes, 0x91, depth);
        bytes[depth - 1] = 0x90;
        int rc = value_parse_msgpack(bytes, depth, NULL, &value);
        assert_int_equal(rc, depth <= 256 ? CONFAB_OK : CONFAB_ELIMIT);
        confab_value_release(value);
    }
    /* The deepest that any caller can ask for. */
    struct value_limits deep = {.depth = SIZE_MAX};
    memset(bytes, 0x91, sizeof bytes);
    bytes[511] = 0x90;
    assert_int_equal(value_parse_msgpack(bytes, 512, &deep, &value), CONFAB_OK);
    confab_value_release(value);
    bytes[511] = 0x91;
    bytes[512] = 0x90;
    assert_int_equal(value_parse_msgpack(bytes, 513, &deep, &value), CONFAB_ELIMIT);
    struct value_limits few = {.nodes = 3};
    assert_int_equal(value_parse_msgpack("\x82\xa1"
                                         "a\x01\xa1"
                                         "b\x02",
                                         7, &few, &value),
                     CONFAB_OK);
    confab_value_release(value);
    assert_int_equal(value_parse_msgpack("\x83\xa1"
                                         "a\x01\xa1"
                                         "b\x02\xa1"
                                         "c\x03",
                                         10, &few, &value),
                     CONFAB_ELIMIT);
}

static void test_surrogates(void **state)
{
    (void)state;
    struct confab_value *value;
    struct buf out;
    buf_init(&out, 100);
    assert_int_equal(
        value_parse_json(BYTES("{\"\\udc00\":\"a\\ud800\xed\x95\x9c\\udfff\"}"), NULL, &value),
        CONFAB_OK);
    assert_int_equal(value_write_msgpack(value, &out), CONFAB_OK);
    assert_memory_equal(out.data,
                        "\x81\xa3\xef\xbf\xbd\xaa"
                        "a\xef\xbf\xbd\xed\x95\x9c\xef\xbf\xbd",
                        16);
    assert_int_equal(out.len, 16);
    confab_value_release(value);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_round_trips, nothing_lives),
        cmocka_unit_test_teardown(test_boundaries, nothing_lives),
        cmocka_unit_test_teardown(test_refused, nothing_lives),
        cmocka_unit_test_teardown(test_limits, nothing_lives),
        cmocka_unit_test_teardown(test_surrogates, nothing_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
