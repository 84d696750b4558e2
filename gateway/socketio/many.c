/* What applications ask of many sockets and of other servers, and have them do. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include <confab/err.h>

/* ---- asking ---- */

void confab_broadcast_with_ack(struct confab_namespace *nsp, const struct confab_audience *audience,
                               const char *event, struct confab_value *args, int64_t timeout_ms,
                               confab_answers_fn *handler, void *user)
{
    struct confab_server *server = nsp->server;
    struct message *message;
    if (sio_asking_is_refused(server, handler, user)) {
        confab_value_release(args);
        return;
    }
    struct sio_asking *asking = sio_asking_new(server, timeout_ms, handler, user);
    int status = sio_broadcast_message(nsp, audience, event, args, &message);
    if (status != CONFAB_OK)
        sio_asking_finish(asking, status);
    else if (!sio_asking_is_over(asking))
        broker_ask_clients(server->broker, message, sio_asking_timeout_ms(timeout_ms),
                           sio_asking_events(), asking, &asking->question);
    if (message != NULL)
        message_release(message);
}

/* Whom an audience means, as a message without arguments. */
static int audience_message(struct confab_namespace *nsp, const struct confab_audience *audience,
                            struct message **who)
{
    return sio_broadcast_message(nsp, audience, "", NULL, who);
}

void confab_fetch_sockets(struct confab_namespace *nsp, const struct confab_audience *audience,
                          int64_t timeout_ms, confab_answers_fn *handler, void *user)
{
    struct confab_server *server = nsp->server;
    struct message *who;
    if (sio_asking_is_refused(server, handler, user))
        return;
    struct sio_asking *asking = sio_asking_new(server, timeout_ms, handler, user);
    int status = audience_message(nsp, audience, &who);
    if (status != CONFAB_OK)
        sio_asking_finish(asking, status);
    else if (!sio_asking_is_over(asking))
        broker_ask_sockets(server->broker, who, sio_asking_events(), asking, &asking->question);
    if (who != NULL)
        message_release(who);
}

/* ---- rooms and disconnects ---- */

typedef void change_rooms(struct broker *broker, const struct message *who,
                          const struct text *rooms, unsigned room_count);

static bool are_names(const struct text *rooms, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rooms[i].length > BROKER_ROOM_MAX_BYTES)
            return false;
    return true;
}

static int change(struct confab_namespace *nsp, const struct confab_audience *audience,
                  const char *const *rooms, size_t room_count, change_rooms *make)
{
    struct message *who;
    if (room_count > SIO_ROOMS_MAX) {
        sio_limit(nsp->server, SERVER_LIMIT_ROOMS);
        return CONFAB_ELIMIT;
    }
    int status = audience_message(nsp, audience, &who);
    if (status != CONFAB_OK)
        return status;
    struct text *texts = xreallocarray(NULL, room_count + 1, sizeof(*texts));
    sio_to_texts(rooms, room_count, texts);
    if (are_names(texts, room_count)) {
        make(nsp->server->broker, who, texts, (unsigned)room_count);
    } else {
        sio_limit(nsp->server, SERVER_LIMIT_ROOMS);
        status = CONFAB_ELIMIT;
    }
    free(texts);
    message_release(who);
    return status;
}

int confab_sockets_join(struct confab_namespace *nsp, const struct confab_audience *audience,
                        const char *const *rooms, size_t room_count)
{
    return change(nsp, audience, rooms, room_count, broker_all_join);
}

int confab_sockets_leave(struct confab_namespace *nsp, const struct confab_audience *audience,
                         const char *const *rooms, size_t room_count)
{
    return change(nsp, audience, rooms, room_count, broker_all_leave);
}

int confab_disconnect_sockets(struct confab_namespace *nsp, const struct confab_audience *audience,
                              bool close)
{
    struct message *who;
    int status = audience_message(nsp, audience, &who);
    if (status != CONFAB_OK)
        return status;
    broker_all_disconnect(nsp->server->broker, who, close);
    message_release(who);
    return CONFAB_OK;
}

/* ---- other servers ---- */

/* As Node: what its own namespaces emit. */
static bool is_reserved_for_servers(const char *event)
{
    return strcmp(event, "connect") == 0 || strcmp(event, "connection") == 0 ||
           strcmp(event, "new_namespace") == 0;
}

static int may_be_told(const struct confab_namespace *nsp, const char *event)
{
    if (nsp->server->stopped)
        return CONFAB_ECLOSED;
    if (nsp->parent != NULL)
        return CONFAB_EUNSUPPORTED;
    return is_reserved_for_servers(event) ? CONFAB_EINVAL : CONFAB_OK;
}

int confab_server_emit(struct confab_namespace *nsp, const char *event, struct confab_value *args)
{
    int status = may_be_told(nsp, event);
    if (status == CONFAB_OK) {
        struct confab_value *all = sio_event_and_args(event, args);
        broker_tell_servers(nsp->members, all);
        confab_value_release(all);
    }
    confab_value_release(args);
    return status;
}

void confab_server_emit_with_ack(struct confab_namespace *nsp, const char *event,
                                 struct confab_value *args, int64_t timeout_ms,
                                 confab_answers_fn *handler, void *user)
{
    if (sio_asking_is_refused(nsp->server, handler, user)) {
        confab_value_release(args);
        return;
    }
    struct sio_asking *asking = sio_asking_new(nsp->server, timeout_ms, handler, user);
    int status = may_be_told(nsp, event);
    if (status != CONFAB_OK) {
        sio_asking_finish(asking, status);
    } else if (!sio_asking_is_over(asking)) {
        struct confab_value *all = sio_event_and_args(event, args);
        broker_ask_servers(nsp->members, all, sio_asking_events(), asking, &asking->question);
        confab_value_release(all);
    }
    confab_value_release(args);
}
