/*
 * confab-elders: what clients of every age are asked to do alike, in the namespaces / and /adm.
 *
 *   echo args…            acknowledged with the same, or sent back as `back`
 *   who                   acknowledged with the socket's id and its auth
 *   join room             acknowledged
 *   to room, event, args… a broadcast
 *   count from, to        so many `number` events, in order
 *   kick close            ends the socket or, with true, the whole session
 *
 * Middleware of /adm refuses an auth with `no`, by that text, and one with `code`, by data.
 */
#include <stddef.h>

#include <confab/run.h>
#include <confab/server.h>

static struct confab_value *args_from(const struct confab_event *event, size_t first)
{
    const struct confab_value *all = confab_event_args(event);
    struct confab_value *args = confab_array();
    for (size_t i = first; i < confab_size(all); i++)
        confab_push(args, confab_value_hold(confab_at(all, i)));
    return args;
}

static void on_echo(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    if (confab_event_wants_ack(event))
        confab_ack(event, args_from(event, 0));
    else
        confab_emit(socket, "back", args_from(event, 0));
}

static void on_who(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    struct confab_value *auth = confab_value_hold(confab_socket_auth(socket));
    confab_ack(event, confab_list(confab_string(confab_socket_id(socket)), auth, NULL));
}

static void on_join(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    const char *room = confab_as_string(confab_event_arg(event, 0), NULL);
    if (room != NULL)
        confab_join(socket, room, NULL, NULL);
    confab_ack(event, confab_array());
}

static void on_to(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    const char *room = confab_as_string(confab_event_arg(event, 0), NULL);
    const char *name = confab_as_string(confab_event_arg(event, 1), NULL);
    if (room != NULL && name != NULL)
        confab_emit_room(confab_socket_namespace(socket), room, name, args_from(event, 2));
}

static void on_count(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    int64_t to = confab_as_int(confab_event_arg(event, 1), 0);
    for (int64_t i = confab_as_int(confab_event_arg(event, 0), 0); i < to; i++)
        confab_emit(socket, "number", confab_list(confab_int(i), NULL));
}

static void on_kick(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_disconnect(socket, confab_as_bool(confab_event_arg(event, 0), false));
}

static void by_auth(struct confab_socket *socket, struct confab_token token, void *user)
{
    struct confab_server *server = user;
    const struct confab_value *auth = confab_socket_auth(socket);
    const char *no = confab_as_string(confab_get(auth, "no"), NULL);
    const struct confab_value *code = confab_get(auth, "code");
    if (no != NULL)
        confab_refuse(server, token, no, NULL);
    else if (code != NULL)
        confab_refuse(server, token, "with data",
                      confab_set(confab_object(), "code", confab_value_hold(code)));
    else
        confab_allow(server, token);
}

static int setup(struct confab_server *server, void *user)
{
    static const char *const names[] = {"/", "/adm"};
    (void)user;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct confab_namespace *nsp = confab_of(server, names[i]);
        confab_on(nsp, "echo", on_echo, NULL);
        confab_on(nsp, "who", on_who, NULL);
        confab_on(nsp, "join", on_join, NULL);
        confab_on(nsp, "to", on_to, NULL);
        confab_on(nsp, "count", on_count, NULL);
        confab_on(nsp, "kick", on_kick, NULL);
    }
    confab_use(confab_of(server, "/adm"), by_auth, server);
    return 0;
}

int main(int argc, char **argv)
{
    struct confab_app app = {.summary = "For clients of every age.", .setup = setup};
    return confab_run(argc, argv, &app);
}
