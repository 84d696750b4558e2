/* Gathering an option's texts from flags, environment, file and defaults, and the order among them.
 */
#include "common/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/options_priv.h"
#include <confab/err.h>
#include <confab/version.h>

#define TEXT_LIMIT_BYTES (256 * 1024)

/* Where the walk over argv is. */
struct args {
    char *const *next;
    char *const *end;
};

static const char *take_arg(struct args *a)
{
    return a->next < a->end ? *a->next++ : NULL;
}

static enum options_status set_config_path(struct option_run *run, const char *path,
                                           const char *where)
{
    free(run->config_path);
    free(run->config_where);
    run->config_path = xstrdup(path);
    run->config_where = xstrdup(where);
    return OPTIONS_RUN;
}

/* The five flags that every program has. True when name is one; *status then says how it went. */
static bool builtin_flag(struct option_run *run, const char *name, const char *value,
                         struct args *a, enum options_status *status)
{
    bool wants_value = strcmp(name, "config") == 0;

    *status = OPTIONS_RUN;
    if (wants_value) {
        if (value == NULL)
            value = take_arg(a);
        *status = value != NULL ? set_config_path(run, value, "--config")
                                : options_fail(run, "--config needs a value");
        return true;
    }
    if (strcmp(name, "check-config") == 0) {
        run->check_config = true;
    } else if (strcmp(name, "print-config") == 0) {
        run->print_config = true;
    } else if (strcmp(name, "help") == 0) {
        options_show_help(run->set, run->text);
        *status = OPTIONS_EXIT;
    } else if (strcmp(name, "version") == 0) {
        buf_printf(run->text, "%s %s\n", run->set->program, confab_version());
        *status = OPTIONS_EXIT;
    } else {
        return false;
    }
    if (value != NULL) {
        buf_reset(run->text);
        *status = options_fail(run, "--%s takes no value", name);
    }
    return true;
}

static enum options_status unknown_flag(struct option_run *run, const char *arg)
{
    int len = (int)strcspn(arg, "=");
    char near[OPTION_NAME_BYTES];
    char name[OPTION_NAME_BYTES];

    snprintf(name, sizeof(name), "%.*s", len > 2 ? len - 2 : 0, arg + 2);
    if (options_guess(run->set, name, near, sizeof(near)))
        return options_fail(run, "unknown option %.*s (is --%s meant?)", len, arg, near);
    return options_fail(run, "unknown option %.*s", len, arg);
}

/* A truth may stand without its value: then the next argument belongs to it only if it is a word
 * for a truth. */
static const char *bool_value(struct args *a)
{
    bool ignored;

    if (a->next < a->end && (*a->next)[0] != '0' && (*a->next)[0] != '1' &&
        option_parse_bool(*a->next, &ignored) == CONFAB_OK)
        return take_arg(a);
    return "on";
}

/* arg is --name or --name=value, name a copy of its name. */
static enum options_status own_flag(struct option_run *run, const char *arg, const char *name,
                                    const char *value, struct args *a)
{
    const struct option_spec *spec;
    char where[OPTION_NAME_BYTES + 8];
    bool from_file = false;

    snprintf(where, sizeof(where), "--%s", name);
    spec = options_find(run->set, name, strlen(name), &from_file);
    if (spec == NULL && strncmp(name, "no-", 3) == 0) {
        spec = options_find(run->set, name + 3, strlen(name + 3), NULL);
        if (spec == NULL || spec->type != OPTION_BOOL)
            return unknown_flag(run, arg);
        if (value != NULL)
            return options_fail(run, "%s takes no value", where);
        value = "off";
    }
    if (spec == NULL)
        return unknown_flag(run, arg);
    if (spec->type == OPTION_COMMAND && value != NULL)
        return options_fail(run, "%s takes no value", where);
    if (spec->type == OPTION_COMMAND)
        value = "on";
    if (value == NULL)
        value = spec->type == OPTION_BOOL ? bool_value(a) : take_arg(a);
    if (value == NULL)
        return options_fail(run, "%s needs a value", where);
    return options_give(run, spec, OPTION_FROM_FLAG, where, value, from_file);
}

static enum options_status read_flags(struct option_run *run, int argc, char *const *argv)
{
    struct args a = {argv + (argc > 0 ? 1 : 0), argv + argc};
    enum options_status status = OPTIONS_RUN;
    const char *arg;

    while (status == OPTIONS_RUN && (arg = take_arg(&a)) != NULL) {
        char name[OPTION_NAME_BYTES];
        size_t len = strcspn(arg, "=");
        const char *value = arg[len] == '=' ? arg + len + 1 : NULL;

        if (strncmp(arg, "--", 2) != 0 || len == 2)
            return options_fail(run, "unexpected argument '%s' (--help lists the options)", arg);
        if (len - 2 >= sizeof(name))
            return unknown_flag(run, arg);
        memcpy(name, arg + 2, len - 2);
        name[len - 2] = '\0';
        if (!builtin_flag(run, name, value, &a, &status))
            status = own_flag(run, arg, name, value, &a);
    }
    return status;
}

/* The value of NAME=value in envp, NULL when it is not there or empty: compose files pass "" for
 * what is not set. */
static const char *env_value(char *const *envp, const char *name)
{
    size_t len = strlen(name);

    for (; envp != NULL && *envp != NULL; envp++) {
        if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
            return (*envp)[len + 1] != '\0' ? *envp + len + 1 : NULL;
    }
    return NULL;
}

