/*
 * libwebsockets, as far as it is used: it answers the handshake of a WebSocket (for a request that
 * we have read and checked, and that it is shown in a short form of our own making), takes off
 * masks, answers pings and close frames, and keeps what a socket does not take. It neither accepts
 * nor reads; this loop is ours, and its operations tell us only when lws wants to write and when it
 * lets go of a socket.
 *
 * lws_read_h1() is the one function that its headers do not declare: the way for bytes that
 * somebody else has read. The library is our own static build of one version (deploy/deps), and the
 * build of this file fails with another.
 */
#include <libwebsockets.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "gateway/net/internal.h"
#include <confab/err.h>

#if LWS_LIBRARY_VERSION_NUMBER < 4003000 || LWS_LIBRARY_VERSION_NUMBER >= 4004000
#error "lws_read_h1() was checked against libwebsockets 4.3 only"
#endif
#if defined(LWS_WITH_HTTP2) || defined(LWS_WITH_PLUGINS) || defined(LWS_WITH_PLUGINS_BUILTIN)
#error \
    "a libwebsockets with HTTP/2 or plugins has faults that a Socket.IO server need not have; see docs/security.md"
#endif

int lws_read_h1(struct lws *wsi, unsigned char *buf, lws_filepos_t len);

/* lws keeps this many bytes per WebSocket for control frames, and hands on messages in pieces of at
 * most this size. */
#define RX_BUFFER_BYTES 128
/* Enough for the short form of the request. */
#define HEADER_BYTES 512

static struct net *net_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

static struct conn *conn_of(struct lws *wsi)
{
    return lws_get_opaque_user_data(wsi);
}

/* ---- the operations of an event loop ---- */

static int on_init_loop(struct lws_context *context, void *loop, int thread)
{
    (void)context;
    (void)loop;
    (void)thread;
    return 0;
}

static int on_init_listener(struct lws *wsi)
{
    (void)wsi;
    return 0;
}

static int on_adopted(struct lws *wsi)
{
    struct net *net = net_of(wsi); /* NULL while lws makes things for itself */
    struct conn *conn = net != NULL ? net->adopting : NULL;

    if (conn != NULL) {
        lws_set_opaque_user_data(wsi, conn);
        conn->ws->wsi = wsi;
    }
    return 0;
}

/* lws begins or ceases to wait until it can write. Reading is not its business. */
static void on_interest(struct lws *wsi, unsigned int flags)
{
    struct conn *conn = conn_of(wsi);

    if (conn == NULL || (flags & LWS_EV_WRITE) == 0 || conn->state != CONN_WS)
        return;
    conn->ws->lws_waits = (flags & LWS_EV_START) != 0;
    if (conn->ws->lws_waits && lws_partial_buffered(wsi) != 0)
        conn_want(conn, (short)(conn->wants | EV_WRITE));
    else if (conn->ws->lws_waits)
        conn_mark(conn); /* most sockets can take more: it is tried without asking the kernel */
    else
        conn_want(conn, (short)(conn->wants & EV_READ));
}

/* lws is about to close the socket, for whatever reason. */
static int on_close(struct lws *wsi)
{
    struct conn *conn = conn_of(wsi);

    if (conn != NULL) {
        lws_set_opaque_user_data(wsi, NULL);
        conn->ws->wsi = NULL;
        if (conn->net->adopting == NULL)
            conn_close(conn, (enum net_close_reason)conn->ws->close_reason);
        else
            conn_want(conn, 0); /* ws_accept() sees to the rest */
    }
    return 0;
}

static const struct lws_event_loop_ops loop_operations = {
    .name = "confab",
    .init_pt = on_init_loop,
    .init_vhost_listen_wsi = on_init_listener,
    .sock_accept = on_adopted,
    .io = on_interest,
    .wsi_logical_close = on_close,
};

static const lws_plugin_evlib_t loop = {
    .hdr = {"confab", "lws_evlib_plugin", LWS_BUILD_HASH, LWS_PLUGIN_API_MAGIC},
    .ops = &loop_operations,
};

/* ---- the protocol ---- */

