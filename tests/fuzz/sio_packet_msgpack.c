/* Socket.IO packets in msgpack: what was read is written as bytes that read as the same packet. */
#include "common/buf.h"
#include "common/value.h"
#include "gateway/socketio/packet.h"
#include "tests/fuzz/fuzz.h"
#include <confab/err.h>

#define PACKET_BYTES 65536
#define WRITTEN_BYTES (4 << 20)

static struct frame_set *encode(const struct sio_packet *packet)
{
    struct buf scratch;
    buf_init(&scratch, WRITTEN_BYTES);
    struct frame_set *set = sio_encode_msgpack(packet, NULL, &scratch);
    FUZZ_CHECK(set != NULL && set->count == 1);
    buf_fini(&scratch);
    return set;
}

/* `packet` and what it borrows end here. */
static void check_again(const struct frame_set *set, enum sio_type type, bool has_id)
{
    struct sio_decoder decoder;
    struct sio_packet again;
    size_t length, second_length;
    sio_decoder_init(&decoder);
    const char *bytes = frame_payload(set->frames[0], &length);
    FUZZ_CHECK(sio_decode_msgpack(&decoder, FRAME_BINARY, bytes, length, WRITTEN_BYTES, &again) ==
               CONFAB_OK);
    FUZZ_CHECK(again.type == type && again.has_id == has_id);
    struct frame_set *second = encode(&again);
    const char *second_bytes = frame_payload(second->frames[0], &second_length);
    FUZZ_CHECK(length == second_length && memcmp(bytes, second_bytes, length) == 0);
    frame_set_release(second);
    confab_value_release(again.data);
    sio_decoder_fini(&decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    struct sio_decoder decoder;
    struct sio_packet packet;
    sio_decoder_init(&decoder);
    int err = sio_decode_msgpack(&decoder, FRAME_BINARY, (const char *)bytes, length_bytes,
                                 PACKET_BYTES, &packet);
    if (err == CONFAB_OK) {
        struct frame_set *set = encode(&packet);
        check_again(set, packet.type, packet.has_id);
        frame_set_release(set);
        confab_value_release(packet.data);
    }
    sio_decoder_fini(&decoder);
    fuzz_check_nothing_left();
    return 0;
}
