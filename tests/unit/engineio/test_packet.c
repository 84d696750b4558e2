/* Packets, payloads, query strings: every case also cut off at every byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/live.h"
#include "common/mem.h"
#include "gateway/engineio/packet.h"
#include "tests/unit/test.h"
#include <confab/err.h>

#define LIMIT_BYTES 4096

/* ---- one packet ---- */

static const struct {
    const char *name;
    enum frame_kind kind;
    const char *input;
    int err;
    enum eio_packet_type type;
    enum frame_kind data_kind;
    const char *data;
} packets[] = {
    {"open", FRAME_TEXT, "0{}", 0, EIO_PACKET_OPEN, FRAME_TEXT, "{}"},
    {"close", FRAME_TEXT, "1", 0, EIO_PACKET_CLOSE, FRAME_TEXT, ""},
    {"probe", FRAME_TEXT, "2probe", 0, EIO_PACKET_PING, FRAME_TEXT, "probe"},
    {"pong", FRAME_TEXT, "3", 0, EIO_PACKET_PONG, FRAME_TEXT, ""},
    {"message", FRAME_TEXT, "4h\xc3\xa9", 0, EIO_PACKET_MESSAGE, FRAME_TEXT, "h\xc3\xa9"},
    {"upgrade", FRAME_TEXT, "5", 0, EIO_PACKET_UPGRADE, FRAME_TEXT, ""},
    {"noop", FRAME_TEXT, "6x", 0, EIO_PACKET_NOOP, FRAME_TEXT, "x"},
    {"seven", FRAME_TEXT, "7", CONFAB_EPARSE, 0, 0, NULL},
    {"slash", FRAME_TEXT, "/", CONFAB_EPARSE, 0, 0, NULL},
    {"empty", FRAME_TEXT, "", CONFAB_EPARSE, 0, 0, NULL},
    {"letter", FRAME_TEXT, "abc", CONFAB_EPARSE, 0, 0, NULL},
    {"high byte", FRAME_TEXT, "\xff", CONFAB_EPARSE, 0, 0, NULL},
    {"base64", FRAME_TEXT, "bAQID", 0, EIO_PACKET_MESSAGE, FRAME_BINARY, "\1\2\3"},
    {"base64 of nothing", FRAME_TEXT, "b", 0, EIO_PACKET_MESSAGE, FRAME_BINARY, ""},
    {"base64 of junk", FRAME_TEXT, "b!!!", 0, EIO_PACKET_MESSAGE, FRAME_BINARY, ""},
    {"binary", FRAME_BINARY, "4a", 0, EIO_PACKET_MESSAGE, FRAME_BINARY, "4a"},
    {"binary nothing", FRAME_BINARY, "", 0, EIO_PACKET_MESSAGE, FRAME_BINARY, ""},
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
        int err = eio_packet_decode(packets[i].kind, exact, length, &scratch, &packet);

        if (err != packets[i].err)
            fail_msg("%s: %d", packets[i].name, err);
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

/* Writing what was read gives the same bytes, except that base64 becomes binary. */
static void test_packets_there_and_back(void **state)
{
    struct eio_packet packet;
    struct buf scratch;
    size_t i, length_bytes;

    (void)state;
    buf_init(&scratch, LIMIT_BYTES);
    for (i = 0; i < TEST_COUNT(packets); i++) {
        const char *input = packets[i].input, *written;
        struct frame *frame;

        if (eio_packet_decode(packets[i].kind, input, strlen(input), &scratch, &packet) < 0)
            continue;
        frame = eio_packet_encode(&packet);
        written = frame_payload(frame, &length_bytes);
        assert_int_equal(frame_kind(frame), packets[i].data_kind);
        if (packets[i].kind != packets[i].data_kind)
            input = packets[i].data;
        assert_int_equal(length_bytes, strlen(input));
        assert_memory_equal(written, input, length_bytes);
        frame_release(frame);
    }
    buf_fini(&scratch);
    assert_int_equal(live_count(LIVE_FRAME), 0);
}

static void test_scratch_limit(void **state)
{
    struct eio_packet packet;
    struct buf scratch;

    (void)state;
    buf_init(&scratch, 2);
    assert_int_equal(eio_packet_decode(FRAME_TEXT, "bAQID", 5, &scratch, &packet), CONFAB_ELIMIT);
    assert_int_equal(eio_packet_decode(FRAME_TEXT, "bAQI", 4, &scratch, &packet), CONFAB_OK);
    assert_int_equal(packet.length_bytes, 2);
    buf_fini(&scratch);
}

/* ---- payloads ---- */

/* Expected: a word per packet, `type:data`, binary as `b:hex`, an error as `!`. */
static const struct {
    const char *payload;
    const char *expected;
} payloads[] = {
    {"4hello", "4:hello"},
    {"4a\x1e"
     "4b\x1e"
     "2",
     "4:a 4:b 2:"},
    {"4hello\x1e"
     "bAQIDBA==",
     "4:hello b:01020304"},
    {"bAQID\x1e"
     "b/w==\x1e"
     "4",
     "b:010203 b:ff 4:"},
    {"6\x1e"
     "1",
     "6: 1:"},
    {"", "!"},
    {"\x1e", "!"},
    {"4a\x1e", "4:a !"},
    {"\x1e"
     "4a",
     "!"},
    {"4a\x1e\x1e"
     "4b",
     "4:a !"},
    {"4a\x1e"
     "7\x1e"
     "4b",
     "4:a !"},
    {"abc", "!"},
    {"5:40xyz", "5::40xyz"},
};

static void walk(const char *bytes, size_t length_bytes, struct buf *out)
{
    struct eio_payload payload;
    struct eio_packet packet;
    struct buf scratch;
    size_t i;
    int got;

    buf_reset(out);
    buf_init(&scratch, LIMIT_BYTES);
    eio_payload_begin(&payload, bytes, length_bytes);
    while ((got = eio_payload_next(&payload, &scratch, &packet)) > 0) {
        buf_puts(out, out->len > 0 ? " " : "");
        buf_printf(out, packet.kind == FRAME_BINARY ? "b:" : "%d:", (int)packet.type);
        for (i = 0; i < packet.length_bytes; i++)
            buf_printf(out, packet.kind == FRAME_BINARY ? "%02x" : "%c", (uint8_t)packet.data[i]);
    }
    if (got < 0)
        buf_puts(out, out->len > 0 ? " !" : "!");
    assert_int_equal(eio_payload_next(&payload, &scratch, &packet), 0);
    buf_fini(&scratch);
}

static void test_payloads(void **state)
{
    struct buf got;
    size_t i;

    (void)state;
    buf_init(&got, LIMIT_BYTES);
    for (i = 0; i < TEST_COUNT(payloads); i++) {
        walk(payloads[i].payload, strlen(payloads[i].payload), &got);
        assert_string_equal(buf_text(&got), payloads[i].expected);
    }
    buf_fini(&got);
}

/* Cut at any byte, the packets before the cut one stay what they were. */
static void test_payloads_cut(void **state)
{
    struct buf whole, part;
    size_t i, cut;

    (void)state;
    buf_init(&whole, LIMIT_BYTES);
    buf_init(&part, LIMIT_BYTES);
    for (i = 0; i < TEST_COUNT(payloads); i++) {
        const char *payload = payloads[i].payload;

        walk(payload, strlen(payload), &whole);
        for (cut = 0; cut < strlen(payload); cut++) {
            char *exact = xmemdup(payload, cut);
            const char *last;

            walk(exact, cut, &part);
            last = strrchr(buf_text(&part), ' ');
            if (last != NULL)
                assert_memory_equal(whole.data, part.data, last - buf_text(&part));
            walk(payload + cut, strlen(payload) - cut, &part);
            free(exact);
        }
    }
    buf_fini(&whole);
    buf_fini(&part);
}

static void test_payload_limit(void **state)
{
    struct frame *frame = frame_text("4", "abcd", 4);
    struct buf payload;

    (void)state;
    buf_init(&payload, 11);
    assert_int_equal(eio_payload_add(&payload, frame, true), CONFAB_OK);
    assert_int_equal(eio_payload_add(&payload, frame, false), CONFAB_OK);
    assert_string_equal(buf_text(&payload), "4abcd\x1e"
                                            "4abcd");
    assert_int_equal(eio_payload_add(&payload, frame, false), CONFAB_ELIMIT);
    buf_fini(&payload);
    frame_release(frame);
}

/* ---- query strings ---- */

#define POLLING EIO_QUERY_TRANSPORT_POLLING
#define WEBSOCKET EIO_QUERY_TRANSPORT_WEBSOCKET
#define UNKNOWN EIO_QUERY_TRANSPORT_UNKNOWN
#define SID "abc.AAAAAAAAAAAAAAAAAAAAAA"
#define LONG_SID "abcdefgh.AAAAAAAAAAAAAAAAAAAAAA"

static const struct {
    const char *query;
    struct eio_query expected;
} queries[] = {
    {"", {.transport = UNKNOWN}},
    {"&&&", {.transport = UNKNOWN}},
    {"EIO=4&transport=polling&t=5cie", {.transport = POLLING, .is_revision_4 = true}},
    {"transport=websocket&EIO=3", {.transport = WEBSOCKET}},
    {"transport=websocket&EIO=44", {.transport = WEBSOCKET}},
    {"transport=websocket&EIO=", {.transport = WEBSOCKET}},
    {"transport=websocket&EIO", {.transport = WEBSOCKET}},
    {"transport=Polling", {.transport = UNKNOWN}},
    {"transport=webtransport&EIO=4", {.transport = UNKNOWN, .is_revision_4 = true}},
    {"transport=polling&transport=x", {.transport = UNKNOWN}},
    {"transport=x&transport=polling", {.transport = POLLING}},
    {"transpor%74=pol%6Cing&%45IO=%34", {.transport = POLLING, .is_revision_4 = true}},
    {"transport=polling+", {.transport = UNKNOWN}},
    {"transport=polling%00", {.transport = UNKNOWN}},
    {"transport=pollingpollingpollingpollingpollingpolling", {.transport = UNKNOWN}},
    {"sid=" SID, {.has_sid = true, .sid = SID}},
    {"sid=" LONG_SID, {.has_sid = true, .sid = LONG_SID}},
    {"sid=" LONG_SID "A", {.has_sid = true}},
    {"sid=" LONG_SID LONG_SID LONG_SID, {.has_sid = true}},
    {"sid=", {.has_sid = false}},
    {"sid", {.has_sid = false}},
    {"sid=a&sid=", {.has_sid = false}},
    {"sid=a%00b", {.has_sid = true}},
    {"sid=a%2", {.has_sid = true}},
    {"sid=a%zz", {.has_sid = true}},
    {"sid=%61%2E%62", {.has_sid = true, .sid = "a.b"}},
    {"sid=__proto__", {.has_sid = true, .sid = "__proto__"}},
    {"sid=a b", {.has_sid = true}},
    {"b64=1", {.b64 = true}},
    {"b64=0", {.b64 = true}},
    {"b64=", {.b64 = false}},
    {"b64", {.b64 = false}},
    {"=4&=&EIO=4=&foo=%", {.transport = UNKNOWN}},
};

static void test_queries(void **state)
{
    struct eio_query query;
    size_t i, cut;

    (void)state;
    for (i = 0; i < TEST_COUNT(queries); i++) {
        const struct eio_query *expected = &queries[i].expected;
        size_t length = strlen(queries[i].query);

        for (cut = 0; cut <= length; cut++) {
            char *exact = xmemdup0(queries[i].query, cut);

            eio_query_parse(exact, &query);
            free(exact);
        }
        if (query.transport != expected->transport ||
            query.is_revision_4 != expected->is_revision_4 || query.has_sid != expected->has_sid ||
            query.b64 != expected->b64 || strcmp(query.sid, expected->sid) != 0)
            fail_msg("%s is read differently", queries[i].query);
    }
}

static void test_query_pairs(void **state)
{
    const char *query = "&a=1&&b&=c&d==e&";
    struct eio_query_pair pair;
    struct buf got;

    (void)state;
    buf_init(&got, LIMIT_BYTES);
    while (eio_query_next(&query, &pair))
        buf_printf(&got, "[%.*s|%.*s]", (int)pair.key_bytes, pair.key, (int)pair.value_bytes,
                   pair.value);
    assert_string_equal(buf_text(&got), "[a|1][b|][|c][d|=e]");
    assert_false(eio_query_next(&query, &pair));
    buf_fini(&got);
}

static void test_query_decode(void **state)
{
    char out[8] = "-------";

    (void)state;
    assert_int_equal(eio_query_decode("a%2Bb+c", 7, out, 7), 5);
    assert_memory_equal(out, "a+b c--", 7);
    assert_int_equal(eio_query_decode("%c3%A9%", 7, out, 7), 3);
    assert_memory_equal(out, "\xc3\xa9%", 3);
    assert_int_equal(eio_query_decode("%4", 2, out, 7), 2);
    assert_memory_equal(out, "%4", 2);
    memset(out, '-', 7);
    assert_int_equal(eio_query_decode("abcdef", 6, out, 3), 6);
    assert_memory_equal(out, "abc----", 7);
    assert_int_equal(eio_query_decode("", 0, NULL, 0), 0);
}

/* ---- the open packet ---- */

static void test_open_packet(void **state)
{
    struct eio_open_packet open = {SID, true, 25000, 20000, 1000000};
    struct frame *frame = eio_open_packet_encode(&open);
    size_t length_bytes;

    (void)state;
    assert_string_equal(frame_payload(frame, &length_bytes),
                        "0{\"sid\":\"" SID "\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,"
                        "\"pingTimeout\":20000,\"maxPayload\":1000000}");
    frame_release(frame);

    open = (struct eio_open_packet){LONG_SID, false, INT64_MAX, INT64_MAX, SIZE_MAX};
    frame = eio_open_packet_encode(&open);
    assert_string_equal(frame_payload(frame, &length_bytes),
                        "0{\"sid\":\"" LONG_SID "\",\"upgrades\":[],"
                        "\"pingInterval\":9223372036854775807,"
                        "\"pingTimeout\":9223372036854775807,"
                        "\"maxPayload\":18446744073709551615}");
    frame_release(frame);
    assert_int_equal(live_total(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets),       cmocka_unit_test(test_packets_there_and_back),
        cmocka_unit_test(test_scratch_limit), cmocka_unit_test(test_payloads),
        cmocka_unit_test(test_payloads_cut),  cmocka_unit_test(test_payload_limit),
        cmocka_unit_test(test_queries),       cmocka_unit_test(test_query_pairs),
        cmocka_unit_test(test_query_decode),  cmocka_unit_test(test_open_packet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
