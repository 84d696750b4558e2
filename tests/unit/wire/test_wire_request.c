/* Requests: each form, read and written, and what is refused. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "broker/wire.h"
#include "common/buf.h"
#include "common/live.h"
#include "common/value.h"
#include <confab/err.h>

static int nothing_lives(void **state)
{
    (void)state;
    assert_int_equal(live_total(), 0);
    return 0;
}

static enum wire_verdict read_json(const char *text, struct wire_request *out)
{
    /* A copy of exactly that size. */
    size_t length = strlen(text);
    char *bytes = malloc(length == 0 ? 1 : length);
    assert_non_null(bytes);
    memcpy(bytes, text, length);
    enum wire_verdict verdict = wire_read_request(bytes, length, "/", "abcdef", out);
    free(bytes);
    return verdict;
}

static void test_fields(void **state)
{
    (void)state;
    struct wire_request r;
    assert_int_equal(
        read_json(
            "{\"uid\":\"u1\",\"requestId\":\"q1\",\"type\":2,\"opts\":{\"rooms\":[\"a\",7],\"except\":[\"b\"]},\"rooms\":[\"c\",\"d\"]}",
            &r),
        WIRE_TAKE);
    assert_int_equal(r.type, WIRE_REQUEST_JOIN);
    assert_true(r.bulk && r.has_uid && !r.own);
    assert_string_equal(r.uid.bytes, "u1");
    assert_string_equal(confab_as_string(r.request_id, NULL), "q1");
    assert_int_equal(r.rooms.count, 2);
    assert_string_equal(r.rooms.texts[1].bytes, "7");
    assert_int_equal(r.except.count, 1);
    assert_int_equal(r.names.count, 2);
    assert_string_equal(r.names.texts[1].bytes, "d");
    wire_request_fini(&r);
    assert_int_equal(read_json("{\"type\":3,\"sid\":\"s\",\"room\":5}", &r), WIRE_TAKE);
    assert_false(r.bulk || r.has_uid);
    assert_null(r.request_id);
    assert_string_equal(r.uid.bytes, "undefined");
    assert_string_equal(r.sid.bytes, "s");
    assert_string_equal(r.names.texts[0].bytes, "5");
    wire_request_fini(&r);
    assert_int_equal(read_json("{\"type\":3,\"opts\":{},\"rooms\":\"one\"}", &r), WIRE_TAKE);
    assert_int_equal(r.names.count, 1);
    assert_string_equal(r.names.texts[0].bytes, "one");
    wire_request_fini(&r);
    assert_int_equal(read_json("{\"uid\":null,\"type\":4,\"sid\":\"s\",\"close\":1}", &r),
                     WIRE_TAKE);
    assert_true(r.close && !r.bulk);
    assert_string_equal(r.uid.bytes, "null");
    wire_request_fini(&r);
    assert_int_equal(read_json("{\"type\":6,\"requestId\":null,\"data\":[\"e\",1]}", &r),
                     WIRE_TAKE);
    assert_true(confab_is(r.request_id, CONFAB_NULL));
    assert_int_equal(confab_size(r.args), 2);
    wire_request_fini(&r);
    assert_int_equal(
        read_json(
            "{\"type\":7,\"requestId\":\"q\",\"packet\":{\"type\":2,\"data\":[\"e\"],\"nsp\":\"/other\"},\"opts\":{\"rooms\":[\"r\"],\"flags\":{\"volatile\":true,\"timeout\":5}}}",
            &r),
        WIRE_TAKE);
    assert_string_equal(r.message->nsp.bytes, "/");
    assert_int_equal(r.message->flags, 0);
    assert_int_equal(confab_as_int(confab_get(r.flags, "timeout"), 0), 5);
    wire_request_fini(&r);
}

