/*
 * What the files of the server floor share with each other and with nobody else.
 *
 * A client is one Engine.IO session, a socket one namespace that it joined. A socket lives through
 * enum sio_state in that order and never back:
 *
 *     CONNECTING   its CONNECT came; middleware decides; packets that followed wait
 *     CONNECTED    a member of the namespace
 *     CLOSING      it ends, but something is still pending: a running handler, a decision,
 *                  events that had arrived before, a claim; emits go nowhere
 *     ENDING       inside its disconnect handler
 *     DEAD         waits for the end of the turn to be freed
 *
 * `blocked` counts the decisions that later packets wait for: a handler's, and a middleware's for
 * the same event. Handlers are called from two places:
 * sio_socket_event() when nothing waits, and sio_socket_run(), which empties what waited. Nothing
 * calls a handler of a socket while another one of the same socket runs (`running`).
 */
#ifndef CONFAB_SOCKETIO_SERVER_INTERNAL_H
#define CONFAB_SOCKETIO_SERVER_INTERNAL_H

#include "broker/broker.h"
#include "broker/message.h"
#include "common/buf.h"
#include "common/htable.h"
#include "common/list.h"
#include "common/timerq.h"
#include "gateway/engineio/session.h"
#include "gateway/socketio/packet.h"
#include "gateway/socketio/recovery_store.h"
#include "gateway/socketio/slots.h"
#include "gateway/socketio/wiring.h"
#include <confab/server.h>

#define SIO_ID_BYTES 20
#define SIO_RESUME_BYTES 16

/* A deadline of something: what it is, `fire` knows. Called once, disarmed already. */
struct sio_timer {
    struct timerq_entry entry;
    void (*fire)(struct confab_server *server, struct sio_timer *timer);
};

/* ---- server.c ---- */

struct confab_server {
    struct server_config config;
    struct server_clock clock;
    server_post_fn *post; /* NULL: no other threads */
    void *post_user;
    struct rng *rng;                 /* borrowed */
    struct eio_engine *engine;       /* borrowed */
    struct recovery_store *recovery; /* NULL: no connection state recovery */
    struct broker *broker; /* borrowed; NULL before server_attach() and after server_stop() */
    int64_t told_ms;       /* the instant the broker was told last */

    struct htable namespaces_by_name;
    struct list namespaces;
    struct list parents; /* struct sio_parent.link, in the order they are asked */
    struct list clients; /* struct sio_client.link: those with a session */
    size_t client_count; /* and those that wait for their sockets' end */
    struct slots sockets;
    struct slots tokens;

    struct timerq timers;
    struct timerfifo connects; /* struct sio_client.timer */
    struct list afters;        /* struct sio_after.link */
    struct list ready;         /* struct confab_socket.ready: to be run at the end of the turn */
    struct list aside;         /* the same: those that wait for a place among the decisions */
    struct list wishes;        /* struct sio_wish.ready: decided, to go on at the turn's end */
    struct list late;          /* struct sio_ack.link: to be answered at the end of the turn */
    struct list askings;       /* struct sio_asking.link: under way */
    struct list asked;         /* the same, over: to be told at the end of the turn */
    unsigned asking_count;     /* of both */
    size_t answers_bytes;      /* of all their answers */
    struct list dead_sockets;
    struct list dead_clients;

    struct buf scratch;                /* for sio_encode() */
    struct confab_value *no_fields;    /* {} */
    struct confab_value *no_arguments; /* [] */
    struct {
        uint64_t reply; /* of the broadcast that these frames ask acknowledgements for */
        double id;
        struct frame_set *frames; /* NULL: none */
    } asking;

    confab_filter_fn *filter;
    void *filter_user;
    void (*broker_state_changed)(void *user);
    void *broker_state_user;

    struct {
        int64_t begun_at_ms;
        int64_t spread_ms;
        size_t count, closed;
        bool under_way;
    } drain;
    bool advancing; /* inside server_advance(), which no handler may call */
    bool stopped;
    struct server_counters counters;
};

