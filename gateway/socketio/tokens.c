/*
 * A token is completed once: by the application, by its deadline, or by the end of the server;
 * whoever comes later finds nothing. It knows its socket by number, so the socket may go first.
 */
#include <stdlib.h>

#include "common/live.h"
#include "common/mem.h"
#include "gateway/socketio/tokens.h"

/* Owed to one client, those of its sockets that have gone included: it cannot have more by leaving
 * and coming again. */
#define CLIENT_TOKENS_MAX 256

static void expire(struct confab_server *server, struct sio_token *token)
{
    struct sio_token spent = sio_token_spend(server, token);
    server->counters.tokens_expired++;
    if (spent.kind == SIO_TOKEN_MIDDLEWARE || spent.kind == SIO_TOKEN_FILTER ||
        spent.kind == SIO_TOKEN_PASSING || spent.kind == SIO_TOKEN_NAME)
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

/* ---- how many ---- */

bool sio_token_is_one_too_many(struct confab_server *server)
{
    if (server->counters.tokens_now < server->config.max_pending)
        return false;
    sio_limit(server, SERVER_LIMIT_PENDING);
    return true;
}

/* No client has all the places there are, however few. */
static bool client_has_its_share(const struct sio_client *client)
{
    size_t quarter = client->server->config.max_pending / 4;
    if (quarter == 0)
        quarter = 1;
    return client->token_count >= (quarter < CLIENT_TOKENS_MAX ? quarter : CLIENT_TOKENS_MAX);
}

bool sio_token_is_one_too_many_for(struct sio_client *client)
{
    if (!client_has_its_share(client))
        return false;
    sio_limit(client->server, SERVER_LIMIT_CLIENT_PENDING);
    return true;
}

void sio_socket_set_aside(struct confab_socket *socket)
{
    struct sio_client *client = socket->client;
    socket->is_aside = true;
    list_move_tail(client_has_its_share(client) ? &client->aside : &client->server->aside,
                   &socket->ready);
    sio_owe_turn(client->server);
}

/* A place is free: who waits for one of this client's is asked again, all of them, for perhaps one
 * of them does not want it any more. */
static void give_place(struct confab_server *server, struct sio_client *client)
{
    if (client != NULL && !list_empty(&client->aside) && !client_has_its_share(client)) {
        LIST_FOREACH(it, &client->aside)
        container_of(it, struct confab_socket, ready)->is_aside = false;
        list_splice_tail(&server->ready, &client->aside);
        sio_owe_turn(server);
    }
    if (!list_empty(&server->aside))
        sio_owe_turn(server);
}

bool sio_tokens_have_place_for_some(const struct confab_server *server)
{
    return !list_empty(&server->aside) && server->counters.tokens_now < server->config.max_pending;
}

void sio_tokens_run_aside(struct confab_server *server)
{
    while (sio_tokens_have_place_for_some(server)) {
        struct confab_socket *socket =
            container_of(list_pop(&server->aside), struct confab_socket, ready);
        socket->is_aside = false;
        sio_socket_run(socket);
    }
}

/* ---- life ---- */

void sio_token_charge(struct sio_token *token, struct sio_client *client)
{
    token->client = client;
    client->token_count++;
    list_add_tail(&client->tokens, &token->link);
}

struct sio_token *sio_token_new(struct confab_server *server, struct confab_socket *socket,
                                enum sio_token_kind kind, int64_t deadline_ms)
{
    struct sio_token *token = xcalloc(1, sizeof(*token));
    token->kind = kind;
    token->id = slots_add(&server->tokens, token);
    timerq_entry_init(&token->timer.entry);
    token->timer.fire = on_deadline;
    list_init(&token->link);
    if (socket != NULL) {
        token->socket = socket->id_number;
        sio_token_charge(token, socket->client);
    }
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
    list_del(&token->link);
    if (token->client != NULL)
        token->client->token_count--;
    if (token->handshake != NULL)
        eio_handshake_release(token->handshake);
    spent.handshake = NULL;
    free(token);
    server->counters.tokens_now--;
    live_dec(LIVE_TOKEN);
    give_place(server, spent.client);
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

void sio_tokens_forget_client(struct sio_client *client)
{
    struct list *node;
    while ((node = list_pop(&client->tokens)) != NULL)
        container_of(node, struct sio_token, link)->client = NULL;
}

void sio_tokens_expire_all(struct confab_server *server)
{
    struct sio_token *token;
    while ((token = slots_any(&server->tokens)) != NULL)
        expire(server, token);
}
