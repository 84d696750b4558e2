/*
 * The chunked transfer coding of a request body, without I/O (RFC 9112, 7.1).
 *
 * Strict: CRLF alone ends a line, sizes are bare hexadecimal digits, extensions and trailers are
 * bounded and thrown away.
 */
#ifndef CONFAB_NET_HTTP_CHUNKED_H
#define CONFAB_NET_HTTP_CHUNKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_CHUNKED_EXTRA_MAX_BYTES 4096 /* extensions and trailers of one body */

/* Zeroed at the start of a body. */
struct http_chunked {
    uint64_t left; /* data bytes of the current chunk */
    uint16_t extra;
    uint8_t state;
    uint8_t digits;
    bool done; /* the last CRLF was seen */
};

/*
 * Reads from `bytes` up to the end of the next piece of data, or of the body, or of the bytes.
 * Returns how many were consumed, and lends the data among them (*data_bytes may be 0). Call again
 * with what is left until `done` is set or nothing is left. CONFAB_EPARSE, CONFAB_ELIMIT (extra
 * bytes).
 */
int http_chunked_read(struct http_chunked *chunked, const char *bytes, size_t length_bytes,
                      const char **data, size_t *data_bytes);

#endif
