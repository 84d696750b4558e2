/*
 * One Engine.IO session: its messages become packets, and packets find the socket of their
 * namespace. What breaks the protocol's rules ends the session, and nothing else does:
 *
 *   closes       what does not decode; an event, ack or disconnect for a namespace not joined; a
 *                second CONNECT to one that is; CONNECT_ERROR
 *   is ignored   packets for the namespace that this side ended or refused last, for they may have
 *                crossed the news; events without a name
 *
 * An event may follow its CONNECT at once: it waits until the socket is in. A stock client waits
 * for the answer, so only the order is promised here that nobody relied on before.
 */
#include <stdlib.h>
#include <string.h>

#include "common/live.h"
#include "common/mem.h"
#include "common/value.h"
#include "gateway/socketio/parents.h"
#include "gateway/socketio/server_internal.h"
#include "gateway/socketio/tokens.h"
#include "gateway/socketio/wishes.h"
#include <confab/err.h>

struct confab_socket *sio_client_socket(const struct sio_client *client, const char *name,
                                        size_t name_bytes)
{
    LIST_FOREACH(it, &client->sockets)
    {
        struct confab_socket *socket = container_of(it, struct confab_socket, link);
        if (socket->nsp->name_bytes == name_bytes &&
            memcmp(socket->nsp->name, name, name_bytes) == 0)
            return socket;
    }
    return NULL;
}

/* ---- sending ---- */

bool sio_client_send(struct sio_client *client, struct frame_set *frames, bool volatile_)
{
    return client->session != NULL && eio_session_send_set(client->session, frames, volatile_);
}

bool sio_client_send_packet(struct sio_client *client, const struct sio_packet *packet)
{
    if (client->session == NULL)
        return false;
    struct frame_set *frames = sio_frames(client->server, packet, NULL);
    if (frames == NULL)
        return false;
    bool sent = sio_client_send(client, frames, false);
    frame_set_release(frames);
    return sent;
}

/* ---- the end ---- */

void sio_client_close(struct sio_client *client, enum eio_close_reason reason)
{
    if (client->session != NULL)
        eio_session_close(client->session, reason, sio_now_ms(client->server));
}

static void protocol_error(struct sio_client *client)
{
    client->server->counters.bad_packets++;
    sio_client_close(client, EIO_CLOSE_FORCED);
}

void sio_client_end_sockets(struct sio_client *client, const char *reason, bool told)
{
    while (!list_empty(&client->sockets)) {
        struct confab_socket *socket = LIST_FIRST(&client->sockets, struct confab_socket, link);
        if (told && socket->state == SIO_CONNECTED) {
            struct sio_packet packet = sio_packet_for(socket->nsp, SIO_DISCONNECT, NULL);
            sio_client_send_packet(client, &packet);
        }
        sio_socket_close(socket, reason, told ? SIO_END_SERVER : SIO_END_LOST);
    }
}

static void free_if_over(struct sio_client *client)
{
    if (client->session != NULL || client->unfinished != 0)
        return;
    list_move_tail(&client->server->dead_clients, &client->link);
    sio_owe_turn(client->server);
}

void sio_client_socket_gone(struct sio_client *client)
{
    client->unfinished--;
    free_if_over(client);
}

void sio_client_free(struct sio_client *client)
{
    client->server->client_count--;
    timerfifo_disarm(&client->server->connects, &client->timer);
    list_del(&client->link);
    sio_tokens_forget_client(client);
    sio_decoder_fini(&client->decoder);
    eio_handshake_release(client->handshake);
    free(client->left);
    free(client);
    live_dec(LIVE_CLIENT);
}

void sio_client_timed_out(struct sio_client *client)
{
    struct confab_server *server = client->server;
    if (client->session == NULL)
        return;
    if (sio_decoder_awaits(&client->decoder)) {
        sio_limit(server, SERVER_LIMIT_INCOMPLETE);
        protocol_error(client);
    } else if (list_empty(&client->sockets) && list_empty(&client->wishes)) {
        sio_client_close(client, EIO_CLOSE_CONNECT_TIMEOUT);
    } else {
        /* Middleware has not decided yet, or a parent. */
        timerfifo_arm(&server->connects, &client->timer,
                      sio_now_ms(server) + server->config.connect_timeout_ms);
    }
}

/* ---- what waits ---- */

