/*
 * The head of an HTTP/1.x request, without I/O.
 *
 * Strict where leniency lets two parties read one stream differently: lines end in CRLF alone, no
 * folded lines, no blank before a colon, no control characters, one meaning for the length of the
 * body. What is refused closes the connection, so nothing behind it is ever read as a request.
 * Bounded by the limit given to http_head_find() and HTTP_HEADERS_MAX. It judges the form of a
 * request, not its meaning.
 *
 * Wire rules: RFC 9110, RFC 9112.
 */
#ifndef CONFAB_NET_HTTP_HEAD_H
#define CONFAB_NET_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/engineio/session.h"

#define HTTP_HEAD_DEFAULT_BYTES 16384 /* request line and headers together; as Node */
#define HTTP_HEAD_MAX_BYTES 65536     /* the most that may be allowed */
#define HTTP_HEADERS_MAX 100

struct http_head {
    enum eio_method method;
    const char *method_name; /* as sent */
    char *url;               /* path and query as sent, not decoded; begins with '/', or is "*" */
    size_t path_bytes;       /* the path's part of it */
    const char *query;       /* behind the '?'; "" without one */
    unsigned minor_version;  /* of HTTP/1 */
    bool keep_alive;         /* the client would send another request */
    bool expect_continue;    /* it waits for 100 before it sends the body */
    bool wants_websocket;    /* Upgrade and Connection ask for a WebSocket, with a GET */
    bool chunked;            /* the body comes in chunks */
    uint64_t content_length; /* of the body otherwise; 0 when none was announced */
    unsigned header_count;
    struct eio_header headers[HTTP_HEADERS_MAX]; /* names in lower case, values trimmed */
};

/*
 * Looks for the end of a head in `bytes`. *scanned remembers how far it was searched (0 at first):
 * each byte is looked at once, however small the pieces arrive. Returns the length of the head, its
 * last CRLF included, or CONFAB_EPARTIAL; CONFAB_ELIMIT when there is no end within
 * limit_bytes; CONFAB_EPARSE for what cannot become a head (a line that ends in LF alone, a
 * first byte that begins no method), so that nobody waits for more of it.
 */
int http_head_find(const char *bytes, size_t length_bytes, size_t limit_bytes, size_t *scanned);

/*
 * Reads a whole head as found by http_head_find(). Works in place: the strings of *head point into
 * `bytes`, which are changed. Returns 0, or the HTTP status of the refusal: 400, 417, 431 (too many
 * headers), 501, 505.
 */
int http_head_parse(struct http_head *head, char *bytes, size_t length_bytes);

/* The first header of that name (lower case), or NULL. */
const char *http_head_get(const struct http_head *head, const char *name);

/* Cuts the URL behind its path, in place, and returns it; the query stays. */
const char *http_head_cut_path(struct http_head *head);

/* True when the comma-separated list holds the token, in any letter case. */
bool http_list_has(const char *list, const char *token);

/* True for a non-empty token of RFC 9110. */
bool http_is_token(const char *text, size_t length_bytes);

#endif
