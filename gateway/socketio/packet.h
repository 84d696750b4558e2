/*
 * Socket.IO 5 packets: their text and their attachments.
 *
 * The decoder takes the messages of one Engine.IO session and gives packets; one that announces
 * binary attachments is kept until they came. The encoder makes the frames of a packet. Neither
 * knows what is connected to what: whether a packet is welcome is the client's business (client.c).
 *
 * Wire rules: Socket.IO protocol revision 5,
 *     <type>[<attachments>-][<namespace>,][<ack id>][<JSON>]
 * read as socket.io-parser 4.2 reads it, oddities included, because that is what stock clients and
 * servers do. Positions are bytes here and UTF-16 units there, which makes no difference.
 */
#ifndef CONFAB_SOCKETIO_PACKET_H
#define CONFAB_SOCKETIO_PACKET_H

#include <stdbool.h>
#include <stddef.h>

#include "common/frame.h"

struct buf;
struct confab_value;

/* The digits of the wire. 5 and 6 are EVENT and ACK with attachments. */
enum sio_type { SIO_CONNECT, SIO_DISCONNECT, SIO_EVENT, SIO_ACK, SIO_CONNECT_ERROR };

struct sio_packet {
    enum sio_type type;
    bool has_id;
    double id; /* a whole number >= 0: JavaScript's peers pass it through a double */
    const char *nsp;
    size_t nsp_bytes;
    struct confab_value *data; /* NULL: none */
    size_t wire_bytes;         /* of all messages it came in; what is written needs none */
};

/* connect, connect_error, disconnect, disconnecting, newListener, removeListener: never events. */
bool sio_event_is_reserved(const char *name, size_t length_bytes);

/* ---- reading ---- */

#define SIO_ATTACHMENTS_USUAL 10 /* as in stock decoders */
#define SIO_NSP_MAX_BYTES 512
#define SIO_JSON_DEPTH_MAX 256

struct sio_pending;

/* Embedded in whoever owns the session. */
struct sio_decoder {
    struct sio_pending *pending; /* the packet that awaits attachments, or got its last one with the
                                    latest call; owned, NULL: none */
    struct confab_value *map;    /* the latest packet in msgpack; owned, NULL: none */
    bool takes_queries;          /* behind the namespace, as clients of socket.io 1 and 2 have them;
                                    they do not count for SIO_NSP_MAX_BYTES */
    bool has_too_many;           /* attachments: why the latest answer was CONFAB_ELIMIT */
    unsigned max_attachments;    /* of a packet */
};

/* Nothing pending, no queries, SIO_ATTACHMENTS_USUAL; the owner may set the latter two. */
void sio_decoder_init(struct sio_decoder *decoder);
void sio_decoder_fini(struct sio_decoder *decoder);

/* A packet's text has come, and attachments are missing. */
bool sio_decoder_awaits(const struct sio_decoder *decoder);

/*
 * Takes one message; text must be UTF-8. CONFAB_OK: *packet is a whole packet, with `data` checked
 * against its type (CONNECT: an object; EVENT: an array that begins with a name, text or number,
 * not reserved; ACK: an array; CONNECT_ERROR: an object or text; DISCONNECT: nothing) or NULL where
 * the text had none. `data` is the caller's to release; `nsp` is borrowed, from `bytes` or from the
 * decoder, until the next call. CONFAB_EPARTIAL: more messages belong to it.
 * Errors: CONFAB_EPARSE; CONFAB_ELIMIT beyond max_attachments, SIO_NSP_MAX_BYTES, or
 * max_packet_bytes for text and attachments together. An attachment that the text names several
 * times counts as so many, since it would leave as so many. After an error only fini may follow.
 */
int sio_decode(struct sio_decoder *decoder, enum frame_kind kind, const char *bytes,
               size_t length_bytes, size_t max_packet_bytes, struct sio_packet *packet);

/*
 * The same for msgpack, as socket.io-msgpack-parser reads it: one message is one map {type, nsp,
 * data, id}. `data` is as strict as that decoder's: for an EVENT any array, so ask
 * sio_event_has_name(). A text is refused.
 */
int sio_decode_msgpack(struct sio_decoder *decoder, enum frame_kind kind, const char *bytes,
                       size_t length_bytes, size_t max_packet_bytes, struct sio_packet *packet);
/* A list that begins with text or a number, and with no reserved name. */
bool sio_event_has_name(const struct confab_value *data);

/* Reads JavaScript's Number() of a text, for where the grammar says so: white space around it is
 * skipped, empty is 0. False where it would be NaN, or is longer than anybody writes it. */
bool sio_read_number(const char *text, size_t length_bytes, double *number);
/* The length of the white space character of JavaScript that the text begins with; 0: none. */
size_t sio_white_space(const char *text, size_t length_bytes);

/* ---- writing ---- */

/*
 * The frames of a packet: the text with Engine.IO's `4` in front, then the attachments. EVENT and
 * ACK change to their binary types by themselves. With `event` (EVENT only, may be NULL) the name
 * goes in front of the items of `data`, else `data` holds it already. `data` is borrowed.
 * `scratch` is reset first; its limit bounds the text: NULL is returned beyond. The caller owns
 * the set.
 */
struct frame_set *sio_encode(const struct sio_packet *packet, const char *event,
                             struct buf *scratch);

/* The same in msgpack, one binary frame. */
struct frame_set *sio_encode_msgpack(const struct sio_packet *packet, const char *event,
                                     struct buf *scratch);

#endif
