#include <confab/run.h>

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/live.h"
#include "gateway/app/gateway.h"
#include "gateway/app/raw.h"

#define DESCRIPTORS_MAX ((rlim_t)1 << 20)

/* One connection is one descriptor: take as many as the system gives. Some containers are given a
 * thousand million, for which libwebsockets, with a table of that length in mind, falls back to
 * 2560. */
static void set_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    rlim_t wanted = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
    if (limit.rlim_cur != wanted) {
        limit.rlim_cur = wanted;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void on_terminate(int signal, short what, void *user)
{
    (void)what;
    /* Ctrl-C comes from a person who waits; SIGTERM from a manager with a balancer in front. */
    gateway_drain(user, signal == SIGINT);
}

static int serve(struct event_base *base, struct gateway *gateway)
{
    struct event *signals[] = {evsignal_new(base, SIGTERM, on_terminate, gateway),
                               evsignal_new(base, SIGINT, on_terminate, gateway)};
    for (size_t i = 0; i < 2; i++)
        event_add(signals[i], NULL);
    while (!gateway->done) {
        if (event_base_loop(base, EVLOOP_ONCE) < 0) {
            gateway_fail(gateway, GATEWAY_EXIT_INTERNAL);
            break;
        }
        gateway_turn(gateway);
    }
    for (size_t i = 0; i < 2; i++)
        event_free(signals[i]);
    return gateway->status;
}

/* Whatever is still alive now was lost: a bug that should not pass unseen. */
static int account_for_objects(int status)
{
    if (live_total() == 0)
        return status;
    live_report(stderr);
    return status != 0 ? status : GATEWAY_EXIT_INTERNAL;
}

static int run_with(struct options *options, const struct confab_app *app,
                    const struct app_raw *raw)
{
    signal(SIGPIPE, SIG_IGN);
    set_descriptors();
    struct event_base *base = event_base_new();
    if (base == NULL)
        return GATEWAY_EXIT_INTERNAL;
    int status = 0;
    const struct gateway_host host = {.raw = raw};
    struct gateway *gateway = gateway_new(base, options, app, &host, &status);
    if (gateway != NULL) {
        status = serve(base, gateway);
        gateway_free(&gateway);
        /* A look-up of Redis' name that was under way ends in the loop. */
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    event_base_free(base);
    libevent_global_shutdown();
    return account_for_objects(status);
}

int run_with_raw(int argc, char **argv, const struct confab_app *given, const struct app_raw *raw)
{
    struct confab_app app = given != NULL ? *given : *settings_chat_app();
    if (app.name == NULL)
        app.name = argc > 0 && strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1
                   : argc > 0                                ? argv[0]
                                                             : "confab";
    struct options options;
    int status = settings_main(argc, argv, &app, &options);
    if (status >= 0)
        return status;
    if (!options.health)
        return run_with(&options, &app, raw);
    status = gateway_ask_health(&options);
    struct option_set set = options_gateway(app.name);
    options_fini(&set, &options);
    return status;
}

int confab_run(int argc, char **argv, const struct confab_app *app)
{
    return run_with_raw(argc, argv, app, NULL);
}
