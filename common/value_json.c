/*
 * JSON text to values, by yyjson, as JavaScript's JSON.parse reads it; and numbers to JavaScript's
 * spelling.
 *
 * Two things that JSON.parse takes are foreign to yyjson. Numbers beyond a double are asked for as
 * raw text. Escapes of lone surrogates are errors to it, so only when it found an error is the text
 * looked through for them; then they are replaced by the three bytes that stand for them here, and
 * it reads again with invalid Unicode allowed. Everything else that this permission would let in
 * (wrong UTF-8, control characters inside strings) has been refused by then.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "common/value.h"
#include "common/value_tree.h"
#include <confab/err.h>

/* Documents that fit are read without an allocation by yyjson: about 1,200 bytes of text. */
#define STACK_POOL_BYTES (16 * 1024)

struct reading {
    size_t depth_left;
    size_t nodes_left;
};

static struct confab_value *convert(yyjson_val *from, struct reading *reading);

static struct confab_value *convert_raw_number(yyjson_val *from)
{
    const char *text = yyjson_get_raw(from);
    /* yyjson leaves as text what has no finite double, and whole numbers of more than 64 bits. The
     * former need no reading, which also keeps the locale's decimal point out of this. */
    if (strpbrk(text, ".eE") != NULL)
        return confab_double(text[0] == '-' ? -(double)INFINITY : (double)INFINITY);
    return confab_double(strtod(text, NULL));
}

static struct confab_value *convert_number(yyjson_val *from)
{
    if (yyjson_is_uint(from)) {
        uint64_t whole = yyjson_get_uint(from);
        return whole <= (uint64_t)VALUE_SAFE_INTEGER ? confab_int((int64_t)whole)
                                                     : confab_double((double)whole);
    }
    if (yyjson_is_sint(from))
        return confab_int(yyjson_get_sint(from));
    return confab_double(yyjson_get_real(from));
}

static struct confab_value *convert_array(yyjson_val *from, struct reading *reading)
{
    struct value_array *array = value_array_new(yyjson_arr_size(from));
    yyjson_arr_iter items = yyjson_arr_iter_with(from);
    yyjson_val *item;
    while ((item = yyjson_arr_iter_next(&items)) != NULL) {
        struct confab_value *value = convert(item, reading);
        if (value == NULL) {
            confab_value_release(&array->head);
            return NULL;
        }
        array->items[array->count++] = value;
        array->head.binary |= value->binary;
    }
    return &array->head;
}

static size_t key_bytes_of(yyjson_val *from)
{
    size_t bytes = 0;
    yyjson_obj_iter entries = yyjson_obj_iter_with(from);
    yyjson_val *key;
    while ((key = yyjson_obj_iter_next(&entries)) != NULL)
        bytes += yyjson_get_len(key) + 1;
    return bytes;
}

static struct confab_value *convert_object(yyjson_val *from, struct reading *reading)
{
    struct value_object *object = value_object_new(yyjson_obj_size(from), key_bytes_of(from));
    yyjson_obj_iter entries = yyjson_obj_iter_with(from);
    yyjson_val *key;
    while ((key = yyjson_obj_iter_next(&entries)) != NULL) {
        struct confab_value *value = convert(yyjson_obj_iter_get_val(key), reading);
        if (value == NULL) {
            confab_value_release(&object->head);
            return NULL;
        }
        value_object_put(object, yyjson_get_str(key), yyjson_get_len(key), value);
    }
    return &object->head;
}

/* NULL: a limit. */
static struct confab_value *convert(yyjson_val *from, struct reading *reading)
{
    if (reading->nodes_left-- == 0)
        return NULL;
    switch (yyjson_get_type(from)) {
    case YYJSON_TYPE_NULL:
        return confab_null();
    case YYJSON_TYPE_BOOL:
        return confab_bool(yyjson_get_bool(from));
    case YYJSON_TYPE_NUM:
        return convert_number(from);
    case YYJSON_TYPE_RAW:
        return convert_raw_number(from);
    case YYJSON_TYPE_STR:
        return value_string_trusted(yyjson_get_str(from), yyjson_get_len(from));
    default:
        break;
    }
    if (reading->depth_left == 0)
        return NULL;
    reading->depth_left--;
    struct confab_value *value =
        yyjson_is_arr(from) ? convert_array(from, reading) : convert_object(from, reading);
    reading->depth_left++;
    return value;
}

static int read_document(const char *text, size_t length, yyjson_read_flag flags,
                         const struct value_limits *limits, struct confab_value **out)
{
    char stack[STACK_POOL_BYTES];
    yyjson_alc pool;
    yyjson_read_err err;
    size_t most = yyjson_read_max_memory_usage(length, flags);
    bool small = most <= sizeof stack && yyjson_alc_pool_init(&pool, stack, sizeof stack);
    /* Not written to without YYJSON_READ_INSITU. */
    char *input = (char *)(uintptr_t)text;
    yyjson_doc *doc = yyjson_read_opts(input, length, flags, small ? &pool : NULL, &err);
    if (doc == NULL)
        return err.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? CONFAB_ENOMEM : CONFAB_EPARSE;
    struct reading reading = {limits->depth, limits->nodes};
    *out = convert(yyjson_doc_get_root(doc), &reading);
    yyjson_doc_free(doc);
    return *out == NULL ? CONFAB_ELIMIT : CONFAB_OK;
}

/*
 * Whether a text has more values or a deeper nesting than allowed, without reading it: one value at
 * the start and one behind each comma and each bracket that is not closed at once.
 */