/* The instant of this turn; the broker learns of a new one. */
int64_t sio_now_ms(struct confab_server *server);
/* The end of this turn has something to do: whoever asks for the time is given that end. */
static inline void sio_owe_turn(struct confab_server *server)
{
    (void)server->clock.now_ms(server->clock.user);
}
void sio_timer_arm(struct confab_server *server, struct sio_timer *timer, int64_t delay_ms);
void sio_timer_disarm(struct confab_server *server, struct sio_timer *timer);
static inline void sio_limit(struct confab_server *server, enum server_limit limit)
{
    server->counters.limits[limit]++;
}
/* Encodes, counts what is too large; NULL then. */
struct frame_set *sio_frames(struct confab_server *server, const struct sio_packet *packet,
                             const char *event);

/* ---- namespace.c ---- */

struct sio_handler {
    struct htable_entry by_name;
    union {
        confab_event_fn *event;
        confab_server_event_fn *server_event;
    } fn; /* NULL: taken back */
    void *user;
    char name[];
};

struct sio_middleware {
    confab_middleware_fn *fn;
    void *user;
};

struct confab_namespace {
    struct confab_server *server;
    struct confab_namespace *registry; /* whose handlers it has: its own, or its parent's */
    struct sio_parent *parent;         /* it is one, and no namespace itself; NULL: it is none */
    struct broker_namespace *members;
    struct list link;
    struct htable_entry by_name;
    struct htable handlers;        /* struct sio_handler */
    struct htable server_handlers; /* the same */
    struct sio_middleware *middleware;
    size_t middleware_count;
    confab_event_fn *on_any;
    void *any_user;
    confab_outgoing_fn *on_outgoing;
    void *outgoing_user;
    confab_error_fn *on_error;
    void *error_user;
    confab_disconnect_fn *on_disconnecting;
    void *disconnecting_user;
    confab_connect_fn *on_connect;
    void *connect_user;
    confab_disconnect_fn *on_disconnect;
    void *disconnect_user;
    struct confab_roster *roster;
    struct recovery_space *recovery; /* NULL: no connection state recovery */
    uint64_t next_ack; /* ids of acknowledgements asked for are unique in the namespace */
    size_t size;       /* sockets that are connected */
    size_t sockets;    /* that are not freed yet */
    size_t name_bytes;
    char name[];
};

/* NULL: never made. */
struct confab_namespace *sio_namespace_find(const struct confab_server *server, const char *name,
                                            size_t name_bytes);
/* `parent` NULL: a namespace by itself. */
struct confab_namespace *sio_namespace_new(struct confab_server *server, const char *name,
                                           struct confab_namespace *parent);
void sio_namespace_free(struct confab_namespace *nsp);
static inline struct sio_packet sio_packet_for(const struct confab_namespace *nsp,
                                               enum sio_type type, struct confab_value *data)
{
    return (struct sio_packet){
        .type = type, .nsp = nsp->name, .nsp_bytes = nsp->name_bytes, .data = data};
}

/* ---- client.c ---- */

struct sio_client {
    struct confab_server *server;
    struct eio_session *session;     /* NULL once it is over */
    struct eio_handshake *handshake; /* held */
    struct list link;                /* server->clients, then dead_clients */
    struct list sockets;             /* struct confab_socket.link: joined or joining */
    struct list wishes;              /* struct sio_wish.link: names asked for */
    struct list tokens;              /* struct sio_token.link: owed to its sockets and wishes */
    size_t token_count;
    struct list aside;            /* struct confab_socket.ready: wait until some are spent */
    struct timerfifo_entry timer; /* connect timeout; then of a packet that is not whole */
    struct sio_decoder decoder;
    char *left; /* the name of the last one that the server ended or refused; owned; NULL: none */
    size_t waiting_bytes;
    unsigned unfinished; /* sockets that are not dead, and wishes */
    bool joined;         /* some namespace, once: no connect timeout any more */
    bool paused;
    uint8_t transport; /* enum eio_transport, the last */
    uint8_t revision;  /* of Engine.IO, 3 or 4 */
};

