/*
 * A gateway on a loop that somebody else turns. The end of a turn is an event that is made active
 * as soon as anything happened: libevent takes it after those that were active already.
 */
#include <confab/gateway.h>

#include <event2/event.h>
#include <stdlib.h>

#include "common/mem.h"
#include "gateway/app/gateway.h"

struct confab_gateway {
    struct gateway *gateway; /* NULL inside gateway_new() */
    struct confab_app app;   /* the given one, but for setup() and end() */
    const struct confab_app *given;
    bool refused; /* by setup() */
    struct event *turn;
    char **urls; /* ends with NULL */
    size_t url_count;
    confab_gateway_ended_fn *ended;
    void *user;
    bool told; /* that it ended */
};

static void on_turn_owed(void *user)
{
    struct confab_gateway *embedded = user;
    event_active(embedded->turn, EV_TIMEOUT, 0);
}

static void on_listening(void *user, const char *url)
{
    struct confab_gateway *embedded = user;
    embedded->urls = xrealloc(embedded->urls, (embedded->url_count + 2) * sizeof(*embedded->urls));
    embedded->urls[embedded->url_count++] = xstrdup(url);
    embedded->urls[embedded->url_count] = NULL;
}

static int set_up(struct confab_server *server, void *user)
{
    struct confab_gateway *embedded = user;
    int status = embedded->given->setup(server, embedded->given->user);
    embedded->refused = status != 0;
    return status;
}

static void end(void *user)
{
    struct confab_gateway *embedded = user;
    if (embedded->given->end != NULL)
        embedded->given->end(embedded->given->user);
}

static void take_app(struct confab_gateway *embedded, const struct confab_app *app)
{
    embedded->given = app != NULL ? app : settings_chat_app();
    embedded->app = *embedded->given;
    embedded->app.user = embedded;
    embedded->app.end = end;
    if (embedded->app.setup != NULL)
        embedded->app.setup = set_up;
    if (embedded->app.name == NULL)
        embedded->app.name = "confab";
}

static int error_of(int exit_status)
{
    switch (exit_status) {
    case 0:
        return CONFAB_OK;
    case OPTIONS_EXIT_USAGE:
        return CONFAB_EINVAL;
    case GATEWAY_EXIT_UNAVAILABLE:
        return CONFAB_EADDRINUSE;
    default:
        return CONFAB_EINTERNAL;
    }
}

static void on_turn(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct confab_gateway *embedded = user;
    if (embedded->told)
        return;
    gateway_turn(embedded->gateway);
    if (!embedded->gateway->done)
        return;
    embedded->told = true;
    if (embedded->ended != NULL)
        embedded->ended(embedded, error_of(embedded->gateway->status), embedded->user);
}

static void release(struct confab_gateway *embedded)
{
    event_free(embedded->turn);
    for (size_t i = 0; i < embedded->url_count; i++)
        free(embedded->urls[i]);
    free(embedded->urls);
    free(embedded);
}

int confab_gateway_new(struct confab_gateway **out, struct event_base *base,
                       const struct confab_app *app, const char *const *options,
                       confab_gateway_ended_fn *ended, void *user)
{
    *out = NULL;
    struct confab_gateway *embedded = xcalloc(1, sizeof(*embedded));
    take_app(embedded, app);
    embedded->ended = ended;
    embedded->user = user;
    embedded->turn = event_new(base, -1, 0, on_turn, embedded);
    struct options values;
    const struct gateway_host host = {
        .turn_owed = on_turn_owed, .listening = on_listening, .user = embedded};
    int status = settings_given(options, &embedded->app, &values);
    if (status < 0) {
        status = 0;
        embedded->gateway = gateway_new(base, &values, &embedded->app, &host, &status);
    }
    if (embedded->gateway == NULL) {
        int error = embedded->refused ? CONFAB_ECANCELED : error_of(status);
        release(embedded);
        return error;
    }
    *out = embedded;
    return CONFAB_OK;
}

void confab_gateway_free(struct confab_gateway **owner)
{
    struct confab_gateway *embedded = *owner;
    *owner = NULL;
    if (embedded == NULL)
        return;
    gateway_free(&embedded->gateway);
    release(embedded);
}

void confab_gateway_stop(struct confab_gateway *embedded, bool at_once)
{
    if (!embedded->gateway->done)
        gateway_drain(embedded->gateway, at_once);
}

struct confab_server *confab_gateway_server(const struct confab_gateway *embedded)
{
    return embedded->gateway->server;
}

const char *confab_gateway_url(const struct confab_gateway *embedded, size_t i)
{
    return i < embedded->url_count ? embedded->urls[i] : NULL;
}
