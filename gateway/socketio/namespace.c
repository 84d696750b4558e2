/* Namespaces and what is registered on them. */
#include <stdlib.h>
#include <string.h>

#include "common/live.h"
#include "common/mem.h"
#include "common/rng.h"
#include "gateway/socketio/parents.h"
#include "gateway/socketio/server_internal.h"

struct confab_namespace *sio_namespace_find(const struct confab_server *server, const char *name,
                                            size_t name_bytes)
{
    struct htable_entry *entry = htable_find(&server->namespaces_by_name, name, name_bytes);
    return entry != NULL ? container_of(entry, struct confab_namespace, by_name) : NULL;
}

struct confab_namespace *sio_namespace_alloc(struct confab_server *server, const char *name)
{
    uint8_t seed[HTABLE_SEED_BYTES];
    size_t name_bytes = strlen(name);
    struct confab_namespace *nsp = xcalloc(1, sizeof(*nsp) + name_bytes + 1);
    nsp->server = server;
    nsp->registry = nsp;
    nsp->name_bytes = name_bytes;
    memcpy(nsp->name, name, name_bytes + 1);
    rng_bytes(server->rng, seed, sizeof(seed));
    htable_init(&nsp->handlers, seed);
    htable_init(&nsp->server_handlers, seed);
    list_init(&nsp->link);
    list_add_tail(&server->namespaces, &nsp->link);
    live_inc(LIVE_NAMESPACE);
    return nsp;
}

struct confab_namespace *sio_namespace_new(struct confab_server *server, const char *name,
                                           struct confab_namespace *parent)
{
    struct confab_namespace *nsp = sio_namespace_alloc(server, name);
    if (parent != NULL)
        nsp->registry = parent;
    htable_insert(&server->namespaces_by_name, &nsp->by_name, nsp->name, nsp->name_bytes);
    nsp->members = broker_namespace(server->broker, nsp->name);
    broker_namespace_set_user(nsp->members, nsp);
    if (server->recovery != NULL)
        nsp->recovery = server->recovery->ops->space_open(server->recovery, nsp->name);
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
        nsp = sio_namespace_new(server, name, NULL);
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
    if (nsp->parent != NULL)
        sio_parent_free(nsp->parent);
    else
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
    size_t size = nsp->size;
    if (nsp->parent == NULL)
        return size;
    LIST_FOREACH(it, &nsp->server->namespaces)
    {
        const struct confab_namespace *other = container_of(it, struct confab_namespace, link);
        if (other->registry == nsp)
            size += other->size;
    }
    return size;
}

/* ---- what is registered ---- */

void confab_on_connect(struct confab_namespace *nsp, confab_connect_fn *handler, void *user)
{
    nsp->registry->on_connect = handler;
    nsp->registry->connect_user = user;
}

void confab_on_any(struct confab_namespace *nsp, confab_event_fn *handler, void *user)
{
    nsp->registry->on_any = handler;
    nsp->registry->any_user = user;
}

void confab_on_any_outgoing(struct confab_namespace *nsp, confab_outgoing_fn *handler, void *user)
{
    nsp->registry->on_outgoing = handler;
    nsp->registry->outgoing_user = user;
}

void confab_on_error(struct confab_namespace *nsp, confab_error_fn *handler, void *user)
{
    nsp->registry->on_error = handler;
    nsp->registry->error_user = user;
}

void confab_on_disconnecting(struct confab_namespace *nsp, confab_disconnect_fn *handler,
                             void *user)
{
    nsp->registry->on_disconnecting = handler;
    nsp->registry->disconnecting_user = user;
}

void confab_on_disconnect(struct confab_namespace *nsp, confab_disconnect_fn *handler, void *user)
{
    nsp->registry->on_disconnect = handler;
    nsp->registry->disconnect_user = user;
}

void confab_on(struct confab_namespace *nsp, const char *event, confab_event_fn *handler,
               void *user)
{
    struct sio_handler *slot = sio_handler_slot(&nsp->registry->handlers, event);
    slot->fn.event = handler;
    slot->user = user;
}

void confab_on_server_event(struct confab_namespace *nsp, const char *event,
                            confab_server_event_fn *handler, void *user)
{
    struct sio_handler *slot = sio_handler_slot(&nsp->registry->server_handlers, event);
    slot->fn.server_event = handler;
    slot->user = user;
}

void confab_use(struct confab_namespace *nsp, confab_middleware_fn *middleware, void *user)
{
    nsp = nsp->registry;
    nsp->middleware =
        xreallocarray(nsp->middleware, nsp->middleware_count + 1, sizeof(*nsp->middleware));
    nsp->middleware[nsp->middleware_count++] = (struct sio_middleware){middleware, user};
}