/* Rooms that nobody can be in: answered, for no socket. */
static void test_nobody(void **state)
{
    (void)state;
    struct wire_request r;
    assert_int_equal(read_json("{\"type\":0,\"rooms\":[null]}", &r), WIRE_TAKE);
    assert_true(r.nobody);
    wire_request_fini(&r);
    assert_int_equal(read_json("{\"type\":5,\"opts\":{\"rooms\":[null,true]}}", &r), WIRE_TAKE);
    assert_true(r.nobody);
    wire_request_fini(&r);
    assert_int_equal(read_json("{\"type\":5,\"opts\":{\"rooms\":[null,\"a\"]}}", &r), WIRE_TAKE);
    assert_false(r.nobody);
    wire_request_fini(&r);
    assert_int_equal(
        read_json(
            "{\"type\":7,\"packet\":{\"type\":2,\"data\":[\"e\"]},\"opts\":{\"rooms\":[null]}}",
            &r),
        WIRE_TAKE);
    assert_true(r.nobody);
    assert_null(r.message);
    wire_request_fini(&r);
    assert_int_equal(read_json("{\"type\":4,\"opts\":{\"rooms\":[null]},\"close\":true}", &r),
                     WIRE_IGNORE);
}

static void test_verdicts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum wire_verdict verdict;
    } cases[] = {
        {"", WIRE_MALFORMED},
        {"{", WIRE_MALFORMED},
        {" {\"type\":1}", WIRE_MALFORMED},
        {"{}", WIRE_IGNORE},
        {"{\"type\":1}", WIRE_TAKE},
        {"{\"type\":1.0}", WIRE_TAKE},
        {"{\"type\":\"1\"}", WIRE_IGNORE},
        {"{\"type\":1.5}", WIRE_IGNORE},
        {"{\"type\":-1}", WIRE_IGNORE},
        {"{\"type\":8}", WIRE_IGNORE},
        {"{\"type\":4294967296}", WIRE_IGNORE},
        {"{\"type\":1,\"uid\":{}}", WIRE_MALFORMED},
        {"{\"type\":1,\"requestId\":[]}", WIRE_MALFORMED},
        {"{\"type\":1,\"uid\":\"a\xff\"}", WIRE_TAKE},
        {"{\"type\":0,\"rooms\":5}", WIRE_MALFORMED},
        {"{\"type\":2}", WIRE_IGNORE},
        {"{\"type\":2,\"sid\":5,\"room\":\"r\"}", WIRE_IGNORE},
        {"{\"type\":2,\"sid\":\"s\"}", WIRE_IGNORE},
        {"{\"type\":2,\"opts\":{}}", WIRE_IGNORE},
        {"{\"type\":2,\"opts\":{},\"rooms\":[]}", WIRE_IGNORE},
        {"{\"type\":2,\"opts\":1,\"rooms\":[\"r\"]}", WIRE_MALFORMED},
        {"{\"type\":2,\"opts\":{\"rooms\":1},\"rooms\":[\"r\"]}", WIRE_MALFORMED},
        {"{\"type\":4,\"opts\":{}}", WIRE_TAKE},
        {"{\"type\":5}", WIRE_MALFORMED},
        {"{\"type\":5,\"opts\":null}", WIRE_MALFORMED},
        {"{\"type\":5,\"opts\":{}}", WIRE_TAKE},
        {"{\"type\":6,\"uid\":\"abcdef\",\"data\":[\"e\"]}", WIRE_OWN},
        {"{\"type\":1,\"uid\":\"abcdef\"}", WIRE_TAKE},
        {"{\"type\":6}", WIRE_IGNORE},
        {"{\"type\":6,\"requestId\":\"q\"}", WIRE_MALFORMED},
        {"{\"type\":6,\"data\":\"x\"}", WIRE_MALFORMED},
        {"{\"type\":6,\"data\":[]}", WIRE_IGNORE},
        {"{\"type\":7,\"opts\":{}}", WIRE_MALFORMED},
        {"{\"type\":7,\"packet\":{\"type\":2,\"data\":[\"e\"]}}", WIRE_MALFORMED},
        {"{\"type\":7,\"packet\":{\"type\":3,\"data\":[\"e\"]},\"opts\":{}}", WIRE_MALFORMED},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct wire_request request;
        enum wire_verdict verdict = read_json(cases[i].text, &request);
        if (verdict != cases[i].verdict)
            fail_msg("%s: %d", cases[i].text, (int)verdict);
        wire_request_fini(&request);
    }
}

