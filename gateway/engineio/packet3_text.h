/*
 * Text beyond ASCII in the text payloads of revision 3, where two generations of clients disagree
 * and both call themselves revision 3.
 *
 * engine.io-parser 2 and later put a packet into the payload as it is. engine.io-parser 1
 * (socket.io 1) writes each packet as UTF-8 first, makes a character of every byte, counts those,
 * and the request encodes them once more; it reads payloads the same way. Nobody does so in binary
 * payloads or on WebSockets, and nothing that a client says before its first text tells who it is.
 *
 * Out, JSON is written in ASCII, which both read alike. In, what a session sends settles it. Both
 * are pure functions of their arguments.
 */
#ifndef CONFAB_ENGINEIO_PACKET3_TEXT_H
#define CONFAB_ENGINEIO_PACKET3_TEXT_H

#include <stddef.h>

struct buf;

/* ---- out ---- */

/* JSON with \uXXXX for each UTF-16 unit of what is beyond ASCII. Bytes that are no UTF-8 become
 * \ufffd. At most three times as long, but for those. The first says how long it is, the second
 * appends it; errors: those of the buf. */
size_t eio3_ascii_json_bytes(const char *json, size_t json_bytes);
int eio3_put_ascii_json(struct buf *out, const char *json, size_t json_bytes);

/* ---- in ---- */

/* How often a session's client encodes its text. */
enum eio3_encoding {
    EIO3_ENCODING_UNKNOWN, /* all was ASCII as yet */
    EIO3_ENCODING_ONCE,    /* for sure */
    EIO3_ENCODING_TWICE    /* as far as can be seen */
};

/*
 * Reads the text of a packet, which is valid UTF-8, as its client meant it. A character above
 * U+00FF, or characters up to there that are no UTF-8 when taken as bytes, are proof of `once`.
 * With characters that are, `twice` is assumed, unless there was such a proof before.
 *
 * *encoding is what is known of the session, and is known after it. `text` is either left as it is
 * or decoded into `scratch`, which is reset first and needs a limit of *text_bytes; then *text is
 * in there, valid UTF-8. Surrogates that engine.io-parser 1 lets through are U+FFFD then.
 * CONFAB_OK, or the buf's error.
 */
int eio3_read_text(enum eio3_encoding *encoding, const char **text, size_t *text_bytes,
                   struct buf *scratch);

#endif
