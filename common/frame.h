/*
 * Frames: one Engine.IO packet in its wire forms, made once, sent many times.
 *
 * A frame is immutable and counted; a broadcast holds the same frame in the queue of every
 * receiver. The bytes lie behind their own WebSocket header (RFC 6455 section 5.2: server to
 * client, FIN set, not masked), so that one buffer is what the socket gets, whoever the receiver
 * is. The form that HTTP polling needs for bytes (`b` and base64) is made at the first use and
 * kept, as is the compressed one. Frames know nothing of sessions or of what the text means.
 */
#ifndef CONFAB_COMMON_FRAME_H
#define CONFAB_COMMON_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_kind { FRAME_TEXT, FRAME_BINARY };

struct frame;

/*
 * A frame of `length_bytes` bytes, whose payload the caller fills through frame_fill() before
 * anybody else sees it. Text: the whole Engine.IO packet, type digit included (`42["hi"]`). Binary:
 * the bare bytes of a message. The caller owns the one reference.
 */
struct frame *frame_new(enum frame_kind kind, size_t length_bytes);
char *frame_fill(struct frame *frame);

/* Copies: `prefix` (may be NULL) followed by the bytes. */
struct frame *frame_text(const char *prefix, const char *text, size_t length_bytes);
struct frame *frame_binary(const void *bytes, size_t length_bytes);

/* True when its maker said so with frame_set_keep_plain(): transports do not compress it. */
bool frame_is_plain(const struct frame *frame);

/* The text is JSON from that byte on, its maker says (before anybody else sees it): who sends it
 * may escape characters there. frame_json_at() is the payload's length when nobody said so. */
void frame_set_json(struct frame *frame, size_t at);
size_t frame_json_at(const struct frame *frame);

struct frame *frame_hold(struct frame *frame);
void frame_release(struct frame *frame);

enum frame_kind frame_kind(const struct frame *frame);
/* The payload without any header. */
const char *frame_payload(const struct frame *frame, size_t *length_bytes);
/* The WebSocket form, header and payload in one piece. Borrowed. The bytes must not be changed:
 * others send them too. */
const uint8_t *frame_websocket(const struct frame *frame, size_t *length_bytes);
/* The same with a compressed payload (RFC 7692), for transports that agreed on it. Whoever
 * compresses first settles it for all, once: with that payload (copied), or with NULL when it does
 * not pay. Borrowed; NULL while, or when, there is none. */
bool frame_settled_deflated(const struct frame *frame);
void frame_settle_deflated(struct frame *frame, const void *payload, size_t length_bytes);
const uint8_t *frame_deflated(const struct frame *frame, size_t *length_bytes);
/* The form inside a polling payload: text as it is, binary as `b` and base64 (made at the first
 * call, then kept). Borrowed. */
const char *frame_polling(struct frame *frame, size_t *length_bytes);
/* Bytes that a queue counts for it: payload, header, and FRAME_OVERHEAD_BYTES for the struct, what
 * the allocator adds, and its place in the queue. Of a frame that others hold, too, each counts the
 * whole: they may leave before him. */
#define FRAME_OVERHEAD_BYTES 72
size_t frame_cost_bytes(const struct frame *frame);

/*
 * A packet of Socket.IO as frames: a text and, with binary inside, its attachments in order.
 * Counted and immutable like a frame. They must leave in one piece: no other frame between them.
 */
struct frame_set {
    unsigned references;
    unsigned count;
    struct frame *frames[]; /* owned; frames[0] is the text (or the only binary, with the msgpack
                               parser) */
};

/* Takes the references to the frames, copies the array. */
struct frame_set *frame_set_new(struct frame *const *frames, unsigned count);
/* Not worth compressing. Before anybody else sees the set. */
void frame_set_keep_plain(struct frame_set *set);
struct frame_set *frame_set_hold(struct frame_set *set);
void frame_set_release(struct frame_set *set);

#endif
