/*
 * The network of a gateway: sockets, HTTP/1.1 and WebSocket, on one libevent loop.
 *
 * One struct net owns the listening sockets and every TCP connection behind them. It parses HTTP
 * itself, hands WebSockets to libwebsockets, drives the Engine.IO engine through the lower half of
 * gateway/engineio/session.h, serves files, and asks its owner about everything else. It knows no
 * Socket.IO, no chat and no option table. docs/networking.md tells why it is built like this.
 *
 * The owner runs the loop and closes each turn:
 *
 *     while (!done) {
 *         event_base_loop(base, EVLOOP_ONCE);  (one pass: who must wait for his turn stays ready)
 *         ...whatever else has work to finish in this turn...
 *         net_turn(net);
 *     }
 *
 * What the engine has for clients (frames, answers of polling) leaves in net_turn(), all of a turn
 * together; other answers are written when they are made. net keeps its own timer in the loop, for
 * its deadlines and for the engine's, so the loop wakes up in time. All calls come from the loop's
 * thread.
 *
 * Before net_new(): SIGPIPE ignored, and the limit on descriptors raised to what it shall be (the
 * WebSocket tables are sized by it).
 */
#ifndef CONFAB_NET_NET_H
#define CONFAB_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/engineio/session.h"
#include "gateway/net/guests.h"

struct event_base;
struct log;
struct net;
struct net_files;
struct net_admission;
struct net_request;

#define NET_ADDRESS_BYTES 72 /* "[v6 address]:port" and a NUL */

struct net_names {
    const char *const *items;
    size_t count;
};

/* Pages of other origins (gateway/net/cors.h). Without an origin there are no headers of CORS. */
struct net_cors_config {
    struct net_names origins; /* "https://host[:port]", a pattern (common/origin.h), or "*" */
    struct net_names methods; /* none: GET,HEAD,PUT,PATCH,POST,DELETE */
    struct net_names allowed_headers; /* none: whatever is asked for */
    struct net_names exposed_headers;
    bool credentials;  /* not together with "*" */
    int64_t max_age_s; /* 0: the browser's own */
};

struct net_compression_config {
    size_t from_bytes; /* answers of polling, files: shorter ones go out as they are; 0: all do */
    size_t ws_from_bytes; /* messages of WebSockets, with clients that offer it (RFC 7692); 0: the
                             offer is not taken, in neither direction */
};

/* A cookie with the session's id on the answer to a polling handshake (gateway/net/cookie.h). */
struct net_cookie_config {
    const char *name; /* NULL or "": no cookie */
    const char *path; /* NULL or "": no such attribute, as for the next */
    const char *domain;
    int64_t max_age_s; /* 0: until the browser ends */
    bool for_scripts;  /* without HttpOnly */
    bool secure;       /* sent back by TLS alone */
    enum { NET_SAME_SITE_LAX, NET_SAME_SITE_STRICT, NET_SAME_SITE_NONE } same_site;
};

/* Copied by net_new(), the lists too; `files` is borrowed. Zero means the default given. */
struct net_config {
    const char *path;       /* of the Engine.IO endpoint, from slash to slash: "/socket.io/" */
    const char *other_path; /* a second one of the same engine; NULL: none */
    const char *node_tag;   /* for the header X-Node; may be NULL until net_set_tag() */
    struct net_cors_config cors;
    struct net_compression_config compression;
    struct net_cookie_config cookie;
    const char *const *trusted_proxies; /* "10.0.0.0/8", "fd00::/8", "192.0.2.1" */
    size_t trusted_proxy_count;
    struct net_files *files;  /* looked at before the engine; may be NULL */
    size_t max_payload_bytes; /* the engine's: one body, one WebSocket message. 1000000 */
    size_t max_header_bytes;  /* 16384: of a request's head; at most 65536 */
    unsigned max_connections; /* 0: as many as descriptors allow, some kept in reserve;
                                 NET_ADMIN is not held to it */
    /* For each connection, above which it is read more slowly; twice as much at once. Zero: no
     * limit. A trusted proxy's requests are not counted. */
    unsigned max_requests_per_second;
    unsigned max_control_frames_per_second; /* pings, pongs, fragments: all that end no message */
    struct guests_config guests; /* what one client address may take; zeroes: everything */
    unsigned max_sessions;       /* of all together; 0: no limit */
    int64_t head_timeout_ms;    /* 10000: from the first byte of a request to the end of its head */
    int64_t body_timeout_ms;    /* 30000: from there to the end of its body */
    int64_t idle_timeout_ms;    /* 5000: between two requests; announced in Keep-Alive */
    int64_t write_timeout_ms;   /* 30000: for a client to read an answer that is being sent */
    int64_t message_timeout_ms; /* 60000: from the first byte of a WebSocket message to its end */
    int64_t close_timeout_ms;   /* 5000: for a client to answer a WebSocket close frame */
};

