/* Pieces of messages, shared by broadcasts, requests and responses. */
#include "broker/wire_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "common/value.h"
#include <confab/err.h>

/* Arguments are nested some levels deeper here than where a client sent them, and rooms come with
 * them: so a little more than the 256 levels and 200,000 values of a client. */
static const struct value_limits limits = {.depth = 300, .nodes = 210000};

/* Packet types of Socket.IO. 5 is what socket.io 2's emitters put on events with bytes. */
#define PACKET_EVENT 2
#define PACKET_BINARY_EVENT 5

struct confab_value *wire_parse_msgpack(const void *bytes, size_t length_bytes)
{
    struct confab_value *document;
    value_parse_msgpack(bytes, length_bytes, &limits, &document);
    return document;
}

struct confab_value *wire_parse(const void *bytes, size_t length_bytes)
{
    struct confab_value *document;
    const char *text = bytes;
    if (length_bytes == 0 || text[0] != '{')
        return wire_parse_msgpack(bytes, length_bytes);
    if (utf8_valid(text, length_bytes)) {
        value_parse_json(text, length_bytes, &limits, &document);
        return document;
    }
    /* Node decodes the bytes to text first, which mends them. */
    struct confab_value *mended = confab_string_n(text, length_bytes);
    text = confab_as_string(mended, &length_bytes);
    value_parse_json(text, length_bytes, &limits, &document);
    confab_value_release(mended);
    return document;
}

bool wire_truthy(const struct confab_value *value)
{
    size_t length = 0;
    switch (confab_kind(value)) {
    case CONFAB_UNDEFINED:
    case CONFAB_NULL:
        return false;
    case CONFAB_BOOL:
        return confab_as_bool(value, false);
    case CONFAB_INT:
        return confab_as_int(value, 0) != 0;
    case CONFAB_DOUBLE: {
        double number = confab_as_double(value, 0);
        return number == number;
    }
    case CONFAB_STRING:
        confab_as_string(value, &length);
        return length > 0;
    default:
        return true;
    }
}

/* A string that lives as long as the list. */
static struct text keep_text(struct confab_value **spelled, const char *bytes, size_t length)
{
    struct confab_value *string = confab_string_n(bytes, length);
    struct text text;
    if (*spelled == NULL)
        *spelled = confab_array();
    confab_push(*spelled, string);
    text.bytes = confab_as_string(string, &text.length);
    return text;
}

bool wire_room_text(const struct confab_value *value, struct confab_value **spelled,
                    struct text *out)
{
    char number[VALUE_NUMBER_TEXT_BYTES];
    out->bytes = confab_as_string(value, &out->length);
    if (out->bytes != NULL)
        return true;
    size_t length = value_number_text(value, number);
    if (length > 0)
        *out = keep_text(spelled, number, length);
    return length > 0;
}

static bool read_array(const struct confab_value *array, struct confab_value **spelled,
                       struct wire_rooms *out)
{
    size_t count = confab_size(array);
    if (count > WIRE_ROOMS_MAX)
        return false;
    if (count == 0)
        return true;
    out->texts = xreallocarray(NULL, count, sizeof *out->texts);
    for (size_t i = 0; i < count; i++)
        if (wire_room_text(confab_at(array, i), spelled, &out->texts[out->count]))
            out->count++;
    out->matchless = out->count == 0;
    return true;
}

static bool read_characters(const char *text, size_t length, struct confab_value **spelled,
                            struct wire_rooms *out)
{
    if (length > WIRE_ROOMS_MAX)
        return false;
    if (length == 0)
        return true;
    out->texts = xreallocarray(NULL, length, sizeof *out->texts);
    for (size_t at = 0; at < length;) {
        uint32_t code_point;
        size_t bytes = utf8_decode(text + at, length - at, &code_point);
        bytes = bytes == 0 ? 1 : bytes;
        out->texts[out->count++] = keep_text(spelled, text + at, bytes);
        at += bytes;
    }
    return true;
}

