#include "gateway/socketio/wishes.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/value.h"
#include "gateway/socketio/parents.h"
#include "gateway/socketio/tokens.h"
#include <confab/err.h>

struct sio_wish {
    struct list link;   /* client->wishes; in none: over */
    struct list ready;  /* server->wishes: decided */
    struct list events; /* struct event.link: came behind the CONNECT */
    struct sio_client *client;
    struct sio_parent *parent; /* asked last; NULL: none yet */
    struct confab_value *auth; /* NULL: none */
    uint64_t token;            /* 0: none is owed */
    bool running;              /* a parent's function is, perhaps */
    bool granted;
    bool waited; /* for a decision */
    size_t name_bytes;
    char name[];
};

struct event {
    struct list link;
    struct sio_packet packet;
    size_t cost_bytes;
};

static bool is_over(const struct sio_wish *wish)
{
    return !list_linked(&wish->link);
}

/* ---- the end ---- */

static void drop_events(struct sio_wish *wish)
{
    struct list *node;
    while ((node = list_pop(&wish->events)) != NULL) {
        struct event *event = container_of(node, struct event, link);
        sio_client_refund(wish->client, event->cost_bytes);
        confab_value_release(event->packet.data);
        free(event);
    }
}

static void wish_free(struct sio_wish *wish)
{
    confab_value_release(wish->auth);
    free(wish);
}

/* What the application still owes is void. */
void sio_wish_end(struct sio_wish *wish)
{
    struct sio_client *client = wish->client;
    struct sio_token *token = sio_token_find(client->server, (struct confab_token){wish->token});
    if (token != NULL)
        token->wish = NULL;
    list_del(&wish->link);
    list_del(&wish->ready);
    drop_events(wish);
    if (!wish->running)
        wish_free(wish);
    sio_client_socket_gone(client);
}

void sio_wishes_end(struct sio_client *client)
{
    while (!list_empty(&client->wishes))
        sio_wish_end(LIST_FIRST(&client->wishes, struct sio_wish, link));
}

/* ---- what came of it ---- */

static void refuse(struct sio_wish *wish, const char *message)
{
    struct sio_client *client = wish->client;
    struct sio_packet connect = {.nsp = wish->name, .nsp_bytes = wish->name_bytes};
    if (wish->waited) /* what has come, and what crosses the news, was sent in good faith */
        sio_client_left(client, wish->name, wish->name_bytes);
    sio_client_refuse_connect(client, &connect, message);
    if (!is_over(wish))
        sio_wish_end(wish);
}

/* Hands over what waits, in order, to a socket that may end amid it. */
static void hand_over(struct sio_wish *wish)
{
    struct sio_client *client = wish->client;
    struct list *node;
    while ((node = list_pop(&wish->events)) != NULL) {
        struct event *event = container_of(node, struct event, link);
        struct confab_socket *socket = sio_client_socket(client, wish->name, wish->name_bytes);
        client->waiting_bytes -= event->cost_bytes; /* to be charged anew if it waits on */
        if (socket != NULL)
            sio_socket_event(socket, &event->packet);
        confab_value_release(event->packet.data);
        free(event);
    }
    sio_client_refund(client, 0);
}

static void grant(struct sio_wish *wish)
{
    struct sio_client *client = wish->client;
    /* Somebody else's wish for it may have been granted first. */
    struct confab_namespace *nsp = sio_namespace_find(client->server, wish->name, wish->name_bytes);
    if (nsp == NULL)
        nsp = sio_child_new(wish->parent, wish->name);
    if (nsp == NULL) {
        refuse(wish, "Invalid namespace");
        return;
    }
    list_del(&wish->link); /* now the socket has the name */
    sio_client_enter(client, nsp, wish->auth);
    wish->auth = NULL;
    hand_over(wish);
    sio_client_socket_gone(client);
}

/* ---- asking ---- */

