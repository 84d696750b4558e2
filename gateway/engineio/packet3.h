/*
 * Engine.IO 3 on the wire, where it differs from revision 4: how packets stand in a payload, and
 * how bytes stand in a packet. Types, the open packet and the packet of text are the same
 * (packet.h).
 *
 * Everything here is a pure function of its arguments. A payload is text or, when one of its
 * packets is binary and the client takes bytes, binary:
 *
 *   text     <length>:<packet>…        the length in UTF-16 units, as JavaScript counts; bytes are
 *                                      the packet `b4` and base64
 *   binary   <0|1> <digits> ff <packet>…   0: text, 1: bytes behind the byte 04; the length in
 *                                      bytes, each decimal digit a byte of that value
 *
 * Wire rules: Engine.IO protocol revision 3; the reference is engine.io-parser 2. Stricter than
 * that one: a length has at most ten digits, no packet is empty, text is valid UTF-8, and bytes are
 * messages.
 */
#ifndef CONFAB_ENGINEIO_PACKET3_H
#define CONFAB_ENGINEIO_PACKET3_H

#include "gateway/engineio/packet.h"

/* Reads one packet that fills `bytes` wholly, as a WebSocket frame carries it or as it stands in a
 * payload; as eio_packet_decode() but for the type in front of bytes, which must be a message's. */
int eio3_packet_decode(enum frame_kind kind, const char *bytes, size_t length_bytes,
                       struct buf *scratch, struct eio_packet *packet);

/* What a WebSocket carries for a frame of bytes: 04 and the bytes, or with `base64` a text. Takes
 * the reference, gives one. A frame of text is given back as it is. */
struct frame *eio3_websocket_frame(struct frame *frame, bool base64);

/* The walk over a payload that eio_payload_begin() began: as eio_payload_next(). `kind` is the
 * payload's form, the same at each call. */
int eio3_payload_next(struct eio_payload *payload, enum frame_kind kind, struct buf *scratch,
                      struct eio_packet *packet);

/* Appends a frame in the form of a text payload, where its JSON is written in ASCII
 * (packet3_text.h), or of a binary one. Errors: those of the buf. */
int eio3_payload_add_text(struct buf *payload, struct frame *frame);
int eio3_payload_add_binary(struct buf *payload, const struct frame *frame);

#endif
