/*
 * A growable byte buffer with a hard limit.
 *
 * The limit is given at birth, so whatever a peer sends can never make a buffer grow beyond what
 * its owner decided. The first append that fails leaves the content as it was and makes the error
 * stick: every later append fails with the same error until buf_reset(). A writer may therefore
 * append a whole document and look at buf_error() once at its end.
 *
 * There is always one NUL byte behind the content (not counted), so text can be handed to C string
 * functions.
 */
#ifndef CONFAB_COMMON_BUF_H
#define CONFAB_COMMON_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *data;      /* owned; NULL until the first append */
    size_t len;         /* bytes in use */
    size_t cap;         /* bytes allocated, the NUL's place included */
    size_t limit_bytes; /* len never exceeds this */
    int err;            /* CONFAB_OK, or the error that sticks */
};

/* Embedded life: init allocates nothing, fini frees and leaves an empty buffer that may be used
 * again (same limit). */
void buf_init(struct buf *b, size_t limit_bytes);
void buf_fini(struct buf *b);

/* Forgets content and error, keeps the memory. */
void buf_reset(struct buf *b);

/* All of the appending functions return CONFAB_OK, CONFAB_ELIMIT or CONFAB_ENOMEM, or the error
 * that sticks. */
int buf_reserve(struct buf *b, size_t extra); /* room for extra more bytes, so that many small
                                                 appends do not regrow */
int buf_append(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *text);
int buf_put_u8(struct buf *b, uint8_t v);
int buf_put_u16be(struct buf *b, uint16_t v);
int buf_put_u32be(struct buf *b, uint32_t v);
int buf_put_u64be(struct buf *b, uint64_t v);
int buf_put_uint(struct buf *b, uint64_t v); /* decimal digits, without the cost of printf */
int buf_put_int(struct buf *b, int64_t v);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Lengthens the content by len bytes and returns where they begin, for the caller to fill all of
 * them; NULL when it fails. The pointer is good until the next append. */
uint8_t *buf_extend(struct buf *b, size_t len);

/* Cuts the content to len bytes, which must not be more than there are. */
void buf_truncate(struct buf *b, size_t len);

/* Drops len bytes (at most all) from the front; moves what remains. */
void buf_consume(struct buf *b, size_t len);

/* Hands the content over: malloc'ed, NUL behind it, the caller frees. *len may be NULL. Leaves b
 * empty. NULL only when the buffer carries an error, which then stays, as does the content. */
uint8_t *buf_take(struct buf *b, size_t *len);

/* The content as text; never NULL. Good until the next append. */
const char *buf_text(const struct buf *b);

static inline int buf_error(const struct buf *b)
{
    return b->err;
}

#endif
