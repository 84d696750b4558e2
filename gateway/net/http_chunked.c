#include "gateway/net/http_chunked.h"

#include <limits.h>

#include "common/hex.h"
#include <confab/err.h>

#define SIZE_DIGITS_MAX 13 /* 52 bits: far above any limit, far from overflow */

enum state {
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START, /* at the beginning of a line behind the last chunk */
    TRAILER,
    TRAILER_LF,
    LAST_LF,
};

static bool is_text(char c)
{
    return c == '\t' || ((unsigned char)c >= 0x20 && c != 0x7f);
}

static int count_extra(struct http_chunked *chunked)
{
    if (chunked->extra == HTTP_CHUNKED_EXTRA_MAX_BYTES)
        return CONFAB_ELIMIT;
    chunked->extra++;
    return CONFAB_OK;
}

static int read_size(struct http_chunked *chunked, char c)
{
    int digit = hex_value(c);

    if (digit >= 0) {
        if (chunked->digits++ == SIZE_DIGITS_MAX)
            return CONFAB_EPARSE;
        chunked->left = chunked->left << 4 | (uint64_t)digit;
        return CONFAB_OK;
    }
    if (chunked->digits == 0)
        return CONFAB_EPARSE;
    if (c == ';')
        chunked->state = EXTENSION;
    else if (c == '\r')
        chunked->state = SIZE_LF;
    else
        return CONFAB_EPARSE;
    return CONFAB_OK;
}

/* Extensions and trailer lines: text up to a CR. */
static int read_text(struct http_chunked *chunked, char c, enum state at_cr)
{
    if (c == '\r') {
        chunked->state = (uint8_t)at_cr;
        return CONFAB_OK;
    }
    return is_text(c) ? count_extra(chunked) : CONFAB_EPARSE;
}

static int expect(struct http_chunked *chunked, char c, char wanted, enum state next)
{
    if (c != wanted)
        return CONFAB_EPARSE;
    chunked->state = (uint8_t)next;
    return CONFAB_OK;
}

static int read_byte(struct http_chunked *chunked, char c)
{
    int err;

    switch ((enum state)chunked->state) {
    case SIZE:
        return read_size(chunked, c);
    case EXTENSION:
        return read_text(chunked, c, SIZE_LF);
    case SIZE_LF:
        chunked->digits = 0;
        return expect(chunked, c, '\n', chunked->left > 0 ? DATA : TRAILER_START);
    case DATA_CR:
        return expect(chunked, c, '\r', DATA_LF);
    case DATA_LF:
        return expect(chunked, c, '\n', SIZE);
    case TRAILER_START:
        if (c == '\r') {
            chunked->state = LAST_LF;
            return CONFAB_OK;
        }
        chunked->state = TRAILER;
        return read_text(chunked, c, TRAILER_LF);
    case TRAILER:
        return read_text(chunked, c, TRAILER_LF);
    case TRAILER_LF:
        return expect(chunked, c, '\n', TRAILER_START);
    case LAST_LF:
        err = expect(chunked, c, '\n', SIZE);
        chunked->done = err == CONFAB_OK;
        return err;
    case DATA:
        break;
    }
    return CONFAB_EPARSE;
}

int http_chunked_read(struct http_chunked *chunked, const char *bytes, size_t length_bytes,
                      const char **data, size_t *data_bytes)
{
    size_t at = 0;

    *data = bytes;
    *data_bytes = 0;
    if (length_bytes > INT_MAX)
        length_bytes = INT_MAX;
    while (at < length_bytes && !chunked->done) {
        if (chunked->state == DATA) {
            size_t n = length_bytes - at;

            if (n > chunked->left)
                n = (size_t)chunked->left;
            *data = bytes + at;
            *data_bytes = n;
            chunked->left -= n;
            if (chunked->left == 0)
                chunked->state = DATA_CR;
            return (int)(at + n);
        }
        int err = read_byte(chunked, bytes[at++]);

        if (err != CONFAB_OK)
            return err;
    }
    return (int)at;
}
