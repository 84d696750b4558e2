/* Frames: header and payload in one block, made once. */
#include "common/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/live.h"
#include "common/mem.h"

/* FIN and the opcode (RFC 6455 section 5.2). */
#define WEBSOCKET_TEXT 0x81
#define WEBSOCKET_BINARY 0x82
#define WEBSOCKET_RSV1 0x40

struct deflated {
    size_t length;
    uint8_t data[]; /* header, payload */
};

struct frame {
    unsigned references;
    uint8_t kind;
    uint8_t header_bytes;
    bool is_plain;
    bool is_settled; /* whether there is a deflated form */
    size_t payload_bytes;
    char *polling; /* owned; NULL until a polling client wants the binary */
    union {
        size_t polling_bytes; /* of bytes, once there is that form */
        size_t json_at;       /* of text */
    };
    struct deflated *deflated; /* owned; NULL until somebody made it */
    uint8_t data[];            /* header, payload, a NUL */
};

static unsigned header_size(size_t payload_bytes)
{
    return payload_bytes < 126 ? 2 : payload_bytes <= UINT16_MAX ? 4 : 10;
}

static void put_header(uint8_t *header, enum frame_kind kind, size_t payload_bytes)
{
    unsigned header_bytes = header_size(payload_bytes);
    uint64_t rest = payload_bytes;

    header[0] = kind == FRAME_TEXT ? WEBSOCKET_TEXT : WEBSOCKET_BINARY;
    if (header_bytes == 2) {
        header[1] = (uint8_t)payload_bytes;
        return;
    }
    header[1] = header_bytes == 4 ? 126 : 127;
    for (unsigned i = header_bytes; i-- > 2; rest >>= 8)
        header[i] = (uint8_t)rest;
}

struct frame *frame_new(enum frame_kind kind, size_t length_bytes)
{
    unsigned header_bytes = header_size(length_bytes);
    struct frame *frame = xmalloc(sizeof *frame + header_bytes + length_bytes + 1);
    frame->references = 1;
    frame->kind = (uint8_t)kind;
    frame->header_bytes = (uint8_t)header_bytes;
    frame->payload_bytes = length_bytes;
    frame->is_plain = false;
    frame->polling = NULL;
    frame->json_at = length_bytes;
    frame->deflated = NULL;
    frame->is_settled = false;
    put_header(frame->data, kind, length_bytes);
    frame->data[header_bytes + length_bytes] = '\0';
    live_inc(LIVE_FRAME);
    return frame;
}

char *frame_fill(struct frame *frame)
{
    assert(frame->references == 1);
    return (char *)frame->data + frame->header_bytes;
}

struct frame *frame_text(const char *prefix, const char *text, size_t length_bytes)
{
    size_t prefix_bytes = prefix == NULL ? 0 : strlen(prefix);
    struct frame *frame = frame_new(FRAME_TEXT, prefix_bytes + length_bytes);
    char *payload = frame_fill(frame);
    if (prefix_bytes > 0)
        memcpy(payload, prefix, prefix_bytes);
    if (length_bytes > 0)
        memcpy(payload + prefix_bytes, text, length_bytes);
    return frame;
}

struct frame *frame_binary(const void *bytes, size_t length_bytes)
{
    struct frame *frame = frame_new(FRAME_BINARY, length_bytes);
    if (length_bytes > 0)
        memcpy(frame_fill(frame), bytes, length_bytes);
    return frame;
}

bool frame_is_plain(const struct frame *frame)
{
    return frame->is_plain;
}

void frame_set_json(struct frame *frame, size_t at)
{
    assert(frame->kind == FRAME_TEXT && frame->references == 1 && at <= frame->payload_bytes);
    frame->json_at = at;
}

size_t frame_json_at(const struct frame *frame)
{
    return frame->kind == FRAME_TEXT ? frame->json_at : frame->payload_bytes;
}

struct frame *frame_hold(struct frame *frame)
{
    frame->references++;
    return frame;
}

void frame_release(struct frame *frame)
{
    if (frame == NULL || --frame->references > 0)
        return;
    live_dec(LIVE_FRAME);
    free(frame->polling);
    free(frame->deflated);
    free(frame);
}

enum frame_kind frame_kind(const struct frame *frame)
{
    return (enum frame_kind)frame->kind;
}

const char *frame_payload(const struct frame *frame, size_t *length_bytes)
{
    *length_bytes = frame->payload_bytes;
    return (const char *)frame->data + frame->header_bytes;
}

const uint8_t *frame_websocket(const struct frame *frame, size_t *length_bytes)
{
    *length_bytes = frame->header_bytes + frame->payload_bytes;
    return frame->data;
}

bool frame_settled_deflated(const struct frame *frame)
{
    return frame->is_settled;
}

void frame_settle_deflated(struct frame *frame, const void *payload, size_t length_bytes)
{
    unsigned header_bytes = header_size(length_bytes);

    assert(!frame->is_settled);
    frame->is_settled = true;
    if (payload == NULL)
        return;
    frame->deflated = xmalloc(sizeof *frame->deflated + header_bytes + length_bytes);
    frame->deflated->length = header_bytes + length_bytes;
    put_header(frame->deflated->data, frame_kind(frame), length_bytes);
    frame->deflated->data[0] |= WEBSOCKET_RSV1;
    memcpy(frame->deflated->data + header_bytes, payload, length_bytes);
}

const uint8_t *frame_deflated(const struct frame *frame, size_t *length_bytes)
{
    *length_bytes = frame->deflated != NULL ? frame->deflated->length : 0;
    return frame->deflated != NULL ? frame->deflated->data : NULL;
}

const char *frame_polling(struct frame *frame, size_t *length_bytes)
{
    const char *payload = frame_payload(frame, length_bytes);
    if (frame->kind == FRAME_TEXT)
        return payload;
    if (frame->polling == NULL) {
        frame->polling = xmalloc(1 + base64_encoded_len(frame->payload_bytes));
        frame->polling[0] = 'b';
        frame->polling_bytes = 1 + base64_encode(frame->polling + 1, payload, frame->payload_bytes);
    }
    *length_bytes = frame->polling_bytes;
    return frame->polling;
}

size_t frame_cost_bytes(const struct frame *frame)
{
    return FRAME_OVERHEAD_BYTES + frame->header_bytes + frame->payload_bytes;
}

struct frame_set *frame_set_new(struct frame *const *frames, unsigned count)
{
    struct frame_set *set = xmalloc(sizeof *set + count * sizeof set->frames[0]);
    set->references = 1;
    set->count = count;
    if (count > 0)
        memcpy(set->frames, frames, count * sizeof set->frames[0]);
    return set;
}

void frame_set_keep_plain(struct frame_set *set)
{
    assert(set->references == 1);
    for (unsigned i = 0; i < set->count; i++)
        set->frames[i]->is_plain = true;
}

struct frame_set *frame_set_hold(struct frame_set *set)
{
    set->references++;
    return set;
}

void frame_set_release(struct frame_set *set)
{
    if (set == NULL || --set->references > 0)
        return;
    for (unsigned i = 0; i < set->count; i++)
        frame_release(set->frames[i]);
    free(set);
}