/* What a listening socket is for. */
enum net_role {
    NET_PUBLIC, /* files, Engine.IO, on_http */
    NET_ADMIN,  /* on_http alone */
};

struct net_events {
    /* Something is going on, or the time was asked for: net_turn() is owed. At least once before
     * each that is. May be NULL. */
    void (*on_turn)(void *user);
    /*
     * A handshake of Engine.IO wants to be admitted (Node's allowRequest). Answered exactly once
     * with net_admission_allow() or net_admission_deny(), inside the call or any time later; an
     * admission may outlive its connection, and net. NULL: everybody is admitted.
     */
    void (*on_admission)(void *user, struct net_admission *admission);
    /* Any other request. Answered with net_respond() inside the call; else it is a 404. May be
     * NULL. */
    void (*on_http)(void *user, struct net_request *request);
};

/* ---- life ---- */

/*
 * `base`, `engine`, `log` (may be NULL), `events` and `user` are borrowed for net's life. Errors:
 * CONFAB_EINVAL (something in the configuration that cannot be read, or cannot be put into a
 * header), CONFAB_EINTERNAL.
 */
int net_new(struct net **out, const struct net_config *config, struct event_base *base,
            struct eio_engine *engine, struct log *log, const struct net_events *events,
            void *user);

/*
 * Closes whatever is still open, at once; sessions learn that their transports are lost. The engine
 * is left alive, to be reaped and freed by its owner afterwards. Clears the caller's pointer.
 */
void net_free(struct net **net);

/*
 * Listens on "ADDR:PORT", "[ADDR]:PORT" or "NAME:PORT" (resolved now, which may block; the first
 * address counts). Port 0 takes any free one. `bound`, unless NULL, receives "ADDR:PORT" as bound.
 * "[::]" also takes IPv4. Errors: CONFAB_EINVAL (not an address), CONFAB_EADDRINUSE (not bindable).
 */
int net_listen(struct net *net, const char *address, enum net_role role,
               char bound[NET_ADDRESS_BYTES]);

/* Closes the listening sockets; connections live on. */
void net_stop_accepting(struct net *net);

/* From now on each answer is the last on its connection, and idle connections end. Before the end
 * of a process; WebSockets and open polls are the engine's to close. */
void net_drain(struct net *net);

/* The tag that X-Node carries to clients of trusted proxies. */
void net_set_tag(struct net *net, const char *node_tag);

/* Closes the turn: runs due deadlines (the engine's with eio_engine_advance()), sends what waits,
 * reaps sessions (eio_engine_reap()) and connections. Calls upwards come from inside. */
void net_turn(struct net *net);

/* The monotonic clock, read once per turn, at the turn's first event. */
int64_t net_now_ms(struct net *net);

/* ---- what happened ---- */

/* Why a TCP connection ended: symbol, metric label, what it means. */
#define NET_CLOSE_REASONS(X)                                                                  \
    X(NET_CLOSE_CLIENT, "client_closed", "closed by the client between requests")             \
    X(NET_CLOSE_CLIENT_EARLY, "client_closed_early", "closed by the client inside a request") \
    X(NET_CLOSE_RESET, "reset", "connection broken")                                          \
    X(NET_CLOSE_ANSWERED, "answered", "the last answer was sent")                             \
    X(NET_CLOSE_IDLE, "idle_timeout", "no further request in time")                           \
    X(NET_CLOSE_HEAD_TIMEOUT, "head_timeout", "no whole request head in time")                \
    X(NET_CLOSE_BODY_TIMEOUT, "body_timeout", "no whole body in time")                        \
    X(NET_CLOSE_WRITE_TIMEOUT, "write_timeout", "the client does not read its answer")        \
    X(NET_CLOSE_BAD_REQUEST, "bad_request", "not HTTP, or ambiguous")                         \
    X(NET_CLOSE_HEAD_TOO_BIG, "head_too_big", "request head above the limit")                 \
    X(NET_CLOSE_BODY_TOO_BIG, "body_too_big", "request body above the limit")                 \
    X(NET_CLOSE_LIMIT, "address_limit", "too many connections from this address")             \
    X(NET_CLOSE_CUT, "cut", "two requests of one session at a time")                          \
    X(NET_CLOSE_WS_BY_CLIENT, "ws_by_client", "WebSocket closed by the client")               \
    X(NET_CLOSE_WS_BY_SERVER, "ws_by_server", "WebSocket closed by the server")               \
    X(NET_CLOSE_WS_PROTOCOL, "ws_protocol", "WebSocket protocol broken (1002)")               \
    X(NET_CLOSE_WS_TEXT, "ws_text", "WebSocket text that is not UTF-8 (1007)")                \
    X(NET_CLOSE_WS_DEFLATE, "ws_deflate", "WebSocket message that cannot be inflated (1007)") \
    X(NET_CLOSE_WS_TOO_BIG, "ws_too_big", "WebSocket message above the limit (1009)")         \
    X(NET_CLOSE_WS_MESSAGE_TIMEOUT, "ws_message_timeout",                                     \
      "no whole WebSocket message in time (1008)")                                            \
    X(NET_CLOSE_RESOURCES, "resources", "memory or descriptors ran out")                      \
    X(NET_CLOSE_SHUTDOWN, "shutdown", "the network was taken down")

