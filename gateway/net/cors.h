/*
 * The headers of CORS on answers to pages of other origins. No I/O.
 *
 * They tell a browser what it may hand on to a page; the gateway refuses nothing by them (WebSocket
 * is another matter: origin.h). "*" and credentials together are refused at the start: browsers do
 * not take that, and an answer that did work would let every page on the web act as its visitor.
 *
 * Wire rules: the Fetch standard's CORS protocol, answered as the reference server does. All of it
 * is added whatever origin asks; a foreign one just isn't named in Access-Control-Allow-Origin, and
 * without that a browser heeds none of the others.
 */
#ifndef CONFAB_NET_CORS_H
#define CONFAB_NET_CORS_H

#include <stdbool.h>

struct buf;
struct net_cors_config;
struct origin_rules;

/* Most bytes of the lines that cors_add_headers() appends: they also go into the answer to a
 * WebSocket handshake, where libwebsockets has little room. */
#define CORS_LINES_MAX_BYTES 2048

/* Header lines, ready made; each owned. */
struct cors {
    const struct origin_rules *origins; /* borrowed */
    char *lines;                        /* of every answer, behind those about the origin */
    char *preflight_lines;
    bool reflects_headers; /* none are listed: those that are asked for are allowed */
};

/* `origins` are those of the configuration, read. False: a name that is no token, names of more
 * bytes than there is room for, or credentials for all. */
bool cors_init(struct cors *cors, const struct net_cors_config *config,
               const struct origin_rules *origins);
void cors_fini(struct cors *cors);

/* False without any origin: then there are no headers of CORS, and OPTIONS is nothing special. */
bool cors_is_on(const struct cors *cors);

/* Appends the lines for an answer; `origin` may be NULL. One fixed origin is always told, of
 * several the matching one, and Vary says when the answer depends on it. */
void cors_add_headers(const struct cors *cors, const char *origin, struct buf *out);

/* Appends the further lines for a preflight; `requested` is Access-Control-Request-Headers or NULL.
 * What is asked for is repeated only when it is a list of names. */
void cors_add_preflight(const struct cors *cors, const char *requested, struct buf *out);

#endif
