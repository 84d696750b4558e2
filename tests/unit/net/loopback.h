/*
 * A network, an engine and an echo application in this process, and raw sockets that talk to them.
 *
 * Everything runs in one thread: whoever waits for something from the other side turns the loop
 * meanwhile, until it is there or a deadline far above any expected time has passed, which fails
 * the test. The application sends every message back; the text "close" makes it close the session,
 * "hold" pauses it, "flood" sends more than a socket takes, "plain" what is not to be compressed.
 */
#ifndef CONFAB_TESTS_UNIT_NET_LOOPBACK_H
#define CONFAB_TESTS_UNIT_NET_LOOPBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "gateway/engineio/session.h"
#include "gateway/net/net.h"

#define LOOPBACK_PATIENCE_MS 5000

struct loopback_options {
    int64_t ping_interval_ms; /* 0: 25000 */
    int64_t ping_timeout_ms;  /* 0: 20000 */
    size_t max_queued_bytes;  /* 0: 1 MiB */
    bool ask_admission;       /* handshakes wait in `admissions` */
    struct net_config net;    /* path and payload limit are filled in */
};

struct loopback {
    struct event_base *base;
    struct eio_engine *engine;
    struct net *net;
    char address[NET_ADDRESS_BYTES];
    char admin_address[NET_ADDRESS_BYTES];
    struct net_admission *admissions[64];
    unsigned admission_count;
    struct eio_session *last;
    char client_address[64]; /* of the last session */
    bool secure;
    enum eio_close_reason last_reason;
    unsigned opened, closed, upgraded;
};

void loopback_start(struct loopback *loopback, const struct loopback_options *options);
/* Takes everything down and fails when anything is still alive. */
void loopback_stop(struct loopback *loopback);
/* One turn that does not wait. */
void loopback_turn(struct loopback *loopback);
/* Turns until *number has the value. */
void loopback_await(struct loopback *loopback, const unsigned *number, unsigned value);
void loopback_await_connections(struct loopback *loopback, uint64_t count);
/* Turns until so many milliseconds have passed. */
void loopback_pass(struct loopback *loopback, int64_t ms);

/* ---- a client ---- */

struct peer {
    struct loopback *loopback;
    int fd;
    struct buf in;
    bool at_end; /* the other side closed, or the connection broke */
    bool broken;
};

void peer_open(struct peer *peer, struct loopback *loopback);
void peer_open_admin(struct peer *peer, struct loopback *loopback);
void peer_close(struct peer *peer);
void peer_reset(struct peer *peer); /* closes with RST */
void peer_half_close(struct peer *peer);
void peer_send(struct peer *peer, const void *bytes, size_t length_bytes);
void peer_puts(struct peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Turns until so many bytes are there, or the end. */
void peer_need(struct peer *peer, size_t length_bytes);
void peer_expect_end(struct peer *peer);
/* Some turns have passed and nothing came. */
void peer_expect_silence(struct peer *peer);

struct answer {
    int status;
    char head[2048];
    char body[65536];
    size_t body_bytes;
};
/* The next answer on this connection. `bodyless`: it was a HEAD. */
void peer_answer(struct peer *peer, struct answer *answer, bool bodyless);
bool answer_has(const struct answer *answer, const char *line);

/* Sends a request to the engine's path with this query, further header lines and a body. */
void peer_request(struct peer *peer, const char *method, const char *query, const char *lines,
                  const char *body);
/* The same on a connection of its own, with the answer. */
void exchange(struct loopback *loopback, const char *method, const char *query, const char *body,
              struct answer *answer);
/* A polling handshake; `sid` has room for 64 bytes. */
void handshake(struct loopback *loopback, char *sid);

/* ---- WebSocket ---- */

#define OP_CONTINUATION 0
#define OP_TEXT 1
#define OP_BINARY 2
#define OP_CLOSE 8
#define OP_PING 9
#define OP_PONG 10
#define FIN 0x80
#define DEFLATED 0x40

/* Opens a connection and asks for a WebSocket; fails unless it is 101. */
void peer_open_ws(struct peer *peer, struct loopback *loopback, const char *query);
void peer_ask_ws(struct peer *peer, const char *query, const char *lines);
/* One masked frame; `first` is its first byte. */
void peer_frame(struct peer *peer, int first, const void *payload, size_t length_bytes);
void peer_text(struct peer *peer, const char *text);
/* The next frame: its opcode, with DEFLATED when that bit is set, and the payload in *payload (good
 * until the next call on this peer).
 */
int peer_take_frame(struct peer *peer, const char **payload, size_t *length_bytes);
void peer_expect_text(struct peer *peer, const char *text);
/* A close frame with this code; 0: an empty one. */
void peer_expect_close(struct peer *peer, unsigned code);
/* The open packet, whatever it says. */
void peer_expect_open(struct peer *peer);

#endif