static void env_name(const struct option_set *set, const char *name, const char *suffix, char *out,
                     size_t size)
{
    snprintf(out, size, "%s%s%s", set->env_prefix, name, suffix);
    for (char *c = out; *c != '\0'; c++) {
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    }
}

static enum options_status read_env_option(struct option_run *run, const struct option_spec *spec,
                                           char *const *envp)
{
    char name[2 * OPTION_NAME_BYTES], file_name[2 * OPTION_NAME_BYTES];
    const char *value, *path = NULL;

    env_name(run->set, spec->name, "", name, sizeof(name));
    env_name(run->set, spec->name, "_FILE", file_name, sizeof(file_name));
    value = env_value(envp, name);
    if (option_takes_file(spec->type))
        path = env_value(envp, file_name);
    if (value != NULL && path != NULL)
        return options_fail(run, "%s and %s are both set", name, file_name);
    if (value != NULL)
        return options_give(run, spec, OPTION_FROM_ENV, name, value, false);
    if (path != NULL)
        return options_give(run, spec, OPTION_FROM_ENV, file_name, path, true);
    return OPTIONS_RUN;
}

static enum options_status read_env(struct option_run *run, char *const *envp)
{
    enum options_status status = OPTIONS_RUN;
    char name[2 * OPTION_NAME_BYTES];
    const char *path;

    if (run->set->env_prefix == NULL)
        return OPTIONS_RUN;
    env_name(run->set, "config", "", name, sizeof(name));
    path = env_value(envp, name);
    if (run->config_path == NULL && path != NULL)
        set_config_path(run, path, name);
    for (size_t i = 0; i < run->set->spec_count && status == OPTIONS_RUN; i++) {
        if (run->set->specs[i].type != OPTION_COMMAND)
            status = read_env_option(run, &run->set->specs[i], envp);
    }
    return status;
}

static enum options_status store_all(struct option_run *run, void *values)
{
    const struct option_set *set = run->set;
    struct buf why;
    int err = CONFAB_OK;
    size_t i;

    buf_init(&why, TEXT_LIMIT_BYTES);
    for (i = 0; i < set->spec_count && err == CONFAB_OK; i++) {
        const struct option_spec *spec = &set->specs[i];
        const struct option_given *given = &run->given[i];

        err =
            given->source == OPTION_FROM_DEFAULT
                ? option_store(spec, values, &spec->def, 1, &why)
                : option_store(spec, values, (const char *const *)given->texts, given->count, &why);
        if (err != CONFAB_OK)
            options_fail(run, "%s: %s", given->where != NULL ? given->where : spec->name,
                         buf_text(&why));
    }
    buf_fini(&why);
    return err == CONFAB_OK ? OPTIONS_RUN : OPTIONS_BAD;
}

static enum options_status gather_and_store(struct option_run *run, void *values, int argc,
                                            char *const *argv, char *const *envp)
{
    enum options_status status = read_flags(run, argc, argv);
    const char *problem;

    if (status == OPTIONS_RUN)
        status = read_env(run, envp);
    if (status == OPTIONS_RUN && run->config_path != NULL)
        status = options_read_file(run);
    if (status == OPTIONS_RUN)
        status = store_all(run, values);
    if (status != OPTIONS_RUN)
        return status;
    problem = run->set->check_all != NULL ? run->set->check_all(values) : NULL;
    if (problem != NULL)
        return options_fail(run, "%s", problem);
    if (run->print_config) {
        options_show_config(run, values, run->text);
        return OPTIONS_EXIT;
    }
    if (run->check_config) {
        buf_puts(run->text, "the configuration is valid\n");
        return OPTIONS_EXIT;
    }
    return OPTIONS_RUN;
}

enum options_status options_parse(const struct option_set *set, void *values, int argc,
                                  char *const *argv, char *const *envp, struct buf *text)
{
    struct option_run run = {.set = set, .text = text};
    enum options_status status;

    buf_reset(text);
    memset(values, 0, set->values_size);
    run.given = xcalloc(set->spec_count, sizeof(*run.given));
    status = gather_and_store(&run, values, argc, argv, envp);
    if (status != OPTIONS_RUN)
        options_fini(set, values);
    for (size_t i = 0; i < set->spec_count; i++) {
        options_forget(&run.given[i], &set->specs[i]);
        free(run.given[i].texts);
        free(run.given[i].where);
    }
    free(run.given);
    free(run.config_path);
    free(run.config_where);
    return status;
}

void options_fini(const struct option_set *set, void *values)
{
    for (size_t i = 0; i < set->spec_count; i++)
        option_clear(&set->specs[i], values);
}

int options_main(const struct option_set *set, void *values, int argc, char *const *argv)
{
    extern char **environ;
    enum options_status status;
    struct buf text;

    buf_init(&text, TEXT_LIMIT_BYTES);
    status = options_parse(set, values, argc, argv, environ, &text);
    if (status != OPTIONS_RUN)
        fputs(buf_text(&text), status == OPTIONS_EXIT ? stdout : stderr);
    buf_fini(&text);
    if (status == OPTIONS_RUN)
        return -1;
    return status == OPTIONS_EXIT ? 0 : OPTIONS_EXIT_USAGE;
}
