/* Values to msgpack bytes, by msgpack-c, byte for byte what notepack.io 3 writes, or 2 where that
 * is asked for. */
#include <math.h>
#include <msgpack/pack.h>
#include <string.h>

#include "common/buf.h"
#include "common/value.h"
#include "common/value_tree.h"
#include <confab/err.h>

#define NANOSECONDS_PER_MS 1000000.0

struct writer {
    struct buf *out;
    bool is_old; /* as notepack 2: extension 0 for undefined and dates */
};

static int append(void *data, const char *bytes, size_t length)
{
    return buf_append(((struct writer *)data)->out, bytes, length);
}

static bool is_old(const msgpack_packer *packer)
{
    return ((const struct writer *)packer->data)->is_old;
}

static int pack(msgpack_packer *packer, const struct confab_value *value, unsigned depth);

/* Strings leave as UTF-8: the three bytes of a lone surrogate become the three of U+FFFD, as in
 * what Node sends. */
static void pack_text(msgpack_packer *packer, const char *text, size_t length)
{
    msgpack_pack_str(packer, length);
    size_t start = 0;
    for (const char *at = text; (at = memchr(at, 0xed, length - (size_t)(at - text))) != NULL;
         at += 3) {
        if ((uint8_t)at[1] < 0xa0)
            continue;
        msgpack_pack_str_body(packer, text + start, (size_t)(at - text) - start);
        msgpack_pack_str_body(packer, "\xef\xbf\xbd", 3);
        start = (size_t)(at - text) + 3;
    }
    msgpack_pack_str_body(packer, text + start, length - start);
}

/* An extension of type -1 that was read as such had not the form of a date; in the short form,
 * which 4 and 8 bytes have, it would become one. */
static void pack_ext(msgpack_packer *packer, const struct value_bytes *bytes, int8_t type)
{
    if (type == -1 && (bytes->length == 4 || bytes->length == 8)) {
        const char head[3] = {(char)0xc7, (char)bytes->length, (char)0xff};
        packer->callback(packer->data, head, sizeof(head));
        packer->callback(packer->data, bytes->bytes, bytes->length);
        return;
    }
    msgpack_pack_ext_with_body(packer, bytes->bytes, bytes->length, type);
}

static void pack_real(msgpack_packer *packer, double real)
{
    /* One NaN for all, positive, as JavaScript writes it. */
    msgpack_pack_double(packer, isnan(real) ? (double)NAN : real);
}

static void pack_undefined(msgpack_packer *packer)
{
    if (is_old(packer))
        msgpack_pack_ext_with_body(packer, "", 1, 0);
    else
        msgpack_pack_nil(packer);
}

static void pack_old_date(msgpack_packer *packer, int64_t ms)
{
    char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)((uint64_t)ms >> (56 - 8 * i) & 0xff);
    msgpack_pack_ext_with_body(packer, bytes, sizeof(bytes), 0);
}

static void pack_date(msgpack_packer *packer, double ms)
{
    /* No timestamp says "invalid"; notepack writes 1970. JSON has null there. */
    if (isnan(ms)) {
        msgpack_pack_nil(packer);
        return;
    }
    if (is_old(packer)) {
        pack_old_date(packer, (int64_t)ms);
        return;
    }
    double seconds = floor(ms / 1000);
    msgpack_timestamp instant = {
        .tv_sec = (int64_t)seconds,
        .tv_nsec = (uint32_t)((ms - seconds * 1000) * NANOSECONDS_PER_MS),
    };
    msgpack_pack_timestamp(packer, &instant);
}

static int pack_array(msgpack_packer *packer, const struct value_array *array, unsigned depth)
{
    msgpack_pack_array(packer, array->count);
    int rc = CONFAB_OK;
    for (uint32_t i = 0; i < array->count && rc == CONFAB_OK; i++)
        rc = pack(packer, array->items[i], depth + 1);
    return rc;
}

static int pack_object(msgpack_packer *packer, const struct value_object *object, unsigned depth)
{
    uint32_t present = 0;
    for (uint32_t i = 0; i < object->count; i++)
        present += is_old(packer) || object->entries[i].value->kind != CONFAB_UNDEFINED;
    msgpack_pack_map(packer, present);
    int rc = CONFAB_OK;
    for (uint32_t i = 0; i < object->count && rc == CONFAB_OK; i++) {
        const struct value_entry *entry = &object->entries[i];
        if (entry->value->kind == CONFAB_UNDEFINED && !is_old(packer))
            continue;
        pack_text(packer, entry->key, entry->key_bytes);
        rc = pack(packer, entry->value, depth + 1);
    }
    return rc;
}

static int pack(msgpack_packer *packer, const struct confab_value *value, unsigned depth)
{
    const struct value_bytes *bytes = value_to_bytes(value);
    switch (confab_kind(value)) {
    case CONFAB_UNDEFINED:
        pack_undefined(packer);
        break;
    case CONFAB_NULL:
        msgpack_pack_nil(packer);
        break;
    case CONFAB_BOOL:
        value->truth ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
        break;
    case CONFAB_INT:
        msgpack_pack_int64(packer, value_to_number(value)->as.whole);
        break;
    case CONFAB_DOUBLE:
        pack_real(packer, value_to_number(value)->as.real);
        break;
    case CONFAB_DATE:
        pack_date(packer, value_to_number(value)->as.real);
        break;
    case CONFAB_STRING:
        pack_text(packer, bytes->bytes, bytes->length);
        break;
    case CONFAB_BINARY:
        msgpack_pack_bin_with_body(packer, bytes->bytes, bytes->length);
        break;
    case CONFAB_EXT:
        pack_ext(packer, bytes, value->ext_type);
        break;
    case CONFAB_ARRAY:
        return depth < VALUE_DEPTH_MAX ? pack_array(packer, value_to_array(value), depth)
                                       : CONFAB_ELIMIT;
    case CONFAB_OBJECT:
        return depth < VALUE_DEPTH_MAX ? pack_object(packer, value_to_object(value), depth)
                                       : CONFAB_ELIMIT;
    }
    return buf_error(((const struct writer *)packer->data)->out);
}

static int write(const struct confab_value *value, struct buf *out, bool old)
{
    struct writer writer = {out, old};
    msgpack_packer packer;
    msgpack_packer_init(&packer, &writer, append);
    return pack(&packer, value, 0);
}

int value_write_msgpack(const struct confab_value *value, struct buf *out)
{
    return write(value, out, false);
}

int value_write_msgpack_notepack2(const struct confab_value *value, struct buf *out)
{
    return write(value, out, true);
}
