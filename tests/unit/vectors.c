/* Reading recorded vectors; see vectors.h. */
#define _GNU_SOURCE /* getline, strsep */

#include "tests/unit/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/unit/test.h"
#include <confab/err.h>

#define DIRECTORY "tests/vectors/"

struct vectors {
    FILE *file;
    char *line;
    size_t line_bytes;
    unsigned number;
    struct confab_value *row;
    const char *name;
};

static FILE *open_file(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, DIRECTORY "%s", name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("%s: cannot be read; run from the repository's root", path);
    return file;
}

struct vectors *vectors_open(const char *file)
{
    struct vectors *vectors = xcalloc(1, sizeof *vectors);
    vectors->file = open_file(file);
    vectors->name = file;
    return vectors;
}

const struct confab_value *vectors_next(struct vectors *vectors)
{
    confab_value_release(vectors->row);
    vectors->row = NULL;
    ssize_t length = getline(&vectors->line, &vectors->line_bytes, vectors->file);
    if (length <= 0)
        return NULL;
    vectors->number++;
    if (value_parse_json(vectors->line, (size_t)length, NULL, &vectors->row) != CONFAB_OK)
        fail_msg("%s:%u is no JSON", vectors->name, vectors->number);
    return vectors->row;
}

void vectors_close(struct vectors *vectors)
{
    confab_value_release(vectors->row);
    fclose(vectors->file);
    free(vectors->line);
    free(vectors);
}

const char *vector_text(const struct confab_value *row, const char *key)
{
    return confab_as_string(confab_get(row, key), NULL);
}

static unsigned hex_byte(const char *text)
{
    char digits[3] = {text[0], text[1], '\0'};
    char *end;
    unsigned long byte = strtoul(digits, &end, 16);
    if (end != digits + 2)
        fail_msg("not hex: %.20s", text);
    return (unsigned)byte;
}

uint8_t *vector_bytes(const char *hex, size_t *length_bytes)
{
    size_t room = strlen(hex) + 1;
    uint8_t *bytes = xmalloc(room);
    size_t length = 0;
    size_t word = 0; /* where the run of hex being read began */
    while (*hex != '\0') {
        if (*hex == ' ') {
            hex++;
            word = length;
        } else if (*hex == '*') {
            char *end;
            size_t times = strtoul(hex + 1, &end, 10);
            size_t unit = length - word;
            room += unit * times;
            bytes = xrealloc(bytes, room);
            for (; times > 1; times--, length += unit)
                memcpy(bytes + length, bytes + word, unit);
            hex = end;
        } else {
            bytes[length++] = (uint8_t)hex_byte(hex);
            hex += 2;
        }
    }
    *length_bytes = length;
    return bytes;
}

static uint64_t big_endian(const uint8_t *bytes, size_t length)
{
    uint64_t number = 0;
    for (size_t i = 0; i < length; i++)
        number = number << 8 | bytes[i];
    return number;
}

static struct confab_value *timestamp(const uint8_t *bytes, size_t length)
{
    if (length == 4)
        return confab_date((double)big_endian(bytes, 4) * 1000);
    if (length == 8) {
        uint64_t both = big_endian(bytes, 8);
        return confab_date((double)(both & UINT64_C(0x3ffffffff)) * 1000 +
                           (double)(both >> 34) / 1e6);
    }
    return confab_date((double)(int64_t)big_endian(bytes + 4, 8) * 1000 +
                       (double)big_endian(bytes, 4) / 1e6);
}

static struct confab_value *extension(int type, const char *hex)
{
    size_t length;
    uint8_t *bytes = vector_bytes(hex, &length);
    struct confab_value *value;
    if (type == -1)
        value = timestamp(bytes, length);
    else if (type == 0 && length == 1)
        value = confab_undefined();
    else if (type == 0 && length == 8)
        value = confab_date((double)(int64_t)big_endian(bytes, 8));
    else if (type == 0)
        value = confab_binary(bytes, length);
    else
        value = confab_ext((int8_t)type, bytes, length);
    free(bytes);
    return value;
}

static struct confab_value *bytes_as(const char *hex,
                                     struct confab_value *(*make)(const char *, size_t))
{
    size_t length;
    uint8_t *bytes = vector_bytes(hex, &length);
    struct confab_value *value = make((const char *)bytes, length);
    free(bytes);
    return value;
}

static struct confab_value *make_binary(const char *bytes, size_t length)
{
    return confab_binary(bytes, length);
}

