#include "gateway/net/ws_guard.h"

#define FIN 0x80
#define RSV 0x70
#define MASKED 0x80
#define CONTROL 0x08

/* Length of the header whose first two bytes are there. */
static unsigned header_length(const uint8_t *header)
{
    unsigned length = header[1] & 0x7f;

    return 2 + (length == 126 ? 2u : length == 127 ? 8u : 0u) + 4;
}

/* What the first two bytes tell already, so that a bad frame need not send its length and mask. */
static bool start_is_bad(const struct ws_guard *guard)
{
    unsigned opcode = guard->header[0] & 0x0f;
    bool fin = (guard->header[0] & FIN) != 0;
    unsigned reserved = guard->header[0] & RSV;

    if (guard->may_deflate && (opcode == WS_TEXT || opcode == WS_BINARY))
        reserved &= ~(unsigned)WS_RSV1;
    if (reserved != 0 || (guard->header[1] & MASKED) == 0)
        return true;
    switch (opcode) {
    case WS_CONTINUATION:
        return !guard->in_message;
    case WS_TEXT:
    case WS_BINARY:
        return guard->in_message;
    case WS_CLOSE:
    case WS_PING:
    case WS_PONG:
        return !fin || (guard->header[1] & 0x7f) > 125;
    default:
        return true;
    }
}

static uint64_t payload_length(const uint8_t *header)
{
    unsigned bytes = header_length(header) - 6;
    uint64_t length = 0;

    if (bytes == 0)
        return header[1] & 0x7f;
    for (unsigned i = 0; i < bytes; i++)
        length = length << 8 | header[2 + i];
    return length;
}

/* The whole header is there: the lengths against the limits. */
static enum ws_close_code begin_payload(struct ws_guard *guard, uint32_t max_message_bytes)
{
    bool fin = (guard->header[0] & FIN) != 0;
    uint64_t length = payload_length(guard->header);

    if (length >> 63 != 0)
        return WS_CLOSE_PROTOCOL;
    if ((guard->header[0] & CONTROL) != 0) {
        guard->frame_left = (uint32_t)length;
        return WS_CLOSE_NONE;
    }
    if (!guard->in_message) {
        guard->message_bytes = 0;
        guard->fragments = 0;
        guard->is_deflated = (guard->header[0] & WS_RSV1) != 0;
    }
    if (length > max_message_bytes - guard->message_bytes || guard->fragments == WS_FRAGMENTS_MAX)
        return WS_CLOSE_TOO_BIG;
    guard->fragments++;
    guard->frame_left = (uint32_t)length;
    guard->message_bytes += guard->frame_left;
    guard->in_message = !fin;
    return WS_CLOSE_NONE;
}

/* Collects header bytes. False when the frame is refused. */
static bool read_header(struct ws_guard *guard, const uint8_t *bytes, size_t length,
                        uint32_t max_message_bytes, size_t *at, enum ws_close_code *code)
{
    while (*at < length && !guard->in_payload) {
        guard->header[guard->header_bytes++] = bytes[(*at)++];
        if (guard->header_bytes < 2)
            continue;
        if (guard->header_bytes == 2 && start_is_bad(guard)) {
            *code = WS_CLOSE_PROTOCOL;
            return false;
        }
        if (guard->header_bytes == header_length(guard->header)) {
            *code = begin_payload(guard, max_message_bytes);
            if (*code != WS_CLOSE_NONE)
                return false;
            guard->in_payload = true;
        }
    }
    return true;
}

enum ws_step ws_guard_read(struct ws_guard *guard, const uint8_t *bytes, size_t length_bytes,
                           uint32_t max_message_bytes, size_t *consumed, enum ws_opcode *opcode,
                           enum ws_close_code *code)
{
    size_t at = 0;
    size_t n;
    bool good = read_header(guard, bytes, length_bytes, max_message_bytes, &at, code);

    *consumed = at;
    if (!good)
        return WS_STEP_BAD;
    if (!guard->in_payload)
        return WS_STEP_MORE;
    n = length_bytes - at;
    if (n > guard->frame_left)
        n = guard->frame_left;
    guard->frame_left -= (uint32_t)n;
    *consumed = at + n;
    if (guard->frame_left > 0)
        return WS_STEP_MORE;
    *opcode = (enum ws_opcode)(guard->header[0] & 0x0f);
    guard->in_payload = false;
    guard->header_bytes = 0;
    return WS_STEP_END;
}

bool ws_guard_ended_message(const struct ws_guard *guard)
{
    return (guard->header[0] & CONTROL) == 0 && (guard->header[0] & FIN) != 0 &&
           guard->message_bytes > 0;
}

bool ws_guard_is_at_start(const struct ws_guard *guard)
{
    return !guard->in_payload && guard->header_bytes == 0;
}

bool ws_guard_is_inside(const struct ws_guard *guard)
{
    return guard->in_message || guard->in_payload || guard->header_bytes > 0;
}

size_t ws_close_frame(uint8_t out[4], enum ws_close_code code)
{
    out[0] = FIN | WS_CLOSE;
    out[1] = code == WS_CLOSE_NONE ? 0 : 2;
    out[2] = (uint8_t)(code >> 8);
    out[3] = (uint8_t)code;
    return code == WS_CLOSE_NONE ? 2 : 4;
}
