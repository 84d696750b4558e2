/* A polling payload of revision 3, in both of its forms: its packets, written as a payload of
 * either form, are the same packets; and written once more, the same bytes. */
#include "common/buf.h"
#include "gateway/engineio/packet3.h"
#include "tests/fuzz/fuzz.h"

#define LIMIT_BYTES (1 << 20)

static void add(struct buf *out, enum frame_kind form, const struct eio_packet *packet)
{
    struct frame *frame = eio_packet_encode(packet);
    FUZZ_CHECK((form == FRAME_BINARY ? eio3_payload_add_binary(out, frame)
                                     : eio3_payload_add_text(out, frame)) == 0);
    frame_release(frame);
}

/* Returns how many packets were copied; negative: the payload is broken. */
static int copy(enum frame_kind from, const char *bytes, size_t length_bytes, enum frame_kind to,
                struct buf *out)
{
    struct eio_payload payload;
    struct eio_packet packet;
    struct buf scratch;
    int count = 0;
    int got;
    buf_init(&scratch, LIMIT_BYTES);
    eio_payload_begin(&payload, bytes, length_bytes);
    while ((got = eio3_payload_next(&payload, from, &scratch, &packet)) == 1) {
        add(out, to, &packet);
        count++;
    }
    FUZZ_CHECK(eio3_payload_next(&payload, from, &scratch, &packet) <= 0); /* over is over */
    buf_fini(&scratch);
    return got < 0 ? got : count;
}

static void check(enum frame_kind from, enum frame_kind to, const char *bytes, size_t length_bytes)
{
    struct buf once, twice;
    buf_init(&once, LIMIT_BYTES);
    buf_init(&twice, LIMIT_BYTES);
    int count = copy(from, bytes, length_bytes, to, &once);
    if (count >= 0) {
        FUZZ_CHECK(count > 0); /* an empty payload is a broken one */
        FUZZ_CHECK(copy(to, buf_text(&once), once.len, to, &twice) == count);
        FUZZ_CHECK(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    }
    buf_fini(&once);
    buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    if (length_bytes > LIMIT_BYTES / 8)
        return 0;
    for (int i = 0; i < 4; i++)
        check(i & 1 ? FRAME_BINARY : FRAME_TEXT, i & 2 ? FRAME_BINARY : FRAME_TEXT,
              (const char *)bytes, length_bytes);
    fuzz_check_nothing_left();
    return 0;
}
