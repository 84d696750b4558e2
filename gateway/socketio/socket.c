/*
 * One namespace of one client: what waits, and the way from CONNECT to the end.
 *
 * sio_socket_run() is the only place where a socket goes on: it is called after everything that may
 * have changed what is pending, does what can be done, and ends the socket when nothing is left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/live.h"
#include "common/mem.h"
#include "common/rng.h"
#include "common/value.h"
#include "gateway/socketio/parents.h"
#include "gateway/socketio/server_internal.h"
#include "gateway/socketio/tokens.h"

/* ---- what waits: a ring, of which the socket knows the newest ---- */

struct sio_waiting {
    struct sio_waiting *next;
    struct confab_value *data;
    size_t cost_bytes;
    double id;
    bool has_id;
};

static void push_waiting(struct confab_socket *socket, struct sio_packet *packet)
{
    struct sio_waiting *item = xmalloc(sizeof(*item));
    item->data = packet->data;
    item->cost_bytes = packet->wire_bytes + sizeof(*item);
    item->id = packet->id;
    item->has_id = packet->has_id;
    packet->data = NULL;
    if (socket->waiting == NULL) {
        item->next = item;
    } else {
        item->next = socket->waiting->next;
        socket->waiting->next = item;
    }
    socket->waiting = item;
    sio_client_charge(socket->client, item->cost_bytes);
}

/* The oldest; NULL: none. */
static struct sio_waiting *pop_waiting(struct confab_socket *socket)
{
    struct sio_waiting *newest = socket->waiting;
    if (newest == NULL)
        return NULL;
    struct sio_waiting *item = newest->next;
    if (item == newest)
        socket->waiting = NULL;
    else
        newest->next = item->next;
    sio_client_refund(socket->client, item->cost_bytes);
    return item;
}

static void drop_waiting(struct confab_socket *socket)
{
    struct sio_waiting *item;
    while ((item = pop_waiting(socket)) != NULL) {
        confab_value_release(item->data);
        free(item);
    }
}

/* ---- birth ---- */

/* The caller frees it. */
static char *draw_id(struct confab_server *server)
{
    char *id = xmalloc(SIO_ID_BYTES + 1);
    int tag_bytes = snprintf(id, SIO_ID_BYTES + 1, "%s.", confab_node(server));
    rng_base64url(server->rng, id + tag_bytes, (size_t)(SIO_ID_BYTES - tag_bytes));
    return id;
}

void sio_socket_new(struct sio_client *client, struct confab_namespace *nsp,
                    struct confab_value *auth)
{
    struct confab_server *server = client->server;
    char *id = sio_client_is_old(client) ? sio_old_id(client, nsp) : NULL;
    if (id == NULL)
        id = draw_id(server);
    size_t id_bytes = strlen(id);
    struct confab_socket *socket = xcalloc(1, sizeof(*socket) + id_bytes + 1);
    memcpy(socket->id, id, id_bytes);
    free(id);
    socket->client = client;
    socket->nsp = nsp;
    nsp->sockets++;
    socket->auth = auth;
    socket->state = SIO_CONNECTING;
    list_init(&socket->link);
    list_init(&socket->ready);
    list_add_tail(&client->sockets, &socket->link);
    client->unfinished++;
    socket->id_number = slots_add(&server->sockets, socket);
    live_inc(LIVE_SOCKET);
    sio_socket_run(socket);
}

static void answer_connect(struct confab_socket *socket)
{
    struct sio_packet packet = sio_packet_for(socket->nsp, SIO_CONNECT, NULL);
    if (!sio_client_is_old(socket->client))
        packet.data = confab_set(confab_object(), "sid", confab_string(socket->id));
    if (socket->session != NULL)
        confab_set(packet.data, "pid", confab_string(socket->session->pid));
    sio_client_send_packet(socket->client, &packet);
    confab_value_release(packet.data);
}

void sio_socket_admit(struct confab_socket *socket)
{
    struct confab_namespace *nsp = socket->nsp;
    if (!sio_recovery_admit(socket))
        return;
    socket->state = SIO_CONNECTED;
    socket->was_connected = true;
    nsp->size++;
    nsp->server->counters.sockets_now++;
    nsp->server->counters.connects++;
    answer_connect(socket);
    broker_add(nsp->members, &socket->member, socket->id);
    sio_recovery_rejoin(socket);
    sio_client_joined(socket->client);
    if (nsp->registry->on_connect != NULL)
        nsp->registry->on_connect(socket, nsp->registry->connect_user);
}

