/*
 * The people of test_random.c: a few clients with the network between them and the engine.
 *
 * A client does what real ones do and, now and then, what none should. It checks what it gets:
 * order, completeness, whole packets. Its carriers lie in memory of their own, freed the moment the
 * network would free them.
 */
#ifndef CONFAB_TESTS_UNIT_ENGINEIO_RANDOM_CLIENT_H
#define CONFAB_TESTS_UNIT_ENGINEIO_RANDOM_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/rng.h"
#include "gateway/engineio/packet.h"
#include "gateway/engineio/session.h"

#define CLIENTS 4

/* At the end of each text: beyond ASCII. */
#define LETTER "\xc3\xa9"
#define LETTER_IN_ASCII "\\u00e9"

struct get {
    struct eio_get get;
    bool woken;
};
struct post {
    struct eio_post post;
    bool woken;
    bool submitted;
};
struct ws {
    struct eio_ws ws;
    bool woken;
    bool probed;
};

struct client {
    struct sim *sim;
    struct eio_session *session; /* good while open */
    char sid[40];
    bool open;     /* on_open came, on_close not */
    bool dying;    /* a send failed: on_close is to come */
    bool graceful; /* closed by eio_session_close(), and not too long ago */
    bool is_rude;  /* it has broken the rules: what is queued is not owed to it */
    struct get *get;
    struct post *post;
    struct ws *ws;
    struct ws *probe;
    unsigned sent, got;           /* from the application */
    unsigned uttered, understood; /* by the client */
    bool wants_binary;            /* the text of a set came, its bytes did not */
    bool owes_pong;
    bool is_old;        /* revision 3 … */
    bool encodes_twice; /* … with engine.io-parser 1 */
    bool reads_ascii;   /* what arrives at the moment has its JSON in ASCII */
};

struct sim {
    unsigned seed, step;
    struct rng rng;
    struct eio_engine *engine;
    int64_t now_ms;
    struct client clients[CLIENTS];
    struct client *opening;
    unsigned opens, closes;
};

#define CHECK(sim, condition)                                                      \
    do {                                                                           \
        if (!(condition))                                                          \
            fail_msg("seed %u step %u: %s", (sim)->seed, (sim)->step, #condition); \
    } while (0)

unsigned dice(struct sim *sim, unsigned sides);

/* Open, and no end under way. */
bool client_is_alive(const struct client *client);
/* No session, and no connection left of it. */
bool client_is_gone(const struct client *client);

/* Each does nothing when the client has no such thing at the moment. */
void client_opens(struct client *client);
void client_gets_more(struct client *client);
void client_posts(struct client *client);
void client_submits(struct client *client);
void client_upgrades(struct client *client);
void client_probes(struct client *client);
void client_talks(struct client *client);
/* One of its connections breaks. */
void client_breaks(struct client *client);
/* The network takes what the engine has for it; not always all. */
void client_takes(struct client *client);

/* ---- random_old.c: the revisions ---- */

/* Draws who it is; the query of its first request. */
const char *client_query(struct client *client);
/* As eio_packet_decode(), eio_payload_next(), in the client's revision. */
int client_decodes(const struct client *client, const struct frame *frame, struct buf *scratch,
                   struct eio_packet *packet);
int client_next_packet(const struct client *client, struct eio_payload *payload,
                       enum frame_kind kind, struct buf *scratch, struct eio_packet *packet);
/* Appends a packet of text to the body of its POST. */
void client_puts_packet(struct client *client, struct buf *body, const char *text,
                        size_t text_bytes, bool first);

#endif
