/*
 * Connection state recovery, the part that meets sockets and packets.
 *
 * A namespace with recovery gives each of its sockets a session (recovery_store.h), whose private
 * id the CONNECT answer tells. Whatever leaves there as an event, volatile ones and those that ask
 * for an acknowledgement apart, has its offset as one more argument, which stock clients remember.
 * A CONNECT that shows both looks the session up before anybody else sees the socket; what was
 * missed goes out in front of the CONNECT answer, in the same step that makes the socket a member,
 * so that nothing can come between. Stock clients keep events from before the answer until they
 * know whether they were recovered.
 *
 * Places are given where packets really leave: to a broadcast as its delivery begins, to an emit at
 * once. Inside a delivery nobody's handler runs (a session that overflows there is told of at the
 * turn's end), so no emit gets in front of a broadcast that has its place already.
 */
#include <stdlib.h>
#include <string.h>

#include "common/frame.h"
#include "common/mem.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include "gateway/socketio/tokens.h"

#define LOOKUP_DEADLINE_MS 5000
#define LOOKUP_LATE RECOVERY_ANSWER_COUNT

_Static_assert(RECOVERY_ANSWER_COUNT + 1 == SERVER_RECOVERIES, "one counter for each end");
_Static_assert(RECOVERY_ID_BYTES == SIO_ID_BYTES, "a session keeps the socket's id");

static const struct recovery_ops *ops_of(const struct confab_namespace *nsp)
{
    return nsp->recovery->store->ops;
}

/* ---- coming back ---- */

struct asking {
    struct confab_server *server;
    uint64_t token;
};

static void adopt(struct confab_socket *socket, struct recovery_session *session)
{
    socket->session = session;
    socket->recovered = true;
    memcpy(socket->id, session->id, SIO_ID_BYTES);
    confab_value_release(socket->data);
    socket->data = confab_value_hold(session->data);
}

static void on_restored(void *user, enum recovery_answer answer, struct recovery_session *session)
{
    struct asking *asking = user;
    struct confab_server *server = asking->server;
    struct sio_token *token = sio_token_find(server, (struct confab_token){asking->token});
    struct confab_socket *socket = NULL;
    free(asking);
    if (token != NULL) {
        struct sio_token spent = sio_token_spend(server, token);
        server->counters.recoveries[answer]++;
        socket = sio_token_unblock(server, &spent);
    }
    if (session == NULL)
        return;
    if (socket != NULL && socket->state == SIO_CONNECTING)
        adopt(socket, session);
    else /* too late; perhaps its client comes once more */
        session->space->store->ops->keep(session, confab_now_ms(server));
}

static const char *word_of(const struct confab_socket *socket, const char *key)
{
    return confab_as_string(confab_get(socket->auth, key), NULL);
}

bool sio_recovery_is_to_ask(const struct confab_socket *socket)
{
    return !socket->looked_up && socket->nsp->recovery != NULL && word_of(socket, "pid") != NULL &&
           word_of(socket, "offset") != NULL && !sio_client_is_old(socket->client);
}

void sio_recovery_ask(struct confab_socket *socket)
{
    struct confab_namespace *nsp = socket->nsp;
    struct sio_token *token =
        sio_token_new(nsp->server, socket, SIO_TOKEN_RECOVERY, LOOKUP_DEADLINE_MS);
    struct asking *asking = xmalloc(sizeof(*asking));
    *asking = (struct asking){nsp->server, token->id};
    socket->looked_up = true;
    socket->blocked++;
    ops_of(nsp)->restore(nsp->recovery, word_of(socket, "pid"), word_of(socket, "offset"),
                         confab_now_ms(nsp->server), on_restored, asking);
}

void sio_recovery_expired(struct confab_server *server, const struct sio_token *token)
{
    server->counters.recoveries[LOOKUP_LATE]++;
    sio_token_unblock(server, token);
}

static void send_missed(void *user, struct frame_set *frames)
{
    struct confab_socket *socket = user;
    if (sio_client_send(socket->client, frames, false))
        socket->nsp->server->counters.deliveries++;
}

bool sio_recovery_admit(struct confab_socket *socket)
{
    struct confab_namespace *nsp = socket->nsp;
    if (nsp->recovery == NULL || sio_client_is_old(socket->client))
        return true;
    if (socket->session == NULL) {
        socket->session = recovery_session_new(nsp->recovery, socket->id, nsp->server->rng);
        return true;
    }
    /* What middleware was told of it cannot be taken back any more: the client has to come anew. */
    if (!ops_of(nsp)->replay(socket->session, send_missed, socket))
        sio_client_close(socket->client, EIO_CLOSE_FORCED);
    return socket->state == SIO_CONNECTING;
}

