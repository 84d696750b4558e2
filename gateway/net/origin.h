/*
 * Which pages may talk to the gateway. The rule is the same for polling, where browsers are told it
 * in headers (cors.h), and for WebSocket, which browsers do not hold to CORS. No I/O.
 *
 * A page is named by its Origin header. A client that sends none is no browser (or the page's own
 * host asks), and is not held back: this protects users of other pages, it is no access control.
 */
#ifndef CONFAB_NET_ORIGIN_H
#define CONFAB_NET_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

struct origin;

struct origin_rules {
    struct origin *patterns; /* owned, as are the texts they point into */
    char **texts;            /* in lower case */
    size_t count;
    bool any; /* "*" is among them */
};

/* False when one is neither "*" nor a pattern of common/origin.h. */
bool origin_rules_init(struct origin_rules *rules, const char *const *origins, size_t count);
void origin_rules_fini(struct origin_rules *rules);

/* True when the origin matches one in the list, or the list has "*". */
bool origin_listed(const struct origin_rules *rules, const char *origin);

/* The list's one origin, as browsers spell it, when it has no other and no wildcard; else NULL.
 * *length_bytes is set with it. */
const char *origin_only(const struct origin_rules *rules, size_t *length_bytes);

/* True when the origin's host and port are those that the request was sent to (its Host header). */
bool origin_is_own(const char *origin, const char *host);

/* May this WebSocket handshake pass? Without an Origin header, from the own host, or listed. */
bool origin_admits_websocket(const struct origin_rules *rules, const char *origin,
                             const char *host);

#endif
