/* Revision 3 on the wire: packets, both forms of payload, lengths that are wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/live.h"
#include "common/mem.h"
#include "gateway/engineio/packet3.h"
#include "tests/unit/test.h"
#include <confab/err.h>

#define LIMIT_BYTES 4096

/* A word per packet, `type:data`, bytes as `b:hex`; an error as `!`. */
static void walk(enum frame_kind kind, const char *bytes, size_t length_bytes, struct buf *out)
{
    char *exact = xmemdup(bytes, length_bytes);
    struct eio_payload payload;
    struct eio_packet packet;
    struct buf scratch;
    size_t i;
    int got;

    buf_reset(out);
    buf_init(&scratch, LIMIT_BYTES);
    eio_payload_begin(&payload, exact, length_bytes);
    while ((got = eio3_payload_next(&payload, kind, &scratch, &packet)) > 0) {
        buf_puts(out, out->len > 0 ? " " : "");
        buf_printf(out, packet.kind == FRAME_BINARY ? "b:" : "%d:", (int)packet.type);
        for (i = 0; i < packet.length_bytes; i++)
            buf_printf(out, packet.kind == FRAME_BINARY ? "%02x" : "%c", (uint8_t)packet.data[i]);
    }
    if (got < 0)
        buf_puts(out, out->len > 0 ? " !" : "!");
    assert_int_equal(eio3_payload_next(&payload, kind, &scratch, &packet), 0);
    buf_fini(&scratch);
    free(exact);
}

/* ---- one packet ---- */

static const struct {
    enum frame_kind kind;
    const char *input;
    int err;
    enum eio_packet_type type;
    enum frame_kind data_kind;
    const char *data;
} packets[] = {
    {FRAME_TEXT, "2probe", 0, EIO_PACKET_PING, FRAME_TEXT, "probe"},
    {FRAME_TEXT, "4h\xc3\xa9", 0, EIO_PACKET_MESSAGE, FRAME_TEXT, "h\xc3\xa9"},
    {FRAME_TEXT, "b4AQID", 0, EIO_PACKET_MESSAGE, FRAME_BINARY, "\1\2\3"},
    {FRAME_TEXT, "b4", 0, EIO_PACKET_MESSAGE, FRAME_BINARY, ""},
    {FRAME_TEXT, "b", CONFAB_EPARSE, 0, 0, NULL},
    {FRAME_TEXT, "bAQID", CONFAB_EPARSE, 0, 0, NULL},
    {FRAME_TEXT, "b2AQID", CONFAB_EPARSE, 0, 0, NULL},
    {FRAME_TEXT, "7", CONFAB_EPARSE, 0, 0, NULL},
    {FRAME_TEXT, "", CONFAB_EPARSE, 0, 0, NULL},
    {FRAME_BINARY, "\4\1\2\3", 0, EIO_PACKET_MESSAGE, FRAME_BINARY, "\1\2\3"},
    {FRAME_BINARY, "\4", 0, EIO_PACKET_MESSAGE, FRAME_BINARY, ""},
    {FRAME_BINARY, "4a", CONFAB_EPARSE, 0, 0, NULL},
    {FRAME_BINARY, "\2", CONFAB_EPARSE, 0, 0, NULL},
    {FRAME_BINARY, "", CONFAB_EPARSE, 0, 0, NULL},
};

static void test_packets(void **state)
{
    struct eio_packet packet;
    struct buf scratch;
    size_t i;

    (void)state;
    buf_init(&scratch, LIMIT_BYTES);
    for (i = 0; i < TEST_COUNT(packets); i++) {
        size_t length = strlen(packets[i].input);
        char *exact = xmemdup(packets[i].input, length);
        int err = eio3_packet_decode(packets[i].kind, exact, length, &scratch, &packet);

        if (err != packets[i].err)
            fail_msg("%s: %d", packets[i].input, err);
        if (err == CONFAB_OK) {
            assert_int_equal(packet.type, packets[i].type);
            assert_int_equal(packet.kind, packets[i].data_kind);
            assert_int_equal(packet.length_bytes, strlen(packets[i].data));
            assert_memory_equal(packet.data, packets[i].data, packet.length_bytes);
        }
        free(exact);
    }
    buf_fini(&scratch);
}

