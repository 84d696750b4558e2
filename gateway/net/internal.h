/*
 * What the files of this room share: the network, its connections, and who may call whom.
 *
 *   listen.c     listening sockets, accepting, the state "no more descriptors"
 *   conn.c       one TCP connection: birth, events, deadlines, the one death
 *   fair.c       who is read when, and who has to rest
 *   guests.c     what one client address may take
 *   http.c       the bytes of an HTTP connection: heads, bodies, one request after the other
 *   http_answer.c  answers: composing, sending, and what comes after the last byte
 *   http_route.c what a request is for: a file, Engine.IO, the owner
 *   http_engine.c  requests of Engine.IO: GET, POST, upgrade
 *   http_admission.c  handshakes that wait for a decision
 *   ws.c         a WebSocket: reading, closing;  ws_message.c  what comes;  ws_send.c  what leaves
 *   lws.c        libwebsockets: its context, its event loop operations, its callbacks
 *   net.c        the network: life, the turn, the timer
 *
 * A connection dies in conn_close() alone: it detaches everything at once and leaves the struct to
 * the end of the turn. It may be called anywhere but inside a callback of libwebsockets for the
 * same connection. Whoever called out (engine, owner, libwebsockets) looks at conn->state before it
 * goes on.
 */
#ifndef CONFAB_NET_INTERNAL_H
#define CONFAB_NET_INTERNAL_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "common/buf.h"
#include "common/list.h"
#include "common/log.h"
#include "common/rate.h"
#include "common/rng.h"
#include "common/timerq.h"
#include "gateway/net/address.h"
#include "gateway/net/coding.h"
#include "gateway/net/cookie.h"
#include "gateway/net/cors.h"
#include "gateway/net/http_chunked.h"
#include "gateway/net/http_head.h"
#include "gateway/net/net.h"
#include "gateway/net/origin.h"
#include "gateway/net/ws_deflate.h"
#include "gateway/net/ws_extensions.h"
#include "gateway/net/ws_guard.h"

#define NET_MAGIC 0x4e455430u
#define CONN_MAGIC 0x434f4e4eu

/* One read from a socket, at most; and of one that is served a portion at a time (fair.c). One
 * write to a WebSocket: frames that wait are put together up to this. */
#define NET_READ_BYTES 65536
#define NET_PORTION_BYTES 16384
#define NET_WRITE_BYTES 65536

/* What is full stays so for a while. */
#define FULL_RETRY_MS 5000

struct lws;
struct lws_context;
struct lws_vhost;
struct http;
struct ws;

/* The deadlines of connections: a queue for each length of time. */
enum net_timeout {
    NET_TIMEOUT_HEAD,
    NET_TIMEOUT_BODY,
    NET_TIMEOUT_IDLE,
    NET_TIMEOUT_WRITE,
    NET_TIMEOUT_MESSAGE, /* a WebSocket message, or a frame, has begun */
    NET_TIMEOUT_CLOSE,   /* the other side's part of a close */
    NET_TIMEOUT_COUNT,
    NET_TIMEOUT_NONE = NET_TIMEOUT_COUNT
};

struct net {
    uint32_t magic;
    bool draining;
    bool now_known; /* now_ms belongs to this turn */
    bool accept_paused;
    int64_t now_ms;
    int64_t accept_again_at_ms;

    struct event_base *base; /* borrowed, as are the next five */
    struct eio_engine *engine;
    struct log *log;
    const struct net_events *events;
    void *user;
    struct net_files *files;

    char *path;            /* owned, as is the next */
    char *other_path;      /* NULL: none */
    char *node_line;       /* owned: "X-Node: tag\r\n", or NULL */
    char *keep_alive_line; /* owned */
    size_t max_payload_bytes;
    size_t max_header_bytes; /* of a head; as much may wait behind a request at work */
    unsigned max_connections;
    struct origin_rules origins;
    struct cors cors;
    struct cookie cookie;
    size_t compress_from_bytes;    /* 0: never */
    struct coder *coder;           /* owned; NULL until something was compressed */
    size_t ws_compress_from_bytes; /* messages of WebSockets; 0: nothing is agreed on */
    struct ws_deflate *deflate;    /* owned; net_deflate() makes it */
    struct address_list proxies;
    struct guests *guests; /* owned, until the last session ends */
    unsigned max_sessions; /* 0: no limit */

