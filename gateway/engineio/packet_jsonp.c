/* Scripts out, forms in: packet_jsonp.h. */
#include "gateway/engineio/packet_jsonp.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "gateway/engineio/packet.h"
#include <confab/err.h>

/* ---- out ---- */

/* How many bytes at `text` JavaScript or HTML would not leave alone inside a text in a script: 1,
 * or 3 for its own line ends U+2028 and U+2029; 0: none. */
static size_t special(const char *text, size_t text_bytes)
{
    unsigned char c = (unsigned char)*text;

    if (c < 0x20 || c == 0x7f || c == '"' || c == '\\' || c == '<' || c == '>')
        return 1;
    return text_bytes >= 3 &&
                   (memcmp(text, "\xe2\x80\xa8", 3) == 0 || memcmp(text, "\xe2\x80\xa9", 3) == 0)
               ? 3
               : 0;
}

/* A queue may be full of them: no printf. */
static void put_escaped(struct buf *out, const char *text, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    unsigned code = bytes == 3 ? 0x2000u + (unsigned char)text[2] - 0x80 : (unsigned char)*text;
    char escape[6] = {'\\',
                      'u',
                      digits[code >> 12],
                      digits[code >> 8 & 0xf],
                      digits[code >> 4 & 0xf],
                      digits[code & 0xf]};

    if (code == '"' || code == '\\') {
        escape[1] = (char)code;
        buf_append(out, escape, 2);
    } else {
        buf_append(out, escape, sizeof(escape));
    }
}

static void put_text(struct buf *out, const char *text, size_t text_bytes)
{
    size_t plain = 0, at = 0;

    while (at < text_bytes) {
        size_t bytes = special(text + at, text_bytes - at);

        if (bytes > 0) {
            buf_append(out, text + plain, at - plain);
            put_escaped(out, text + at, bytes);
            plain = at + bytes;
        }
        at += bytes > 0 ? bytes : 1;
    }
    buf_append(out, text + plain, text_bytes - plain);
}

int eio_jsonp_wrap(struct buf *body, size_t from, uint32_t number)
{
    size_t text_bytes = body->len - from;
    char *text;

    if (buf_error(body) != CONFAB_OK)
        return buf_error(body);
    text = xmemdup(buf_text(body) + from, text_bytes);
    buf_truncate(body, from);
    buf_printf(body, "___eio[%" PRIu32 "](\"", number);
    put_text(body, text, text_bytes);
    buf_puts(body, "\");");
    free(text);
    return buf_error(body);
}

/* ---- in ---- */

/* The value of the only field `d`, still encoded. */
static int find_field(const char *form, size_t form_bytes, const char **value, size_t *value_bytes)
{
    const char *at = form, *end = form + form_bytes;

    *value = NULL;
    while (at < end) {
        const char *mark = memchr(at, '&', (size_t)(end - at));
        size_t length = (size_t)((mark != NULL ? mark : end) - at);

        if (length >= 2 && at[0] == 'd' && at[1] == '=') {
            if (*value != NULL)
                return CONFAB_EPARSE;
            *value = at + 2;
            *value_bytes = length - 2;
        }
        at += length + 1;
    }
    return *value != NULL ? CONFAB_OK : CONFAB_EPARSE;
}

/* In place: `\n` is a line end, `\\n` is `\n`. Returns the new length. */
static size_t unescape_line_ends(char *text, size_t length)
{
    size_t from = 0, to = 0;

    while (from < length) {
        const char *at = text + from;
        size_t left = length - from;

        if (left >= 3 && memcmp(at, "\\\\n", 3) == 0) {
            text[to++] = '\\';
            text[to++] = 'n';
            from += 3;
        } else if (left >= 2 && memcmp(at, "\\n", 2) == 0) {
            text[to++] = '\n';
            from += 2;
        } else {
            text[to++] = *at;
            from++;
        }
    }
    return to;
}

int eio_jsonp_read_form(const char *form, size_t form_bytes, struct buf *payload)
{
    size_t value_bytes = 0, before = payload->len;
    const char *value;
    char *text;

    if (find_field(form, form_bytes, &value, &value_bytes) != CONFAB_OK)
        return CONFAB_EPARSE;
    if (value_bytes == 0)
        return CONFAB_OK;
    text = (char *)buf_extend(payload, value_bytes);
    if (text == NULL)
        return buf_error(payload);
    value_bytes = eio_query_decode(value, value_bytes, text, value_bytes);
    buf_truncate(payload, before + unescape_line_ends(text, value_bytes));
    return CONFAB_OK;
}
