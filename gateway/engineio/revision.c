/* Where the two revisions of the protocol part: one session's packets in and out. What is said here
 * is all that the transports need to know of them; the heartbeat's direction is heartbeat.c's. */
#include "common/buf.h"
#include "gateway/engineio/internal.h"
#include "gateway/engineio/packet3.h"
#include "gateway/engineio/packet3_text.h"
#include <confab/err.h>

/* ---- in ---- */

int eio_session_decode(const struct eio_session *session, enum frame_kind kind, const char *bytes,
                       size_t length_bytes, struct buf *scratch, struct eio_packet *packet)
{
    if (session->revision == EIO_REVISION_3)
        return eio3_packet_decode(kind, bytes, length_bytes, scratch, packet);
    return eio_packet_decode(kind, bytes, length_bytes, scratch, packet);
}

static int revision_3_next(struct eio_session *session, struct eio_payload *payload,
                           enum frame_kind kind, struct buf *scratch, struct eio_packet *packet)
{
    enum eio3_encoding encoding = (enum eio3_encoding)session->encoding;
    int got = eio3_payload_next(payload, kind, scratch, packet), err;

    if (got <= 0 || kind == FRAME_BINARY || packet->kind == FRAME_BINARY)
        return got;
    err = eio3_read_text(&encoding, &packet->data, &packet->length_bytes, scratch);
    session->encoding = (uint8_t)encoding;
    return err == CONFAB_OK ? got : err;
}

int eio_session_payload_next(struct eio_session *session, struct eio_payload *payload,
                             enum frame_kind kind, struct buf *scratch, struct eio_packet *packet)
{
    if (session->revision == EIO_REVISION_3)
        return revision_3_next(session, payload, kind, scratch, packet);
    return eio_payload_next(payload, scratch, packet);
}

/* ---- out ---- */

/* For clients that take no binary frames: the polling form as a text frame. */
static struct frame *as_text(struct frame *binary)
{
    size_t length_bytes;
    const char *text = frame_polling(binary, &length_bytes);
    struct frame *frame = frame_text(NULL, text, length_bytes);

    frame_release(binary);
    return frame;
}

struct frame *eio_session_websocket_frame(const struct eio_session *session, struct frame *frame)
{
    if (session->revision == EIO_REVISION_3)
        return eio3_websocket_frame(frame, session->base64);
    if (session->base64 && frame_kind(frame) == FRAME_BINARY)
        return as_text(frame);
    return frame;
}

enum frame_kind eio_session_body_kind(const struct eio_session *session)
{
    if (session->revision == EIO_REVISION_3 && !session->base64 &&
        eio_queue_has_binary(session->queue))
        return FRAME_BINARY;
    return FRAME_TEXT;
}

void eio_session_body_add(const struct eio_session *session, struct buf *body, enum frame_kind kind,
                          struct frame *frame, bool first)
{
    if (session->revision != EIO_REVISION_3)
        eio_payload_add(body, frame, first);
    else if (kind == FRAME_BINARY)
        eio3_payload_add_binary(body, frame);
    else
        eio3_payload_add_text(body, frame);
}

const char *eio_control_body(unsigned revision, enum eio_get_state answer)
{
    static const char *const bodies[][2] = {
        [EIO_GET_NOOP] = {"6", "1:6"},
        [EIO_GET_CLOSE] = {"1", "1:1"},
        [EIO_GET_NOOP_CLOSE] = {"6\x1e"
                                "1",
                                "1:61:1"},
    };

    return bodies[answer][revision == EIO_REVISION_3];
}
