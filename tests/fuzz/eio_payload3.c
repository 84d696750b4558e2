/* A polling payload of revision 3, in both of its forms: its packets, written as a payload of
 * either form, are the same packets; and written once more, the same bytes. Their texts are read as
 * both generations of clients may mean them, and as JSON leave in ASCII. */
#include "common/buf.h"
#include "common/utf8.h"
#include "gateway/engineio/packet3.h"
#include "gateway/engineio/packet3_text.h"
#include "tests/fuzz/fuzz.h"

#define LIMIT_BYTES (1 << 20)

static void add(struct buf *out, enum frame_kind form, const struct eio_packet *packet)
{
    struct frame *frame = eio_packet_encode(packet);
    FUZZ_CHECK((form == FRAME_BINARY ? eio3_payload_add_binary(out, frame)
                                     : eio3_payload_add_text(out, frame)) == 0);
    frame_release(frame);
}

static void check_ascii(const char *text, size_t length_bytes)
{
    struct buf out;
    buf_init(&out, LIMIT_BYTES);
    FUZZ_CHECK(eio3_put_ascii_json(&out, text, length_bytes) == 0);
    FUZZ_CHECK(out.len == eio3_ascii_json_bytes(text, length_bytes));
    FUZZ_CHECK(out.len <= 3 * length_bytes);
    FUZZ_CHECK(utf8_count(buf_text(&out), out.len) == out.len);
    FUZZ_CHECK(utf8_valid(buf_text(&out), out.len));
    buf_fini(&out);
}

/* Whatever is known before: what comes out is no longer, valid, and of one known encoding unless it
 * is ASCII. */
static void check_text(const struct eio_packet *packet)
{
    struct buf scratch;
    buf_init(&scratch, packet->length_bytes);
    for (int before = EIO3_ENCODING_UNKNOWN; before <= EIO3_ENCODING_TWICE; before++) {
        enum eio3_encoding encoding = (enum eio3_encoding)before;
        const char *text = packet->data;
        size_t length_bytes = packet->length_bytes;
        FUZZ_CHECK(eio3_read_text(&encoding, &text, &length_bytes, &scratch) == 0);
        FUZZ_CHECK(utf8_valid(text, length_bytes) && length_bytes <= packet->length_bytes);
        FUZZ_CHECK((text == packet->data) == (length_bytes == packet->length_bytes));
        FUZZ_CHECK(text == packet->data || encoding == EIO3_ENCODING_TWICE);
        FUZZ_CHECK(before != EIO3_ENCODING_ONCE || encoding == EIO3_ENCODING_ONCE);
        FUZZ_CHECK(encoding != EIO3_ENCODING_UNKNOWN ||
                   utf8_count(text, length_bytes) == length_bytes);
    }
    buf_fini(&scratch);
    check_ascii(packet->data, packet->length_bytes);
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
        if (packet.kind == FRAME_TEXT)
            check_text(&packet);
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
