/*
 * The first server of many Socket.IO tutorials, in C: what one says, all hear, and the speaker once
 * more. On Node it reads
 *
 *     io.on("connection", (socket) => {
 *         socket.on("send_msg", (data) => {
 *             io.emit("send_msg", data);
 *             socket.emit("send_msg", data);
 *         });
 *     });
 */
#include <confab/run.h>
#include <confab/server.h>

static void on_send_msg(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    const struct confab_value *args = confab_event_args(event);
    confab_emit_all(confab_socket_namespace(socket), "send_msg", confab_value_hold(args));
    confab_emit(socket, "send_msg", confab_value_hold(args));
}

static int setup(struct confab_server *server, void *user)
{
    (void)user;
    confab_on(confab_of(server, "/"), "send_msg", on_send_msg, NULL);
    return 0;
}

int main(int argc, char **argv)
{
    struct confab_app app = {.summary = "What one says, all hear.", .setup = setup};
    return confab_run(argc, argv, &app);
}
