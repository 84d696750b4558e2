/* Listening sockets: opening them, accepting, and the state in which there is nothing left to
 * accept with. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "gateway/net/internal.h"
#include <confab/err.h>

#define ACCEPTS_PER_EVENT \
    16 /* so that a storm of connections leaves time for those that are there */
#define ACCEPT_PAUSE_MS 1000   /* after the system had nothing left */
#define DEFER_ACCEPT_SECONDS 5 /* the kernel keeps a silent connection to itself for so long */
#define BACKLOG 4096

struct listener {
    struct list link;
    struct net *net;
    int fd;
    enum net_role role;
    struct event event;
};

static bool is_full(const struct net *net)
{
    return net->counters.connections_now >= net->max_connections;
}

/* The limit is for clients: health checks and whoever looks at the metrics of a full node come from
 * the descriptors kept in reserve. */
static bool is_limited(const struct listener *listener)
{
    return listener->role == NET_PUBLIC && is_full(listener->net);
}

/* Accepting stops; listen_resume() starts it again when a connection ends, or at the given time. */
static void pause_accepting(struct net *net, int64_t again_at_ms, const char *why, int number)
{
    LIST_FOREACH(it, &net->listeners)
    {
        struct listener *listener = container_of(it, struct listener, link);

        if (number != 0 || is_limited(listener))
            event_del(&listener->event);
    }
    net->accept_paused = true;
    net->accept_again_at_ms = again_at_ms;
    net->counters.accept_pauses++;
    log_limited(net->log, &net->log_accept, net->now_ms, LOG_WARN, "accept_paused",
                LOG_S("why", why), LOG_S("error", number != 0 ? log_errno_text(number) : NULL),
                LOG_U("connections", net->counters.connections_now));
}

void listen_resume(struct net *net)
{
    if (!net->accept_paused || net->now_ms < net->accept_again_at_ms)
        return;
    LIST_FOREACH(it, &net->listeners)
    {
        struct listener *listener = container_of(it, struct listener, link);

        if (!is_limited(listener))
            event_add(&listener->event, NULL);
    }
    if (is_full(net))
        return;
    net->accept_paused = false;
    net->accept_again_at_ms = TIMERQ_NEVER;
}

static bool is_exhaustion(int number)
{
    return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

static void on_acceptable(evutil_socket_t listening, short events, void *user)
{
    struct listener *listener = user;
    struct net *net = listener->net;

    (void)events;
    net_now_ms(net);
    for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
        struct sockaddr_storage from;
        socklen_t from_bytes = sizeof(from);
        struct address peer;
        int fd;

        if (is_limited(listener)) {
            pause_accepting(net, net->now_ms, "max_connections", 0);
            return;
        }
        fd =
            accept4(listening, (struct sockaddr *)&from, &from_bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (is_exhaustion(errno))
                pause_accepting(net, net->now_ms + ACCEPT_PAUSE_MS, "descriptors", errno);
            return;
        }
        net->counters.accepted++;
        address_from_socket(&peer, (const struct sockaddr *)&from);
        conn_new(net, fd, listener->role, &peer);
    }
}

/* Splits "ADDR:PORT", "[ADDR]:PORT", "*:PORT" in place. */
static int split_address(char *text, char **host, char **port)
{
    char *colon = strrchr(text, ':');

    if (colon == NULL || colon[1] == '\0' || strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return CONFAB_EINVAL;
    *colon = '\0';
    *port = colon + 1;
    *host = text;
    if (text[0] == '[') {
        if (colon[-1] != ']')
            return CONFAB_EINVAL;
        colon[-1] = '\0';
        *host = text + 1;
    } else if (strchr(text, ':') != NULL) {
        return CONFAB_EINVAL;
    }
    if (strcmp(*host, "*") == 0)
        *host = NULL;
    return *host != NULL && **host == '\0' ? CONFAB_EINVAL : CONFAB_OK;
}

static int open_socket(const struct addrinfo *where)
{
    int fd = socket(where->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    int zero = 0;
    int seconds = DEFER_ACCEPT_SECONDS;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
    if (where->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
    if (bind(fd, where->ai_addr, where->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    close(fd);
    return -1;
}

static void describe(int fd, char bound[NET_ADDRESS_BYTES])
{
    struct sockaddr_storage own;
    socklen_t own_bytes = sizeof(own);
    char host[64];
    char port[8];

    if (getsockname(fd, (struct sockaddr *)&own, &own_bytes) != 0 ||
        getnameinfo((struct sockaddr *)&own, own_bytes, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        bound[0] = '\0';
        return;
    }
    snprintf(bound, NET_ADDRESS_BYTES, own.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static void add_listener(struct net *net, int fd, enum net_role role)
{
    struct listener *listener = xcalloc(1, sizeof(*listener));

    list_init(&listener->link);
    listener->net = net;
    listener->fd = fd;
    listener->role = role;
    list_add_tail(&net->listeners, &listener->link);
    event_assign(&listener->event, net->base, fd, EV_READ | EV_PERSIST, on_acceptable, listener);
    if (!net->accept_paused)
        event_add(&listener->event, NULL);
}

int net_listen(struct net *net, const char *address, enum net_role role,
               char bound[NET_ADDRESS_BYTES])
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char name[NET_ADDRESS_BYTES];
    char *copy = xstrdup(address);
    char *host;
    char *port;
    int fd = -1;
    int err = split_address(copy, &host, &port);

    if (err == CONFAB_OK && getaddrinfo(host, port, &hints, &found) != 0)
        err = CONFAB_EINVAL;
    if (err == CONFAB_OK) {
        fd = open_socket(found);
        if (fd < 0) {
            log_error_errno(net->log, errno, "listen_failed", LOG_S("address", address));
            err = CONFAB_EADDRINUSE;
        }
    }
    if (found != NULL)
        freeaddrinfo(found);
    free(copy);
    if (err != CONFAB_OK)
        return err;
    add_listener(net, fd, role);
    describe(fd, name);
    if (bound != NULL)
        memcpy(bound, name, sizeof(name));
    log_info(net->log, "listening", LOG_S("address", name),
             LOG_S("role", role == NET_PUBLIC ? "public" : "admin"));
    return CONFAB_OK;
}

void listen_close_all(struct net *net)
{
    struct list *it;

    while ((it = list_pop(&net->listeners)) != NULL) {
        struct listener *listener = container_of(it, struct listener, link);

        event_del(&listener->event);
        close(listener->fd);
        free(listener);
    }
}