static int add_lines(struct lws *wsi, struct lws_process_html_args *args)
{
    struct buf *lines = &net_of(wsi)->lines;

    if (lines->len > (size_t)args->max_len)
        return 1;
    memcpy(args->p, buf_text(lines), lines->len);
    args->p += lines->len;
    return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t length)
{
    struct conn *conn = conn_of(wsi);

    (void)user;
    if (conn == NULL)
        return 0;
    switch ((int)reason) {
    case LWS_CALLBACK_ADD_HEADERS:
        return add_lines(wsi, in);
    case LWS_CALLBACK_RECEIVE:
        ws_receive(conn->ws, in, length, lws_is_first_fragment(wsi) != 0,
                   lws_is_final_fragment(wsi) != 0, lws_frame_is_binary(wsi) != 0);
        return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        return ws_peer_close(conn->ws, in, length) ? 0 : 1;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "",
     .callback = on_event,
     .rx_buffer_size = RX_BUFFER_BYTES,
     .tx_packet_size = NET_WRITE_BYTES},
    {0},
};

/* ---- use ---- */

int lws_glue_init(struct net *net)
{
    static const lws_retry_bo_t no_keepalive = {0};
    struct lws_context_creation_info info;

    lws_set_log_level(0, NULL); /* what matters of it, we see by ourselves */
    memset(&info, 0, sizeof(info));
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.protocols = protocols;
    info.event_lib_custom = &loop;
    info.foreign_loops = (void *[]){net->base};
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    info.max_http_header_data = HEADER_BYTES;
    info.retry_and_idle_policy = &no_keepalive;
    info.user = net;
    net->lws = lws_create_context(&info);
    if (net->lws == NULL)
        return CONFAB_EINTERNAL;
    net->vhost = lws_create_vhost(net->lws, &info);
    return net->vhost != NULL ? CONFAB_OK : CONFAB_EINTERNAL;
}

void lws_glue_fini(struct net *net)
{
    if (net->lws != NULL)
        lws_context_destroy(net->lws);
    net->lws = NULL;
}

struct lws *lws_glue_adopt(struct conn *conn, const char *key)
{
    struct net *net = conn->net;
    char request[HEADER_BYTES];
    struct lws *wsi;
    int length = snprintf(request, sizeof(request),
                          "GET / HTTP/1.1\r\n"
                          "Host: confab\r\n"
                          "Upgrade: websocket\r\n"
                          "Connection: Upgrade\r\n"
                          "Sec-WebSocket-Key: %s\r\n"
                          "Sec-WebSocket-Version: 13\r\n"
                          "\r\n",
                          key);

    net->adopting = conn;
    wsi = lws_adopt_socket_vhost_readbuf(net->vhost, conn->fd, request, (size_t)length);
    net->adopting = NULL;
    return wsi != NULL && conn->ws->wsi != NULL ? wsi : NULL;
}

void lws_glue_service(struct ws *ws)
{
    struct conn *conn = ws->conn;
    struct lws_context *context = conn->net->lws;
    struct lws_pollfd descriptor = {.fd = conn->fd, .events = LWS_POLLOUT};

    /* One call sends one thing (a pong, a close), and lws waits on until a call finds nothing. */
    for (int i = 0; i < 4; i++) {
        descriptor.revents = LWS_POLLOUT;
        if (lws_service_fd(context, &descriptor) != 0 || conn->state != CONN_WS || !ws->lws_waits ||
            lws_glue_is_full(ws))
            return;
    }
}

void lws_glue_kill(struct ws *ws)
{
    struct conn *conn = ws->conn;
    struct lws_pollfd descriptor = {.fd = conn->fd, .events = LWS_POLLHUP, .revents = LWS_POLLHUP};

    lws_service_fd(conn->net->lws, &descriptor);
    assert(conn->state == CONN_DEAD);
}

void lws_glue_feed(struct ws *ws, char *bytes, size_t length_bytes)
{
    if (ws->wsi != NULL)
        lws_read_h1(ws->wsi, (unsigned char *)bytes, length_bytes);
}

bool lws_glue_write(struct ws *ws, const uint8_t *bytes, size_t length_bytes)
{
    ws->lws_bytes = (uint32_t)length_bytes;
    /* LWS_WRITE_RAW leaves the bytes as they are: others send the same ones. */
    return lws_write(ws->wsi, (unsigned char *)(uintptr_t)bytes, length_bytes, LWS_WRITE_RAW) ==
           (int)length_bytes;
}

bool lws_glue_is_full(const struct ws *ws)
{
    /* Whenever it keeps something, it waits for room. */
    return ws->lws_waits && lws_partial_buffered(ws->wsi) != 0;
}
