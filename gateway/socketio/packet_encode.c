/* Packets to frames. The JSON is written first, because only then the number of attachments that
 * stands before it is known. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/value.h"
#include "gateway/socketio/packet.h"
#include <confab/err.h>

#define SAFE_INTEGER 9007199254740992.0 /* 2^53 */
#define FRAMES_AT_HAND 12

static void write_number(double number, struct buf *out)
{
    if (number >= 0 && number < SAFE_INTEGER && number == floor(number)) {
        buf_put_uint(out, (uint64_t)number);
        return;
    }
    struct confab_value *value = confab_double(number);
    value_write_json(value, out, NULL);
    confab_value_release(value);
}

/* Most names are letters, which JSON leaves as they are. */
static void write_name(const char *name, struct buf *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                " _-.:/";
    if (name[strspn(name, plain)] == '\0') {
        buf_put_u8(out, '"');
        buf_puts(out, name);
        buf_put_u8(out, '"');
        return;
    }
    struct confab_value *value = confab_string(name);
    value_write_json(value, out, NULL);
    confab_value_release(value);
}

static void write_data(const struct sio_packet *packet, const char *event, struct buf *out,
                       struct confab_value *attachments)
{
    if (event == NULL) {
        if (packet->data != NULL)
            value_write_json(packet->data, out, attachments);
        return;
    }
    buf_put_u8(out, '[');
    write_name(event, out);
    for (size_t i = 0; i < confab_size(packet->data); i++) {
        buf_put_u8(out, ',');
        value_write_json(confab_at(packet->data, i), out, attachments);
    }
    buf_put_u8(out, ']');
}

static void write_head(const struct sio_packet *packet, size_t attachments, struct buf *out)
{
    char type[] = {'4', (char)('0' + packet->type + (attachments > 0 ? 3 : 0))};
    buf_append(out, type, sizeof(type));
    if (attachments > 0) {
        buf_put_uint(out, attachments);
        buf_put_u8(out, '-');
    }
    if (packet->nsp_bytes > 1) {
        buf_append(out, packet->nsp, packet->nsp_bytes);
        buf_put_u8(out, ',');
    }
    if (packet->has_id)
        write_number(packet->id, out);
}

/* `scratch` holds the JSON, then the head. */
static struct frame *text_frame(const struct buf *scratch, size_t json_bytes)
{
    size_t head_bytes = scratch->len - json_bytes;
    struct frame *frame = frame_new(FRAME_TEXT, scratch->len);
    char *to = frame_fill(frame);
    memcpy(to, scratch->data + json_bytes, head_bytes);
    if (json_bytes > 0)
        memcpy(to + head_bytes, scratch->data, json_bytes);
    frame_set_json(frame, head_bytes);
    return frame;
}

static struct frame_set *whole_set(struct frame *text, const struct confab_value *attachments)
{
    struct frame *at_hand[FRAMES_AT_HAND];
    unsigned count = 1 + (unsigned)confab_size(attachments);
    struct frame **frames = at_hand;
    if (count > FRAMES_AT_HAND)
        frames = xmalloc(count * sizeof(*frames));
    frames[0] = text;
    for (unsigned i = 1; i < count; i++) {
        size_t length;
        const void *bytes = confab_as_binary(confab_at(attachments, i - 1), &length);
        frames[i] = frame_binary(bytes, length);
    }
    struct frame_set *set = frame_set_new(frames, count);
    if (frames != at_hand)
        free(frames);
    return set;
}

struct frame_set *sio_encode(const struct sio_packet *packet, const char *event,
                             struct buf *scratch)
{
    struct confab_value *attachments = NULL;
    struct frame_set *set = NULL;
    if (confab_has_binary(packet->data) && (packet->type == SIO_EVENT || packet->type == SIO_ACK))
        attachments = confab_array();
    buf_reset(scratch);
    write_data(packet, event, scratch, attachments);
    size_t json_bytes = scratch->len;
    write_head(packet, confab_size(attachments), scratch);
    if (buf_error(scratch) == CONFAB_OK)
        set = whole_set(text_frame(scratch, json_bytes), attachments);
    confab_value_release(attachments);
    return set;
}
