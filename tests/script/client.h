/*
 * A client of the world: a session, and the connections it has open at the moment.
 *
 * By itself it behaves as a stock client does: a GET is always open, what it sends leaves on a POST
 * at a time or on the WebSocket, pings are answered, and an upgrade that was begun is brought to
 * its end. A manual client does nothing by itself: each request and each frame is a call. What
 * arrives is kept until somebody takes it, or is given to `got`. One of revision 3 pings instead.
 *
 * Its connections lie in memory of their own that is freed the moment the network would free it, so
 * that the sanitizer sees any that the engine remembers too long. Each take checks that there was
 * something only after a wake.
 */
#ifndef CONFAB_TESTS_SCRIPT_CLIENT_H
#define CONFAB_TESTS_SCRIPT_CLIENT_H

#include <limits.h>

#include "common/buf.h"
#include "common/list.h"
#include "gateway/engineio/packet.h"
#include "gateway/engineio/session.h"

struct world;

/* Where something arrived. */
enum client_place {
    CLIENT_PACKETS, /* a packet, on whatever transport; a manual client: a frame of its WebSocket */
    CLIENT_GET,     /* the answer of a GET; of clients that do not read packets by themselves */
    CLIENT_POST,    /* … of a POST; status 0: cut */
    CLIENT_PROBE,   /* a frame on the WebSocket that wants to take over; status 0: it was closed */
    CLIENT_PLACES
};

struct client_letter {
    struct list link;
    enum frame_kind kind;
    int status;
    size_t length;
    char *bytes; /* NUL behind them */
};

struct client_get {
    struct eio_get get;
    struct list link;
    bool woken;
};
struct client_post {
    struct eio_post post;
    bool woken, submitted;
};
struct client_ws {
    struct eio_ws ws;
    bool woken;
};

struct client {
    struct world *world;
    struct list link;
    char name[24];
    char sid[64];
    char id[32];         /* of the socket it joined last */
    unsigned revision;   /* 4; 3 when somebody says so before it opens */
    bool base64;         /* revision 3: it sends no bytes as such */
    unsigned jsonp;      /* it polls by scripts and forms: their number and one; 0: it does not */
    int64_t pings_at_ms; /* revision 3 */
    bool manual;         /* does nothing by itself */
    bool silent;         /* does not answer pings; they arrive instead */
    bool clogged;        /* takes nothing from its WebSocket */
    bool closed;         /* it knows that the session is over */
    bool probing;        /* brings its upgrade to an end by itself; opens no GETs meanwhile */
    struct list gets;    /* struct client_get.link: one, of rude clients two */
    struct client_post *post;
    struct client_ws *ws, *probe;
    struct list inbox[CLIENT_PLACES]; /* struct client_letter.link */
    struct list outbox;               /* the same: to be sent */
    /* Gets each packet instead of the inbox, after the client's own dealings; NULL: nobody. */
    void (*got)(struct client *client, const struct eio_packet *packet);
    void *user;
};

struct client *client_new(struct world *world, const char *name, bool manual);
void client_free(struct client *client); /* its connections must be gone */

/* A request as the network would make it of a query; returns the verdict's status, 0 when it is not
 * refused. */
int client_route(struct client *client, enum eio_method method, bool is_upgrade,
                 struct eio_verdict *verdict);

/* Opens its session; `query` is appended (`&b64=1`). Returns 0 or the status of a refusal. */
int client_opens(struct client *client, enum eio_transport transport, const char *query);
/* A GET; 0 or the status of a refusal by the route. */
int client_gets(struct client *client);
/* A POST begins; its body. The second returns false when the POST is not there any more. */
int client_begins_post(struct client *client, const char *content_type);
bool client_submits(struct client *client, const char *body, size_t length_bytes);
/* A WebSocket arrives that wants to take over. */
int client_upgrades(struct client *client);
/* The same, brought to its end as a stock client does. */
int client_upgrades_whole(struct client *client);
/* A frame on the one or on the other WebSocket; nothing happens when it is not there or is paused
 * by the gateway (false). After a `5` that counts, the probe has become the transport. */
bool client_says(struct client *client, enum frame_kind kind, const void *bytes,
                 size_t length_bytes);
bool client_says_on_probe(struct client *client, const char *text);
/* Queues a packet to be sent whichever way. */
void client_sends(struct client *client, enum frame_kind kind, const void *bytes,
                  size_t length_bytes);

/* For world_turn(): what the client does by itself, what the network takes for it. True when there
 * was something. */
bool client_gives(struct client *client);
bool client_takes(struct client *client);
/* Takes at most so many frames from its WebSocket; UINT_MAX: all. */
bool client_takes_some(struct client *client, unsigned most);

/* Connections end. A client without any knows nothing of its session's end until its next request.
 */
void client_loses_get(struct client *client);
void client_loses_post(struct client *client);
void client_loses_ws(struct client *client, bool clean);
void client_loses_probe(struct client *client, bool clean);
/* All of them, and nothing is sent or taken any more. */
void client_vanishes(struct client *client);

struct client_letter *client_first(struct client *client, enum client_place place);
void client_letter_free(struct client_letter *letter);

#endif
