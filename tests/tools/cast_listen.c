#include "tests/tools/cast_listen.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include <confab/server.h>

#define SLOW_MS 50

/* ---- /listen ---- */

/* Of one socket: the names of events, as an object {in: […], out: […]}. */
struct seen {
    struct confab_value *in, *out;
};

static void seen_free(void *pointer)
{
    struct seen *seen = pointer;
    confab_value_release(seen->in);
    confab_value_release(seen->out);
    free(seen);
}

static void on_any(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)socket;
    const struct seen *seen = user;
    confab_push(seen->in, confab_string(confab_event_name(event)));
}

static void on_outgoing(struct confab_socket *socket, const char *event,
                        const struct confab_value *args, void *user)
{
    (void)socket;
    const struct seen *seen = user;
    confab_push(seen->out, confab_string_f("%s/%zu", event, confab_size(args)));
}

static void answer_with(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)socket;
    confab_ack(event, confab_list(confab_string(user), NULL));
}

static void on_seen(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    struct seen *seen = confab_user(socket);
    struct confab_value *told = confab_set(confab_object(), "in", seen->in);
    confab_set(told, "out", seen->out);
    seen->in = confab_array();
    seen->out = confab_array();
    confab_ack(event, confab_list(told, NULL));
}

struct decision {
    struct confab_token token;
};

static void let_pass(struct confab_server *server, void *user)
{
    const struct decision *decision = user;
    confab_allow(server, decision->token);
    free(user);
}

static void judge(struct confab_socket *socket, struct confab_event *event,
                  struct confab_token token, void *user)
{
    (void)user;
    struct confab_server *server = confab_socket_server(socket);
    if (strcmp(confab_event_name(event), "forbidden") == 0) {
        confab_ack(event, confab_list(confab_string("forbidden"), NULL));
        confab_refuse(server, token, "not allowed",
                      confab_list(confab_value_hold(confab_event_arg(event, 0)), NULL));
    } else if (strcmp(confab_event_name(event), "slow") == 0) {
        struct decision *decision = xmalloc(sizeof(*decision));
        decision->token = token;
        confab_after(server, SLOW_MS, let_pass, free, decision);
    } else {
        confab_allow(server, token);
    }
}

static void on_error(struct confab_socket *socket, const char *message,
                     const struct confab_value *data, void *user)
{
    (void)user;
    confab_emit(socket, "refused",
                confab_list(confab_string(message), confab_value_hold(data), NULL));
}

static void on_connect(struct confab_socket *socket, void *user)
{
    (void)user;
    static char own[] = "own";
    struct seen *seen = xmalloc(sizeof(*seen));
    *seen = (struct seen){confab_array(), confab_array()};
    confab_set_user(socket, seen, seen_free);
    confab_socket_on_any(socket, on_any, seen);
    confab_socket_on_any_outgoing(socket, on_outgoing, seen);
    confab_socket_on(socket, "own", answer_with, own);
    confab_socket_use(socket, judge, NULL);
}

static void listen_on_sockets(struct confab_server *server)
{
    static char shared[] = "shared", slow[] = "slow";
    struct confab_namespace *nsp = confab_of(server, "/listen");
    confab_on_connect(nsp, on_connect, NULL);
    confab_on_error(nsp, on_error, NULL);
    confab_on(nsp, "own", answer_with, shared);
    confab_on(nsp, "shared", answer_with, shared);
    confab_on(nsp, "slow", answer_with, slow);
    confab_on(nsp, "forbidden", answer_with, shared);
    confab_on(nsp, "seen", on_seen, NULL);
}

/* ---- /dyn-* ---- */

static void refuse(struct confab_server *server, void *user)
{
    const struct decision *decision = user;
    confab_refuse(server, decision->token, "Invalid namespace", NULL);
    free(user);
}

static void admit(struct confab_socket *socket, struct confab_token token, void *user)
{
    (void)user;
    struct confab_server *server = confab_socket_server(socket);
    const char *name = confab_namespace_name(confab_socket_namespace(socket));
    if (strcmp(name, "/dyn-closed") != 0) {
        confab_allow(server, token);
        return;
    }
    struct decision *decision = xmalloc(sizeof(*decision));
    decision->token = token;
    confab_after(server, SLOW_MS, refuse, free, decision);
}

static void on_members(struct confab_socket *socket, struct confab_event *event, void *user)
{
    size_t here = confab_namespace_size(confab_socket_namespace(socket));
    size_t all = confab_namespace_size(user);
    confab_ack(event, confab_list(confab_int((int64_t)here), confab_int((int64_t)all), NULL));
}

static void on_to_all(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)socket;
    int status = confab_emit_all(user, "to all", confab_value_hold(confab_event_args(event)));
    confab_ack(event, confab_list(confab_string(confab_errname(status)), NULL));
}

static void make_on_demand(struct confab_server *server)
{
    struct confab_namespace *parent = confab_of_pattern(server, "/dyn-*");
    confab_limit_children(parent, 5, false);
    confab_use(parent, admit, NULL);
    confab_on(parent, "members", on_members, parent);
    confab_on(parent, "to all", on_to_all, parent);
}

/* ---- /reasons ---- */

static void on_leaving(struct confab_socket *socket, const char *reason, void *user)
{
    (void)reason;
    (void)user;
    confab_set_data(socket, confab_set(confab_object(), "rooms", confab_rooms(socket)));
}

static void on_gone(struct confab_socket *socket, const char *reason, void *user)
{
    const struct confab_value *rooms = confab_get(confab_data(socket), "rooms");
    confab_emit_all(user, "gone",
                    confab_list(confab_string(confab_socket_id(socket)), confab_string(reason),
                                confab_value_hold(rooms), NULL));
}

static void on_join(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    const char *room = confab_as_string(confab_event_arg(event, 0), NULL);
    int status = room != NULL ? confab_join(socket, room, NULL, NULL) : (int)CONFAB_EINVAL;
    confab_ack(event, confab_list(confab_string(confab_errname(status)), NULL));
}

static void on_end(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_disconnect(socket, confab_as_bool(confab_event_arg(event, 0), false));
}

static void on_to_others(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    const char *room = confab_as_string(confab_event_arg(event, 0), NULL);
    const char *name = confab_as_string(confab_event_arg(event, 1), NULL);
    int status = CONFAB_EINVAL;
    if (room != NULL && name != NULL)
        status = confab_emit_room_others(
            socket, room, name, confab_list(confab_value_hold(confab_event_arg(event, 2)), NULL));
    confab_ack(event, confab_list(confab_string(confab_errname(status)), NULL));
}

static void tell_reasons(struct confab_server *server)
{
    struct confab_namespace *nsp = confab_of(server, "/reasons");
    confab_on(nsp, "join", on_join, NULL);
    confab_on(nsp, "end", on_end, NULL);
    confab_on(nsp, "to others", on_to_others, NULL);
    confab_on_disconnecting(nsp, on_leaving, NULL);
    confab_on_disconnect(nsp, on_gone, nsp);
}

void cast_listen(struct confab_server *server)
{
    listen_on_sockets(server);
    make_on_demand(server);
    tell_reasons(server);
}
