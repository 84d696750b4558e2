/*
 * Frames to a WebSocket. A frame carries its own header and is the same for all receivers, so a
 * single one is written from where it lies; several are put together for one write. libwebsockets
 * keeps what the socket does not take, at most one write's worth, and nothing more is taken from
 * the engine until that is gone.
 */
#include <string.h>

#include "common/frame.h"
#include "gateway/net/internal.h"

/* A frame longer than one write goes piece by piece. False: the socket is broken. */
static bool send_long_frame(struct ws *ws)
{
    size_t length;
    const uint8_t *bytes = frame_websocket(ws->frame, &length);

    while (ws->frame_at < length && !lws_glue_is_full(ws)) {
        size_t piece = length - ws->frame_at;

        if (piece > NET_WRITE_BYTES)
            piece = NET_WRITE_BYTES;
        if (!lws_glue_write(ws, bytes + ws->frame_at, piece))
            return false;
        ws->frame_at += (uint32_t)piece;
    }
    if (ws->frame_at == length) {
        frame_release(ws->frame);
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
        const uint8_t *bytes = frame_websocket(frame, &length);

        if (length > NET_WRITE_BYTES - at) {
            ws->frame = frame;
            ws->frame_at = 0;
            break;
        }
        memcpy(out + at, bytes, length);
        at += length;
        frame_release(frame);
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
    bytes = frame_websocket(first, &length);
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
    frame_release(first);
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

        frame_websocket(ws->frame, &length);
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
