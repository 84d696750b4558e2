/* What --help and --print-config show. */
#include <inttypes.h>
#include <string.h>

#include "common/options_priv.h"
#include <confab/err.h>

#define HELP_COLUMN 30
#define HELP_WIDTH 96

static const char *argument_of(const struct option_spec *spec)
{
    switch (spec->type) {
    case OPTION_BOOL:
        return "on|off";
    case OPTION_INT:
        return "N";
    case OPTION_DURATION:
        return "TIME";
    case OPTION_BYTES:
        return "SIZE";
    case OPTION_ENUM:
        return spec->choices;
    case OPTION_LIST:
        return "X,...";
    case OPTION_URL:
        return "URL";
    case OPTION_STRING:
    case OPTION_SECRET:
        return "TEXT";
    case OPTION_COMMAND:
        break;
    }
    return "";
}

static void pad_to(struct buf *out, size_t line_start, size_t column)
{
    if (out->len - line_start >= column) {
        buf_put_u8(out, '\n');
        line_start = out->len;
    }
    while (out->len - line_start < column && buf_error(out) == CONFAB_OK)
        buf_put_u8(out, ' ');
}

/* Appends text in lines from HELP_COLUMN to HELP_WIDTH; the first line's begin is there already. */
static void put_wrapped(struct buf *out, const char *text)
{
    size_t used = HELP_COLUMN;

    while (*text != '\0' && buf_error(out) == CONFAB_OK) {
        size_t len = strcspn(text, " ");

        if (used > HELP_COLUMN && used + 1 + len > HELP_WIDTH) {
            buf_put_u8(out, '\n');
            pad_to(out, out->len, HELP_COLUMN);
            used = HELP_COLUMN;
        } else if (used > HELP_COLUMN) {
            buf_put_u8(out, ' ');
            used++;
        }
        buf_append(out, text, len);
        used += len;
        text += len + (text[len] == ' ');
    }
    buf_put_u8(out, '\n');
}

static void put_option(struct buf *out, const char *name, const char *argument, const char *text,
                       const char *def)
{
    size_t line_start = out->len;
    struct buf whole;

    buf_init(&whole, 4096);
    buf_printf(&whole, "%s%s%s%s", text, def[0] != '\0' ? " (default " : "", def,
               def[0] != '\0' ? ")" : "");
    buf_printf(out, "  --%s%s%s", name, argument[0] != '\0' ? " " : "", argument);
    buf_put_u8(out, ' ');
    pad_to(out, line_start, HELP_COLUMN);
    put_wrapped(out, buf_text(&whole));
    buf_fini(&whole);
}

void options_show_help(const struct option_set *set, struct buf *out)
{
    const char *group = "";

    buf_printf(out, "%s\n\nUsage: %s [options]\n", set->summary, set->program);
    for (size_t i = 0; i < set->spec_count; i++) {
        const struct option_spec *spec = &set->specs[i];
        char name[OPTION_NAME_BYTES];

        if (strcmp(group, spec->group) != 0)
            buf_printf(out, "\n%s\n", spec->group);
        group = spec->group;
        options_dashed(spec->name, name, sizeof(name));
        put_option(out, name, argument_of(spec), spec->text, spec->def);
    }
    buf_puts(out, "\nEvery program\n");
    put_option(out, "config", "FILE", "Read options from FILE, lines of the form key = value.", "");
    put_option(out, "check-config", "", "Check all options and exit.", "");
    put_option(out, "print-config", "", "Print all options with their sources and exit.", "");
    put_option(out, "help", "", "Print this and exit.", "");
    put_option(out, "version", "", "Print the version and exit.", "");
    buf_puts(out,
             "\nTIME has a unit (ms, s, m, h, d) or counts milliseconds; SIZE has a unit (kB, MB, "
             "GB, KiB, MiB, GiB) or\ncounts bytes.");
    if (set->env_prefix != NULL)
        buf_printf(out,
                   " An option is also taken from the environment (--a-b as %sA_B); flags win.",
                   set->env_prefix);
    buf_puts(out, "\n");
}

