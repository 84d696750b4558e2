/*
 * Values: what events carry.
 *
 * A value is what a Socket.IO argument can be: JSON's six kinds, bytes, and the few things msgpack
 * adds (undefined, dates, extensions). It is built once, then shared: values are counted and must
 * not be changed after a second party holds them.
 *
 * Ownership, everywhere: a function that stores a value in a container takes over the caller's
 * reference ("takes"); one that returns a part of a container lends it ("borrowed": valid as long
 * as the container). No function calls back. Building functions abort when memory for a few bytes
 * is missing.
 */
#ifndef CONFAB_VALUE_H
#define CONFAB_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <confab/export.h>

CONFAB_API_BEGIN

struct confab_value;

enum confab_kind {
    CONFAB_UNDEFINED, /* JavaScript's undefined: an absent key, null inside an array */
    CONFAB_NULL,
    CONFAB_BOOL,
    CONFAB_INT,    /* a whole number within +-(2^53-1): both JSON and every msgpack peer read it
                      exactly */
    CONFAB_DOUBLE, /* any other number; also NaN and infinities, which JSON writes as null */
    CONFAB_STRING, /* UTF-8 with an explicit length; may hold NUL; lone surrogates as their 3-byte
                      form (WTF-8) */
    CONFAB_BINARY, /* bytes: an attachment in Socket.IO, bin in msgpack */
    CONFAB_ARRAY,
    CONFAB_OBJECT, /* keys in insertion order, unique; setting a key again replaces its value in
                      place */
    CONFAB_DATE, /* an instant in milliseconds since 1970; ISO text in JSON, ext -1 in msgpack; NaN:
                    invalid date */
    CONFAB_EXT,  /* any other msgpack extension; array [type, bytes] when it leaves as JSON, as Node
                  * shows it, so it counts  as binary */
};

/* ---- life ---- */

/* One more holder. Returns its argument; NULL stays NULL. */
struct confab_value *confab_value_hold(const struct confab_value *value);

/* One holder less; the last one frees it with all it contains (iteratively bounded by the depth
 * limit). NULL is fine. */
void confab_value_release(struct confab_value *value);

/* ---- building (the caller owns the result) ---- */

struct confab_value *confab_undefined(void);
struct confab_value *confab_null(void);
struct confab_value *confab_bool(bool value);
/* A number outside +-(2^53-1) becomes CONFAB_DOUBLE. */
struct confab_value *confab_int(int64_t value);
/* An integral double within +-(2^53-1) becomes CONFAB_INT (also -0, as both wire formats lose its
 * sign). */
struct confab_value *confab_double(double value);
struct confab_value *confab_date(double ms_since_1970);
/* Copies. Bytes that are not UTF-8 are replaced by U+FFFD. */
struct confab_value *confab_string(const char *text);
struct confab_value *confab_string_n(const char *text, size_t length_bytes);
/* printf into a string. */
struct confab_value *confab_string_f(const char *format, ...) __attribute__((format(printf, 1, 2)));
struct confab_value *confab_binary(const void *bytes, size_t length_bytes);
struct confab_value *confab_ext(int8_t type, const void *bytes, size_t length_bytes);
struct confab_value *confab_array(void);
struct confab_value *confab_object(void);

/* An array of the values given, the last followed by NULL; takes each. (The empty list is
 * confab_array().) This is how arguments of an event are written: confab_list(confab_string("hi"),
 * confab_int(3), NULL). */
struct confab_value *confab_list(struct confab_value *first, ...) __attribute__((sentinel));

/* Appends; takes `item`. The array must not be shared yet (asserted). Returns the array, for
 * chaining. */
struct confab_value *confab_push(struct confab_value *array, struct confab_value *item);

/* Sets a key; takes `item`; copies the key. The object must not be shared yet (asserted). Returns
 * the object. */
struct confab_value *confab_set(struct confab_value *object, const char *key,
                                struct confab_value *item);
struct confab_value *confab_set_n(struct confab_value *object, const char *key, size_t key_bytes,
                                  struct confab_value *item);

/* ---- reading (every reader accepts NULL and a value of another kind, and then says so) ---- */

/* CONFAB_UNDEFINED for NULL. */
enum confab_kind confab_kind(const struct confab_value *value);
bool confab_is(const struct confab_value *value, enum confab_kind kind);
bool confab_as_bool(const struct confab_value *value, bool otherwise);
int64_t confab_as_int(const struct confab_value *value, int64_t otherwise); /* doubles are truncated
                                                                               when in range */
/* Of numbers, and of a date its milliseconds since 1970 (NaN: an invalid date). */
double confab_as_double(const struct confab_value *value, double otherwise);
/* The bytes of a string, with a NUL behind them, borrowed; NULL when it is no string. length_bytes
 * may be NULL. */
const char *confab_as_string(const struct confab_value *value, size_t *length_bytes);
/* The bytes of a binary or ext value, borrowed; NULL when it is neither. */
const uint8_t *confab_as_binary(const struct confab_value *value, size_t *length_bytes);
int confab_ext_type(const struct confab_value *value);
/* Number of items of an array, keys of an object; 0 for anything else. */
size_t confab_size(const struct confab_value *value);
/* Item i of an array, borrowed; NULL when out of range or no array. */
const struct confab_value *confab_at(const struct confab_value *array, size_t i);
/* The value of a key, borrowed; NULL when absent or no object. */
const struct confab_value *confab_get(const struct confab_value *object, const char *key);
const struct confab_value *confab_get_n(const struct confab_value *object, const char *key,
                                        size_t key_bytes);
/* Entry i of an object in insertion order: the key is returned (NUL behind it), the value stored;
 * NULL out of range. */
const char *confab_entry(const struct confab_value *object, size_t i, size_t *key_bytes,
                         const struct confab_value **value);
/* Same kind and same content (objects: same keys and values in any order). */
bool confab_equal(const struct confab_value *a, const struct confab_value *b);
/* Any bytes (CONFAB_BINARY, CONFAB_EXT) at any depth: decides EVENT or BINARY_EVENT. O(1):
 * containers remember. */
bool confab_has_binary(const struct confab_value *value);

/* ---- JSON text ---- */

/* The value as JSON.stringify writes it, in a string that the caller owns; bytes become
 * {"type":"Buffer","data":[...]}, as Node's do. NULL when the text would be longer than
 * `most_bytes` (0: 64 MiB) or the value is nested more than 512 deep. */
struct confab_value *confab_to_json(const struct confab_value *value, size_t most_bytes);
/* Reads a text as JSON.parse does; the caller owns the value. NULL when it is no JSON, not UTF-8,
 * nested more than 256 deep, or has more than 200,000 values. */
struct confab_value *confab_from_json(const char *text, size_t length_bytes);

CONFAB_API_END

#endif
