/* What the broker brings: broadcasts for local sockets, and what other nodes ask for. */
#include "common/frame.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include "gateway/socketio/tokens.h"
#include <confab/err.h>

#define SERVER_EVENT_DEADLINE_MS 4000 /* before Node's own 5 s are over */

static void deliver(void *user, struct broker_member *member, struct message *message)
{
    struct confab_server *server = user;
    struct confab_socket *socket = sio_socket_of(member);
    bool volatile_ = (message->flags & MESSAGE_VOLATILE) != 0;
    if (!sio_socket_is_open(socket))
        return;
    struct frame_set *frames = sio_message_frames(server, message);
    if (frames == NULL || !sio_outgoing(socket, NULL, message->args))
        return;
    if (eio_session_send_set(socket->client->session, frames, volatile_))
        server->counters.deliveries++;
    else if (volatile_)
        server->counters.volatile_drops++;
}

/* ---- broadcasts with acknowledgements ---- */

void sio_asking_forget(struct confab_server *server)
{
    if (server->asking.frames != NULL)
        frame_set_release(server->asking.frames);
    server->asking.frames = NULL;
    server->asking.reply = 0;
}

/* All receivers of a broadcast get the same id, so it is encoded once: ids are unique in the
 * namespace. NULL: too large. */
static struct frame_set *asking_frames(struct confab_server *server, struct confab_namespace *nsp,
                                       struct message *message, struct broker_reply reply)
{
    if (server->asking.reply == reply.id && server->asking.frames != NULL)
        return server->asking.frames;
    sio_asking_forget(server);
    struct sio_packet packet = sio_packet_for(nsp, SIO_EVENT, message->args);
    packet.has_id = true;
    packet.id = sio_ack_id(nsp);
    server->asking.reply = reply.id;
    server->asking.id = packet.id;
    server->asking.frames = sio_frames(server, &packet, NULL);
    if (server->asking.frames != NULL && (message->flags & MESSAGE_COMPRESS_OFF) != 0)
        frame_set_keep_plain(server->asking.frames);
    return server->asking.frames;
}

static void deliver_with_ack(void *user, struct broker_member *member, struct message *message,
                             struct broker_reply reply)
{
    struct confab_server *server = user;
    struct confab_socket *socket = sio_socket_of(member);
    if (!sio_socket_is_open(socket))
        return;
    struct frame_set *frames = asking_frames(server, socket->nsp, message, reply);
    if (frames == NULL || !sio_acks_expect_reply(socket, server->asking.id, reply))
        return;
    if (sio_outgoing(socket, NULL, message->args) && sio_client_send(socket->client, frames, false))
        server->counters.deliveries++;
}

/* ---- asked by other nodes, or for all ---- */

static struct confab_value *describe(void *user, struct broker_member *member, bool abroad)
{
    (void)user;
    const struct confab_socket *socket = sio_socket_of(member);
    struct confab_value *told = confab_set(confab_object(), "id", confab_string(socket->id));
    confab_set(told, "handshake",
               confab_handshake_value(confab_socket_handshake(socket), socket->auth, abroad));
    confab_set(told, "rooms", confab_rooms(socket));
    return confab_set(told, "data", confab_value_hold(confab_data(socket)));
}

/* The broker walks over members: it happens at the end of the turn. */
static void disconnect(void *user, struct broker_member *member, bool close)
{
    (void)user;
    struct confab_socket *socket = sio_socket_of(member);
    socket->kicked = true;
    socket->kick_close = socket->kick_close || close;
    sio_socket_ready(socket);
}

static const struct sio_handler *find_handler(const struct confab_namespace *nsp,
                                              const struct confab_value *args)
{
    size_t length;
    const char *name = confab_as_string(confab_at(args, 0), &length);
    if (nsp == NULL || name == NULL)
        return NULL;
    struct htable_entry *entry = htable_find(&nsp->registry->server_handlers, name, length);
    return entry != NULL ? container_of(entry, struct sio_handler, by_name) : NULL;
}

static void server_event(void *user, struct broker_namespace *members,
                         const struct confab_value *args, bool wants_reply,
                         struct broker_reply reply)
{
    struct confab_server *server = user;
    struct confab_namespace *nsp = broker_namespace_user(members);
    const struct sio_handler *handler = find_handler(nsp, args);
    struct confab_token token = {0};
    if (handler == NULL || handler->fn.server_event == NULL || server->stopped) {
        if (wants_reply)
            broker_answer_server_event(server->broker, reply, NULL);
        return;
    }
    if (wants_reply) {
        struct sio_token *owed =
            sio_token_new(server, NULL, SIO_TOKEN_SERVER_EVENT, SERVER_EVENT_DEADLINE_MS);
        owed->reply = reply;
        token.id = owed->id;
    }
    struct confab_value *rest = sio_list_rest(args);
    handler->fn.server_event(nsp, rest, token, handler->user);
    confab_value_release(rest);
}

static void state_changed(void *user)
{
    struct confab_server *server = user;
    if (server->broker_state_changed != NULL)
        server->broker_state_changed(server->broker_state_user);
}

/* ---- for connection state recovery ---- */

static void delivering(void *user, struct broker_namespace *members, struct message *message)
{
    (void)user;
    struct confab_namespace *nsp = broker_namespace_user(members);
    if (nsp != NULL && nsp->recovery != NULL)
        sio_recovery_delivering(nsp, message);
}

static void joined(void *user, struct broker_member *member, const struct text *room)
{
    (void)user;
    sio_recovery_joined(sio_socket_of(member), room);
}

static void left(void *user, struct broker_member *member, const struct text *room)
{
    (void)user;
    sio_recovery_left(sio_socket_of(member), room);
}

const struct broker_events *server_broker_events(void)
{
    static const struct broker_events events = {.deliver = deliver,
                                                .deliver_with_ack = deliver_with_ack,
                                                .describe = describe,
                                                .disconnect = disconnect,
                                                .server_event = server_event,
                                                .state_changed = state_changed,
                                                .delivering = delivering,
                                                .joined = joined,
                                                .left = left};
    return &events;
}