/* Ids go into channels and back into answers: their size is limited. */
static void test_long_ids(void **state)
{
    (void)state;
    struct wire_request request;
    struct buf text;
    buf_init(&text, 10000);
    for (int i = 0; i < 2; i++) {
        buf_reset(&text);
        buf_printf(&text, "{\"type\":1,\"%s\":\"%0300d\"}", i == 0 ? "uid" : "requestId", 0);
        assert_int_equal(read_json(buf_text(&text), &request), WIRE_MALFORMED);
    }
    buf_fini(&text);
}

static void assert_written(const struct wire_request *request, const char *expected)
{
    struct buf out;
    buf_init(&out, 1000);
    assert_int_equal(wire_write_request(&out, request), CONFAB_OK);
    assert_string_equal(buf_text(&out), expected);
    buf_fini(&out);
}

static void test_written(void **state)
{
    (void)state;
    const struct text rooms[] = {{"a", 1}, {"\"b", 2}};
    struct confab_value *id = confab_string("q1");
    struct confab_value *args =
        confab_list(confab_string("e"), confab_undefined(), confab_binary("\1", 1), NULL);
    struct wire_request r = WIRE_REQUEST_INIT;
    r.has_uid = true;
    r.uid = (struct text){"u", 1};
    r.request_id = id;
    r.rooms = (struct wire_list){rooms, 1};
    assert_written(&r, "{\"uid\":\"u\",\"requestId\":\"q1\",\"type\":0,\"rooms\":[\"a\"]}");
    r.type = WIRE_REQUEST_ALL_ROOMS;
    assert_written(&r, "{\"uid\":\"u\",\"requestId\":\"q1\",\"type\":1}");
    r.type = WIRE_REQUEST_FETCH;
    r.except = (struct wire_list){rooms + 1, 1};
    assert_written(
        &r,
        "{\"uid\":\"u\",\"requestId\":\"q1\",\"type\":5,\"opts\":{\"rooms\":[\"a\"],\"except\":[\"\\\"b\"]}}");
    r.type = WIRE_REQUEST_SERVER_EVENT;
    r.args = args;
    assert_written(
        &r,
        "{\"uid\":\"u\",\"requestId\":\"q1\",\"type\":6,\"data\":[\"e\",null,{\"type\":\"Buffer\",\"data\":[1]}]}");
    r.request_id = NULL;
    r.type = WIRE_REQUEST_LEAVE;
    r.bulk = true;
    r.except.count = 0;
    r.names = (struct wire_list){rooms, 2};
    assert_written(
        &r,
        "{\"uid\":\"u\",\"type\":3,\"opts\":{\"rooms\":[\"a\"],\"except\":[]},\"rooms\":[\"a\",\"\\\"b\"]}");
    r.type = WIRE_REQUEST_DISCONNECT;
    r.close = true;
    assert_written(
        &r, "{\"uid\":\"u\",\"type\":4,\"opts\":{\"rooms\":[\"a\"],\"except\":[]},\"close\":true}");
    r.bulk = false;
    r.request_id = id;
    r.sid = (struct text){"s", 1};
    assert_written(&r,
                   "{\"uid\":\"u\",\"requestId\":\"q1\",\"type\":4,\"sid\":\"s\",\"close\":true}");
    r.type = WIRE_REQUEST_JOIN;
    assert_written(&r,
                   "{\"uid\":\"u\",\"requestId\":\"q1\",\"type\":2,\"sid\":\"s\",\"room\":\"a\"}");
    confab_value_release(id);
    confab_value_release(args);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_fields, nothing_lives),
        cmocka_unit_test_teardown(test_nobody, nothing_lives),
        cmocka_unit_test_teardown(test_verdicts, nothing_lives),
        cmocka_unit_test_teardown(test_long_ids, nothing_lives),
        cmocka_unit_test_teardown(test_written, nothing_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
