/* Broadcasts beyond the recordings: what is written, the hole, own ones, odd rooms, limits. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "broker/wire.h"
#include "common/buf.h"
#include "common/live.h"
#include "common/value.h"
#include <confab/err.h>

#define BYTES(literal) (literal), sizeof(literal) - 1

static int nothing_lives(void **state)
{
    (void)state;
    assert_int_equal(live_total(), 0);
    return 0;
}

static struct message *make(unsigned flags, struct confab_value *args)
{
    static const struct text rooms[] = {{"r1", 2}, {"r2", 2}};
    static const struct text except[] = {{"x", 1}};
    return message_new("/n", 2, rooms, 2, except, 1, flags, args);
}

static void test_written(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1000);
    struct message *message = make(MESSAGE_VOLATILE | MESSAGE_COMPRESS_OFF,
                                   confab_list(confab_string("e"), confab_int(7), NULL));
    assert_int_equal(wire_write_broadcast(&out, "abcdef", message), CONFAB_OK);
    static const char expected[] = "\x93\xa6"
                                   "abcdef\x83\xa4type\x02\xa4"
                                   "data\x92\xa1"
                                   "e\x07\xa3nsp\xa2/n\x83\xa5rooms\x92\xa2r1\xa2r2\xa6"
                                   "except\x91\xa1x\xa5"
                                   "flags\x82\xa8volatile\xc3\xa8"
                                   "compress\xc2";
    assert_int_equal(out.len, sizeof expected - 1);
    assert_memory_equal(out.data, expected, out.len);
    struct message *back;
    assert_int_equal(wire_read_broadcast(out.data, out.len, "/n", "zzzzzz", &back), WIRE_TAKE);
    assert_int_equal(back->flags, message->flags);
    assert_int_equal(back->room_count, 2);
    assert_int_equal(back->except_count, 1);
    assert_string_equal(back->rooms[1].bytes, "r2");
    assert_string_equal(back->except[0].bytes, "x");
    assert_string_equal(back->nsp.bytes, "/n");
    assert_true(confab_equal(back->args, message->args));
    message_release(back);
    assert_int_equal(wire_read_broadcast(out.data, out.len, "/n", "abcdef", &back), WIRE_OWN);
    assert_null(back);
    assert_int_equal(wire_read_broadcast(out.data, out.len, "/", "zzzzzz", &back), WIRE_IGNORE);
    message_release(message);
    buf_fini(&out);
}

/* Before, any one value, after: a whole broadcast with that value as its last argument. */
static void test_hole(void **state)
{
    (void)state;
    struct buf before;
    struct buf after;
    struct buf whole;
    buf_init(&before, 1000);
    buf_init(&after, 1000);
    buf_init(&whole, 1000);
    struct message *shorter =
        make(MESSAGE_COMPRESS_ON, confab_list(confab_string("userLeft"), NULL));
    struct message *longer = make(
        MESSAGE_COMPRESS_ON, confab_list(confab_string("userLeft"), confab_string("name"), NULL));
    assert_int_equal(wire_write_broadcast_around(&before, &after, WIRE_UID_ORDERED, shorter),
                     CONFAB_OK);
    assert_int_equal(wire_write_broadcast(&whole, WIRE_UID_ORDERED, longer), CONFAB_OK);
    buf_append(&before, "\xa4name", 5);
    buf_append(&before, after.data, after.len);
    assert_int_equal(before.len, whole.len);
    assert_memory_equal(before.data, whole.data, whole.len);
    message_release(shorter);
    message_release(longer);
    /* The array's header grows with the hole: 15 arguments and one more. */
    struct confab_value *args = confab_array();
    for (int i = 0; i < 15; i++)
        confab_push(args, confab_string("a"));
    shorter = make(0, args);
    buf_reset(&before);
    buf_reset(&after);
    wire_write_broadcast_around(&before, &after, "u", shorter);
    buf_append(&before, "\xc0", 1);
    buf_append(&before, after.data, after.len);
    struct message *back;
    assert_int_equal(wire_read_broadcast(before.data, before.len, "/n", "zzzzzz", &back),
                     WIRE_TAKE);
    assert_int_equal(confab_size(back->args), 16);
    message_release(back);
    message_release(shorter);
    buf_fini(&before);
    buf_fini(&after);
    buf_fini(&whole);
}

