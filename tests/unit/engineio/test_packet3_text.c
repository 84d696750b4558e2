/* Text beyond ASCII between two generations of revision 3: what is written so that both read it,
 * and what is read of either. */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/frame.h"
#include "common/mem.h"
#include "gateway/engineio/packet3.h"
#include "gateway/engineio/packet3_text.h"
#include "tests/unit/test.h"
#include <confab/err.h>

#define LIMIT_BYTES 4096

#define E_ACUTE "\xc3\xa9"
#define E_TWICE "\xc3\x83\xc2\xa9" /* the bytes of U+00E9 as characters, in UTF-8 */
#define EURO "\xe2\x82\xac"
#define FACE "\xf0\x9f\x98\x80"

/* ---- out ---- */

static const struct {
    const char *json;
    const char *ascii;
} written[] = {
    {"", ""},
    {"[\"a\\n\x7f\"]", "[\"a\\n\x7f\"]"},
    {"\xc2\x80", "\\u0080"},
    {"\xdf\xbf", "\\u07ff"},
    {"\xe0\xa0\x80", "\\u0800"},
    {"\xed\x9f\xbf\xee\x80\x80", "\\ud7ff\\ue000"},
    {"\xef\xbf\xbf", "\\uffff"},
    {"\xf0\x90\x80\x80", "\\ud800\\udc00"},
    {"\xf4\x8f\xbf\xbf", "\\udbff\\udfff"},
    {"[\"h" E_ACUTE EURO FACE "\\\\\xe2\x80\xa8\"]",
     "[\"h\\u00e9\\u20ac\\ud83d\\ude00\\\\\\u2028\"]"},
    {E_ACUTE "a" E_ACUTE, "\\u00e9a\\u00e9"},
    {"a\xff\xc3", "a\\ufffd\\ufffd"}, /* no UTF-8 */
    {"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"},
    {"\xc3", "\\ufffd"},
};

static void test_written(void **state)
{
    struct buf out;
    size_t i;

    (void)state;
    buf_init(&out, LIMIT_BYTES);
    for (i = 0; i < TEST_COUNT(written); i++) {
        size_t length = strlen(written[i].json);
        char *exact = xmemdup(written[i].json, length);

        buf_reset(&out);
        assert_int_equal(eio3_put_ascii_json(&out, exact, length), CONFAB_OK);
        assert_string_equal(buf_text(&out), written[i].ascii);
        assert_int_equal(eio3_ascii_json_bytes(exact, length), out.len);
        free(exact);
    }
    buf_fini(&out);
}

static void test_limits(void **state)
{
    struct buf out;
    size_t i;

    (void)state;
    for (i = 0; i < 2 * 6; i++) {
        buf_init(&out, i);
        assert_int_equal(eio3_put_ascii_json(&out, FACE, 4), CONFAB_ELIMIT);
        buf_fini(&out);
    }
    buf_init(&out, i);
    assert_int_equal(eio3_put_ascii_json(&out, FACE, 4), CONFAB_OK);
    buf_fini(&out);
}

/* The JSON of a packet only, in a text payload only, and nothing of it in the frame itself. */
static void test_payloads(void **state)
{
    static const char text[] = "42/" E_ACUTE ",[\"" FACE "\"]";
    static const char binary[] = "\0\1\4\xff"
                                 "42/" E_ACUTE ",[\"" FACE "\"]";
    struct frame *frame = frame_text(NULL, text, sizeof(text) - 1);
    struct buf out;
    size_t length_bytes;

    (void)state;
    buf_init(&out, LIMIT_BYTES);
    assert_int_equal(frame_json_at(frame), sizeof(text) - 1);
    eio3_payload_add_text(&out, frame);
    assert_string_equal(buf_text(&out), "11:42/" E_ACUTE ",[\"" FACE "\"]");

    frame_set_json(frame, 6);
    buf_reset(&out);
    eio3_payload_add_text(&out, frame);
    assert_string_equal(buf_text(&out), "21:42/" E_ACUTE ",[\"\\ud83d\\ude00\"]");

    buf_reset(&out);
    eio3_payload_add_binary(&out, frame);
    assert_int_equal(out.len, sizeof(binary) - 1);
    assert_memory_equal(out.data, binary, sizeof(binary) - 1);

    buf_reset(&out);
    eio_payload_add(&out, frame, true);
    assert_string_equal(buf_text(&out), text);
    assert_memory_equal(frame_payload(frame, &length_bytes), text, sizeof(text));
    buf_fini(&out);
    frame_release(frame);
}

