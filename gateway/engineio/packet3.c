/* Engine.IO 3 packets and polling payloads: packet3.h's codec. */
#include "gateway/engineio/packet3.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/utf8.h"
#include "gateway/engineio/packet3_text.h"
#include <confab/err.h>

#define BASE64_MARK 'b'
#define MESSAGE_DIGIT ('0' + EIO_PACKET_MESSAGE)
#define LENGTH_END 0xff /* of a binary payload's digits */
#define LENGTH_DIGITS_MAX 10

enum { PART_TEXT, PART_BYTES }; /* the first byte of a packet in a binary payload */

/* ---- one packet ---- */

int eio3_packet_decode(enum frame_kind kind, const char *bytes, size_t length_bytes,
                       struct buf *scratch, struct eio_packet *packet)
{
    if (kind == FRAME_BINARY) {
        if (length_bytes == 0 || bytes[0] != EIO_PACKET_MESSAGE)
            return CONFAB_EPARSE;
        *packet =
            (struct eio_packet){EIO_PACKET_MESSAGE, FRAME_BINARY, bytes + 1, length_bytes - 1};
        return CONFAB_OK;
    }
    if (length_bytes == 0 || bytes[0] != BASE64_MARK)
        return eio_packet_decode(kind, bytes, length_bytes, scratch, packet);
    if (length_bytes == 1 || bytes[1] != MESSAGE_DIGIT)
        return CONFAB_EPARSE;
    return eio_base64_decode(bytes + 2, length_bytes - 2, scratch, packet);
}

/* The base64 of a frame of bytes, without the mark that revision 4 has in front. */
static const char *base64_of(struct frame *frame, size_t *length_bytes)
{
    const char *marked = frame_polling(frame, length_bytes);

    (*length_bytes)--;
    return marked + 1;
}

static struct frame *with_type(const struct frame *binary)
{
    size_t length_bytes;
    const char *bytes = frame_payload(binary, &length_bytes);
    struct frame *frame = frame_new(FRAME_BINARY, 1 + length_bytes);
    char *to = frame_fill(frame);

    *to = EIO_PACKET_MESSAGE;
    if (length_bytes > 0)
        memcpy(to + 1, bytes, length_bytes);
    return frame;
}

struct frame *eio3_websocket_frame(struct frame *frame, bool base64)
{
    struct frame *made;

    if (frame_kind(frame) == FRAME_TEXT)
        return frame;
    if (base64) {
        size_t length_bytes;
        const char *text = base64_of(frame, &length_bytes);

        made = frame_text("b4", text, length_bytes);
    } else {
        made = with_type(frame);
    }
    frame_release(frame);
    return made;
}

/* ---- reading a payload ---- */

/* One packet as a payload holds it, and what stands behind it. */
struct part {
    enum frame_kind kind;
    const char *bytes;
    size_t length_bytes;
};

/* A length of at most LENGTH_DIGITS_MAX digits, each of them the byte `zero` and its value, up to
 * the byte `end`. What is read is cut off the payload. */
static int read_length(struct eio_payload *payload, unsigned char zero, unsigned char end,
                       uint64_t *length)
{
    const unsigned char *at = (const unsigned char *)payload->next;
    size_t n = 0;

    *length = 0;
    while (n < payload->left_bytes && n < LENGTH_DIGITS_MAX && at[n] >= zero && at[n] <= zero + 9)
        *length = *length * 10 + (uint64_t)(at[n++] - zero);
    if (n == 0 || n == payload->left_bytes || at[n] != end)
        return CONFAB_EPARSE;
    payload->next += n + 1;
    payload->left_bytes -= n + 1;
    return CONFAB_OK;
}

/* How many bytes make exactly so many UTF-16 units; 0: no number of them does, or no UTF-8. */
static size_t units_to_bytes(const char *text, size_t text_bytes, uint64_t units)
{
    size_t bytes = 0;

    while (units > 0 && bytes < text_bytes) {
        uint32_t cp;
        size_t n = utf8_decode(text + bytes, text_bytes - bytes, &cp);
        unsigned takes = n == 4 ? 2 : 1;

        if (n == 0 || takes > units)
            return 0;
        bytes += n;
        units -= takes;
    }
    return units == 0 ? bytes : 0;
}