    struct list listeners;
    struct list connections;
    struct list dirty;   /* connections to be looked at before the turn ends */
    struct list patient; /* the same, without credit: as far as there is time */
    struct list dead;    /* connections to be freed */
    struct list queue;   /* connections whose turn to be read will come */
    struct timerq rests;
    struct rate_rule request_rule, frame_rule;
    struct timerfifo timeouts[NET_TIMEOUT_COUNT];
    int64_t timeouts_ms[NET_TIMEOUT_COUNT];
    struct event timer;
    int64_t timer_at_ms; /* what it is set to; TIMERQ_NEVER when it is not */

    struct lws_context *lws; /* owned */
    struct lws_vhost *vhost; /* lws's */
    struct conn *adopting;   /* the connection that lws is taking over right now */

    struct rng rng;
    struct log_limit log_bad_request, log_bad_frame, log_origin, log_accept, log_limit;
    struct net_counters counters;

    /* Scratch, valid within one step. */
    char *in;            /* owned: NET_READ_BYTES */
    uint8_t *out;        /* owned: NET_WRITE_BYTES */
    struct buf text;     /* an answer's head */
    struct buf lines;    /* header lines in the making */
    struct buf payload;  /* an answer's body from the engine */
    struct buf packed;   /* the same, compressed; or a message */
    struct buf inflated; /* a message from a client */
    struct http_head head;
    char date_line[48];
    int64_t date_second;
};

/* ---- net.c ---- */

struct ws_deflate *net_deflate(struct net *net);

/* ---- conn.c ---- */

enum conn_state { CONN_HTTP, CONN_WS, CONN_DEAD };

struct conn {
    uint32_t magic;
    uint8_t state;   /* enum conn_state */
    uint8_t timeout; /* enum net_timeout that is armed, or NONE */
    uint8_t role;    /* enum net_role */
    uint8_t wants;   /* EV_READ, EV_WRITE: what is to be listened for */
    uint8_t listens; /* what the event is set to: the same, but no EV_READ while it rests */
    uint8_t portion; /* frames or requests that may still be taken before the others' turn */
    bool resting;
    bool unread; /* bytes that were read already wait for the connection's turn */
    int fd;
    struct net *net;     /* borrowed */
    struct guest *guest; /* where it is counted, or NULL */
    union {
        struct http *http; /* owned, while CONN_HTTP */
        struct ws *ws;     /* owned, while CONN_WS */
    };
    struct list link;  /* in net's connections, or dead */
    struct list dirty; /* in net's dirty or patient, or in none */
    struct timerfifo_entry timer;
    struct list queue; /* in net's queue, or in none */
    struct timerq_entry rest;
    struct rate credit;
    struct rate rate; /* of requests, later of frames */
    struct event event;
};

void conn_new(struct net *net, int fd, enum net_role role, const struct address *peer);
/* The end, with its reason; does nothing to a dead one. */
void conn_close(struct conn *conn, enum net_close_reason reason);
void conn_free(struct conn *conn);
/* To be looked at before the turn ends. */
void conn_mark(struct conn *conn);
/* Which events to listen for: EV_READ, EV_WRITE, both, 0. */
void conn_want(struct conn *conn, short events);
void conn_arm(struct conn *conn, enum net_timeout timeout);
void conn_disarm(struct conn *conn);
/* A deadline has passed. */
void conn_due(struct conn *conn);
/* What conn_mark() asked for. */
void conn_look(struct conn *conn);

/* ---- fair.c ---- */

#define FAIR_REST_MS 100 /* at least, for whoever exceeds a rate */
#define FAIR_LEAVE_MS 10 /* between two reads from somebody who does not count any more */

void fair_init(struct conn *conn);
void fair_fini(struct conn *conn);
/* The socket has something: the connection is read now, or when its turn comes. */
void fair_readable(struct conn *conn);
/* It has bytes at hand to go on with (conn->unread). */
void fair_queue(struct conn *conn);
/* It is not read for so long. */
void fair_rest(struct conn *conn, int64_t wait_ms);
/* Before each frame or request: false when the portion is used up or the connection must rest. */
bool fair_may_go_on(struct conn *conn);
/* What was taken is charged. */
void fair_read(struct conn *conn, size_t length_bytes);
void fair_frame(struct conn *conn, bool ends_message);
void fair_inflated(struct conn *conn, size_t length_bytes); /* bytes that were not sent as such */
void fair_request(struct conn *conn);
/* Serves those that queue, for a bounded time. */
void fair_turn(struct net *net);
bool fair_has_credit(const struct conn *conn);
/* Looks at those that are patient, for a bounded time. */
void fair_flush(struct net *net);
int64_t fair_deadline(const struct net *net);

