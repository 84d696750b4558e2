/*
 * The polling transport: one GET at a time takes what is queued, one POST at a time brings packets.
 *
 * A GET is answered with everything that is queued when the network comes to take it, so packets of
 * one turn leave together. Its fixed answers (noop, close) are decided earlier and wait in its
 * state.
 */
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/utf8.h"
#include "gateway/engineio/internal.h"
#include "gateway/engineio/packet_jsonp.h"
#include <confab/err.h>

/* ---- GET ---- */

static void attach_get(struct eio_session *session, struct eio_get *get)
{
    get->carrier.session = session;
    get->state = EIO_GET_WAITING;
    get->revision = session->revision;
    get->jsonp = session->jsonp;
    session->get = get;
}

struct eio_session *eio_handshake_polling(struct eio_engine *engine, struct eio_get *get,
                                          struct eio_handshake *handshake, const uint8_t random[16],
                                          int64_t now_ms)
{
    struct eio_session *session = eio_session_new(engine, EIO_POLLING, handshake, random);

    attach_get(session, get);
    eio_session_opened(session, now_ms);
    return session;
}

static void refuse_get(struct eio_get *get)
{
    get->carrier.session = NULL;
    get->state = EIO_GET_REFUSED;
    eio_carrier_wake(&get->carrier);
}

void eio_get_open(struct eio_session *session, struct eio_get *get, int64_t now_ms)
{
    bool probed = session->probe != NULL && session->probe->state == EIO_WS_PROBED;

    (void)now_ms;
    if (session->state == EIO_ENDED || session->transport != EIO_POLLING || session->get != NULL) {
        refuse_get(get);
        if (session->get != NULL)
            eio_session_end(session, EIO_CLOSE_TRANSPORT_ERROR, EIO_GET_CLOSE);
        return;
    }
    attach_get(session, get);
    if (session->queue != NULL)
        eio_carrier_wake(&get->carrier);
    else if (session->state == EIO_CLOSING)
        eio_session_finish(session, EIO_GET_NOOP_CLOSE);
    else if (probed)
        eio_session_drop_get(session, EIO_GET_NOOP);
}

/* Appends one of the fixed answers. */
static void put_control(const struct eio_get *get, enum eio_get_state answer, struct buf *body)
{
    size_t before = body->len;

    buf_puts(body, eio_control_body(get->revision, answer));
    if (get->jsonp != 0)
        eio_jsonp_wrap(body, before, get->jsonp - 1);
}

/* Moves the queue into the body, whose form it returns. What does not fit there is an overflow like
 * any other. */
static enum frame_kind take_queue(struct eio_session *session, struct eio_get *get,
                                  struct buf *body)
{
    struct eio_counters *counters = &session->engine->counters;
    enum frame_kind kind = eio_session_body_kind(session);
    size_t before = body->len;
    struct frame *frame;
    bool first = true;

    while ((frame = eio_session_pull(session)) != NULL) {
        eio_session_body_add(session, body, kind, frame, first);
        get->is_plain = (first || get->is_plain) && frame_is_plain(frame);
        eio_count_out(session->engine, frame);
        frame_release(frame);
        first = false;
    }
    if (get->jsonp != 0)
        eio_jsonp_wrap(body, before, get->jsonp - 1);
    if (buf_error(body) != CONFAB_OK) {
        buf_reset(body);
        eio_session_end_untold(session, EIO_CLOSE_OVERFLOW);
        put_control(get, EIO_GET_CLOSE, body);
        return FRAME_TEXT;
    }
    counters->bytes_out += body->len - before;
    session->get = NULL;
    get->carrier.session = NULL;
    return kind;
}

