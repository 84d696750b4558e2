/* The names of channels, made and taken apart. */
#include <string.h>

#include "broker/wire.h"
#include "common/buf.h"

static int append(struct buf *out, const char *key, const char *infix, const char *nsp,
                  const struct text *last)
{
    buf_puts(out, key);
    buf_puts(out, infix);
    buf_puts(out, nsp);
    buf_put_u8(out, '#');
    if (last != NULL) {
        buf_append(out, last->bytes, last->length);
        buf_put_u8(out, '#');
    }
    return buf_error(out);
}

int wire_channel_broadcast(struct buf *out, const char *key, const char *nsp,
                           const struct text *room)
{
    return append(out, key, "#", nsp, room);
}

int wire_channel_of(struct buf *out, const char *key, const struct message *message)
{
    const struct text *room = message->room_count == 1 ? &message->rooms[0] : NULL;
    return append(out, key, "#", message->nsp.bytes, room);
}

int wire_channel_request(struct buf *out, const char *key, const char *nsp)
{
    return append(out, key, "-request#", nsp, NULL);
}

int wire_channel_response(struct buf *out, const char *key, const char *nsp, const struct text *uid)
{
    return append(out, key, "-response#", nsp, uid);
}

static void append_escaped(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("*?[]\\", *text) != NULL)
            buf_put_u8(out, '\\');
        buf_put_u8(out, (uint8_t)*text);
    }
}

int wire_pattern_broadcast(struct buf *out, const char *key, const char *nsp,
                           const char *room_prefix)
{
    append_escaped(out, key);
    buf_put_u8(out, '#');
    append_escaped(out, nsp);
    buf_put_u8(out, '#');
    append_escaped(out, room_prefix);
    return buf_put_u8(out, '*');
}

/* Steps over `word` at the front of the text. */
static bool skip(struct text *text, const char *word)
{
    size_t length = strlen(word);
    if (text->length < length || memcmp(text->bytes, word, length) != 0)
        return false;
    text->bytes += length;
    text->length -= length;
    return true;
}

static enum wire_channel_kind skip_kind(struct text *text)
{
    if (skip(text, "#"))
        return WIRE_CHANNEL_BROADCAST;
    if (skip(text, "-request#"))
        return WIRE_CHANNEL_REQUEST;
    if (skip(text, "-response#"))
        return WIRE_CHANNEL_RESPONSE;
    return WIRE_CHANNEL_OTHER;
}

bool wire_channel_parse(const char *channel, size_t channel_bytes, const char *key, const char *nsp,
                        struct wire_channel *out)
{
    struct text rest = {channel, channel_bytes};
    *out = (struct wire_channel){.kind = WIRE_CHANNEL_OTHER};
    if (!skip(&rest, key))
        return false;
    enum wire_channel_kind kind = skip_kind(&rest);
    if (kind == WIRE_CHANNEL_OTHER || !skip(&rest, nsp) || !skip(&rest, "#"))
        return false;
    out->kind = kind;
    if (rest.length == 0)
        return true;
    rest.length--;
    if (kind == WIRE_CHANNEL_BROADCAST) {
        out->has_room = true;
        out->room = rest;
    } else if (kind == WIRE_CHANNEL_RESPONSE) {
        out->uid = rest;
    }
    return true;
}
