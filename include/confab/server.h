/*
 * The C API: what an application on a Confab gateway is written with.
 *
 * A server has namespaces; a namespace has handlers, middleware and sockets. Handlers are called on
 * the event loop's one thread and must not block. Whatever an application decides may be decided
 * later: it takes a token and comes back with it when it knows. The application never sees a
 * transport, a packet or another node; rooms and broadcasts reach the whole cluster by themselves.
 *
 * Pointers and time. A `struct confab_socket *` is valid inside the callback that gave it, and
 * until that socket's disconnect handler has returned. To come back to a socket later keep its
 * confab_handle and ask confab_socket_find(): a handle is never reused. Namespaces and rosters live
 * as long as the server.
 *
 * Ownership. Arguments of emits and acks are lists (confab_list(), NULL for none); the function
 * takes them. To send a list that was received, or to send one twice, pass confab_value_hold().
 * Values given to handlers are borrowed. Texts are copied. Every deferred thing is completed
 * exactly once: by the application, by its deadline, or by the end of the server.
 *
 * Order. A socket's events are handled one after the other in the order they came, and no two
 * handlers of one socket run at a time. What a completed decision sets free (events that waited, a
 * disconnect handler) runs at the end of the turn, never inside the call that completed it.
 */
#ifndef CONFAB_SERVER_H
#define CONFAB_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <confab/err.h>
#include <confab/export.h>
#include <confab/value.h>

CONFAB_API_BEGIN

struct confab_server;
struct confab_namespace;
struct confab_socket;
struct confab_event;
struct confab_roster;

/* A socket for later. 0 is no socket. */
struct confab_handle {
    uint64_t id;
};

/* A decision that is owed. 0 is no token. Using one twice, or after its deadline, is harmless and
 * returns CONFAB_ENOTFOUND. */
struct confab_token {
    uint64_t id;
};

/* ---- namespaces ---- */

/* The namespace with this name (`/`, `/chat`; a missing slash is added), made at the first call. A
 * CONNECT to a name that was never made is answered "Invalid namespace". */
struct confab_namespace *confab_of(struct confab_server *server, const char *name);

/*
 * Namespaces that are made when the first client comes (Node's io.of(/^\/dynamic-\d+$/)). The
 * parent is none itself: what is registered on it holds for all its children, and registering
 * something on a child is registering it on the parent. confab_broadcast(), confab_emit_all() and
 * confab_emit_room() on it reach the children that this node has, on all nodes; whatever else is
 * done with a namespace returns CONFAB_EUNSUPPORTED (or NULL) there, and so does
 * confab_roster_open() on a child. Parents are asked in the order they were made, names made by
 * confab_of() before them. A child lives while it has sockets here, and with `keep_empty` as long
 * as the server: keep no pointer to one.
 *
 * `matches`: whether a name (with its slash, at most 512 bytes) is one of the parent's; `auth`: of
 * the CONNECT, borrowed. It should know at once; what takes time is for confab_of_deciding(), or
 * for middleware on the parent (confab_use()). Must not make namespaces.
 */
typedef bool confab_name_fn(struct confab_server *server, const char *name,
                            const struct confab_value *auth, void *user);
struct confab_namespace *confab_of_matching(struct confab_server *server, confab_name_fn *matches,
                                            void *user);
/* The same with a decision that may come later (Node's io.of((name, auth, next) => …)): complete
 * the token with confab_allow(), or with confab_refuse() (deadline 20 s: refused), whose message
 * nobody gets: the next parent is asked then, and after the last the CONNECT is answered "Invalid
 * namespace". Events that come behind the CONNECT wait; the decision is void when the client goes
 * (CONFAB_ECLOSED). At the limits of middleware's decisions the CONNECT is refused. */
typedef void confab_name_asked_fn(struct confab_server *server, const char *name,
                                  const struct confab_value *auth, struct confab_token token,
                                  void *user);
