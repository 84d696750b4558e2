/*
 * confab-cast: the C API's broadcasts at a client's command, for tests of whole clusters. The Node
 * servers of tests/interop/lib/peer.js serve the same events.
 *
 *   cast {to, except, volatile, local, ordered, plain}, event, args…   a broadcast; acknowledged
 *   others event, args…                                         to all but the sender; acknowledged
 *   join room, leave room                                       acknowledged
 *   data object                                                 becomes the socket's data
 *
 * And what is for many, answered with {status, answers} where something is asked:
 *
 *   ask {to, except, local, timeout}, event, args…              a broadcast with acknowledgements
 *   fetch how                                                   the sockets
 *   all join how, rooms; all leave how, rooms; all disconnect how, close      acknowledged
 *   tell event, args…; tell and ask timeout, event, args…       to other servers
 *
 * cast_listen.c has more namespaces, each for one part of the API.
 *
 * Of the events between servers `question` is answered with {from, args}, and `notice` is emitted
 * to the sockets of this node as `noticed`.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/tools/cast_listen.h"
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

static void read_audience(const struct confab_value *how, struct confab_audience *audience,
                          const char *rooms[ROOMS_MAX], const char *except[ROOMS_MAX])
{
    *audience = (struct confab_audience){.rooms = rooms, .except = except};
    audience->room_count = read_rooms(confab_get(how, "to"), rooms);
    audience->except_count = read_rooms(confab_get(how, "except"), except);
    if (confab_as_bool(confab_get(how, "volatile"), false))
        audience->flags |= CONFAB_VOLATILE;
    if (confab_as_bool(confab_get(how, "local"), false))
        audience->flags |= CONFAB_LOCAL;
    if (confab_as_bool(confab_get(how, "plain"), false))
        audience->flags |= CONFAB_COMPRESS_OFF;
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
    struct confab_audience audience;
    if (name == NULL) {
        acknowledge(event, CONFAB_EINVAL);
        return;
    }
    read_audience(how, &audience, rooms, except);
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

/* ---- for many ---- */

static void on_answers(struct confab_server *server, int status, const struct confab_value *answers,
                       void *user)
{
    struct waiting *waiting = user;
    struct confab_value *told =
        confab_set(confab_object(), "status", confab_string(confab_errname(status)));
    confab_set(told, "answers", confab_value_hold(answers));
    confab_answer(server, waiting->token, confab_list(told, NULL));
    free(waiting);
}

/* Later packets do not wait: the client itself may be asked. */
static struct waiting *wait_for_answers(struct confab_event *event)
{
    struct waiting *waiting = xmalloc(sizeof(*waiting));
    waiting->token = confab_defer_ack(event, 0);
    return waiting;
}

static void on_ask(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    const struct confab_value *how = confab_event_arg(event, 0);
    const char *name = confab_as_string(confab_event_arg(event, 1), NULL);
    const char *rooms[ROOMS_MAX], *except[ROOMS_MAX];
    struct confab_audience audience;
    read_audience(how, &audience, rooms, except);
    confab_broadcast_with_ack(confab_socket_namespace(socket), &audience,
                              name != NULL ? name : "disconnect", arguments_behind(event, 2),
                              confab_as_int(confab_get(how, "timeout"), 0), on_answers,
                              wait_for_answers(event));
}

static void on_fetch(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    const char *rooms[ROOMS_MAX], *except[ROOMS_MAX];
    struct confab_audience audience;
    read_audience(confab_event_arg(event, 0), &audience, rooms, except);
    confab_fetch_sockets(confab_socket_namespace(socket), &audience, 0, on_answers,
                         wait_for_answers(event));
}

static void on_all(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    struct confab_namespace *nsp = confab_socket_namespace(socket);
    const char *name = confab_event_name(event);
    const char *rooms[ROOMS_MAX], *except[ROOMS_MAX], *names[ROOMS_MAX];
    struct confab_audience audience;
    read_audience(confab_event_arg(event, 0), &audience, rooms, except);
    size_t count = read_rooms(confab_event_arg(event, 1), names);
    int status;
    if (strcmp(name, "all join") == 0)
        status = confab_sockets_join(nsp, &audience, names, count);
    else if (strcmp(name, "all leave") == 0)
        status = confab_sockets_leave(nsp, &audience, names, count);
    else
        status = confab_disconnect_sockets(nsp, &audience,
                                           confab_as_bool(confab_event_arg(event, 1), false));
    acknowledge(event, status);
}

static void on_tell(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    const char *name = confab_as_string(confab_event_arg(event, 0), NULL);
    acknowledge(event,
                confab_server_emit(confab_socket_namespace(socket),
                                   name != NULL ? name : "connection", arguments_behind(event, 1)));
}

static void on_tell_and_ask(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    const char *name = confab_as_string(confab_event_arg(event, 1), NULL);
    confab_server_emit_with_ack(confab_socket_namespace(socket), name != NULL ? name : "connection",
                                arguments_behind(event, 2),
                                confab_as_int(confab_event_arg(event, 0), 0), on_answers,
                                wait_for_answers(event));
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
        confab_on(nsp, "ask", on_ask, NULL);
        confab_on(nsp, "fetch", on_fetch, NULL);
        confab_on(nsp, "all join", on_all, NULL);
        confab_on(nsp, "all leave", on_all, NULL);
        confab_on(nsp, "all disconnect", on_all, NULL);
        confab_on(nsp, "tell", on_tell, NULL);
        confab_on(nsp, "tell and ask", on_tell_and_ask, NULL);
        confab_on_server_event(nsp, "question", on_question, server);
        confab_on_server_event(nsp, "notice", on_notice, server);
    }
    cast_listen(server);
    return 0;
}

int main(int argc, char **argv)
{
    struct confab_app app = {.summary = "Broadcasts at a client's command.", .setup = setup};
    return confab_run(argc, argv, &app);
}
