/* One Engine.IO packet: what was read is written as something that reads the same. The first byte
 * chooses text or binary. */
#include "common/buf.h"
#include "gateway/engineio/packet.h"
#include "tests/fuzz/fuzz.h"
#include <confab/err.h>

#define SCRATCH_BYTES 4096

static void check_again(const struct eio_packet *packet)
{
    struct buf scratch;
    struct eio_packet again;
    size_t length;
    struct frame *frame = eio_packet_encode(packet);
    const char *bytes = frame_payload(frame, &length);
    buf_init(&scratch, SCRATCH_BYTES);
    FUZZ_CHECK(eio_packet_decode(frame_kind(frame), bytes, length, &scratch, &again) == CONFAB_OK);
    FUZZ_CHECK(again.type == packet->type && again.kind == packet->kind);
    FUZZ_CHECK(again.length_bytes == packet->length_bytes);
    FUZZ_CHECK(memcmp(again.data, packet->data, again.length_bytes) == 0);
    buf_fini(&scratch);
    frame_release(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    struct buf scratch;
    struct eio_packet packet;
    if (length_bytes == 0)
        return 0;
    enum frame_kind kind = (bytes[0] & 1) != 0 ? FRAME_BINARY : FRAME_TEXT;
    buf_init(&scratch, SCRATCH_BYTES);
    if (eio_packet_decode(kind, (const char *)bytes + 1, length_bytes - 1, &scratch, &packet) ==
        CONFAB_OK) {
        FUZZ_CHECK(packet.data != NULL);
        FUZZ_CHECK(packet.kind == FRAME_TEXT || packet.type == EIO_PACKET_MESSAGE);
        check_again(&packet);
    }
    buf_fini(&scratch);
    fuzz_check_nothing_left();
    return 0;
}
