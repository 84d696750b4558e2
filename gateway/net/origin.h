/*
 * Which pages may talk to the gateway: the headers of CORS for polling, and a rule of the same
 * meaning for WebSocket, which browsers do not hold to CORS. No I/O.
 *
 * A page is named by its Origin header. A client that sends none is no browser (or the page's own
 * host asks), and is not held back: this protects users of other pages, it is no access control.
 */
#ifndef CONFAB_NET_ORIGIN_H
#define CONFAB_NET_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

struct origin_rules {
    char **origins; /* owned; in lower case */
    size_t count;
    bool any; /* "*" is among them */
};

/* False when one is neither "*" nor scheme://host[:port]. */
bool origin_rules_init(struct origin_rules *rules, const char *const *origins, size_t count);
void origin_rules_fini(struct origin_rules *rules);

/* True when the origin is in the list, or the list has "*". */
bool origin_listed(const struct origin_rules *rules, const char *origin);

/* True when the origin's host and port are those that the request was sent to (its Host header). */
bool origin_is_own(const char *origin, const char *host);

/* May this WebSocket handshake pass? Without an Origin header, from the own host, or listed. */
bool origin_admits_websocket(const struct origin_rules *rules, const char *origin,
                             const char *host);

/*
 * Appends the header lines of CORS to an answer; nothing while the list is empty. `origin` may be
 * NULL. As the reference server: one fixed origin is always told, of several the matching one, and
 * Vary says when the answer depends on it.
 */
void origin_add_headers(const struct origin_rules *rules, const char *origin, struct buf *out);
/* The further lines of the answer to a preflight; `requested` is Access-Control-Request-Headers or
 * NULL. */
void origin_add_preflight(const struct origin_rules *rules, const char *requested, struct buf *out);

#endif
