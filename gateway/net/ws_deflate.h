/*
 * Messages of WebSocket, compressed and back (RFC 7692, section 7.2), without I/O.
 *
 * One struct serves all connections, a message at a time: no message sees anything of another. Its
 * memory is taken at the first use (about 260 KiB to compress, 60 KiB to inflate) and kept.
 */
#ifndef CONFAB_NET_WS_DEFLATE_H
#define CONFAB_NET_WS_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct ws_deflate;

struct ws_deflate *ws_deflate_new(void);
void ws_deflate_free(struct ws_deflate **deflate);

enum ws_inflated {
    WS_INFLATED,
    /* Or cut off: a message ends where a block ends. Or made of far more blocks than any packer
     * makes of so many bytes: each takes time even when it is empty. */
    WS_INFLATE_CORRUPT,
    WS_INFLATE_TOO_BIG, /* the limit of `out` was reached, and there was more */
};

/* Appends the message that the payload stands for. What comes out is held against the limit of
 * `out` while it comes; nothing is believed beforehand. */
enum ws_inflated ws_inflate(struct ws_deflate *zip, const void *bytes, size_t length_bytes,
                            struct buf *out);

/* Puts the payload for the message in place of what `out` held. False when it would not be shorter
 * than the message, or the limit of `out` was reached: the message is to be sent as it is. */
bool ws_deflate_run(struct ws_deflate *zip, const void *bytes, size_t length_bytes,
                    struct buf *out);

#endif
