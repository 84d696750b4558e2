/* Values: life, scalars, and reading them. Containers are in value_container.c. */
#include "common/value.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/live.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "common/value_tree.h"

/* How far a Date reaches: 100 million days each way (ECMA-262, "Time Values"). */
#define DATE_MS_MAX 8.64e15

static const struct confab_value constant_undefined = {.kind = CONFAB_UNDEFINED};
static const struct confab_value constant_null = {.kind = CONFAB_NULL};
static const struct confab_value constant_false = {.kind = CONFAB_BOOL, .truth = false};
static const struct confab_value constant_true = {.kind = CONFAB_BOOL, .truth = true};

void *value_alloc(enum confab_kind kind, size_t size_bytes)
{
    struct confab_value *value = xmalloc(size_bytes);
    *value = (struct confab_value){.references = 1, .kind = (uint8_t)kind};
    live_inc(LIVE_VALUE);
    return value;
}

struct confab_value *confab_value_hold(const struct confab_value *value)
{
    struct confab_value *held = value_unconst(value);
    if (held != NULL && held->references != 0)
        held->references++;
    return held;
}

/* One holder less; true when it was the last one. */
static bool drop(struct confab_value *value)
{
    if (value == NULL || value->references == 0)
        return false;
    return --value->references == 0;
}

static void free_node(struct confab_value *value)
{
    live_dec(LIVE_VALUE);
    free(value);
}

/* A dead value joins the list when it contains others, else it is freed. */
static void bury(struct confab_value *value, struct confab_value **list)
{
    if (value->kind == CONFAB_ARRAY) {
        value_to_array(value)->dying = *list;
        *list = value;
    } else if (value->kind == CONFAB_OBJECT) {
        value_to_object(value)->dying = *list;
        *list = value;
    } else {
        free_node(value);
    }
}

static struct confab_value *free_array(struct value_array *array, struct confab_value *list)
{
    for (uint32_t i = 0; i < array->count; i++)
        if (drop(array->items[i]))
            bury(array->items[i], &list);
    if (array->items != array->own)
        free(array->items);
    free_node(&array->head);
    return list;
}

static struct confab_value *free_object(struct value_object *object, struct confab_value *list)
{
    for (uint32_t i = 0; i < object->count; i++) {
        struct value_entry *entry = &object->entries[i];
        if (drop(entry->value))
            bury(entry->value, &list);
        if (entry->key_owned)
            free((void *)(uintptr_t)entry->key);
    }
    if (object->entries != object->own)
        free(object->entries);
    value_index_free(object->index);
    free_node(&object->head);
    return list;
}

void confab_value_release(struct confab_value *value)
{
    struct confab_value *list = NULL;
    if (drop(value))
        bury(value, &list);
    while (list != NULL) {
        struct confab_value *dead = list;
        if (dead->kind == CONFAB_ARRAY)
            list = free_array(value_to_array(dead), value_to_array(dead)->dying);
        else
            list = free_object(value_to_object(dead), value_to_object(dead)->dying);
    }
}

struct confab_value *confab_undefined(void)
{
    return value_unconst(&constant_undefined);
}

struct confab_value *confab_null(void)
{
    return value_unconst(&constant_null);
}

struct confab_value *confab_bool(bool value)
{
    return value_unconst(value ? &constant_true : &constant_false);
}

static struct confab_value *new_real(enum confab_kind kind, double real)
{
    struct value_number *number = value_alloc(kind, sizeof *number);
    number->as.real = real;
    return &number->head;
}

struct confab_value *confab_int(int64_t value)
{
    if (value > VALUE_SAFE_INTEGER || value < -VALUE_SAFE_INTEGER)
        return new_real(CONFAB_DOUBLE, (double)value);
    struct value_number *number = value_alloc(CONFAB_INT, sizeof *number);
    number->as.whole = value;
    return &number->head;
}

struct confab_value *confab_double(double value)
{
    if (fabs(value) <= (double)VALUE_SAFE_INTEGER && value == trunc(value))
        return confab_int((int64_t)value);
    return new_real(CONFAB_DOUBLE, value);
}

double value_date_clip(double ms)
{
    return fabs(ms) <= DATE_MS_MAX ? trunc(ms) : (double)NAN;
}

struct confab_value *confab_date(double ms_since_1970)
{
    return new_real(CONFAB_DATE, value_date_clip(ms_since_1970));
}

struct value_bytes *value_bytes_new(enum confab_kind kind, size_t length_bytes)
{
    assert(length_bytes < UINT32_MAX);
    struct value_bytes *value = value_alloc(kind, sizeof *value + length_bytes + 1);
    value->length = (uint32_t)length_bytes;
    value->bytes[length_bytes] = '\0';
    return value;
}