bool wire_rooms_read(const struct confab_value *value, struct confab_value **spelled,
                     struct wire_rooms *out)
{
    *out = (struct wire_rooms){0};
    size_t length;
    const char *text = confab_as_string(value, &length);
    if (text != NULL)
        return read_characters(text, length, spelled, out);
    if (confab_is(value, CONFAB_ARRAY))
        return read_array(value, spelled, out);
    return confab_is(value, CONFAB_UNDEFINED) || confab_is(value, CONFAB_NULL);
}

/* The names that socket.io-client's decoder takes for a broken packet, upon which it closes. */
static bool is_reserved(const struct confab_value *event)
{
    static const char *const names[] = {"connect",       "connect_error", "disconnect",
                                        "disconnecting", "newListener",   "removeListener"};
    size_t length;
    const char *text = confab_as_string(event, &length);
    for (size_t i = 0; text != NULL && i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == length && memcmp(names[i], text, length) == 0)
            return true;
    return false;
}

/* JSON has no word for NaN and the infinities. */
static bool is_name(const struct confab_value *event)
{
    switch (confab_kind(event)) {
    case CONFAB_STRING:
        return !is_reserved(event);
    case CONFAB_INT:
        return true;
    case CONFAB_DOUBLE:
        return isfinite(confab_as_double(event, NAN));
    default:
        return false;
    }
}

struct attachments {
    size_t count;
    double highest; /* number that an object claims to stand for */
    bool nonsense;
};

static void look_at_placeholder(const struct confab_value *object, struct attachments *found)
{
    const struct confab_value *number = confab_get(object, "num");
    bool is_number = confab_is(number, CONFAB_INT) || confab_is(number, CONFAB_DOUBLE);
    double stands_for = is_number ? confab_as_double(number, -1) : -1;
    if (!(stands_for >= 0))
        found->nonsense = true;
    else if (stands_for > found->highest)
        found->highest = stands_for;
}

/* As deep as the parser lets values be. */
static void look_for_placeholders(const struct confab_value *value, struct attachments *found)
{
    const struct confab_value *item;
    switch (confab_kind(value)) {
    case CONFAB_BINARY:
    case CONFAB_EXT:
        found->count++;
        break;
    case CONFAB_ARRAY:
        for (size_t i = 0; i < confab_size(value); i++)
            look_for_placeholders(confab_at(value, i), found);
        break;
    case CONFAB_OBJECT:
        if (confab_as_bool(confab_get(value, "_placeholder"), false))
            look_at_placeholder(value, found);
        for (size_t i = 0; i < confab_size(value); i++) {
            confab_entry(value, i, NULL, &item);
            look_for_placeholders(item, found);
        }
        break;
    default:
        break;
    }
}

/* An object of the sender's own that looks like the placeholder of an attachment that is not there
 * makes clients close. Without attachments nobody looks for placeholders. */
static bool placeholders_hold(const struct confab_value *data)
{
    struct attachments found = {.highest = -1};
    if (!confab_has_binary(data))
        return true;
    look_for_placeholders(data, &found);
    return !found.nonsense && found.highest < (double)found.count;
}

/* Node passes anything on; its clients then get packets that they cannot read and close. */
static bool is_event(const struct confab_value *packet)
{
    int64_t type = confab_is(confab_get(packet, "type"), CONFAB_INT)
                       ? confab_as_int(confab_get(packet, "type"), -1)
                       : -1;
    const struct confab_value *data = confab_get(packet, "data");
    return (type == PACKET_EVENT || type == PACKET_BINARY_EVENT) && is_name(confab_at(data, 0)) &&
           placeholders_hold(data);
}

