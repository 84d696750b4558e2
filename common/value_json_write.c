/* Values to JSON text, as JavaScript's JSON.stringify writes it. */
#include <math.h>
#include <string.h>

#include "common/buf.h"
#include "common/value.h"
#include "common/value_tree.h"
#include <confab/err.h>

struct writing {
    struct buf *out;
    struct confab_value *attachments; /* NULL: bytes as {"type":"Buffer",...} */
};

static int write_value(struct writing *w, const struct confab_value *value, unsigned depth);

/* What eight bytes need before they may be copied: a mark in each byte that is a control character,
 * a quote, a backslash or not ASCII. */
static uint64_t special_bytes(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t tops = UINT64_C(0x8080808080808080);
    uint64_t quote = word ^ (ones * '"');
    uint64_t slash = word ^ (ones * '\\');
    return ((word - ones * 0x20) | (quote - ones) | (slash - ones) | word) & tops;
}

static bool is_plain(const char *text, size_t length)
{
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
        uint64_t word;
        memcpy(&word, text + i, 8);
        if (special_bytes(word) != 0)
            return false;
    }
    for (; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            return false;
    }
    return true;
}

static void write_unit(struct buf *out, unsigned unit)
{
    static const char digits[] = "0123456789abcdef";
    const char escape[6] = {
        '\\',
        'u',
        digits[unit >> 12 & 15],
        digits[unit >> 8 & 15],
        digits[unit >> 4 & 15],
        digits[unit & 15],
    };
    buf_append(out, escape, sizeof escape);
}

/* The escape of a byte that needs one, at text; returns how many bytes it covers. */
static size_t write_escape(struct buf *out, const char *text)
{
    unsigned char c = (unsigned char)text[0];
    if (c == 0xed) {
        write_unit(out, 0xd000 | ((unsigned)text[1] & 0x3f) << 6 | ((unsigned)text[2] & 0x3f));
        return 3;
    }
    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: the character, its letter */
    for (size_t i = 0; i + 1 < sizeof named; i += 2) {
        if (named[i] == (char)c) {
            buf_put_u8(out, '\\');
            buf_put_u8(out, (uint8_t)named[i + 1]);
            return 1;
        }
    }
    write_unit(out, c);
    return 1;
}

static bool needs_escape(const char *text)
{
    unsigned char c = (unsigned char)text[0];
    /* `ed a0` and above are surrogates; strings are whole, so a byte follows. */
    return c < 0x20 || c == '"' || c == '\\' || (c == 0xed && (unsigned char)text[1] >= 0xa0);
}

static void write_string(struct buf *out, const char *text, size_t length)
{
    if (is_plain(text, length)) {
        uint8_t *room = buf_extend(out, length + 2);
        if (room == NULL)
            return;
        room[0] = '"';
        memcpy(room + 1, text, length);
        room[length + 1] = '"';
        return;
    }
    buf_put_u8(out, '"');
    size_t start = 0;
    for (size_t i = 0; i < length;) {
        if (!needs_escape(text + i)) {
            i++;
            continue;
        }
        buf_append(out, text + start, i - start);
        i += write_escape(out, text + i);
        start = i;
    }
    buf_append(out, text + start, length - start);
    buf_put_u8(out, '"');
}

static void write_double(struct buf *out, double number)
{
    char text[VALUE_NUMBER_TEXT_BYTES];
    if (!isfinite(number)) {
        buf_append(out, "null", 4);
        return;
    }
    buf_append(out, text, value_number_spell(number, text));
}

/* Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar extended both
 * ways. */
