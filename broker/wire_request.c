/* Reading requests. */
#include <stdlib.h>
#include <string.h>

#include "broker/wire.h"
#include "broker/wire_parts.h"
#include "common/mem.h"
#include "common/value.h"

/* Ids are given back in responses and uids become part of a channel's name, so peers must not
 * choose their size. Node's have six characters. */
#define ID_BYTES_MAX 256

/* The three lists of a request in one block, room by room. */
struct lists {
    struct wire_rooms rooms;
    struct wire_rooms except;
    struct wire_rooms names;
};

static void free_lists(struct lists *lists)
{
    free(lists->rooms.texts);
    free(lists->except.texts);
    free(lists->names.texts);
}

static struct wire_list keep_list(struct text **room, const struct wire_rooms *from)
{
    struct wire_list list = {*room, from->count};
    if (from->count > 0)
        memcpy(*room, from->texts, from->count * sizeof **room);
    *room += from->count;
    return list;
}

static void keep_lists(struct wire_request *out, const struct lists *lists)
{
    size_t count = (size_t)lists->rooms.count + lists->except.count + lists->names.count;
    if (count == 0)
        return;
    out->lists = xreallocarray(NULL, count, sizeof *out->lists);
    struct text *room = out->lists;
    out->rooms = keep_list(&room, &lists->rooms);
    out->except = keep_list(&room, &lists->except);
    out->names = keep_list(&room, &lists->names);
}

/* What `${uid}` gives for the kinds that are worth an answer. */
static bool read_uid(const struct confab_value *uid, struct wire_request *out)
{
    static const char undefined[] = "undefined";
    static const char null[] = "null";
    out->has_uid = uid != NULL;
    if (confab_is(uid, CONFAB_UNDEFINED))
        out->uid = (struct text){undefined, sizeof undefined - 1};
    else if (confab_is(uid, CONFAB_NULL))
        out->uid = (struct text){null, sizeof null - 1};
    else if (!wire_room_text(uid, &out->spelled, &out->uid))
        return false;
    return out->uid.length <= ID_BYTES_MAX;
}

static bool read_request_id(const struct confab_value *id, struct wire_request *out)
{
    size_t length = 0;
    enum confab_kind kind = confab_kind(id);
    if (kind == CONFAB_UNDEFINED)
        return true;
    confab_as_string(id, &length);
    out->request_id = id;
    return length <= ID_BYTES_MAX &&
           (kind == CONFAB_STRING || kind == CONFAB_INT || kind == CONFAB_DOUBLE ||
            kind == CONFAB_NULL || kind == CONFAB_BOOL);
}

static bool is_uid(const struct confab_value *uid, const char *own)
{
    size_t length;
    const char *text = confab_as_string(uid, &length);
    return text != NULL && length == strlen(own) && memcmp(text, own, length) == 0;
}

/* Whom a bulk request means. */
static enum wire_verdict read_opts(const struct confab_value *opts, struct wire_request *out,
                                   struct lists *lists)
{
    if (!confab_is(opts, CONFAB_OBJECT) ||
        !wire_rooms_read(confab_get(opts, "rooms"), &out->spelled, &lists->rooms) ||
        !wire_rooms_read(confab_get(opts, "except"), &out->spelled, &lists->except))
        return WIRE_MALFORMED;
    return lists->rooms.matchless ? WIRE_IGNORE : WIRE_TAKE;
}

/* socket.join(rooms): an array's items, or the one room. */
static enum wire_verdict read_names(const struct confab_value *rooms, struct wire_request *out,
                                    struct lists *lists)
{
    if (confab_is(rooms, CONFAB_ARRAY)) {
        if (!wire_rooms_read(rooms, &out->spelled, &lists->names))
            return WIRE_MALFORMED;
        return lists->names.count > 0 ? WIRE_TAKE : WIRE_IGNORE;
    }
    struct text name;
    if (!wire_room_text(rooms, &out->spelled, &name))
        return WIRE_IGNORE;
    lists->names.texts = xmalloc(sizeof name);
    lists->names.texts[0] = name;
    lists->names.count = 1;
    return WIRE_TAKE;
}

