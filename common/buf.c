/* The growable buffer of buf.h: doubling growth, one sticky error. */
#include "common/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <confab/err.h>

#define FIRST_CAP 64

void buf_init(struct buf *b, size_t limit_bytes)
{
    /* One below SIZE_MAX leaves the NUL its place. */
    *b = (struct buf){.limit_bytes = limit_bytes < SIZE_MAX ? limit_bytes : SIZE_MAX - 1};
}

void buf_fini(struct buf *b)
{
    free(b->data);
    buf_init(b, b->limit_bytes);
}

void buf_reset(struct buf *b)
{
    b->err = CONFAB_OK;
    buf_truncate(b, 0);
}

int buf_reserve(struct buf *b, size_t extra)
{
    size_t need, cap;
    uint8_t *data;

    if (b->err != CONFAB_OK)
        return b->err;
    if (extra > b->limit_bytes - b->len)
        return b->err = CONFAB_ELIMIT;
    need = b->len + extra + 1;
    if (need <= b->cap)
        return CONFAB_OK;

    cap = b->cap != 0 ? b->cap : FIRST_CAP;
    while (cap < need)
        cap = cap <= SIZE_MAX / 2 ? cap * 2 : need;
    if (cap > b->limit_bytes + 1)
        cap = b->limit_bytes + 1;
    data = realloc(b->data, cap);
    if (data == NULL)
        return b->err = CONFAB_ENOMEM;
    b->data = data;
    b->cap = cap;
    b->data[b->len] = '\0';
    return CONFAB_OK;
}

uint8_t *buf_extend(struct buf *b, size_t len)
{
    uint8_t *at;

    if (buf_reserve(b, len) != CONFAB_OK)
        return NULL;
    at = b->data + b->len;
    b->len += len;
    b->data[b->len] = '\0';
    return at;
}

int buf_append(struct buf *b, const void *data, size_t len)
{
    uint8_t *at = buf_extend(b, len);

    if (at == NULL)
        return b->err;
    if (len != 0)
        memcpy(at, data, len);
    return CONFAB_OK;
}

int buf_puts(struct buf *b, const char *text)
{
    return buf_append(b, text, strlen(text));
}

int buf_put_u8(struct buf *b, uint8_t v)
{
    if (b->err == CONFAB_OK && b->len < b->limit_bytes && b->len + 2 <= b->cap) {
        b->data[b->len++] = v;
        b->data[b->len] = '\0';
        return CONFAB_OK;
    }
    return buf_append(b, &v, 1);
}

static int put_big_endian(struct buf *b, uint64_t v, size_t bytes)
{
    uint8_t *at = buf_extend(b, bytes);

    if (at == NULL)
        return b->err;
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
    return CONFAB_OK;
}

int buf_put_u16be(struct buf *b, uint16_t v)
{
    return put_big_endian(b, v, 2);
}

int buf_put_u32be(struct buf *b, uint32_t v)
{
    return put_big_endian(b, v, 4);
}

int buf_put_u64be(struct buf *b, uint64_t v)
{
    return put_big_endian(b, v, 8);
}

int buf_put_uint(struct buf *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    return buf_append(b, digits + at, sizeof(digits) - at);
}

int buf_put_int(struct buf *b, int64_t v)
{
    if (v >= 0)
        return buf_put_uint(b, (uint64_t)v);
    /* Both parts or nothing. */
    if (buf_reserve(b, 1) != CONFAB_OK)
        return b->err;
    buf_put_u8(b, '-');
    if (buf_put_uint(b, -(uint64_t)v) != CONFAB_OK)
        buf_truncate(b, b->len - 1);
    return b->err;
}

int buf_vprintf(struct buf *b, const char *format, va_list args)
{
    va_list again;
    uint8_t *at;
    int len;

    if (b->err != CONFAB_OK)
        return b->err;
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    if (len < 0) {
        b->err = CONFAB_EINVAL;
    } else {
        at = buf_extend(b, (size_t)len);
        if (at != NULL)
            vsnprintf((char *)at, (size_t)len + 1, format, again);
    }
    va_end(again);
    return b->err;
}

int buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    int err;

    va_start(args, format);
    err = buf_vprintf(b, format, args);
    va_end(args);
    return err;
}

void buf_truncate(struct buf *b, size_t len)
{
    if (b->data == NULL || len > b->len)
        return;
    b->len = len;
    b->data[len] = '\0';
}

void buf_consume(struct buf *b, size_t len)
{
    if (len >= b->len) {
        buf_truncate(b, 0);
        return;
    }
    if (len != 0) {
        memmove(b->data, b->data + len, b->len - len);
        buf_truncate(b, b->len - len);
    }
}

uint8_t *buf_take(struct buf *b, size_t *len)
{
    uint8_t *data;

    if (b->err != CONFAB_OK || (b->data == NULL && buf_reserve(b, 0) != CONFAB_OK))
        return NULL;
    data = b->data;
    if (len != NULL)
        *len = b->len;
    buf_init(b, b->limit_bytes);
    return data;
}

const char *buf_text(const struct buf *b)
{
    return b->data != NULL ? (const char *)b->data : "";
}
