/*
 * Messages to packets. The head of a text is read by hand, its JSON by common/value; a packet with
 * attachments waits in a small struct of its own, so that a session without any costs a pointer.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/value.h"
#include "gateway/socketio/packet.h"
#include <confab/err.h>

struct sio_pending {
    struct sio_packet packet;         /* nsp points to `nsp` below */
    struct confab_value *attachments; /* array of those that came */
    size_t missing;
    size_t bytes;
    char nsp[];
};

/* What is left of the text. */
struct cursor {
    const char *at;
    size_t left;
};

void sio_decoder_init(struct sio_decoder *decoder)
{
    decoder->pending = NULL;
    decoder->map = NULL;
    decoder->takes_queries = false;
    decoder->has_too_many = false;
    decoder->max_attachments = SIO_ATTACHMENTS_USUAL;
}

static void drop_pending(struct sio_decoder *decoder)
{
    struct sio_pending *pending = decoder->pending;
    if (pending == NULL)
        return;
    confab_value_release(pending->packet.data);
    confab_value_release(pending->attachments);
    free(pending);
    decoder->pending = NULL;
}

void sio_decoder_fini(struct sio_decoder *decoder)
{
    drop_pending(decoder);
    confab_value_release(decoder->map);
    decoder->map = NULL;
}

bool sio_event_is_reserved(const char *name, size_t length_bytes)
{
    static const char *const reserved[] = {"connect",       "connect_error", "disconnect",
                                           "disconnecting", "newListener",   "removeListener"};
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (strlen(reserved[i]) == length_bytes && memcmp(reserved[i], name, length_bytes) == 0)
            return true;
    }
    return false;
}

static void skip(struct cursor *text, size_t bytes)
{
    text->at += bytes;
    text->left -= bytes;
}

/* White space stands for 0, and so does nothing at all: Number() of it. */
static int read_type(struct cursor *text, struct sio_packet *packet, bool *binary)
{
    size_t space = sio_white_space(text->at, text->left);
    char digit = '0';
    if (space == 0 && text->left > 0)
        digit = *text->at;
    if (digit < '0' || digit > '6')
        return CONFAB_EPARSE;
    *binary = digit >= '5';
    packet->type = (enum sio_type)(*binary ? digit - '0' - 3 : digit - '0');
    if (text->left > 0)
        skip(text, space != 0 ? space : 1);
    return CONFAB_OK;
}

/* The number before the `-`: 1 to max_attachments. */
static int read_attachments(struct sio_decoder *decoder, struct cursor *text, size_t *attachments)
{
    const char *dash = memchr(text->at, '-', text->left);
    double count;
    if (dash == NULL || !sio_read_number(text->at, (size_t)(dash - text->at), &count))
        return CONFAB_EPARSE;
    if (isinf(count) || count != floor(count) || count < 1)
        return CONFAB_EPARSE;
    decoder->has_too_many = count > decoder->max_attachments;
    if (decoder->has_too_many)
        return CONFAB_ELIMIT;
    *attachments = (size_t)count;
    skip(text, (size_t)(dash - text->at) + 1);
    return CONFAB_OK;
}

/* Up to the comma, or to the end; `/` when it is not there. */
static int read_namespace(struct cursor *text, bool takes_query, struct sio_packet *packet)
{
    packet->nsp = "/";
    packet->nsp_bytes = 1;
    if (text->left == 0 || *text->at != '/')
        return CONFAB_OK;
    const char *comma = memchr(text->at, ',', text->left);
    packet->nsp = text->at;
    packet->nsp_bytes = comma != NULL ? (size_t)(comma - text->at) : text->left;
    skip(text, packet->nsp_bytes + (comma != NULL ? 1 : 0));
    const char *query = takes_query ? memchr(packet->nsp, '?', packet->nsp_bytes) : NULL;
    size_t name_bytes = query != NULL ? (size_t)(query - packet->nsp) : packet->nsp_bytes;
    return name_bytes <= SIO_NSP_MAX_BYTES ? CONFAB_OK : CONFAB_ELIMIT;
}

/* All characters that are numbers by themselves: digits, and white space, which counts as 0. What
 * does not make a finite number together (`1 2`, a thousand digits) nobody could answer. */
static int read_id(struct cursor *text, struct sio_packet *packet)
{
    size_t length = 0;
    packet->has_id = false;
    while (length < text->left) {
        const char *at = text->at + length;
        size_t taken = *at >= '0' && *at <= '9' ? 1 : sio_white_space(at, text->left - length);
        if (taken == 0)
            break;
        length += taken;
    }
    if (length == 0)
        return CONFAB_OK;
    if (!sio_read_number(text->at, length, &packet->id) || isinf(packet->id))
        return CONFAB_EPARSE;
    packet->has_id = true;
    skip(text, length);
    return CONFAB_OK;
}

