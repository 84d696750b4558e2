/* Texts to values: the parsers of single values and what each type of option makes of its texts. */
#define _DEFAULT_SOURCE

#include "common/options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/options_priv.h"
#include "common/utf8.h"
#include <confab/err.h>

struct unit {
    const char *name; /* lower case */
    int64_t factor;
};

static const struct unit duration_units[] = {
    {"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000},
};

static const struct unit size_units[] = {
    {"", 1},          {"b", 1},         {"kb", 1000},     {"mb", 1000000}, {"gb", 1000000000},
    {"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30},
};

/* Digits with an optional '-'; *end is set behind them. */
static int parse_digits(const char *text, int64_t *out, const char **end)
{
    bool negative = *text == '-';
    int64_t value = 0;
    const char *s = text + negative;

    if (*s < '0' || *s > '9')
        return CONFAB_EPARSE;
    for (; *s >= '0' && *s <= '9'; s++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, *s - '0', &value))
            return CONFAB_ELIMIT;
    }
    /* Gathered below zero, where there is room for one more. */
    if (!negative && __builtin_sub_overflow(0, value, &value))
        return CONFAB_ELIMIT;
    *out = value;
    *end = s;
    return CONFAB_OK;
}

static bool equals_ignoring_case(const char *text, const char *lower)
{
    for (; *text != '\0' && *lower != '\0'; text++, lower++) {
        char c = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;

        if (c != *lower)
            return false;
    }
    return *text == *lower;
}

static int parse_with_unit(const char *text, const struct unit *units, size_t count, int64_t *out)
{
    const char *unit;
    int64_t value;
    int err = parse_digits(text, &value, &unit);

    if (err != CONFAB_OK)
        return err;
    for (size_t i = 0; i < count; i++) {
        if (equals_ignoring_case(unit, units[i].name))
            return __builtin_mul_overflow(value, units[i].factor, out) ? CONFAB_ELIMIT : CONFAB_OK;
    }
    return CONFAB_EPARSE;
}

int option_parse_int(const char *text, int64_t *out)
{
    return parse_with_unit(text, duration_units, 1, out);
}

int option_parse_duration_ms(const char *text, int64_t *out)
{
    return parse_with_unit(text, duration_units, sizeof(duration_units) / sizeof(duration_units[0]),
                           out);
}

int option_parse_bytes(const char *text, int64_t *out)
{
    return parse_with_unit(text, size_units, sizeof(size_units) / sizeof(size_units[0]), out);
}

int option_parse_bool(const char *text, bool *out)
{
    static const char *const words[] = {"off", "on", "false", "true", "no", "yes", "0", "1"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (equals_ignoring_case(text, words[i])) {
            *out = i % 2 == 1;
            return CONFAB_OK;
        }
    }
    return CONFAB_EPARSE;
}

static void *field(const struct option_spec *spec, void *values)
{
    return (char *)values + spec->offset;
}

static int store_number(const struct option_spec *spec, void *values, const char *text,
                        struct buf *why)
{
    static const char *const meant[] = {
        [OPTION_INT] = "a whole number",
        [OPTION_DURATION] = "a duration like 25s, 100ms or 25000",
        [OPTION_BYTES] = "a size like 1MB, 64KiB or 1000000",
    };
    static const char *const units[] = {
        [OPTION_INT] = "", [OPTION_DURATION] = " ms", [OPTION_BYTES] = " bytes"};
    int64_t value = 0;
    int err;

    if (spec->type == OPTION_INT)
        err = option_parse_int(text, &value);
    else if (spec->type == OPTION_DURATION)
        err = option_parse_duration_ms(text, &value);
    else
        err = option_parse_bytes(text, &value);
    if (err == CONFAB_EPARSE) {
        buf_printf(why, "'%s' is not %s", text, meant[spec->type]);
        return err;
    }
    if (err == CONFAB_ELIMIT || value < spec->min || value > spec->max) {
        buf_printf(why, "%s is not between %" PRId64 " and %" PRId64 "%s", text, spec->min,
                   spec->max, units[spec->type]);
        return CONFAB_ELIMIT;
    }
    *(int64_t *)field(spec, values) = value;
    return CONFAB_OK;
}

static int store_enum(const struct option_spec *spec, void *values, const char *text,
                      struct buf *why)
{
    const char *choice = spec->choices;

    for (int index = 0; *choice != '\0'; index++) {
        size_t len = strcspn(choice, "|");

        if (strlen(text) == len && strncmp(choice, text, len) == 0) {
            *(int *)field(spec, values) = index;
            return CONFAB_OK;
        }
        choice += len + (choice[len] == '|');
    }
    buf_printf(why, "'%s' is none of %s", text, spec->choices);
    return CONFAB_EPARSE;
}

