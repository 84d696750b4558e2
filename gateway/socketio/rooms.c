/* Rooms, as applications see them; the broker keeps them. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include <confab/err.h>

struct joining {
    struct confab_server *server;
    confab_joined_fn *joined;
    void *user;
};

static void on_joined(void *user, int status)
{
    struct joining *joining = user;
    joining->joined(joining->server, status, joining->user);
    free(joining);
}

int confab_join(struct confab_socket *socket, const char *room, confab_joined_fn *joined,
                void *user)
{
    struct joining *joining = NULL;
    if (joined != NULL) {
        joining = xmalloc(sizeof(*joining));
        *joining = (struct joining){socket->nsp->server, joined, user};
    }
    int status = broker_join(&socket->member, room, strlen(room), joined != NULL ? on_joined : NULL,
                             joining);
    if (status != CONFAB_OK)
        free(joining);
    if (status == CONFAB_ELIMIT)
        sio_limit(socket->nsp->server, SERVER_LIMIT_ROOMS);
    return status;
}

void confab_leave(struct confab_socket *socket, const char *room)
{
    broker_leave(&socket->member, room, strlen(room));
}

bool confab_in_room(const struct confab_socket *socket, const char *room)
{
    return broker_is_in(&socket->member, room, strlen(room));
}

static void add_room(void *user, const struct text *room)
{
    confab_push(user, confab_string_n(room->bytes, room->length));
}

struct confab_value *confab_rooms(const struct confab_socket *socket)
{
    struct confab_value *rooms = confab_array();
    broker_each_room(&socket->member, add_room, rooms);
    return rooms;
}
