/*
 * The floor: what a delivery costs when a server does nothing but send() a frame that was made
 * before. Plain epoll, no timeouts, no limits; just enough of the protocol that confab-load
 * connects and its chat event reaches everybody. Every real server is measured against it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CLIENTS 70000
#define READ_BYTES 16384
#define KEY_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 section 1.3 */

struct floor_server {
    int epoll, listener;
    int clients[MAX_CLIENTS];
    unsigned count;
    bool open[MAX_CLIENTS + 64]; /* by descriptor: the upgrade is done */
    unsigned slot[MAX_CLIENTS + 64];
};

static size_t make_frame(unsigned char *to, const char *text, size_t length)
{
    to[0] = 0x81;
    size_t header = 2;
    if (length < 126) {
        to[1] = (unsigned char)length;
    } else {
        to[1] = 126;
        to[2] = (unsigned char)(length >> 8);
        to[3] = (unsigned char)length;
        header = 4;
    }
    memcpy(to + header, text, length);
    return header + length;
}

static void send_text(int fd, const char *text)
{
    unsigned char frame[512];
    (void)!send(fd, frame, make_frame(frame, text, strlen(text)), MSG_NOSIGNAL);
}

static void drop(struct floor_server *server, int fd)
{
    if (server->open[fd]) {
        unsigned slot = server->slot[fd];
        server->clients[slot] = server->clients[--server->count];
        server->slot[server->clients[slot]] = slot;
        server->open[fd] = false;
    }
    close(fd);
}

static void upgrade(struct floor_server *server, int fd, const char *request)
{
    const char *key = strcasestr(request, "sec-websocket-key:");
    if (key == NULL || server->count >= MAX_CLIENTS) {
        drop(server, fd);
        return;
    }
    key += 18;
    key += strspn(key, " ");
    char joined[128], accept[64], answer[256];
    int n = snprintf(joined, sizeof(joined), "%.24s" KEY_GUID, key);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_bytes = 0;
    EVP_Digest(joined, (size_t)n, digest, &digest_bytes, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *)accept, digest, (int)digest_bytes);
    n = snprintf(answer, sizeof(answer),
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n\r\n",
                 accept);
    (void)!send(fd, answer, (size_t)n, MSG_NOSIGNAL);
    server->open[fd] = true;
    server->slot[fd] = server->count;
    server->clients[server->count++] = fd;
    send_text(fd, "0{\"sid\":\"floor\",\"upgrades\":[],\"pingInterval\":300000,\"pingTimeout\":"
                  "200000,\"maxPayload\":1000000}");
}

static void handle_text(struct floor_server *server, int fd, const char *text, size_t length)
{
    if (length == 2 && memcmp(text, "40", 2) == 0) {
        send_text(fd, "40{\"sid\":\"floor\"}");
    } else if (length > 2 && memcmp(text, "42", 2) == 0 && length < 4096) {
        unsigned char frame[4200];
        size_t bytes = make_frame(frame, text, length);
        for (unsigned i = 0; i < server->count; i++)
            (void)!send(server->clients[i], frame, bytes, MSG_NOSIGNAL);
    }
}

/* Whole frames are all that the load generator sends at these rates; what is cut in two is dropped.
 */
static void handle_frames(struct floor_server *server, int fd, unsigned char *bytes, size_t length)
{
    while (length >= 6) {
        size_t payload = bytes[1] & 0x7f, header = 2;
        if (payload == 126) {
            payload = (size_t)bytes[2] << 8 | bytes[3];
            header = 4;
        }
        if (length < header + 4 + payload)
            return;
        unsigned char *text = bytes + header + 4;
        for (size_t i = 0; i < payload; i++)
            text[i] ^= bytes[header + (i & 3)];
        handle_text(server, fd, (const char *)text, payload);
        bytes = text + payload;
        length -= header + 4 + payload;
    }
}

static void serve(struct floor_server *server, int fd)
{
    static unsigned char bytes[READ_BYTES];
    ssize_t n = recv(fd, bytes, sizeof(bytes) - 1, 0);
    if (n <= 0) {
        drop(server, fd);
        return;
    }
    bytes[n] = '\0';
    if (!server->open[fd])
        upgrade(server, fd, (const char *)bytes);
    else
        handle_frames(server, fd, bytes, (size_t)n);
}

static void accept_all(struct floor_server *server)
{
    int fd;
    while ((fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(void)
{
    struct floor_server *server = calloc(1, sizeof(*server));
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < MAX_CLIENTS ? limit.rlim_max : MAX_CLIENTS;
    setrlimit(RLIMIT_NOFILE, &limit);
    server->epoll = epoll_create1(0);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_bytes = sizeof(address);
    if (bind(server->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(server->listener, 4096) != 0)
        return 69;
    getsockname(server->listener, (struct sockaddr *)&address, &address_bytes);
    printf("listening on http://127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = server->listener};
    epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->listener, &event);
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(server->epoll, events, 256, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == server->listener)
                accept_all(server);
            else
                serve(server, events[i].data.fd);
        }
    }
}