struct confab_namespace *confab_of_deciding(struct confab_server *server,
                                            confab_name_asked_fn *asked, void *user);
/* The same with a pattern: `*` stands for any text, `?` for one byte. */
struct confab_namespace *confab_of_pattern(struct confab_server *server, const char *pattern);
/* At most so many children at a time (1000 unless it is called; then CONNECTs to further names are
 * answered "Invalid namespace"). No effect on what is no parent. */
void confab_limit_children(struct confab_namespace *parent, size_t most, bool keep_empty);
/* A parent's name is `/_0`, `/_1`, …, its size that of its children together. */
const char *confab_namespace_name(const struct confab_namespace *nsp);
size_t confab_namespace_size(const struct confab_namespace *nsp); /* sockets of this node */

/* ---- handlers; a second registration for the same thing replaces the first, NULL ends it ---- */

typedef void confab_connect_fn(struct confab_socket *socket, void *user);
typedef void confab_event_fn(struct confab_socket *socket, struct confab_event *event, void *user);
/*
 * `reason`: as Node's. Rooms and data are still there.
 *
 *     client namespace disconnect   the client left the namespace
 *     server namespace disconnect   confab_disconnect(), or another node's order
 *     transport close               the connection ended, as it should or just so
 *     transport error               it failed; or this side ended it for a limit
 *     ping timeout                  the client did not answer in time
 *     parse error                   what came was no Engine.IO
 *     forced close                  … or no Socket.IO, or against its rules
 *     server shutting down          the process ends
 */
typedef void confab_disconnect_fn(struct confab_socket *socket, const char *reason, void *user);

/* A socket joined the namespace; what is emitted to it here follows its CONNECT answer. */
void confab_on_connect(struct confab_namespace *nsp, confab_connect_fn *handler, void *user);
void confab_on(struct confab_namespace *nsp, const char *event, confab_event_fn *handler,
               void *user);
/* Runs for every event, before its own handler (if there is one: confab_event_handled()). */
void confab_on_any(struct confab_namespace *nsp, confab_event_fn *handler, void *user);
/* Told of each event that is sent to a socket of the namespace, by itself or in a broadcast, before
 * it is (Node's onAnyOutgoing). `args`: without the name; borrowed. */
typedef void confab_outgoing_fn(struct confab_socket *socket, const char *event,
                                const struct confab_value *args, void *user);
void confab_on_any_outgoing(struct confab_namespace *nsp, confab_outgoing_fn *handler, void *user);
/* An event that middleware has refused (confab_socket_use()): what Node's `error` event tells, on
 * this side; the client hears nothing. `data`: borrowed; NULL: none. */
typedef void confab_error_fn(struct confab_socket *socket, const char *message,
                             const struct confab_value *data, void *user);
void confab_on_error(struct confab_namespace *nsp, confab_error_fn *handler, void *user);
/* Right before the disconnect handler, with the same reason. Rooms and data are there in both. */
void confab_on_disconnecting(struct confab_namespace *nsp, confab_disconnect_fn *handler,
                             void *user);
/* Once for each socket that had connected, after the events that had arrived before (unless this
 * side ended it: then what waited is dropped). */
void confab_on_disconnect(struct confab_namespace *nsp, confab_disconnect_fn *handler, void *user);

/* For one socket alone, until its end; `user` is the caller's, to be freed after the disconnect
 * handler (confab_set_user()). The handler of an event is called instead of the namespace's, the
 * two others behind the namespace's. */
void confab_socket_on(struct confab_socket *socket, const char *event, confab_event_fn *handler,
                      void *user);
void confab_socket_on_any(struct confab_socket *socket, confab_event_fn *handler, void *user);
void confab_socket_on_any_outgoing(struct confab_socket *socket, confab_outgoing_fn *handler,
                                   void *user);

/* ---- events ---- */

