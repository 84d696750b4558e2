/* Engine.IO packets and polling payloads: packet.h's codec. The query string is in packet_query.c.
 */
#include "gateway/engineio/packet.h"

#include <inttypes.h>
#include <string.h>

#include "common/base64.h"
#include "common/buf.h"
#include <confab/err.h>

#define SEPARATOR 0x1e
#define BASE64_MARK 'b'
#define OPEN_PACKET_MAX_BYTES \
    256 /* 71 of keys, at most 31 of sid, 12 of upgrades, 3 numbers of 20 */

int eio_base64_decode(const char *text, size_t length_bytes, struct buf *scratch,
                      struct eio_packet *packet)
{
    size_t most = base64_decoded_max(length_bytes);
    uint8_t *out;

    buf_reset(scratch);
    out = buf_extend(scratch, most);
    if (out == NULL)
        return buf_error(scratch);
    buf_truncate(scratch, base64_decode_lenient(out, text, length_bytes));
    *packet =
        (struct eio_packet){EIO_PACKET_MESSAGE, FRAME_BINARY, buf_text(scratch), scratch->len};
    return CONFAB_OK;
}

int eio_packet_decode(enum frame_kind kind, const char *bytes, size_t length_bytes,
                      struct buf *scratch, struct eio_packet *packet)
{
    if (kind == FRAME_BINARY) {
        *packet = (struct eio_packet){EIO_PACKET_MESSAGE, FRAME_BINARY,
                                      length_bytes == 0 ? "" : bytes, length_bytes};
        return CONFAB_OK;
    }
    if (length_bytes == 0)
        return CONFAB_EPARSE;
    if (bytes[0] == BASE64_MARK)
        return eio_base64_decode(bytes + 1, length_bytes - 1, scratch, packet);
    if (bytes[0] < '0' || bytes[0] > '0' + EIO_PACKET_NOOP)
        return CONFAB_EPARSE;
    *packet = (struct eio_packet){(enum eio_packet_type)(bytes[0] - '0'), FRAME_TEXT, bytes + 1,
                                  length_bytes - 1};
    return CONFAB_OK;
}

struct frame *eio_packet_encode(const struct eio_packet *packet)
{
    char type[2] = {(char)('0' + packet->type), '\0'};

    if (packet->kind == FRAME_BINARY)
        return frame_binary(packet->data, packet->length_bytes);
    return frame_text(type, packet->data, packet->length_bytes);
}

void eio_payload_begin(struct eio_payload *payload, const char *bytes, size_t length_bytes)
{
    /* An empty payload may come as a null pointer, which would read as a walk that is over. */
    *payload = (struct eio_payload){length_bytes == 0 ? "" : bytes, length_bytes};
}

int eio_payload_next(struct eio_payload *payload, struct buf *scratch, struct eio_packet *packet)
{
    const char *start = payload->next, *end;
    size_t length_bytes = payload->left_bytes;
    int err;

    if (start == NULL)
        return 0;
    end = memchr(start, SEPARATOR, length_bytes);
    if (end != NULL) {
        length_bytes = (size_t)(end - start);
        payload->next = end + 1;
        payload->left_bytes -= length_bytes + 1;
    } else {
        payload->next = NULL;
    }
    err = eio_packet_decode(FRAME_TEXT, start, length_bytes, scratch, packet);
    if (err == CONFAB_OK)
        return 1;
    payload->next = NULL;
    return err;
}

int eio_payload_add(struct buf *payload, struct frame *frame, bool first)
{
    size_t length_bytes;
    const char *bytes = frame_polling(frame, &length_bytes);

    if (!first)
        buf_put_u8(payload, SEPARATOR);
    return buf_append(payload, bytes, length_bytes);
}

struct frame *eio_open_packet_encode(const struct eio_open_packet *open)
{
    struct frame *frame;
    struct buf text;

    buf_init(&text, OPEN_PACKET_MAX_BYTES);
    buf_printf(&text,
               "{\"sid\":\"%s\",\"upgrades\":%s,\"pingInterval\":%" PRId64
               ",\"pingTimeout\":%" PRId64 ",\"maxPayload\":%zu}",
               open->sid, open->offers_websocket ? "[\"websocket\"]" : "[]", open->ping_interval_ms,
               open->ping_timeout_ms, open->max_payload_bytes);
    frame = frame_text("0", buf_text(&text), text.len);
    buf_fini(&text);
    return frame;
}