static void check_frame(struct frame *frame, bool base64, enum frame_kind kind,
                        const char *expected)
{
    size_t length_bytes;
    const char *bytes;

    frame = eio3_websocket_frame(frame, base64);
    bytes = frame_payload(frame, &length_bytes);
    assert_int_equal(frame_kind(frame), kind);
    assert_int_equal(length_bytes, strlen(expected));
    assert_memory_equal(bytes, expected, length_bytes);
    frame_release(frame);
}

static void test_websocket_frames(void **state)
{
    (void)state;
    check_frame(frame_text("4", "a", 1), false, FRAME_TEXT, "4a");
    check_frame(frame_text("4", "a", 1), true, FRAME_TEXT, "4a");
    check_frame(frame_binary("\1\2\3", 3), false, FRAME_BINARY, "\4\1\2\3");
    check_frame(frame_binary("\1\2\3", 3), true, FRAME_TEXT, "b4AQID");
    check_frame(frame_binary("", 0), false, FRAME_BINARY, "\4");
    check_frame(frame_binary("", 0), true, FRAME_TEXT, "b4");
    assert_int_equal(live_count(LIVE_FRAME), 0);
}

/* ---- text payloads ---- */

#define FACE "\xf0\x9f\x98\x80" /* two UTF-16 units */
#define EURO "\xe2\x82\xac"     /* one */

static const struct {
    const char *payload;
    const char *expected;
} texts[] = {
    {"6:4hello", "4:hello"},
    {"2:4a1:22:4b", "4:a 2: 4:b"},
    {"10:b4AQID/w==6:4hello", "b:010203ff 4:hello"},
    {"2:b4", "b:"},
    {"8:4h\xc3\xa9" EURO FACE "ab", "4:h\xc3\xa9" EURO FACE "ab"},
    {"3:4" FACE "1:2", "4:" FACE " 2:"},
    {"5:4" FACE FACE "1:6", "4:" FACE FACE " 6:"},
    {"0000000002:4a", "4:a"},
    {"7:41:24:x", "4:1:24:x"}, /* what looks like another packet */
    {"", "!"},
    {":", "!"},
    {"4hello", "!"},
    {"1", "!"},
    {"0:", "!"},
    {"2:4a0:", "4:a !"},
    {"2:4a3", "4:a !"},
    {"2:4a:", "4:a !"},
    {"2:4ax", "4:a !"},
    {"2:4", "!"},                        /* more than there is */
    {"2:4a2:4", "4:a !"},                /* … behind a good one */
    {"2:4" FACE, "!"},                   /* ends inside a character */
    {"2:4" EURO "\xff", "4:" EURO " !"}, /* rubbish behind */
    {"2:4\xff", "!"},
    {"2:4\xe2\x82", "!"},
    {"-1:4a", "!"},
    {"+2:4a", "!"},
    {" 2:4a", "!"},
    {"2 :4a", "!"},
    {"2.0:4a", "!"},
    {"1e1:4a", "!"},
    {"0x2:4a", "!"},
    {"00000000002:4a", "!"},
    {"9999999999:4a", "!"},
    {"18446744073709551617:4a", "!"},
    {"2:7a", "!"},
    {"4:bAQI", "!"},
};

static void test_texts(void **state)
{
    struct buf got;
    size_t i;

    (void)state;
    buf_init(&got, LIMIT_BYTES);
    for (i = 0; i < TEST_COUNT(texts); i++) {
        walk(FRAME_TEXT, texts[i].payload, strlen(texts[i].payload), &got);
        if (strcmp(buf_text(&got), texts[i].expected) != 0)
            fail_msg("%s: %s", texts[i].payload, buf_text(&got));
    }
    buf_fini(&got);
}

/* ---- binary payloads ---- */

#define BYTES(text) text, sizeof(text) - 1

