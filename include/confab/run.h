/*
 * The roof: everything a program on a gateway needs is wired here, so that main() is a few lines.
 *
 * confab_run() reads the options, builds the event loop, the broker, the engine, the server and the
 * network, lets the application register its handlers, serves until it is told to stop, drains, and
 * takes all down again. It is the only place that knows every room.
 */
#ifndef CONFAB_RUN_H
#define CONFAB_RUN_H

struct confab_server;
struct eio_events;
struct options;

/* What a program adds to the gateway. Borrowed for the call of confab_run(). */
struct confab_app {
    const char *name;    /* the program's, for messages and --help; NULL: taken from argv[0] */
    const char *summary; /* one line for --help; may be NULL */
    /* Registers namespaces and handlers, before the first connection. Anything but 0 ends the
     * program with that status. */
    int (*setup)(struct confab_server *server, void *user);
    /* After the last socket ended. May be NULL. */
    void (*end)(void *user);
    void *user;
    /* Options this program starts with instead of the table's defaults, as "name=value"; ends with
     * NULL; may be NULL. What a person gives goes before. */
    const char *const *defaults;
    /* Engine.IO without Socket.IO under a path of its own (`/engine.io/`); NULL: none. The engine's
     * rules hold for `raw_events`, which get `user`; all four are needed. */
    const char *raw_path;
    const struct eio_events *raw_events;
    /* Serves `web/`: the page at `/` (and always the client bundles below the endpoint's path). */
    int with_page;
};

/* The whole life of a gateway process. Returns the exit status: 0 ended as asked, 64 bad usage or
 * configuration, 69 an address that cannot be bound or a node tag that is taken, 70 an internal
 * error. */
int confab_run(int argc, char **argv, const struct confab_app *app);

#endif
