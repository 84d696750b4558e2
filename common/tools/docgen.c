/*
 * Prints the reference pages that are made from tables: `confab-docgen options` and `confab-docgen
 * metrics`. What comes out is docs/options.md and docs/metrics.md; tests/lint/generated compares.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/metrics.h"
#include "common/options.h"

/* A table cell: '|' would end it. */
static void put_cell(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            putchar('\\');
        putchar(*text);
    }
}

static void put_dashed(const char *name)
{
    for (; *name != '\0'; name++)
        putchar(*name == '_' ? '-' : *name);
}

static void put_upper(const char *name)
{
    for (; *name != '\0'; name++)
        putchar(*name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name);
}

/* A duration or size with the largest unit that divides it. */
static void put_with_unit(int64_t value, bool is_duration)
{
    static const struct {
        int64_t factor;
        const char *name;
    } units[2][4] = {
        {{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}, {1, "B"}},
        {{3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}},
    };
    int i = 0;

    while (i < 3 && (value == 0 || value % units[is_duration][i].factor != 0))
        i++;
    printf("%" PRId64 " %s", value / units[is_duration][i].factor, units[is_duration][i].name);
}

static void put_range(const struct option_spec *spec)
{
    switch (spec->type) {
    case OPTION_DURATION:
    case OPTION_BYTES:
        put_with_unit(spec->min, spec->type == OPTION_DURATION);
        printf(" to ");
        put_with_unit(spec->max, spec->type == OPTION_DURATION);
        break;
    case OPTION_INT:
        printf("%" PRId64 " to %" PRId64, spec->min, spec->max);
        break;
    case OPTION_ENUM:
        put_cell(spec->choices);
        break;
    case OPTION_BOOL:
        put_cell("on|off");
        break;
    case OPTION_LIST:
        printf("list, up to %" PRId64, spec->max);
        break;
    case OPTION_SECRET:
        printf("secret text");
        break;
    case OPTION_URL:
        printf("URL");
        break;
    case OPTION_STRING:
        printf("text");
        break;
    case OPTION_COMMAND:
        printf("flag only");
        break;
    }
}

static void put_option(const struct option_set *set, const struct option_spec *spec)
{
    bool takes_file = spec->type == OPTION_SECRET || spec->type == OPTION_URL;

    printf("| `--");
    put_dashed(spec->name);
    printf("` | ");
    if (spec->type != OPTION_COMMAND) {
        printf("`%s", set->env_prefix);
        put_upper(spec->name);
        printf("`");
    }
    printf(" | ");
    put_range(spec);
    printf(spec->def[0] != '\0' ? " | `%s` | " : " | %s | ", spec->def);
    put_cell(spec->text);
    if (takes_file)
        printf(" Also from a file.");
    printf(" |\n");
}

static const char options_intro[] =
    "# Options of confab-gateway\n"
    "\n"
    "<!-- Made by confab-docgen from common/options.def; do not edit. -->\n"
    "\n"
    "For every option the first of these that names it wins: the flag, the environment variable, the\n"
    "configuration file, the default. A wrong one ends the program with one line and status 64.\n"
    "\n"
    "- Flags: `--name value` or `--name=value`. What is on or off also as `--name` and `--no-name`.\n"
    "- Environment: the variable beside the flag. An empty variable counts as not set.\n"
    "- File: `--config FILE` or `CONFAB_CONFIG`; lines `name = value` with the flag's name without its\n"
    "  dashes. `#` begins a comment at a line's begin or behind a blank; a value may stand in double\n"
    "  quotes. An unknown name, or one that occurs twice, is an error that tells the line.\n"
    "- Lists: separated by commas; the flag and the file's line may also be repeated.\n"
    "- Durations have a unit (`ms`, `s`, `m`, `h`, `d`) or count milliseconds. Sizes have a unit (`kB`,\n"
    "  `MB`, `GB` of 1000, `KiB`, `MiB`, `GiB` of 1024) or count bytes.\n"
    "- Options that may hold a secret also come from the first line of a file: `--name-file PATH`, the\n"
    "  variable with `_FILE` behind it, or `name-file` in the configuration file. They are never shown.\n"
    "\n"
    "`--check-config` checks all and exits, `--print-config` shows every value with its source in the\n"
    "form of a configuration file, `--help` lists the flags, `--version` tells the version.\n";

static void print_options(void)
{
    struct option_set set = options_gateway("confab-gateway");
    const char *group = "";

    fputs(options_intro, stdout);
    for (size_t i = 0; i < set.spec_count; i++) {
        const struct option_spec *spec = &set.specs[i];

        if (strcmp(group, spec->group) != 0)
            printf("\n## %s\n\n| flag | environment | values | default | what it is |\n"
                   "|---|---|---|---|---|\n",
                   spec->group);
        group = spec->group;
        put_option(&set, spec);
    }
}

static const char metrics_intro[] =
    "# Metrics of confab-gateway\n"
    "\n"
    "<!-- Made by confab-docgen from common/metrics.def; do not edit. -->\n"
    "\n"
    "`/metrics` shows them in Prometheus' text format: on `--admin-listen`, or, without it, on the main\n"
    "address to loopback peers only. Units are seconds and bytes. Where a label's values are not listed,\n"
    "the program makes them itself; no family has more than 64, what is beyond counts as `other`.\n"
    "\n"
    "| name | kind | label | meaning |\n"
    "|---|---|---|---|\n";

static void print_metrics(void)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};

    fputs(metrics_intro, stdout);
    for (int id = 0; id < METRIC_COUNT; id++) {
        const struct metric_spec *spec = &metric_specs[id];

        printf("| `%s` | %s | ", spec->name, kinds[spec->kind]);
        if (spec->label[0] != '\0')
            printf("`%s`%s", spec->label, spec->values[0] != '\0' ? ": " : "");
        put_cell(spec->values);
        printf(" | ");
        put_cell(spec->help);
        printf(" |\n");
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "options") == 0) {
        print_options();
    } else if (argc == 2 && strcmp(argv[1], "metrics") == 0) {
        print_metrics();
    } else {
        fprintf(stderr, "usage: confab-docgen options|metrics\n");
        return OPTIONS_EXIT_USAGE;
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
