/*
 * Engine.IO without Socket.IO, for a program of this repository that speaks it itself: under a path
 * of its own, on the gateway's engine. Sessions opened there go to the program's events, all others
 * to Socket.IO.
 */
#ifndef CONFAB_APP_RAW_H
#define CONFAB_APP_RAW_H

struct confab_app;
struct eio_events;

/* Borrowed for the gateway's life. */
struct app_raw {
    const char *path; /* from slash to slash: "/engine.io/" */
    /* The engine's rules hold for them; all but on_upgrade are needed. They get the application's
     * `user`. */
    const struct eio_events *events;
};

/* As confab_run(). */
int run_with_raw(int argc, char **argv, const struct confab_app *app, const struct app_raw *raw);

/* For eio_engine_new(), with the gateway as `user`, when the program has a raw path. */
const struct eio_events *raw_mux_events(void);

#endif