void sio_socket_refuse(struct confab_socket *socket, const char *message, struct confab_value *data)
{
    struct sio_packet packet = sio_packet_for(socket->nsp, SIO_CONNECT_ERROR, NULL);
    if (sio_client_is_old(socket->client)) {
        packet.data = sio_old_refusal(message, data);
    } else {
        packet.data = confab_set(confab_object(), "message", confab_string(message));
        if (data != NULL)
            confab_set(packet.data, "data", data);
    }
    sio_client_send_packet(socket->client, &packet);
    confab_value_release(packet.data);
    socket->nsp->server->counters.connect_errors++;
    sio_socket_close(socket, "server namespace disconnect", SIO_END_SERVER);
}

/* ---- the end ---- */

static void end(struct confab_socket *socket)
{
    struct confab_namespace *nsp = socket->nsp;
    const struct confab_namespace *told = nsp->registry;
    struct confab_server *server = nsp->server;
    socket->state = SIO_ENDING;
    sio_recovery_lost(socket);
    if (socket->was_connected) {
        nsp->size--;
        server->counters.sockets_now--;
        if (told->on_disconnecting != NULL)
            told->on_disconnecting(socket, socket->reason, told->disconnecting_user);
        if (told->on_disconnect != NULL)
            told->on_disconnect(socket, socket->reason, told->disconnect_user);
    }
    sio_name_give_back(socket);
    broker_remove(&socket->member);
    if (socket->user_free != NULL)
        socket->user_free(socket->user);
    slots_remove(&server->sockets, socket->id_number);
    socket->state = SIO_DEAD;
    list_del(&socket->ready);
    list_add_tail(&server->dead_sockets, &socket->link);
    sio_owe_turn(server);
    sio_client_socket_gone(socket->client);
}

void sio_socket_close(struct confab_socket *socket, const char *reason, enum sio_end how)
{
    if (socket->state == SIO_CLOSING && how == SIO_END_SERVER)
        drop_waiting(socket);
    if (socket->state >= SIO_CLOSING)
        return;
    bool was_connecting = socket->state == SIO_CONNECTING;
    socket->state = SIO_CLOSING;
    socket->reason = reason;
    socket->own_end = how == SIO_END_CLIENT;
    socket->recoverable = how == SIO_END_LOST && sio_recovery_is_for(reason);
    list_del(&socket->link);
    if (socket->is_aside) { /* what waits for a place may not need it any more */
        socket->is_aside = false;
        list_del(&socket->ready);
    }
    if (was_connecting)
        socket->blocked = 0; /* whatever middleware decides, it is void */
    if (was_connecting || how == SIO_END_SERVER)
        drop_waiting(socket);
    if (how == SIO_END_SERVER) {
        socket->thrown_out = true;
        sio_client_left(socket->client, socket->nsp->name, socket->nsp->name_bytes);
    }
    sio_acks_fail(socket);
    sio_socket_run(socket);
}

void sio_socket_force_end(struct confab_socket *socket)
{
    sio_socket_close(socket, eio_close_text(EIO_CLOSE_SHUTDOWN), SIO_END_LOST);
    if (socket->state != SIO_CLOSING)
        return;
    socket->blocked = 0;
    sio_passing_drop(socket);
    drop_waiting(socket);
    sio_name_abandon(socket);
    sio_socket_run(socket);
}

void sio_socket_free(struct confab_socket *socket)
{
    list_del(&socket->link);
    if (socket->own != NULL)
        sio_own_free(socket->own);
    confab_value_release(socket->auth);
    confab_value_release(socket->data);
    sio_namespace_socket_freed(socket->nsp);
    free(socket);
    live_dec(LIVE_SOCKET);
}

/* ---- going on ---- */

static void dispatch_waiting(struct confab_socket *socket)
{
    struct sio_waiting *item;
    for (;;) {
        if (sio_passing_is_decided(socket)) {
            sio_passing_resume(socket);
            continue;
        }
        if (socket->blocked > 0 || socket->is_aside || (item = pop_waiting(socket)) == NULL)
            return;
        sio_event_dispatch(socket, item->data, item->has_id, item->id);
        confab_value_release(item->data);
        free(item);
    }
}

