/* Closing all sessions a few at a time, in an order that has nothing to do with when they came. */
#include <stdlib.h>

#include "common/mem.h"
#include "common/rng.h"
#include "gateway/socketio/server_internal.h"

static void shuffle(struct confab_server *server, size_t count)
{
    struct list **links = xreallocarray(NULL, count, sizeof(struct list *));
    size_t n = 0;
    LIST_FOREACH(it, &server->clients)
    links[n++] = it;
    while (n > 1) {
        size_t other = rng_below(server->rng, (uint32_t)n--);
        struct list *last = links[n];
        links[n] = links[other];
        links[other] = last;
    }
    for (n = 0; n < count; n++)
        list_move_tail(&server->clients, links[n]);
    free(links);
}

void server_drain(struct confab_server *server, int64_t spread_ms)
{
    size_t count = 0;
    LIST_FOREACH(it, &server->clients)
    count++;
    if (count > 1)
        shuffle(server, count);
    server->drain.under_way = true;
    server->drain.begun_at_ms = sio_now_ms(server);
    server->drain.spread_ms = spread_ms > 0 ? spread_ms : 0;
    server->drain.count = count;
    server->drain.closed = 0;
}

/* How many should have been closed by now; whoever opens a session meanwhile comes behind them. */
static size_t due(const struct confab_server *server, int64_t now_ms)
{
    int64_t passed_ms = now_ms - server->drain.begun_at_ms;
    if (passed_ms >= server->drain.spread_ms)
        return SIZE_MAX;
    return (size_t)((double)server->drain.count * (double)passed_ms /
                    (double)server->drain.spread_ms);
}

void sio_clients_drain(struct confab_server *server)
{
    if (!server->drain.under_way)
        return;
    size_t target = due(server, sio_now_ms(server));
    while (server->drain.closed < target && !list_empty(&server->clients)) {
        server->drain.closed++;
        sio_client_close(LIST_FIRST(&server->clients, struct sio_client, link), EIO_CLOSE_SHUTDOWN);
    }
}

int64_t sio_drain_deadline(const struct confab_server *server)
{
    if (!server->drain.under_way || list_empty(&server->clients))
        return INT64_MAX;
    int64_t passed_ms = 0;
    if (server->drain.count > 0)
        passed_ms = (int64_t)((double)(server->drain.closed + 1) * (double)server->drain.spread_ms /
                              (double)server->drain.count);
    if (passed_ms > server->drain.spread_ms)
        passed_ms = server->drain.spread_ms;
    return server->drain.begun_at_ms + passed_ms + 1;
}
