/*
 * confab-benchapp: the application that servers are measured with. The same three events as
 * bench/peer/server.js has on Node.
 *
 *   chat value[, room]    to everybody, or to the room
 *   join room, ack        acknowledged "ok"
 *   echo value, ack       acknowledged with the value
 */
#include <confab/run.h>
#include <confab/server.h>

static void on_chat(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    struct confab_namespace *nsp = confab_socket_namespace(socket);
    const char *room = confab_as_string(confab_event_arg(event, 1), NULL);
    struct confab_value *args = confab_list(confab_value_hold(confab_event_arg(event, 0)), NULL);
    if (room != NULL)
        confab_emit_room(nsp, room, "chat", args);
    else
        confab_emit_all(nsp, "chat", args);
}

static void on_join(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    const char *room = confab_as_string(confab_event_arg(event, 0), NULL);
    if (room != NULL && confab_join(socket, room, NULL, NULL) == CONFAB_OK)
        confab_ack(event, confab_list(confab_string("ok"), NULL));
}

static void on_echo(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)socket;
    (void)user;
    confab_ack(event, confab_list(confab_value_hold(confab_event_arg(event, 0)), NULL));
}

static int setup(struct confab_server *server, void *user)
{
    (void)user;
    struct confab_namespace *nsp = confab_of(server, "/");
    confab_on(nsp, "chat", on_chat, NULL);
    confab_on(nsp, "join", on_join, NULL);
    confab_on(nsp, "echo", on_echo, NULL);
    return 0;
}

int main(int argc, char **argv)
{
    /* What it is compared with knows no such limits. */
    static const char *const defaults[] = {"max_packets_per_second=0", "max_per_second_bytes=0",
                                           NULL};
    struct confab_app app = {
        .summary = "Events for load tests.", .setup = setup, .defaults = defaults};
    return confab_run(argc, argv, &app);
}
