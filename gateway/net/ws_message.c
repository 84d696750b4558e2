/* Messages that come: put together from the pieces that libwebsockets gives, inflated when they
 * were compressed, checked, and handed to the engine. */
#include <stdlib.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "gateway/net/internal.h"

#define INFLATED_KEEP_BYTES 65536 /* room for most messages; more is given back */

static void deliver(struct ws *ws, const char *bytes, size_t length, bool binary)
{
    if (!binary && !utf8_valid(bytes, length)) {
        ws->fault = WS_FAULT_TEXT;
        return;
    }
    if (ws->eio.carrier.session != NULL)
        eio_ws_receive(&ws->eio, binary ? FRAME_BINARY : FRAME_TEXT, bytes, length,
                       ws->conn->net->now_ms);
}

/* The compressed bytes are all there, and are no more than a message may have: so one memory to
 * inflate serves all connections, however slowly their messages come. */
static void inflate_and_deliver(struct ws *ws, const char *bytes, size_t length, bool binary)
{
    struct net *net = ws->conn->net;
    struct buf *out = &net->inflated;

    buf_reset(out);
    switch (ws_inflate(net_deflate(net), bytes, length, out)) {
    case WS_INFLATED:
        net->counters.ws_compression[NET_WS_INFLATED]++;
        fair_inflated(ws->conn, out->len > length ? out->len - length : 0);
        deliver(ws, buf_text(out), out->len, binary);
        break;
    case WS_INFLATE_CORRUPT:
        ws->fault = WS_FAULT_DEFLATE;
        break;
    case WS_INFLATE_TOO_BIG:
        ws->fault = WS_FAULT_TOO_BIG;
        break;
    }
    if (out->cap > INFLATED_KEEP_BYTES)
        buf_fini(out);
}

static void take_message(struct ws *ws, const char *bytes, size_t length, bool binary)
{
    if (ws->guard.is_deflated)
        inflate_and_deliver(ws, bytes, length, binary);
    else
        deliver(ws, bytes, length, binary);
}

void ws_receive(struct ws *ws, const char *bytes, size_t length_bytes, bool first, bool last,
                bool binary)
{
    if (ws->state != WS_OPEN || ws->fault != WS_FAULT_NONE)
        return;
    if (first && last) {
        take_message(ws, bytes, length_bytes, binary);
        return;
    }
    if (ws->message == NULL) {
        ws->message = xmalloc(sizeof(*ws->message));
        buf_init(ws->message, ws->conn->net->max_payload_bytes);
    }
    buf_append(ws->message, bytes, length_bytes); /* the guard has measured the whole */
    if (!last)
        return;
    take_message(ws, buf_text(ws->message), ws->message->len, binary);
    buf_fini(ws->message);
    free(ws->message);
    ws->message = NULL;
}
