/*
 * Engine.IO sessions without I/O.
 *
 * An engine owns all sessions of one gateway: their ids, heartbeats, transports, upgrades, queues
 * and ends. It is told what arrived and what time it is, and it tells what to send and when to call
 * again. It opens no socket, reads no clock, draws no random bytes and logs nothing, so that the
 * same code runs under the real network and under a scripted one.
 *
 * Two neighbours meet here. Below is the network (gateway/net): it parses HTTP and WebSocket,
 * embeds one of the small `eio_get`, `eio_post`, `eio_ws` structs in each of its connections and
 * calls the functions of the lower half. Above is Socket.IO: it gets struct eio_events and calls
 * the upper half.
 *
 * Rules for both:
 * - The engine never calls down into the network except through `wake`, which only marks a
 *   connection as "has something for you": the network looks (eio_*_take) later in the same turn,
 *   never inside the call. So no call re-enters the caller.
 * - Events upwards may come from inside any lower-half function, from eio_session_close(),
 *   eio_engine_advance() and eio_engine_reap(), but never from inside eio_session_send(): a loop
 *   over many sessions stays undisturbed. The receiver may call upper-half functions from inside
 *   them (send, close). No session's memory goes away before eio_engine_reap().
 * - now_ms is monotonic, from one reading per turn. A turn of the network: read the clock,
 *   eio_engine_advance(), then requests and frames (a session whose time is over must be unknown to
 *   the requests of the same instant), then what wake marked, then eio_engine_reap().
 *
 * Wire rules: Engine.IO protocol revision 4 (open, ping/pong, payloads, upgrade), and revision 3
 * where the configuration allows it; a session keeps the revision of its first request. The
 * behaviour of the reference server where the protocol leaves it open is written down in
 * docs/protocol.md.
 */
#ifndef CONFAB_ENGINEIO_SESSION_H
#define CONFAB_ENGINEIO_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/frame.h"

struct buf;
struct eio_engine;
struct eio_session;

/* ---- why a session ended ---- */

/*
 * X(symbol, metric label, the reason that Socket.IO's handlers see, is it an error)
 *
 * transport_close: the client's connection ended. transport_error: it broke, or broke the rules of
 * its transport. ping_timeout: no pong within ping_timeout_ms. parse_error: bytes that are no
 * Engine.IO packet. payload_too_big: a WebSocket message above the limit. overflow: the client
 * reads too slowly, and a further packet found the queue full. too_slow: the queue was above its
 * soft limit for too long. forced_close: Socket.IO found a broken packet. connect_timeout: no
 * CONNECT in time. server_close: the application closed it. server_shutting_down: this process
 * drains.
 */
#define EIO_CLOSE_REASONS(X)                                              \
    X(EIO_CLOSE_TRANSPORT_CLOSE, "transport_close", "transport close", 0) \
    X(EIO_CLOSE_TRANSPORT_ERROR, "transport_error", "transport error", 1) \
    X(EIO_CLOSE_PING_TIMEOUT, "ping_timeout", "ping timeout", 1)          \
    X(EIO_CLOSE_PARSE_ERROR, "parse_error", "parse error", 1)             \
    X(EIO_CLOSE_PAYLOAD_TOO_BIG, "payload_too_big", "transport error", 1) \
    X(EIO_CLOSE_OVERFLOW, "overflow", "transport error", 1)               \
    X(EIO_CLOSE_TOO_SLOW, "too_slow", "transport error", 1)               \
    X(EIO_CLOSE_FORCED, "forced_close", "forced close", 1)                \
    X(EIO_CLOSE_CONNECT_TIMEOUT, "connect_timeout", "forced close", 1)    \
    X(EIO_CLOSE_SERVER, "server_close", "forced server close", 0)         \
    X(EIO_CLOSE_SHUTDOWN, "server_shutting_down", "server shutting down", 0)

enum eio_close_reason {
#define X(symbol, label, text, is_error) symbol,
    EIO_CLOSE_REASONS(X)
#undef X
        EIO_CLOSE_REASON_COUNT
};
const char *eio_close_label(enum eio_close_reason reason);
const char *eio_close_text(enum eio_close_reason reason);
bool eio_close_is_error(enum eio_close_reason reason);

enum eio_transport { EIO_POLLING, EIO_WEBSOCKET };

