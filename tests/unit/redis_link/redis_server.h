/*
 * A redis-server of the test's own: on a free port of the loopback, without persistence, gone with
 * the test.
 *
 * Only what was started here is ever stopped. Failures end the test.
 */
#ifndef CONFAB_TESTS_REDIS_SERVER_H
#define CONFAB_TESTS_REDIS_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct redis_server {
    pid_t pid; /* 0: not running */
    int log_fd;
    uint16_t port;
    const char *password; /* NULL: none; constant text */
};

/* Starts it and returns when it accepts connections. The first start finds a port, later ones use
 * it again; the data begin
 * as they were saved (SAVE), or empty. */
void redis_server_start(struct redis_server *server);
/* Stops it at once (SIGKILL), as a crash would. Without effect when it does not run. */
void redis_server_kill(struct redis_server *server);
/* The same, and forgets what was saved. */
void redis_server_end(struct redis_server *server);
/* SIGSTOP, SIGCONT: it is there but does not answer. */
void redis_server_pause(const struct redis_server *server);
void redis_server_resume(const struct redis_server *server);

#endif