void sio_recovery_rejoin(struct confab_socket *socket)
{
    if (!socket->recovered)
        return;
    const struct confab_value *rooms = socket->session->rooms;
    for (size_t i = 1; i < confab_size(rooms); i++) {
        size_t length;
        const char *room = confab_as_string(confab_at(rooms, i), &length);
        broker_join(&socket->member, room, length, NULL, NULL);
    }
}

/* ---- going ---- */

bool sio_recovery_is_for(const char *reason)
{
    static const char *const reasons[] = {"transport error",      "transport close",
                                          "forced close",         "ping timeout",
                                          "server shutting down", "forced server close"};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (strcmp(reason, reasons[i]) == 0)
            return true;
    }
    return false;
}

void sio_recovery_lost(struct confab_socket *socket)
{
    struct recovery_session *session = socket->session;
    if (session == NULL)
        return;
    socket->session = NULL;
    if (!socket->recoverable) {
        recovery_session_free(session);
        return;
    }
    if (socket->was_connected) {
        confab_value_release(session->rooms);
        session->rooms = confab_rooms(socket);
        confab_value_release(session->data);
        session->data = confab_value_hold(socket->data);
        session->lost_at_ms = confab_now_ms(socket->nsp->server);
    }
    session->space->store->ops->keep(session, confab_now_ms(socket->nsp->server));
}

void sio_recovery_joined(struct confab_socket *socket, const struct text *room)
{
    if (socket->session != NULL)
        recovery_session_joined(socket->session, room);
}

void sio_recovery_left(struct confab_socket *socket, const struct text *room)
{
    if (socket->session != NULL)
        recovery_session_left(socket->session, room);
}

/* ---- what leaves ---- */

/* The arguments behind `event` (NULL: it is among them) and in front of the next offset. */
static struct frame_set *frames_with_offset(struct confab_namespace *nsp, const char *event,
                                            const struct confab_value *args, bool plain)
{
    char offset[RECOVERY_OFFSET_BYTES];
    struct confab_value *all = confab_array();
    for (size_t i = 0; i < confab_size(args); i++)
        confab_push(all, confab_value_hold(confab_at(args, i)));
    ops_of(nsp)->offset(nsp->recovery, offset);
    confab_push(all, confab_string(offset));
    struct sio_packet packet = sio_packet_for(nsp, SIO_EVENT, all);
    struct frame_set *frames = sio_frames(nsp->server, &packet, event);
    confab_value_release(all);
    if (plain && frames != NULL)
        frame_set_keep_plain(frames);
    return frames;
}

void sio_recovery_delivering(struct confab_namespace *nsp, struct message *message)
{
    struct confab_server *server = nsp->server;
    if (nsp->recovery->alive == 0 || message->wire != NULL ||
        (message->flags & MESSAGE_VOLATILE) != 0)
        return;
    struct frame_set *frames =
        frames_with_offset(nsp, NULL, message->args, (message->flags & MESSAGE_COMPRESS_OFF) != 0);
    if (frames == NULL)
        return;
    message_set_wire(message, frames);
    ops_of(nsp)->append(nsp->recovery, frames, message, 0, confab_now_ms(server));
}

bool sio_recovery_emit(struct confab_socket *socket, const char *event,
                       const struct confab_value *args, unsigned flags)
{
    struct confab_namespace *nsp = socket->nsp;
    struct frame_set *frames =
        frames_with_offset(nsp, event, args, (flags & CONFAB_COMPRESS_OFF) != 0);
    if (frames == NULL)
        return false;
    ops_of(nsp)->append(nsp->recovery, frames, NULL, socket->session->number,
                        confab_now_ms(nsp->server));
    bool sent = sio_client_send(socket->client, frames, false);
    nsp->server->counters.deliveries += sent;
    frame_set_release(frames);
    return sent;
}

/* ---- the C API ---- */

bool confab_socket_recovered(const struct confab_socket *socket)
{
    return socket->recovered;
}

void confab_recovery_off(struct confab_namespace *nsp)
{
    if (nsp->size == 0)
        sio_recovery_close(nsp);
}

void sio_recovery_close(struct confab_namespace *nsp)
{
    if (nsp->recovery == NULL)
        return;
    ops_of(nsp)->space_close(nsp->recovery);
    nsp->recovery = NULL;
}
