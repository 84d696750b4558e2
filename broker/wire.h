/*
 * The classic Redis format of Socket.IO: what nodes and emitters publish to each other.
 *
 * Three kinds of messages on three kinds of channels, for each namespace: broadcasts (msgpack),
 * requests and responses (JSON or msgpack, told apart by the first byte: `{` is JSON). This part
 * makes and reads them, and knows the channels' names. It keeps no state, knows no Redis, and
 * decides nothing but whether bytes are what they should be; matching responses to requests and
 * acting on them is for the broker.
 *
 * The format is that of @socket.io/redis-adapter 8, with which bytes are equal, key order included.
 * Read is also what older adapters (socket.io-redis 6), @socket.io/redis-emitter and
 * socket.io-emitter send.
 *
 * Reading follows three rules. What Node's adapter ignores is ignored (WIRE_IGNORE). What makes it
 * throw, or makes it send broken packets to clients, is malformed (WIRE_MALFORMED): to be counted
 * and dropped. Everything is limited before it is built. Writing follows one: a broadcast is only
 * published when its function returned CONFAB_OK, since one that does not decode ends or deafens a
 * Node process.
 *
 * `key` is the adapter's prefix ("socket.io"), `nsp` a namespace's name with its slash, `uid` one
 * adapter's identity; all NUL terminated. Writers append and return CONFAB_OK or what the buffer
 * says (CONFAB_ELIMIT, CONFAB_ENOMEM); after an error what was appended is undefined.
 */
#ifndef CONFAB_BROKER_WIRE_H
#define CONFAB_BROKER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/message.h"

struct buf;
struct confab_value;

/* Rooms that one message may name in one list; more is malformed. */
#define WIRE_ROOMS_MAX 65536

/* The uid of messages that every node delivers when they come back, the sender's too. No adapter
 * has it: theirs are drawn from 64^6 or more. */
#define WIRE_UID_ORDERED "confab"

enum wire_verdict {
    WIRE_TAKE,     /* act on it */
    WIRE_OWN,      /* what this adapter published itself */
    WIRE_IGNORE,   /* nothing wrong, nothing to do */
    WIRE_MALFORMED /* count and drop */
};

/* ---- channels ---- */

/* `<key>#<nsp>#`, or `<key>#<nsp>#<room>#` with a room; rooms are written raw, whatever they
 * contain. */
int wire_channel_broadcast(struct buf *out, const char *key, const char *nsp,
                           const struct text *room);
/* The channel a message is published on: its room's when it means exactly one, whatever its
 * `except` and flags. */
int wire_channel_of(struct buf *out, const char *key, const struct message *message);
/* `<key>-request#<nsp>#`. Its subscriber count is the cluster's size: subscribe it and answer, or
 * do not subscribe it. */
int wire_channel_request(struct buf *out, const char *key, const char *nsp);
/* `<key>-response#<nsp>#`, or `<key>-response#<nsp>#<uid>#` with a uid. */
int wire_channel_response(struct buf *out, const char *key, const char *nsp,
                          const struct text *uid);
/* Patterns: all broadcasts of a namespace, `<key>#<nsp>#*`, or those to rooms that begin with
 * `room_prefix`. The glob characters of key, namespace and prefix are escaped. */
int wire_pattern_broadcast(struct buf *out, const char *key, const char *nsp,
                           const char *room_prefix);

enum wire_channel_kind {
    WIRE_CHANNEL_OTHER,
    WIRE_CHANNEL_BROADCAST,
    WIRE_CHANNEL_REQUEST,
    WIRE_CHANNEL_RESPONSE
};

/* A channel's name taken apart. The texts lie inside the name: no NUL behind them. */
struct wire_channel {
    enum wire_channel_kind kind;
    bool has_room;
    struct text room; /* of a broadcast: what it says behind the namespace, less the last character
                       */
    struct text uid;  /* of a response: whom it is for; empty: everybody */
};

/* Reads the name as one of this namespace's; false (and kind OTHER) when it is none, since patterns
 * of several namespaces may match it. The last character behind the namespace is cut off unseen, as
 * Node does. */
bool wire_channel_parse(const char *channel, size_t channel_bytes, const char *key, const char *nsp,
                        struct wire_channel *out);

/* ---- broadcasts ---- */

int wire_write_broadcast(struct buf *out, const char *uid, const struct message *message);

/*
 * The same in two pieces around a hole, which whoever publishes fills with one msgpack value: the
 * message has one argument more than message->args then. So a Lua script can name somebody it has
 * just found.
 */
int wire_write_broadcast_around(struct buf *before, struct buf *after, const char *uid,
                                const struct message *message);

/*
 * Reads a broadcast that came on a channel of `nsp`. On WIRE_TAKE the caller owns *message, else it
 * is NULL. Its own ones are recognized by the first bytes, without decoding. Numbers that name
 * rooms become their text. A packet's `id` is dropped: no acknowledgement could be matched.
 */
enum wire_verdict wire_read_broadcast(const void *bytes, size_t length_bytes, const char *nsp,
                                      const char *own_uid, struct message **message);

/* ---- requests ---- */

/* The numbers of the wire. */
enum wire_request_type {
    WIRE_REQUEST_SOCKETS = 0,   /* ids of the sockets in rooms */
    WIRE_REQUEST_ALL_ROOMS = 1, /* names of all rooms */
    WIRE_REQUEST_JOIN = 2,
    WIRE_REQUEST_LEAVE = 3,
    WIRE_REQUEST_DISCONNECT = 4,
    WIRE_REQUEST_FETCH = 5,        /* fetchSockets */
    WIRE_REQUEST_SERVER_EVENT = 6, /* serverSideEmit */
    WIRE_REQUEST_BROADCAST = 7     /* a broadcast whose clients acknowledge */
};

