/* One TCP connection: its birth, its events, its deadlines and its one death. What it carries is
 * the business of http.c and ws.c. */
#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/live.h"
#include "common/mem.h"
#include "gateway/net/internal.h"

static const char *const reason_labels[] = {
#define X(symbol, label, text) [symbol] = label,
    NET_CLOSE_REASONS(X)
#undef X
};

const char *net_close_label(enum net_close_reason reason)
{
    return reason_labels[reason];
}

static void on_event(evutil_socket_t fd, short events, void *user)
{
    struct conn *conn = user;

    (void)fd;
    assert(conn->magic == CONN_MAGIC);
    net_now_ms(conn->net);
    if (events & EV_WRITE) {
        if (conn->state == CONN_HTTP)
            http_writable(conn);
        else if (conn->state == CONN_WS)
            ws_writable(conn);
    }
    if ((events & EV_READ) && (conn->wants & EV_READ))
        fair_readable(conn);
}

void conn_want(struct conn *conn, short events)
{
    if (conn->state == CONN_DEAD)
        return;
    conn->wants = (uint8_t)events;
    if (conn->resting)
        events &= (short)~EV_READ;
    if (conn->listens == events)
        return;
    if (conn->listens != 0)
        event_del(&conn->event);
    conn->listens = (uint8_t)events;
    if (events != 0) {
        event_assign(&conn->event, conn->net->base, conn->fd, (short)(events | EV_PERSIST),
                     on_event, conn);
        event_add(&conn->event, NULL);
    }
}

/* A proxy has the connections of many. */
static void count_connection(struct conn *conn, const struct address *peer)
{
    struct net *net = conn->net;

    if (conn->role != NET_PUBLIC || conn->http->is_proxied)
        return;
    conn->guest = guests_find(net->guests, peer, net->now_ms);
    if (guest_connects(conn->guest) == NET_LIMIT_NONE)
        return;
    conn->http->keep_alive = false;
    conn->http->has_body = true; /* what follows is not read as a request */
    conn->http->close_reason = NET_CLOSE_LIMIT;
    http_refuse_limit(conn->http, NET_LIMIT_CONNECTIONS, FULL_RETRY_MS);
}

void conn_new(struct net *net, int fd, enum net_role role, const struct address *peer)
{
    struct conn *conn = xcalloc(1, sizeof(*conn));
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    conn->magic = CONN_MAGIC;
    conn->state = CONN_HTTP;
    conn->timeout = NET_TIMEOUT_NONE;
    conn->role = (uint8_t)role;
    conn->fd = fd;
    conn->net = net;
    list_init(&conn->link);
    list_init(&conn->dirty);
    timerfifo_entry_init(&conn->timer);
    fair_init(conn);
    list_add_tail(&net->connections, &conn->link);
    conn->http = http_new(conn, peer);
    net->counters.connections_now++;
    live_inc(LIVE_CONNECTION);
    conn_want(conn, EV_READ);
    conn_arm(conn, NET_TIMEOUT_HEAD);
    count_connection(conn, peer);
}

void conn_close(struct conn *conn, enum net_close_reason reason)
{
    struct net *net = conn->net;
    enum conn_state state = (enum conn_state)conn->state;

    if (state == CONN_DEAD)
        return;
    if (state == CONN_WS && conn->ws->wsi != NULL) {
        /* lws closes the socket, and says so through ws_free() by way of this function. */
        conn->ws->close_reason = (uint8_t)reason;
        lws_glue_kill(conn->ws);
        return;
    }
    conn_want(conn, 0);
    conn_disarm(conn);
    fair_fini(conn);
    guest_leaves(conn->guest);
    conn->guest = NULL;
    conn->state = CONN_DEAD;
    if (state == CONN_HTTP) {
        close(conn->fd);
        http_free(conn->http, net->now_ms);
        conn->http = NULL;
    } else {
        bool clean = reason != NET_CLOSE_RESET && reason != NET_CLOSE_WS_PROTOCOL;

        net->counters.websockets_now--;
        ws_free(conn->ws, clean, net->now_ms);
        conn->ws = NULL;
    }
    conn->fd = -1;
    list_del(&conn->dirty);
    list_move_tail(&net->dead, &conn->link);
    net->counters.connections_now--;
    net->counters.closed[reason]++;
    log_debug(net->log, "connection_closed", LOG_S("reason", net_close_label(reason)));
}

void conn_free(struct conn *conn)
{
    assert(conn->state == CONN_DEAD);
    list_del(&conn->link);
    conn->magic = 0;
    free(conn);
    live_dec(LIVE_CONNECTION);
}

void conn_mark(struct conn *conn)
{
    struct net *net = conn->net;

    if (conn->state == CONN_DEAD || list_linked(&conn->dirty))
        return;
    list_add_tail(&net->dirty, &conn->dirty);
    if (net->events->on_turn != NULL)
        net->events->on_turn(net->user);
}

void conn_look(struct conn *conn)
{
    if (conn->state == CONN_HTTP)
        http_engine_look(conn->http);
    else if (conn->state == CONN_WS)
        ws_look(conn);
}

void conn_disarm(struct conn *conn)
{
    if (conn->timeout == NET_TIMEOUT_NONE)
        return;
    timerfifo_disarm(&conn->net->timeouts[conn->timeout], &conn->timer);
    conn->timeout = NET_TIMEOUT_NONE;
}

void conn_arm(struct conn *conn, enum net_timeout timeout)
{
    struct net *net = conn->net;

    conn_disarm(conn);
    if (timeout == NET_TIMEOUT_NONE)
        return;
    conn->timeout = (uint8_t)timeout;
    timerfifo_arm(&net->timeouts[timeout], &conn->timer, net->now_ms + net->timeouts_ms[timeout]);
}

void conn_due(struct conn *conn)
{
    enum net_timeout timeout = (enum net_timeout)conn->timeout;

    conn->timeout = NET_TIMEOUT_NONE;
    switch (timeout) {
    case NET_TIMEOUT_HEAD:
        if (conn->http->in.len == 0)
            conn_close(conn, NET_CLOSE_HEAD_TIMEOUT);
        else
            http_refuse(conn->http, 408, NET_CLOSE_HEAD_TIMEOUT);
        break;
    case NET_TIMEOUT_BODY:
        http_refuse(conn->http, 408, NET_CLOSE_BODY_TIMEOUT);
        break;
    case NET_TIMEOUT_IDLE:
        conn_close(conn, NET_CLOSE_IDLE);
        break;
    case NET_TIMEOUT_WRITE:
        conn_close(conn, NET_CLOSE_WRITE_TIMEOUT);
        break;
    case NET_TIMEOUT_MESSAGE:
        ws_message_due(conn);
        break;
    case NET_TIMEOUT_CLOSE:
        if (conn->state == CONN_WS)
            conn_close(conn, (enum net_close_reason)conn->ws->close_reason);
        else
            conn_close(conn, (enum net_close_reason)conn->http->close_reason);
        break;
    case NET_TIMEOUT_COUNT:
        break;
    }
}
