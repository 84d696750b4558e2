/*
 * Who may come in: the request filter of the server and the middleware of a namespace. The answer
 * may come at once or later; what comes at once goes on without a detour through the end of the
 * turn.
 */
#include "common/buf.h"
#include "common/err.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"

#define DECISION_DEADLINE_MS 20000
#define FORBIDDEN 403
#define NOT_IN_TIME "The server did not decide in time"

void sio_middleware_run(struct confab_socket *socket)
{
    const struct confab_namespace *nsp = socket->nsp;
    while (socket->state == SIO_CONNECTING && !socket->blocked) {
        if (socket->middleware_next == nsp->middleware_count) {
            sio_socket_admit(socket);
            return;
        }
        struct sio_middleware next = nsp->middleware[socket->middleware_next++];
        struct sio_token *token =
            sio_token_new(nsp->server, SIO_TOKEN_MIDDLEWARE, DECISION_DEADLINE_MS);
        token->socket = socket->id_number;
        socket->blocked = true;
        next.fn(socket, (struct confab_token){token->id}, next.user);
    }
}

/* ---- the filter ---- */

static void refuse_admission(const struct sio_token *token, const char *message)
{
    struct buf json;
    struct confab_value *body = confab_set(confab_object(), "code", confab_int(4));
    confab_set(body, "message", confab_string(message));
    buf_init(&json, 65536);
    int status = value_write_json(body, &json, NULL);
    struct server_refusal refusal = {
        .status = FORBIDDEN,
        .message = message,
        .json = status == CONFAB_OK ? buf_text(&json) : "{\"code\":4,\"message\":\"Forbidden\"}"};
    token->done(token->user, &refusal);
    buf_fini(&json);
    confab_value_release(body);
}

uint64_t server_admit(struct confab_server *server, struct eio_handshake *handshake,
                      server_admitted_fn *done, void *user)
{
    sio_now_ms(server);
    if (server->filter == NULL) {
        done(user, NULL);
        return 0;
    }
    struct sio_token *token = sio_token_new(server, SIO_TOKEN_FILTER, DECISION_DEADLINE_MS);
    uint64_t id = token->id;
    token->done = done;
    token->user = user;
    token->handshake = eio_handshake_hold(handshake);
    /* The token may be spent, and freed, when the filter returns. */
    server->filter(server, (const struct confab_handshake *)(const void *)handshake,
                   (struct confab_token){id}, server->filter_user);
    return slots_find(&server->tokens, id) != NULL ? id : 0;
}

void server_admit_cancel(struct confab_server *server, uint64_t id)
{
    struct sio_token *token = sio_token_find(server, (struct confab_token){id});
    if (token != NULL && token->kind == SIO_TOKEN_FILTER)
        sio_token_spend(server, token);
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
    if (owed == NULL || (owed->kind != SIO_TOKEN_FILTER && owed->kind != SIO_TOKEN_MIDDLEWARE))
        return false;
    *spent = sio_token_spend(server, owed);
    return true;
}

int confab_allow(struct confab_server *server, struct confab_token token)
{
    struct sio_token spent;
    if (!spend(server, token, &spent))
        return CONFAB_ENOTFOUND;
    if (spent.kind == SIO_TOKEN_FILTER)
        spent.done(spent.user, NULL);
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
    if (spent.kind == SIO_TOKEN_MIDDLEWARE)
        return refuse_socket(server, &spent, message, data);
    refuse_admission(&spent, message);
    confab_value_release(data);
    return CONFAB_OK;
}

void sio_middleware_expired(struct confab_server *server, const struct sio_token *token)
{
    if (token->kind == SIO_TOKEN_FILTER)
        refuse_admission(token, NOT_IN_TIME);
    else
        refuse_socket(server, token, NOT_IN_TIME, NULL);
}
