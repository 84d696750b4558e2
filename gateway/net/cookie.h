/*
 * The cookie that tells balancers, and nobody else, which session a client has: Set-Cookie on the
 * answer to a polling handshake. The gateway itself never reads one. No I/O.
 *
 * Wire rules: RFC 6265, 4.1; attributes in the order of Node's `cookie` package.
 */
#ifndef CONFAB_NET_COOKIE_H
#define CONFAB_NET_COOKIE_H

#include <stdbool.h>

struct buf;
struct net_cookie_config;

struct cookie {
    char *before; /* owned, as is the next: what stands around the value; NULL: no cookie */
    char *behind;
};

/* False: a name, path or domain that would break the header's form, or that together are more than
 * 1 KiB. */
bool cookie_init(struct cookie *cookie, const struct net_cookie_config *config);
void cookie_fini(struct cookie *cookie);

/* Appends the header line; nothing when there is no cookie. `value` is made of letters, digits and
 * "-._". */
void cookie_add_line(const struct cookie *cookie, const char *value, struct buf *out);

#endif
