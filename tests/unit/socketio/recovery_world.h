/*
 * Clients that lose their connection and come back, as stock ones do it: they remember the private
 * id and the last offset, and show them in their next CONNECT.
 */
#ifndef CONFAB_TESTS_UNIT_SOCKETIO_RECOVERY_WORLD_H
#define CONFAB_TESTS_UNIT_SOCKETIO_RECOVERY_WORLD_H

#include <stdbool.h>

#include "gateway/socketio/recovery_store.h"
#include "tests/unit/socketio/harness.h"

#define WINDOW_MS 60000

struct client {
    struct peer *peer;
    const char *nsp;
    char pid[40];
    char sid[32];
    char offset[40];
    char got[4096]; /* the arguments without offsets, and `|` for a CONNECT answer */
    bool recovered;
};

struct world {
    struct harness h;
    struct confab_namespace *nsp;
    struct client a, b;
    struct confab_token pending;
};

/* Windows and bytes; the namespace `/`. */
int recovery_begin(void **state, struct server_config server, size_t max_queued_bytes);
/* WINDOW_MS and nothing else. */
int recovery_setup(void **state);
/* 4000 bytes kept, 1200 sent to one client, 16384 queued. */
int recovery_setup_small(void **state);
int recovery_teardown(void **state);

/* Takes what has arrived. */
void client_read(struct client *client);
/* A CONNECT in the client's namespace; pid NULL: without auth. */
void client_send_connect(struct client *client, const char *pid, const char *offset);
/* A new connection, and a CONNECT with what the client remembers. */
void client_come(struct world *world, struct client *client);
/* Compares with what arrived since the last call. */
void client_got(struct client *client, const char *expected);
/* NULL: not connected. */
struct confab_socket *client_socket(const struct client *client);

/* Both are in, and have had a first event. */
void both_in(struct world *world);
/* A number to all, to a room, to one. */
void say(struct world *world, int number);
void say_in(struct world *world, const char *room, int number);
void say_to(struct client *client, int number);

const struct server_counters *counters(struct world *world);
/* It comes and is somebody new, for that reason; it comes and is who it was, with what it missed.
 */
void not_recovered(struct world *world, struct client *client, enum recovery_answer why);
void recovered(struct world *world, struct client *client, const char *expected);

#endif
