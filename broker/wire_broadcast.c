/* Broadcasts: the array [uid, packet, opts]. */
#include <string.h>

#include "broker/wire.h"
#include "broker/wire_parts.h"
#include "common/buf.h"
#include "common/value.h"
#include <confab/err.h>

static void put_flags(struct buf *out, unsigned flags)
{
    bool compress = (flags & (MESSAGE_COMPRESS_ON | MESSAGE_COMPRESS_OFF)) != 0;
    bool is_volatile = (flags & MESSAGE_VOLATILE) != 0;
    WIRE_PUT(out, "\xa5"
                  "flags");
    buf_put_u8(out, (uint8_t)(0x80 + compress + is_volatile));
    if (is_volatile)
        WIRE_PUT(out, "\xa8volatile\xc3");
    if (compress) {
        WIRE_PUT(out, "\xa8"
                      "compress");
        buf_put_u8(out, (flags & MESSAGE_COMPRESS_ON) != 0 ? 0xc3 : 0xc2);
    }
}

static int write_parts(struct buf *out, struct buf *after, const char *uid,
                       const struct message *message, unsigned holes)
{
    buf_put_u8(out, 0x93);
    wire_put_string(out, uid);
    int rc = wire_put_packet(out, after, message, holes);
    buf_put_u8(after, 0x83);
    wire_put_rooms(after, message);
    put_flags(after, message->flags);
    if (rc == CONFAB_OK)
        rc = buf_error(out);
    return rc != CONFAB_OK ? rc : buf_error(after);
}

int wire_write_broadcast(struct buf *out, const char *uid, const struct message *message)
{
    return write_parts(out, out, uid, message, 0);
}

int wire_write_broadcast_around(struct buf *before, struct buf *after, const char *uid,
                                const struct message *message)
{
    return write_parts(before, after, uid, message, 1);
}

/* Whether the first element of an array of up to 15 is the text, seen without decoding. Uids are
 * short. */
static bool begins_with_uid(const uint8_t *bytes, size_t length, const char *uid)
{
    size_t uid_bytes = strlen(uid);
    return uid_bytes < 32 && length >= 2 + uid_bytes && bytes[0] > 0x90 && bytes[0] <= 0x9f &&
           bytes[1] == (0xa0 | uid_bytes) && memcmp(bytes + 2, uid, uid_bytes) == 0;
}

static bool is_text(const struct confab_value *value, const char *expected)
{
    size_t length;
    const char *text = confab_as_string(value, &length);
    return text != NULL && length == strlen(expected) && memcmp(text, expected, length) == 0;
}

/* A packet that says nothing of a namespace is one of `/`. */
static bool is_of_namespace(const struct confab_value *packet, const char *nsp)
{
    const struct confab_value *of = confab_get(packet, "nsp");
    return confab_is(of, CONFAB_UNDEFINED) ? strcmp(nsp, "/") == 0 : is_text(of, nsp);
}

static enum wire_verdict read_array(const struct confab_value *array, const char *nsp,
                                    const char *own_uid, struct message **message)
{
    const struct confab_value *packet = confab_at(array, 1);
    if (!confab_is(array, CONFAB_ARRAY))
        return WIRE_MALFORMED;
    if (is_text(confab_at(array, 0), own_uid))
        return WIRE_OWN;
    if (!wire_truthy(packet))
        return WIRE_IGNORE;
    if (!confab_is(packet, CONFAB_OBJECT))
        return WIRE_MALFORMED;
    if (!is_of_namespace(packet, nsp))
        return WIRE_IGNORE;
    return wire_message_of(packet, confab_at(array, 2), nsp, true, message);
}

enum wire_verdict wire_read_broadcast(const void *bytes, size_t length_bytes, const char *nsp,
                                      const char *own_uid, struct message **message)
{
    *message = NULL;
    if (begins_with_uid(bytes, length_bytes, own_uid))
        return WIRE_OWN;
    struct confab_value *array = wire_parse_msgpack(bytes, length_bytes);
    if (array == NULL)
        return WIRE_MALFORMED;
    enum wire_verdict verdict = read_array(array, nsp, own_uid, message);
    confab_value_release(array);
    return verdict;
}
