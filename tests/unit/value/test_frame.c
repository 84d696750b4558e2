/* Frames: their forms, at each boundary of the WebSocket header. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/frame.h"
#include "common/live.h"

static void test_text(void **state)
{
    (void)state;
    size_t length;
    struct frame *frame = frame_text("42", "[\"hi\"]", 6);
    assert_int_equal(frame_kind(frame), FRAME_TEXT);
    assert_string_equal(frame_payload(frame, &length), "42[\"hi\"]");
    assert_int_equal(length, 8);
    assert_memory_equal(frame_websocket(frame, &length),
                        "\x81\x08"
                        "42[\"hi\"]",
                        10);
    assert_int_equal(length, 10);
    assert_int_equal(frame_cost_bytes(frame), FRAME_OVERHEAD_BYTES + 10);
    assert_ptr_equal(frame_polling(frame, &length), frame_payload(frame, &length));
    assert_int_equal(length, 8);
    assert_ptr_equal(frame_hold(frame), frame);
    frame_release(frame);
    frame_release(frame);
    frame_release(NULL);
    assert_int_equal(live_count(LIVE_FRAME), 0);
}

static void test_binary(void **state)
{
    (void)state;
    size_t length;
    struct frame *frame = frame_binary("\x01\x02\x03\x04", 4);
    assert_memory_equal(frame_websocket(frame, &length), "\x82\x04\x01\x02\x03\x04", 6);
    const char *polling = frame_polling(frame, &length);
    assert_int_equal(length, 9);
    assert_memory_equal(polling, "bAQIDBA==", 9);
    assert_ptr_equal(frame_polling(frame, &length), polling);
    frame_release(frame);
    frame = frame_binary(NULL, 0);
    assert_memory_equal(frame_websocket(frame, &length), "\x82\x00", 2);
    assert_memory_equal(frame_polling(frame, &length), "b", 1);
    assert_int_equal(length, 1);
    frame_release(frame);
}

static void test_json(void **state)
{
    (void)state;
    struct frame *frame = frame_text("42", "[]", 2);
    assert_int_equal(frame_json_at(frame), 4);
    frame_set_json(frame, 2);
    assert_int_equal(frame_json_at(frame), 2);
    frame_release(frame);
    frame = frame_binary("123", 3);
    size_t length;
    frame_polling(frame, &length);
    assert_int_equal(frame_json_at(frame), 3);
    frame_release(frame);
}

static void test_header_sizes(void **state)
{
    (void)state;
    static const struct {
        size_t payload;
        size_t header;
        uint8_t bytes[10];
    } cases[] = {
        {0, 2, {0x81, 0}},
        {125, 2, {0x81, 125}},
        {126, 4, {0x81, 126, 0, 126}},
        {65535, 4, {0x81, 126, 0xff, 0xff}},
        {65536, 10, {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        size_t length;
        struct frame *frame = frame_new(FRAME_TEXT, cases[i].payload);
        memset(frame_fill(frame), 'x', cases[i].payload);
        const uint8_t *bytes = frame_websocket(frame, &length);
        assert_int_equal(length, cases[i].header + cases[i].payload);
        assert_memory_equal(bytes, cases[i].bytes, cases[i].header);
        frame_release(frame);
    }
}

/* The compressed form has a header of its own, and is decided on once. */
static void test_deflated(void **state)
{
    (void)state;
    size_t length;
    struct frame *text = frame_text(NULL, "4aaaaaaaaaa", 11);
    struct frame *binary = frame_new(FRAME_BINARY, 70000);
    char payload[200];
    memset(payload, 'p', sizeof payload);
    memset(frame_fill(binary), 'x', 70000);
    assert_false(frame_settled_deflated(text));
    assert_null(frame_deflated(text, &length));
    frame_settle_deflated(text, NULL, 0);
    assert_true(frame_settled_deflated(text));
    assert_null(frame_deflated(text, &length));
    frame_settle_deflated(binary, payload, sizeof payload);
    assert_true(frame_settled_deflated(binary));
    const uint8_t *bytes = frame_deflated(binary, &length);
    assert_int_equal(length, 4 + sizeof payload);
    assert_memory_equal(bytes, "\xc2\x7e\x00\xc8", 4);
    assert_memory_equal(bytes + 4, payload, sizeof payload);
    assert_int_equal(frame_websocket(binary, &length)[0], 0x82);
    assert_int_equal(length, 70010);
    frame_release(text);
    text = frame_text(NULL, "4aaaaaaaaaa", 11);
    frame_settle_deflated(text, "pp", 2);
    assert_memory_equal(frame_deflated(text, &length), "\xc1\x02pp", 4);
    assert_int_equal(length, 4);
    frame_release(text);
    frame_release(binary);
    assert_int_equal(live_count(LIVE_FRAME), 0);
}

static void test_set(void **state)
{
    (void)state;
    struct frame *frames[] = {frame_text(NULL, "451-[0]", 7), frame_binary("x", 1)};
    struct frame_set *set = frame_set_new(frames, 2);
    assert_int_equal(set->count, 2);
    assert_ptr_equal(set->frames[1], frames[1]);
    assert_ptr_equal(frame_set_hold(set), set);
    frame_set_release(set);
    assert_int_equal(live_count(LIVE_FRAME), 2);
    frame_set_release(set);
    frame_set_release(NULL);
    assert_int_equal(live_count(LIVE_FRAME), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text), cmocka_unit_test(test_binary),
        cmocka_unit_test(test_json), cmocka_unit_test(test_header_sizes),
        cmocka_unit_test(test_set),  cmocka_unit_test(test_deflated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
