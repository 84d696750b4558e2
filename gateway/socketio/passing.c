/*
 * An event on its way through the middleware of its socket. There is at most one of a socket at a
 * time: later ones wait until it is through. What a middleware decides inside its call goes on at
 * once; what it decides later, at the end of that turn. An event for whose decision there is no
 * place waits for one before that middleware, and with it all that comes after.
 */
#include <stdlib.h>

#include "common/mem.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include "gateway/socketio/tokens.h"
#include <confab/err.h>

struct sio_passing {
    struct confab_value *data; /* [name, arguments…], held */
    struct confab_token token; /* as in struct confab_event */
    double ack_id;
    bool wants_ack;
    bool decided;  /* by the middleware that was asked last */
    char *refusal; /* owned; NULL: not refused */
    struct confab_value *refusal_data;
    size_t next;
};

static void passing_free(struct sio_passing *passing)
{
    confab_value_release(passing->data);
    confab_value_release(passing->refusal_data);
    free(passing->refusal);
    free(passing);
}

void sio_passing_drop(struct confab_socket *socket)
{
    if (!sio_passing_is_there(socket))
        return;
    passing_free(socket->own->passing);
    socket->own->passing = NULL;
}

bool sio_passing_is_decided(const struct confab_socket *socket)
{
    return sio_passing_is_there(socket) && socket->own->passing->decided && !socket->is_aside;
}

/* Asks the next one. */
static void ask(struct confab_event *event, struct sio_passing *passing)
{
    struct confab_socket *socket = event->socket;
    struct sio_event_middleware next = socket->own->uses[passing->next++];
    struct sio_token *token =
        sio_token_new(socket->nsp->server, socket, SIO_TOKEN_PASSING, SIO_DECISION_DEADLINE_MS);
    socket->blocked++;
    passing->decided = false;
    next.fn(socket, event, (struct confab_token){token->id}, next.user);
}

static void finish(struct confab_event *event, const struct sio_passing *passing)
{
    struct confab_socket *socket = event->socket;
    const struct confab_namespace *nsp = socket->nsp->registry;
    if (passing->refusal == NULL)
        sio_event_handle(event);
    else if (nsp->on_error != NULL && !socket->thrown_out)
        nsp->on_error(socket, passing->refusal, passing->refusal_data, nsp->error_user);
}

static bool has_place(const struct confab_socket *socket)
{
    return !sio_token_is_one_too_many_for(socket->client) &&
           !sio_token_is_one_too_many(socket->nsp->server);
}

/* Asks until one takes its time. False: there is no place for the next one's decision. */
static bool ask_all(struct confab_event *event, struct sio_passing *passing)
{
    const struct confab_socket *socket = event->socket;
    while (passing->decided && passing->refusal == NULL && !socket->thrown_out &&
           passing->next < socket->own->use_count) {
        if (!has_place(socket))
            return false;
        ask(event, passing);
    }
    return true;
}

static void run(struct confab_event *event, struct sio_passing *passing)
{
    struct sio_own *own = event->socket->own;
    bool had_place = ask_all(event, passing);
    passing->token = event->token;
    passing->wants_ack = event->wants_ack;
    if (!had_place)
        sio_socket_set_aside(event->socket);
    if (!had_place || !passing->decided)
        return;
    own->passing = NULL;
    finish(event, passing);
    passing_free(passing);
}

void sio_passing_begin(struct confab_event *event)
{
    struct sio_passing *passing = xcalloc(1, sizeof(*passing));
    passing->data = confab_value_hold(event->data);
    passing->ack_id = event->ack_id;
    passing->decided = true;
    event->socket->own->passing = passing;
    run(event, passing);
}

void sio_passing_resume(struct confab_socket *socket)
{
    struct sio_passing *passing = socket->own->passing;
    struct sio_event_scratch scratch;
    struct confab_value *data = confab_value_hold(passing->data);
    struct confab_event event = sio_event_open(&scratch, socket, data);
    event.token = passing->token;
    event.ack_id = passing->ack_id;
    event.wants_ack = passing->wants_ack;
    run(&event, passing);
    sio_event_close(&scratch);
    confab_value_release(data);
}

int sio_passing_decide(struct confab_server *server, const struct sio_token *token,
                       const char *message, struct confab_value *data)
{
    struct confab_socket *socket = sio_token_unblock(server, token);
    if (socket == NULL || !sio_passing_is_there(socket)) {
        confab_value_release(data);
        return CONFAB_ECLOSED;
    }
    struct sio_passing *passing = socket->own->passing;
    passing->decided = true;
    passing->refusal = message != NULL ? xstrdup(message) : NULL;
    passing->refusal_data = data;
    return socket->thrown_out ? CONFAB_ECLOSED : CONFAB_OK;
}