struct wire_list {
    const struct text *texts;
    unsigned count;
};

/*
 * A request. Read, it owns everything its fields point to until wire_request_fini(). To write one,
 * fill in what its type needs, leave the rest zero (WIRE_REQUEST_INIT), and keep what it points to.
 */
struct wire_request {
    enum wire_request_type type;
    bool own;        /* read: the uid is the own one (as Node, it matters to SERVER_EVENT alone) */
    bool has_uid;    /* socket.io-redis 6 and emitters send none with most types */
    struct text uid; /* as JavaScript puts it into a channel's name: "undefined" when there is none
                      */
    const struct confab_value *request_id; /* NULL: none. Given back in the response as it is, null
                                              included */
    bool bulk; /* JOIN, LEAVE, DISCONNECT: the sockets in `rooms`, no response; else the one with id
                  `sid` */
    bool nobody; /* SOCKETS, FETCH, BROADCAST: no socket can be meant (rooms was [null]): answer so
                  */
    struct wire_list rooms; /* the sockets meant; none: all (SOCKETS, FETCH, bulk forms) */
    struct wire_list except;
    struct wire_list names; /* JOIN, LEAVE: the rooms to join or leave; exactly one in the single
                               form */
    struct text sid;
    bool close;                      /* DISCONNECT: the whole connection */
    const struct confab_value *args; /* SERVER_EVENT: array [event, ...], never empty. A response is
                                        wanted if there is a request id */
    struct message *message; /* BROADCAST: without flags, which Node ignores there too; NULL if
                                `nobody` */
    const struct confab_value *flags; /* BROADCAST: `flags` as it came; to write: NULL or an object
                                         (timeout, ...) */
    /* private: */
    struct confab_value *document;
    struct confab_value *spelled;
    struct text *lists;
};

#define WIRE_REQUEST_INIT {.type = WIRE_REQUEST_SOCKETS}

/* Reads what came on the request channel of `nsp`. WIRE_TAKE or WIRE_OWN (a SERVER_EVENT of this
 * adapter): out is filled and wants wire_request_fini(). Otherwise it is empty. */
enum wire_verdict wire_read_request(const void *bytes, size_t length_bytes, const char *nsp,
                                    const char *own_uid, struct wire_request *out);
void wire_request_fini(struct wire_request *request);

/* As Node writes it: JSON, but BROADCAST in msgpack. */
int wire_write_request(struct buf *out, const struct wire_request *request);

/* ---- responses ---- */

/* A list that may be long is written in steps, so that it can be made in slices: begin, any number
 * of items, end. Give the same buffer each time; when it is full the error sticks, and nothing
 * should be sent. */
enum wire_list_kind {
    WIRE_LIST_SOCKETS, /* to SOCKETS: ids as text. To FETCH: {id, handshake, rooms, data} as values
                        */
    WIRE_LIST_ROOMS    /* to ALL_ROOMS: names as text */
};
int wire_write_list_begin(struct buf *out, const struct confab_value *request_id,
                          enum wire_list_kind kind);
int wire_write_list_text(struct buf *out, const struct text *item);
int wire_write_list_value(struct buf *out, const struct confab_value *item);
int wire_write_list_end(struct buf *out);

/* To the single forms of JOIN, LEAVE and DISCONNECT, if the socket is here; else nothing is sent.
 */
int wire_write_done(struct buf *out, const struct confab_value *request_id);
/* To SERVER_EVENT; always on the shared response channel. `data`: what the listener answered first;
 * NULL: nothing. */
int wire_write_server_event_answer(struct buf *out, const struct confab_value *request_id,
                                   const struct confab_value *data);
/* To BROADCAST, once: how many clients got it. And for each of them its first argument (NULL:
 * none), in msgpack. */
int wire_write_client_count(struct buf *out, const struct confab_value *request_id, uint64_t count);
int wire_write_client_ack(struct buf *out, const struct confab_value *request_id,
                          const struct confab_value *packet);

/* The `type` of those responses that carry one. */
enum wire_response_type {
    WIRE_RESPONSE_UNTYPED = -1,
    WIRE_RESPONSE_SERVER_EVENT = 6,
    WIRE_RESPONSE_CLIENT_COUNT = 8,
    WIRE_RESPONSE_CLIENT_ACK = 9
};

/*
 * A response. What it is an answer to only the asker knows, by the request id; of the fields, those
 * that are of the right kind are there. All borrowed from the document.
 */
struct wire_response {
    enum wire_response_type type;
    struct text request_id;             /* always a string: nobody here asks with anything else */
    const struct confab_value *sockets; /* array or NULL */
    const struct confab_value *rooms;   /* array or NULL */
    const struct confab_value *data;    /* SERVER_EVENT; NULL: the key is absent */
    const struct confab_value *packet;  /* CLIENT_ACK; NULL: the key is absent */
    uint64_t client_count;              /* CLIENT_COUNT */
    struct confab_value *document;      /* owned */
};

/* WIRE_TAKE: out is filled and wants wire_response_fini(). */
enum wire_verdict wire_read_response(const void *bytes, size_t length_bytes,
                                     struct wire_response *out);
void wire_response_fini(struct wire_response *response);

#endif