/* JOIN, LEAVE and DISCONNECT: all that `opts` mean, or the one socket with an id. */
static enum wire_verdict read_change(const struct confab_value *document, struct wire_request *out,
                                     struct lists *lists)
{
    const struct confab_value *opts = confab_get(document, "opts");
    enum wire_verdict verdict = WIRE_TAKE;
    out->bulk = wire_truthy(opts);
    if (out->bulk) {
        verdict = read_opts(opts, out, lists);
    } else {
        out->sid.bytes = confab_as_string(confab_get(document, "sid"), &out->sid.length);
        if (out->sid.bytes == NULL)
            return WIRE_IGNORE;
    }
    if (out->type == WIRE_REQUEST_DISCONNECT)
        out->close = wire_truthy(confab_get(document, "close"));
    else if (verdict == WIRE_TAKE)
        verdict = read_names(confab_get(document, out->bulk ? "rooms" : "room"), out, lists);
    return verdict;
}

static enum wire_verdict read_server_event(const struct confab_value *document,
                                           struct wire_request *out)
{
    const struct confab_value *data = confab_get(document, "data");
    if (out->own)
        return WIRE_OWN;
    if (confab_is(data, CONFAB_UNDEFINED) && out->request_id == NULL)
        return WIRE_IGNORE;
    if (!confab_is(data, CONFAB_ARRAY))
        return WIRE_MALFORMED;
    out->args = data;
    return confab_size(data) > 0 ? WIRE_TAKE : WIRE_IGNORE;
}

static enum wire_verdict read_broadcast(const struct confab_value *document, const char *nsp,
                                        struct wire_request *out)
{
    const struct confab_value *opts = confab_get(document, "opts");
    out->flags = confab_get(opts, "flags");
    enum wire_verdict verdict =
        wire_message_of(confab_get(document, "packet"), opts, nsp, false, &out->message);
    out->nobody = verdict == WIRE_IGNORE;
    return out->nobody ? WIRE_TAKE : verdict;
}

static enum wire_verdict read_typed(const struct confab_value *document, const char *nsp,
                                    struct wire_request *out, struct lists *lists)
{
    switch (out->type) {
    case WIRE_REQUEST_SOCKETS:
        if (!wire_rooms_read(confab_get(document, "rooms"), &out->spelled, &lists->rooms))
            return WIRE_MALFORMED;
        out->nobody = lists->rooms.matchless;
        break;
    case WIRE_REQUEST_ALL_ROOMS:
        break;
    case WIRE_REQUEST_JOIN:
    case WIRE_REQUEST_LEAVE:
    case WIRE_REQUEST_DISCONNECT:
        return read_change(document, out, lists);
    case WIRE_REQUEST_FETCH:
        if (read_opts(confab_get(document, "opts"), out, lists) == WIRE_MALFORMED)
            return WIRE_MALFORMED;
        out->nobody = lists->rooms.matchless;
        break;
    case WIRE_REQUEST_SERVER_EVENT:
        return read_server_event(document, out);
    case WIRE_REQUEST_BROADCAST:
        return read_broadcast(document, nsp, out);
    }
    return WIRE_TAKE;
}

static enum wire_verdict read_document(const struct confab_value *document, const char *nsp,
                                       const char *own_uid, struct wire_request *out)
{
    const struct confab_value *type = confab_get(document, "type");
    if (document == NULL || confab_is(document, CONFAB_NULL) ||
        confab_is(document, CONFAB_UNDEFINED))
        return WIRE_MALFORMED;
    if (!confab_is(type, CONFAB_INT) || confab_as_int(type, -1) < WIRE_REQUEST_SOCKETS ||
        confab_as_int(type, -1) > WIRE_REQUEST_BROADCAST)
        return WIRE_IGNORE;
    out->type = (enum wire_request_type)confab_as_int(type, 0);
    out->own = is_uid(confab_get(document, "uid"), own_uid);
    if (!read_uid(confab_get(document, "uid"), out) ||
        !read_request_id(confab_get(document, "requestId"), out))
        return WIRE_MALFORMED;
    struct lists lists = {0};
    enum wire_verdict verdict = read_typed(document, nsp, out, &lists);
    if (verdict == WIRE_TAKE)
        keep_lists(out, &lists);
    free_lists(&lists);
    return verdict;
}

enum wire_verdict wire_read_request(const void *bytes, size_t length_bytes, const char *nsp,
                                    const char *own_uid, struct wire_request *out)
{
    *out = (struct wire_request)WIRE_REQUEST_INIT;
    out->document = wire_parse(bytes, length_bytes);
    enum wire_verdict verdict = read_document(out->document, nsp, own_uid, out);
    if (verdict != WIRE_TAKE && verdict != WIRE_OWN)
        wire_request_fini(out);
    return verdict;
}

void wire_request_fini(struct wire_request *request)
{
    if (request->message != NULL)
        message_release(request->message);
    confab_value_release(request->document);
    confab_value_release(request->spelled);
    free(request->lists);
    *request = (struct wire_request)WIRE_REQUEST_INIT;
}
