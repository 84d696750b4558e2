/*
 * confab-cast: the C API's broadcasts at a client's command, for tests of whole clusters. The Node
 * servers of tests/interop/lib/peer.js serve the same events.
 *
 *   cast {to, except, volatile, local, ordered}, event, args…   a broadcast; acknowledged
 *   others event, args…                                         to all but the sender; acknowledged
 *   join room, leave room                                       acknowledged
 *   data object                                                 becomes the socket's data
 *
 * Of the events between servers `question` is answered with {from, args}, and `notice` is emitted
 * to the sockets of this node as `noticed`.
 */
#include <stddef.h>
#include <stdlib.h>

#include "common/mem.h"
#include <confab/run.h>
#include <confab/server.h>

#define ROOMS_MAX 16

static void acknowledge(struct confab_event *event, int status)
{
    confab_ack(event, confab_list(confab_string(confab_errname(status)), NULL));
}

/* What comes behind the first `skip` arguments. */
static struct confab_value *arguments_behind(const struct confab_event *event, size_t skip)
{
    const struct confab_value *all = confab_event_args(event);
    struct confab_value *args = confab_array();
    for (size_t i = skip; i < confab_size(all); i++)
        confab_push(args, confab_value_hold(confab_at(all, i)));
    return args;
}

static size_t read_rooms(const struct confab_value *names, const char *rooms[ROOMS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < confab_size(names) && count < ROOMS_MAX; i++) {
        const char *name = confab_as_string(confab_at(names, i), NULL);
        if (name != NULL)
            rooms[count++] = name;
    }
    return count;
}

/* ---- what takes its time ---- */

struct waiting {
    struct confab_token token;
};

static struct waiting *wait_for(struct confab_event *event)
{
    struct waiting *waiting = xmalloc(sizeof(*waiting));
    waiting->token = confab_defer(event, 0);
    return waiting;
}

static void answer(struct confab_server *server, struct waiting *waiting, const char *text)
{
    confab_answer(server, waiting->token, confab_list(confab_string(text), NULL));
    free(waiting);
}

static void on_sent(struct confab_server *server, int status, bool cluster, void *user)
{
    answer(server, user, status == CONFAB_OK && !cluster ? "node" : confab_errname(status));
}

static void on_joined(struct confab_server *server, int status, void *user)
{
    answer(server, user, confab_errname(status));
}

/* ---- the events ---- */

static void on_cast(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    struct confab_namespace *nsp = confab_socket_namespace(socket);
    const struct confab_value *how = confab_event_arg(event, 0);
    const char *name = confab_as_string(confab_event_arg(event, 1), NULL);
    const char *rooms[ROOMS_MAX], *except[ROOMS_MAX];
    struct confab_audience audience = {.rooms = rooms, .except = except};
    if (name == NULL) {
        acknowledge(event, CONFAB_EINVAL);
        return;
    }
    audience.room_count = read_rooms(confab_get(how, "to"), rooms);
    audience.except_count = read_rooms(confab_get(how, "except"), except);
    if (confab_as_bool(confab_get(how, "volatile"), false))
        audience.flags |= CONFAB_VOLATILE;
    if (confab_as_bool(confab_get(how, "local"), false))
        audience.flags |= CONFAB_LOCAL;
    struct confab_value *args = arguments_behind(event, 2);
    if (!confab_as_bool(confab_get(how, "ordered"), false)) {
        acknowledge(event, confab_broadcast(nsp, &audience, name, args));
        return;
    }
    struct waiting *waiting = wait_for(event);
    int status = confab_broadcast_ordered(nsp, &audience, name, args, on_sent, waiting);
    if (status != CONFAB_OK)
        answer(confab_socket_server(socket), waiting, confab_errname(status));
}

static void on_others(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    const char *name = confab_as_string(confab_event_arg(event, 0), NULL);
    acknowledge(event, name != NULL ? confab_emit_others(socket, name, arguments_behind(event, 1))
                                    : CONFAB_EINVAL);
}

static void on_join(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    const char *room = confab_as_string(confab_event_arg(event, 0), NULL);
    struct waiting *waiting = wait_for(event);
    int status = room != NULL ? confab_join(socket, room, on_joined, waiting) : (int)CONFAB_EINVAL;
    if (status != CONFAB_OK)
        answer(confab_socket_server(socket), waiting, confab_errname(status));
}

static void on_leave(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    const char *room = confab_as_string(confab_event_arg(event, 0), NULL);
    if (room != NULL)
        confab_leave(socket, room);
    acknowledge(event, room != NULL ? CONFAB_OK : CONFAB_EINVAL);
}

static void on_data(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_set_data(socket, confab_value_hold(confab_event_arg(event, 0)));
    acknowledge(event, CONFAB_OK);
}

/* ---- from other servers ---- */

static void on_question(struct confab_namespace *nsp, const struct confab_value *args,
                        struct confab_token token, void *user)
{
    (void)nsp;
    struct confab_server *server = user;
    struct confab_value *said =
        confab_set(confab_object(), "from", confab_string(confab_node(server)));
    confab_set(said, "args", confab_value_hold(args));
    confab_answer(server, token, confab_list(said, NULL));
}

static void on_notice(struct confab_namespace *nsp, const struct confab_value *args,
                      struct confab_token token, void *user)
{
    (void)token;
    (void)user;
    const struct confab_audience audience = {.flags = CONFAB_LOCAL};
    confab_broadcast(nsp, &audience, "noticed", confab_value_hold(args));
}

static int setup(struct confab_server *server, void *user)
{
    static const char *const names[] = {"/", "/custom", "/ünï"};
    (void)user;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct confab_namespace *nsp = confab_of(server, names[i]);
        confab_on(nsp, "cast", on_cast, NULL);
        confab_on(nsp, "others", on_others, NULL);
        confab_on(nsp, "join", on_join, NULL);
        confab_on(nsp, "leave", on_leave, NULL);
        confab_on(nsp, "data", on_data, NULL);
        confab_on_server_event(nsp, "question", on_question, server);
        confab_on_server_event(nsp, "notice", on_notice, server);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct confab_app app = {.summary = "Broadcasts at a client's command.", .setup = setup};
    return confab_run(argc, argv, &app);
}
