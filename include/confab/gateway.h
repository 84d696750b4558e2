/*
 * A gateway on an event loop that the application brings: a libevent base with whatever else is on
 * it, turned by the application. A program that is nothing but a gateway is simpler with
 * confab_run(), which also takes care of the process: of signals, and of how many descriptors it
 * may have. Here that is the application's; SIGPIPE must be ignored.
 *
 * Several gateways may live in one process. They belong to one thread, all of them: the one that
 * turns their loops. Their handlers and timers run in the loop's callbacks; so must every call of
 * the API, and what is not inside a handler already, in other threads or in other events of the
 * same loop, gets there by confab_post().
 */
#ifndef CONFAB_GATEWAY_H
#define CONFAB_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>

#include <confab/err.h>
#include <confab/export.h>

CONFAB_API_BEGIN

struct confab_app;
struct confab_gateway;
struct confab_server;
struct event_base;

/* The gateway has ended as confab_gateway_stop() asked (CONFAB_OK), or cannot go on. Called once,
 * from the loop, never inside another call; confab_gateway_free() may be called in it. Not called
 * when it is freed before. */
typedef void confab_gateway_ended_fn(struct confab_gateway *gateway, int status, void *user);

/*
 * Builds a gateway; it listens when this returns, and serves while the loop is turned.
 *
 * `base` and `app` (see run.h; NULL: the chat) are borrowed until confab_gateway_free(). `options`:
 * as in a configuration file but without blanks ("listen=127.0.0.1:0"; dashes in front may stand),
 * the last is NULL; may be NULL itself. Neither the environment nor the command line is read.
 * `ended` may be NULL.
 *
 * Errors, with a line on stderr: CONFAB_EINVAL (an option), CONFAB_EADDRINUSE, CONFAB_ECANCELED
 * (the application's setup() failed), CONFAB_EINTERNAL. *out is NULL then, and the application's
 * end() was called if its setup() was.
 */
int confab_gateway_new(struct confab_gateway **out, struct event_base *base,
                       const struct confab_app *app, const char *const *options,
                       confab_gateway_ended_fn *ended, void *user);

/* Closes what is still open, at once, and calls the application's end(). Not from inside a handler
 * of its sockets. Clears the caller's pointer; NULL inside is fine. A look-up of Redis' address
 * that is under way ends in the next turn of the base. */
void confab_gateway_free(struct confab_gateway **gateway);

/* Begins the orderly end: no new sessions, sessions closed one after the other, the cluster told.
 * `at_once` leaves out the time that balancers and crowds of clients get. A second call ends it
 * now. */
void confab_gateway_stop(struct confab_gateway *gateway, bool at_once);

/* Lives as long as the gateway. */
struct confab_server *confab_gateway_server(const struct confab_gateway *gateway);

/* Where it listens, "http://127.0.0.1:34567", in the order of the option; NULL past the last.
 * Borrowed. */
const char *confab_gateway_url(const struct confab_gateway *gateway, size_t i);

CONFAB_API_END

#endif