/* Timings and limits, the same for all sessions. Copied by eio_engine_new(). */
struct eio_config {
    char node_tag[9];           /* [0-9a-z]{3,8}; begins every sid */
    int64_t ping_interval_ms;   /* 25000 */
    int64_t ping_timeout_ms;    /* 20000 */
    int64_t upgrade_timeout_ms; /* 10000: from the WebSocket's arrival to its `5` */
    int64_t close_wait_ms;      /* 30000: a closed session waits for a GET that takes the `1` */
    size_t max_payload_bytes; /* 1000000: a POST body, a WebSocket message; announced at opening */
    size_t max_queued_bytes;  /* 1 MiB; while so much waits for a client, a further packet ends its
                                 session with EIO_CLOSE_OVERFLOW */
    /* 512 KiB and 20000: from when a further packet finds so much until less waits, at most so
     * long; then EIO_CLOSE_TOO_SLOW. 0 bytes: no such limit. */
    size_t soft_queued_bytes;
    int64_t soft_queued_ms;
    /* 1000 and 10000000: what a client may send, on the average, with bursts of two seconds' worth;
     * above, it is held back. Answers to pings do not count. 0: no such limit. At most 10^9. */
    int64_t max_packets_per_second, max_per_second_bytes;
    bool polling, websocket; /* transports offered */
    bool upgrades;           /* announced in the open packet; without them a WebSocket for a polling
                                session opens and is closed */
    bool revision_3;         /* requests of that revision may open sessions */
};

/* What the first request of a session said; kept for the application (Node's socket.handshake).
 * Counted, immutable. */
struct eio_header {
    const char *name;  /* lower case */
    const char *value; /* no control characters */
};
struct eio_handshake {
    unsigned references;
    int64_t issued_wall_ms; /* since 1970 */
    bool secure;            /* TLS, or a trusted proxy said so */
    bool xdomain;           /* an Origin header was there */
    const char *address;    /* the client's, through trusted proxies */
    const char *url;        /* path and query as sent */
    const char *query;      /* the raw query, without `?` */
    unsigned header_count;
    const struct eio_header *headers; /* everything lies in one allocation with the struct */
    void (*on_end)(void *end_user);   /* the last reference is gone; NULL: nobody asks */
    void *end_user;
};
/* Deep copy; the caller owns one reference. NULL strings become empty ones. */
struct eio_handshake *eio_handshake_new(const struct eio_handshake *from);
struct eio_handshake *eio_handshake_hold(const struct eio_handshake *handshake);
void eio_handshake_release(struct eio_handshake *handshake);
/* The first header of that (lower case) name, borrowed; NULL when absent. */
const char *eio_handshake_header(const struct eio_handshake *handshake, const char *name);

/* ---- upwards ---- */
struct eio_events {
    /* The session is open and its open packet queued. The handshake stays available through
     * eio_session_handshake(). */
    void (*on_open)(void *user, struct eio_session *session);
    /* One message. The bytes are borrowed for the call. Text is valid UTF-8. */
    void (*on_message)(void *user, struct eio_session *session, enum frame_kind kind,
                       const char *bytes, size_t length_bytes);
    /* Once for each on_open, the last event of that session. The pointer must not be used after the
     * event: the session is freed in an eio_engine_reap(), the next one unless something queued
     * still leaves through its transport. */
    void (*on_close)(void *user, struct eio_session *session, enum eio_close_reason reason);
    /* The transport changed from polling to WebSocket. May be NULL. */
    void (*on_upgrade)(void *user, struct eio_session *session);
};

/* ---- limits that were reached: symbol, label for metrics ---- */
#define EIO_LIMITS(X)                              \
    X(EIO_LIMIT_QUEUED, "queued_bytes")            \
    X(EIO_LIMIT_QUEUED_SOFT, "soft_queued_bytes")  \
    X(EIO_LIMIT_PAYLOAD, "payload_bytes")          \
    X(EIO_LIMIT_PACKET_RATE, "packets_per_second") \
    X(EIO_LIMIT_BYTE_RATE, "per_second_bytes")

enum eio_limit {
#define X(symbol, label) symbol,
    EIO_LIMITS(X)
#undef X
        EIO_LIMIT_COUNT
};
const char *eio_limit_label(enum eio_limit limit);

