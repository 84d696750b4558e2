/*
 * Content codings: which one a client takes (Accept-Encoding), and making it with zlib. No I/O.
 *
 * Negotiated as the reference server does (RFC 9110, 12.5.3): the highest q counts, then a coding
 * that is named before one that "*" stands for, then the one named first. Nothing named: nothing is
 * compressed.
 */
#ifndef CONFAB_NET_CODING_H
#define CONFAB_NET_CODING_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

enum coding { CODING_NONE, CODING_GZIP, CODING_DEFLATE, CODING_COUNT };

/* `accept` is the value of Accept-Encoding, or NULL. A weight that cannot be read counts as 0. */
enum coding coding_negotiate(const char *accept);
/* The header line of an answer in this coding, its CRLF included; "" for CODING_NONE. */
const char *coding_line(enum coding coding);

/*
 * Compresses one text after the other with memory that is taken once for each coding (256 KiB) and
 * kept. No text sees anything of another.
 */
struct coder;

enum coder_effort {
    CODER_FAST,     /* for answers that are made once: the loop waits meanwhile */
    CODER_THOROUGH, /* for what is compressed once and sent often */
};

struct coder *coder_new(enum coder_effort effort);
void coder_free(struct coder **coder);

/* Puts the compressed bytes in place of what `out` held. False when they would be no fewer, or
 * memory or the buffer's limit ran out: the content is to be sent as it is. */
bool coder_run(struct coder *coder, enum coding coding, const void *bytes, size_t length_bytes,
               struct buf *out);

#endif