/* Everything that cannot be written whole is an error: a cut broadcast ends Node processes. */
static void test_never_cut(void **state)
{
    (void)state;
    struct buf out;
    struct message *message =
        make(0, confab_list(confab_string("e"), confab_string("0123456789"), NULL));
    buf_init(&out, 1000);
    assert_int_equal(wire_write_broadcast(&out, "u", message), CONFAB_OK);
    size_t length = out.len;
    buf_fini(&out);
    for (size_t limit = 0; limit < length; limit++) {
        buf_init(&out, limit);
        assert_int_equal(wire_write_broadcast(&out, "u", message), CONFAB_ELIMIT);
        buf_fini(&out);
    }
    message_release(message);
    struct confab_value *deep = confab_array();
    for (int i = 0; i < 1000; i++)
        deep = confab_list(deep, NULL);
    message = make(0, confab_list(confab_string("e"), deep, NULL));
    buf_init(&out, 100000);
    assert_int_equal(wire_write_broadcast(&out, "u", message), CONFAB_ELIMIT);
    buf_fini(&out);
    message_release(message);
}

static struct message *read_opts(const char *opts, size_t length, enum wire_verdict expected)
{
    struct buf bytes;
    struct message *message;
    buf_init(&bytes, 1 << 22);
    buf_append(&bytes, BYTES("\x93\xa6zzzzzz\x83\xa4type\x02\xa4"
                             "data\x91\xa1x\xa3nsp\xa1/"));
    buf_append(&bytes, opts, length);
    assert_int_equal(wire_read_broadcast(bytes.data, bytes.len, "/", "abcdef", &message), expected);
    assert_int_equal(message != NULL, expected == WIRE_TAKE);
    buf_fini(&bytes);
    return message;
}

static void test_rooms(void **state)
{
    (void)state;
    /* Numbers by their text, and as one room with the string. */
    struct message *message =
        read_opts(BYTES("\x81\xa5rooms\x95\x2b\xa2"
                        "43\xff\xcb\x3f\xf8\0\0\0\0\0\0\xcb\x7e\x37\xe4\x3c\x88\x00\x75\x9c"),
                  WIRE_TAKE);
    assert_int_equal(message->room_count, 4);
    assert_string_equal(message->rooms[0].bytes, "43");
    assert_string_equal(message->rooms[1].bytes, "-1");
    assert_string_equal(message->rooms[2].bytes, "1.5");
    assert_string_equal(message->rooms[3].bytes, "1e+300");
    message_release(message);
    /* A string is its characters. */
    message = read_opts(BYTES("\x81\xa5rooms\xa6"
                              "a\xf0\x9f\x9a\x80"
                              "a"),
                        WIRE_TAKE);
    assert_int_equal(message->room_count, 2);
    assert_string_equal(message->rooms[1].bytes, "\xf0\x9f\x9a\x80");
    message_release(message);
    message = read_opts(BYTES("\x82\xa5rooms\xa0\xa6"
                              "except\xc0"),
                        WIRE_TAKE);
    assert_int_equal(message->room_count + message->except_count, 0);
    message_release(message);
    /* io.to(undefined): one room, which is nobody's; not everybody. */
    assert_null(read_opts(BYTES("\x81\xa5rooms\x91\xc0"), WIRE_IGNORE));
    message = read_opts(BYTES("\x82\xa5rooms\x92\xc0\xa1r\xa6"
                              "except\x91\xc0"),
                        WIRE_TAKE);
    assert_int_equal(message->room_count, 1);
    assert_int_equal(message->except_count, 0);
    message_release(message);
    assert_null(read_opts(BYTES("\x81\xa5rooms\x80"), WIRE_MALFORMED));
    assert_null(read_opts(BYTES("\x81\xa5rooms\xc3"), WIRE_MALFORMED));
    assert_null(read_opts(BYTES("\x81\xa6"
                                "except\x05"),
                          WIRE_MALFORMED));
    assert_null(read_opts(BYTES("\xa1x"), WIRE_MALFORMED));
}

