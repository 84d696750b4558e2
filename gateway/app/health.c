/*
 * `confab-gateway --health`: what a container's health check runs. Asks the gateway that was
 * started with the same options.
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "gateway/app/gateway.h"

#define HEALTH_TIMEOUT_S 2

/* A gateway that listens on all addresses is asked on the loopback one. */
static void split(const char *address, char *host, size_t host_size, char *port, size_t port_size)
{
    const char *colon = strrchr(address, ':');
    int host_bytes = (int)(colon - address);
    snprintf(port, port_size, "%s", colon + 1);
    if (address[0] == '[')
        snprintf(host, host_size, "%.*s", host_bytes - 2, address + 1);
    else
        snprintf(host, host_size, "%.*s", host_bytes, address);
    if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "*") == 0)
        snprintf(host, host_size, "127.0.0.1");
    else if (strcmp(host, "::") == 0)
        snprintf(host, host_size, "::1");
}

static int connect_to(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return -1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {HEALTH_TIMEOUT_S, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

int gateway_ask_health(const struct options *options)
{
    char host[256], port[16];
    const struct option_list *addresses =
        options->admin_listen.count > 0 ? &options->admin_listen : &options->listen;
    split(addresses->items[0], host, sizeof(host), port, sizeof(port));
    int fd = connect_to(host, port);
    char answer[64] = "";
    if (fd >= 0) {
        char request[512];
        int n = snprintf(request, sizeof(request),
                         "GET /readyz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host);
        if (send(fd, request, (size_t)n, MSG_NOSIGNAL) == n &&
            recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL) > 0)
            answer[sizeof(answer) - 1] = '\0';
        close(fd);
    }
    if (strncmp(answer, "HTTP/1.1 200", 12) == 0) {
        puts("ready");
        return 0;
    }
    const char *said = answer[0] != '\0' ? answer : "no answer";
    printf("not ready: %.*s\n", (int)strcspn(said, "\r\n"), said);
    return GATEWAY_EXIT_UNAVAILABLE;
}
