/* The configuration file: "key = value" lines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/options_priv.h"
#include <confab/err.h>

#define FILE_MAX_BYTES (1024 * 1024)

/* What a walk over the lines needs. */
struct config_file {
    struct option_run *run;
    unsigned line;
    unsigned *first_line; /* owned; for each option the line that had it first, 0 for none */
};

static enum options_status load(struct option_run *run, struct buf *content)
{
    const char *path = run->config_path;
    FILE *f = fopen(path, "re");
    char block[4096];
    size_t n;
    bool failed;

    if (f == NULL)
        return options_fail(run, "%s: cannot read %s: %s", run->config_where, path,
                            strerror(errno));
    errno = 0;
    while ((n = fread(block, 1, sizeof(block), f)) != 0)
        buf_append(content, block, n);
    failed = ferror(f) != 0;
    fclose(f);
    if (failed)
        return options_fail(run, "%s: cannot read %s: %s", run->config_where, path,
                            strerror(errno));
    if (buf_error(content) != CONFAB_OK)
        return options_fail(run, "%s: longer than %d bytes", path, FILE_MAX_BYTES);
    if (strlen(buf_text(content)) != content->len)
        return options_fail(run, "%s: not a text file", path);
    return OPTIONS_RUN;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts white space off both ends, in place; returns the new begin. */
static char *strip(char *text)
{
    size_t len;

    while (is_blank(*text))
        text++;
    len = strlen(text);
    while (len != 0 && is_blank(text[len - 1]))
        len--;
    text[len] = '\0';
    return text;
}

/* Cuts off a comment: a '#' at the line's begin or behind a blank, outside a quoted value. */
static void cut_comment(char *line)
{
    bool quoted = false;

    for (char *c = line; *c != '\0'; c++) {
        if (*c == '"')
            quoted = !quoted;
        if (*c == '#' && !quoted && (c == line || is_blank(c[-1]))) {
            *c = '\0';
            return;
        }
    }
}

static enum options_status unknown_key(struct config_file *file, const char *key)
{
    struct option_run *run = file->run;
    char near[OPTION_NAME_BYTES];

    if (strlen(key) < OPTION_NAME_BYTES && options_guess(run->set, key, near, sizeof(near)))
        return options_fail(run, "%s:%u: unknown key '%s' (is %s meant?)", run->config_path,
                            file->line, key, near);
    return options_fail(run, "%s:%u: unknown key '%s'", run->config_path, file->line, key);
}

static enum options_status take_pair(struct config_file *file, const char *key, char *value)
{
    struct option_run *run = file->run;
    size_t len = strlen(value);
    bool from_file;
    const struct option_spec *spec = options_find(run->set, key, strlen(key), &from_file);
    enum options_status status;
    unsigned *first;
    char *where;

    if (spec == NULL || spec->type == OPTION_COMMAND)
        return unknown_key(file, key);
    first = &file->first_line[spec - run->set->specs];
    if (*first != 0 && spec->type != OPTION_LIST)
        return options_fail(run, "%s:%u: %s was set in line %u already", run->config_path,
                            file->line, key, *first);
    *first = file->line;
    if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
        value[len - 1] = '\0';
        value++;
    }
    where = xmalloc(strlen(run->config_path) + strlen(key) + 32);
    sprintf(where, "%s:%u: %s", run->config_path, file->line, key);
    status = options_give(run, spec, OPTION_FROM_FILE, where, value, from_file);
    free(where);
    return status;
}

static enum options_status take_line(struct config_file *file, char *line)
{
    struct option_run *run = file->run;
    char *key, *equals;

    cut_comment(line);
    key = strip(line);
    if (*key == '\0')
        return OPTIONS_RUN;
    equals = strchr(key, '=');
    if (equals == NULL)
        return options_fail(run, "%s:%u: not a line of the form key = value", run->config_path,
                            file->line);
    *equals = '\0';
    key = strip(key);
    return take_pair(file, key, strip(equals + 1));
}

enum options_status options_read_file(struct option_run *run)
{
    struct config_file file = {.run = run};
    enum options_status status;
    struct buf content;
    char *line, *next;

    buf_init(&content, FILE_MAX_BYTES);
    file.first_line = xcalloc(run->set->spec_count, sizeof(*file.first_line));
    status = load(run, &content);
    line = content.len != 0 ? (char *)content.data : NULL;
    while (status == OPTIONS_RUN && line != NULL) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        file.line++;
        status = take_line(&file, line);
        line = next;
    }
    free(file.first_line);
    buf_fini(&content);
    return status;
}
