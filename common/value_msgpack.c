/*
 * msgpack bytes to values, by msgpack-c.
 *
 * This uses msgpack-c's unpacking routine as the template it is, with our own callbacks, so that
 * it builds values and not its own objects; and with our own stack, since the packaged one ends at
 * 32 levels. value_check_msgpack() has been over the bytes before, so nothing here can fail half
 * way.
 */
#include <math.h>
#include <string.h>

/* The template's switch for its stack; a level takes about 50 bytes of ours. */
#define MSGPACK_EMBED_STACK_SIZE 513
#include <msgpack/unpack.h>
#include <msgpack/unpack_define.h>

#include "common/value.h"
#include "common/value_tree.h"
#include <confab/err.h>

_Static_assert(MSGPACK_EMBED_STACK_SIZE > VALUE_DEPTH_MAX,
               "each level that passes the limits has its place");

#define EXT_TIMESTAMP (-1)
#define EXT_OLD 0 /* notepack.io 2: undefined, dates and ArrayBuffers */
#define FIXEXT_8 0xd7
#define FIXEXT_1 0xd4
#define NANOSECONDS_PER_MS 1000000.0

/* What the template hands about: text stays where it lies until it is known to be a key or a value.
 */
struct slot {
    enum { SLOT_VALUE, SLOT_TEXT, SLOT_WHOLE, SLOT_REAL } form;
    uint32_t length;
    union {
        struct confab_value *value;
        const char *text;
        int64_t whole;
        double real;
    } as;
};

struct reader {
    char unused;
};

static struct confab_value *value_of(const struct slot *slot)
{
    switch (slot->form) {
    case SLOT_TEXT:
        return value_string_repaired(slot->as.text, slot->length);
    case SLOT_WHOLE:
        return confab_int(slot->as.whole);
    case SLOT_REAL:
        return confab_double(slot->as.real);
    case SLOT_VALUE:
        break;
    }
    return slot->as.value;
}

static int set_value(struct slot *slot, struct confab_value *value)
{
    slot->form = SLOT_VALUE;
    slot->as.value = value;
    return 0;
}

static int set_whole(struct slot *slot, int64_t whole)
{
    slot->form = SLOT_WHOLE;
    slot->as.whole = whole;
    return 0;
}

static int set_real(struct slot *slot, double real)
{
    slot->form = SLOT_REAL;
    slot->as.real = real;
    return 0;
}

static struct slot reader_root(struct reader *reader)
{
    (void)reader;
    return (struct slot){.form = SLOT_VALUE, .as.value = confab_undefined()};
}

#define READ_WHOLE(name, type)                                                     \
    static int reader_##name(struct reader *reader, type whole, struct slot *slot) \
    {                                                                              \
        (void)reader;                                                              \
        return set_whole(slot, whole);                                             \
    }
READ_WHOLE(uint8, uint8_t)
READ_WHOLE(uint16, uint16_t)
READ_WHOLE(uint32, uint32_t)
READ_WHOLE(int8, int8_t)
READ_WHOLE(int16, int16_t)
READ_WHOLE(int32, int32_t)
READ_WHOLE(int64, int64_t)
#undef READ_WHOLE

static int reader_uint64(struct reader *reader, uint64_t whole, struct slot *slot)
{
    (void)reader;
    return whole <= INT64_MAX ? set_whole(slot, (int64_t)whole) : set_real(slot, (double)whole);
}

static int reader_float(struct reader *reader, float real, struct slot *slot)
{
    (void)reader;
    return set_real(slot, (double)real);
}

static int reader_double(struct reader *reader, double real, struct slot *slot)
{
    (void)reader;
    return set_real(slot, real);
}

static int reader_nil(struct reader *reader, struct slot *slot)
{
    (void)reader;
    return set_value(slot, confab_null());
}

static int reader_true(struct reader *reader, struct slot *slot)
{
    (void)reader;
    return set_value(slot, confab_bool(true));
}

static int reader_false(struct reader *reader, struct slot *slot)
{
    (void)reader;
    return set_value(slot, confab_bool(false));
}

static int reader_str(struct reader *reader, const char *start, const char *text,
                      unsigned int length, struct slot *slot)
{
    (void)reader;
    (void)start;
    slot->form = SLOT_TEXT;
    slot->length = length;
    slot->as.text = length == 0 ? "" : text;
    return 0;
}

static int reader_bin(struct reader *reader, const char *start, const char *bytes,
                      unsigned int length, struct slot *slot)
{
    (void)reader;
    (void)start;
    return set_value(slot, confab_binary(bytes, length));
}

static uint64_t load(const char *bytes, unsigned size_bytes)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < size_bytes; i++)
        number = number << 8 | (uint8_t)bytes[i];
    return number;
}

/* The three forms of a timestamp (msgpack specification, "Timestamp extension type"), by the length
 * of what they hold; NULL for any other length. Node decodes the 4 and 8 byte ones only behind
 * their fixext headers and so do we. */