bool eio_get_take(struct eio_get *get, struct eio_answer *answer, struct buf *body)
{
    struct eio_session *session = eio_carrier_session(&get->carrier);
    enum eio_get_state state = (enum eio_get_state)get->state;
    enum frame_kind kind = FRAME_TEXT;

    get->is_plain = false;
    switch (state) {
    case EIO_GET_IDLE:
        return false;
    case EIO_GET_WAITING:
        if (session->queue == NULL)
            return false;
        kind = take_queue(session, get, body);
        break;
    case EIO_GET_NOOP:
    case EIO_GET_CLOSE:
    case EIO_GET_NOOP_CLOSE:
        put_control(get, state, body);
        break;
    case EIO_GET_REFUSED:
        break;
    }
    if (state == EIO_GET_REFUSED)
        *answer = eio_answer_empty(400);
    else
        *answer = get->jsonp != 0 ? eio_answer_script() : eio_answer_payload(kind);
    get->state = EIO_GET_IDLE;
    return true;
}

void eio_get_lost(struct eio_get *get, int64_t now_ms)
{
    struct eio_session *session = eio_carrier_session(&get->carrier);

    (void)now_ms;
    get->state = EIO_GET_IDLE;
    if (session == NULL)
        return;
    session->get = NULL;
    get->carrier.session = NULL;
    eio_session_end(session, EIO_CLOSE_TRANSPORT_ERROR, EIO_GET_CLOSE);
}

/* ---- POST ---- */

/* Revision 3's binary payloads; revision 4 has none. */
static bool is_octet_stream(const char *content_type)
{
    static const char binary[] = "application/octet-stream";
    size_t length;

    if (content_type == NULL)
        return false;
    content_type += strspn(content_type, " \t");
    length = strcspn(content_type, "; \t");
    return length == sizeof(binary) - 1 && strncasecmp(content_type, binary, length) == 0;
}

bool eio_post_open(struct eio_session *session, struct eio_post *post, const char *content_type,
                   struct eio_answer *answer, int64_t now_ms)
{
    (void)now_ms;
    post->carrier.session = NULL;
    post->state = EIO_POST_IDLE;
    post->binary = is_octet_stream(content_type);
    if (session->state == EIO_ENDED || session->post != NULL ||
        (post->binary && (session->revision != EIO_REVISION_3 || session->jsonp != 0))) {
        *answer = eio_answer_empty(400);
        eio_session_end(session, EIO_CLOSE_TRANSPORT_ERROR, EIO_GET_CLOSE);
        return false;
    }
    post->carrier.session = session;
    post->state = EIO_POST_BODY;
    session->post = post;
    return true;
}

static bool packet_is_sound(const struct eio_packet *packet)
{
    return packet->type != EIO_PACKET_MESSAGE || packet->kind == FRAME_BINARY ||
           utf8_valid(packet->data, packet->length_bytes);
}

/* Gives packets upwards from *at on, unless `whole` only until the session is paused: nothing may
 * be kept once a WebSocket brings the next ones. True: some are left for later, from *at on, and
 * the session is still open. */
static bool receive_payload(struct eio_session *session, const char *body, size_t length_bytes,
                            size_t *at, bool whole, int64_t now_ms)
{
    enum frame_kind kind = session->post->binary ? FRAME_BINARY : FRAME_TEXT;
    struct eio_payload payload;
    struct eio_packet packet;
    struct buf scratch;
    int got = 0;

    buf_init(&scratch, length_bytes);
    eio_payload_begin(&payload, body + *at, length_bytes - *at);
    while (session->state != EIO_ENDED && (whole || !eio_flow_stops(session)) &&
           (got = eio_session_payload_next(session, &payload, kind, &scratch, &packet)) > 0) {
        if (packet_is_sound(&packet))
            eio_session_receive(session, &packet, EIO_GET_NOOP, now_ms);
        else
            eio_session_end(session, EIO_CLOSE_PARSE_ERROR, EIO_GET_CLOSE);
    }
    if (got < 0)
        eio_session_end(session, EIO_CLOSE_PARSE_ERROR, EIO_GET_CLOSE);
    buf_fini(&scratch);
    *at = length_bytes - payload.left_bytes;
    return session->state == EIO_OPEN && payload.next != NULL;
}

/* All packets of a body were given; its answer waits while the session is paused. */
static void body_is_done(struct eio_session *session)
{
    if (session->post == NULL)
        return; /* answered when its session ended */
    if (session->paused)
        session->post->state = EIO_POST_PAUSED;
    else
        eio_session_drop_post(session, EIO_POST_OK);
}

