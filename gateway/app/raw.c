#include "gateway/app/raw.h"

#include <string.h>

#include "gateway/app/gateway.h"
#include "gateway/socketio/wiring.h"

static bool is_raw(const struct gateway *gateway, const struct eio_session *session)
{
    const char *path = gateway->host.raw->path;
    return strncmp(eio_session_handshake(session)->url, path, strlen(path)) == 0;
}

/* Whose session it is, and what that one calls itself. */
static const struct eio_events *owner_of(struct gateway *gateway, struct eio_session *session,
                                         void **user)
{
    bool raw = is_raw(gateway, session);
    *user = raw ? gateway->app->user : (void *)gateway->server;
    return raw ? gateway->host.raw->events : server_engine_events();
}

static void on_open(void *user, struct eio_session *session)
{
    const struct eio_events *events = owner_of(user, session, &user);
    events->on_open(user, session);
}

static void on_message(void *user, struct eio_session *session, enum frame_kind kind,
                       const char *bytes, size_t length_bytes)
{
    const struct eio_events *events = owner_of(user, session, &user);
    events->on_message(user, session, kind, bytes, length_bytes);
}

static void on_close(void *user, struct eio_session *session, enum eio_close_reason reason)
{
    const struct eio_events *events = owner_of(user, session, &user);
    events->on_close(user, session, reason);
}

static void on_upgrade(void *user, struct eio_session *session)
{
    const struct eio_events *events = owner_of(user, session, &user);
    if (events->on_upgrade != NULL)
        events->on_upgrade(user, session);
}

const struct eio_events *raw_mux_events(void)
{
    static const struct eio_events events = {.on_open = on_open,
                                             .on_message = on_message,
                                             .on_close = on_close,
                                             .on_upgrade = on_upgrade};
    return &events;
}