static struct confab_value *timestamp_of(const char *bytes, unsigned length, bool fixed)
{
    if (length == 4 && fixed)
        return confab_date((double)load(bytes, 4) * 1000);
    if (length == 8 && fixed) {
        uint64_t both = load(bytes, 8);
        double nanoseconds = (double)(both >> 34);
        return confab_date((double)(both & UINT64_C(0x3ffffffff)) * 1000 +
                           nanoseconds / NANOSECONDS_PER_MS);
    }
    if (length == 12 && !fixed) {
        double seconds = (double)(int64_t)load(bytes + 4, 8);
        return confab_date(seconds * 1000 + (double)load(bytes, 4) / NANOSECONDS_PER_MS);
    }
    return NULL;
}

/* The header's last byte tells a fixext, whose length it implies, from an ext, whose length it
 * states: for the lengths that matter they differ. notepack.io 2 means undefined by `d4 00`, a date
 * by `d7 00`, an ArrayBuffer by the ext forms. */
static int reader_ext(struct reader *reader, const char *start, const char *piece,
                      unsigned int piece_length, struct slot *slot)
{
    (void)reader;
    (void)start;
    int8_t type = (int8_t)piece[0];
    const char *bytes = piece + 1;
    unsigned length = piece_length - 1;
    uint8_t header = (uint8_t)piece[-1];
    bool fixed = header >= FIXEXT_1 && header <= 0xd8 && length <= 16;
    struct confab_value *value = NULL;
    if (type == EXT_TIMESTAMP)
        value = timestamp_of(bytes, length, fixed);
    else if (type == EXT_OLD && !fixed)
        value = confab_binary(bytes, length);
    else if (type == EXT_OLD && header == FIXEXT_1)
        value = confab_undefined();
    else if (type == EXT_OLD && header == FIXEXT_8)
        value = confab_date((double)(int64_t)load(bytes, 8));
    return set_value(slot, value != NULL ? value : confab_ext(type, bytes, length));
}

static int reader_array(struct reader *reader, unsigned int count, struct slot *slot)
{
    (void)reader;
    return set_value(slot, &value_array_new(count)->head);
}

static int reader_array_item(struct reader *reader, struct slot *container, struct slot item)
{
    (void)reader;
    struct value_array *array = value_to_array(container->as.value);
    struct confab_value *value = value_of(&item);
    array->items[array->count++] = value;
    array->head.binary |= value->binary;
    return 0;
}

static int reader_map(struct reader *reader, unsigned int count, struct slot *slot)
{
    /* Room for keys of ordinary length; the longer ones get a place of their own. */
    (void)reader;
    return set_value(slot, &value_object_new(count, (size_t)count * 10)->head);
}

/* What JavaScript calls a property whose name is not a string. */
static size_t key_text(const struct slot *key, char text[VALUE_NUMBER_TEXT_BYTES])
{
    if (key->form == SLOT_WHOLE)
        return value_real_text((double)key->as.whole, text);
    if (key->form == SLOT_REAL)
        return value_real_text(key->as.real, text);
    const char *word = confab_is(key->as.value, CONFAB_NULL)  ? "null"
                       : confab_as_bool(key->as.value, false) ? "true"
                                                              : "false";
    size_t length = strlen(word);
    memcpy(text, word, length);
    return length;
}

static int reader_map_item(struct reader *reader, struct slot *container, struct slot key,
                           struct slot item)
{
    (void)reader;
    struct confab_value *object = container->as.value;
    struct confab_value *value = value_of(&item);
    if (key.form == SLOT_TEXT) {
        confab_set_n(object, key.as.text, key.length, value);
    } else {
        char text[VALUE_NUMBER_TEXT_BYTES];
        value_object_put(value_to_object(object), text, key_text(&key, text), value);
    }
    return 0;
}

#define msgpack_unpack_struct(name) struct reader##name
#define msgpack_unpack_func(ret, name) static inline ret reader##name
#define msgpack_unpack_callback(name) reader##name
#define msgpack_unpack_object struct slot
#define msgpack_unpack_user struct reader
#include <msgpack/unpack_template.h>

int value_parse_msgpack(const void *bytes, size_t length_bytes, const struct value_limits *limits,
                        struct confab_value **out)
{
    struct value_limits in_force = value_limits_of(limits);
    *out = NULL;
    int rc = value_check_msgpack(bytes, length_bytes, &in_force);
    if (rc != CONFAB_OK)
        return rc;
    struct reader_context context;
    size_t consumed = 0;
    reader_init(&context);
    if (reader_execute(&context, bytes, length_bytes, &consumed) != 1)
        return CONFAB_EINTERNAL;
    struct slot root = reader_data(&context);
    *out = value_of(&root);
    return CONFAB_OK;
}