static bool over_limits(const char *text, size_t length, const struct value_limits *limits)
{
    size_t nodes = 1;
    size_t depth = 0;
    bool opened = false;
    bool inside = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (inside) {
            if (c == '\\')
                i++;
            inside = c != '"';
            continue;
        }
        if (c == '[' || c == '{') {
            nodes++;
            depth++;
        } else if (c == ']' || c == '}') {
            nodes -= opened;
            depth -= depth > 0;
        } else if (c == ',') {
            nodes++;
        }
        inside = c == '"';
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            opened = c == '[' || c == '{';
        if (depth > limits->depth)
            return true;
    }
    return nodes > limits->nodes;
}

static bool read_escape(const char *text, size_t left, unsigned *unit)
{
    if (left < 6 || text[0] != '\\' || text[1] != 'u')
        return false;
    *unit = 0;
    for (unsigned i = 2; i < 6; i++) {
        char c = text[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;
        if (digit == 16)
            return false;
        *unit = *unit << 4 | digit;
    }
    return true;
}

/* One escape at text (a backslash): copied, or replaced if it is a lone surrogate. Returns the
 * bytes read. */
static size_t copy_escape(const char *text, size_t left, char **out, bool *replaced)
{
    unsigned unit;
    unsigned next;
    size_t length = left < 2 ? left : 2;
    if (read_escape(text, left, &unit) && unit >= 0xd800 && unit <= 0xdfff) {
        bool pair = unit < 0xdc00 && read_escape(text + 6, left - 6, &next) && next >= 0xdc00 &&
                    next <= 0xdfff;
        if (!pair) {
            *(*out)++ = (char)0xed;
            *(*out)++ = (char)(0x80 | (unit >> 6 & 0x3f));
            *(*out)++ = (char)(0x80 | (unit & 0x3f));
            *replaced = true;
            return 6;
        }
        length = 12;
    }
    memcpy(*out, text, length);
    *out += length;
    return length;
}

/*
 * The text with lone surrogates in three bytes each, which is never longer. 0 when there are none,
 * or when a string holds a control character, which JSON.parse refuses and the second reading would
 * not.
 */
static size_t replace_surrogates(const char *text, size_t length, char *out)
{
    char *end = out;
    bool replaced = false;
    bool inside = false;
    for (size_t i = 0; i < length;) {
        if (inside && text[i] == '\\') {
            i += copy_escape(text + i, length - i, &end, &replaced);
            continue;
        }
        if (inside && (unsigned char)text[i] < 0x20)
            return 0;
        if (text[i] == '"')
            inside = !inside;
        *end++ = text[i++];
    }
    return replaced ? (size_t)(end - out) : 0;
}

static int read_with_surrogates(const char *text, size_t length, const struct value_limits *limits,
                                struct confab_value **out)
{
    if (!utf8_valid(text, length))
        return CONFAB_EPARSE;
    char *replaced = malloc(length);
    if (replaced == NULL)
        return CONFAB_ENOMEM;
    size_t bytes = replace_surrogates(text, length, replaced);
    int rc = CONFAB_EPARSE;
    if (bytes > 0)
        rc = read_document(replaced, bytes,
                           YYJSON_READ_BIGNUM_AS_RAW | YYJSON_READ_ALLOW_INVALID_UNICODE, limits,
                           out);
    free(replaced);
    return rc;
}

int value_parse_json(const char *text, size_t length_bytes, const struct value_limits *limits,
                     struct confab_value **out)
{
    struct value_limits in_force = value_limits_of(limits);
    *out = NULL;
    if (length_bytes == 0)
        return CONFAB_EPARSE;
    /* A value takes two bytes with what separates it, so shorter texts keep within; their depth is
     * seen when converting. */
    if (length_bytes / 2 >= in_force.nodes && over_limits(text, length_bytes, &in_force))
        return CONFAB_ELIMIT;
    int rc = read_document(text, length_bytes, YYJSON_READ_BIGNUM_AS_RAW, &in_force, out);
    if (rc != CONFAB_EPARSE || memchr(text, '\\', length_bytes) == NULL)
        return rc;
    return read_with_surrogates(text, length_bytes, &in_force, out);
}

size_t value_number_spell(double number, char out[VALUE_NUMBER_TEXT_BYTES])
{
    char memory[512];
    yyjson_alc pool;
    yyjson_val val;
    size_t length = 0;
    memset(&val, 0, sizeof val);
    yyjson_alc_pool_init(&pool, memory, sizeof memory);
    yyjson_set_real(&val, number);
    char *text =
        yyjson_val_write_opts(&val, YYJSON_WRITE_INF_AND_NAN_AS_NULL, &pool, &length, NULL);
    if (text == NULL || length + 2 > VALUE_NUMBER_TEXT_BYTES)
        return 0;
    /* yyjson writes the shortest digits and switches to exponents where JavaScript does, but marks
     * whole numbers with ".0" and leaves the plus out of an exponent. */
    if (length > 2 && memcmp(text + length - 2, ".0", 2) == 0)
        length -= 2;
    char *exponent = memchr(text, 'e', length);
    size_t head = exponent == NULL || exponent[1] == '-' ? length : (size_t)(exponent - text) + 1;
    memcpy(out, text, head);
    if (head == length)
        return length;
    out[head] = '+';
    memcpy(out + head + 1, text + head, length - head);
    return length + 1;
}

size_t value_real_text(double number, char out[VALUE_NUMBER_TEXT_BYTES])
{
    if (isfinite(number))
        return value_number_spell(number, out);
    const char *word = isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
    size_t length = strlen(word);
    memcpy(out, word, length);
    return length;
}

size_t value_number_text(const struct confab_value *number, char out[VALUE_NUMBER_TEXT_BYTES])
{
    if (!confab_is(number, CONFAB_INT) && !confab_is(number, CONFAB_DOUBLE))
        return 0;
    return value_real_text(confab_as_double(number, 0), out);
}
