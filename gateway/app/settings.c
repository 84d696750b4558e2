/*
 * What options a program on a gateway has, and what they were set to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "gateway/app/gateway.h"

#define TEXT_LIMIT_BYTES 65536

const struct confab_app *settings_chat_app(void)
{
    static const struct confab_app chat_app = {.name = "confab-gateway"};
    return &chat_app;
}

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

/* What holds for programs that may run the chat, besides what holds for all. */
static const char *check_with_chat(const void *values)
{
    const struct options *options = values;
    const char *problem = options_gateway(NULL).check_all(values);
    if (problem == NULL && options->recovery_ms != 0 && options->app == APP_CHAT)
        problem = "--recovery-ms cannot go together with the chat, whose events have no offsets: "
                  "it is for other applications, and for --app none";
    return problem;
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
    if (app->setup == NULL)
        set->check_all = check_with_chat;
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

int settings_main(int argc, char **argv, const struct confab_app *app, struct options *options)
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

/* As flags: "--name=value"; who wrote the dashes already meant the same. */
static char **flags_of(const char *const *given, const char *name, int *count)
{
    size_t n = 0;
    while (given != NULL && given[n] != NULL)
        n++;
    char **flags = xcalloc(n + 2, sizeof(*flags));
    flags[0] = xstrdup(name);
    for (size_t i = 0; i < n; i++) {
        const char *bare = given[i] + (strncmp(given[i], "--", 2) == 0 ? 2 : 0);
        size_t length_bytes = strlen(bare);
        flags[i + 1] = xmalloc(length_bytes + 3);
        memcpy(flags[i + 1], "--", 2);
        memcpy(flags[i + 1] + 2, bare, length_bytes + 1);
    }
    *count = (int)n + 1;
    return flags;
}

int settings_given(const char *const *given, const struct confab_app *app, struct options *options)
{
    int count;
    char **flags = flags_of(given, app->name, &count);
    struct option_set set = options_gateway(app->name);
    struct option_spec *specs = program_specs(app, &set);
    struct buf text;
    buf_init(&text, TEXT_LIMIT_BYTES);
    enum options_status status = options_parse(&set, options, count, flags, NULL, &text);
    if (status == OPTIONS_BAD)
        fprintf(stderr, "%.*s", (int)text.len, (const char *)text.data);
    else if (status == OPTIONS_EXIT)
        fprintf(stderr, "%s: this option is for programs that print and end\n", app->name);
    else
        complete(options);
    buf_fini(&text);
    free(specs);
    for (int i = 0; i < count; i++)
        free(flags[i]);
    free(flags);
    return status == OPTIONS_RUN ? -1 : OPTIONS_EXIT_USAGE;
}
