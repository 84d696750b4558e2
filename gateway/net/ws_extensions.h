/*
 * What a WebSocket handshake agrees on besides the protocol itself, without I/O: compression of
 * messages, permessage-deflate (RFC 6455, section 9; RFC 7692, section 7.1).
 *
 * Both sides forget after each message, so that a connection that is idle keeps no memory for it.
 * No other extension is known.
 */
#ifndef CONFAB_NET_WS_EXTENSIONS_H
#define CONFAB_NET_WS_EXTENSIONS_H

#include <stdbool.h>
#include <stdint.h>

struct buf;

#define WS_WINDOW_BITS_MAX 15

struct ws_terms {
    bool deflate;        /* messages may be compressed, in both directions */
    uint8_t window_bits; /* nothing sent may refer back further than 1 << window_bits bytes */
    bool tells_bits;     /* the client asked for a window: the answer repeats it */
};

/*
 * Reads offers: the value of Sec-WebSocket-Extensions, lines of it joined by commas. The first
 * offer of permessage-deflate that can be met is taken; one with a parameter that is unknown, there
 * twice, or of an impossible value is passed over, as is every other extension. False: the value
 * does not follow the grammar, and the handshake is to be refused.
 */
bool ws_extensions_read(const char *value, struct ws_terms *terms);

/* Appends the header line of the answer; nothing when nothing was agreed on. */
void ws_extensions_answer(const struct ws_terms *terms, struct buf *lines);

#endif