/* Neither joined a namespace in time nor is about to, or does not finish a packet: it is closed. */
void sio_client_timed_out(struct sio_client *client);
/* Ends the session; its sockets end with the reason's text. */
void sio_client_close(struct sio_client *client, enum eio_close_reason reason);
/* Ends the sockets, each with `reason`; `told`: with a DISCONNECT packet. */
void sio_client_end_sockets(struct sio_client *client, const char *reason, bool told);
bool sio_client_send(struct sio_client *client, struct frame_set *frames, bool volatile_);
/* Encodes and sends. */
bool sio_client_send_packet(struct sio_client *client, const struct sio_packet *packet);
/* Bytes more, or less, that wait for decisions: pauses and restarts the session. False: too many,
 * the session was closed. */
bool sio_client_charge(struct sio_client *client, size_t bytes);
void sio_client_refund(struct sio_client *client, size_t bytes);
/* The server ends or refuses this namespace: what crosses the news is ignored. */
void sio_client_left(struct sio_client *client, const char *name, size_t name_bytes);
/* Its socket there that is not closing; NULL: none. */
struct confab_socket *sio_client_socket(const struct sio_client *client, const char *name,
                                        size_t name_bytes);
/* A CONNECT to a namespace: makes the socket. Takes auth, which may be NULL. */
void sio_client_enter(struct sio_client *client, struct confab_namespace *nsp,
                      struct confab_value *auth);
/* Answers a CONNECT for which there is no socket. */
void sio_client_refuse_connect(struct sio_client *client, const struct sio_packet *connect,
                               const char *message);
/* A socket was let in. */
void sio_client_joined(struct sio_client *client);
/* A socket died, or a wish is over: frees the client at the end of the turn if it was the last
 * thing left. */
void sio_client_socket_gone(struct sio_client *client);
void sio_client_free(struct sio_client *client);

/* ---- revision.c: clients of socket.io 1 and 2 ---- */

bool sio_client_is_old(const struct sio_client *client);
/* Cuts a query off the packet's namespace; a CONNECT's becomes its data. */
void sio_old_split_namespace(struct sio_packet *packet);
/* The id that such a client computes for its socket; the caller frees it. NULL: the socket that had
 * it has not ended wholly. */
char *sio_old_id(const struct sio_client *client, const struct confab_namespace *nsp);
/* What a refusal's packet holds. Takes data, which may be NULL. */
struct confab_value *sio_old_refusal(const char *message, struct confab_value *data);

/* ---- handshake.c ---- */

/* The pairs of a query string, decoded; of equal keys the last. The caller owns the object. */
struct confab_value *sio_query_value(const char *query);

/* ---- drain.c ---- */

/* Closes the sessions that are due in a drain. */
void sio_clients_drain(struct confab_server *server);
int64_t sio_drain_deadline(const struct confab_server *server);

/* ---- socket.c ---- */

enum sio_state { SIO_CONNECTING, SIO_CONNECTED, SIO_CLOSING, SIO_ENDING, SIO_DEAD };

struct sio_waiting;
struct sio_acks;
struct sio_name;
struct sio_own;

struct confab_socket {
    struct broker_member member;
    struct list link;  /* client->sockets until it closes; at last server->dead_sockets */
    struct list ready; /* server->ready; when set aside, the server's or the client's list of those
                        */
    struct sio_client *client;
    struct confab_namespace *nsp;
    struct confab_value *auth; /* NULL: none */
    struct confab_value *data; /* NULL: none */
    void *user;
    void (*user_free)(void *pointer);
    struct sio_waiting *waiting; /* the newest; its `next` is the oldest. NULL: nothing waits */
    struct sio_acks *acks;       /* owed by the client; NULL: none */
    struct sio_name *name;       /* claimed or held; NULL: none */
    struct recovery_session *session; /* owned; NULL: none */
    struct sio_own *own;              /* registered on it alone; NULL: nothing */
    const char *reason;               /* why it closes; static */
    uint64_t id_number;               /* of its handle */
    uint8_t state;                    /* enum sio_state */
    uint8_t blocked;                  /* decisions */
    bool was_connected : 1;
    bool running : 1;
    bool own_end : 1;    /* by the client's own DISCONNECT */
    bool thrown_out : 1; /* by this side */
    bool kicked : 1;     /* another node disconnects it; done at the end of the turn */
    bool kick_close : 1;
    bool recovered : 1;
    bool recoverable : 1; /* lost in a way that its client may come back from */
    bool looked_up : 1;   /* asked what it was before */
    bool is_aside : 1;    /* waits for a place among the decisions */
    uint16_t middleware_next;
    char id[];
};