static struct confab_value *number(const char *text)
{
    return confab_double(strtod(text, NULL));
}

static struct confab_value *date(const char *iso)
{
    int year;
    int month;
    int day;
    int hour;
    int minute;
    int second;
    int ms;
    if (sscanf(iso, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &year, &month, &day, &hour, &minute, &second,
               &ms) != 7)
        fail_msg("not a date: %s", iso);
    /* Days before this month, in years that begin in March. */
    long long y = month <= 2 ? year - 1 : year;
    long long m = month <= 2 ? month + 9 : month - 3;
    long long days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
    return confab_date((double)(((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms);
}

/* NULL: not a tag. */
static struct confab_value *untag(const struct confab_value *object)
{
    const char *text;
    if (confab_size(object) == 0)
        return NULL;
    if (confab_get(object, "$undefined") != NULL)
        return confab_undefined();
    if (confab_get(object, "$var") != NULL)
        return vector_value(confab_get(object, "v"));
    if (confab_get(object, "$ext") != NULL)
        return extension((int)confab_as_int(confab_get(object, "$ext"), 0),
                         vector_text(object, "hex"));
    if ((text = vector_text(object, "$bin")) != NULL)
        return bytes_as(text, make_binary);
    if ((text = vector_text(object, "$str_hex")) != NULL)
        return bytes_as(text, confab_string_n);
    if ((text = vector_text(object, "$date")) != NULL)
        return date(text);
    if ((text = vector_text(object, "$f64")) != NULL ||
        (text = vector_text(object, "$f32")) != NULL ||
        (text = vector_text(object, "$int")) != NULL)
        return number(text);
    return NULL;
}

struct confab_value *vector_value(const struct confab_value *tagged)
{
    size_t count = confab_size(tagged);
    if (confab_is(tagged, CONFAB_ARRAY)) {
        struct confab_value *array = confab_array();
        for (size_t i = 0; i < count; i++)
            confab_push(array, vector_value(confab_at(tagged, i)));
        return array;
    }
    if (!confab_is(tagged, CONFAB_OBJECT))
        return tagged == NULL ? confab_undefined() : confab_value_hold(tagged);
    struct confab_value *object = untag(tagged);
    if (object != NULL)
        return object;
    object = confab_object();
    for (size_t i = 0; i < count; i++) {
        size_t key_bytes;
        const struct confab_value *item;
        const char *key = confab_entry(tagged, i, &key_bytes, &item);
        confab_set_n(object, key, key_bytes, vector_value(item));
    }
    return object;
}

/* ---- rows that are not met ---- */

#define NOT_MET_MAX 256

struct not_met {
    const char *test;
    size_t count;
    char *ids[NOT_MET_MAX];
    bool seen[NOT_MET_MAX];
    unsigned bad;
};

struct not_met *not_met_load(const char *test)
{
    struct not_met *list = xcalloc(1, sizeof *list);
    FILE *file = open_file("not-met.txt");
    char *line = NULL;
    size_t line_bytes = 0;
    list->test = test;
    while (getline(&line, &line_bytes, file) > 0) {
        char *rest = line;
        char *word = strsep(&rest, " \n");
        if (word[0] == '#' || word[0] == '\0' || strcmp(word, test) != 0)
            continue;
        char *id = rest == NULL ? NULL : strsep(&rest, " \n");
        if (id == NULL || rest == NULL || rest[0] == '\0' || list->count == NOT_MET_MAX)
            fail_msg("not-met.txt wants TEST ID REASON: %s", line);
        list->ids[list->count++] = xstrdup(id);
    }
    free(line);
    fclose(file);
    return list;
}

bool not_met_has(struct not_met *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->ids[i], id) == 0) {
            list->seen[i] = true;
            return true;
        }
    }
    return false;
}

void not_met_judge(struct not_met *list, const char *id, bool met)
{
    if (not_met_has(list, id) != met)
        return;
    print_error("%s: %s is %s\n", list->test, id,
                met ? "listed in not-met.txt, but met" : "not as recorded");
    list->bad++;
}

void not_met_finish(struct not_met *list)
{
    unsigned bad = list->bad;
    for (size_t i = 0; i < list->count; i++) {
        if (!list->seen[i]) {
            print_error("%s: not-met.txt lists %s, which is no row\n", list->test, list->ids[i]);
            bad++;
        }
        free(list->ids[i]);
    }
    free(list);
    if (bad > 0)
        fail_msg("%u rows are not as recorded", bad);
}