bool sio_client_charge(struct sio_client *client, size_t bytes)
{
    struct confab_server *server = client->server;
    client->waiting_bytes += bytes;
    if (client->session == NULL || client->waiting_bytes <= server->config.max_waiting_bytes)
        return true;
    if (client->waiting_bytes >
        server->config.max_waiting_bytes + server->config.max_packet_bytes) {
        sio_limit(server, SERVER_LIMIT_WAITING);
        sio_client_close(client, EIO_CLOSE_FORCED);
        return false;
    }
    if (!client->paused) {
        client->paused = true;
        server->counters.pauses++;
        eio_session_pause(client->session, true, sio_now_ms(server));
    }
    return true;
}

void sio_client_refund(struct sio_client *client, size_t bytes)
{
    client->waiting_bytes -= bytes;
    if (client->paused && client->session != NULL &&
        client->waiting_bytes <= client->server->config.max_waiting_bytes / 2) {
        client->paused = false;
        eio_session_pause(client->session, false, sio_now_ms(client->server));
    }
}

/* ---- what the server has ended: by its name, for the namespace may be gone, too ---- */

static bool is_left(const struct sio_client *client, const char *name, size_t name_bytes)
{
    return client->left != NULL && strlen(client->left) == name_bytes &&
           memcmp(client->left, name, name_bytes) == 0;
}

static void forget_left(struct sio_client *client)
{
    free(client->left);
    client->left = NULL;
}

void sio_client_left(struct sio_client *client, const char *name, size_t name_bytes)
{
    free(client->left);
    client->left = xmemdup0(name, name_bytes);
}

/* ---- packets ---- */

void sio_client_refuse_connect(struct sio_client *client, const struct sio_packet *connect,
                               const char *message)
{
    struct sio_packet packet = {
        .type = SIO_CONNECT_ERROR, .nsp = connect->nsp, .nsp_bytes = connect->nsp_bytes};
    packet.data = confab_set(confab_object(), "message", confab_string(message));
    client->server->counters.connect_errors++;
    sio_client_send_packet(client, &packet);
    confab_value_release(packet.data);
}

void sio_client_enter(struct sio_client *client, struct confab_namespace *nsp,
                      struct confab_value *auth)
{
    if (is_left(client, nsp->name, nsp->name_bytes))
        forget_left(client);
    sio_socket_new(client, nsp, auth);
}

static void receive_connect(struct sio_client *client, struct sio_packet *packet)
{
    struct confab_server *server = client->server;
    struct confab_namespace *nsp = sio_namespace_find(server, packet->nsp, packet->nsp_bytes);
    if (nsp == NULL && !sio_child_may_be(server, packet->nsp, packet->nsp_bytes)) {
        sio_client_refuse_connect(client, packet, "Invalid namespace");
    } else if (client->unfinished >= server->config.max_namespaces) {
        sio_limit(server, SERVER_LIMIT_NAMESPACES);
        sio_client_refuse_connect(client, packet, "Too many namespaces");
    } else if (packet->wire_bytes > server->config.max_auth_bytes) {
        sio_limit(server, SERVER_LIMIT_AUTH);
        sio_client_refuse_connect(client, packet, "Too much auth data");
    } else if (nsp == NULL) {
        sio_wish_new(client, packet);
    } else {
        sio_client_enter(client, nsp, packet->data);
        packet->data = NULL;
    }
}

static void receive_for_socket(struct confab_socket *socket, struct sio_packet *packet)
{
    switch (packet->type) {
    case SIO_EVENT:
        if (packet->data != NULL && sio_event_has_name(packet->data))
            sio_socket_event(socket, packet);
        break;
    case SIO_ACK:
        sio_acks_receive(socket, packet);
        break;
    case SIO_DISCONNECT:
        sio_socket_close(socket, "client namespace disconnect", SIO_END_CLIENT);
        break;
    case SIO_CONNECT:
    case SIO_CONNECT_ERROR:
        protocol_error(socket->client);
        break;
    }
}

static void receive_for_wish(struct sio_wish *wish, struct sio_client *client,
                             struct sio_packet *packet)
{
    if (packet->type == SIO_DISCONNECT)
        sio_wish_end(wish);
    else if (packet->type == SIO_CONNECT || packet->type == SIO_CONNECT_ERROR)
        protocol_error(client);
    else if (packet->type == SIO_EVENT && packet->data != NULL && sio_event_has_name(packet->data))
        sio_wish_event(wish, packet);
}

static bool crossed_our_end(const struct sio_client *client, const struct sio_packet *packet)
{
    return is_left(client, packet->nsp, packet->nsp_bytes) && packet->type != SIO_CONNECT_ERROR;
}

