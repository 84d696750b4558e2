/* Text beyond ASCII in payloads of revision 3: packet3_text.h. */
#include "gateway/engineio/packet3_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/buf.h"
#include "common/utf8.h"
#include <confab/err.h>

#define ESCAPE_BYTES 6 /* \uXXXX */
#define REPLACEMENT 0xfffd

/* ---- out ---- */

static size_t ascii_prefix(const char *text, size_t text_bytes)
{
    size_t n = 0;

    while (n < text_bytes && (unsigned char)text[n] < 0x80)
        n++;
    return n;
}

/* One character that is not ASCII; returns how many bytes of the text it is. */
static size_t next_beyond(const char *text, size_t text_bytes, uint32_t *cp)
{
    size_t n = utf8_decode(text, text_bytes, cp);

    if (n > 0)
        return n;
    *cp = REPLACEMENT;
    return 1;
}

size_t eio3_ascii_json_bytes(const char *json, size_t json_bytes)
{
    size_t at = 0, bytes = 0;

    if (utf8_count(json, json_bytes) == json_bytes && utf8_valid(json, json_bytes))
        return json_bytes;
    while (at < json_bytes) {
        size_t plain = ascii_prefix(json + at, json_bytes - at);
        uint32_t cp;

        at += plain;
        bytes += plain;
        if (at == json_bytes)
            break;
        at += next_beyond(json + at, json_bytes - at, &cp);
        bytes += cp >= 0x10000 ? 2 * ESCAPE_BYTES : ESCAPE_BYTES;
    }
    return bytes;
}

static void put_escape(struct buf *out, uint32_t unit)
{
    static const char digits[] = "0123456789abcdef";
    char escape[ESCAPE_BYTES] = {'\\',
                                 'u',
                                 digits[unit >> 12],
                                 digits[unit >> 8 & 0xf],
                                 digits[unit >> 4 & 0xf],
                                 digits[unit & 0xf]};

    buf_append(out, escape, sizeof(escape));
}

int eio3_put_ascii_json(struct buf *out, const char *json, size_t json_bytes)
{
    size_t at = 0;

    while (at < json_bytes) {
        size_t plain = ascii_prefix(json + at, json_bytes - at);
        uint32_t cp;

        buf_append(out, json + at, plain);
        at += plain;
        if (at == json_bytes)
            break;
        at += next_beyond(json + at, json_bytes - at, &cp);
        if (cp >= 0x10000)
            put_escape(out, 0xd800 + ((cp - 0x10000) >> 10));
        put_escape(out, cp >= 0x10000 ? 0xdc00 + ((cp - 0x10000) & 0x3ff) : cp);
    }
    return buf_error(out);
}

/* ---- in ---- */

/* Valid UTF-8, of characters up to U+00FF, to the bytes that they number; false when one is above.
 * Returns the bytes' count. */
static bool to_bytes(const uint8_t *text, size_t text_bytes, uint8_t *bytes, size_t *count)
{
    size_t from = 0, to = 0;

    while (from < text_bytes) {
        if (text[from] < 0x80) {
            bytes[to++] = text[from++];
            continue;
        }
        if (text[from] > 0xc3 || text_bytes - from < 2)
            return false;
        bytes[to++] = (uint8_t)(text[from] << 6 | (text[from + 1] & 0x3f));
        from += 2;
    }
    *count = to;
    return true;
}

/* engine.io-parser 1 encodes halves of pairs like any other character of three bytes. */
static void replace_surrogates(uint8_t *bytes, size_t count)
{
    static const uint8_t replacement[] = {0xef, 0xbf, 0xbd};
    size_t i;

    for (i = 0; i + 2 < count; i++) {
        if (bytes[i] == 0xed && bytes[i + 1] >= 0xa0 && bytes[i + 1] <= 0xbf &&
            (bytes[i + 2] & 0xc0) == 0x80)
            memcpy(bytes + i, replacement, sizeof(replacement));
    }
}

static bool decode(const char *text, size_t text_bytes, uint8_t *bytes, size_t *count)
{
    if (!to_bytes((const uint8_t *)text, text_bytes, bytes, count))
        return false;
    replace_surrogates(bytes, *count);
    return utf8_valid(bytes, *count);
}

int eio3_read_text(enum eio3_encoding *encoding, const char **text, size_t *text_bytes,
                   struct buf *scratch)
{
    uint8_t *bytes;
    size_t count;

    if (*encoding == EIO3_ENCODING_ONCE || utf8_count(*text, *text_bytes) == *text_bytes)
        return CONFAB_OK;
    buf_reset(scratch);
    bytes = buf_extend(scratch, *text_bytes);
    if (bytes == NULL)
        return buf_error(scratch);
    if (!decode(*text, *text_bytes, bytes, &count)) {
        *encoding = EIO3_ENCODING_ONCE;
        return CONFAB_OK;
    }
    buf_truncate(scratch, count);
    *encoding = EIO3_ENCODING_TWICE;
    *text = buf_text(scratch);
    *text_bytes = count;
    return CONFAB_OK;
}