const char *confab_event_name(const struct confab_event *event);
/* All arguments without the name: an array; borrowed for the handler. */
const struct confab_value *confab_event_args(const struct confab_event *event);
/* Argument i, borrowed; NULL when there are fewer. */
const struct confab_value *confab_event_arg(const struct confab_event *event, size_t i);
bool confab_event_handled(const struct confab_event *event);
bool confab_event_wants_ack(const struct confab_event *event);
/* Acknowledges with these arguments; takes them. Nothing happens when no ack was asked for, or a
 * second time. */
void confab_ack(struct confab_event *event, struct confab_value *args);

/*
 * The handler will answer later. The socket's later packets wait in order behind it (bounded: then
 * reading stops), and its disconnect runs after it. Completed by confab_answer(); after
 * `deadline_ms` (0: 30 s) it is completed without an ack.
 */
struct confab_token confab_defer(struct confab_event *event, int64_t deadline_ms);
/* As confab_defer(), but later packets do not wait: for a slow ack whose order does not matter.
 * While 256 decisions are owed to a client, in all its namespaces, or too many to all clients
 * (--max-pending), a socket's packets wait all the same. */
struct confab_token confab_defer_ack(struct confab_event *event, int64_t deadline_ms);
/* Completes a deferred event; acknowledges when args is not NULL and an ack was asked for. Takes
 * args. CONFAB_ENOTFOUND when the token is spent; CONFAB_ECLOSED when the socket is closing or gone
 * (the token is spent then, too). */
int confab_answer(struct confab_server *server, struct confab_token token,
                  struct confab_value *args);

/* ---- middleware and the request filter ---- */

/* May this client enter the namespace? The socket is not connected yet: it has a handshake, auth,
 * data, but cannot be emitted to. Complete with confab_allow() or confab_refuse(), now or later
 * (deadline 20 s: refused). In order of registration. */
typedef void confab_middleware_fn(struct confab_socket *socket, struct confab_token token,
                                  void *user);
void confab_use(struct confab_namespace *nsp, confab_middleware_fn *middleware, void *user);

/*
 * May this event go on to its handler (Node's socket.use)? Registered on one socket, for all its
 * events, also those without a handler; in order of registration, after the handlers of any event.
 * Complete with confab_allow() or confab_refuse(), now or later (deadline 20 s: refused); later
 * events of the socket wait. When too many decisions are owed (as for confab_defer_ack()) the event
 * waits before it is asked. What is refused goes to the error handler and nowhere else: to let the
 * client know, acknowledge the event (confab_ack(), or a token of confab_defer_ack() for later).
 * The event is valid inside the call only. Until the socket's end.
 */
typedef void confab_event_middleware_fn(struct confab_socket *socket, struct confab_event *event,
                                        struct confab_token token, void *user);
void confab_socket_use(struct confab_socket *socket, confab_event_middleware_fn *middleware,
                       void *user);

/* May this request open a session at all? Before any transport. One per server. */
struct confab_handshake;
typedef void confab_filter_fn(struct confab_server *server,
                              const struct confab_handshake *handshake, struct confab_token token,
                              void *user);
void confab_filter(struct confab_server *server, confab_filter_fn *filter, void *user);

/* CONFAB_ENOTFOUND: the token is spent. CONFAB_ECLOSED: the socket has gone meanwhile (of the
 * client of a filter's token nothing is known). */
int confab_allow(struct confab_server *server, struct confab_token token);
/* The client gets {message, data}; data may be NULL; taken. From the filter: HTTP 403 with the
 * message. */
int confab_refuse(struct confab_server *server, struct confab_token token, const char *message,
                  struct confab_value *data);

/* ---- sockets ---- */

const char *confab_socket_id(const struct confab_socket *socket); /* 20 characters, public */
struct confab_handle confab_socket_handle(const struct confab_socket *socket);
struct confab_socket *confab_socket_find(struct confab_server *server,
                                         struct confab_handle handle); /* NULL: gone */
