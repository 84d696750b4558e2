#include "gateway/socketio/parents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/value.h"
#include <confab/err.h>

#define CHILDREN_MAX 1000
#define PARENT_NAME_BYTES 24

/* ---- parents ---- */

struct confab_namespace *confab_of_matching(struct confab_server *server, confab_name_fn *matches,
                                            void *user)
{
    struct sio_parent *parent = xcalloc(1, sizeof(*parent));
    char name[PARENT_NAME_BYTES];
    size_t number = 0;
    LIST_FOREACH(it, &server->parents)
    number++;
    snprintf(name, sizeof(name), "/_%zu", number);
    parent->nsp = sio_namespace_alloc(server, name);
    parent->nsp->parent = parent;
    parent->matches = matches;
    parent->user = user;
    parent->most = CHILDREN_MAX;
    list_init(&parent->link);
    list_add_tail(&server->parents, &parent->link);
    return parent->nsp;
}

/* Never more steps than the two texts are long, multiplied: only the last star is tried again. */
static bool is_like(const char *pattern, const char *name)
{
    const char *star = NULL, *tried = NULL;
    while (*name != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            tried = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star + 1;
            name = ++tried;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool matches_pattern(struct confab_server *server, const char *name,
                            const struct confab_value *auth, void *user)
{
    (void)server;
    (void)auth;
    return is_like(((const struct sio_parent *)user)->pattern, name);
}

struct confab_namespace *confab_of_pattern(struct confab_server *server, const char *pattern)
{
    struct confab_namespace *nsp = confab_of_matching(server, matches_pattern, NULL);
    nsp->parent->user = nsp->parent;
    nsp->parent->pattern = xstrdup(pattern);
    return nsp;
}

struct confab_namespace *confab_of_deciding(struct confab_server *server,
                                            confab_name_asked_fn *asks, void *user)
{
    struct confab_namespace *nsp = confab_of_matching(server, NULL, user);
    nsp->parent->asks = asks;
    return nsp;
}

void confab_limit_children(struct confab_namespace *nsp, size_t most, bool keep_empty)
{
    if (nsp->parent == NULL)
        return;
    nsp->parent->most = most;
    nsp->parent->keep_empty = keep_empty;
}

void sio_parent_free(struct sio_parent *parent)
{
    list_del(&parent->link);
    free(parent->pattern);
    free(parent);
}

/* ---- children ---- */

bool sio_child_may_be(const struct confab_server *server, const char *name, size_t name_bytes)
{
    return !list_empty(&server->parents) && name_bytes <= SIO_NSP_MAX_BYTES &&
           memchr(name, '\0', name_bytes) == NULL;
}

struct confab_namespace *sio_child_new(struct sio_parent *parent, const char *name)
{
    struct confab_server *server = parent->nsp->server;
    if (parent->children >= parent->most) {
        sio_limit(server, SERVER_LIMIT_CHILDREN);
        return NULL;
    }
    parent->children++;
    return sio_namespace_new(server, name, parent->nsp);
}

void sio_namespace_socket_freed(struct confab_namespace *nsp)
{
    struct sio_parent *parent = nsp->registry->parent;
    if (--nsp->sockets > 0 || parent == NULL || parent->keep_empty || nsp->server->stopped)
        return;
    parent->children--;
    broker_namespace_close(nsp->members);
    sio_namespace_free(nsp);
}

int sio_children_broadcast(struct confab_namespace *parent, const struct confab_audience *audience,
                           const char *event, struct confab_value *args)
{
    int status = CONFAB_OK;
    LIST_FOREACH(it, &parent->server->namespaces)
    {
        struct confab_namespace *nsp = container_of(it, struct confab_namespace, link);
        if (nsp == parent || nsp->registry != parent)
            continue;
        int sent = confab_broadcast(nsp, audience, event, confab_value_hold(args));
        if (sent != CONFAB_OK)
            status = sent;
    }
    confab_value_release(args);
    return status;
}