static void keep_rest(struct eio_session *session, struct buf *body, size_t at, int64_t now_ms)
{
    session->post->state = EIO_POST_PAUSED;
    eio_flow_keep(session, body, at, now_ms);
}

void eio_post_continue(struct eio_session *session, bool whole, int64_t now_ms)
{
    struct buf body;
    size_t at;

    if (!eio_flow_take(session, &body, &at))
        return;
    session->post->state = EIO_POST_PACKETS;
    if (receive_payload(session, buf_text(&body), body.len, &at, whole, now_ms)) {
        keep_rest(session, &body, at, now_ms);
    } else {
        eio_flow_rest_is_done(session, now_ms);
        body_is_done(session);
    }
    buf_fini(&body);
}

static void submit(struct eio_session *session, const char *body, size_t length_bytes,
                   int64_t now_ms)
{
    bool whole = session->transport == EIO_WEBSOCKET;
    struct buf rest;
    size_t at = 0;

    session->post->state = EIO_POST_PACKETS;
    if (receive_payload(session, body, length_bytes, &at, whole, now_ms)) {
        buf_init(&rest, length_bytes - at);
        buf_append(&rest, body + at, length_bytes - at);
        keep_rest(session, &rest, 0, now_ms);
    } else {
        body_is_done(session);
    }
}

static void submit_form(struct eio_session *session, const char *form, size_t form_bytes,
                        int64_t now_ms)
{
    struct buf body;

    buf_init(&body, form_bytes);
    if (eio_jsonp_read_form(form, form_bytes, &body) == CONFAB_OK) {
        submit(session, buf_text(&body), body.len, now_ms);
    } else {
        session->post->state = EIO_POST_PACKETS;
        eio_session_end(session, EIO_CLOSE_PARSE_ERROR, EIO_GET_CLOSE);
    }
    buf_fini(&body);
}

void eio_post_submit(struct eio_post *post, const char *body, size_t length_bytes, int64_t now_ms)
{
    struct eio_session *session = eio_carrier_session(&post->carrier);

    if (session == NULL)
        return; /* cut meanwhile */
    if (length_bytes > session->engine->config.max_payload_bytes) {
        eio_post_too_big(post);
        return;
    }
    session->engine->counters.bytes_in += length_bytes;
    if (session->jsonp != 0)
        submit_form(session, body, length_bytes, now_ms);
    else
        submit(session, body, length_bytes, now_ms);
}

void eio_post_too_big(struct eio_post *post)
{
    struct eio_session *session = eio_carrier_session(&post->carrier);

    if (session == NULL)
        return;
    session->engine->counters.limits[EIO_LIMIT_PAYLOAD]++;
    eio_session_drop_post(session, EIO_POST_TOO_BIG);
}

bool eio_post_take(struct eio_post *post, struct eio_answer *answer, bool *cut)
{
    switch ((enum eio_post_state)post->state) {
    case EIO_POST_IDLE:
    case EIO_POST_BODY:
    case EIO_POST_PACKETS:
    case EIO_POST_PAUSED:
        return false;
    case EIO_POST_OK:
        *answer = eio_answer_ok();
        break;
    case EIO_POST_TOO_BIG:
        *answer = eio_answer_empty(413);
        break;
    case EIO_POST_CUT:
        break;
    }
    *cut = post->state == EIO_POST_CUT;
    post->state = EIO_POST_IDLE;
    return true;
}

void eio_post_lost(struct eio_post *post, int64_t now_ms)
{
    struct eio_session *session = eio_carrier_session(&post->carrier);

    (void)now_ms;
    post->state = EIO_POST_IDLE;
    if (session == NULL)
        return;
    session->post = NULL;
    post->carrier.session = NULL;
    if (session->state == EIO_OPEN)
        eio_session_end(session, EIO_CLOSE_TRANSPORT_ERROR, EIO_GET_CLOSE);
}
