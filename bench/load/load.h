/*
 * confab-load: many Socket.IO clients in one process that measure how long it takes from a client's
 * emit to its arrival at every other client.
 *
 * All clients share one clock, so a message carries its departure and the arrival gives the
 * latency, server-to-client leg included. What a run expects, what arrived, what was lost, doubled
 * or out of order is counted for each receiver and sender.
 *
 * main.c      options, start and end
 * run.c       the phases: connect, settle, send, drain, report
 * client.c    one client's conversation: open, CONNECT, log-in, rooms, events
 * websocket.c the client's bytes over WebSocket; polling.c the same over HTTP long-polling
 * message.c   what a measured message looks like, and its bookkeeping
 */
#ifndef CONFAB_BENCH_LOAD_H
#define CONFAB_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "bench/load/histogram.h"
#include "common/buf.h"
#include "common/options.h"
#include "common/rng.h"
#include <confab/err.h>

struct event;
struct event_base;
struct load;

#define LOAD_READ_BYTES 65536
#define LOAD_PACKET_MAX_BYTES (16u << 20) /* one answer of a server; more ends that client */

enum load_app { LOAD_APP_BENCH, LOAD_APP_CHAT };
enum load_mode { LOAD_MODE_BROADCAST, LOAD_MODE_ECHO, LOAD_MODE_IDLE };
enum load_transport { LOAD_WEBSOCKET, LOAD_POLLING };

struct load_options {
    struct option_list target;
    int64_t clients;
    int transport;
    int app;
    int mode;
    int64_t rooms;
    int64_t senders;
    double rate; /* of all senders together, a second; from the text below */
    char *rate_text;
    int64_t size_bytes;
    int64_t ramp;
    int64_t duration_ms;
    int64_t settle_ms;
    int64_t drain_ms;
    bool login;
    char *path;
    char *name_prefix;
    bool quiet;
};

struct load_target {
    struct sockaddr_storage address;
    socklen_t address_bytes;
    char host[256]; /* for the Host header */
    bool loopback;  /* own addresses may be spread over 127.0.0.0/8 */
};

enum client_state {
    CLIENT_IDLE,       /* not started */
    CLIENT_OPENING,    /* TCP and the transport's handshake */
    CLIENT_CONNECTING, /* Engine.IO is open, CONNECT sent */
    CLIENT_ENTERING,   /* log-in or join sent */
    CLIENT_READY,
    CLIENT_ENDED,
};

struct http_stream {
    int fd;
    struct event *read;
    struct event *write; /* only while the kernel takes no more */
    struct buf in;       /* what is not a whole packet or answer yet */
    struct buf out;
    bool busy; /* polling: a request is under way */
};

struct client {
    struct load *load;
    unsigned index;
    enum client_state state;
    const struct load_target *target;
    int room;                /* -1: none */
    struct http_stream get;  /* the WebSocket, or the connection of the GETs */
    struct http_stream post; /* polling only */
    struct buf posts;        /* packets that wait for the running POST */
    char *sid;
    uint32_t *last_seen; /* by sender: the last sequence number; NULL until the first message */
    uint32_t next_ack;
    int64_t opened_at_us;
    unsigned pending_entries; /* acks of log-in and join still to come */
    bool upgraded;            /* the WebSocket's answer was read */
};

struct load_counts {
    uint64_t sent, send_errors, expected, delivered, lost, doubled, reordered, acks, refused;
    uint64_t bytes_in;
    uint64_t connect_failed, connection_lost;
};

enum load_phase { LOAD_RAMP, LOAD_SETTLE, LOAD_RUN, LOAD_DRAIN, LOAD_DONE };

struct load {
    struct load_options options;
    struct event_base *base;
    struct rng rng;
    struct load_target *targets;
    size_t target_count;
    struct client *clients;
    unsigned started, ready, ended;
    unsigned *room_size; /* ready members, by room */
    unsigned sender_count;
    uint32_t *next_seq; /* by sender */
    char run[9];        /* tells this run's messages from another's */
    enum load_phase phase;
    unsigned progress; /* clients that had come or failed at … */
    int64_t progress_at_us;
    int64_t phase_at_us, run_at_us, run_end_us;
    double credit; /* sends that are due */
    int64_t credit_at_us;
    unsigned next_sender;
    struct load_counts counts, shown;
    struct histogram latency, latency_second, connect;
    uint64_t seconds;
    uint8_t *scratch; /* LOAD_READ_BYTES, shared by all reads */
    char *text;       /* one message, as text */
    bool stopped;     /* by a signal */
};

/* ---- run.c ---- */
/* Runs all phases; the exit status. */
int load_run(struct load *load);

/* ---- report.c ---- */
void load_print_second(struct load *load);
void load_print_json(const struct load *load);

/* ---- client.c ---- */
void client_start(struct client *client, const struct load_target *target);
/* One Engine.IO packet from the server, either transport. Borrowed. */
void client_packet(struct client *client, const char *bytes, size_t length);
/* `why` is for the first few failures that are shown. */
void client_fail(struct client *client, const char *why);
void client_end(struct client *client);
void client_emit_measured(struct client *client);

/* ---- transports: sends one Engine.IO text packet ---- */
void client_send(struct client *client, const char *packet, size_t length);
void websocket_open(struct client *client);
void websocket_send(struct client *client, const char *packet, size_t length);
void polling_open(struct client *client);
void polling_send(struct client *client, const char *packet, size_t length);

/* ---- stream.c: a TCP connection with an output buffer ---- */
/* Connects; `on_read` runs when bytes are there or the peer is gone. False when it cannot even
 * begin. */
bool stream_connect(struct http_stream *stream, struct client *client,
                    void (*on_read)(int fd, short what, void *client));
/* Sends what is in stream->out, now or when it becomes possible. */
void stream_flush(struct http_stream *stream);
/* Reads into stream->in. False when the connection is over. */
bool stream_fill(struct http_stream *stream, struct client *client);
void stream_close(struct http_stream *stream);

/* ---- message.c ---- */
/* The text of sender's next message, in load->text; counts it as sent and expects its deliveries.
 */
const char *message_make(struct load *load, unsigned sender, int room);
/* Looks for a measured message of this run inside an event and counts its arrival. False when there
 * is none. */
bool message_arrived(struct client *client, const char *bytes, size_t length);
/* The same for the acknowledgement that brings a message back to its sender. What is measured is
 * the time since that message left, however many others have left meanwhile. */
bool message_echoed(struct client *client, const char *bytes, size_t length);
/* After the drain: what never came. */
void message_count_lost(struct load *load);

#endif