struct confab_server *confab_socket_server(const struct confab_socket *socket);
struct confab_namespace *confab_socket_namespace(const struct confab_socket *socket);
const struct confab_handshake *confab_socket_handshake(const struct confab_socket *socket);
/* The auth object of its CONNECT; `{}` when it sent none. Borrowed. */
const struct confab_value *confab_socket_auth(const struct confab_socket *socket);
/* "polling" or "websocket", now. */
const char *confab_socket_transport(const struct confab_socket *socket);

/* Its client came back within --recovery-ms: it has the id, the rooms and the data of before, and
 * was sent what it missed; what confab_set_user() had is gone. Known to middleware already. */
bool confab_socket_recovered(const struct confab_socket *socket);
/* Not for this namespace, whatever the gateway's options say: its events then have no offset behind
 * their arguments. Before its first socket. */
void confab_recovery_off(struct confab_namespace *nsp);

/* What other nodes see as socket.data in fetchSockets. An object; taken. Never NULL when read;
 * borrowed. */
void confab_set_data(struct confab_socket *socket, struct confab_value *data);
const struct confab_value *confab_data(const struct confab_socket *socket);
/* The application's own pointer; `free_fn` (may be NULL) is called once, after the disconnect
 * handler, with what was set last; also for a socket that was never let in. */
void confab_set_user(struct confab_socket *socket, void *pointer, void (*free_fn)(void *pointer));
void *confab_user(const struct confab_socket *socket);

/* Ends the socket with a DISCONNECT packet; `close`: the client's whole connection, with all its
 * namespaces. Events that still waited are dropped. The disconnect handler runs before this
 * returns; when called from a handler of this very socket, after that one has returned; with a
 * decision or a claim of it pending, after that. Idempotent. */
void confab_disconnect(struct confab_socket *socket, bool close);

/* ---- the first request of a client ---- */

/* All borrowed; NULL when absent. */
const char *confab_handshake_header(const struct confab_handshake *handshake,
                                    const char *lower_case_name);
const char *confab_handshake_address(const struct confab_handshake *handshake);
const char *confab_handshake_url(const struct confab_handshake *handshake);
/* Node's socket.handshake as a value: headers, time, address, xdomain, secure, issued, url, query,
 * auth. The caller owns it. `public_headers` keeps only those that may leave this node (user-agent,
 * origin, x-forwarded-for). */
struct confab_value *confab_handshake_value(const struct confab_handshake *handshake,
                                            const struct confab_value *auth, bool public_headers);
/* A parameter of the query, percent-decoded, as a string value the caller owns; NULL when absent.
 */
struct confab_value *confab_handshake_query(const struct confab_handshake *handshake,
                                            const char *name);

/* ---- emitting ---- */

/* To one socket. Takes args. False when it is closing. */
bool confab_emit(struct confab_socket *socket, const char *event, struct confab_value *args);
/* Dropped when the client cannot take it now. */
bool confab_emit_volatile(struct confab_socket *socket, const char *event,
                          struct confab_value *args);

/* As confab_emit(), with CONFAB_VOLATILE, CONFAB_COMPRESS_OFF or both. */
bool confab_emit_flags(struct confab_socket *socket, const char *event, struct confab_value *args,
                       unsigned flags);

/* An event encoded once, to be sent to many sockets one at a time (a list that each newcomer asks
 * for). Counted by its maker alone: one new, one free; sockets that still have it queued keep what
 * they need. Takes args; NULL when the event's name is reserved. */
struct confab_packet;
struct confab_packet *confab_packet_new(struct confab_namespace *nsp, const char *event,
                                        struct confab_value *args);
void confab_packet_free(struct confab_packet **packet);
bool confab_emit_packet(struct confab_socket *socket, struct confab_packet *packet);

