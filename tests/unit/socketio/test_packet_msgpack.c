/* Packets in msgpack, against what socket.io-msgpack-parser wrote and read. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/live.h"
#include "common/value.h"
#include "gateway/socketio/packet.h"
#include "tests/unit/socketio/packet_rows.h"
#include "tests/unit/vectors.h"
#include <confab/err.h>

#define LIMIT_BYTES (1u << 20)

static bool is_written(const struct sio_packet *packet, const char *hex)
{
    struct buf scratch;
    size_t expected_bytes, length;
    uint8_t *expected = vector_bytes(hex, &expected_bytes);
    buf_init(&scratch, LIMIT_BYTES);
    struct frame_set *set = sio_encode_msgpack(packet, NULL, &scratch);
    const char *bytes = frame_payload(set->frames[0], &length);
    bool met = set->count == 1 && frame_kind(set->frames[0]) == FRAME_BINARY &&
               length == expected_bytes && memcmp(bytes, expected, length) == 0;
    frame_set_release(set);
    free(expected);
    buf_fini(&scratch);
    return met;
}

static bool writes(const struct confab_value *row)
{
    struct sio_packet packet = packet_row_packet(row);
    bool met = is_written(&packet, vector_text(confab_at(confab_get(row, "frames"), 0), "bin"));
    confab_value_release(packet.data);
    return met;
}

static void test_writing(void **state)
{
    (void)state;
    assert_int_equal(packet_rows_judge("sio-msgpack-write", "sio-msgpack", NULL, writes), 46);
}

/* ---- reading ---- */

static bool is_read_as(const struct sio_packet *packet, const struct confab_value *tagged)
{
    const struct confab_value *id = confab_get(tagged, "id");
    size_t nsp_bytes;
    const char *nsp = confab_as_string(confab_get(tagged, "nsp"), &nsp_bytes);
    struct confab_value *data = confab_get(tagged, "data") != NULL
                                    ? vector_value(confab_get(tagged, "data"))
                                    : confab_undefined();
    bool is_absent = confab_is(data, CONFAB_UNDEFINED);
    bool met = packet->type == (enum sio_type)confab_as_int(confab_get(tagged, "type"), -1) &&
               packet->nsp_bytes == nsp_bytes && memcmp(packet->nsp, nsp, nsp_bytes) == 0 &&
               packet->has_id == (id != NULL) && packet->id == confab_as_double(id, 0) &&
               (is_absent ? packet->data == NULL : confab_equal(packet->data, data));
    confab_value_release(data);
    return met;
}

static bool reads(const struct confab_value *row)
{
    const struct confab_value *decoded = confab_get(row, "decoded");
    const struct confab_value *recorded = confab_at(confab_get(decoded, "packets"), 0);
    struct sio_packet packet = {.data = NULL};
    struct sio_decoder decoder;
    sio_decoder_init(&decoder);
    int status = packet_row_feed(sio_decode_msgpack, &decoder,
                                 confab_at(confab_get(row, "frames"), 0), LIMIT_BYTES, &packet);
    bool met = recorded == NULL ? status == CONFAB_EPARSE
                                : status == CONFAB_OK && is_read_as(&packet, recorded);
    confab_value_release(packet.data);
    sio_decoder_fini(&decoder);
    return met;
}

static void test_reading(void **state)
{
    (void)state;
    assert_int_equal(
        packet_rows_judge("sio-msgpack-read", "sio-msgpack", "sio-msgpack-decode", reads), 75);
}

/* A whole conversation: each packet is read, and reads the same once written. */
static void test_live(void **state)
{
    (void)state;
    struct vectors *vectors = packet_rows_open();
    struct sio_decoder decoder;
    struct buf scratch;
    const struct confab_value *row;
    unsigned rows = 0;
    buf_init(&scratch, LIMIT_BYTES);
    sio_decoder_init(&decoder);
    while ((row = vectors_next(vectors)) != NULL) {
        struct sio_packet packet, again;
        size_t length;
        if (!packet_row_is(row, "live-msgpack"))
            continue;
        rows++;
        assert_int_equal(packet_row_feed(sio_decode_msgpack, &decoder, row, LIMIT_BYTES, &packet),
                         CONFAB_OK);
        struct frame_set *set = sio_encode_msgpack(&packet, NULL, &scratch);
        enum sio_type type = packet.type;
        const char *bytes = frame_payload(set->frames[0], &length);
        assert_int_equal(
            sio_decode_msgpack(&decoder, FRAME_BINARY, bytes, length, LIMIT_BYTES, &again),
            CONFAB_OK);
        assert_int_equal(again.type, type);
        assert_int_equal(again.has_id, packet.has_id);
        assert_true(packet.data == NULL ? again.data == NULL
                                        : confab_equal(packet.data, again.data));
        frame_set_release(set);
        confab_value_release(packet.data);
        confab_value_release(again.data);
    }
    sio_decoder_fini(&decoder);
    buf_fini(&scratch);
    vectors_close(vectors);
    assert_int_equal(rows, 25);
}

/* ---- limits ---- */

static int decode(const void *bytes, size_t length, size_t limit_bytes)
{
    struct sio_decoder decoder;
    struct sio_packet packet;
    sio_decoder_init(&decoder);
    int status = sio_decode_msgpack(&decoder, FRAME_BINARY, bytes, length, limit_bytes, &packet);
    confab_value_release(status == CONFAB_OK ? packet.data : NULL);
    sio_decoder_fini(&decoder);
    return status;
}

static void test_limits(void **state)
{
    static const char event[] = "\x83\xa4type\x02\xa3nsp\xa1/\xa4"
                                "data\x91\xa1x";
    (void)state;
    size_t length = sizeof(event) - 1;
    assert_int_equal(decode(event, length, length), CONFAB_OK);
    assert_int_equal(decode(event, length, length - 1), CONFAB_ELIMIT);
    char long_name[600] = "\x82\xa4type\x00\xa3nsp\xda\x02\x02";
    size_t head = 14;
    memcpy(long_name, "\x82\xa4type\x00\xa3nsp\xda\x02\x01/", head + 1);
    memset(long_name + head, '/', 513);
    assert_int_equal(decode(long_name, head + 513, LIMIT_BYTES), CONFAB_ELIMIT);
    long_name[head - 1] = 0;
    assert_int_equal(decode(long_name, head + 512, LIMIT_BYTES), CONFAB_OK);
    /* Lengths that are not there. */
    assert_int_equal(decode("\xdf\xff\xff\xff\xff", 5, LIMIT_BYTES), CONFAB_EPARSE);
    char deep[1024];
    memset(deep, '\x91', sizeof(deep));
    assert_int_not_equal(decode(deep, sizeof(deep), LIMIT_BYTES), CONFAB_OK);
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
        cmocka_unit_test_teardown(test_limits, nothing_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