static int read_text_part(struct eio_payload *payload, struct part *part)
{
    uint64_t units;

    if (read_length(payload, '0', ':', &units) != CONFAB_OK)
        return CONFAB_EPARSE;
    *part = (struct part){FRAME_TEXT, payload->next,
                          units_to_bytes(payload->next, payload->left_bytes, units)};
    return part->length_bytes > 0 ? CONFAB_OK : CONFAB_EPARSE;
}

static int read_binary_part(struct eio_payload *payload, struct part *part)
{
    uint64_t length_bytes;
    char kind;

    if (payload->left_bytes == 0)
        return CONFAB_EPARSE;
    kind = *payload->next;
    if (kind != PART_TEXT && kind != PART_BYTES)
        return CONFAB_EPARSE;
    payload->next++;
    payload->left_bytes--;
    if (read_length(payload, 0, LENGTH_END, &length_bytes) != CONFAB_OK || length_bytes == 0 ||
        length_bytes > payload->left_bytes)
        return CONFAB_EPARSE;
    *part = (struct part){kind == PART_BYTES ? FRAME_BINARY : FRAME_TEXT, payload->next,
                          (size_t)length_bytes};
    if (part->kind == FRAME_TEXT && !utf8_valid(part->bytes, part->length_bytes))
        return CONFAB_EPARSE;
    return CONFAB_OK;
}

int eio3_payload_next(struct eio_payload *payload, enum frame_kind kind, struct buf *scratch,
                      struct eio_packet *packet)
{
    struct part part;
    int err;

    if (payload->next == NULL)
        return 0;
    err = kind == FRAME_BINARY ? read_binary_part(payload, &part) : read_text_part(payload, &part);
    if (err == CONFAB_OK)
        err = eio3_packet_decode(part.kind, part.bytes, part.length_bytes, scratch, packet);
    if (err != CONFAB_OK) {
        payload->next = NULL;
        return err;
    }
    payload->left_bytes -= part.length_bytes;
    payload->next = payload->left_bytes > 0 ? part.bytes + part.length_bytes : NULL;
    return 1;
}

/* ---- writing one ---- */

static int add_base64(struct buf *payload, struct frame *frame)
{
    size_t length_bytes;
    const char *text = base64_of(frame, &length_bytes);

    buf_put_uint(payload, 2 + length_bytes);
    buf_puts(payload, ":b4");
    return buf_append(payload, text, length_bytes);
}

int eio3_payload_add_text(struct buf *payload, struct frame *frame)
{
    size_t length_bytes, head_bytes, json_bytes;
    const char *text;

    if (frame_kind(frame) == FRAME_BINARY)
        return add_base64(payload, frame);
    text = frame_payload(frame, &length_bytes);
    head_bytes = frame_json_at(frame);
    json_bytes = length_bytes - head_bytes;
    buf_put_uint(payload, utf8_utf16_len(text, head_bytes) +
                              eio3_ascii_json_bytes(text + head_bytes, json_bytes));
    buf_put_u8(payload, ':');
    buf_append(payload, text, head_bytes);
    return eio3_put_ascii_json(payload, text + head_bytes, json_bytes);
}

int eio3_payload_add_binary(struct buf *payload, const struct frame *frame)
{
    bool is_text = frame_kind(frame) == FRAME_TEXT;
    char digits[24];
    size_t length_bytes;
    const char *bytes = frame_payload(frame, &length_bytes);
    int i, count = snprintf(digits, sizeof(digits), "%zu", length_bytes + (is_text ? 0 : 1));

    buf_put_u8(payload, is_text ? PART_TEXT : PART_BYTES);
    for (i = 0; i < count; i++)
        buf_put_u8(payload, (uint8_t)(digits[i] - '0'));
    buf_put_u8(payload, LENGTH_END);
    if (!is_text)
        buf_put_u8(payload, EIO_PACKET_MESSAGE);
    return buf_append(payload, bytes, length_bytes);
}
