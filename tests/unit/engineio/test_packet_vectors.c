/* The Engine.IO rows of the recorded vectors: what Node's parser wrote and read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "gateway/engineio/packet.h"
#include "tests/unit/test.h"
#include "tests/unit/vectors.h"
#include <confab/err.h>

#define LIMIT_BYTES (1u << 20)

static const char *const type_names[] = {"open",    "close",   "ping", "pong",
                                         "message", "upgrade", "noop"};

/* ---- what was read, as a row shows it ---- */

static struct confab_value *shown(const struct eio_packet *packet)
{
    struct confab_value *value = confab_object();

    confab_set(value, "type", confab_string(type_names[packet->type]));
    if (packet->kind == FRAME_BINARY)
        confab_set(value, "data", confab_binary(packet->data, packet->length_bytes));
    else if (packet->length_bytes > 0)
        confab_set(value, "data", confab_string_n(packet->data, packet->length_bytes));
    return value;
}

static struct confab_value *shown_error(void)
{
    struct confab_value *value = confab_object();

    confab_set(value, "type", confab_string("error"));
    confab_set(value, "data", confab_string("parser error"));
    return value;
}

static struct confab_value *decode_payload(const char *bytes, size_t length_bytes)
{
    struct confab_value *list = confab_array();
    struct eio_payload payload;
    struct eio_packet packet;
    struct buf scratch;
    int got;

    buf_init(&scratch, LIMIT_BYTES);
    eio_payload_begin(&payload, bytes, length_bytes);
    while ((got = eio_payload_next(&payload, &scratch, &packet)) > 0)
        confab_push(list, shown(&packet));
    if (got < 0)
        confab_push(list, shown_error());
    assert_int_equal(eio_payload_next(&payload, &scratch, &packet), 0);
    buf_fini(&scratch);
    return list;
}

static void check_decoded(const struct confab_value *row, const struct confab_value *mine,
                          bool is_met)
{
    struct confab_value *wanted = vector_value(confab_get(row, "decoded"));

    if (confab_equal(wanted, mine) != is_met)
        fail_msg("%s/%s is %s", vector_text(row, "kind"), vector_text(row, "case"),
                 is_met ? "read differently" : "met, and listed as not met");
    confab_value_release(wanted);
}

/* ---- writing ---- */

/* The packet that a row's encoder was given. Of typed arrays the recording shows the elements; what
 * was read back has the bytes. */
static struct frame *encode(const struct confab_value *given, const struct confab_value *read_back)
{
    struct confab_value *data = vector_value(confab_get(given, "data"));
    struct eio_packet packet = {.kind = FRAME_TEXT, .data = ""};
    const char *type = vector_text(given, "type");
    struct frame *frame;
    size_t i;

    if (confab_is(data, CONFAB_OBJECT)) {
        confab_value_release(data);
        data = vector_value(confab_get(read_back, "data"));
    }
    for (i = 0; strcmp(type_names[i], type) != 0; i++)
        assert_true(i + 1 < TEST_COUNT(type_names));
    packet.type = (enum eio_packet_type)i;
    if (confab_is(data, CONFAB_BINARY)) {
        packet.kind = FRAME_BINARY;
        packet.data = (const char *)confab_as_binary(data, &packet.length_bytes);
    } else if (confab_is(data, CONFAB_STRING)) {
        packet.data = confab_as_string(data, &packet.length_bytes);
    }
    frame = eio_packet_encode(&packet);
    confab_value_release(data);
    return frame;
}

static void check_payload_written(const struct confab_value *row)
{
    const struct confab_value *packets = confab_get(row, "packets");
    const struct confab_value *decoded = confab_get(row, "decoded");
    struct buf payload;
    size_t i;

    buf_init(&payload, LIMIT_BYTES);
    for (i = 0; i < confab_size(packets); i++) {
        struct frame *frame = encode(confab_at(packets, i), confab_at(decoded, i));

        assert_int_equal(eio_payload_add(&payload, frame, i == 0), CONFAB_OK);
        frame_release(frame);
    }
    assert_string_equal(buf_text(&payload), vector_text(row, "payload"));
    buf_fini(&payload);
}

/* ---- the kinds ---- */

static void check_payload(const struct confab_value *row)
{
    const char *text = vector_text(row, "payload");
    struct confab_value *mine = decode_payload(text, strlen(text));

    check_decoded(row, mine, true);
    confab_value_release(mine);
    if (confab_get(row, "packets") != NULL)
        check_payload_written(row);
}

static void check_frame(const struct confab_value *row, bool is_met)
{
    struct frame *frame = encode(confab_get(row, "packet"), confab_get(row, "decoded"));
    struct confab_value *wanted = vector_value(confab_get(row, "frame")), *mine;
    enum frame_kind kind = frame_kind(frame);
    struct eio_packet packet;
    struct buf scratch;
    const char *bytes;
    size_t length_bytes;

    bytes = frame_payload(frame, &length_bytes);
    mine = kind == FRAME_TEXT ? confab_string_n(bytes, length_bytes)
                              : confab_binary(bytes, length_bytes);
    if (kind == FRAME_TEXT) {
        assert_true(confab_equal(confab_get(wanted, "text"), mine));
    } else {
        size_t hex_bytes;
        uint8_t *hex = vector_bytes(vector_text(confab_get(row, "frame"), "bin"), &hex_bytes);

        assert_int_equal(hex_bytes, length_bytes);
        assert_memory_equal(hex, bytes, length_bytes);
        free(hex);
    }
    confab_value_release(mine);

    buf_init(&scratch, LIMIT_BYTES);
    assert_int_equal(eio_packet_decode(kind, bytes, length_bytes, &scratch, &packet), CONFAB_OK);
    mine = shown(&packet);
    check_decoded(row, mine, is_met);
    confab_value_release(mine);
    confab_value_release(wanted);
    buf_fini(&scratch);
    frame_release(frame);
}

static void test_rows(void **state)
{
    struct vectors *vectors = vectors_open("socketio-parser-vectors.jsonl");
    struct not_met *not_met = not_met_load("eio-packet-ws");
    unsigned payloads = 0, frames = 0, line = 0;
    const struct confab_value *row;
    char id[16];

    (void)state;
    while ((row = vectors_next(vectors)) != NULL) {
        const char *kind = vector_text(row, "kind");

        snprintf(id, sizeof(id), "%u", ++line);
        if (strcmp(kind, "eio-payload") == 0 || strcmp(kind, "eio-payload-decode") == 0) {
            check_payload(row);
            payloads++;
        } else if (strcmp(kind, "eio-packet-ws") == 0) {
            check_frame(row, !not_met_has(not_met, id));
            frames++;
        }
    }
    assert_int_equal(payloads, 30);
    assert_int_equal(frames, 22);
    not_met_finish(not_met);
    vectors_close(vectors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