/* `status`: CONFAB_OK with the client's arguments (an array, borrowed); args are NULL with
 * CONFAB_ETIMEDOUT, CONFAB_ECLOSED (the socket ended), CONFAB_ELIMIT (the client owes too many
 * already, or the event is too large), CONFAB_EINVAL (a reserved event), CONFAB_EAGAIN (it was
 * volatile, and the client could not take it: it was not sent). */
typedef void confab_ack_fn(struct confab_server *server, int status,
                           const struct confab_value *args, void *user);
/* With an acknowledgement; timeout_ms 0: none but the socket's end. `handler` is called exactly
 * once, never inside the call. */
void confab_emit_with_ack(struct confab_socket *socket, const char *event,
                          struct confab_value *args, int64_t timeout_ms, confab_ack_fn *handler,
                          void *user);
/* The same with CONFAB_VOLATILE, CONFAB_COMPRESS_OFF or both. */
void confab_emit_with_ack_flags(struct confab_socket *socket, const char *event,
                                struct confab_value *args, int64_t timeout_ms, unsigned flags,
                                confab_ack_fn *handler, void *user);

enum confab_emit_flag {
    CONFAB_VOLATILE = 1u << 0,
    CONFAB_LOCAL = 1u << 1,        /* this node's sockets only */
    CONFAB_COMPRESS_OFF = 1u << 2, /* Node's compress(false): not worth compressing */
};

/* Who gets a broadcast: members of any of the rooms (none: all of the namespace), less the members
 * of any `except` room. A socket's id is a room of its own. */
struct confab_audience {
    const char *const *rooms;
    size_t room_count;
    const char *const *except;
    size_t except_count;
    unsigned flags;
};

/* To sockets on all nodes, Node's included. Takes args. CONFAB_OK, or why not (event reserved, too
 * many rooms). */
int confab_emit_all(struct confab_namespace *nsp, const char *event, struct confab_value *args);
int confab_emit_room(struct confab_namespace *nsp, const char *room, const char *event,
                     struct confab_value *args);
/* To all but this socket. */
int confab_emit_others(struct confab_socket *socket, const char *event, struct confab_value *args);
/* To the members of a room but this socket, which need not be one (Node's socket.to(room).emit). */
int confab_emit_room_others(struct confab_socket *socket, const char *room, const char *event,
                            struct confab_value *args);
int confab_broadcast(struct confab_namespace *nsp, const struct confab_audience *audience,
                     const char *event, struct confab_value *args);

/* `status`: CONFAB_OK, or CONFAB_EUNAVAILABLE (it may or may not have been delivered). `cluster`:
 * false when only this node's sockets got it because the link to the others is down. */
typedef void confab_sent_fn(struct confab_server *server, int status, bool cluster, void *user);
/* As confab_broadcast(), in one order for all receivers on all nodes, this one's included. `sent`
 * may be NULL, may be called before this returns. */
int confab_broadcast_ordered(struct confab_namespace *nsp, const struct confab_audience *audience,
                             const char *event, struct confab_value *args, confab_sent_fn *sent,
                             void *user);

/* ---- many sockets, on all nodes, Node's included ---- */

/*
 * How a question to many ended. `answers`: an array, borrowed, never NULL, in the order they came;
 * with an error those that had come. What comes later is forgotten. Called exactly once, never
 * inside the call that asked (but when the server has stopped: ask nothing again then).
 *
 *     CONFAB_OK            everybody who was asked has answered
 *     CONFAB_ETIMEDOUT     not in time
 *     CONFAB_EUNAVAILABLE  the link to the other nodes is down, or was lost: only this node's
 *     CONFAB_ELIMIT        1000 questions under way, answers of more than 64 MiB together, or
 *                          too many rooms
 *     CONFAB_EINVAL        a reserved event
 *     CONFAB_ECLOSED       the server has stopped
 *
 * timeout_ms: 0 is 5 s; at most a minute.
 */
typedef void confab_answers_fn(struct confab_server *server, int status,
                               const struct confab_value *answers, void *user);