bool sio_event_has_name(const struct confab_value *data)
{
    const struct confab_value *name = confab_at(data, 0);
    size_t length;
    const char *text = confab_as_string(name, &length);
    if (text != NULL)
        return !sio_event_is_reserved(text, length);
    return confab_is(name, CONFAB_INT) || confab_is(name, CONFAB_DOUBLE);
}

static bool data_fits(enum sio_type type, const struct confab_value *data)
{
    switch (type) {
    case SIO_CONNECT:
        return confab_is(data, CONFAB_OBJECT);
    case SIO_DISCONNECT:
        return false;
    case SIO_EVENT:
        return confab_is(data, CONFAB_ARRAY) && sio_event_has_name(data);
    case SIO_ACK:
        return confab_is(data, CONFAB_ARRAY);
    case SIO_CONNECT_ERROR:
        return confab_is(data, CONFAB_OBJECT) || confab_is(data, CONFAB_STRING);
    }
    return false;
}

static int read_data(const struct cursor *text, struct sio_packet *packet)
{
    static const struct value_limits limits = {.depth = SIO_JSON_DEPTH_MAX};
    packet->data = NULL;
    if (text->left == 0)
        return CONFAB_OK;
    int status = value_parse_json(text->at, text->left, &limits, &packet->data);
    if (status != CONFAB_OK)
        return status;
    if (data_fits(packet->type, packet->data))
        return CONFAB_OK;
    confab_value_release(packet->data);
    packet->data = NULL;
    return CONFAB_EPARSE;
}

/* Keeps a packet for its attachments; the text it points into is the caller's. */
static void await(struct sio_decoder *decoder, const struct sio_packet *packet, size_t attachments,
                  size_t text_bytes)
{
    struct sio_pending *pending = xmalloc(sizeof(*pending) + packet->nsp_bytes + 1);
    pending->packet = *packet;
    pending->packet.nsp = pending->nsp;
    memcpy(pending->nsp, packet->nsp, packet->nsp_bytes);
    pending->nsp[packet->nsp_bytes] = '\0';
    pending->attachments = confab_array();
    pending->missing = attachments;
    pending->bytes = text_bytes;
    decoder->pending = pending;
}

static int decode_text(struct sio_decoder *decoder, const char *bytes, size_t length_bytes,
                       struct sio_packet *packet)
{
    struct cursor text = {bytes, length_bytes};
    bool binary = false;
    size_t attachments = 0;
    packet->wire_bytes = length_bytes;
    int status = read_type(&text, packet, &binary);
    if (status == CONFAB_OK && binary)
        status = read_attachments(decoder, &text, &attachments);
    if (status == CONFAB_OK)
        status = read_namespace(&text, decoder->takes_queries, packet);
    if (status == CONFAB_OK)
        status = read_id(&text, packet);
    if (status == CONFAB_OK)
        status = read_data(&text, packet);
    if (status != CONFAB_OK || !binary)
        return status;
    await(decoder, packet, attachments, length_bytes);
    return CONFAB_EPARTIAL;
}

/* The packet leaves whole; its namespace stays in `pending`, which the next call drops. */
static int complete(struct sio_decoder *decoder, size_t max_packet_bytes, struct sio_packet *packet)
{
    struct sio_pending *pending = decoder->pending;
    if (pending->packet.data != NULL) {
        int status = value_fill_placeholders(&pending->packet.data, pending->attachments,
                                             decoder->max_attachments, max_packet_bytes);
        if (status != CONFAB_OK)
            return status;
    }
    *packet = pending->packet;
    packet->wire_bytes = pending->bytes;
    pending->packet.data = NULL;
    confab_value_release(pending->attachments);
    pending->attachments = NULL;
    return CONFAB_OK;
}

static int decode_binary(struct sio_decoder *decoder, const char *bytes, size_t length_bytes,
                         size_t max_packet_bytes, struct sio_packet *packet)
{
    struct sio_pending *pending = decoder->pending;
    if (pending == NULL)
        return CONFAB_EPARSE;
    if (length_bytes > max_packet_bytes - pending->bytes)
        return CONFAB_ELIMIT;
    confab_push(pending->attachments, confab_binary(bytes, length_bytes));
    pending->bytes += length_bytes;
    pending->missing--;
    return pending->missing == 0 ? complete(decoder, max_packet_bytes, packet) : CONFAB_EPARTIAL;
}

bool sio_decoder_awaits(const struct sio_decoder *decoder)
{
    return decoder->pending != NULL && decoder->pending->missing > 0;
}

int sio_decode(struct sio_decoder *decoder, enum frame_kind kind, const char *bytes,
               size_t length_bytes, size_t max_packet_bytes, struct sio_packet *packet)
{
    if (decoder->pending != NULL && decoder->pending->missing == 0)
        drop_pending(decoder);
    if (kind == FRAME_BINARY)
        return decode_binary(decoder, bytes, length_bytes, max_packet_bytes, packet);
    if (decoder->pending != NULL)
        return CONFAB_EPARSE;
    if (length_bytes > max_packet_bytes)
        return CONFAB_ELIMIT;
    return decode_text(decoder, bytes, length_bytes, packet);
}
