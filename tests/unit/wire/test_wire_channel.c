/* Channels and patterns, made and read. */
#include "tests/unit/test.h"

#include <string.h>

#include "broker/wire.h"
#include "common/buf.h"
#include "common/value.h"
#include <confab/err.h>

static struct text text_of(const char *bytes)
{
    return (struct text){bytes, strlen(bytes)};
}

static void assert_text(struct buf *out, const char *expected)
{
    assert_string_equal(buf_text(out), expected);
    buf_reset(out);
}

static void test_made(void **state)
{
    (void)state;
    struct buf out;
    struct text room = text_of("a#b");
    struct text uid = text_of("Xy_-12");
    struct text empty = text_of("");
    buf_init(&out, 1000);
    assert_int_equal(wire_channel_broadcast(&out, "socket.io", "/", NULL), CONFAB_OK);
    assert_text(&out, "socket.io#/#");
    wire_channel_broadcast(&out, "socket.io", "/custom", &room);
    assert_text(&out, "socket.io#/custom#a#b#");
    wire_channel_broadcast(&out, "socket.io", "/", &empty);
    assert_text(&out, "socket.io#/##");
    wire_channel_request(&out, "pfx", "/");
    assert_text(&out, "pfx-request#/#");
    wire_channel_response(&out, "pfx", "/", NULL);
    assert_text(&out, "pfx-response#/#");
    wire_channel_response(&out, "pfx", "/", &uid);
    assert_text(&out, "pfx-response#/#Xy_-12#");
    wire_pattern_broadcast(&out, "socket.io", "/", "");
    assert_text(&out, "socket.io#/#*");
    wire_pattern_broadcast(&out, "k*y", "/a[b]\\", "x7q.?");
    assert_text(&out, "k\\*y#/a\\[b\\]\\\\#x7q.\\?*");
    buf_fini(&out);
    buf_init(&out, 5);
    assert_int_equal(wire_channel_request(&out, "socket.io", "/"), CONFAB_ELIMIT);
    buf_fini(&out);
}

static void test_of_message(void **state)
{
    (void)state;
    struct text rooms[] = {text_of("r"), text_of("r"), text_of("s")};
    struct buf out;
    buf_init(&out, 1000);
    for (unsigned count = 0; count <= 3; count++) {
        static const char *const expected[] = {"socket.io#/n#", "socket.io#/n#r#",
                                               "socket.io#/n#r#", "socket.io#/n#"};
        struct message *message = message_new("/n", 2, rooms, count, rooms + 2, 1, 0,
                                              confab_list(confab_string("e"), NULL));
        assert_int_equal(wire_channel_of(&out, "socket.io", message), CONFAB_OK);
        assert_text(&out, expected[count]);
        message_release(message);
    }
    buf_fini(&out);
}

static void test_read(void **state)
{
    (void)state;
    static const struct {
        const char *channel;
        const char *nsp;
        enum wire_channel_kind kind;
        const char *last; /* room or uid; NULL: none */
    } cases[] = {
        {"socket.io#/#", "/", WIRE_CHANNEL_BROADCAST, NULL},
        {"socket.io#/#room1#", "/", WIRE_CHANNEL_BROADCAST, "room1"},
        {"socket.io#/#room1", "/", WIRE_CHANNEL_BROADCAST, "room"},
        {"socket.io#/##", "/", WIRE_CHANNEL_BROADCAST, ""},
        {"socket.io#/#a#b#", "/", WIRE_CHANNEL_BROADCAST, "a#b"},
        {"socket.io#/#/custom#", "/", WIRE_CHANNEL_BROADCAST, "/custom"},
        {"socket.io#/#/custom#", "/custom", WIRE_CHANNEL_OTHER, NULL},
        {"socket.io#/custom#", "/", WIRE_CHANNEL_OTHER, NULL},
        {"socket.io#/custom#", "/custom", WIRE_CHANNEL_BROADCAST, NULL},
        {"socket.io#/a#b#c#", "/a#b", WIRE_CHANNEL_BROADCAST, "c"},
        {"socket.io-request#/#", "/", WIRE_CHANNEL_REQUEST, NULL},
        {"socket.io-response#/#", "/", WIRE_CHANNEL_RESPONSE, NULL},
        {"socket.io-response#/#Xy_-12#", "/", WIRE_CHANNEL_RESPONSE, "Xy_-12"},
        {"socket.io-other#/#", "/", WIRE_CHANNEL_OTHER, NULL},
        {"socket.io", "/", WIRE_CHANNEL_OTHER, NULL},
        {"socket.iox#/#", "/", WIRE_CHANNEL_OTHER, NULL},
        {"socket.io#/", "/", WIRE_CHANNEL_OTHER, NULL},
        {"", "/", WIRE_CHANNEL_OTHER, NULL},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct wire_channel channel;
        bool belongs = wire_channel_parse(cases[i].channel, strlen(cases[i].channel), "socket.io",
                                          cases[i].nsp, &channel);
        assert_int_equal(belongs, cases[i].kind != WIRE_CHANNEL_OTHER);
        assert_int_equal(channel.kind, cases[i].kind);
        struct text last = channel.has_room ? channel.room : channel.uid;
        assert_int_equal(channel.has_room,
                         channel.kind == WIRE_CHANNEL_BROADCAST && cases[i].last != NULL);
        assert_int_equal(last.length, cases[i].last == NULL ? 0 : strlen(cases[i].last));
        if (last.length > 0)
            assert_memory_equal(last.bytes, cases[i].last, last.length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made),
        cmocka_unit_test(test_of_message),
        cmocka_unit_test(test_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
