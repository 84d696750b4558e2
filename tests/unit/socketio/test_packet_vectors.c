/* Socket.IO packets as Node's parser wrote and read them, malformed ones too. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/live.h"
#include "common/value.h"
#include "gateway/socketio/packet.h"
#include "tests/unit/socketio/packet_rows.h"
#include "tests/unit/vectors.h"
#include <confab/err.h>

#define PACKET_MAX_BYTES (4u << 20)

/* ---- writing ---- */

static bool frame_is(const struct frame *frame, const struct confab_value *expected)
{
    size_t length;
    const char *bytes = frame_payload(frame, &length);
    size_t text_bytes;
    const char *text = confab_as_string(confab_get(expected, "text"), &text_bytes);
    if (text != NULL)
        return frame_kind(frame) == FRAME_TEXT && length == text_bytes &&
               memcmp(bytes, text, length) == 0;
    size_t wanted_bytes;
    uint8_t *wanted = vector_bytes(vector_text(expected, "bin"), &wanted_bytes);
    bool same = frame_kind(frame) == FRAME_BINARY && length == wanted_bytes &&
                memcmp(bytes, wanted, length) == 0;
    free(wanted);
    return same;
}

static bool frames_are(const struct frame_set *set, const struct confab_value *expected)
{
    if (set == NULL || set->count != confab_size(expected))
        return false;
    for (unsigned i = 0; i < set->count; i++) {
        if (!frame_is(set->frames[i], confab_at(expected, i)))
            return false;
    }
    return true;
}

static bool writes(const struct confab_value *row)
{
    struct buf scratch;
    struct sio_packet packet = packet_row_packet(row);
    buf_init(&scratch, PACKET_MAX_BYTES);
    struct frame_set *set = sio_encode(&packet, NULL, &scratch);
    bool met = frames_are(set, confab_get(row, "eio_websocket"));
    if (set != NULL)
        frame_set_release(set);
    buf_fini(&scratch);
    confab_value_release(packet.data);
    return met;
}

static void test_writing(void **state)
{
    (void)state;
    assert_int_equal(packet_rows_judge("sio-packet-write", "sio-json", NULL, writes), 46);
}

/* ---- reading ---- */

struct outcome {
    struct confab_value *packets; /* as objects, like the recorded ones */
    int failed_frame;             /* -1: none */
    bool pending;
};

static void note(struct outcome *outcome, const struct sio_packet *packet)
{
    struct confab_value *object = confab_object();
    confab_set(object, "type", confab_int(packet->type));
    confab_set(object, "nsp", confab_string_n(packet->nsp, packet->nsp_bytes));
    if (packet->has_id)
        confab_set(object, "id", confab_double(packet->id));
    if (packet->data != NULL)
        confab_set(object, "data", packet->data);
    confab_push(outcome->packets, object);
}

static struct outcome read_frames(const struct confab_value *frames)
{
    struct outcome outcome = {confab_array(), -1, false};
    struct sio_decoder decoder;
    sio_decoder_init(&decoder);
    for (size_t i = 0; outcome.failed_frame < 0 && i < confab_size(frames); i++) {
        struct sio_packet packet;
        int status =
            packet_row_feed(sio_decode, &decoder, confab_at(frames, i), PACKET_MAX_BYTES, &packet);
        outcome.pending = status == CONFAB_EPARTIAL;
        if (status == CONFAB_OK)
            note(&outcome, &packet);
        else if (status != CONFAB_EPARTIAL)
            outcome.failed_frame = (int)i;
    }
    sio_decoder_fini(&decoder);
    return outcome;
}

/* Attachments that come to no data leave none, which Node shows as a key without a value. */
static struct confab_value *recorded_packets(const struct confab_value *decoded)
{
    struct confab_value *packets = confab_array();
    const struct confab_value *recorded = confab_get(decoded, "packets");
    for (size_t i = 0; i < confab_size(recorded); i++) {
        const struct confab_value *tagged = confab_at(recorded, i);
        struct confab_value *object = confab_object();
        for (size_t k = 0; k < confab_size(tagged); k++) {
            const struct confab_value *item;
            const char *key = confab_entry(tagged, k, NULL, &item);
            struct confab_value *value = vector_value(item);
            if (confab_is(value, CONFAB_UNDEFINED))
                confab_value_release(value);
            else
                confab_set(object, key, value);
        }
        confab_push(packets, object);
    }
    return packets;
}

static bool reads(const struct confab_value *row)
{
    const struct confab_value *decoded = confab_get(row, "decoded");
    const struct confab_value *error = confab_get(decoded, "error");
    struct confab_value *expected = recorded_packets(decoded);
    struct outcome outcome = read_frames(confab_get(row, "frames"));
    bool met = confab_equal(outcome.packets, expected) &&
               outcome.failed_frame == (int)confab_as_int(confab_get(error, "frame"), -1);
    /* A broken packet ends the session here, so what Node still keeps then does not matter. */
    if (outcome.failed_frame < 0)
        met = met && outcome.pending == confab_as_bool(confab_get(decoded, "pending"), false);
    confab_value_release(outcome.packets);
    confab_value_release(expected);
    return met;
}

static void test_reading(void **state)
{
    (void)state;
    assert_int_equal(packet_rows_judge("sio-packet-read", "sio-json", "sio-json-decode", reads),
                     150);
}

/* A whole conversation: what came is read, and what the server wrote is written again. */
static void test_live(void **state)
{
    (void)state;
    struct vectors *vectors = packet_rows_open();
    struct sio_decoder decoder;
    struct buf scratch;
    const struct confab_value *row;
    unsigned rows = 0;
    buf_init(&scratch, PACKET_MAX_BYTES);
    sio_decoder_init(&decoder);
    while ((row = vectors_next(vectors)) != NULL) {
        struct sio_packet packet;
        if (!packet_row_is(row, "live-json"))
            continue;
        rows++;
        int status = packet_row_feed(sio_decode, &decoder, row, PACKET_MAX_BYTES, &packet);
        if (status == CONFAB_EPARTIAL)
            continue;
        assert_int_equal(status, CONFAB_OK);
        struct frame_set *set = sio_encode(&packet, NULL, &scratch);
        size_t length;
        const char *text = frame_payload(set->frames[0], &length);
        assert_int_equal(text[0], '4');
        if (set->count == 1) {
            assert_int_equal(length - 1, strlen(vector_text(row, "text")));
            assert_memory_equal(text + 1, vector_text(row, "text"), length - 1);
        }
        frame_set_release(set);
        confab_value_release(packet.data);
    }
    sio_decoder_fini(&decoder);
    buf_fini(&scratch);
    vectors_close(vectors);
    assert_int_equal(rows, 28);
}

static int nothing_lives(void **state)
{
    (void)state;
    live_report(stderr);
    return live_total() == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_writing, nothing_lives),
        cmocka_unit_test_teardown(test_reading, nothing_lives),
        cmocka_unit_test_teardown(test_live, nothing_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