_Static_assert(sizeof(struct confab_socket) <= 256, "sockets are many");

enum sio_end {
    SIO_END_LOST,   /* the session is over: events that had arrived are still handled */
    SIO_END_CLIENT, /* by its own DISCONNECT: the same */
    SIO_END_SERVER, /* this side ends it: what waits is dropped */
};

/* A CONNECT came. Takes auth, which may be NULL. Ends in sio_socket_run(). */
void sio_socket_new(struct sio_client *client, struct confab_namespace *nsp,
                    struct confab_value *auth);
/* An event came; its data is taken when it has to wait. */
void sio_socket_event(struct confab_socket *socket, struct sio_packet *packet);
/* Does what can be done now: middleware, waiting events, the end. */
void sio_socket_run(struct confab_socket *socket);
/* The same at the end of the turn. */
void sio_socket_ready(struct confab_socket *socket);
/* Starts the end. Idempotent. */
void sio_socket_close(struct confab_socket *socket, const char *reason, enum sio_end end);
/* Lets it in: CONNECT is answered, the connect handler runs. */
void sio_socket_admit(struct confab_socket *socket);
/* Keeps it out: CONNECT_ERROR. `data` may be NULL; taken. */
void sio_socket_refuse(struct confab_socket *socket, const char *message,
                       struct confab_value *data);
/* For server_stop(): whatever is pending, the end is now. */
void sio_socket_force_end(struct confab_socket *socket);
void sio_socket_free(struct confab_socket *socket);
static inline struct confab_socket *sio_socket_of(struct broker_member *member)
{
    return container_of(member, struct confab_socket, member);
}
/* Can be emitted to. */
static inline bool sio_socket_is_open(const struct confab_socket *socket)
{
    return socket->state == SIO_CONNECTED && socket->client->session != NULL;
}
/* The socket of an id number; NULL: gone. */
struct confab_socket *sio_socket_find(const struct confab_server *server, uint64_t id_number);

/* ---- events.c ---- */

struct sio_token;

struct confab_event {
    struct confab_socket *socket;
    const char *name;
    const struct confab_value *data; /* [name, arguments…] */
    const struct sio_handler *handler;
    struct confab_value **args; /* made when asked for */
    struct confab_token token;  /* when deferred */
    double ack_id;
    bool wants_ack; /* and it has not been given, nor promised to a token */
};

/* What an event needs while its handlers run. */
struct sio_event_scratch {
    struct buf number; /* the name, if it is none */
    struct confab_value *args;
};

/* An event for handlers, from [name, arguments…], which is borrowed; and its end. */
struct confab_event sio_event_open(struct sio_event_scratch *scratch, struct confab_socket *socket,
                                   const struct confab_value *data);
void sio_event_close(struct sio_event_scratch *scratch);
/* Calls the handler that the event is for. */
void sio_event_handle(struct confab_event *event);

/* Calls the handlers. */
void sio_event_dispatch(struct confab_socket *socket, const struct confab_value *data, bool has_id,
                        double id);
/* A token of an event or of a server event was not answered in time. */
void sio_event_expired(struct confab_server *server, const struct sio_token *token);
/* The items of a list behind the first; the caller owns the new list. */
struct confab_value *sio_list_rest(const struct confab_value *list);
/* `args` NULL: none. */
void sio_send_ack(struct confab_socket *socket, double id, const struct confab_value *args);

/* ---- listeners.c ---- */

struct sio_event_middleware {
    confab_event_middleware_fn *fn;
    void *user;
};

