/*
 * Emitting. To one socket: encoded and queued. To many: a message that the broker carries; it comes
 * back here once for each local receiver, and the first of them makes the frames for all.
 */
#include <stdlib.h>
#include <string.h>

#include "common/frame.h"
#include "common/mem.h"
#include "common/value.h"
#include "gateway/socketio/parents.h"
#include "gateway/socketio/server_internal.h"
#include <confab/err.h>

#define ROOMS_AT_HAND 8

/* ---- to one ---- */

static bool send_event(struct confab_socket *socket, struct frame_set *frames, bool volatile_)
{
    struct server_counters *counters = &socket->nsp->server->counters;
    bool sent = sio_client_send(socket->client, frames, volatile_);
    if (sent)
        counters->deliveries++;
    else if (volatile_)
        counters->volatile_drops++;
    return sent;
}

/* Who was told of it before may have ended the socket. */
static int why_not_sent(const struct confab_socket *socket, bool volatile_)
{
    if (!sio_socket_is_open(socket))
        return CONFAB_ECLOSED;
    return volatile_ ? CONFAB_EAGAIN : CONFAB_ELIMIT;
}

int sio_emit(struct confab_socket *socket, const char *event, struct confab_value *args,
             const double *ack_id, unsigned flags)
{
    bool volatile_ = (flags & CONFAB_VOLATILE) != 0, sent;
    if (socket->session != NULL && ack_id == NULL && !volatile_) {
        sent = sio_outgoing(socket, event, args) && sio_recovery_emit(socket, event, args, flags);
        return sent ? CONFAB_OK : why_not_sent(socket, false);
    }
    struct sio_packet packet = sio_packet_for(socket->nsp, SIO_EVENT, args);
    packet.has_id = ack_id != NULL;
    packet.id = ack_id != NULL ? *ack_id : 0;
    struct frame_set *frames = sio_frames(socket->nsp->server, &packet, event);
    if (frames == NULL)
        return CONFAB_ELIMIT;
    if ((flags & CONFAB_COMPRESS_OFF) != 0)
        frame_set_keep_plain(frames);
    sent = sio_outgoing(socket, event, args) && send_event(socket, frames, volatile_);
    frame_set_release(frames);
    return sent ? CONFAB_OK : why_not_sent(socket, volatile_);
}

static bool emit_one(struct confab_socket *socket, const char *event, struct confab_value *args,
                     unsigned flags)
{
    bool sent = sio_socket_is_open(socket) && !sio_event_is_reserved(event, strlen(event)) &&
                sio_emit(socket, event, args, NULL, flags) == CONFAB_OK;
    confab_value_release(args);
    return sent;
}

bool confab_emit(struct confab_socket *socket, const char *event, struct confab_value *args)
{
    return emit_one(socket, event, args, 0);
}

bool confab_emit_volatile(struct confab_socket *socket, const char *event,
                          struct confab_value *args)
{
    return emit_one(socket, event, args, CONFAB_VOLATILE);
}

bool confab_emit_flags(struct confab_socket *socket, const char *event, struct confab_value *args,
                       unsigned flags)
{
    return emit_one(socket, event, args, flags);
}

/* With connection state recovery each receiver gets an offset of its own, and there may be who
 * watches what is sent: so the event is kept, too. */
struct confab_packet {
    struct frame_set *frames;
    char *event;
    struct confab_value *args;
};

struct confab_packet *confab_packet_new(struct confab_namespace *nsp, const char *event,
                                        struct confab_value *args)
{
    struct confab_packet *made = NULL;
    if (!sio_event_is_reserved(event, strlen(event))) {
        struct sio_packet packet = sio_packet_for(nsp, SIO_EVENT, args);
        struct frame_set *frames = sio_frames(nsp->server, &packet, event);
        if (frames != NULL) {
            made = xcalloc(1, sizeof(*made));
            made->frames = frames;
            made->event = xstrdup(event);
            made->args = confab_value_hold(args);
        }
    }
    confab_value_release(args);
    return made;
}

void confab_packet_free(struct confab_packet **packet)
{
    if (*packet == NULL)
        return;
    frame_set_release((*packet)->frames);
    confab_value_release((*packet)->args);
    free((*packet)->event);
    free(*packet);
    *packet = NULL;
}

bool confab_emit_packet(struct confab_socket *socket, struct confab_packet *packet)
{
    if (packet == NULL || !sio_socket_is_open(socket) ||
        !sio_outgoing(socket, packet->event, packet->args))
        return false;
    if (socket->session != NULL)
        return sio_recovery_emit(socket, packet->event, packet->args, 0);
    return send_event(socket, packet->frames, false);
}

/* ---- to many ---- */

struct frame_set *sio_message_frames(struct confab_server *server, struct message *message)
{
    if (message->wire == NULL) {
        struct sio_packet packet = {.type = SIO_EVENT,
                                    .nsp = message->nsp.bytes,
                                    .nsp_bytes = message->nsp.length,
                                    .data = message->args};
        struct frame_set *frames = sio_frames(server, &packet, NULL);
        if (frames != NULL && (message->flags & MESSAGE_COMPRESS_OFF) != 0)
            frame_set_keep_plain(frames);
        if (frames != NULL)
            message_set_wire(message, frames);
    }
    return message->wire;
}