struct confab_value *value_string_trusted(const char *text, size_t length_bytes)
{
    struct value_bytes *value = value_bytes_new(CONFAB_STRING, length_bytes);
    if (length_bytes > 0)
        memcpy(value->bytes, text, length_bytes);
    return &value->head;
}

struct confab_value *confab_string(const char *text)
{
    return confab_string_n(text, strlen(text));
}

struct confab_value *confab_string_n(const char *text, size_t length_bytes)
{
    if (length_bytes == 0 || utf8_valid(text, length_bytes))
        return value_string_trusted(text, length_bytes);
    return value_string_repaired(text, length_bytes);
}

struct confab_value *confab_string_f(const char *format, ...)
{
    char small[256];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (length < 0)
        return value_string_trusted("", 0);
    if ((size_t)length < sizeof small)
        return confab_string_n(small, (size_t)length);
    char *large = xmalloc((size_t)length + 1);
    va_start(args, format);
    vsnprintf(large, (size_t)length + 1, format, args);
    va_end(args);
    struct confab_value *value = confab_string_n(large, (size_t)length);
    free(large);
    return value;
}

static struct confab_value *new_binary(enum confab_kind kind, const void *bytes,
                                       size_t length_bytes)
{
    struct value_bytes *value = value_bytes_new(kind, length_bytes);
    value->head.binary = true;
    if (length_bytes > 0)
        memcpy(value->bytes, bytes, length_bytes);
    return &value->head;
}

struct confab_value *confab_binary(const void *bytes, size_t length_bytes)
{
    return new_binary(CONFAB_BINARY, bytes, length_bytes);
}

struct confab_value *confab_ext(int8_t type, const void *bytes, size_t length_bytes)
{
    struct confab_value *value = new_binary(CONFAB_EXT, bytes, length_bytes);
    value->ext_type = type;
    return value;
}

enum confab_kind confab_kind(const struct confab_value *value)
{
    return value == NULL ? CONFAB_UNDEFINED : (enum confab_kind)value->kind;
}

bool confab_is(const struct confab_value *value, enum confab_kind kind)
{
    return confab_kind(value) == kind;
}

bool confab_as_bool(const struct confab_value *value, bool otherwise)
{
    return confab_is(value, CONFAB_BOOL) ? value->truth : otherwise;
}

int64_t confab_as_int(const struct confab_value *value, int64_t otherwise)
{
    if (confab_is(value, CONFAB_INT))
        return value_to_number(value)->as.whole;
    if (!confab_is(value, CONFAB_DOUBLE))
        return otherwise;
    double real = value_to_number(value)->as.real;
    /* 2^63 is exact as a double, 2^63 - 1 is not. */
    return real >= -0x1p63 && real < 0x1p63 ? (int64_t)real : otherwise;
}

double confab_as_double(const struct confab_value *value, double otherwise)
{
    if (confab_is(value, CONFAB_INT))
        return (double)value_to_number(value)->as.whole;
    if (confab_is(value, CONFAB_DOUBLE) || confab_is(value, CONFAB_DATE))
        return value_to_number(value)->as.real;
    return otherwise;
}

const char *confab_as_string(const struct confab_value *value, size_t *length_bytes)
{
    if (!confab_is(value, CONFAB_STRING))
        return NULL;
    const struct value_bytes *text = value_to_bytes(value);
    if (length_bytes != NULL)
        *length_bytes = text->length;
    return text->bytes;
}

const uint8_t *confab_as_binary(const struct confab_value *value, size_t *length_bytes)
{
    if (!confab_is(value, CONFAB_BINARY) && !confab_is(value, CONFAB_EXT))
        return NULL;
    const struct value_bytes *binary = value_to_bytes(value);
    if (length_bytes != NULL)
        *length_bytes = binary->length;
    return (const uint8_t *)binary->bytes;
}

int confab_ext_type(const struct confab_value *value)
{
    return confab_is(value, CONFAB_EXT) ? value->ext_type : 0;
}

bool confab_has_binary(const struct confab_value *value)
{
    return value != NULL && value->binary;
}

struct value_limits value_limits_of(const struct value_limits *limits)
{
    struct value_limits in_force = {VALUE_DEPTH_DEFAULT, VALUE_NODES_DEFAULT};
    if (limits != NULL && limits->depth != 0)
        in_force.depth = limits->depth < VALUE_DEPTH_MAX ? limits->depth : VALUE_DEPTH_MAX;
    if (limits != NULL && limits->nodes != 0)
        in_force.nodes = limits->nodes;
    return in_force;
}
