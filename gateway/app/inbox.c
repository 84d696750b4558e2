#include "gateway/app/inbox.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/list.h"
#include "common/mem.h"
#include <confab/err.h>

struct post {
    struct list link;
    void (*fn)(struct confab_server *server, void *user);
    void (*dropped)(void *user); /* or NULL */
    void *user;
};

struct inbox {
    struct confab_server *server;
    void (*emptied)(void *user);
    void *user;
    int fd;
    struct event *readable;
    pthread_mutex_t lock; /* of the next two */
    struct list posts;
    bool closed;
};

/* Takes all that was posted until now. */
static void take(struct inbox *inbox, struct list *posts, bool close)
{
    list_init(posts);
    pthread_mutex_lock(&inbox->lock);
    list_splice_tail(posts, &inbox->posts);
    if (close)
        inbox->closed = true;
    pthread_mutex_unlock(&inbox->lock);
}

static void on_readable(int fd, short what, void *user)
{
    (void)what;
    struct inbox *inbox = user;
    uint64_t count;
    ssize_t n = read(fd, &count, sizeof(count));
    (void)n; /* nothing there: somebody else's wake-up, and an empty list */
    struct list posts, *node;
    take(inbox, &posts, false);
    while ((node = list_pop(&posts)) != NULL) {
        struct post *post = container_of(node, struct post, link);
        post->fn(inbox->server, post->user);
        free(post);
    }
    inbox->emptied(inbox->user);
}

struct inbox *inbox_new(struct event_base *base, struct confab_server *server,
                        void (*emptied)(void *user), void *user)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return NULL;
    struct inbox *inbox = xcalloc(1, sizeof(*inbox));
    inbox->server = server;
    inbox->emptied = emptied;
    inbox->user = user;
    inbox->fd = fd;
    list_init(&inbox->posts);
    pthread_mutex_init(&inbox->lock, NULL);
    inbox->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, inbox);
    event_add(inbox->readable, NULL);
    return inbox;
}

int inbox_post(struct inbox *inbox, void (*fn)(struct confab_server *server, void *user),
               void (*dropped)(void *user), void *user)
{
    struct post *post = xmalloc(sizeof(*post));
    *post = (struct post){.fn = fn, .dropped = dropped, .user = user};
    pthread_mutex_lock(&inbox->lock);
    bool closed = inbox->closed, first = list_empty(&inbox->posts);
    if (!closed)
        list_add_tail(&inbox->posts, &post->link);
    pthread_mutex_unlock(&inbox->lock);
    if (closed) {
        free(post);
        return CONFAB_ECLOSED;
    }
    if (first) {
        uint64_t one = 1;
        ssize_t n = write(inbox->fd, &one, sizeof(one));
        (void)n; /* full is as good as written: it is readable */
    }
    return CONFAB_OK;
}

void inbox_close(struct inbox *inbox)
{
    struct list posts, *node;
    take(inbox, &posts, true);
    while ((node = list_pop(&posts)) != NULL) {
        struct post *post = container_of(node, struct post, link);
        if (post->dropped != NULL)
            post->dropped(post->user);
        free(post);
    }
}

void inbox_free(struct inbox **owner)
{
    struct inbox *inbox = *owner;
    *owner = NULL;
    if (inbox == NULL)
        return;
    inbox_close(inbox);
    event_free(inbox->readable);
    close(inbox->fd);
    pthread_mutex_destroy(&inbox->lock);
    free(inbox);
}