static void test_rooms_limit(void **state)
{
    (void)state;
    struct buf opts;
    buf_init(&opts, 1 << 20);
    buf_append(&opts, BYTES("\x81\xa5rooms\xdd\x00\x01\x00\x01"));
    for (int i = 0; i < WIRE_ROOMS_MAX + 1; i++)
        buf_append(&opts, "\xa1r", 2);
    assert_null(read_opts((const char *)opts.data, opts.len, WIRE_MALFORMED));
    buf_fini(&opts);
}

static void test_flags(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        unsigned flags;
    } cases[] = {
        {BYTES("\x80"), 0},
        {BYTES("\x81\xa5"
               "flags\xc0"),
         0},
        {BYTES("\x81\xa5"
               "flags\x81\xa8volatile\xc2"),
         0},
        {BYTES("\x81\xa5"
               "flags\x81\xa8volatile\x01"),
         MESSAGE_VOLATILE},
        {BYTES("\x81\xa5"
               "flags\x83\xa8"
               "compress\xc3\xa5local\xc3\xa8volatile\xc3"),
         MESSAGE_VOLATILE | MESSAGE_COMPRESS_ON},
        {BYTES("\x81\xa5"
               "flags\x81\xa8"
               "compress\x00"),
         0},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct message *message = read_opts(cases[i].bytes, cases[i].length, WIRE_TAKE);
        assert_int_equal(message->flags, cases[i].flags);
        message_release(message);
    }
}

/* Events whose name makes clients close, and what is no event. */
static void test_packets(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        enum wire_verdict verdict;
    } cases[] = {
        {"[\"x\"]", WIRE_TAKE},
        {"[7]", WIRE_TAKE},
        {"[1.5]", WIRE_TAKE},
        {"[1e999]", WIRE_MALFORMED},
        {"[]", WIRE_MALFORMED},
        {"[null]", WIRE_MALFORMED},
        {"[[\"x\"]]", WIRE_MALFORMED},
        {"{\"0\":\"x\"}", WIRE_MALFORMED},
        {"\"x\"", WIRE_MALFORMED},
        {"[\"connect\"]", WIRE_MALFORMED},
        {"[\"disconnecting\",1]", WIRE_MALFORMED},
        {"[\"connected\"]", WIRE_TAKE},
        {"[\"newListener\"]", WIRE_MALFORMED},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct confab_value *data;
        struct message *message;
        struct buf bytes;
        buf_init(&bytes, 1000);
        assert_int_equal(value_parse_json(cases[i].data, strlen(cases[i].data), NULL, &data),
                         CONFAB_OK);
        struct confab_value *packet =
            confab_set(confab_set(confab_object(), "type", confab_int(2)), "data", data);
        struct confab_value *array = confab_list(confab_null(), packet, confab_object(), NULL);
        assert_int_equal(value_write_msgpack(array, &bytes), CONFAB_OK);
        assert_int_equal(wire_read_broadcast(bytes.data, bytes.len, "/", "abcdef", &message),
                         cases[i].verdict);
        if (message != NULL)
            message_release(message);
        confab_value_release(array);
        buf_fini(&bytes);
    }
}

