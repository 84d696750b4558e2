/* Responses: written as Node writes them, and read. */
#include <string.h>

#include "broker/wire.h"
#include "broker/wire_parts.h"
#include "common/buf.h"
#include "common/value.h"
#include <confab/err.h>

/* Opens the object, up to what follows the request's id; a comma is due if that is there. */
static void begin(struct buf *out, const char *type, const struct confab_value *request_id,
                  const char *key)
{
    const char *comma = "";
    buf_put_u8(out, '{');
    if (type != NULL) {
        buf_puts(out, "\"type\":");
        buf_puts(out, type);
        comma = ",";
    }
    if (request_id != NULL) {
        buf_puts(out, comma);
        buf_puts(out, "\"requestId\":");
        value_write_json(request_id, out, NULL);
        comma = ",";
    }
    if (key != NULL) {
        buf_puts(out, comma);
        buf_printf(out, "\"%s\":", key);
    }
}

int wire_write_list_begin(struct buf *out, const struct confab_value *request_id,
                          enum wire_list_kind kind)
{
    begin(out, NULL, request_id, kind == WIRE_LIST_SOCKETS ? "sockets" : "rooms");
    return buf_put_u8(out, '[');
}

int wire_write_list_value(struct buf *out, const struct confab_value *item)
{
    if (out->len > 0 && out->data[out->len - 1] != '[')
        buf_put_u8(out, ',');
    return value_write_json(item, out, NULL);
}

int wire_write_list_text(struct buf *out, const struct text *item)
{
    struct confab_value *value = confab_string_n(item->bytes, item->length);
    int rc = wire_write_list_value(out, value);
    confab_value_release(value);
    return rc;
}

int wire_write_list_end(struct buf *out)
{
    return buf_append(out, "]}", 2);
}

int wire_write_done(struct buf *out, const struct confab_value *request_id)
{
    begin(out, NULL, request_id, NULL);
    return buf_put_u8(out, '}');
}

int wire_write_server_event_answer(struct buf *out, const struct confab_value *request_id,
                                   const struct confab_value *data)
{
    bool present = !confab_is(data, CONFAB_UNDEFINED);
    int rc = CONFAB_OK;
    begin(out, "6", request_id, present ? "data" : NULL);
    if (present)
        rc = value_write_json(data, out, NULL);
    return rc != CONFAB_OK ? rc : buf_put_u8(out, '}');
}

int wire_write_client_count(struct buf *out, const struct confab_value *request_id, uint64_t count)
{
    begin(out, "8", request_id, "clientCount");
    buf_put_uint(out, count);
    return buf_put_u8(out, '}');
}

int wire_write_client_ack(struct buf *out, const struct confab_value *request_id,
                          const struct confab_value *packet)
{
    bool present = !confab_is(packet, CONFAB_UNDEFINED);
    buf_put_u8(out, (uint8_t)(0x81 + (request_id != NULL) + present));
    WIRE_PUT(out, "\xa4type\x09");
    if (request_id != NULL) {
        WIRE_PUT(out, "\xa9requestId");
        value_write_msgpack(request_id, out);
    }
    if (!present)
        return buf_error(out);
    WIRE_PUT(out, "\xa6packet");
    return value_write_msgpack(packet, out);
}

static enum wire_response_type type_of(const struct confab_value *document)
{
    const struct confab_value *type = confab_get(document, "type");
    switch (confab_is(type, CONFAB_INT) ? confab_as_int(type, -1) : -1) {
    case WIRE_RESPONSE_SERVER_EVENT:
        return WIRE_RESPONSE_SERVER_EVENT;
    case WIRE_RESPONSE_CLIENT_COUNT:
        return WIRE_RESPONSE_CLIENT_COUNT;
    case WIRE_RESPONSE_CLIENT_ACK:
        return WIRE_RESPONSE_CLIENT_ACK;
    default:
        return WIRE_RESPONSE_UNTYPED;
    }
}

static const struct confab_value *array_of(const struct confab_value *document, const char *key)
{
    const struct confab_value *value = confab_get(document, key);
    return confab_is(value, CONFAB_ARRAY) ? value : NULL;
}

enum wire_verdict wire_read_response(const void *bytes, size_t length_bytes,
                                     struct wire_response *out)
{
    struct confab_value *document = wire_parse(bytes, length_bytes);
    *out = (struct wire_response){.type = WIRE_RESPONSE_UNTYPED};
    if (document == NULL || confab_is(document, CONFAB_NULL) ||
        confab_is(document, CONFAB_UNDEFINED)) {
        return WIRE_MALFORMED;
    }
    out->request_id.bytes =
        confab_as_string(confab_get(document, "requestId"), &out->request_id.length);
    const struct confab_value *count = confab_get(document, "clientCount");
    out->type = type_of(document);
    /* A count that is none would never be reached, or at once. */
    bool bad_count = out->type == WIRE_RESPONSE_CLIENT_COUNT &&
                     (!confab_is(count, CONFAB_INT) || confab_as_int(count, -1) < 0);
    if (out->request_id.bytes == NULL || bad_count) {
        enum wire_verdict verdict = bad_count ? WIRE_MALFORMED : WIRE_IGNORE;
        confab_value_release(document);
        *out = (struct wire_response){.type = WIRE_RESPONSE_UNTYPED};
        return verdict;
    }
    out->client_count = (uint64_t)confab_as_int(count, 0);
    out->sockets = array_of(document, "sockets");
    out->rooms = array_of(document, "rooms");
    out->data = confab_get(document, "data");
    out->packet = confab_get(document, "packet");
    out->document = document;
    return WIRE_TAKE;
}

void wire_response_fini(struct wire_response *response)
{
    confab_value_release(response->document);
    *response = (struct wire_response){.type = WIRE_RESPONSE_UNTYPED};
}