static void civil_date(int64_t day, int64_t *year, unsigned *month, unsigned *month_day)
{
    /* Years that begin on 1 March put the leap day last; an era is 400 of them, 146,097 days.
     * 719,468 days lie between 0000-03-01 and 1970-01-01. */
    int64_t shifted = day + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * of_year + 2) / 153;
    *month_day = (unsigned)(of_year - (153 * march_month + 2) / 5 + 1);
    *month = (unsigned)(march_month < 10 ? march_month + 3 : march_month - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

/* Date.prototype.toISOString; years of more than four digits have six and a sign. */
static void write_date(struct buf *out, double ms)
{
    if (ms != ms) {
        buf_append(out, "null", 4);
        return;
    }
    int64_t whole = (int64_t)ms;
    int64_t day = whole / 86400000 - (whole % 86400000 < 0);
    unsigned of_day = (unsigned)(whole - day * 86400000);
    int64_t year;
    unsigned month;
    unsigned month_day;
    civil_date(day, &year, &month, &month_day);
    if (year >= 0 && year <= 9999)
        buf_printf(out, "\"%04d", (int)year);
    else
        buf_printf(out, "\"%c%06d", year < 0 ? '-' : '+', (int)(year < 0 ? -year : year));
    buf_printf(out, "-%02u-%02uT%02u:%02u:%02u.%03uZ\"", month, month_day, of_day / 3600000,
               of_day / 60000 % 60, of_day / 1000 % 60, of_day % 1000);
}

/* Bytes of a binary or ext value: a placeholder, or what Buffer.prototype.toJSON gives. */
static void write_bytes(struct writing *w, const struct confab_value *value)
{
    const struct value_bytes *binary = value_to_bytes(value);
    if (w->attachments != NULL) {
        buf_puts(w->out, "{\"_placeholder\":true,\"num\":");
        buf_put_uint(w->out, confab_size(w->attachments));
        buf_put_u8(w->out, '}');
        confab_push(w->attachments, value->kind == CONFAB_BINARY
                                        ? confab_value_hold(value)
                                        : confab_binary(binary->bytes, binary->length));
        return;
    }
    buf_puts(w->out, "{\"type\":\"Buffer\",\"data\":[");
    for (uint32_t i = 0; i < binary->length && buf_error(w->out) == CONFAB_OK; i++) {
        if (i > 0)
            buf_put_u8(w->out, ',');
        buf_put_uint(w->out, (uint8_t)binary->bytes[i]);
    }
    buf_append(w->out, "]}", 2);
}

/* The way a Node decoder shows an extension it does not know: the array [type, bytes]. */
static void write_ext(struct writing *w, const struct confab_value *value)
{
    buf_put_u8(w->out, '[');
    buf_put_int(w->out, value->ext_type);
    buf_put_u8(w->out, ',');
    write_bytes(w, value);
    buf_put_u8(w->out, ']');
}

static int write_array(struct writing *w, const struct value_array *array, unsigned depth)
{
    buf_put_u8(w->out, '[');
    for (uint32_t i = 0; i < array->count; i++) {
        if (i > 0)
            buf_put_u8(w->out, ',');
        int rc = write_value(w, array->items[i], depth + 1);
        if (rc != CONFAB_OK)
            return rc;
    }
    return buf_put_u8(w->out, ']');
}

static int write_object(struct writing *w, const struct value_object *object, unsigned depth)
{
    bool first = true;
    buf_put_u8(w->out, '{');
    for (uint32_t i = 0; i < object->count; i++) {
        const struct value_entry *entry = &object->entries[i];
        if (entry->value->kind == CONFAB_UNDEFINED)
            continue;
        if (!first)
            buf_put_u8(w->out, ',');
        first = false;
        write_string(w->out, entry->key, entry->key_bytes);
        buf_put_u8(w->out, ':');
        int rc = write_value(w, entry->value, depth + 1);
        if (rc != CONFAB_OK)
            return rc;
    }
    return buf_put_u8(w->out, '}');
}

static int write_value(struct writing *w, const struct confab_value *value, unsigned depth)
{
    switch (confab_kind(value)) {
    case CONFAB_UNDEFINED:
    case CONFAB_NULL:
        return buf_append(w->out, "null", 4);
    case CONFAB_BOOL:
        return value->truth ? buf_append(w->out, "true", 4) : buf_append(w->out, "false", 5);
    case CONFAB_INT:
        return buf_put_int(w->out, value_to_number(value)->as.whole);
    case CONFAB_DOUBLE:
        write_double(w->out, value_to_number(value)->as.real);
        break;
    case CONFAB_DATE:
        write_date(w->out, value_to_number(value)->as.real);
        break;
    case CONFAB_STRING:
        write_string(w->out, value_to_bytes(value)->bytes, value_to_bytes(value)->length);
        break;
    case CONFAB_BINARY:
        write_bytes(w, value);
        break;
    case CONFAB_EXT:
        write_ext(w, value);
        break;
    case CONFAB_ARRAY:
        return depth < VALUE_DEPTH_MAX ? write_array(w, value_to_array(value), depth)
                                       : CONFAB_ELIMIT;
    case CONFAB_OBJECT:
        return depth < VALUE_DEPTH_MAX ? write_object(w, value_to_object(value), depth)
                                       : CONFAB_ELIMIT;
    }
    return buf_error(w->out);
}

int value_write_json(const struct confab_value *value, struct buf *out,
                     struct confab_value *attachments)
{
    struct writing writing = {out, attachments};
    return write_value(&writing, value, 0);
}
