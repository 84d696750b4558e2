/* An event on its way through the handlers, and its acknowledgement. */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include "gateway/socketio/tokens.h"
#include <confab/err.h>

#define EVENT_DEADLINE_MS 30000
#define NUMBER_NAME_BYTES 64

struct confab_value *sio_list_rest(const struct confab_value *list)
{
    struct confab_value *rest = confab_array();
    for (size_t i = 1; i < confab_size(list); i++)
        confab_push(rest, confab_value_hold(confab_at(list, i)));
    return rest;
}

/* A name may be a number; handlers know it by its decimal text. */
static const char *event_name(const struct confab_value *data, struct buf *number, size_t *length)
{
    const struct confab_value *name = confab_at(data, 0);
    const char *text = confab_as_string(name, length);
    if (text != NULL)
        return text;
    value_write_json(name, number, NULL);
    *length = number->len;
    return buf_text(number);
}

/* Its own goes before the namespace's. */
static const struct sio_handler *find_handler(const struct confab_socket *socket, const char *name,
                                              size_t length)
{
    const struct sio_handler *handler = NULL;
    if (socket->own != NULL)
        handler = sio_handler_find(&socket->own->handlers, name, length);
    return handler != NULL ? handler
                           : sio_handler_find(&socket->nsp->registry->handlers, name, length);
}

struct confab_event sio_event_open(struct sio_event_scratch *scratch, struct confab_socket *socket,
                                   const struct confab_value *data)
{
    size_t length;
    scratch->args = NULL;
    buf_init(&scratch->number, NUMBER_NAME_BYTES);
    const char *name = event_name(data, &scratch->number, &length);
    return (struct confab_event){.socket = socket,
                                 .name = name,
                                 .data = data,
                                 .handler = find_handler(socket, name, length),
                                 .args = &scratch->args};
}

void sio_event_close(struct sio_event_scratch *scratch)
{
    confab_value_release(scratch->args);
    buf_fini(&scratch->number);
}

void sio_event_handle(struct confab_event *event)
{
    /* What somebody before has thrown out does nothing more; what was merely lost does. */
    if (event->handler != NULL && !event->socket->thrown_out)
        event->handler->fn.event(event->socket, event, event->handler->user);
}

void sio_event_dispatch(struct confab_socket *socket, const struct confab_value *data, bool has_id,
                        double id)
{
    const struct confab_namespace *nsp = socket->nsp->registry;
    struct sio_event_scratch scratch;
    struct confab_event event = sio_event_open(&scratch, socket, data);
    event.ack_id = id;
    event.wants_ack = has_id;
    if (nsp->on_any != NULL)
        nsp->on_any(socket, &event, nsp->any_user);
    if (socket->own != NULL && socket->own->on_any != NULL && !socket->thrown_out)
        socket->own->on_any(socket, &event, socket->own->any_user);
    if (socket->own != NULL && socket->own->use_count > 0 && !socket->thrown_out)
        sio_passing_begin(&event);
    else
        sio_event_handle(&event);
    sio_event_close(&scratch);
}

const char *confab_event_name(const struct confab_event *event)
{
    return event->name;
}

const struct confab_value *confab_event_args(const struct confab_event *event)
{
    if (*event->args == NULL)
        *event->args = sio_list_rest(event->data);
    return *event->args;
}

const struct confab_value *confab_event_arg(const struct confab_event *event, size_t i)
{
    return confab_at(event->data, i + 1);
}

bool confab_event_handled(const struct confab_event *event)
{
    return event->handler != NULL;
}

bool confab_event_wants_ack(const struct confab_event *event)
{
    return event->wants_ack;
}

/* ---- acknowledging ---- */

void sio_send_ack(struct confab_socket *socket, double id, const struct confab_value *args)
{
    if (!sio_socket_is_open(socket))
        return;
    /* Stock clients read what they await as a list, also an empty one. */
    const struct confab_value *list = args != NULL ? args : socket->nsp->server->no_arguments;
    struct sio_packet packet = sio_packet_for(socket->nsp, SIO_ACK, confab_value_hold(list));
    packet.has_id = true;
    packet.id = id;
    sio_client_send_packet(socket->client, &packet);
    confab_value_release(packet.data);
}

void confab_ack(struct confab_event *event, struct confab_value *args)
{
    if (event->wants_ack) {
        event->wants_ack = false;
        sio_send_ack(event->socket, event->ack_id, args);
    }
    confab_value_release(args);
}

static struct confab_token defer(struct confab_event *event, enum sio_token_kind kind,
                                 int64_t deadline_ms)
{
    struct confab_socket *socket = event->socket;
    if (event->token.id != 0)
        return event->token;
    struct sio_token *token = sio_token_new(socket->nsp->server, socket, kind,
                                            deadline_ms > 0 ? deadline_ms : EVENT_DEADLINE_MS);
    token->has_ack = event->wants_ack;
    token->ack_id = event->ack_id;
    event->wants_ack = false;
    event->token.id = token->id;
    if (kind == SIO_TOKEN_EVENT)
        socket->blocked++;
    return event->token;
}

struct confab_token confab_defer(struct confab_event *event, int64_t deadline_ms)
{
    return defer(event, SIO_TOKEN_EVENT, deadline_ms);
}

struct confab_token confab_defer_ack(struct confab_event *event, int64_t deadline_ms)
{
    bool too_many = sio_token_is_one_too_many_for(event->socket->client) ||
                    sio_token_is_one_too_many(event->socket->nsp->server);
    return defer(event, too_many ? SIO_TOKEN_EVENT : SIO_TOKEN_ACK, deadline_ms);
}

/* The first of the arguments; NULL: none. */
static void answer_server_event(struct confab_server *server, const struct sio_token *token,
                                const struct confab_value *args)
{
    broker_answer_server_event(server->broker, token->reply, confab_at(args, 0));
}

static int answer_event(struct confab_server *server, const struct sio_token *token,
                        const struct confab_value *args)
{
    struct confab_socket *socket = token->kind == SIO_TOKEN_EVENT
                                       ? sio_token_unblock(server, token)
                                       : sio_socket_find(server, token->socket);
    if (socket == NULL)
        return CONFAB_ECLOSED;
    if (!sio_socket_is_open(socket))
        return CONFAB_ECLOSED;
    if (token->has_ack && args != NULL)
        sio_send_ack(socket, token->ack_id, args);
    return CONFAB_OK;
}

int confab_answer(struct confab_server *server, struct confab_token token,
                  struct confab_value *args)
{
    struct sio_token *owed = sio_token_find(server, token);
    int status = CONFAB_ENOTFOUND;
    if (owed != NULL && (owed->kind == SIO_TOKEN_EVENT || owed->kind == SIO_TOKEN_ACK)) {
        struct sio_token spent = sio_token_spend(server, owed);
        status = answer_event(server, &spent, args);
    } else if (owed != NULL && owed->kind == SIO_TOKEN_SERVER_EVENT) {
        struct sio_token spent = sio_token_spend(server, owed);
        answer_server_event(server, &spent, args);
        status = CONFAB_OK;
    }
    confab_value_release(args);
    return status;
}

void sio_event_expired(struct confab_server *server, const struct sio_token *token)
{
    if (token->kind == SIO_TOKEN_SERVER_EVENT)
        answer_server_event(server, token, NULL);
    else
        answer_event(server, token, NULL);
}