/* ---- counters the engine keeps; read by whoever renders metrics ---- */
#define EIO_COUNT_BINARY 7
#define EIO_COUNT_TYPES 8
struct eio_counters {
    uint64_t opened, closed[EIO_CLOSE_REASON_COUNT];
    uint64_t limits[EIO_LIMIT_COUNT]; /* sessions ended, bodies refused; of rates: times held back
                                       */
    /* By type as its digit says; messages of bytes are counted apart, at EIO_COUNT_BINARY. */
    uint64_t packets_in[EIO_COUNT_TYPES], packets_out[EIO_COUNT_TYPES];
    uint64_t bytes_in, bytes_out, upgrades, upgrades_failed;
    uint64_t sessions_now[2]; /* by enum eio_transport */
    uint64_t queued_bytes;    /* of all sessions together, now */
};

/* ---- the engine ---- */

/* `events` and `user` are borrowed for the engine's life. Several engines may live in one
 * process. */
struct eio_engine *eio_engine_new(const struct eio_config *config, const struct eio_events *events,
                                  void *user);
/* Every on_close must have been given (asserted); what only waits for a last GET or a slow reader
 * is dropped, and its carriers are let go. Clears the caller's pointer. NULL inside is fine. */
void eio_engine_free(struct eio_engine **engine);
/* The tag may be drawn after creation (its lease is won later): set before the first session. */
void eio_engine_set_tag(struct eio_engine *engine, const char *node_tag);
const struct eio_counters *eio_engine_counters(const struct eio_engine *engine);
/* Sessions that are open: on_open was given, on_close not yet decided. */
size_t eio_engine_session_count(const struct eio_engine *engine);
/* Sessions are still leaving: closed by the upper half, with something queued, or waiting for a GET
 * that takes the close. */
bool eio_engine_is_leaving(const struct eio_engine *engine);
/* The next instant at which eio_engine_advance() has something to do; INT64_MAX when never.
 * O(1). */
int64_t eio_engine_deadline(const struct eio_engine *engine);
/* Runs what is due: pings, ping timeouts, upgrade timeouts, close waits, sessions that were held
 * back, ends of those that read too slowly. */
void eio_engine_advance(struct eio_engine *engine, int64_t now_ms);
/* Gives the on_close of sessions that overflowed, then frees the sessions that ended; call at the
 * end of a turn, never from inside an event. */
void eio_engine_reap(struct eio_engine *engine);
/* Handshakes are refused with 503 from now on (drain); known sids are served on. */
void eio_engine_refuse_new(struct eio_engine *engine);
/* Calls `visit` for each session that is open when its turn comes; it may close this and other
 * sessions. */
void eio_engine_each(struct eio_engine *engine,
                     void (*visit)(void *user, struct eio_session *session), void *user);

/* ---- upper half: what Socket.IO and the application do with a session ---- */

/* Queues one packet, however large; holds the frame. What waits is counted with what each frame
 * costs besides its bytes (frame_cost_bytes()). When max_queued_bytes wait already the session
 * ends with EIO_CLOSE_OVERFLOW: its carriers are closed and its queue is dropped at once, on_close
 * comes in the next eio_engine_advance() or eio_engine_reap(). `volatile_` frames are dropped when
 * the transport cannot take them right now: polling without an open GET, bytes still queued or
 * buffered. True: queued. */
bool eio_session_send(struct eio_session *session, struct frame *frame, bool volatile_);
/* Queues all frames of a packet in one piece (all or nothing for volatile). */
bool eio_session_send_set(struct eio_session *session, struct frame_set *set, bool volatile_);
/* What is queued is still sent, then the transport is closed as the protocol wants it: a WebSocket
 * with an empty close frame, polling with `1` on the open GET or, without one, on a GET that comes
 * within close_wait_ms. on_close comes at once (inside the call). Idempotent. */
void eio_session_close(struct eio_session *session, enum eio_close_reason reason, int64_t now_ms);
/* Stops (true) or restarts reading from the client: bounds what waits behind a pending decision.
 * Pongs and pings are not read either while paused, so its ping timeout is suspended. What a
 * WebSocket had read already may still arrive. Of a POST body the rest is kept and given in the
 * eio_engine_advance() after the restart; its answer waits until then (so that the client sends no
 * further one), and it is given at once only to a client that moves to a WebSocket without waiting
 * for that answer. The engine itself pauses a session that is above its rates; it reads on when
 * neither wants a pause. */
