/*
 * What one client address may take: handshakes a second, sessions, connections. No I/O.
 *
 * An address is counted as a whole IPv4 address or as the /64 network of an IPv6 one, of which a
 * single household has as many addresses as it likes. Loopback is not counted: there sit proxies
 * that nobody declared, and the machine's own tools. Which address is the client's is decided
 * elsewhere (address_client()).
 *
 * The table has a fixed most number of entries. One that has neither sessions nor connections any
 * more is forgotten once its handshakes are paid for, the longest idle first; where every entry is
 * in use, newcomers share one, so that a crowd of addresses can neither grow the table nor push
 * anybody out of it. Whoever would push himself out would need more addresses than that, and each
 * of those has limits of its own anyway.
 */
#ifndef CONFAB_NET_GUESTS_H
#define CONFAB_NET_GUESTS_H

#include <stddef.h>
#include <stdint.h>

#include "common/htable.h"
#include "common/rate.h"
#include "gateway/net/address.h"

#define GUESTS_MAX 65536

/* Zero is no limit. */
struct guests_config {
    unsigned max_handshakes_per_second;
    unsigned max_sessions;
    unsigned max_connections;
    unsigned max_entries; /* 0: GUESTS_MAX */
};

/* What is at its limit: symbol, the option, what the client is told, HTTP status. */
#define NET_LIMITS(X)                                                                            \
    X(NET_LIMIT_HANDSHAKES, "max_handshakes_per_second_per_address", "Too many handshakes", 429) \
    X(NET_LIMIT_SESSIONS, "max_sessions_per_address", "Too many sessions", 429)                  \
    X(NET_LIMIT_CONNECTIONS, "max_connections_per_address", "Too many connections", 429)         \
    X(NET_LIMIT_ALL_SESSIONS, "max_sessions", "The server is full", 503)

enum net_limit {
    NET_LIMIT_NONE,
#define X(symbol, label, text, status) symbol,
    NET_LIMITS(X)
#undef X
        NET_LIMIT_COUNT
};

struct guests;
struct guest;

struct guests *guests_new(const struct guests_config *config,
                          const uint8_t seed[HTABLE_SEED_BYTES]);
/* Sessions may outlive it: their guests go with the last of them. Clears the caller's pointer. */
void guests_free(struct guests **guests);
size_t guests_count(const struct guests *guests);

/* Who is at this address; NULL when it is not counted. Good until the next call, or as long as
 * something of his is counted. */
struct guest *guests_find(struct guests *guests, const struct address *address, int64_t now_ms);

/* A connection is counted, also one too many, which is to be told so and closed. guest_leaves()
 * ends it. NULL is fine for all of these. */
enum net_limit guest_connects(struct guest *guest);
void guest_leaves(struct guest *guest);
/* A session is counted unless a limit stands against it; guest_session_ends() ends it. *retry_ms:
 * when to try again. */
enum net_limit guest_shakes_hands(struct guest *guest, int64_t now_ms, int64_t *retry_ms);
void guest_session_ends(void *guest);

#endif