/* ---- http.c ---- */

enum http_phase {
    HTTP_HEAD,    /* between requests, or inside a head */
    HTTP_BODY,    /* inside the body of a POST of Engine.IO */
    HTTP_WAIT,    /* the answer is being decided */
    HTTP_SENDING, /* the answer does not go out in one piece */
    HTTP_LINGER,  /* answered for good; what still comes is thrown away */
};

/* Who decides the answer. */
enum http_kind { HTTP_OTHER, HTTP_GET, HTTP_POST, HTTP_ADMISSION };

struct http {
    struct conn *conn;
    uint8_t phase; /* enum http_phase */
    uint8_t kind;  /* enum http_kind */
    bool keep_alive : 1;
    bool is_head : 1;  /* answered without a body */
    bool has_body : 1; /* the request announced a body that nobody read to its end */
    bool is_chunked : 1;
    bool wants_ws : 1;
    bool admitted : 1;
    bool denied : 1;
    bool is_proxied : 1;  /* the peer is a trusted proxy */
    bool is_old_ie : 1;   /* the browser wants to be told not to guard against XSS */
    uint8_t coding;       /* enum coding that the client takes */
    uint8_t close_reason; /* enum net_close_reason, when it ends after the answer */

    struct address peer;
    struct buf in;  /* bytes of a head in the making, or behind the request at work */
    size_t scanned; /* of them, by http_head_find() */
    struct buf body;
    uint64_t body_left; /* to come, without chunks; in HTTP_LINGER: that may still come */
    struct http_chunked chunked;

    char *lines;    /* owned: header lines of the answer to this request; may be NULL */
    struct buf out; /* what of the answer is not yet sent */
    size_t out_at;
    const uint8_t *tail; /* behind `out`: borrowed bytes */
    size_t tail_bytes;

    union {
        struct eio_get get;   /* while HTTP_GET */
        struct eio_post post; /* while HTTP_POST */
        struct {
            struct net_admission *token;     /* NULL once answered */
            struct eio_handshake *handshake; /* owned */
            char *text;                      /* owned: the message of a denial */
        } admission;                         /* while HTTP_ADMISSION */
    };
    char ws_key[25];
    char *ws_protocol; /* owned: the first one offered */
    struct ws_terms ws_terms;
};

/* A request at hand, for the time of its routing. */
struct net_request {
    struct conn *conn;
    struct http_head *head;
    struct address client;
    char address[ADDRESS_TEXT_BYTES];
    bool secure;
    bool answered;
};

struct http *http_new(struct conn *conn, const struct address *peer);
/* Lets go of everything: the engine and admissions learn that the connection is lost. */
void http_free(struct http *http, int64_t now_ms);
void http_readable(struct conn *conn);
void http_writable(struct conn *conn);
/* Goes on with bytes that waited behind an answered request. */
void http_resume(struct conn *conn);
/* The same for the end of a connection that became a WebSocket: takes the bytes that waited. */
void http_take_rest(struct http *http, struct buf *rest);

/* ---- http_route.c ---- */

void http_route(struct conn *conn, struct http_head *head);

/* ---- http_answer.c ---- */

/* Sends the answer to the request at work; http->lines go with it. */
void http_answer(struct http *http, const struct net_response *response);
/* An answer without anything special, the last on this connection. */
void http_refuse(struct http *http, int status, enum net_close_reason reason);
/* Somebody has as much as he may have, or the server is full. */
void http_refuse_limit(struct http *http, enum net_limit limit, int64_t retry_ms);
void http_continue(struct http *http);
/* Sends what is left; to be called when the socket can take more. */
void http_send(struct http *http);
const char *http_status_text(int status);

/* ---- http_engine.c ---- */

/* The headers of CORS, on whatever answer a request below the engine's path gets. True: it was a
 * preflight, and is answered. */
bool http_engine_apply_cors(struct net_request *request);
void http_engine_request(struct net_request *request);
/* The body of a POST is there, wholly. */
void http_engine_body(struct http *http, const char *body, size_t length_bytes);
void http_engine_body_too_big(struct http *http);
/* The engine, or whoever admits, has something for the request at work. */
void http_engine_look(struct http *http);
/* For the files that share it: a GET to be opened, answers of the engine with or without a payload,
 * and refusals, whose form depends on what was asked for. */