/* Node's emitWithAck to many: as confab_broadcast(), and each client's first argument is an answer
 * (undefined when it gave none). A socket that ends before it has answered is waited for until the
 * timeout, as by Node. CONFAB_VOLATILE has no effect. Takes args. */
void confab_broadcast_with_ack(struct confab_namespace *nsp, const struct confab_audience *audience,
                               const char *event, struct confab_value *args, int64_t timeout_ms,
                               confab_answers_fn *handler, void *user);
/* Each answer is a socket: {id, handshake, rooms, data}. Of other nodes' handshakes only those
 * headers are there that they let out. To do something with one of them, make its id the audience's
 * room. */
void confab_fetch_sockets(struct confab_namespace *nsp, const struct confab_audience *audience,
                          int64_t timeout_ms, confab_answers_fn *handler, void *user);
/* All sockets that are meant join, leave these rooms, are disconnected (as by confab_disconnect()).
 * Here the rooms change at once, and disconnects come at the end of the turn; of the other nodes
 * nobody answers. Without the link: here only. Flags but CONFAB_LOCAL have no effect.
 * CONFAB_ELIMIT: more than 1000 rooms in one list, or too long a name; CONFAB_ECLOSED: the server
 * has stopped. */
int confab_sockets_join(struct confab_namespace *nsp, const struct confab_audience *audience,
                        const char *const *rooms, size_t room_count);
int confab_sockets_leave(struct confab_namespace *nsp, const struct confab_audience *audience,
                         const char *const *rooms, size_t room_count);
int confab_disconnect_sockets(struct confab_namespace *nsp, const struct confab_audience *audience,
                              bool close);

/* ---- rooms ---- */

/* `joined` may be NULL: called when broadcasts from other nodes reach this socket, too; perhaps
 * before this returns. Only when CONFAB_OK is returned; else nothing was joined. CONFAB_ELIMIT: too
 * many rooms, or too long a name. CONFAB_ECLOSED: not connected (not yet, in middleware). */
typedef void confab_joined_fn(struct confab_server *server, int status, void *user);
int confab_join(struct confab_socket *socket, const char *room, confab_joined_fn *joined,
                void *user);
void confab_leave(struct confab_socket *socket, const char *room);
bool confab_in_room(const struct confab_socket *socket, const char *room);
/* The rooms as an array of strings, its own id first; the caller owns it. */
struct confab_value *confab_rooms(const struct confab_socket *socket);

/* ---- events between servers (Node's serverSideEmit) ---- */

/* `token` id 0: no answer wanted. Else confab_answer() with a list of one, now or later (deadline 4
 * s). */
typedef void confab_server_event_fn(struct confab_namespace *nsp, const struct confab_value *args,
                                    struct confab_token token, void *user);
void confab_on_server_event(struct confab_namespace *nsp, const char *event,
                            confab_server_event_fn *handler, void *user);
/* To the handlers of all other nodes, not to this one's. Takes args. CONFAB_OK, also when nobody
 * could be told; CONFAB_EINVAL: a reserved event (also `connection`, `new_namespace`);
 * CONFAB_ECLOSED: the server has stopped. */
int confab_server_emit(struct confab_namespace *nsp, const char *event, struct confab_value *args);
/* The same, with one answer from each of them (undefined: it had none to give); a Node server on
 * which nobody handles the event never answers. */
void confab_server_emit_with_ack(struct confab_namespace *nsp, const char *event,
                                 struct confab_value *args, int64_t timeout_ms,
                                 confab_answers_fn *handler, void *user);

/* ---- rosters: names that are unique in the cluster ---- */

struct confab_roster_config {
    const char *joined_event; /* to all: the shown name */
    const char *left_event;
    const char *storm_event; /* {online, joined, left}, once a second instead of the two above
                                storm_limit names */
    unsigned storm_limit;
    int64_t grace_ms; /* how long the name of a lost socket is kept for its resume secret */
};