struct confab_value *sio_event_and_args(const char *event, const struct confab_value *args)
{
    struct confab_value *all = confab_list(confab_string(event), NULL);
    for (size_t i = 0; i < confab_size(args); i++)
        confab_push(all, confab_value_hold(confab_at(args, i)));
    return all;
}

static unsigned message_flags(unsigned flags)
{
    return ((flags & CONFAB_VOLATILE) != 0 ? (unsigned)MESSAGE_VOLATILE : 0) |
           ((flags & CONFAB_LOCAL) != 0 ? (unsigned)MESSAGE_LOCAL : 0) |
           ((flags & CONFAB_COMPRESS_OFF) != 0 ? (unsigned)MESSAGE_COMPRESS_OFF : 0);
}

void sio_to_texts(const char *const *names, size_t count, struct text *texts)
{
    for (size_t i = 0; i < count; i++)
        texts[i] = (struct text){names[i], strlen(names[i])};
}

/* NULL: more rooms than a message may name. Borrows args. */
static struct message *make_message(struct confab_namespace *nsp,
                                    const struct confab_audience *audience, const char *event,
                                    const struct confab_value *args)
{
    struct text at_hand[ROOMS_AT_HAND];
    struct text *texts = at_hand;
    size_t rooms = audience->room_count;
    size_t except = audience->except_count;
    if (rooms > SIO_ROOMS_MAX || except > SIO_ROOMS_MAX) {
        sio_limit(nsp->server, SERVER_LIMIT_ROOMS);
        return NULL;
    }
    if (rooms + except > ROOMS_AT_HAND)
        texts = xreallocarray(NULL, rooms + except, sizeof(*texts));
    sio_to_texts(audience->rooms, rooms, texts);
    sio_to_texts(audience->except, except, texts + rooms);
    struct message *message = message_new(
        nsp->name, nsp->name_bytes, texts, (unsigned)rooms, texts + rooms, (unsigned)except,
        message_flags(audience->flags), sio_event_and_args(event, args));
    if (texts != at_hand)
        free(texts);
    return message;
}

int sio_broadcast_message(struct confab_namespace *nsp, const struct confab_audience *audience,
                          const char *event, struct confab_value *args, struct message **message)
{
    int status = CONFAB_EINVAL;
    *message = NULL;
    if (nsp->server->stopped) {
        status = CONFAB_ECLOSED;
    } else if (nsp->parent != NULL) {
        status = CONFAB_EUNSUPPORTED;
    } else if (!sio_event_is_reserved(event, strlen(event))) {
        *message = make_message(nsp, audience, event, args);
        status = *message != NULL ? CONFAB_OK : CONFAB_ELIMIT;
    }
    confab_value_release(args);
    return status;
}

int confab_broadcast(struct confab_namespace *nsp, const struct confab_audience *audience,
                     const char *event, struct confab_value *args)
{
    struct message *message;
    if (nsp->parent != NULL)
        return sio_children_broadcast(nsp, audience, event, args);
    int status = sio_broadcast_message(nsp, audience, event, args, &message);
    if (status == CONFAB_OK) {
        broker_emit(nsp->server->broker, message);
        message_release(message);
    }
    return status;
}

int confab_emit_all(struct confab_namespace *nsp, const char *event, struct confab_value *args)
{
    struct confab_audience everybody = {.rooms = NULL};
    return confab_broadcast(nsp, &everybody, event, args);
}

int confab_emit_room(struct confab_namespace *nsp, const char *room, const char *event,
                     struct confab_value *args)
{
    struct confab_audience members = {.rooms = &room, .room_count = 1};
    return confab_broadcast(nsp, &members, event, args);
}

int confab_emit_others(struct confab_socket *socket, const char *event, struct confab_value *args)
{
    const char *own_room = socket->id;
    struct confab_audience others = {.except = &own_room, .except_count = 1};
    return confab_broadcast(socket->nsp, &others, event, args);
}

int confab_emit_room_others(struct confab_socket *socket, const char *room, const char *event,
                            struct confab_value *args)
{
    const char *own_room = socket->id;
    struct confab_audience others = {
        .rooms = &room, .room_count = 1, .except = &own_room, .except_count = 1};
    return confab_broadcast(socket->nsp, &others, event, args);
}

/* ---- in one order for all ---- */

struct sending {
    struct confab_server *server;
    confab_sent_fn *sent;
    void *user;
};

static void on_sent(void *user, int status, enum broker_scope scope)
{
    struct sending *sending = user;
    /* Whatever kept it from being sure, the application can do but one thing about it. */
    sending->sent(sending->server, status == CONFAB_OK ? CONFAB_OK : CONFAB_EUNAVAILABLE,
                  scope == BROKER_SCOPE_CLUSTER, sending->user);
    free(sending);
}

int confab_broadcast_ordered(struct confab_namespace *nsp, const struct confab_audience *audience,
                             const char *event, struct confab_value *args, confab_sent_fn *sent,
                             void *user)
{
    struct message *message;
    struct sending *sending = NULL;
    int status = sio_broadcast_message(nsp, audience, event, args, &message);
    if (status != CONFAB_OK)
        return status;
    if (sent != NULL) {
        sending = xmalloc(sizeof(*sending));
        *sending = (struct sending){nsp->server, sent, user};
    }
    broker_emit_ordered(nsp->server->broker, message, sent != NULL ? on_sent : NULL, sending);
    message_release(message);
    return CONFAB_OK;
}
