/* Values that contain values: arrays and objects, their growth, and comparing trees. */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "common/value.h"
#include "common/value_tree.h"

/* What a container has room for when nobody said how much it will hold: most events and their
 * objects. */
#define ARRAY_ROOM 4
#define OBJECT_ROOM 4
#define OBJECT_KEY_ROOM 40

struct value_array *value_array_new(size_t capacity)
{
    assert(capacity < UINT32_MAX);
    struct value_array *array =
        value_alloc(CONFAB_ARRAY, sizeof *array + capacity * sizeof array->own[0]);
    array->count = 0;
    array->capacity = (uint32_t)capacity;
    array->items = array->own;
    return array;
}

struct value_object *value_object_new(size_t capacity, size_t key_bytes)
{
    assert(capacity < UINT32_MAX);
    size_t entries_bytes = capacity * sizeof(struct value_entry);
    struct value_object *object =
        value_alloc(CONFAB_OBJECT, sizeof *object + entries_bytes + key_bytes);
    object->count = 0;
    object->capacity = (uint32_t)capacity;
    object->entries = object->own;
    object->index = NULL;
    object->key_room = (char *)(object->own + capacity);
    object->key_room_bytes = key_bytes;
    return object;
}

struct confab_value *confab_array(void)
{
    return &value_array_new(ARRAY_ROOM)->head;
}

struct confab_value *confab_object(void)
{
    return &value_object_new(OBJECT_ROOM, OBJECT_KEY_ROOM)->head;
}

struct confab_value *confab_list(struct confab_value *first, ...)
{
    struct confab_value *list = confab_array();
    va_list items;
    va_start(items, first);
    for (struct confab_value *item = first; item != NULL;
         item = va_arg(items, struct confab_value *))
        confab_push(list, item);
    va_end(items);
    return list;
}

static uint32_t doubled(uint32_t capacity)
{
    assert(capacity < UINT32_MAX / 2);
    return capacity < 4 ? 4 : capacity * 2;
}

static void grow_array(struct value_array *array)
{
    uint32_t capacity = doubled(array->capacity);
    if (array->items == array->own) {
        struct confab_value **items = xreallocarray(NULL, capacity, sizeof *items);
        memcpy(items, array->own, array->count * sizeof *items);
        array->items = items;
    } else {
        array->items = xreallocarray(array->items, capacity, sizeof *array->items);
    }
    array->capacity = capacity;
}

struct confab_value *confab_push(struct confab_value *array, struct confab_value *item)
{
    assert(confab_is(array, CONFAB_ARRAY) && array->references == 1 && item != NULL);
    struct value_array *items = value_to_array(array);
    if (items->count == items->capacity)
        grow_array(items);
    items->items[items->count++] = item;
    array->binary |= item->binary;
    return array;
}

static void grow_object(struct value_object *object)
{
    uint32_t capacity = doubled(object->capacity);
    if (object->entries == object->own) {
        struct value_entry *entries = xreallocarray(NULL, capacity, sizeof *entries);
        memcpy(entries, object->own, object->count * sizeof *entries);
        object->entries = entries;
    } else {
        object->entries = xreallocarray(object->entries, capacity, sizeof *object->entries);
    }
    object->capacity = capacity;
    if (object->index != NULL)
        value_index_build(object, capacity);
}

struct value_entry *value_object_find(const struct value_object *object, const char *key,
                                      size_t key_bytes)
{
    if (object->index != NULL) {
        uint32_t number = value_index_find(object, key, key_bytes);
        return number == UINT32_MAX ? NULL : &object->entries[number];
    }
    for (uint32_t i = 0; i < object->count; i++) {
        struct value_entry *entry = &object->entries[i];
        if (entry->key_bytes == key_bytes && memcmp(entry->key, key, key_bytes) == 0)
            return entry;
    }
    return NULL;
}

static void copy_key(struct value_object *object, struct value_entry *entry, const char *key,
                     size_t key_bytes)
{
    assert(key_bytes < UINT32_MAX);
    char *place = object->key_room;
    entry->key_owned = key_bytes + 1 > object->key_room_bytes;
    if (entry->key_owned) {
        place = xmalloc(key_bytes + 1);
    } else {
        object->key_room += key_bytes + 1;
        object->key_room_bytes -= key_bytes + 1;
    }
    if (key_bytes > 0)
        memcpy(place, key, key_bytes);
    place[key_bytes] = '\0';
    entry->key = place;
    entry->key_bytes = (uint32_t)key_bytes;
}

void value_object_put(struct value_object *object, const char *key, size_t key_bytes,
                      struct confab_value *item)
{
    struct value_entry *entry = value_object_find(object, key, key_bytes);
    if (entry != NULL) {
        bool lost_binary = entry->value->binary && !item->binary;
        confab_value_release(entry->value);
        entry->value = item;
        object->head.binary |= item->binary;
        if (lost_binary)
            value_refresh_binary(&object->head);
        return;
    }
    if (object->count == object->capacity)
        grow_object(object);
    entry = &object->entries[object->count];
    copy_key(object, entry, key, key_bytes);
    entry->value = item;
    object->head.binary |= item->binary;
    object->count++;
    if (object->index != NULL)
        value_index_add(object, object->count - 1);
    else if (object->count > VALUE_LINEAR_KEYS)
        value_index_build(object, object->capacity);
}

