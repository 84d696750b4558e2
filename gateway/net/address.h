/*
 * Addresses as text and as networks; who the client behind trusted proxies is. No I/O.
 *
 * An IPv4 address inside IPv6 (::ffff:192.0.2.1, as a dual-stack socket sees it) is treated and
 * shown as IPv4.
 */
#ifndef CONFAB_NET_ADDRESS_H
#define CONFAB_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

#define ADDRESS_TEXT_BYTES 46 /* the longest IPv6 form and a NUL */

/* 16 bytes for both families; IPv4 as ::ffff:a.b.c.d. */
struct address {
    uint8_t bytes[16];
};

struct address_network {
    struct address base;
    uint8_t prefix_bits; /* of 128 */
};

struct address_list {
    struct address_network *networks; /* owned */
    size_t count;
};

/* False when the socket address is of no IP family. */
bool address_from_socket(struct address *out, const struct sockaddr *from);
/* Plain addresses alone: no port, no brackets, no zone. */
bool address_parse(struct address *out, const char *text, size_t length_bytes);
void address_format(const struct address *address, char out[ADDRESS_TEXT_BYTES]);
bool address_is_loopback(const struct address *address);
bool address_is_v4(const struct address *address);

/* "10.0.0.0/8" or a single address. False when it cannot be read, or has bits behind its prefix. */
bool address_network_parse(struct address_network *out, const char *text);
bool address_network_has(const struct address_network *network, const struct address *address);

bool address_list_init(struct address_list *list, const char *const *texts, size_t count);
void address_list_fini(struct address_list *list);
bool address_list_has(const struct address_list *list, const struct address *address);

/*
 * The client of a request that came from the trusted proxy `peer`: the rightmost address of
 * X-Forwarded-For that is not itself a trusted proxy; the leftmost when all are; `peer` when there
 * is none. What stands left of something unreadable is not believed. `forwarded_for`: all headers
 * of that name, in order. Entries may carry a port.
 */
void address_client(struct address *out, const struct address *peer,
                    const struct address_list *trusted, const char *const *forwarded_for,
                    size_t header_count);

#endif