static void test_payload_limit(void **state)
{
    struct frame *frame = frame_text(NULL, EURO, 3);
    struct buf out;

    (void)state;
    frame_set_json(frame, 0);
    buf_init(&out, 7);
    assert_int_equal(eio3_payload_add_text(&out, frame), CONFAB_ELIMIT);
    buf_fini(&out);
    buf_init(&out, 8);
    assert_int_equal(eio3_payload_add_text(&out, frame), CONFAB_OK);
    assert_string_equal(buf_text(&out), "6:\\u20ac");
    buf_fini(&out);
    frame_release(frame);
}

/* ---- in ---- */

/* Payloads that engine.io-parser 1.3.2 wrote, and the packets it was given. */
static const struct {
    const char *payload;
    const char *packet;
} recorded[] = {
    {"6:4plain", "4plain"},
    {"2:4\x7f", "4\x7f"},
    {"3:4\xc3\x82\xc2\x80", "4\xc2\x80"},
    {"4:4h\xc3\x83\xc2\xa9", "4h\xc3\xa9"},
    {"3:4\xc3\x83\xc2\xbf", "4\xc3\xbf"},
    {"3:4\xc3\x84\xc2\x80", "4\xc4\x80"},
    {"3:4\xc3\x9f\xc2\xbf", "4\xdf\xbf"},
    {"4:4\xc3\xa0\xc2\xa0\xc2\x80", "4\xe0\xa0\x80"},
    {"4:4\xc3\xa2\xc2\x82\xc2\xac", "4\xe2\x82\xac"},
    {"4:4\xc3\xad\xc2\x9f\xc2\xbf", "4\xed\x9f\xbf"},
    {"4:4\xc3\xae\xc2\x80\xc2\x80", "4\xee\x80\x80"},
    {"4:4\xc3\xaf\xc2\xbf\xc2\xbf", "4\xef\xbf\xbf"},
    {"5:4\xc3\xb0\xc2\x90\xc2\x80\xc2\x80", "4\xf0\x90\x80\x80"},
    {"5:4\xc3\xb0\xc2\x9f\xc2\x98\xc2\x80", "4\xf0\x9f\x98\x80"},
    {"5:4\xc3\xb4\xc2\x8f\xc2\xbf\xc2\xbf", "4\xf4\x8f\xbf\xbf"},
    {"12:42[\"\xc3\xa6\xc2\x97\xc2\xa5\xc3\xa6\xc2\x9c\xc2\xac\"]",
     "42[\"\xe6\x97\xa5\xe6\x9c\xac\"]"},
    {"5:4\xc3\x83\xc2\x83\xc3\x82\xc2\xa9", "4\xc3\x83\xc2\xa9"},
    {"4:4\xc3\xa2\xc2\x80\xc2\xa8", "4\xe2\x80\xa8"},
    {"4:4\xc3\xad\xc2\xa0\xc2\x80", "4\xef\xbf\xbd"},
    {"4:4\xc3\xad\xc2\xbf\xc2\xbf", "4\xef\xbf\xbd"},
    {"5:4\xc3\xad\xc2\xa0\xc2\xbd!", "4\xef\xbf\xbd!"},
    {"7:4\xc3\xad\xc2\xb8\xc2\x80\xc3\xad\xc2\xa0\xc2\xbd", "4\xef\xbf\xbd\xef\xbf\xbd"},
};

static void test_recorded(void **state)
{
    struct eio_payload payload;
    struct eio_packet packet;
    struct buf scratch;
    size_t i;

    (void)state;
    for (i = 0; i < TEST_COUNT(recorded); i++) {
        enum eio3_encoding encoding = EIO3_ENCODING_UNKNOWN;
        size_t length = strlen(recorded[i].payload);
        char *exact = xmemdup(recorded[i].payload, length);

        buf_init(&scratch, length);
        eio_payload_begin(&payload, exact, length);
        assert_int_equal(eio3_payload_next(&payload, FRAME_TEXT, &scratch, &packet), 1);
        assert_int_equal(eio3_read_text(&encoding, &packet.data, &packet.length_bytes, &scratch),
                         CONFAB_OK);
        assert_int_equal(packet.length_bytes, strlen(recorded[i].packet) - 1);
        assert_memory_equal(packet.data, recorded[i].packet + 1, packet.length_bytes);
        assert_int_equal(encoding, strcmp(recorded[i].payload + 2, recorded[i].packet) == 0
                                       ? EIO3_ENCODING_UNKNOWN
                                       : EIO3_ENCODING_TWICE);
        buf_fini(&scratch);
        free(exact);
    }
}