struct confab_value *confab_set_n(struct confab_value *object, const char *key, size_t key_bytes,
                                  struct confab_value *item)
{
    assert(confab_is(object, CONFAB_OBJECT) && object->references == 1 && item != NULL);
    struct value_object *target = value_to_object(object);
    if (key_bytes == 0 || utf8_valid(key, key_bytes)) {
        value_object_put(target, key, key_bytes, item);
        return object;
    }
    char *repaired = xreallocarray(NULL, key_bytes, 3);
    value_object_put(target, repaired, value_repair_utf8(repaired, key, key_bytes), item);
    free(repaired);
    return object;
}

struct confab_value *confab_set(struct confab_value *object, const char *key,
                                struct confab_value *item)
{
    return confab_set_n(object, key, strlen(key), item);
}

void value_refresh_binary(struct confab_value *container)
{
    bool binary = false;
    size_t count = confab_size(container);
    for (size_t i = 0; i < count && !binary; i++)
        binary = container->kind == CONFAB_ARRAY
                     ? value_to_array(container)->items[i]->binary
                     : value_to_object(container)->entries[i].value->binary;
    container->binary = binary;
}

size_t confab_size(const struct confab_value *value)
{
    if (confab_is(value, CONFAB_ARRAY))
        return value_to_array(value)->count;
    if (confab_is(value, CONFAB_OBJECT))
        return value_to_object(value)->count;
    return 0;
}

const struct confab_value *confab_at(const struct confab_value *array, size_t i)
{
    if (!confab_is(array, CONFAB_ARRAY) || i >= value_to_array(array)->count)
        return NULL;
    return value_to_array(array)->items[i];
}

const struct confab_value *confab_get_n(const struct confab_value *object, const char *key,
                                        size_t key_bytes)
{
    if (!confab_is(object, CONFAB_OBJECT))
        return NULL;
    const struct value_entry *entry = value_object_find(value_to_object(object), key, key_bytes);
    return entry == NULL ? NULL : entry->value;
}

const struct confab_value *confab_get(const struct confab_value *object, const char *key)
{
    return confab_get_n(object, key, strlen(key));
}

const char *confab_entry(const struct confab_value *object, size_t i, size_t *key_bytes,
                         const struct confab_value **value)
{
    if (!confab_is(object, CONFAB_OBJECT) || i >= value_to_object(object)->count)
        return NULL;
    const struct value_entry *entry = &value_to_object(object)->entries[i];
    if (key_bytes != NULL)
        *key_bytes = entry->key_bytes;
    if (value != NULL)
        *value = entry->value;
    return entry->key;
}

static bool equal_to(const struct confab_value *a, const struct confab_value *b, unsigned depth);

static bool equal_reals(double a, double b)
{
    return a == b || (a != a && b != b);
}

static bool equal_bytes(const struct value_bytes *a, const struct value_bytes *b)
{
    return a->length == b->length && a->head.ext_type == b->head.ext_type &&
           memcmp(a->bytes, b->bytes, a->length) == 0;
}

static bool equal_arrays(const struct value_array *a, const struct value_array *b, unsigned depth)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!equal_to(a->items[i], b->items[i], depth))
            return false;
    return true;
}

static bool equal_objects(const struct value_object *a, const struct value_object *b,
                          unsigned depth)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct value_entry *mine = &a->entries[i];
        const struct value_entry *other = value_object_find(b, mine->key, mine->key_bytes);
        if (other == NULL || !equal_to(mine->value, other->value, depth))
            return false;
    }
    return true;
}

static bool equal_to(const struct confab_value *a, const struct confab_value *b, unsigned depth)
{
    if (a == b)
        return true;
    if (confab_kind(a) != confab_kind(b))
        return false;
    if (depth >= VALUE_DEPTH_MAX)
        return false;
    switch (confab_kind(a)) {
    case CONFAB_UNDEFINED:
    case CONFAB_NULL:
        return true;
    case CONFAB_BOOL:
        return a->truth == b->truth;
    case CONFAB_INT:
        return value_to_number(a)->as.whole == value_to_number(b)->as.whole;
    case CONFAB_DOUBLE:
    case CONFAB_DATE:
        return equal_reals(value_to_number(a)->as.real, value_to_number(b)->as.real);
    case CONFAB_STRING:
    case CONFAB_BINARY:
    case CONFAB_EXT:
        return equal_bytes(value_to_bytes(a), value_to_bytes(b));
    case CONFAB_ARRAY:
        return equal_arrays(value_to_array(a), value_to_array(b), depth + 1);
    case CONFAB_OBJECT:
        return equal_objects(value_to_object(a), value_to_object(b), depth + 1);
    }
    return false;
}

bool confab_equal(const struct confab_value *a, const struct confab_value *b)
{
    return equal_to(a, b, 0);
}