void eio_session_pause(struct eio_session *session, bool paused, int64_t now_ms);
/* One pointer for the upper neighbour. */
void eio_session_set_user(struct eio_session *session, void *user);
void *eio_session_user(const struct eio_session *session);
const char *eio_session_sid(const struct eio_session *session);   /* secret; borrowed */
unsigned eio_session_revision(const struct eio_session *session); /* 3 or 4 */
enum eio_transport eio_session_transport(const struct eio_session *session);
const struct eio_handshake *eio_session_handshake(const struct eio_session *session); /* borrowed */
size_t eio_session_queued_bytes(const struct eio_session *session);

/* ---- lower half: requests ---- */

enum eio_method { EIO_GET, EIO_POST, EIO_OPTIONS, EIO_HEAD, EIO_OTHER };

/* One HTTP request on the engine's path, as the network parsed it. All strings borrowed for the
 * call. */
struct eio_request {
    enum eio_method method;
    bool is_upgrade;    /* asks for a WebSocket with a valid key and version */
    const char *query;  /* raw, without `?`; never NULL */
    const char *origin; /* NULL when absent */
};

/* What to do with it. */
enum eio_route {
    EIO_ROUTE_REFUSE,    /* answer `status`, `content_type`, `body` */
    EIO_ROUTE_HANDSHAKE, /* ask the request filter, then eio_handshake_polling() or _ws() */
    EIO_ROUTE_GET,       /* eio_get_open() with `session` */
    EIO_ROUTE_POST,      /* read the body up to max_payload_bytes, then eio_post_submit() */
    EIO_ROUTE_UPGRADE,   /* accept the WebSocket, then eio_ws_upgrade() */
    EIO_ROUTE_WS_REFUSE, /* accept the WebSocket with 101 and close it with an empty close frame */
};

struct eio_answer {
    int status;               /* HTTP status */
    const char *content_type; /* static string; NULL: none */
    const char *body; /* static string, never NULL; what a GET carries goes to a buf instead */
    int error_code;   /* 0–5 as in the body, -1 when it has none: for metrics */
    bool is_script;   /* a browser is to take it for that and for nothing else */
};

struct eio_verdict {
    enum eio_route route;
    enum eio_transport transport; /* with EIO_ROUTE_HANDSHAKE */

    /* With GET, POST, UPGRADE. Borrowed, valid until the next eio_engine_reap(). When the WebSocket
     * is accepted in a later turn, route the request once more then; anything but EIO_ROUTE_UPGRADE
     * means to close it. */
    struct eio_session *session;
    bool base64;              /* with UPGRADE: goes to struct eio_ws */
    struct eio_answer answer; /* with EIO_ROUTE_REFUSE; see eio_answer_for_upgrade() */
};

/* Decides, in the order the reference server checks (transport, origin, sid, method, revision).
 * Changes nothing. */
void eio_route(struct eio_engine *engine, const struct eio_request *request,
               struct eio_verdict *verdict);

/* The refusal for a handshake that the filter denies (code 4), and for a broken request (code 3):
 * the JSON of an ordinary request. To a WebSocket handshake the answer is the message text alone
 * with status 400 (503 stays): eio_answer_for_upgrade() makes that from either form; eio_route()
 * has done so already. */
struct eio_answer eio_answer_forbidden(void);
struct eio_answer eio_answer_bad_request(void);
struct eio_answer eio_answer_for_upgrade(struct eio_answer answer);

/*
 * A connection of the network that carries something of a session. Embedded in the network's own
 * struct, initialised by the open functions. `wake` is set by the network before: called when
 * eio_*_take() has something new (bytes, an answer, a close). It must only mark; it may be called
 * many times, also inside the lower-half function of the same connection.
 */
struct eio_carrier {
    struct eio_session *session; /* NULL once the engine has let go of it */
    void (*wake)(struct eio_carrier *carrier);
};

struct eio_get {
    struct eio_carrier carrier;
    uint8_t state;
    uint8_t revision;
    bool is_plain;  /* once taken: nothing in the body is worth compressing */
    uint32_t jsonp; /* the script's number and one; 0: no script */
};
struct eio_post {
    struct eio_carrier carrier;
    uint8_t state;
    bool binary; /* the body is revision 3's binary payload */
};
struct eio_ws {
    struct eio_carrier carrier;
    uint8_t state;
    uint8_t paused;     /* the network must not read now; look after each wake */
    uint8_t pongs_owed; /* `3probe` frames to be taken */
    bool base64;        /* the client takes no binary here; set from the verdict of an upgrade */
};

