/* What is registered on one socket, tables of handlers, and who watches what is sent. */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/rng.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"

/* ---- tables of handlers ---- */

struct sio_handler *sio_handler_slot(struct htable *handlers, const char *event)
{
    size_t length = strlen(event);
    struct htable_entry *entry = htable_find(handlers, event, length);
    if (entry != NULL)
        return container_of(entry, struct sio_handler, by_name);
    struct sio_handler *slot = xcalloc(1, sizeof(*slot) + length + 1);
    memcpy(slot->name, event, length + 1);
    htable_insert(handlers, &slot->by_name, slot->name, length);
    return slot;
}

const struct sio_handler *sio_handler_find(const struct htable *handlers, const char *event,
                                           size_t length)
{
    struct htable_entry *entry = htable_find(handlers, event, length);
    if (entry == NULL)
        return NULL;
    const struct sio_handler *handler = container_of(entry, struct sio_handler, by_name);
    return handler->fn.event != NULL ? handler : NULL;
}

void sio_handlers_free(struct htable *handlers)
{
    struct htable_iter it;
    struct htable_entry *entry;
    htable_iter_init(&it, handlers);
    while ((entry = htable_iter_next(&it)) != NULL) {
        htable_remove(handlers, entry);
        free(container_of(entry, struct sio_handler, by_name));
    }
    htable_fini(handlers);
}

/* ---- of one socket ---- */

static struct sio_own *own_of(struct confab_socket *socket)
{
    if (socket->own == NULL) {
        uint8_t seed[HTABLE_SEED_BYTES];
        rng_bytes(socket->nsp->server->rng, seed, sizeof(seed));
        socket->own = xcalloc(1, sizeof(*socket->own));
        htable_init(&socket->own->handlers, seed);
    }
    return socket->own;
}

void sio_own_free(struct sio_own *own)
{
    sio_handlers_free(&own->handlers);
    free(own->uses);
    free(own);
}

void confab_socket_on(struct confab_socket *socket, const char *event, confab_event_fn *handler,
                      void *user)
{
    struct sio_handler *slot = sio_handler_slot(&own_of(socket)->handlers, event);
    slot->fn.event = handler;
    slot->user = user;
}

void confab_socket_on_any(struct confab_socket *socket, confab_event_fn *handler, void *user)
{
    struct sio_own *own = own_of(socket);
    own->on_any = handler;
    own->any_user = user;
}

void confab_socket_on_any_outgoing(struct confab_socket *socket, confab_outgoing_fn *handler,
                                   void *user)
{
    struct sio_own *own = own_of(socket);
    own->on_outgoing = handler;
    own->outgoing_user = user;
}

void confab_socket_use(struct confab_socket *socket, confab_event_middleware_fn *middleware,
                       void *user)
{
    struct sio_own *own = own_of(socket);
    own->uses = xreallocarray(own->uses, own->use_count + 1, sizeof(*own->uses));
    own->uses[own->use_count++] = (struct sio_event_middleware){middleware, user};
}

/* ---- what is sent ---- */

static void tell(struct confab_socket *socket, const char *event, const struct confab_value *args)
{
    const struct confab_namespace *nsp = socket->nsp->registry;
    if (nsp->on_outgoing != NULL)
        nsp->on_outgoing(socket, event, args, nsp->outgoing_user);
    if (socket->own != NULL && socket->own->on_outgoing != NULL)
        socket->own->on_outgoing(socket, event, args, socket->own->outgoing_user);
}

bool sio_outgoing_tell(struct confab_socket *socket, const char *event,
                       const struct confab_value *args)
{
    if (event != NULL) {
        tell(socket, event, args != NULL ? args : socket->nsp->server->no_arguments);
    } else {
        struct sio_event_scratch scratch;
        struct confab_event opened = sio_event_open(&scratch, socket, args);
        tell(socket, opened.name, confab_event_args(&opened));
        sio_event_close(&scratch);
    }
    return sio_socket_is_open(socket);
}