/* In quotes where the file's syntax would otherwise read something else. */
static void put_text(struct buf *out, const char *text)
{
    size_t len = strlen(text);
    bool quote = len == 0 || strchr(text, '#') != NULL || strchr(text, '"') != NULL ||
                 text[0] == ' ' || text[len - 1] == ' ';

    buf_printf(out, quote ? "\"%s\"" : "%s", text);
}

/* "***" in place of a URL's password, or of all before the '@' when there is no user. True when
 * something was masked. */
static bool put_masked_url(struct buf *out, const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *start = scheme != NULL ? scheme + 3 : url;
    const char *at = strrchr(start, '@');
    const char *colon = at != NULL ? memchr(start, ':', (size_t)(at - start)) : NULL;

    if (at == NULL) {
        put_text(out, url);
        return false;
    }
    buf_append(out, url, (size_t)((colon != NULL ? colon + 1 : start) - url));
    buf_puts(out, "***");
    buf_puts(out, at);
    return true;
}

static void put_choice(struct buf *out, const char *choices, int index)
{
    for (; index > 0; index--)
        choices += strcspn(choices, "|") + 1;
    buf_append(out, choices, strcspn(choices, "|"));
}

static void put_list(struct buf *out, const struct option_list *list)
{
    struct buf items;

    buf_init(&items, out->limit_bytes);
    for (size_t i = 0; i < list->count; i++)
        buf_printf(&items, "%s%s", i != 0 ? ", " : "", list->items[i]);
    put_text(out, buf_text(&items));
    buf_fini(&items);
}

/* Returns true when the value shown is not the value itself. */
static bool put_value(struct buf *out, const struct option_spec *spec, const void *values)
{
    const void *field = (const char *)values + spec->offset;

    switch (spec->type) {
    case OPTION_BOOL:
        buf_puts(out, *(const bool *)field ? "on" : "off");
        break;
    case OPTION_INT:
    case OPTION_DURATION:
    case OPTION_BYTES:
        buf_put_int(out, *(const int64_t *)field);
        break;
    case OPTION_STRING:
        put_text(out, *(char *const *)field);
        break;
    case OPTION_SECRET:
        if (**(char *const *)field != '\0') {
            buf_puts(out, "***");
            return true;
        }
        put_text(out, "");
        break;
    case OPTION_URL:
        return put_masked_url(out, *(char *const *)field);
    case OPTION_ENUM:
        put_choice(out, spec->choices, *(const int *)field);
        break;
    case OPTION_LIST:
        put_list(out, field);
        break;
    case OPTION_COMMAND:
        break;
    }
    return false;
}

/* The file's syntax has no way to write a quote that is not around the value. */
static bool has_inner_quote(const char *value)
{
    size_t len = strlen(value);
    bool quoted = len >= 2 && value[0] == '"' && value[len - 1] == '"';

    return memchr(value + quoted, '"', len - 2 * (size_t)quoted) != NULL;
}

static void put_line(struct buf *out, const struct option_spec *spec,
                     const struct option_given *given, const void *values)
{
    char name[OPTION_NAME_BYTES];
    struct buf value;
    bool masked;

    buf_init(&value, out->limit_bytes);
    masked = put_value(&value, spec, values) || has_inner_quote(buf_text(&value));
    options_dashed(spec->name, name, sizeof(name));
    /* A line that would not bring its value back is a comment. */
    buf_printf(out, "%s%s = %s  # %s\n", masked ? "# " : "", name, buf_text(&value),
               given->source == OPTION_FROM_DEFAULT ? "default" : given->where);
    buf_fini(&value);
}

void options_show_config(const struct option_run *run, const void *values, struct buf *out)
{
    const char *group = "";

    for (size_t i = 0; i < run->set->spec_count; i++) {
        const struct option_spec *spec = &run->set->specs[i];

        if (spec->type == OPTION_COMMAND)
            continue;
        if (strcmp(group, spec->group) != 0)
            buf_printf(out, "%s# %s\n", i != 0 ? "\n" : "", spec->group);
        group = spec->group;
        put_line(out, spec, &run->given[i], values);
    }
}
