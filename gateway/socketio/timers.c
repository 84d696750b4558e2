/* confab_after(): what an application wants to do later. */
#include <stdlib.h>

#include "common/mem.h"
#include "gateway/socketio/server_internal.h"

struct after {
    struct sio_timer timer;
    struct list link; /* server->afters */
    void (*fn)(struct confab_server *server, void *user);
    void (*dropped)(void *user);
    void *user;
};

static void on_due(struct confab_server *server, struct sio_timer *timer)
{
    struct after *after = container_of(timer, struct after, timer);
    list_del(&after->link);
    after->fn(server, after->user);
    free(after);
}

void confab_after(struct confab_server *server, int64_t delay_ms,
                  void (*fn)(struct confab_server *server, void *user), void (*dropped)(void *user),
                  void *user)
{
    if (server->stopped) {
        if (dropped != NULL)
            dropped(user);
        return;
    }
    struct after *after = xcalloc(1, sizeof(*after));
    after->fn = fn;
    after->dropped = dropped;
    after->user = user;
    list_init(&after->link);
    list_add_tail(&server->afters, &after->link);
    timerq_entry_init(&after->timer.entry);
    after->timer.fire = on_due;
    sio_timer_arm(server, &after->timer, delay_ms);
}

void sio_afters_drop(struct confab_server *server)
{
    struct list *node;
    while ((node = list_pop(&server->afters)) != NULL) {
        struct after *after = container_of(node, struct after, link);
        sio_timer_disarm(server, &after->timer);
        if (after->dropped != NULL)
            after->dropped(after->user);
        free(after);
    }
}
