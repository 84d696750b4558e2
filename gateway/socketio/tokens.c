/*
 * Decisions that are owed. A token is completed once: by the application, by its deadline, or by
 * the end of the server; whoever comes later finds nothing. It knows its socket by number, so the
 * socket may go first.
 */
#include <stdlib.h>

#include "common/live.h"
#include "common/mem.h"
#include "gateway/socketio/server_internal.h"

static void expire(struct confab_server *server, struct sio_token *token)
{
    struct sio_token spent = sio_token_spend(server, token);
    server->counters.tokens_expired++;
    if (spent.kind == SIO_TOKEN_MIDDLEWARE || spent.kind == SIO_TOKEN_FILTER ||
        spent.kind == SIO_TOKEN_PASSING)
        sio_middleware_expired(server, &spent);
    else if (spent.kind == SIO_TOKEN_RECOVERY)
        sio_recovery_expired(server, &spent);
    else
        sio_event_expired(server, &spent);
}

static void on_deadline(struct confab_server *server, struct sio_timer *timer)
{
    expire(server, container_of(timer, struct sio_token, timer));
}

bool sio_token_is_one_too_many(struct confab_server *server)
{
    if (server->counters.tokens_now < server->config.max_pending)
        return false;
    sio_limit(server, SERVER_LIMIT_PENDING);
    return true;
}

struct sio_token *sio_token_new(struct confab_server *server, enum sio_token_kind kind,
                                int64_t deadline_ms)
{
    struct sio_token *token = xcalloc(1, sizeof(*token));
    token->kind = kind;
    token->id = slots_add(&server->tokens, token);
    timerq_entry_init(&token->timer.entry);
    token->timer.fire = on_deadline;
    sio_timer_arm(server, &token->timer, deadline_ms);
    server->counters.tokens_now++;
    live_inc(LIVE_TOKEN);
    return token;
}

struct sio_token *sio_token_find(const struct confab_server *server, struct confab_token token)
{
    return slots_find(&server->tokens, token.id);
}

struct sio_token sio_token_spend(struct confab_server *server, struct sio_token *token)
{
    struct sio_token spent = *token;
    sio_timer_disarm(server, &token->timer);
    slots_remove(&server->tokens, token->id);
    if (token->handshake != NULL)
        eio_handshake_release(token->handshake);
    spent.handshake = NULL;
    free(token);
    server->counters.tokens_now--;
    live_dec(LIVE_TOKEN);
    return spent;
}

struct confab_socket *sio_token_unblock(struct confab_server *server, const struct sio_token *token)
{
    struct confab_socket *socket = sio_socket_find(server, token->socket);
    if (socket == NULL)
        return NULL;
    if (socket->blocked > 0) /* not voided meanwhile */
        socket->blocked--;
    sio_socket_ready(socket);
    return socket;
}

void sio_tokens_expire_all(struct confab_server *server)
{
    struct sio_token *token;
    while ((token = slots_any(&server->tokens)) != NULL)
        expire(server, token);
}
