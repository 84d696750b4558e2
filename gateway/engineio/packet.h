/*
 * Engine.IO 4 packets and what travels around them: the polling payload, the query string of a
 * request and the open packet.
 *
 * Everything here is a pure function of its arguments: bytes in, facts out. Which packet is welcome
 * when is the session's business; what a message means is Socket.IO's.
 *
 * Wire rules: Engine.IO protocol revision 4. A packet is a type digit and its data; a binary
 * message has no digit: it is a binary WebSocket frame, or `b` and base64 where only text can pass.
 * A polling payload is packets joined by the byte 0x1e.
 */
#ifndef CONFAB_ENGINEIO_PACKET_H
#define CONFAB_ENGINEIO_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/frame.h"

struct buf;

/* ---- one packet ---- */

/* The values are the type digits of the wire. */
enum eio_packet_type {
    EIO_PACKET_OPEN,
    EIO_PACKET_CLOSE,
    EIO_PACKET_PING,
    EIO_PACKET_PONG,
    EIO_PACKET_MESSAGE,
    EIO_PACKET_UPGRADE,
    EIO_PACKET_NOOP
};

struct eio_packet {
    enum eio_packet_type type;
    enum frame_kind kind; /* FRAME_BINARY with messages only */
    const char *data;     /* borrowed: the input's bytes, or the scratch's; not NULL */
    size_t length_bytes;
};

/*
 * Reads one packet that fills `bytes` wholly, as a WebSocket frame carries it or as it stands in a
 * payload. Base64 is decoded into `scratch`, which is reset first; junk in it is skipped, as Node
 * does. CONFAB_OK; CONFAB_EPARSE: empty, or no known type; CONFAB_ELIMIT, CONFAB_ENOMEM: the
 * scratch's limit or memory. UTF-8 is not checked.
 */
int eio_packet_decode(enum frame_kind kind, const char *bytes, size_t length_bytes,
                      struct buf *scratch, struct eio_packet *packet);

/* Its part for base64, behind the mark. */
int eio_base64_decode(const char *text, size_t length_bytes, struct buf *scratch,
                      struct eio_packet *packet);

/* The frame of a packet; the caller owns the one reference. */
struct frame *eio_packet_encode(const struct eio_packet *packet);

/* ---- polling payloads ---- */

/* A walk over the packets of a payload. The bytes are borrowed for the walk. */
struct eio_payload {
    const char *next; /* NULL once the walk is over */
    size_t left_bytes;
};

void eio_payload_begin(struct eio_payload *payload, const char *bytes, size_t length_bytes);

/* 1: *packet is the next one, good until the next call. 0: there was no more. Negative: what
 * eio_packet_decode() says of a broken one, and the walk is over. An empty payload is a broken
 * packet, and so is nothing before, between or behind separators. */
int eio_payload_next(struct eio_payload *payload, struct buf *scratch, struct eio_packet *packet);

/* Appends a frame in its polling form, behind a separator unless it is the first of the payload.
 * Errors: those of the buf. */
int eio_payload_add(struct buf *payload, struct frame *frame, bool first);

/* ---- the query string ---- */

/* One `key=value`, still encoded, borrowed from the query. Without `=` the value is empty. */
struct eio_query_pair {
    const char *key;
    size_t key_bytes;
    const char *value;
    size_t value_bytes;
};

/* The next pair of *query (NUL-terminated, without `?`), which is moved on; false at the end. Empty
 * pairs are skipped. */
bool eio_query_next(const char **query, struct eio_query_pair *pair);

/* Decodes %XX and `+` (URL standard, application/x-www-form-urlencoded; a stray % stands for
 * itself). `out` gets at most out_bytes bytes and no NUL. Returns what the whole text decodes to,
 * never more than text_bytes: compare with out_bytes to see whether it fitted. */
size_t eio_query_decode(const char *text, size_t text_bytes, char *out, size_t out_bytes);

#define EIO_SID_MAX_BYTES 31 /* 8 of tag, the dot, 22 random characters */

enum eio_query_transport {
    EIO_QUERY_TRANSPORT_UNKNOWN, /* also: absent */
    EIO_QUERY_TRANSPORT_POLLING,
    EIO_QUERY_TRANSPORT_WEBSOCKET
};

/* What the engine wants to know of a query. Of equal keys the last counts. */
struct eio_query {
    enum eio_query_transport transport;
    bool is_revision_4;              /* EIO is the text `4` */
    bool has_sid;                    /* a sid that is not empty */
    bool b64;                        /* b64 with any value: the client takes no binary */
    bool bad_jsonp;                  /* a j that is no number of at most nine digits */
    uint32_t jsonp;                  /* j's number and one; 0: none, or it is none */
    char sid[EIO_SID_MAX_BYTES + 1]; /* empty when it cannot be one of ours */
};

/* Reads `query` (NUL-terminated, without `?`) in one pass and without allocating. Never fails:
 * nonsense is an unknown transport, another revision, an empty sid. */
void eio_query_parse(const char *query, struct eio_query *out);

/* The protocol's revision that a request speaks: 4 says so, and all else means 3. */
enum { EIO_REVISION_3 = 3, EIO_REVISION_4 = 4 };
static inline unsigned eio_query_revision(const struct eio_query *query)
{
    return query->is_revision_4 ? EIO_REVISION_4 : EIO_REVISION_3;
}

/* ---- the open packet ---- */

struct eio_open_packet {
    const char *sid; /* characters that JSON needs no escape for */
    bool offers_websocket;
    int64_t ping_interval_ms;
    int64_t ping_timeout_ms;
    size_t max_payload_bytes;
};

/* `0{"sid":…,"upgrades":[…],"pingInterval":…,"pingTimeout":…,"maxPayload":…}`: these five keys, no
 * spaces. The caller owns the reference. */
struct frame *eio_open_packet_encode(const struct eio_open_packet *open);

#endif