static unsigned flags_of(const struct confab_value *flags)
{
    const struct confab_value *compress = confab_get(flags, "compress");
    unsigned bits = MESSAGE_NO_FLAGS;
    if (wire_truthy(confab_get(flags, "volatile")))
        bits |= MESSAGE_VOLATILE;
    if (confab_is(compress, CONFAB_BOOL))
        bits |= confab_as_bool(compress, true) ? MESSAGE_COMPRESS_ON : MESSAGE_COMPRESS_OFF;
    return bits;
}

enum wire_verdict wire_message_of(const struct confab_value *packet,
                                  const struct confab_value *opts, const char *nsp, bool flags,
                                  struct message **message)
{
    struct confab_value *spelled = NULL;
    struct wire_rooms rooms = {0};
    struct wire_rooms except = {0};
    enum wire_verdict verdict = WIRE_MALFORMED;
    *message = NULL;
    if (!is_event(packet) || !confab_is(opts, CONFAB_OBJECT))
        return WIRE_MALFORMED;
    if (wire_rooms_read(confab_get(opts, "rooms"), &spelled, &rooms) &&
        wire_rooms_read(confab_get(opts, "except"), &spelled, &except))
        verdict = rooms.matchless ? WIRE_IGNORE : WIRE_TAKE;
    if (verdict == WIRE_TAKE)
        *message =
            message_new(nsp, strlen(nsp), rooms.texts, rooms.count, except.texts, except.count,
                        flags ? flags_of(confab_get(opts, "flags")) : MESSAGE_NO_FLAGS,
                        confab_value_hold(confab_get(packet, "data")));
    free(rooms.texts);
    free(except.texts);
    confab_value_release(spelled);
    return verdict;
}

void wire_put_array(struct buf *out, size_t count)
{
    if (count < 16) {
        buf_put_u8(out, (uint8_t)(0x90 | count));
    } else if (count <= UINT16_MAX) {
        buf_put_u8(out, 0xdc);
        buf_put_u16be(out, (uint16_t)count);
    } else {
        buf_put_u8(out, 0xdd);
        buf_put_u32be(out, (uint32_t)count);
    }
}

void wire_put_text(struct buf *out, const char *bytes, size_t length_bytes)
{
    if (length_bytes < 32) {
        buf_put_u8(out, (uint8_t)(0xa0 | length_bytes));
    } else if (length_bytes <= UINT8_MAX) {
        buf_put_u8(out, 0xd9);
        buf_put_u8(out, (uint8_t)length_bytes);
    } else if (length_bytes <= UINT16_MAX) {
        buf_put_u8(out, 0xda);
        buf_put_u16be(out, (uint16_t)length_bytes);
    } else {
        buf_put_u8(out, 0xdb);
        buf_put_u32be(out, (uint32_t)length_bytes);
    }
    buf_append(out, bytes, length_bytes);
}

void wire_put_string(struct buf *out, const char *text)
{
    wire_put_text(out, text, strlen(text));
}

int wire_put_packet(struct buf *out, struct buf *after, const struct message *message,
                    unsigned holes)
{
    size_t count = confab_size(message->args);
    int rc = CONFAB_OK;
    WIRE_PUT(out, "\x83\xa4type\x02\xa4"
                  "data");
    wire_put_array(out, count + holes);
    for (size_t i = 0; i < count && rc == CONFAB_OK; i++)
        rc = value_write_msgpack(confab_at(message->args, i), out);
    WIRE_PUT(after, "\xa3nsp");
    wire_put_text(after, message->nsp.bytes, message->nsp.length);
    return rc;
}

static void put_texts(struct buf *out, const struct text *texts, unsigned count)
{
    wire_put_array(out, count);
    for (unsigned i = 0; i < count; i++)
        wire_put_text(out, texts[i].bytes, texts[i].length);
}

void wire_put_rooms(struct buf *out, const struct message *message)
{
    WIRE_PUT(out, "\xa5rooms");
    put_texts(out, message->rooms, message->room_count);
    WIRE_PUT(out, "\xa6"
                  "except");
    put_texts(out, message->except, message->except_count);
}