static const struct {
    enum eio3_encoding before;
    const char *text;
    enum eio3_encoding after;
    const char *means;
} read_texts[] = {
#define U EIO3_ENCODING_UNKNOWN
#define O EIO3_ENCODING_ONCE
#define T EIO3_ENCODING_TWICE
    {U, "", U, ""},
    {U, "a\x7f", U, "a\x7f"},
    {O, "a", O, "a"},
    {T, "a", T, "a"},
    /* above U+00FF */
    {U, "\xc4\x80", O, "\xc4\x80"},
    {U, EURO, O, EURO},
    {U, FACE, O, FACE},
    {U, "\xc3\xbf" EURO, O, "\xc3\xbf" EURO},
    {U, E_TWICE EURO, O, E_TWICE EURO},
    /* no UTF-8 as bytes: cut off, without a beginning, overlong, too far, a pair */
    {U, "h" E_ACUTE, O, "h" E_ACUTE},
    {U, E_ACUTE "h", O, E_ACUTE "h"},
    {U, "\xc2\x80", O, "\xc2\x80"},
    {U, "\xc3\xbf", O, "\xc3\xbf"},
    {U, "\xc3\x80\xc2\x80", O, "\xc3\x80\xc2\x80"},
    {U, "\xc3\xa0\xc2\x80\xc2\x80", O, "\xc3\xa0\xc2\x80\xc2\x80"},
    {U, "\xc3\xa2\xc2\x82", O, "\xc3\xa2\xc2\x82"},
    {U, "\xc3\xb4\xc2\x90\xc2\x80\xc2\x80", O, "\xc3\xb4\xc2\x90\xc2\x80\xc2\x80"},
    {U, "\xc3\xad\xc2\xa0", O, "\xc3\xad\xc2\xa0"},
    {U, "\xc3\xad\xc2\xa0x", O, "\xc3\xad\xc2\xa0x"},
    {U, E_TWICE E_ACUTE, O, E_TWICE E_ACUTE},
    /* UTF-8 as bytes */
    {U, E_TWICE, T, E_ACUTE},
    {U, "x" E_TWICE "y", T, "x" E_ACUTE "y"},
    {U, "\xc3\x82\xc2\x80", T, "\xc2\x80"},
    {U, "\xc3\xad\xc2\x9f\xc2\xbf", T, "\xed\x9f\xbf"},
    {U, "\xc3\xad\xc2\xa0\xc2\x80\xc3\xad\xc2\xa0\xc2\x80", T, "\xef\xbf\xbd\xef\xbf\xbd"},
    {U, "\xc3\x83\xc2\x83\xc3\x82\xc2\xa9", T, E_TWICE}, /* and no third time */
    {T, E_TWICE, T, E_ACUTE},
    /* proof of once, before and after a wrong guess */
    {O, E_TWICE, O, E_TWICE},
    {O, EURO, O, EURO},
    {T, E_ACUTE, O, E_ACUTE},
    {T, EURO, O, EURO},
#undef U
#undef O
#undef T
};

static void test_read(void **state)
{
    struct buf scratch;
    size_t i;

    (void)state;
    for (i = 0; i < TEST_COUNT(read_texts); i++) {
        enum eio3_encoding encoding = read_texts[i].before;
        size_t length = strlen(read_texts[i].text);
        char *exact = xmemdup(read_texts[i].text, length);
        const char *text = exact;

        buf_init(&scratch, length);
        assert_int_equal(eio3_read_text(&encoding, &text, &length, &scratch), CONFAB_OK);
        if (encoding != read_texts[i].after || length != strlen(read_texts[i].means) ||
            memcmp(text, read_texts[i].means, length) != 0)
            fail_msg("%zu: %d %.*s", i, (int)encoding, (int)length, text);
        buf_fini(&scratch);
        free(exact);
    }
}

static void test_read_limit(void **state)
{
    enum eio3_encoding encoding = EIO3_ENCODING_UNKNOWN;
    const char *text = E_TWICE;
    size_t length = strlen(text);
    struct buf scratch;

    (void)state;
    buf_init(&scratch, length - 1);
    assert_int_equal(eio3_read_text(&encoding, &text, &length, &scratch), CONFAB_ELIMIT);
    buf_fini(&scratch);
    assert_string_equal(text, E_TWICE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written),    cmocka_unit_test(test_limits),
        cmocka_unit_test(test_payloads),   cmocka_unit_test(test_payload_limit),
        cmocka_unit_test(test_recorded),   cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
