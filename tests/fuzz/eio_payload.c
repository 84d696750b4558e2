/* A polling payload: its packets, written as a payload, are the same packets; and written once
 * more, the same bytes. */
#include "common/buf.h"
#include "gateway/engineio/packet.h"
#include "tests/fuzz/fuzz.h"

#define LIMIT_BYTES (1 << 20)

/* Returns how many packets were copied; negative: the payload is broken. */
static int copy(const char *bytes, size_t length_bytes, struct buf *out)
{
    struct eio_payload payload;
    struct eio_packet packet;
    struct buf scratch;
    int count = 0;
    int got;
    buf_init(&scratch, LIMIT_BYTES);
    eio_payload_begin(&payload, bytes, length_bytes);
    while ((got = eio_payload_next(&payload, &scratch, &packet)) == 1) {
        struct frame *frame = eio_packet_encode(&packet);
        FUZZ_CHECK(eio_payload_add(out, frame, count++ == 0) == 0);
        frame_release(frame);
    }
    FUZZ_CHECK(eio_payload_next(&payload, &scratch, &packet) <= 0); /* over is over */
    buf_fini(&scratch);
    return got < 0 ? got : count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    struct buf once, twice;
    if (length_bytes > LIMIT_BYTES / 4)
        return 0;
    buf_init(&once, LIMIT_BYTES);
    buf_init(&twice, LIMIT_BYTES);
    int count = copy((const char *)bytes, length_bytes, &once);
    if (count >= 0) {
        FUZZ_CHECK(count > 0); /* an empty payload is a broken one */
        FUZZ_CHECK(copy(buf_text(&once), once.len, &twice) == count);
        FUZZ_CHECK(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    }
    buf_fini(&once);
    buf_fini(&twice);
    fuzz_check_nothing_left();
    return 0;
}
