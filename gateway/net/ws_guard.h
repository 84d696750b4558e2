/*
 * A look at incoming WebSocket frames before libwebsockets gets them, without I/O (RFC 6455,
 * section 5).
 *
 * libwebsockets takes frames that are not masked, says nothing about the code it closes with in
 * some cases, and cannot be asked where a frame ends. The guard reads headers only: it refuses what
 * breaks the protocol or the limits, with the code that belongs in the close frame, and tells where
 * each frame ends. It does not unmask, and does not look at text.
 */
#ifndef CONFAB_NET_WS_GUARD_H
#define CONFAB_NET_WS_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_RSV1 0x40 /* in the first byte of a frame */

/* Fragments of one message: a bound on the work that a stream of empty ones can make. */
#define WS_FRAGMENTS_MAX 4096

enum ws_close_code {
    WS_CLOSE_NONE = 0, /* an empty close frame */
    WS_CLOSE_PROTOCOL = 1002,
    WS_CLOSE_TEXT = 1007,
    WS_CLOSE_POLICY = 1008,
    WS_CLOSE_TOO_BIG = 1009,
};

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10
};

/* Zeroed at the start of a connection, but for what its handshake agreed on. */
struct ws_guard {
    uint32_t frame_left;    /* payload bytes of the current frame still to come */
    uint32_t message_bytes; /* announced so far by the frames of the current message */
    uint16_t fragments;
    uint8_t header[14];
    uint8_t header_bytes; /* collected of it */
    bool in_payload;
    bool in_message;  /* fragments of a data message are open */
    bool may_deflate; /* RSV1 marks compressed messages (RFC 7692, section 6); else it is refused */
    bool is_deflated; /* the current message, or the last one, is compressed */
};

enum ws_step {
    WS_STEP_MORE, /* all bytes are consumed, the frame goes on */
    WS_STEP_END,  /* a frame ended with the consumed bytes */
    WS_STEP_BAD,  /* refuse: nothing of the consumed bytes' frame may go on */
};

/*
 * Reads up to the end of a frame. *consumed tells how many bytes that took; with WS_STEP_END
 * *opcode is the frame's, with WS_STEP_BAD *code says why. A data message above max_message_bytes
 * is refused at the header that announces it; of a compressed one these are the bytes that come.
 */
enum ws_step ws_guard_read(struct ws_guard *guard, const uint8_t *bytes, size_t length_bytes,
                           uint32_t max_message_bytes, size_t *consumed, enum ws_opcode *opcode,
                           enum ws_close_code *code);

/* After WS_STEP_END: whether the frame was the last of a data message that was not empty. */
bool ws_guard_ended_message(const struct ws_guard *guard);

/* Whether the next byte is the first of a frame. */
bool ws_guard_is_at_start(const struct ws_guard *guard);

/* Whether a message, or a frame, has begun and not yet ended. */
bool ws_guard_is_inside(const struct ws_guard *guard);

/* A close frame with this code as the server sends it; returns its length (2 or 4). */
size_t ws_close_frame(uint8_t out[4], enum ws_close_code code);

#endif
