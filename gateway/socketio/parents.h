/*
 * Parent namespaces: names that are namespaces as soon as a client asks for them. A child is an
 * ordinary namespace whose handlers are its parent's (struct confab_namespace.registry); it goes
 * with its last socket.
 */
#ifndef CONFAB_SOCKETIO_PARENTS_H
#define CONFAB_SOCKETIO_PARENTS_H

#include "gateway/socketio/server_internal.h"

struct sio_parent {
    struct list link; /* server->parents */
    struct confab_namespace *nsp;
    confab_name_fn *matches;
    confab_name_asked_fn *asks; /* in place of it; NULL: none */
    void *user;
    char *pattern; /* owned; NULL: none */
    size_t children, most;
    bool keep_empty;
};

/* A namespace that has no name clients could ask for yet. */
struct confab_namespace *sio_namespace_alloc(struct confab_server *server, const char *name);
void sio_parent_free(struct sio_parent *parent);
/* The name is one that parents are asked about. */
bool sio_child_may_be(const struct confab_server *server, const char *name, size_t name_bytes);
/* The child of a name that is no namespace; NULL: the parent has too many. */
struct confab_namespace *sio_child_new(struct sio_parent *parent, const char *name);
/* A socket of this namespace was freed: a child without any goes, too. Not from inside a callback.
 */
void sio_namespace_socket_freed(struct confab_namespace *nsp);
/* Takes args. */
int sio_children_broadcast(struct confab_namespace *parent, const struct confab_audience *audience,
                           const char *event, struct confab_value *args);

#endif