static const struct {
    const char *payload;
    size_t length_bytes;
    const char *expected;
} binaries[] = {
    {BYTES("\0\2\xff"
           "40"),
     "4:0"},
    {BYTES("\1\4\xff\4\1\2\3"), "b:010203"},
    {BYTES("\1\1\xff\4"), "b:"},
    {BYTES("\0\2\xff"
           "40\1\3\xff\4\1\2\0\1\xff"
           "2"),
     "4:0 b:0102 2:"},
    {BYTES("\0\1\2\xff"
           "4hello world"),
     "4:hello world"},
    {BYTES("\0\5\xff"
           "4" FACE),
     "4:" FACE}, /* here the length is in bytes */
    {BYTES("\0\6\xff"
           "b4AQID"),
     "b:010203"},
    {BYTES(""), "!"},
    {BYTES("\0"), "!"},
    {BYTES("\0\xff"), "!"},
    {BYTES("\0\0\xff"), "!"},
    {BYTES("\1\0\xff"), "!"},
    {BYTES("\0\2"), "!"},
    {BYTES("\0\2\xff"
           "4"),
     "!"},
    {BYTES("\2\2\xff"
           "40"),
     "!"},
    {BYTES("0\2\xff"
           "40"),
     "!"},
    {BYTES("\0002\xff"
           "40"),
     "!"}, /* the digit as a character */
    {BYTES("\0\xa\xff"
           "4012345678"),
     "!"}, /* no digit */
    {BYTES("\1\2\xff\2x"), "!"},
    {BYTES("\0\2\xff"
           "4\xff"),
     "!"},
    {BYTES("\0\2\xff"
           "40x"),
     "4:0 !"},
    {BYTES("\1\0\0\0\0\0\0\0\0\0\1\xff\4"), "b:"},
    {BYTES("\1\0\0\0\0\0\0\0\0\0\0\1\xff\4"), "!"},
    {BYTES("\1\11\11\11\11\11\11\11\11\11\11\xff\4"), "!"},
};

static void test_binaries(void **state)
{
    struct buf got;
    size_t i;

    (void)state;
    buf_init(&got, LIMIT_BYTES);
    for (i = 0; i < TEST_COUNT(binaries); i++) {
        walk(FRAME_BINARY, binaries[i].payload, binaries[i].length_bytes, &got);
        if (strcmp(buf_text(&got), binaries[i].expected) != 0)
            fail_msg("%zu: %s", i, buf_text(&got));
    }
    buf_fini(&got);
}

/* ---- cut, and begun in the middle ---- */

static void check_cuts(enum frame_kind kind, const char *payload, size_t length_bytes)
{
    struct buf whole, part;
    size_t cut;

    buf_init(&whole, LIMIT_BYTES);
    buf_init(&part, LIMIT_BYTES);
    walk(kind, payload, length_bytes, &whole);
    for (cut = 0; cut < length_bytes; cut++) {
        const char *last;

        walk(kind, payload, cut, &part);
        last = strrchr(buf_text(&part), ' ');
        if (last != NULL)
            assert_memory_equal(whole.data, part.data, last - buf_text(&part));
        walk(kind, payload + cut, length_bytes - cut, &part);
    }
    buf_fini(&whole);
    buf_fini(&part);
}

static void test_cuts(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < TEST_COUNT(texts); i++)
        check_cuts(FRAME_TEXT, texts[i].payload, strlen(texts[i].payload));
    for (i = 0; i < TEST_COUNT(binaries); i++)
        check_cuts(FRAME_BINARY, binaries[i].payload, binaries[i].length_bytes);
}

/* ---- writing ---- */

static void test_written(void **state)
{
    static const char binary[] = "\0\1\0\xff"
                                 "4" EURO EURO EURO "\1\4\xff\4\1\2\3";
    struct frame *text = frame_text("4", EURO EURO EURO, 9);
    struct frame *face = frame_text("4", FACE, 4);
    struct frame *bytes = frame_binary("\1\2\3", 3);
    struct buf payload;

    (void)state;
    buf_init(&payload, LIMIT_BYTES);
    eio3_payload_add_text(&payload, text);
    eio3_payload_add_text(&payload, bytes);
    eio3_payload_add_text(&payload, face);
    assert_string_equal(buf_text(&payload), "4:4" EURO EURO EURO "6:b4AQID3:4" FACE);

    buf_reset(&payload);
    eio3_payload_add_binary(&payload, text);
    eio3_payload_add_binary(&payload, bytes);
    assert_int_equal(payload.len, sizeof(binary) - 1);
    assert_memory_equal(payload.data, binary, payload.len);
    buf_fini(&payload);

    buf_init(&payload, 4);
    assert_int_equal(eio3_payload_add_text(&payload, bytes), CONFAB_ELIMIT);
    buf_reset(&payload);
    assert_int_equal(eio3_payload_add_binary(&payload, bytes), CONFAB_ELIMIT);
    buf_fini(&payload);
    frame_release(text);
    frame_release(face);
    frame_release(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets), cmocka_unit_test(test_websocket_frames),
        cmocka_unit_test(test_texts),   cmocka_unit_test(test_binaries),
        cmocka_unit_test(test_cuts),    cmocka_unit_test(test_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
