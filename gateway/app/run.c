#include <confab/run.h>

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/live.h"
#include "common/mem.h"
#include "gateway/app/gateway.h"
#include "gateway/app/raw.h"

#define DESCRIPTORS_MAX ((rlim_t)1 << 20)

static const struct confab_app chat_app = {.name = "confab-gateway"};

/* The chat's options mean nothing to a program with an application of its own. */
static bool applies(const struct confab_app *app, const struct option_spec *spec)
{
    return app->setup == NULL || strcmp(spec->group, "Chat") != 0;
}

/* What stands behind "name=" if this is the option's name. The table has underscores in names where
 * flags have dashes. */
static const char *value_for(const struct option_spec *spec, const char *text)
{
    for (const char *name = spec->name; *name != '\0'; name++, text++)
        if (*text != *name && !(*text == '-' && *name == '_'))
            return NULL;
    return *text == '=' ? text + 1 : NULL;
}

/* The gateway's table as this program has it: without the chat's rows where they do not apply, they
 * keep their defaults. */
static struct option_spec *program_specs(const struct confab_app *app, struct option_set *set)
{
    struct option_spec *specs = xcalloc(set->spec_count, sizeof(*specs));
    size_t count = 0;
    for (size_t i = 0; i < set->spec_count; i++) {
        if (!applies(app, &set->specs[i]))
            continue;
        struct option_spec *spec = &specs[count++];
        *spec = set->specs[i];
        for (const char *const *d = app->defaults; d != NULL && *d != NULL; d++) {
            const char *value = value_for(spec, *d);
            if (value != NULL)
                spec->def = value;
        }
    }
    set->specs = specs;
    set->spec_count = count;
    return specs;
}

/* The rows left out are empty texts and lists, which is what freeing expects. */
static void complete(struct options *options)
{
    if (options->chat_namespace == NULL)
        options->chat_namespace = xstrdup("/");
}

static int read_options(int argc, char **argv, const struct confab_app *app,
                        struct options *options)
{
    struct option_set set = options_gateway(app->name);
    if (app->summary != NULL)
        set.summary = app->summary;
    struct option_spec *specs = program_specs(app, &set);
    int status = options_main(&set, options, argc, argv);
    free(specs);
    if (status < 0)
        complete(options);
    return status;
}

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
    struct gateway *gateway = gateway_new(base, options, app, raw, &status);
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
    struct confab_app app = given != NULL ? *given : chat_app;
    if (app.name == NULL)
        app.name = argc > 0 && strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1
                   : argc > 0                                ? argv[0]
                                                             : "confab";
    struct options options;
    int status = read_options(argc, argv, &app, &options);
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
