/* Finding options by name and taking their texts by precedence. */
#define _DEFAULT_SOURCE

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/options_priv.h"

#define SECRET_MAX_BYTES 4096

void options_dashed(const char *name, char *out, size_t size)
{
    size_t i;

    for (i = 0; name[i] != '\0' && i + 1 < size; i++)
        out[i] = name[i] == '_' ? '-' : name[i];
    out[i] = '\0';
}

static bool is_name_of(const struct option_spec *spec, const char *name, size_t len)
{
    char dashed[OPTION_NAME_BYTES];

    options_dashed(spec->name, dashed, sizeof(dashed));
    return strlen(dashed) == len && strncmp(dashed, name, len) == 0;
}

const struct option_spec *options_find(const struct option_set *set, const char *name,
                                       size_t name_len, bool *from_file)
{
    static const char suffix[] = "-file";
    size_t suffix_len = strlen(suffix);

    if (from_file != NULL)
        *from_file = false;
    for (size_t i = 0; i < set->spec_count; i++) {
        if (is_name_of(&set->specs[i], name, name_len))
            return &set->specs[i];
    }
    if (from_file == NULL || name_len <= suffix_len ||
        strncmp(name + name_len - suffix_len, suffix, suffix_len) != 0)
        return NULL;
    for (size_t i = 0; i < set->spec_count; i++) {
        if (option_takes_file(set->specs[i].type) &&
            is_name_of(&set->specs[i], name, name_len - suffix_len)) {
            *from_file = true;
            return &set->specs[i];
        }
    }
    return NULL;
}

/* How many insertions, removals and replacements lead from a to b (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
    size_t row[OPTION_NAME_BYTES + 1];
    size_t b_len = strlen(b);

    if (b_len >= OPTION_NAME_BYTES)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < b_len; j++) {
            size_t best = diagonal + (a[i] != b[j]);

            diagonal = row[j + 1];
            if (row[j + 1] + 1 < best)
                best = row[j + 1] + 1;
            if (row[j] + 1 < best)
                best = row[j] + 1;
            row[j + 1] = best;
        }
    }
    return row[b_len];
}

bool options_guess(const struct option_set *set, const char *name, char *out, size_t size)
{
    static const char *const builtin[] = {"config", "check-config", "print-config", "help",
                                          "version"};
    size_t builtin_count = sizeof(builtin) / sizeof(builtin[0]);
    size_t best = 3; /* more than two slips is another word */

    for (size_t i = 0; i < set->spec_count + builtin_count; i++) {
        char dashed[OPTION_NAME_BYTES];
        size_t d;

        options_dashed(i < set->spec_count ? set->specs[i].name : builtin[i - set->spec_count],
                       dashed, sizeof(dashed));
        d = distance(name, dashed);
        /* Not the very word: it is known, but not in this place. */
        if (d != 0 && d < best && d < strlen(dashed) / 2) {
            best = d;
            snprintf(out, size, "%s", dashed);
        }
    }
    return best < 3;
}

/* The first line of the file at path; NULL with the reason in run->text. */
static char *read_first_line(struct option_run *run, const char *where, const char *path)
{
    char line[SECRET_MAX_BYTES + 2];
    char *copy = NULL;
    FILE *f = fopen(path, "re");
    size_t len;

    if (f == NULL) {
        options_fail(run, "%s: cannot read %s: %s", where, path, strerror(errno));
        return NULL;
    }
    errno = 0;
    if (fgets(line, sizeof(line), f) == NULL)
        line[0] = '\0';
    len = strcspn(line, "\r\n");
    if (ferror(f))
        options_fail(run, "%s: cannot read %s: %s", where, path, strerror(errno));
    else if (len > SECRET_MAX_BYTES)
        options_fail(run, "%s: the first line of %s is longer than %d bytes", where, path,
                     SECRET_MAX_BYTES);
    else
        copy = xstrndup(line, len);
    explicit_bzero(line, sizeof(line));
    fclose(f);
    return copy;
}

void options_forget(struct option_given *given, const struct option_spec *spec)
{
    for (size_t i = 0; i < given->count; i++) {
        if (option_takes_file(spec->type))
            explicit_bzero(given->texts[i], strlen(given->texts[i]));
        free(given->texts[i]);
    }
    given->count = 0;
}

enum options_status options_give(struct option_run *run, const struct option_spec *spec,
                                 enum option_source source, const char *where, const char *text,
                                 bool from_file)
{
    struct option_given *given = &run->given[spec - run->set->specs];
    char *copy;

    if (given->source > source)
        return OPTIONS_RUN;
    copy = from_file ? read_first_line(run, where, text) : xstrdup(text);
    if (copy == NULL)
        return OPTIONS_BAD;
    if (given->source < source || spec->type != OPTION_LIST)
        options_forget(given, spec);
    free(given->where);
    given->where = xstrdup(where);
    given->source = source;
    given->texts = xreallocarray(given->texts, given->count + 1, sizeof(*given->texts));
    given->texts[given->count++] = copy;
    return OPTIONS_RUN;
}

enum options_status options_fail(struct option_run *run, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    buf_printf(run->text, "%s: ", run->set->program);
    buf_vprintf(run->text, format, args);
    va_end(args);
    /* What was given is told back: on one line, and without orders to the terminal. */
    for (size_t i = 0; i < run->text->len; i++) {
        if (run->text->data[i] < 0x20 || run->text->data[i] == 0x7f)
            run->text->data[i] = '?';
    }
    buf_put_u8(run->text, '\n');
    return OPTIONS_BAD;
}