void sio_socket_run(struct confab_socket *socket)
{
    if (socket->running)
        return;
    if (socket->kicked) {
        socket->kicked = false;
        confab_disconnect(socket, socket->kick_close);
    }
    if (socket->state >= SIO_ENDING)
        return;
    socket->running = true;
    if (socket->state == SIO_CONNECTING)
        sio_middleware_run(socket);
    if (socket->state != SIO_CONNECTING)
        dispatch_waiting(socket);
    socket->running = false;
    if (socket->state == SIO_CLOSING && socket->blocked == 0 && socket->waiting == NULL &&
        !sio_passing_is_there(socket) && !sio_name_is_claiming(socket))
        end(socket);
}

void sio_socket_ready(struct confab_socket *socket)
{
    if (socket->state >= SIO_ENDING || (list_linked(&socket->ready) && !socket->is_aside))
        return;
    socket->is_aside = false;
    list_move_tail(&socket->nsp->server->ready, &socket->ready);
    sio_owe_turn(socket->nsp->server);
}

void sio_socket_event(struct confab_socket *socket, struct sio_packet *packet)
{
    if (socket->state != SIO_CONNECTED || socket->blocked > 0 || socket->running ||
        socket->waiting != NULL || sio_passing_is_there(socket)) {
        push_waiting(socket, packet);
        return;
    }
    socket->running = true;
    sio_event_dispatch(socket, packet->data, packet->has_id, packet->id);
    socket->running = false;
    sio_socket_run(socket);
}

/* ---- the C API ---- */

struct confab_socket *sio_socket_find(const struct confab_server *server, uint64_t id_number)
{
    return slots_find(&server->sockets, id_number);
}

const char *confab_socket_id(const struct confab_socket *socket)
{
    return socket->id;
}

struct confab_handle confab_socket_handle(const struct confab_socket *socket)
{
    return (struct confab_handle){socket->id_number};
}

struct confab_socket *confab_socket_find(struct confab_server *server, struct confab_handle handle)
{
    return sio_socket_find(server, handle.id);
}

struct confab_server *confab_socket_server(const struct confab_socket *socket)
{
    return socket->nsp->server;
}

struct confab_namespace *confab_socket_namespace(const struct confab_socket *socket)
{
    return socket->nsp;
}

const struct confab_value *confab_socket_auth(const struct confab_socket *socket)
{
    return socket->auth != NULL ? socket->auth : socket->nsp->server->no_fields;
}

const char *confab_socket_transport(const struct confab_socket *socket)
{
    const struct sio_client *client = socket->client;
    enum eio_transport transport = client->session != NULL ? eio_session_transport(client->session)
                                                           : (enum eio_transport)client->transport;
    return transport == EIO_WEBSOCKET ? "websocket" : "polling";
}

void confab_set_data(struct confab_socket *socket, struct confab_value *data)
{
    confab_value_release(socket->data);
    socket->data = data;
}

const struct confab_value *confab_data(const struct confab_socket *socket)
{
    return socket->data != NULL ? socket->data : socket->nsp->server->no_fields;
}

void confab_set_user(struct confab_socket *socket, void *pointer, void (*free_fn)(void *pointer))
{
    socket->user = pointer;
    socket->user_free = free_fn;
}

void *confab_user(const struct confab_socket *socket)
{
    return socket->user;
}

static void disconnect_one(struct confab_socket *socket, const char *reason)
{
    if (socket->state == SIO_CONNECTING) {
        sio_socket_refuse(socket, reason, NULL);
        return;
    }
    if (socket->state == SIO_CONNECTED) {
        struct sio_packet packet = sio_packet_for(socket->nsp, SIO_DISCONNECT, NULL);
        sio_client_send_packet(socket->client, &packet);
    }
    sio_socket_close(socket, reason, SIO_END_SERVER);
}

void confab_disconnect(struct confab_socket *socket, bool close)
{
    static const char reason[] = "server namespace disconnect";
    struct sio_client *client = socket->client;
    if (socket->state >= SIO_ENDING)
        return;
    disconnect_one(socket, reason);
    if (close) {
        sio_client_end_sockets(client, reason, true);
        sio_client_close(client, EIO_CLOSE_SERVER);
    }
}