enum net_close_reason {
#define X(symbol, label, text) symbol,
    NET_CLOSE_REASONS(X)
#undef X
        NET_CLOSE_REASON_COUNT
};
const char *net_close_label(enum net_close_reason reason);
const char *net_limit_label(enum net_limit limit); /* not of NET_LIMIT_NONE */

#define NET_REFUSAL_CODES 6

/* What was done to messages of WebSockets. */
enum net_ws_compression {
    NET_WS_INFLATED, /* came compressed */
    NET_WS_DEFLATED, /* compressed, once for all who get it */
    NET_WS_SENT,     /* left compressed */
    NET_WS_COMPRESSIONS
};

/* Kept by net, read by whoever renders metrics. */
struct net_counters {
    uint64_t connections_now; /* TCP, WebSockets included */
    uint64_t websockets_now;
    uint64_t accepted;
    uint64_t accept_pauses;  /* descriptors or max_connections ran out */
    uint64_t reads_deferred; /* times a connection without credit had to wait for its turn */
    uint64_t held_requests;  /* times one rested because of its rate of requests */
    uint64_t held_frames;    /* the same for frames that end no message */
    uint64_t limits[NET_LIMIT_COUNT]; /* refusals, by limit */
    uint64_t closed[NET_CLOSE_REASON_COUNT];
    uint64_t ws_compression[NET_WS_COMPRESSIONS];
    uint64_t answers[6];                 /* by class of status: [1] counts 1xx … [5] 5xx */
    uint64_t refused[NET_REFUSAL_CODES]; /* Engine.IO requests, by the protocol's error code */
    uint64_t origins_refused;            /* WebSockets of a foreign page; also in refused[4] */
};
const struct net_counters *net_counters(const struct net *net);

/* ---- admissions ---- */

/* What the request said; borrowed until the admission is answered. */
const struct eio_handshake *net_admission_handshake(const struct net_admission *admission);
/* Each ends the admission. The session opens (eio_events.on_open) in this turn's net_turn(), or
 * never when the connection is gone. */
void net_admission_allow(struct net_admission *admission);
/* `message`: what the client is told in place of "Forbidden"; NULL for just that. Copied. */
void net_admission_deny(struct net_admission *admission, const char *message);

/* ---- other requests ---- */

/* All valid for the call of on_http alone. */
enum eio_method net_request_method(const struct net_request *request);
const char *net_request_path(const struct net_request *request);  /* as sent, without the query */
const char *net_request_query(const struct net_request *request); /* without `?`; never NULL */
const char *net_request_header(const struct net_request *request, const char *lower_case_name);
const char *net_request_address(const struct net_request *request); /* the client's, through proxies
                                                                     */
enum net_role net_request_role(const struct net_request *request);
/* The TCP peer is on this machine and speaks for itself (no forwarded header). */
bool net_request_from_here(const struct net_request *request);

struct net_response {
    int status;
    const char *content_type; /* NULL: no such header */
    const char *headers;      /* further lines, each ended by CRLF; may be NULL */
    const void *body;
    size_t body_bytes;
    bool body_stays; /* the bytes stay valid and unchanged as long as net: not copied */
};
/* Once per request. HEAD is answered without the body by itself. */
void net_respond(struct net_request *request, const struct net_response *response);

/* ---- files ---- */

/*
 * Files kept in memory under fixed paths, with ETag, answered by net itself. Filled before
 * net_new(); freed after net_free(). Not watched: what was read at the start is served.
 */
struct net_files *net_files_new(void);
void net_files_free(struct net_files **files);
/*
 * Reads the regular files of a directory (subdirectories too, three deep; names with a leading dot
 * or unusual characters are left out) and serves them below `prefix` ("/"); index.html also as the
 * prefix itself. ETags are made from the content. Errors: CONFAB_ENOTFOUND (no such directory),
 * CONFAB_EIO, CONFAB_ELIMIT (all files together above 64 MiB).
 */
int net_files_add_directory(struct net_files *files, const char *prefix, const char *directory);
/* One file under one path, for the client bundles; `etag` is the text between the quotes, NULL:
 * made from the content. Errors: CONFAB_ENOTFOUND (no such file), the others as above. */
int net_files_add(struct net_files *files, const char *path, const char *file, const char *etag);
size_t net_files_count(const struct net_files *files);

#endif
