/*
 * A program that is a gateway: main() in a few lines.
 *
 * confab_run() reads the options, takes the process over (signals, the limit on descriptors),
 * builds everything, lets the application register its handlers, serves until it is told to stop,
 * drains, and takes all down again.
 */
#ifndef CONFAB_RUN_H
#define CONFAB_RUN_H

#include <stdbool.h>

#include <confab/export.h>

CONFAB_API_BEGIN

struct confab_server;

/* What a program adds to a gateway. Zero is right for whatever it does not need. */
struct confab_app {
    const char *name;    /* the program's, for messages and --help; NULL: taken from argv[0] */
    const char *summary; /* one line for --help; may be NULL */
    /* Registers namespaces and handlers, before the first connection. Anything but 0 ends the
     * program with that status. NULL: the chat that confab-gateway serves. */
    int (*setup)(struct confab_server *server, void *user);
    /* After the last handler has returned, also when setup() failed: frees what setup() made. No
     * other function may be called any more but those of values. May be NULL. */
    void (*end)(void *user);
    void *user;
    /* Options this program starts with instead of the usual defaults, each as in a configuration
     * file but without blanks ("ping-interval-ms=300"); the last is NULL. May be NULL. What a
     * person gives goes before. */
    const char *const *defaults;
    /* Serves the directory `page` of the web files at `/`. The client bundles are always served,
     * below the endpoint's path. */
    bool with_page;
};

/*
 * The whole life of a gateway process. `app` is borrowed for the call; NULL: confab-gateway itself.
 * Returns the exit status: 0 ended as asked, 64 bad usage or configuration, 69 an address that
 * cannot be bound or a node tag that is taken, 70 an internal error, else setup()'s.
 */
int confab_run(int argc, char **argv, const struct confab_app *app);

CONFAB_API_END

#endif
