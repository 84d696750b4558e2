/*
 * Acknowledgements that clients owe: to the application here, and to other nodes that asked with a
 * broadcast. Each handler is called exactly once, never from inside confab_emit_with_ack(). Clients
 * answer mostly in order, so a list is searched from its front.
 */
#include <stdlib.h>
#include <string.h>

#include "common/live.h"
#include "common/mem.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include <confab/err.h>

/* Nobody in the cluster waits longer for an answer to a broadcast. */
#define REPLY_LIFETIME_MS 60000

struct sio_acks {
    struct list list; /* struct sio_ack.link */
    unsigned count;
};

double sio_ack_id(struct confab_namespace *nsp)
{
    return (double)nsp->next_ack++;
}

static struct sio_ack *ack_new(void)
{
    struct sio_ack *ack = xcalloc(1, sizeof(*ack));
    list_init(&ack->link);
    timerq_entry_init(&ack->timer.entry);
    live_inc(LIVE_ACK);
    return ack;
}

static void ack_free(struct sio_ack *ack)
{
    list_del(&ack->link);
    free(ack);
    live_dec(LIVE_ACK);
}

/* Out of the socket's list. */
static void detach(struct confab_server *server, struct confab_socket *socket, struct sio_ack *ack)
{
    sio_timer_disarm(server, &ack->timer);
    list_del(&ack->link);
    if (--socket->acks->count == 0) {
        free(socket->acks);
        socket->acks = NULL;
    }
}

/* Calls back, and frees. */
static void finish(struct confab_server *server, struct sio_ack *ack, int status,
                   const struct confab_value *args)
{
    if (ack->handler != NULL)
        ack->handler(server, status, args, ack->user);
    else if (status == CONFAB_OK)
        broker_answer_ack(server->broker, ack->reply, confab_at(args, 0));
    ack_free(ack);
}

static void on_timeout(struct confab_server *server, struct sio_timer *timer)
{
    struct sio_ack *ack = container_of(timer, struct sio_ack, timer);
    detach(server, sio_socket_find(server, ack->socket), ack);
    if (ack->handler != NULL)
        server->counters.acks_timed_out++;
    finish(server, ack, CONFAB_ETIMEDOUT, NULL);
}

static bool owes_too_many(struct confab_socket *socket)
{
    struct confab_server *server = socket->nsp->server;
    if (socket->acks == NULL || socket->acks->count < server->config.max_acks)
        return false;
    sio_limit(server, SERVER_LIMIT_ACKS);
    return true;
}

static void attach(struct confab_socket *socket, struct sio_ack *ack, int64_t timeout_ms)
{
    if (socket->acks == NULL) {
        socket->acks = xcalloc(1, sizeof(*socket->acks));
        list_init(&socket->acks->list);
    }
    socket->acks->count++;
    list_add_tail(&socket->acks->list, &ack->link);
    ack->socket = socket->id_number;
    ack->timer.fire = on_timeout;
    if (timeout_ms > 0)
        sio_timer_arm(socket->nsp->server, &ack->timer, timeout_ms);
}

static void answer_late(struct confab_server *server, struct sio_ack *ack, int status)
{
    ack->status = status;
    list_add_tail(&server->late, &ack->link);
    sio_owe_turn(server);
}

void confab_emit_with_ack(struct confab_socket *socket, const char *event,
                          struct confab_value *args, int64_t timeout_ms, confab_ack_fn *handler,
                          void *user)
{
    confab_emit_with_ack_flags(socket, event, args, timeout_ms, 0, handler, user);
}

void confab_emit_with_ack_flags(struct confab_socket *socket, const char *event,
                                struct confab_value *args, int64_t timeout_ms, unsigned flags,
                                confab_ack_fn *handler, void *user)
{
    struct confab_server *server = socket->nsp->server;
    struct sio_ack *ack = ack_new();
    ack->handler = handler;
    ack->user = user;
    if (sio_event_is_reserved(event, strlen(event))) {
        answer_late(server, ack, CONFAB_EINVAL);
    } else if (!sio_socket_is_open(socket)) {
        answer_late(server, ack, CONFAB_ECLOSED);
    } else if (owes_too_many(socket)) {
        answer_late(server, ack, CONFAB_ELIMIT);
    } else {
        /* Owed only once it has left: who is told of it before may end the socket, and that
         * answers what is owed. */
        ack->id = sio_ack_id(socket->nsp);
        int status = sio_emit(socket, event, args, &ack->id, flags);
        if (status == CONFAB_OK)
            attach(socket, ack, timeout_ms);
        else
            answer_late(server, ack, status);
    }
    confab_value_release(args);
}

bool sio_acks_expect_reply(struct confab_socket *socket, double id, struct broker_reply reply)
{
    if (owes_too_many(socket))
        return false;
    struct sio_ack *ack = ack_new();
    ack->id = id;
    ack->reply = reply;
    attach(socket, ack, REPLY_LIFETIME_MS);
    return true;
}

void sio_acks_receive(struct confab_socket *socket, const struct sio_packet *packet)
{
    struct confab_server *server = socket->nsp->server;
    if (!packet->has_id || socket->acks == NULL)
        return;
    LIST_FOREACH(it, &socket->acks->list)
    {
        struct sio_ack *ack = container_of(it, struct sio_ack, link);
        if (ack->id == packet->id) {
            detach(server, socket, ack);
            finish(server, ack, CONFAB_OK,
                   packet->data != NULL ? packet->data : server->no_arguments);
            return;
        }
    }
}

void sio_acks_fail(struct confab_socket *socket)
{
    struct confab_server *server = socket->nsp->server;
    while (socket->acks != NULL) {
        struct sio_ack *ack = LIST_FIRST(&socket->acks->list, struct sio_ack, link);
        detach(server, socket, ack);
        finish(server, ack, CONFAB_ECLOSED, NULL);
    }
}

void sio_acks_run_late(struct confab_server *server)
{
    struct list now;
    struct list *node;
    list_init(&now);
    list_splice_tail(&now, &server->late);
    while ((node = list_pop(&now)) != NULL) {
        struct sio_ack *ack = container_of(node, struct sio_ack, link);
        finish(server, ack, ack->status, NULL);
    }
}
