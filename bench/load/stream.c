#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "bench/load/load.h"

/* More than 28,000 connections to one address need more than one address of our own. */
#define PORTS_PER_ADDRESS 20000

static void spread_source(int fd, const struct client *client)
{
    unsigned net = client->index / PORTS_PER_ADDRESS;
    if (!client->target->loopback || net == 0)
        return;
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001u + net)};
    int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    (void)bind(fd, (const struct sockaddr *)&own, sizeof(own)); /* else the default address serves
                                                                 */
}

bool stream_connect(struct http_stream *stream, struct client *client,
                    void (*on_read)(int fd, short what, void *client))
{
    const struct load_target *target = client->target;
    buf_init(&stream->in, LOAD_PACKET_MAX_BYTES);
    buf_init(&stream->out, LOAD_PACKET_MAX_BYTES);
    stream->fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (stream->fd < 0)
        return false;
    int on = 1;
    setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    spread_source(stream->fd, client);
    if (connect(stream->fd, (const struct sockaddr *)&target->address, target->address_bytes) !=
            0 &&
        errno != EINPROGRESS) {
        stream_close(stream);
        return false;
    }
    stream->read = event_new(client->load->base, stream->fd, EV_READ | EV_PERSIST, on_read, client);
    event_add(stream->read, NULL);
    return true;
}

static void on_writable(int fd, short what, void *user)
{
    (void)fd;
    (void)what;
    stream_flush(user);
}

void stream_flush(struct http_stream *stream)
{
    while (stream->fd >= 0 && stream->out.len > 0) {
        ssize_t n = send(stream->fd, stream->out.data, stream->out.len, MSG_NOSIGNAL);
        if (n > 0) {
            buf_consume(&stream->out, (size_t)n);
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOTCONN)
            return; /* the reading side reports the end */
        if (stream->write == NULL)
            stream->write =
                event_new(event_get_base(stream->read), stream->fd, EV_WRITE, on_writable, stream);
        event_add(stream->write, NULL);
        return;
    }
    if (stream->out.len == 0)
        buf_fini(&stream->out);
}

bool stream_fill(struct http_stream *stream, struct client *client)
{
    struct load *load = client->load;
    ssize_t n = recv(stream->fd, load->scratch, LOAD_READ_BYTES, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (n == 0)
        return false;
    load->counts.bytes_in += (uint64_t)n;
    return buf_append(&stream->in, load->scratch, (size_t)n) == CONFAB_OK;
}

void stream_close(struct http_stream *stream)
{
    if (stream->read != NULL)
        event_free(stream->read);
    if (stream->write != NULL)
        event_free(stream->write);
    stream->read = NULL;
    stream->write = NULL;
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
    buf_fini(&stream->in);
    buf_fini(&stream->out);
    stream->busy = false;
}
