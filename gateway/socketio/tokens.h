/*
 * Decisions that are owed: by the application, of which it knows a number (struct confab_token),
 * and by the store of lost sessions. How many there may be is bounded, for all clients and for
 * each; who has to wait for a place is kept here.
 */
#ifndef CONFAB_SOCKETIO_TOKENS_H
#define CONFAB_SOCKETIO_TOKENS_H

#include "gateway/socketio/server_internal.h"

enum sio_token_kind {
    SIO_TOKEN_EVENT,      /* the socket is blocked */
    SIO_TOKEN_ACK,        /* it is not */
    SIO_TOKEN_MIDDLEWARE, /* the socket is blocked */
    SIO_TOKEN_PASSING,    /* the same, by an event's middleware */
    SIO_TOKEN_NAME,       /* by a parent, about a wish */
    SIO_TOKEN_FILTER,
    SIO_TOKEN_SERVER_EVENT,
    SIO_TOKEN_RECOVERY /* the socket is blocked; owed by the store of sessions */
};

struct sio_token {
    struct sio_timer timer;
    uint64_t id;
    enum sio_token_kind kind;
    bool has_ack;
    double ack_id;
    uint64_t socket;           /* id number; 0: none */
    struct sio_client *client; /* of the socket; NULL: none, or gone */
    struct list link;          /* client->tokens */
    struct sio_wish *wish;     /* NULL: none, or over */
    struct broker_reply reply; /* of a server event */
    server_admitted_fn *done;  /* of the filter */
    void *user;
    struct eio_handshake *handshake; /* held */
};

/* So many decisions are owed that none may be added but those that handlers defer, of which each
 * socket has one at a time; counted when it is so. */
bool sio_token_is_one_too_many(struct confab_server *server);
#define SIO_TOO_MANY_PENDING "Too many pending decisions"
/* The same for one client. */
bool sio_token_is_one_too_many_for(struct sio_client *client);
/* The socket waits for a place: it is run again when there may be one, or when it closes. Neither
 * middleware nor a later event is begun before. */
void sio_socket_set_aside(struct confab_socket *socket);
bool sio_tokens_have_place_for_some(const struct confab_server *server);
/* Runs those that were set aside, the first first, as long as there are places. */
void sio_tokens_run_aside(struct confab_server *server);
/* It is about to be freed. */
void sio_tokens_forget_client(struct sio_client *client);
/* `socket`: whom it is owed to; NULL: no socket. */
struct sio_token *sio_token_new(struct confab_server *server, struct confab_socket *socket,
                                enum sio_token_kind kind, int64_t deadline_ms);
/* It is owed to this client, though to no socket. */
void sio_token_charge(struct sio_token *token, struct sio_client *client);
/* NULL: spent, or never given. */
struct sio_token *sio_token_find(const struct confab_server *server, struct confab_token token);
/* Takes it out for good, before anybody is told, so that nothing told can complete it again. */
struct sio_token sio_token_spend(struct confab_server *server, struct sio_token *token);
/* The decision that blocks the socket of a token is taken, or void. NULL: the socket is gone. */
struct confab_socket *sio_token_unblock(struct confab_server *server,
                                        const struct sio_token *token);
/* The end of the server: all are completed as by their deadlines. */
void sio_tokens_expire_all(struct confab_server *server);

#endif
