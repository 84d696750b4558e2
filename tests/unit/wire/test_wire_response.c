/* Responses: written in all their forms, with and without what may be absent, and read. */
#include "tests/unit/test.h"

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

static void assert_text(struct buf *out, const char *expected)
{
    assert_string_equal(buf_text(out), expected);
    buf_reset(out);
}

static void test_written(void **state)
{
    (void)state;
    struct confab_value *id = confab_string("q1");
    struct confab_value *data = confab_binary("\1\2", 2);
    struct buf out;
    buf_init(&out, 1000);
    assert_int_equal(wire_write_done(&out, id), CONFAB_OK);
    assert_text(&out, "{\"requestId\":\"q1\"}");
    wire_write_done(&out, NULL);
    assert_text(&out, "{}");
    wire_write_server_event_answer(&out, id, NULL);
    assert_text(&out, "{\"type\":6,\"requestId\":\"q1\"}");
    wire_write_server_event_answer(&out, confab_null(), confab_null());
    assert_text(&out, "{\"type\":6,\"requestId\":null,\"data\":null}");
    wire_write_server_event_answer(&out, id, data);
    assert_text(&out,
                "{\"type\":6,\"requestId\":\"q1\",\"data\":{\"type\":\"Buffer\",\"data\":[1,2]}}");
    wire_write_client_count(&out, id, 0);
    assert_text(&out, "{\"type\":8,\"requestId\":\"q1\",\"clientCount\":0}");
    wire_write_client_count(&out, NULL, 12);
    assert_text(&out, "{\"type\":8,\"clientCount\":12}");
    wire_write_client_ack(&out, id, data);
    assert_text(&out, "\x83\xa4type\x09\xa9requestId\xa2q1\xa6packet\xc4\x02\x01\x02");
    wire_write_client_ack(&out, id, NULL);
    assert_text(&out, "\x82\xa4type\x09\xa9requestId\xa2q1");
    wire_write_client_ack(&out, NULL, confab_undefined());
    assert_text(&out, "\x81\xa4type\x09");
    buf_fini(&out);
    confab_value_release(data);
    confab_value_release(id);
}

static void test_lists(void **state)
{
    (void)state;
    const struct text items[] = {{"a", 1}, {"[", 1}, {"\"\xff", 2}};
    struct confab_value *id = confab_int(7);
    struct confab_value *socket = confab_set(confab_object(), "id", confab_string("s"));
    struct buf out;
    buf_init(&out, 100);
    wire_write_list_begin(&out, id, WIRE_LIST_ROOMS);
    wire_write_list_end(&out);
    assert_text(&out, "{\"requestId\":7,\"rooms\":[]}");
    wire_write_list_begin(&out, NULL, WIRE_LIST_SOCKETS);
    for (size_t i = 0; i < TEST_COUNT(items); i++)
        wire_write_list_text(&out, &items[i]);
    wire_write_list_value(&out, socket);
    assert_int_equal(wire_write_list_end(&out), CONFAB_OK);
    assert_text(&out, "{\"sockets\":[\"a\",\"[\",\"\\\"\xef\xbf\xbd\",{\"id\":\"s\"}]}");
    /* A list that becomes too long says so at its end. */
    wire_write_list_begin(&out, NULL, WIRE_LIST_SOCKETS);
    for (int i = 0; i < 30; i++)
        wire_write_list_text(&out, &items[0]);
    assert_int_equal(wire_write_list_end(&out), CONFAB_ELIMIT);
    buf_fini(&out);
    confab_value_release(socket);
    confab_value_release(id);
}

static void test_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum wire_verdict verdict;
    } cases[] = {
        {"", WIRE_MALFORMED},
        {"{bad", WIRE_MALFORMED},
        {"\xc0", WIRE_MALFORMED},
        {"\x05", WIRE_IGNORE},
        {"{}", WIRE_IGNORE},
        {"{\"requestId\":null}", WIRE_IGNORE},
        {"{\"requestId\":\"q\"}", WIRE_TAKE},
        {"{\"requestId\":\"q\",\"type\":8}", WIRE_MALFORMED},
        {"{\"requestId\":\"q\",\"type\":8,\"clientCount\":-1}", WIRE_MALFORMED},
        {"{\"requestId\":\"q\",\"type\":8,\"clientCount\":1.5}", WIRE_MALFORMED},
        {"{\"requestId\":\"q\",\"type\":\"8\"}", WIRE_TAKE},
    };
    struct wire_response response;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        enum wire_verdict verdict =
            wire_read_response(cases[i].text, strlen(cases[i].text), &response);
        if (verdict != cases[i].verdict)
            fail_msg("%s: %d", cases[i].text, (int)verdict);
        wire_response_fini(&response);
    }
    const char *text =
        "{\"requestId\":\"q\",\"sockets\":[1],\"rooms\":{},\"type\":9,\"packet\":null}";
    assert_int_equal(wire_read_response(text, strlen(text), &response), WIRE_TAKE);
    assert_string_equal(response.request_id.bytes, "q");
    assert_int_equal(response.type, WIRE_RESPONSE_CLIENT_ACK);
    assert_int_equal(confab_size(response.sockets), 1);
    assert_null(response.rooms);
    assert_null(response.data);
    assert_true(confab_is(response.packet, CONFAB_NULL) && response.packet != NULL);
    wire_response_fini(&response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_written, nothing_lives),
        cmocka_unit_test_teardown(test_lists, nothing_lives),
        cmocka_unit_test_teardown(test_read, nothing_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