/* What a client would take for placeholders of attachments that are not there. */
static void test_placeholders(void **state)
{
    (void)state;
    static const struct {
        const char *arg; /* beside one attachment */
        enum wire_verdict verdict;
    } cases[] = {
        {"{\"_placeholder\":true}", WIRE_MALFORMED},
        {"{\"_placeholder\":true,\"num\":0}", WIRE_TAKE},
        {"{\"_placeholder\":true,\"num\":0.5}", WIRE_TAKE},
        {"{\"_placeholder\":true,\"num\":1}", WIRE_MALFORMED},
        {"{\"_placeholder\":true,\"num\":-1}", WIRE_MALFORMED},
        {"{\"_placeholder\":true,\"num\":1e999}", WIRE_MALFORMED},
        {"{\"_placeholder\":true,\"num\":\"0\"}", WIRE_MALFORMED},
        {"{\"_placeholder\":1,\"num\":7}", WIRE_TAKE},
        {"[[{\"a\":{\"_placeholder\":true}}]]", WIRE_MALFORMED},
    };
    for (size_t i = 0; i < 2 * TEST_COUNT(cases); i++) {
        bool attached = i < TEST_COUNT(cases);
        struct confab_value *arg;
        struct message *message;
        struct buf bytes;
        buf_init(&bytes, 1000);
        const char *text = cases[i % TEST_COUNT(cases)].arg;
        assert_int_equal(value_parse_json(text, strlen(text), NULL, &arg), CONFAB_OK);
        struct confab_value *data = confab_list(confab_string("x"), arg, NULL);
        if (attached)
            confab_push(data, confab_binary("b", 1));
        struct confab_value *packet =
            confab_set(confab_set(confab_object(), "type", confab_int(2)), "data", data);
        struct confab_value *array = confab_list(confab_null(), packet, confab_object(), NULL);
        assert_int_equal(value_write_msgpack(array, &bytes), CONFAB_OK);
        assert_int_equal(wire_read_broadcast(bytes.data, bytes.len, "/", "abcdef", &message),
                         attached ? cases[i].verdict : WIRE_TAKE);
        if (message != NULL)
            message_release(message);
        confab_value_release(array);
        buf_fini(&bytes);
    }
}

/* The own uid is seen whatever way it is written, and only as a string. */
static void test_own(void **state)
{
    (void)state;
    struct message *message;
    assert_int_equal(wire_read_broadcast(BYTES("\x93\xa6"
                                               "abcdefgarbage"),
                                         "/", "abcdef", &message),
                     WIRE_OWN);
    assert_int_equal(wire_read_broadcast(BYTES("\xdc\x00\x03\xd9\x06"
                                               "abcdef\x80\x80"),
                                         "/", "abcdef", &message),
                     WIRE_OWN);
    assert_int_equal(wire_read_broadcast(BYTES("\x93\xc4\x06"
                                               "abcdef\xc0\x80"),
                                         "/", "abcdef", &message),
                     WIRE_IGNORE);
    assert_int_equal(wire_read_broadcast(NULL, 0, "/", "abcdef", &message), WIRE_MALFORMED);
}

/* What a client may send must not be lost on other nodes: as deep, and as many values, as may be.
 */
static void test_as_large_as_clients_send(void **state)
{
    (void)state;
    static const char *const shapes[] = {"deep", "wide"};
    for (size_t i = 0; i < TEST_COUNT(shapes); i++) {
        bool deep = strcmp(shapes[i], "deep") == 0;
        struct confab_value *args = confab_list(confab_string("e"), NULL);
        struct confab_value *innermost = confab_array();
        for (int depth = 2; deep && depth < 256; depth++)
            innermost = confab_list(innermost, NULL);
        confab_push(args, innermost);
        while (!deep && confab_size(args) < 199999)
            confab_push(args, confab_null());
        struct message *message = make(0, args);
        struct message *back;
        struct buf out;
        buf_init(&out, 1000000);
        assert_int_equal(wire_write_broadcast(&out, "abcdef", message), CONFAB_OK);
        if (wire_read_broadcast(out.data, out.len, "/n", "zzzzzz", &back) != WIRE_TAKE)
            fail_msg("%s: not taken", shapes[i]);
        assert_true(confab_equal(back->args, message->args));
        message_release(back);
        message_release(message);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_written, nothing_lives),
        cmocka_unit_test_teardown(test_hole, nothing_lives),
        cmocka_unit_test_teardown(test_never_cut, nothing_lives),
        cmocka_unit_test_teardown(test_rooms, nothing_lives),
        cmocka_unit_test_teardown(test_rooms_limit, nothing_lives),
        cmocka_unit_test_teardown(test_flags, nothing_lives),
        cmocka_unit_test_teardown(test_packets, nothing_lives),
        cmocka_unit_test_teardown(test_placeholders, nothing_lives),
        cmocka_unit_test_teardown(test_own, nothing_lives),
        cmocka_unit_test_teardown(test_as_large_as_clients_send, nothing_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
