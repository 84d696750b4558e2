#define _GNU_SOURCE
#include "tests/unit/redis/line.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "common/list.h"

struct line {
    struct event_base *base;
    struct evconnlistener *listener;
    uint16_t to_port, port;
    bool is_cut;
    struct list pairs;
};

struct pair {
    struct list link;
    struct bufferevent *near, *far;
};

static void pair_free(struct pair *pair)
{
    list_del(&pair->link);
    bufferevent_free(pair->near);
    bufferevent_free(pair->far);
    free(pair);
}

static void pass_on(struct bufferevent *from, void *user)
{
    struct pair *pair = user;
    struct bufferevent *to = from == pair->near ? pair->far : pair->near;

    bufferevent_write_buffer(to, bufferevent_get_input(from));
}

static void ended(struct bufferevent *end, short what, void *user)
{
    (void)end;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0)
        pair_free(user);
}

static void accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                     int length, void *user)
{
    struct line *line = user;
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(line->to_port)};
    struct pair *pair;

    (void)listener;
    (void)address;
    (void)length;
    if (line->is_cut) {
        evutil_closesocket(fd);
        return;
    }
    pair = calloc(1, sizeof(*pair));
    pair->near = bufferevent_socket_new(line->base, fd, BEV_OPT_CLOSE_ON_FREE);
    pair->far = bufferevent_socket_new(line->base, -1, BEV_OPT_CLOSE_ON_FREE);
    list_init(&pair->link);
    list_add_tail(&line->pairs, &pair->link);
    bufferevent_setcb(pair->near, pass_on, NULL, ended, pair);
    bufferevent_setcb(pair->far, pass_on, NULL, ended, pair);
    bufferevent_enable(pair->near, EV_READ | EV_WRITE);
    bufferevent_enable(pair->far, EV_READ | EV_WRITE);
    bufferevent_socket_connect(pair->far, (struct sockaddr *)&to, sizeof(to));
}

struct line *line_new(struct event_base *base, uint16_t to_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    struct line *line = calloc(1, sizeof(*line));

    line->base = base;
    line->to_port = to_port;
    list_init(&line->pairs);
    line->listener = evconnlistener_new_bind(base, accepted, line, LEV_OPT_CLOSE_ON_FREE, -1,
                                             (struct sockaddr *)&address, sizeof(address));
    if (line->listener == NULL || getsockname(evconnlistener_get_fd(line->listener),
                                              (struct sockaddr *)&address, &length) != 0)
        abort();
    line->port = ntohs(address.sin_port);
    return line;
}

uint16_t line_port(const struct line *line)
{
    return line->port;
}

void line_cut(struct line *line)
{
    line->is_cut = true;
    while (!list_empty(&line->pairs))
        pair_free(LIST_FIRST(&line->pairs, struct pair, link));
}

void line_mend(struct line *line)
{
    line->is_cut = false;
}

void line_free(struct line **line)
{
    if (*line == NULL)
        return;
    line_cut(*line);
    evconnlistener_free((*line)->listener);
    free(*line);
    *line = NULL;
}
