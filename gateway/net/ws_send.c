/*
 * Frames to a WebSocket. A frame carries its own header and is the same for all receivers, so a
 * single one is written from where it lies; several are put together for one write. Compressed
 * forms are shared in the same way. libwebsockets keeps what the socket does not take, at most one
 * write's worth, and nothing more is taken from the engine until that is gone.
 */
#include <string.h>

#include "common/frame.h"
#include "gateway/net/internal.h"

static bool may_be_compressed(const struct ws *ws, const struct frame *frame)
{
    size_t length;

    if (!ws->guard.may_deflate || frame_is_plain(frame))
        return false;
    frame_payload(frame, &length);
    /* A message no longer than the client's window cannot refer to anything outside. */
    return length >= ws->conn->net->ws_compress_from_bytes &&
           (ws->window_bits == WS_WINDOW_BITS_MAX || length <= (size_t)1 << ws->window_bits);
}

static void compress(struct net *net, struct frame *frame)
{
    size_t length;
    const char *payload = frame_payload(frame, &length);
    bool pays = ws_deflate_run(net_deflate(net), payload, length, &net->packed);

    frame_settle_deflated(frame, pays ? net->packed.data : NULL, net->packed.len);
    net->counters.ws_compression[NET_WS_DEFLATED]++;
}

/* What this client gets of a frame. The compressed form is made for the first one who takes it, and
 * is the same for the others. */
static const uint8_t *form_of(struct ws *ws, struct frame *frame, size_t *length)
{
    const uint8_t *bytes = NULL;

    if (may_be_compressed(ws, frame)) {
        if (!frame_settled_deflated(frame))
            compress(ws->conn->net, frame);
        bytes = frame_deflated(frame, length);
    }
    return bytes != NULL ? bytes : frame_websocket(frame, length);
}

static void finish_frame(struct ws *ws, struct frame *frame)
{
    size_t length;

    if (may_be_compressed(ws, frame) && frame_deflated(frame, &length) != NULL)
        ws->conn->net->counters.ws_compression[NET_WS_SENT]++;
    frame_release(frame);
}

/* A frame longer than one write goes piece by piece. False: the socket is broken. */
static bool send_long_frame(struct ws *ws)
{
    size_t length;
    const uint8_t *bytes = form_of(ws, ws->frame, &length);

    while (ws->frame_at < length && !lws_glue_is_full(ws)) {
        size_t piece = length - ws->frame_at;

        if (piece > NET_WRITE_BYTES)
            piece = NET_WRITE_BYTES;
        if (!lws_glue_write(ws, bytes + ws->frame_at, piece))
            return false;
        ws->frame_at += (uint32_t)piece;
    }
    if (ws->frame_at == length) {
        finish_frame(ws, ws->frame);
        ws->frame = NULL;
        ws->frame_at = 0;
    }
    return true;
}

/* Puts the frames that wait behind `first` together. One that does not fit becomes the frame that
 * goes alone, next. */
static size_t gather(struct ws *ws, uint8_t *out, struct frame *first, struct frame *second)
{
    struct frame *frame = first;
    size_t at = 0;

    while (frame != NULL) {
        size_t length;
        const uint8_t *bytes = form_of(ws, frame, &length);

        if (length > NET_WRITE_BYTES - at) {
            ws->frame = frame;
            ws->frame_at = 0;
            break;
        }
        memcpy(out + at, bytes, length);
        at += length;
        finish_frame(ws, frame);
        frame = second != NULL ? second : eio_ws_take(&ws->eio);
        second = NULL;
    }
    return at;
}

/* One round: a long frame's next pieces, or one write of what waits. False in *more when nothing
 * waits. */
static bool send_some(struct ws *ws, bool *more)
{
    struct frame *first;
    struct frame *second;
    const uint8_t *bytes;
    size_t length;
    bool good;

    *more = true;
    if (ws->frame != NULL)
        return send_long_frame(ws);
    first = eio_ws_take(&ws->eio);
    *more = first != NULL;
    if (first == NULL)
        return true;
    bytes = form_of(ws, first, &length);
    if (length > NET_WRITE_BYTES) {
        ws->frame = first;
        return send_long_frame(ws);
    }
    second = eio_ws_take(&ws->eio);
    if (second != NULL) {
        length = gather(ws, ws->conn->net->out, first, second);
        return lws_glue_write(ws, ws->conn->net->out, length);
    }
    good = lws_glue_write(ws, bytes, length);
    finish_frame(ws, first);
    *more = false;
    return good;
}

/* What the engine is to count for this connection: at most one write inside lws, and the rest of a
 * long frame. */
static void tell_buffered(struct ws *ws)
{
    size_t buffered = lws_glue_is_full(ws) ? ws->lws_bytes : 0;

    if (ws->frame != NULL) {
        size_t length;

        form_of(ws, ws->frame, &length);
        buffered += length - ws->frame_at;
    }
    if (buffered == 0 && !ws->was_buffered)
        return;
    ws->was_buffered = buffered > 0;
    eio_ws_buffered(&ws->eio, buffered);
}

bool ws_send_frames(struct ws *ws)
{
    bool more = true;

    while (more && !lws_glue_is_full(ws)) {
        if (!send_some(ws, &more))
            return false;
    }
    tell_buffered(ws);
    return true;
}
