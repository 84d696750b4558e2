/*
 * Two nodes of one cluster in one process, on one loop, each with the chat.
 *
 * usage: two redis=URL [name=value…]    until SIGTERM
 */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <confab/confab.h>

#define NODES 2

struct program {
    struct event_base *base;
    struct confab_gateway *gateways[NODES];
    int running;
    int status;
};

static void on_ended(struct confab_gateway *gateway, int status, void *user)
{
    struct program *program = user;
    (void)gateway;
    if (status != CONFAB_OK)
        program->status = EXIT_FAILURE;
    if (--program->running == 0)
        event_base_loopbreak(program->base);
}

static void on_terminate(evutil_socket_t signal, short what, void *user)
{
    struct program *program = user;
    (void)signal;
    (void)what;
    for (int i = 0; i < NODES; i++)
        confab_gateway_stop(program->gateways[i], true);
}

int main(int argc, char **argv)
{
    struct program program = {.base = event_base_new()};
    (void)argc;
    signal(SIGPIPE, SIG_IGN);
    struct event *terminate = evsignal_new(program.base, SIGTERM, on_terminate, &program);
    event_add(terminate, NULL);
    for (; program.running < NODES; program.running++) {
        struct confab_gateway **gateway = &program.gateways[program.running];
        if (confab_gateway_new(gateway, program.base, NULL, (const char *const *)argv + 1, on_ended,
                               &program) != CONFAB_OK)
            return EXIT_FAILURE;
        printf("listening on %s\n", confab_gateway_url(*gateway, 0));
    }
    fflush(stdout);
    event_base_dispatch(program.base);
    for (int i = 0; i < NODES; i++)
        confab_gateway_free(&program.gateways[i]);
    event_free(terminate);
    event_base_free(program.base);
    return program.status;
}