struct sio_passing;

/* What is registered on one socket. */
struct sio_own {
    struct htable handlers; /* struct sio_handler */
    confab_event_fn *on_any;
    void *any_user;
    confab_outgoing_fn *on_outgoing;
    void *outgoing_user;
    struct sio_event_middleware *uses;
    size_t use_count;
    struct sio_passing *passing; /* the event that middleware has not let pass yet; NULL: none */
};

void sio_own_free(struct sio_own *own);
/* The place for what handles an event; made when there is none yet. */
struct sio_handler *sio_handler_slot(struct htable *handlers, const char *event);
void sio_handlers_free(struct htable *handlers);
/* NULL: nobody. */
const struct sio_handler *sio_handler_find(const struct htable *handlers, const char *event,
                                           size_t length);
/* Tells who watches what is sent of an event with its arguments, or of [event, arguments…] when
 * `event` is NULL. False: the socket is not open any more. */
bool sio_outgoing_tell(struct confab_socket *socket, const char *event,
                       const struct confab_value *args);
static inline bool sio_outgoing(struct confab_socket *socket, const char *event,
                                const struct confab_value *args)
{
    if (socket->nsp->registry->on_outgoing == NULL &&
        (socket->own == NULL || socket->own->on_outgoing == NULL))
        return true;
    return sio_outgoing_tell(socket, event, args);
}

/* ---- passing.c ---- */

/* Runs the socket's middleware for this event until one takes its time; then handles it. */
void sio_passing_begin(struct confab_event *event);
/* One is decided: it can go on. */
bool sio_passing_is_decided(const struct confab_socket *socket);
static inline bool sio_passing_is_there(const struct confab_socket *socket)
{
    return socket->own != NULL && socket->own->passing != NULL;
}
void sio_passing_resume(struct confab_socket *socket);
void sio_passing_drop(struct confab_socket *socket);
/* The token of a middleware is spent. `message` NULL: it may pass. Takes data. */
int sio_passing_decide(struct confab_server *server, const struct sio_token *token,
                       const char *message, struct confab_value *data);

/* ---- middleware.c ---- */

#define SIO_DECISION_DEADLINE_MS 20000

/* Runs what is left of the namespace's middleware until one takes its time; then admits. */
void sio_middleware_run(struct confab_socket *socket);
/* A token of the filter or of middleware was not answered in time. */
void sio_middleware_expired(struct confab_server *server, const struct sio_token *token);

/* ---- acks.c ---- */

struct sio_ack {
    struct sio_timer timer;
    struct list link; /* the socket's, or server->late */
    double id;
    uint64_t socket;
    confab_ack_fn *handler; /* NULL: another node asks */
    void *user;
    struct broker_reply reply;
    int status; /* of a late one */
};

/* The client acknowledges; unknown ids are ignored. */
void sio_acks_receive(struct confab_socket *socket, const struct sio_packet *packet);
/* Another node's broadcast asks this socket; false: it owes too many already. */
bool sio_acks_expect_reply(struct confab_socket *socket, double id, struct broker_reply reply);
/* Nothing will come any more. */
void sio_acks_fail(struct confab_socket *socket);
void sio_acks_run_late(struct confab_server *server);
double sio_ack_id(struct confab_namespace *nsp);

/* ---- emit.c ---- */

/* To one open socket; `ack_id` NULL: no acknowledgement is asked for. `flags`: CONFAB_VOLATILE,
 * CONFAB_COMPRESS_OFF. CONFAB_OK: queued; CONFAB_ELIMIT: too large, or too much waits;
 * CONFAB_EAGAIN: volatile, and not to be sent now; CONFAB_ECLOSED: it is not open any more. */
int sio_emit(struct confab_socket *socket, const char *event, struct confab_value *args,
             const double *ack_id, unsigned flags);

/* The frames of a message, made at the first call; NULL: it is too large. Borrowed. */
struct frame_set *sio_message_frames(struct confab_server *server, struct message *message);