/* ---- lower half: polling ---- */

/* Opens a session for an admitted polling handshake. The open packet is then taken with
 * eio_get_take() on `get`. `random`: 16 fresh random bytes. `handshake`: the reference is taken.
 * The session may have been closed by its own on_open; the pointer is valid for this turn. */
struct eio_session *eio_handshake_polling(struct eio_engine *engine, struct eio_get *get,
                                          struct eio_handshake *handshake, const uint8_t random[16],
                                          int64_t now_ms);

/* A GET for a routed session. It may be answered at once or later: look with eio_get_take() after
 * this call and after each wake. A second one while one is open ends the first (200, `1`) and the
 * session; the second gets 400. */
void eio_get_open(struct eio_session *session, struct eio_get *get, int64_t now_ms);

/* True when the GET has its answer: *answer is filled and the body appended to `body` (packets
 * joined by 0x1e). Then the engine has let go of the GET. False: not yet. */
bool eio_get_take(struct eio_get *get, struct eio_answer *answer, struct buf *body);

/* The connection of a GET is gone: when it was not answered the session ends. Safe (and needed) on
 * every GET's death. */
void eio_get_lost(struct eio_get *get, int64_t now_ms);

/* A POST begins (its body is still to be read): a second one at the same time is refused (false:
 * answer 400, empty body, the first connection is to be cut when its wake comes, session over), as
 * is application/octet-stream in revision 4. `content_type` may be NULL. `*answer` is set on false.
 * When the session ends while the body is read the connection is to be cut. */
bool eio_post_open(struct eio_session *session, struct eio_post *post, const char *content_type,
                   struct eio_answer *answer, int64_t now_ms);
/* The whole body. Its packets are given upwards in order. The answer is taken with eio_post_take()
 * (usually at once; later while the session is paused). Too big: call eio_post_too_big() instead,
 * which answers 413 and keeps the session. */
void eio_post_submit(struct eio_post *post, const char *body, size_t length_bytes, int64_t now_ms);
void eio_post_too_big(struct eio_post *post);
/* As eio_get_take(). `*cut` is set (true or false); true: drop the connection without an answer,
 * *answer is not filled. */
bool eio_post_take(struct eio_post *post, struct eio_answer *answer, bool *cut);
/* The connection of a POST is gone: before its answer was ready the session ends. Safe on every
 * POST's death. */
void eio_post_lost(struct eio_post *post, int64_t now_ms);

/* ---- lower half: WebSocket ---- */

/* Opens a session on an accepted WebSocket; arguments as for polling. */
struct eio_session *eio_handshake_ws(struct eio_engine *engine, struct eio_ws *ws,
                                     struct eio_handshake *handshake, const uint8_t random[16],
                                     int64_t now_ms);
/* An accepted WebSocket that wants to take over a polling session (probe, then `5`). A further one
 * is refused: wake and a close. */
void eio_ws_upgrade(struct eio_session *session, struct eio_ws *ws, int64_t now_ms);
/* One whole message; text is valid UTF-8 (the network checked). */
void eio_ws_receive(struct eio_ws *ws, enum frame_kind kind, const char *bytes, size_t length_bytes,
                    int64_t now_ms);
/* A message above max_payload_bytes began: the network sends close 1009 itself after this call. */
void eio_ws_too_big(struct eio_ws *ws, int64_t now_ms);

/*
 * Takes the next frame to write, in order; the caller owns the reference. NULL: nothing more now.
 * Call until NULL, or stop when the socket is full: what is not taken stays queued (and counted
 * against the limit).
 */
struct frame *eio_ws_take(struct eio_ws *ws);
/* The frame could not be written wholly: bytes the network still buffers for this connection,
 * counted in the queue limit. */
void eio_ws_buffered(struct eio_ws *ws, size_t bytes_in_network);
/* True when all frames were taken and the WebSocket is to be closed with an empty close frame. */
bool eio_ws_wants_close(const struct eio_ws *ws);
/* The connection is gone. `clean`: a close frame or an orderly end came (transport close), else
 * transport error. */
void eio_ws_lost(struct eio_ws *ws, bool clean, int64_t now_ms);

#endif
