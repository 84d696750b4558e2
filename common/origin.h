/*
 * Origins of web pages, as browsers name them (scheme://host[:port], RFC 6454), and patterns for
 * them. Read in one way when options are checked and when requests are judged. No allocation.
 *
 * What comes from outside is read strictly: a scheme, labels of letters, digits, '-' and '_' (or an
 * IPv6 address in brackets), a port; nothing else, no more than ORIGIN_MAX_BYTES. So whatever part
 * of an origin a wildcard stands for is made of whole labels. "null" is no origin.
 */
#ifndef CONFAB_COMMON_ORIGIN_H
#define CONFAB_COMMON_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#define ORIGIN_MAX_BYTES 320 /* a scheme, a name of 253 bytes, a port */

/* Parts of the text it was read from, which must outlive it. */
struct origin {
    const char *scheme;
    size_t scheme_bytes;
    const char *host; /* of a pattern "*.example.com": ".example.com" */
    size_t host_bytes;
    unsigned port;      /* without one, the scheme's own; 0 when it has none that is known */
    size_t plain_bytes; /* of the text, when a port that is the scheme's own is left out */
    bool any_subdomain; /* a pattern: one or more labels stand before `host` */
    bool any_port;      /* a pattern: "*" in the port's place, or none */
};

/* False: not an origin. */
bool origin_parse(const char *text, struct origin *out);

/*
 * The same, and "*." before the host's last labels (at least one of them) for one or more further
 * labels, and "*" for the port, for any or none.
 */
bool origin_parse_pattern(const char *text, struct origin *out);

/* Letters of either case are the same; a port left out is the scheme's own. */
bool origin_matches(const struct origin *pattern, const struct origin *origin);

#endif