void http_engine_prepare_get(struct http *http);
void http_engine_answer(struct http *http, const struct eio_answer *answer, const struct buf *body);
void http_engine_refuse(struct http *http, struct eio_answer answer);

/* ---- http_admission.c ---- */

void http_ask_admission(struct net_request *request);
/* Goes on when it was answered. */
void http_admission_look(struct http *http);
/* The connection is gone. */
void http_admission_orphan(struct net_admission *token);

/* ---- ws.c, ws_message.c, ws_send.c ---- */

enum ws_state {
    WS_OPEN,
    WS_CLOSE_SENT, /* our close frame is out: the answer, or the deadline, ends it */
    WS_PEER_CLOSE, /* the client's came: libwebsockets answers it and closes */
};

/* What is wrong with the message at hand. */
enum ws_fault {
    WS_FAULT_NONE,
    WS_FAULT_TEXT,    /* no UTF-8 */
    WS_FAULT_DEFLATE, /* cannot be inflated */
    WS_FAULT_TOO_BIG, /* once inflated */
};

struct ws {
    struct conn *conn;
    struct lws *wsi; /* lws's; NULL once it has closed it */
    struct eio_ws eio;
    struct ws_guard guard;
    uint8_t state;         /* enum ws_state */
    uint8_t close_reason;  /* enum net_close_reason for the end of WS_CLOSE_SENT */
    uint8_t fault;         /* enum ws_fault */
    uint8_t window_bits;   /* the client's, when messages may be compressed */
    bool lws_waits : 1;    /* lws wants to write */
    bool lost : 1;         /* the engine was told that this carrier is gone */
    bool is_deaf : 1;      /* the client broke the rules: what it sends is not read as frames */
    bool was_buffered : 1; /* eio_ws_buffered() was told a number */
    uint32_t frame_at;
    uint32_t lws_bytes;  /* of the last write: lws keeps at most so many */
    struct frame *frame; /* one reference: too long for one write, sent up to frame_at */
    struct buf *message; /* owned: what came of a message in pieces */
    struct buf pending;  /* read from the socket, not yet looked at */
};

/* Makes a WebSocket of the connection and its request: sends 101. False: the connection is gone. */
bool ws_accept(struct conn *conn);
/* Reads what came behind the request, once the engine has the carrier. */
void ws_start(struct conn *conn, struct buf *rest);
void ws_readable(struct conn *conn);
void ws_writable(struct conn *conn);
void ws_look(struct conn *conn);
/* Sends a close frame and waits for its answer. */
void ws_close(struct conn *conn, enum ws_close_code code, enum net_close_reason reason);
/* A message took too long. */
void ws_message_due(struct conn *conn);
void ws_free(struct ws *ws, bool clean, int64_t now_ms);
/* A piece of a message, from lws. */
void ws_receive(struct ws *ws, const char *bytes, size_t length_bytes, bool first, bool last,
                bool binary);
/* The client's close frame; false when it is broken, and was answered. */
bool ws_peer_close(struct ws *ws, const char *body, size_t length_bytes);

/* Sends what the engine has, as far as the socket takes it. False: the socket is broken. */
bool ws_send_frames(struct ws *ws);

/* ---- lws.c ---- */

int lws_glue_init(struct net *net);
void lws_glue_fini(struct net *net);
struct lws *lws_glue_adopt(struct conn *conn, const char *key);
/* What lws wanted to write, now that it can. */
void lws_glue_service(struct ws *ws);
/* Closes the socket at once, whatever waits. The connection is dead afterwards. */
void lws_glue_kill(struct ws *ws);
/* Gives bytes from the socket to lws's WebSocket. */
void lws_glue_feed(struct ws *ws, char *bytes, size_t length_bytes);
/* False when the socket is broken. */
bool lws_glue_write(struct ws *ws, const uint8_t *bytes, size_t length_bytes);
/* lws still holds bytes that the socket did not take. */
bool lws_glue_is_full(const struct ws *ws);

/* ---- listen.c ---- */

void listen_close_all(struct net *net);
/* A connection ended, or time has passed: accept again if that was given up. */
void listen_resume(struct net *net);

/* ---- http_files.c ---- */

/* Answers a GET or HEAD of a file; false when there is none of that path. */
bool net_files_serve(struct net_files *files, struct net_request *request);

#endif
