/* Namespaces and what is registered on them. */
#include <stdlib.h>
#include <string.h>

#include "common/live.h"
#include "common/mem.h"
#include "common/rng.h"
#include "gateway/socketio/server_internal.h"

struct confab_namespace *sio_namespace_find(const struct confab_server *server, const char *name,
                                            size_t name_bytes)
{
    struct htable_entry *entry = htable_find(&server->namespaces_by_name, name, name_bytes);
    return entry != NULL ? container_of(entry, struct confab_namespace, by_name) : NULL;
}

static struct confab_namespace *namespace_new(struct confab_server *server, const char *name)
{
    uint8_t seed[HTABLE_SEED_BYTES];
    size_t name_bytes = strlen(name);
    struct confab_namespace *nsp = xcalloc(1, sizeof(*nsp) + name_bytes + 1);
    nsp->server = server;
    nsp->name_bytes = name_bytes;
    memcpy(nsp->name, name, name_bytes + 1);
    rng_bytes(server->rng, seed, sizeof(seed));
    htable_init(&nsp->handlers, seed);
    htable_init(&nsp->server_handlers, seed);
    list_init(&nsp->link);
    list_add_tail(&server->namespaces, &nsp->link);
    htable_insert(&server->namespaces_by_name, &nsp->by_name, nsp->name, name_bytes);
    nsp->members = broker_namespace(server->broker, nsp->name);
    broker_namespace_set_user(nsp->members, nsp);
    if (server->recovery != NULL)
        nsp->recovery = server->recovery->ops->space_open(server->recovery, nsp->name);
    live_inc(LIVE_NAMESPACE);
    return nsp;
}

struct confab_namespace *confab_of(struct confab_server *server, const char *name)
{
    char *slashed = NULL;
    if (*name != '/') {
        size_t length = strlen(name);
        slashed = xmalloc(length + 2);
        slashed[0] = '/';
        memcpy(slashed + 1, name, length + 1);
        name = slashed;
    }
    struct confab_namespace *nsp = sio_namespace_find(server, name, strlen(name));
    if (nsp == NULL)
        nsp = namespace_new(server, name);
    free(slashed);
    return nsp;
}

void sio_namespace_free(struct confab_namespace *nsp)
{
    sio_handlers_free(&nsp->handlers);
    sio_handlers_free(&nsp->server_handlers);
    sio_recovery_close(nsp);
    if (nsp->roster != NULL)
        sio_roster_free(nsp->roster);
    free(nsp->middleware);
    htable_remove(&nsp->server->namespaces_by_name, &nsp->by_name);
    list_del(&nsp->link);
    free(nsp);
    live_dec(LIVE_NAMESPACE);
}

const char *confab_namespace_name(const struct confab_namespace *nsp)
{
    return nsp->name;
}

size_t confab_namespace_size(const struct confab_namespace *nsp)
{
    return nsp->size;
}

/* ---- what is registered ---- */

void confab_on_connect(struct confab_namespace *nsp, confab_connect_fn *handler, void *user)
{
    nsp->on_connect = handler;
    nsp->connect_user = user;
}

void confab_on_any(struct confab_namespace *nsp, confab_event_fn *handler, void *user)
{
    nsp->on_any = handler;
    nsp->any_user = user;
}

void confab_on_any_outgoing(struct confab_namespace *nsp, confab_outgoing_fn *handler, void *user)
{
    nsp->on_outgoing = handler;
    nsp->outgoing_user = user;
}

void confab_on_error(struct confab_namespace *nsp, confab_error_fn *handler, void *user)
{
    nsp->on_error = handler;
    nsp->error_user = user;
}

void confab_on_disconnecting(struct confab_namespace *nsp, confab_disconnect_fn *handler,
                             void *user)
{
    nsp->on_disconnecting = handler;
    nsp->disconnecting_user = user;
}

void confab_on_disconnect(struct confab_namespace *nsp, confab_disconnect_fn *handler, void *user)
{
    nsp->on_disconnect = handler;
    nsp->disconnect_user = user;
}

void confab_on(struct confab_namespace *nsp, const char *event, confab_event_fn *handler,
               void *user)
{
    struct sio_handler *slot = sio_handler_slot(&nsp->handlers, event);
    slot->fn.event = handler;
    slot->user = user;
}

void confab_on_server_event(struct confab_namespace *nsp, const char *event,
                            confab_server_event_fn *handler, void *user)
{
    struct sio_handler *slot = sio_handler_slot(&nsp->server_handlers, event);
    slot->fn.server_event = handler;
    slot->user = user;
}

void confab_use(struct confab_namespace *nsp, confab_middleware_fn *middleware, void *user)
{
    nsp->middleware =
        xreallocarray(nsp->middleware, nsp->middleware_count + 1, sizeof(*nsp->middleware));
    nsp->middleware[nsp->middleware_count++] = (struct sio_middleware){middleware, user};
}