enum confab_claim_result {
    CONFAB_CLAIM_WON,
    CONFAB_CLAIM_RESUMED,
    CONFAB_CLAIM_TAKEN,
    CONFAB_CLAIM_UNAVAILABLE
};

/* A socket lost its name: resumed elsewhere (CONFAB_EEXISTS; the socket is to be closed by the
 * handler) or lost during an outage (CONFAB_EDENIED). It has no name any more. */
typedef void confab_name_lost_fn(struct confab_socket *socket, int why, void *user);

/* One per namespace. */
struct confab_roster *confab_roster_open(struct confab_namespace *nsp,
                                         const struct confab_roster_config *config,
                                         confab_name_lost_fn *lost, void *user);

/* Called exactly once for each claim that was begun, perhaps before confab_roster_claim() returns,
 * and before the joined event reaches any socket of this node. `resume`: the new secret (32 hex
 * characters) when WON or RESUMED, borrowed; else NULL. A socket that ended meanwhile is still
 * there (its disconnect handler waits for this call) and gets UNAVAILABLE: a name that it won all
 * the same is given back by itself. */
typedef void confab_claimed_fn(struct confab_socket *socket, enum confab_claim_result result,
                               const char *resume, void *user);
/* Claims `shown` under its unique `key` for a socket that holds none (CONFAB_EBUSY when it does, or
 * claims already; CONFAB_ECLOSED when it is not connected). `resume`: the secret of an earlier
 * claim, or NULL; a text that is none is taken as NULL. The name is given back by itself when the
 * socket ends: at once after its own disconnect packet, else after the grace. */
int confab_roster_claim(struct confab_roster *roster, struct confab_socket *socket, const char *key,
                        const char *shown, const char *resume, confab_claimed_fn *claimed,
                        void *user);
/* The form of a socket's name that the joined event told: a name that is resumed in another
 * spelling of its key keeps it. Borrowed as long as the socket holds the name; NULL: it holds none.
 */
const char *confab_roster_shown(const struct confab_roster *roster,
                                const struct confab_socket *socket);
/* Gives the name back now. */
void confab_roster_release(struct confab_roster *roster, struct confab_socket *socket);
size_t confab_roster_count(const struct confab_roster *roster);
uint64_t confab_roster_version(const struct confab_roster *roster);
/* The first `limit` names online, as an array of strings the caller owns. */
struct confab_value *confab_roster_names(const struct confab_roster *roster, size_t limit);

/* ---- what applications need besides ---- */

int64_t confab_now_ms(const struct confab_server *server);  /* monotonic, of this turn */
int64_t confab_wall_ms(const struct confab_server *server); /* since 1970 */
void confab_random(struct confab_server *server, void *bytes, size_t length_bytes); /* cryptographic
                                                                                     */
/* Calls once after delay_ms; never inside the call. Not at all when the server ends first (then
 * `dropped`, may be NULL, frees `user`). */
void confab_after(struct confab_server *server, int64_t delay_ms,
                  void (*fn)(struct confab_server *server, void *user), void (*dropped)(void *user),
                  void *user);
/* Calls from the loop's thread, soon; the one function that any thread may call, and other events
 * of the same loop (see gateway.h). In the order of the calls, never inside one. CONFAB_ECLOSED:
 * the server is ending, and nothing will be called. Once CONFAB_OK was returned either `fn` or
 * `dropped` (may be NULL: the server ended first) is called. Threads may use it until the
 * application's end() has returned. Values are not for other threads: they carry what `fn` needs in
 * memory of their own. */
int confab_post(struct confab_server *server, void (*fn)(struct confab_server *server, void *user),
                void (*dropped)(void *user), void *user);
/* This node's tag; the cluster link: true when up (always, without Redis). */
const char *confab_node(const struct confab_server *server);
bool confab_cluster_up(const struct confab_server *server);

CONFAB_API_END

#endif