/* Texts are UTF-8 without controls, so that they can be printed, logged and put into headers. */
static int check_text(const struct option_spec *spec, const char *text, struct buf *why)
{
    const char *problem;

    if (!utf8_valid(text, strlen(text))) {
        buf_puts(why, "the value is not UTF-8");
        return CONFAB_EPARSE;
    }
    for (const char *s = text; *s != '\0'; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f) {
            buf_puts(why, "the value holds a control character");
            return CONFAB_EPARSE;
        }
    }
    problem = spec->check != NULL ? spec->check(text) : NULL;
    if (problem == NULL)
        return CONFAB_OK;
    if (option_takes_file(spec->type))
        buf_printf(why, "the value %s", problem);
    else
        buf_printf(why, "'%s' %s", text, problem);
    return CONFAB_EPARSE;
}

static int store_text(const struct option_spec *spec, void *values, const char *text,
                      struct buf *why)
{
    int64_t len = (int64_t)strlen(text);
    int err;

    if (len < spec->min || len > spec->max) {
        buf_printf(why, "the value is not between %" PRId64 " and %" PRId64 " bytes long",
                   spec->min, spec->max);
        return CONFAB_ELIMIT;
    }
    err = check_text(spec, text, why);
    if (err != CONFAB_OK)
        return err;
    *(char **)field(spec, values) = xstrdup(text);
    return CONFAB_OK;
}

static int add_items(const struct option_spec *spec, struct option_list *list, const char *text,
                     struct buf *why)
{
    while (*text != '\0') {
        const char *end = text + strcspn(text, ",");
        const char *last = end;
        char *item;

        while (text < last && (*text == ' ' || *text == '\t'))
            text++;
        while (last > text && (last[-1] == ' ' || last[-1] == '\t'))
            last--;
        if (text == last || (*end == ',' && end[1] == '\0')) {
            buf_puts(why, "the list has an empty item");
            return CONFAB_EPARSE;
        }
        if ((int64_t)list->count == spec->max) {
            buf_printf(why, "more than %" PRId64 " items", spec->max);
            return CONFAB_ELIMIT;
        }
        item = xstrndup(text, (size_t)(last - text));
        list->items = xreallocarray(list->items, list->count + 1, sizeof(*list->items));
        list->items[list->count++] = item;
        if (check_text(spec, item, why) != CONFAB_OK)
            return CONFAB_EPARSE;
        text = end + (*end == ',');
    }
    return CONFAB_OK;
}

static int store_list(const struct option_spec *spec, void *values, const char *const *texts,
                      size_t count, struct buf *why)
{
    struct option_list *list = field(spec, values);

    for (size_t i = 0; i < count; i++) {
        int err = add_items(spec, list, texts[i], why);

        if (err != CONFAB_OK)
            return err;
    }
    if ((int64_t)list->count < spec->min) {
        buf_printf(why, "at least %" PRId64 " needed", spec->min);
        return CONFAB_ELIMIT;
    }
    return CONFAB_OK;
}

int option_store(const struct option_spec *spec, void *values, const char *const *texts,
                 size_t count, struct buf *why)
{
    const char *text = count != 0 ? texts[count - 1] : "";

    switch (spec->type) {
    case OPTION_BOOL:
        if (option_parse_bool(text, field(spec, values)) == CONFAB_OK)
            return CONFAB_OK;
        buf_printf(why, "'%s' is neither on nor off", text);
        return CONFAB_EPARSE;
    case OPTION_INT:
    case OPTION_DURATION:
    case OPTION_BYTES:
        return store_number(spec, values, text, why);
    case OPTION_STRING:
    case OPTION_SECRET:
    case OPTION_URL:
        return store_text(spec, values, text, why);
    case OPTION_ENUM:
        return store_enum(spec, values, text, why);
    case OPTION_LIST:
        return store_list(spec, values, texts, count, why);
    case OPTION_COMMAND:
        *(bool *)field(spec, values) = count != 0 && text[0] != '\0';
        return CONFAB_OK;
    }
    return CONFAB_EINVAL;
}

void option_clear(const struct option_spec *spec, void *values)
{
    if (spec->type == OPTION_LIST) {
        struct option_list *list = field(spec, values);

        for (size_t i = 0; i < list->count; i++)
            free(list->items[i]);
        free(list->items);
        *list = (struct option_list){0};
    } else if (spec->type == OPTION_STRING || spec->type == OPTION_SECRET ||
               spec->type == OPTION_URL) {
        char **text = field(spec, values);

        if (*text != NULL && spec->type != OPTION_STRING)
            explicit_bzero(*text, strlen(*text));
        free(*text);
        *text = NULL;
    }
}
