/*
 * confab-conformance: the server that the public protocol suites want to meet.
 *
 * Socket.IO under /socket.io/, in the namespaces / and /custom alike: a newcomer is sent `auth`
 * with the auth object of its CONNECT; `message` comes back as `message-back`; `message-with-ack`
 * is acknowledged with its own arguments. Pings are quick, so that the suites need not wait.
 * Engine.IO alone under /engine.io/: an echo.
 */
#include <stddef.h>
#include <stdlib.h>

#include "common/mem.h"
#include "gateway/app/raw.h"
#include "gateway/engineio/session.h"
#include <confab/run.h>
#include <confab/server.h>

/* The suites miss a frame that comes in one read with the one they wait for: `auth` must not be
 * right behind the CONNECT answer. */
#define AUTH_DELAY_MS 15

struct greeting {
    struct confab_handle socket;
};

static void greet(struct confab_server *server, void *user)
{
    struct greeting *greeting = user;
    struct confab_socket *socket = confab_socket_find(server, greeting->socket);
    if (socket != NULL)
        confab_emit(socket, "auth",
                    confab_list(confab_value_hold(confab_socket_auth(socket)), NULL));
    free(greeting);
}

static void on_connect(struct confab_socket *socket, void *user)
{
    (void)user;
    struct greeting *greeting = xmalloc(sizeof(*greeting));
    greeting->socket = confab_socket_handle(socket);
    confab_after(confab_socket_server(socket), AUTH_DELAY_MS, greet, free, greeting);
}

static void on_message(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_emit(socket, "message-back", confab_value_hold(confab_event_args(event)));
}

static void on_message_with_ack(struct confab_socket *socket, struct confab_event *event,
                                void *user)
{
    (void)socket;
    (void)user;
    confab_ack(event, confab_value_hold(confab_event_args(event)));
}

static int setup(struct confab_server *server, void *user)
{
    static const char *const names[] = {"/", "/custom"};
    (void)user;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct confab_namespace *nsp = confab_of(server, names[i]);
        confab_on_connect(nsp, on_connect, NULL);
        confab_on(nsp, "message", on_message, NULL);
        confab_on(nsp, "message-with-ack", on_message_with_ack, NULL);
    }
    return 0;
}

/* ---- Engine.IO alone, under /engine.io/: every message comes back as it is ---- */

static void echo_open(void *user, struct eio_session *session)
{
    (void)user;
    (void)session;
}

static void echo_message(void *user, struct eio_session *session, enum frame_kind kind,
                         const char *bytes, size_t length_bytes)
{
    (void)user;
    struct frame *frame = kind == FRAME_TEXT ? frame_text("4", bytes, length_bytes)
                                             : frame_binary(bytes, length_bytes);
    eio_session_send(session, frame, false);
    frame_release(frame);
}

static void echo_close(void *user, struct eio_session *session, enum eio_close_reason reason)
{
    (void)user;
    (void)session;
    (void)reason;
}

static const struct eio_events echo_events = {
    .on_open = echo_open, .on_message = echo_message, .on_close = echo_close};

int main(int argc, char **argv)
{
    static const char *const defaults[] = {"ping_interval_ms=300", "ping_timeout_ms=200", NULL};
    struct confab_app app = {
        .summary = "The server of the protocol suites.", .setup = setup, .defaults = defaults};
    const struct app_raw raw = {.path = "/engine.io/", .events = &echo_events};
    return run_with_raw(argc, argv, &app, &raw);
}