/* The message of a broadcast. Takes args. CONFAB_OK; CONFAB_EINVAL: a reserved event;
 * CONFAB_ELIMIT: more rooms than a message may name; CONFAB_ECLOSED: the server has stopped. */
int sio_broadcast_message(struct confab_namespace *nsp, const struct confab_audience *audience,
                          const char *event, struct confab_value *args, struct message **message);
/* The list [event, items of args…]; the caller owns it. */
struct confab_value *sio_event_and_args(const char *event, const struct confab_value *args);
/* The same texts with their lengths. */
void sio_to_texts(const char *const *names, size_t count, struct text *texts);
#define SIO_ROOMS_MAX 1000 /* in one list; what goes on the wire should fit a packet of Redis */

/* ---- asking.c ---- */

struct sio_asking {
    struct sio_timer timer;
    struct list link; /* server->askings, then server->asked */
    struct confab_server *server;
    struct broker_question question; /* 0: over, or not asked yet */
    struct confab_value *answers;
    size_t answers_bytes;
    int status;
    confab_answers_fn *handler;
    void *user;
};

/* Something is asked of many: ends in the handler, at the latest after timeout_ms (0: 5 s; at most
 * a minute). The caller asks the broker, with these events and the asking as their user. When there
 * are too many, it is over already (sio_asking_is_over()), and nothing is to be asked. */
struct sio_asking *sio_asking_new(struct confab_server *server, int64_t timeout_ms,
                                  confab_answers_fn *handler, void *user);
/* The server has stopped: there is no turn any more at whose end to tell, so it is told now. */
bool sio_asking_is_refused(struct confab_server *server, confab_answers_fn *handler, void *user);
bool sio_asking_is_over(const struct sio_asking *asking);
const struct broker_question_events *sio_asking_events(void);
int64_t sio_asking_timeout_ms(int64_t timeout_ms);
void sio_asking_finish(struct sio_asking *asking, int status);
void sio_askings_run_over(struct confab_server *server);
void sio_askings_stop(struct confab_server *server);

/* ---- roster.c ---- */

/* The socket ends: its name is given back, at once or after the grace. */
void sio_name_give_back(struct confab_socket *socket);
/* A claim is under way: the socket must stay. */
bool sio_name_is_claiming(const struct confab_socket *socket);
/* Answers a claim under way with UNAVAILABLE; what the broker answers later is undone. */
void sio_name_abandon(struct confab_socket *socket);
void sio_roster_free(struct confab_roster *roster);

/* ---- recovery.c ---- */

/* Its CONNECT says what it was before, which has not been looked up yet. */
bool sio_recovery_is_to_ask(const struct confab_socket *socket);
/* Looks it up; the socket may be blocked for it. */
void sio_recovery_ask(struct confab_socket *socket);
/* The lookup was not answered in time. */
void sio_recovery_expired(struct confab_server *server, const struct sio_token *token);
/* The socket is about to be let in: sends what it missed. False: it must not be, it closes. */
bool sio_recovery_admit(struct confab_socket *socket);
/* It is a member now: back into its rooms. */
void sio_recovery_rejoin(struct confab_socket *socket);
/* It ends: kept, or forgotten. */
void sio_recovery_lost(struct confab_socket *socket);
/* From this reason of a session's end a client may come back. */
bool sio_recovery_is_for(const char *reason);
/* For what is neither volatile nor asks for an acknowledgement. The name stands in front of the
 * items of `args`. False: not queued. */
bool sio_recovery_emit(struct confab_socket *socket, const char *event,
                       const struct confab_value *args, unsigned flags);
/* For the broker's events. */
void sio_recovery_delivering(struct confab_namespace *nsp, struct message *message);
void sio_recovery_joined(struct confab_socket *socket, const struct text *room);
void sio_recovery_left(struct confab_socket *socket, const struct text *room);
void sio_recovery_close(struct confab_namespace *nsp);

/* ---- timers.c ---- */

void sio_afters_drop(struct confab_server *server);

/* ---- remote.c ---- */

/* Forgets the frames of the last broadcast with acknowledgements. */
void sio_asking_forget(struct confab_server *server);

#endif
