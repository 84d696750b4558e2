/* Writing requests, with Node's keys in Node's order. */
#include <string.h>

#include "broker/wire.h"
#include "broker/wire_parts.h"
#include "common/buf.h"
#include "common/value.h"
#include <confab/err.h>

static struct confab_value *text_value(const struct text *text)
{
    return confab_string_n(text->bytes, text->length);
}

static struct confab_value *list_value(const struct wire_list *list)
{
    struct confab_value *array = confab_array();
    for (unsigned i = 0; i < list->count; i++)
        confab_push(array, text_value(&list->texts[i]));
    return array;
}

static void set_opts(struct confab_value *object, const struct wire_request *request)
{
    struct confab_value *opts = confab_object();
    confab_set(opts, "rooms", list_value(&request->rooms));
    confab_set(opts, "except", list_value(&request->except));
    confab_set(object, "opts", opts);
}

/* The keys of JOIN and LEAVE, by their form. */
static void set_names(struct confab_value *object, const struct wire_request *request)
{
    if (request->bulk) {
        set_opts(object, request);
        confab_set(object, "rooms", list_value(&request->names));
        return;
    }
    confab_set(object, "sid", text_value(&request->sid));
    if (request->names.count > 0)
        confab_set(object, "room", text_value(&request->names.texts[0]));
}

static void set_typed(struct confab_value *object, const struct wire_request *request)
{
    switch (request->type) {
    case WIRE_REQUEST_SOCKETS:
        confab_set(object, "rooms", list_value(&request->rooms));
        break;
    case WIRE_REQUEST_JOIN:
    case WIRE_REQUEST_LEAVE:
        set_names(object, request);
        break;
    case WIRE_REQUEST_DISCONNECT:
        if (request->bulk)
            set_opts(object, request);
        else
            confab_set(object, "sid", text_value(&request->sid));
        confab_set(object, "close", confab_bool(request->close));
        break;
    case WIRE_REQUEST_FETCH:
        set_opts(object, request);
        break;
    case WIRE_REQUEST_SERVER_EVENT:
        confab_set(object, "data", confab_value_hold(request->args));
        break;
    case WIRE_REQUEST_ALL_ROOMS:
    case WIRE_REQUEST_BROADCAST:
        break;
    }
}

static int write_json(struct buf *out, const struct wire_request *request)
{
    struct confab_value *object = confab_object();
    if (request->has_uid)
        confab_set(object, "uid", text_value(&request->uid));
    if (request->request_id != NULL)
        confab_set(object, "requestId", confab_value_hold(request->request_id));
    confab_set(object, "type", confab_int(request->type));
    set_typed(object, request);
    int rc = value_write_json(object, out, NULL);
    confab_value_release(object);
    return rc;
}

static int write_broadcast(struct buf *out, const struct wire_request *request)
{
    buf_put_u8(out, (uint8_t)(0x83 + request->has_uid + (request->request_id != NULL)));
    if (request->has_uid) {
        WIRE_PUT(out, "\xa3uid");
        wire_put_text(out, request->uid.bytes, request->uid.length);
    }
    if (request->request_id != NULL) {
        WIRE_PUT(out, "\xa9requestId");
        value_write_msgpack(request->request_id, out);
    }
    WIRE_PUT(out, "\xa4type\x07\xa6packet");
    int rc = wire_put_packet(out, out, request->message, 0);
    WIRE_PUT(out, "\xa4opts\x83");
    wire_put_rooms(out, request->message);
    WIRE_PUT(out, "\xa5"
                  "flags");
    if (request->flags == NULL)
        buf_put_u8(out, 0x80);
    else if (rc == CONFAB_OK)
        rc = value_write_msgpack(request->flags, out);
    return rc != CONFAB_OK ? rc : buf_error(out);
}

int wire_write_request(struct buf *out, const struct wire_request *request)
{
    return request->type == WIRE_REQUEST_BROADCAST ? write_broadcast(out, request)
                                                   : write_json(out, request);
}