static struct sio_parent *next_parent(const struct sio_wish *wish)
{
    struct list *all = &wish->client->server->parents;
    struct list *next = wish->parent != NULL ? wish->parent->link.next : all->next;
    return next != all ? container_of(next, struct sio_parent, link) : NULL;
}

static void ask_for_later(struct sio_wish *wish, const struct confab_value *auth)
{
    struct confab_server *server = wish->client->server;
    struct sio_token *token = sio_token_new(server, NULL, SIO_TOKEN_NAME, SIO_DECISION_DEADLINE_MS);
    sio_token_charge(token, wish->client);
    token->wish = wish;
    wish->token = token->id;
    wish->parent->asks(server, wish->name, auth, (struct confab_token){token->id},
                       wish->parent->user);
}

/* False: nobody is left to be asked, or there is no place for the question; told. */
static bool ask_next(struct sio_wish *wish)
{
    struct sio_client *client = wish->client;
    const struct confab_value *auth = wish->auth != NULL ? wish->auth : client->server->no_fields;
    struct sio_parent *parent = next_parent(wish);
    if (parent == NULL) {
        refuse(wish, "Invalid namespace");
        return false;
    }
    wish->parent = parent;
    if (parent->asks == NULL) {
        wish->granted = parent->matches(client->server, wish->name, auth, parent->user);
        return true;
    }
    if (sio_token_is_one_too_many_for(client) || sio_token_is_one_too_many(client->server)) {
        refuse(wish, SIO_TOO_MANY_PENDING);
        return false;
    }
    ask_for_later(wish, auth);
    return true;
}

static void run(struct sio_wish *wish)
{
    wish->running = true;
    while (!is_over(wish) && wish->token == 0 && !wish->granted && ask_next(wish))
        ;
    if (!is_over(wish) && wish->granted)
        grant(wish);
    wish->running = false;
    if (is_over(wish))
        wish_free(wish);
}

int sio_wish_decide(const struct sio_token *token, bool granted)
{
    struct sio_wish *wish = token->wish;
    if (wish == NULL)
        return CONFAB_ECLOSED;
    wish->token = 0;
    wish->granted = granted;
    if (!wish->running) {
        wish->waited = true;
        list_add_tail(&wish->client->server->wishes, &wish->ready);
        sio_owe_turn(wish->client->server);
    }
    return CONFAB_OK;
}

void sio_wishes_run(struct confab_server *server)
{
    struct list *node;
    while ((node = list_pop(&server->wishes)) != NULL)
        run(container_of(node, struct sio_wish, ready));
}

/* ---- packets ---- */

void sio_wish_new(struct sio_client *client, struct sio_packet *connect)
{
    struct sio_wish *wish = xcalloc(1, sizeof(*wish) + connect->nsp_bytes + 1);
    memcpy(wish->name, connect->nsp, connect->nsp_bytes);
    wish->name_bytes = connect->nsp_bytes;
    wish->client = client;
    wish->auth = connect->data;
    connect->data = NULL;
    list_init(&wish->ready);
    list_init(&wish->events);
    list_init(&wish->link);
    list_add_tail(&client->wishes, &wish->link);
    client->unfinished++;
    run(wish);
}

struct sio_wish *sio_wish_find(const struct sio_client *client, const char *name, size_t name_bytes)
{
    LIST_FOREACH(it, &client->wishes)
    {
        struct sio_wish *wish = container_of(it, struct sio_wish, link);
        if (wish->name_bytes == name_bytes && memcmp(wish->name, name, name_bytes) == 0)
            return wish;
    }
    return NULL;
}

void sio_wish_event(struct sio_wish *wish, struct sio_packet *packet)
{
    struct event *event = xmalloc(sizeof(*event));
    event->packet = *packet;
    event->packet.nsp = wish->name;
    event->cost_bytes = packet->wire_bytes + sizeof(*event);
    packet->data = NULL;
    list_init(&event->link);
    list_add_tail(&wish->events, &event->link);
    sio_client_charge(wish->client, event->cost_bytes);
}
