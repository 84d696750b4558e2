/*
 * Packets as socket.io-msgpack-parser has them: one msgpack map {type, nsp, data, id} in one binary
 * message, bytes and all. What its decoder refuses is refused here; other keys are left alone.
 */
#include <math.h>

#include "common/buf.h"
#include "common/value.h"
#include "gateway/socketio/packet.h"
#include <confab/err.h>

/* An undefined that was written down counts as absent. */
static const struct confab_value *field(const struct confab_value *map, const char *key)
{
    const struct confab_value *value = confab_get(map, key);
    return confab_is(value, CONFAB_UNDEFINED) ? NULL : value;
}

static bool read_type(const struct confab_value *map, enum sio_type *type)
{
    const struct confab_value *value = field(map, "type");
    int64_t number = confab_as_int(value, -1);
    if (!confab_is(value, CONFAB_INT) || number < SIO_CONNECT || number > SIO_CONNECT_ERROR)
        return false;
    *type = (enum sio_type)number;
    return true;
}

static bool data_fits(enum sio_type type, const struct confab_value *data)
{
    switch (type) {
    case SIO_CONNECT:
        return data == NULL || confab_is(data, CONFAB_OBJECT);
    case SIO_DISCONNECT:
        return data == NULL;
    case SIO_EVENT:
    case SIO_ACK:
        return confab_is(data, CONFAB_ARRAY);
    case SIO_CONNECT_ERROR:
        return confab_is(data, CONFAB_OBJECT) || confab_is(data, CONFAB_STRING);
    }
    return false;
}

static bool read_id(const struct confab_value *map, struct sio_packet *packet)
{
    const struct confab_value *id = field(map, "id");
    packet->has_id = id != NULL;
    packet->id = confab_as_double(id, 0);
    return id == NULL || confab_is(id, CONFAB_INT) ||
           (confab_is(id, CONFAB_DOUBLE) && isfinite(packet->id) &&
            packet->id == floor(packet->id));
}

static int read_map(const struct confab_value *map, struct sio_packet *packet)
{
    packet->nsp = confab_as_string(field(map, "nsp"), &packet->nsp_bytes);
    if (!read_type(map, &packet->type) || packet->nsp == NULL || !read_id(map, packet) ||
        !data_fits(packet->type, field(map, "data")))
        return CONFAB_EPARSE;
    if (packet->nsp_bytes > SIO_NSP_MAX_BYTES)
        return CONFAB_ELIMIT;
    packet->data = confab_value_hold(field(map, "data"));
    return CONFAB_OK;
}

int sio_decode_msgpack(struct sio_decoder *decoder, enum frame_kind kind, const char *bytes,
                       size_t length_bytes, size_t max_packet_bytes, struct sio_packet *packet)
{
    static const struct value_limits limits = {.depth = SIO_JSON_DEPTH_MAX};
    confab_value_release(decoder->map);
    decoder->map = NULL;
    *packet = (struct sio_packet){.wire_bytes = length_bytes};
    if (kind != FRAME_BINARY)
        return CONFAB_EPARSE;
    if (length_bytes > max_packet_bytes)
        return CONFAB_ELIMIT;
    int status = value_parse_msgpack(bytes, length_bytes, &limits, &decoder->map);
    return status == CONFAB_OK ? read_map(decoder->map, packet) : status;
}

/* ---- writing ---- */

static struct confab_value *whole_data(const struct sio_packet *packet, const char *event)
{
    if (event == NULL)
        return confab_value_hold(packet->data);
    struct confab_value *all = confab_list(confab_string(event), NULL);
    for (size_t i = 0; i < confab_size(packet->data); i++)
        confab_push(all, confab_value_hold(confab_at(packet->data, i)));
    return all;
}

struct frame_set *sio_encode_msgpack(const struct sio_packet *packet, const char *event,
                                     struct buf *scratch)
{
    struct confab_value *map = confab_object();
    struct confab_value *data = whole_data(packet, event);
    struct frame_set *set = NULL;
    confab_set(map, "type", confab_int(packet->type));
    confab_set(map, "nsp", confab_string_n(packet->nsp, packet->nsp_bytes));
    if (data != NULL)
        confab_set(map, "data", data);
    if (packet->has_id)
        confab_set(map, "id", confab_double(packet->id));
    buf_reset(scratch);
    if (value_write_msgpack_notepack2(map, scratch) == CONFAB_OK) {
        struct frame *frame = frame_binary(scratch->data, scratch->len);
        set = frame_set_new(&frame, 1);
    }
    confab_value_release(map);
    return set;
}
