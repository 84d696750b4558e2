/*
 * Who may come in: the request filter of the server and the middleware of a namespace. The answer
 * may come at once or later; what comes at once goes on without a detour through the end of the
 * turn.
 */
#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include "gateway/socketio/tokens.h"
#include "gateway/socketio/wishes.h"
#include <confab/err.h>

#define NOT_IN_TIME "The server did not decide in time"

/* For one more decision about this CONNECT. False: it waits for a place, or was refused. */
static bool has_place(struct confab_socket *socket)
{
    if (sio_token_is_one_too_many_for(socket->client)) {
        sio_socket_set_aside(socket);
        return false;
    }
    if (sio_token_is_one_too_many(socket->nsp->server)) {
        sio_socket_refuse(socket, SIO_TOO_MANY_PENDING, NULL);
        return false;
    }
    return true;
}

/* What it was before its client was lost. False: there is no place for the question. */
static bool look_up(struct confab_socket *socket)
{
    if (!sio_recovery_is_to_ask(socket))
        return true;
    if (!has_place(socket))
        return false;
    sio_recovery_ask(socket);
    return true;
}

void sio_middleware_run(struct confab_socket *socket)
{
    const struct confab_namespace *nsp = socket->nsp->registry;
    if (!look_up(socket))
        return;
    bool is_known = socket->recovered && nsp->server->config.recovery_skips_middleware;
    while (socket->state == SIO_CONNECTING && socket->blocked == 0) {
        if (is_known || socket->middleware_next == nsp->middleware_count) {
            sio_socket_admit(socket);
            return;
        }
        if (!has_place(socket))
            return;
        struct sio_middleware next = nsp->middleware[socket->middleware_next++];
        struct sio_token *token =
            sio_token_new(nsp->server, socket, SIO_TOKEN_MIDDLEWARE, SIO_DECISION_DEADLINE_MS);
        socket->blocked++;
        next.fn(socket, (struct confab_token){token->id}, next.user);
    }
}

/* ---- the filter ---- */

void server_admit(struct confab_server *server, struct eio_handshake *handshake,
                  server_admitted_fn *done, void *user)
{
    sio_now_ms(server);
    if (server->filter == NULL) {
        done(user, true, NULL);
        return;
    }
    if (sio_token_is_one_too_many(server)) {
        done(user, false, SIO_TOO_MANY_PENDING);
        return;
    }
    struct sio_token *token =
        sio_token_new(server, NULL, SIO_TOKEN_FILTER, SIO_DECISION_DEADLINE_MS);
    token->done = done;
    token->user = user;
    token->handshake = eio_handshake_hold(handshake);
    server->filter(server, (const struct confab_handshake *)(const void *)handshake,
                   (struct confab_token){token->id}, server->filter_user);
}

void confab_filter(struct confab_server *server, confab_filter_fn *filter, void *user)
{
    server->filter = filter;
    server->filter_user = user;
}

/* ---- answers ---- */

/* False: it is no token of a filter or of middleware, or spent already. */
static bool spend(struct confab_server *server, struct confab_token token, struct sio_token *spent)
{
    struct sio_token *owed = sio_token_find(server, token);
    if (owed == NULL || (owed->kind != SIO_TOKEN_FILTER && owed->kind != SIO_TOKEN_MIDDLEWARE &&
                         owed->kind != SIO_TOKEN_PASSING && owed->kind != SIO_TOKEN_NAME))
        return false;
    *spent = sio_token_spend(server, owed);
    return true;
}

int confab_allow(struct confab_server *server, struct confab_token token)
{
    struct sio_token spent;
    if (!spend(server, token, &spent))
        return CONFAB_ENOTFOUND;
    if (spent.kind == SIO_TOKEN_PASSING)
        return sio_passing_decide(server, &spent, NULL, NULL);
    if (spent.kind == SIO_TOKEN_NAME)
        return sio_wish_decide(&spent, true);
    if (spent.kind == SIO_TOKEN_FILTER)
        spent.done(spent.user, true, NULL);
    else if (sio_token_unblock(server, &spent) == NULL)
        return CONFAB_ECLOSED;
    return CONFAB_OK;
}

/* Takes data. */
static int refuse_socket(struct confab_server *server, const struct sio_token *token,
                         const char *message, struct confab_value *data)
{
    struct confab_socket *socket = sio_token_unblock(server, token);
    if (socket == NULL || socket->state != SIO_CONNECTING) {
        confab_value_release(data);
        return CONFAB_ECLOSED;
    }
    sio_socket_refuse(socket, message, data);
    return CONFAB_OK;
}

int confab_refuse(struct confab_server *server, struct confab_token token, const char *message,
                  struct confab_value *data)
{
    struct sio_token spent;
    if (!spend(server, token, &spent)) {
        confab_value_release(data);
        return CONFAB_ENOTFOUND;
    }
    if (spent.kind == SIO_TOKEN_PASSING)
        return sio_passing_decide(server, &spent, message, data);
    if (spent.kind == SIO_TOKEN_MIDDLEWARE)
        return refuse_socket(server, &spent, message, data);
    int status = CONFAB_OK;
    if (spent.kind == SIO_TOKEN_NAME)
        status = sio_wish_decide(&spent, false);
    else
        spent.done(spent.user, false, message);
    confab_value_release(data);
    return status;
}

void sio_middleware_expired(struct confab_server *server, const struct sio_token *token)
{
    if (token->kind == SIO_TOKEN_FILTER)
        token->done(token->user, false, NOT_IN_TIME);
    else if (token->kind == SIO_TOKEN_PASSING)
        sio_passing_decide(server, token, NOT_IN_TIME, NULL);
    else if (token->kind == SIO_TOKEN_NAME)
        sio_wish_decide(token, false);
    else
        refuse_socket(server, token, NOT_IN_TIME, NULL);
}