static void receive(struct sio_client *client, struct sio_packet *packet)
{
    if (sio_client_is_old(client))
        sio_old_split_namespace(packet);
    struct confab_socket *socket = sio_client_socket(client, packet->nsp, packet->nsp_bytes);
    struct sio_wish *wish = sio_wish_find(client, packet->nsp, packet->nsp_bytes);
    if (packet->type == SIO_EVENT)
        client->server->counters.events_in++;
    if (socket != NULL)
        receive_for_socket(socket, packet);
    else if (wish != NULL)
        receive_for_wish(wish, client, packet);
    else if (packet->type == SIO_CONNECT)
        receive_connect(client, packet);
    else if (!crossed_our_end(client, packet))
        protocol_error(client);
}

/* Half a packet may not stay for ever: as long as a session may stay without a namespace. */
static void watch_incomplete(struct sio_client *client)
{
    struct confab_server *server = client->server;
    if (!timerfifo_armed(&client->timer))
        timerfifo_arm(&server->connects, &client->timer,
                      sio_now_ms(server) + server->config.connect_timeout_ms);
}

static void stop_watching(struct sio_client *client)
{
    if (client->joined)
        timerfifo_disarm(&client->server->connects, &client->timer);
}

void sio_client_joined(struct sio_client *client)
{
    client->joined = true;
    if (!sio_decoder_awaits(&client->decoder))
        stop_watching(client);
}

static void on_message(void *user, struct eio_session *session, enum frame_kind kind,
                       const char *bytes, size_t length_bytes)
{
    struct confab_server *server = user;
    struct sio_client *client = eio_session_user(session);
    struct sio_packet packet = {.data = NULL};
    bool awaited = sio_decoder_awaits(&client->decoder);
    sio_now_ms(server);
    int status = (server->config.msgpack ? sio_decode_msgpack : sio_decode)(
        &client->decoder, kind, bytes, length_bytes, server->config.max_packet_bytes, &packet);
    if (status == CONFAB_OK) {
        if (awaited)
            stop_watching(client);
        receive(client, &packet);
        confab_value_release(packet.data);
    } else if (status == CONFAB_EPARTIAL) {
        watch_incomplete(client);
    } else {
        if (status == CONFAB_ELIMIT)
            sio_limit(server, client->decoder.has_too_many ? SERVER_LIMIT_ATTACHMENTS
                                                           : SERVER_LIMIT_PACKET);
        protocol_error(client);
    }
}

/* ---- the session's other events ---- */

static void on_open(void *user, struct eio_session *session)
{
    struct confab_server *server = user;
    struct sio_client *client = xcalloc(1, sizeof(*client));
    client->server = server;
    client->session = session;
    client->handshake = eio_handshake_hold(eio_session_handshake(session));
    client->transport = (uint8_t)eio_session_transport(session);
    list_init(&client->link);
    list_init(&client->sockets);
    list_init(&client->wishes);
    list_init(&client->tokens);
    list_init(&client->aside);
    timerfifo_entry_init(&client->timer);
    client->revision = (uint8_t)eio_session_revision(session);
    sio_decoder_init(&client->decoder);
    client->decoder.takes_queries = sio_client_is_old(client);
    client->decoder.max_attachments = client->server->config.max_attachments;
    list_add_tail(&server->clients, &client->link);
    server->client_count++;
    eio_session_set_user(session, client);
    timerfifo_arm(&server->connects, &client->timer,
                  sio_now_ms(server) + server->config.connect_timeout_ms);
    live_inc(LIVE_CLIENT);
    if (sio_client_is_old(client)) {
        struct sio_packet connect = {.type = SIO_CONNECT, .nsp = "/", .nsp_bytes = 1};
        receive_connect(client, &connect);
    }
}

static void on_close(void *user, struct eio_session *session, enum eio_close_reason reason)
{
    struct confab_server *server = user;
    struct sio_client *client = eio_session_user(session);
    sio_now_ms(server);
    client->transport = (uint8_t)eio_session_transport(session);
    client->session = NULL;
    eio_session_set_user(session, NULL);
    timerfifo_disarm(&server->connects, &client->timer);
    list_del(&client->link);
    sio_decoder_fini(&client->decoder);
    sio_wishes_end(client);
    sio_client_end_sockets(client, eio_close_text(reason), false);
    free_if_over(client);
}

const struct eio_events *server_engine_events(void)
{
    static const struct eio_events events = {
        .on_open = on_open, .on_message = on_message, .on_close = on_close};
    return &events;
}
