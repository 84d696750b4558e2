/*
 * The inside of values: what value*.c share and nobody else includes.
 *
 * A value is one allocation: a head of eight bytes, then its number, its bytes, or (in a container
 * made with the right capacity, as the readers do) its items and keys. undefined, null, true and
 * false are constants that are not counted.
 */
#ifndef CONFAB_COMMON_VALUE_TREE_H
#define CONFAB_COMMON_VALUE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/value.h"

/* No reader or writer goes deeper, whatever the caller's limits say: they use the machine's stack.
 */
#define VALUE_DEPTH_MAX 512
#define VALUE_DEPTH_DEFAULT 256
#define VALUE_NODES_DEFAULT 200000

/* The largest whole number that a double, and so JavaScript, holds with all its neighbours: 2^53
 * - 1. */
#define VALUE_SAFE_INTEGER INT64_C(9007199254740991)

/* Objects beyond this many keys are looked up by hash. */
#define VALUE_LINEAR_KEYS 16

struct confab_value {
    uint32_t references; /* 0: a constant */
    uint8_t kind;
    bool binary; /* bytes at any depth */
    bool truth;  /* of CONFAB_BOOL */
    int8_t ext_type;
};

struct value_number {
    struct confab_value head;
    union {
        int64_t whole; /* CONFAB_INT */
        double real;   /* CONFAB_DOUBLE, CONFAB_DATE */
    } as;
};

/* Strings, binary, ext. A NUL lies behind the bytes. */
struct value_bytes {
    struct confab_value head;
    uint32_t length;
    char bytes[];
};

struct value_array {
    struct confab_value head;
    uint32_t count;
    uint32_t capacity;
    struct confab_value *dying;  /* next in release's list */
    struct confab_value **items; /* owned: `own`, or allocated once it is outgrown */
    struct confab_value *own[];
};

struct value_entry {
    const char *key; /* in the object's block, or allocated (key_owned) */
    struct confab_value *value;
    uint32_t key_bytes;
    bool key_owned;
};

struct value_index;

struct value_object {
    struct confab_value head;
    uint32_t count;
    uint32_t capacity;
    struct confab_value *dying;
    struct value_entry *entries; /* owned: `own`, or allocated once it is outgrown */
    struct value_index *index;   /* owned; NULL up to VALUE_LINEAR_KEYS keys */
    char *key_room;              /* where the next short key goes, behind `own` */
    size_t key_room_bytes;
    struct value_entry own[];
};

/* Memory for a node of that size, head filled, one reference. */
void *value_alloc(enum confab_kind kind, size_t size_bytes);

/* A string, binary or ext whose bytes the caller fills. */
struct value_bytes *value_bytes_new(enum confab_kind kind, size_t length_bytes);

/* A string of bytes from outside: invalid UTF-8 becomes U+FFFD as WHATWG's decoder does it. */
struct confab_value *value_string_repaired(const char *text, size_t length_bytes);
/* A string whose bytes are known to be UTF-8, surrogates in three bytes included. */
struct confab_value *value_string_trusted(const char *text, size_t length_bytes);

/* The same repair elsewhere: the bytes written to out, which has room for 3 * length_bytes. */
size_t value_repair_utf8(char *out, const char *text, size_t length_bytes);

struct value_array *value_array_new(size_t capacity);
struct value_object *value_object_new(size_t capacity, size_t key_bytes);
/* As confab_set_n(), for a key that is UTF-8 already. */
void value_object_put(struct value_object *object, const char *key, size_t key_bytes,
                      struct confab_value *item);
struct value_entry *value_object_find(const struct value_object *object, const char *key,
                                      size_t key_bytes);
/* Sets `binary` of a container from its items. */
void value_refresh_binary(struct confab_value *container);

void value_index_free(struct value_index *index);
/* The entry's number, or UINT32_MAX. */
uint32_t value_index_find(const struct value_object *object, const char *key, size_t key_bytes);
/* Indexes all entries for up to `capacity` keys; an old index is replaced. */
void value_index_build(struct value_object *object, size_t capacity);
void value_index_add(struct value_object *object, uint32_t number);

/* What a Date makes of milliseconds: whole ones within +-8.64e15, else NaN. */
double value_date_clip(double ms);

/* The limits in force: zeros replaced, depth cut to VALUE_DEPTH_MAX. */
struct value_limits value_limits_of(const struct value_limits *limits);

/* Writes a finite number as JavaScript's String() does; returns the bytes written, no NUL. */
size_t value_number_spell(double number, char out[VALUE_NUMBER_TEXT_BYTES]);
/* The same with the words for what is not finite. */
size_t value_real_text(double number, char out[VALUE_NUMBER_TEXT_BYTES]);

/*
 * Walks msgpack bytes without allocating: one value that fills them, every length covered by what
 * is there, within limits, map keys only of kinds that have a text. CONFAB_OK, CONFAB_EPARSE or
 * CONFAB_ELIMIT.
 */
int value_check_msgpack(const uint8_t *bytes, size_t length_bytes,
                        const struct value_limits *limits);

static inline struct confab_value *value_unconst(const struct confab_value *value)
{
    return (struct confab_value *)(uintptr_t)value;
}

static inline struct value_array *value_to_array(const struct confab_value *value)
{
    return (struct value_array *)(uintptr_t)value;
}

static inline struct value_object *value_to_object(const struct confab_value *value)
{
    return (struct value_object *)(uintptr_t)value;
}

static inline const struct value_bytes *value_to_bytes(const struct confab_value *value)
{
    return (const struct value_bytes *)(const void *)value;
}

static inline const struct value_number *value_to_number(const struct confab_value *value)
{
    return (const struct value_number *)(const void *)value;
}

#endif
