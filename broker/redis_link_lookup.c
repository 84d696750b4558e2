/*
 * From the link's host to addresses: a Unix path, a numeric address, or a name that evdns looks up
 * off the loop.
 *
 * Each look-up has a resolver of its own, so that a changed /etc/resolv.conf or /etc/hosts counts
 * at once and no state of earlier failures remains. A look-up owns itself: evdns calls back once in
 * any case, also after a cancellation, and only then it is freed.
 */
#define _GNU_SOURCE
#include "broker/redis_link_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <event2/dns.h>
#include <event2/util.h>

#include "common/mem.h"

struct link_lookup {
    struct redis_link *link; /* NULL: nobody waits for it any more */
    struct event_base *base;
    struct evdns_base *dns;
    struct evdns_getaddrinfo_request *request;
};

static bool add_address(struct redis_link *link, const void *address, size_t length)
{
    struct link_address *slot = &link->addresses[link->address_count];

    if (link->address_count == LINK_ADDRESSES_MAX || length > sizeof(slot->address))
        return false;
    memcpy(&slot->address, address, length);
    slot->length = (socklen_t)length;
    link->address_count++;
    return true;
}

static bool numeric_address(struct redis_link *link)
{
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(link->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(link->port)};

    if (link->host[0] == '/') {
        if (strlen(link->host) < sizeof(path.sun_path)) {
            strcpy(path.sun_path, link->host);
            return add_address(link, &path, sizeof(path));
        }
        return false;
    }
    if (evutil_inet_pton(AF_INET, link->host, &v4.sin_addr) == 1)
        return add_address(link, &v4, sizeof(v4));
    if (evutil_inet_pton(AF_INET6, link->host, &v6.sin6_addr) == 1)
        return add_address(link, &v6, sizeof(v6));
    return false;
}

static void free_lookup(evutil_socket_t fd, short what, void *user)
{
    struct link_lookup *lookup = user;

    (void)fd;
    (void)what;
    evdns_base_free(lookup->dns, 0);
    free(lookup);
}

static void on_result(int result, struct evutil_addrinfo *found, void *user)
{
    static const struct timeval now = {0, 0};
    struct link_lookup *lookup = user;
    struct redis_link *link = lookup->link;

    lookup->request = NULL;
    lookup->link = NULL;
    /* The resolver is still on the stack below: it goes with the next turn. */
    if (event_base_once(lookup->base, -1, EV_TIMEOUT, free_lookup, lookup, &now) != 0)
        abort();
    if (link != NULL) {
        link->lookup = NULL;
        for (struct evutil_addrinfo *a = result == 0 ? found : NULL; a != NULL; a = a->ai_next)
            add_address(link, a->ai_addr, a->ai_addrlen);
    }
    if (found != NULL)
        evutil_freeaddrinfo(found);
    if (link == NULL)
        return;
    if (link->address_count > 0)
        link_resolved(link);
    else
        link_fail(link, result == 0 ? "the name has no address" : evutil_gai_strerror(result));
}

void lookup_start(struct redis_link *link)
{
    const struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct evdns_getaddrinfo_request *request;
    struct link_lookup *lookup;
    struct evdns_base *dns;
    char port[8];

    link->address_count = 0;
    if (numeric_address(link)) {
        link_resolved(link);
        return;
    }
    dns = link->host[0] == '/' ? NULL
                               : evdns_base_new(link->base, EVDNS_BASE_INITIALIZE_NAMESERVERS |
                                                                EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (dns == NULL) {
        link_fail(link, link->host[0] == '/' ? "the path is too long" : "no resolver");
        return;
    }
    lookup = xcalloc(1, sizeof(*lookup));
    *lookup = (struct link_lookup){.link = link, .base = link->base, .dns = dns};
    link->lookup = lookup;
    evutil_snprintf(port, sizeof(port), "%u", (unsigned)link->port);
    request = evdns_getaddrinfo(dns, link->host, port, &hints, on_result, lookup);
    /* NULL: it has called back already. */
    if (request != NULL)
        lookup->request = request;
}

void lookup_cancel(struct redis_link *link)
{
    struct link_lookup *lookup = link->lookup;

    if (lookup == NULL)
        return;
    link->lookup = NULL;
    lookup->link = NULL;
    evdns_getaddrinfo_cancel(lookup->request);
}
