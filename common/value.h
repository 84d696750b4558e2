/*
 * Values: what events carry.
 *
 * A value is what a Socket.IO argument can be: JSON's six kinds, bytes, and the few things msgpack
 * adds (undefined, dates, extensions). It is built once, then shared: values are counted and must
 * not be changed after a second party holds them. This room also turns values into JSON text and
 * msgpack bytes and back, as JavaScript reads and writes them, because Node peers and browsers are
 * on the other end. It knows nothing of packets, rooms or sockets.
 *
 * yyjson and msgpack-c are included by value_json.c and value_msgpack*.c alone; value_tree.h is for
 * value*.c alone.
 *
 * Ownership, everywhere: a function that stores a value in a container takes over the caller's
 * reference ("takes"); one that returns a part of a container lends it ("borrowed": valid as long
 * as the container). No function calls back. Building functions abort when memory for a few bytes
 * is missing; reading functions, whose input comes from outside, check their limits before they
 * allocate and return an error.
 */
#ifndef CONFAB_COMMON_VALUE_H
#define CONFAB_COMMON_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
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

/* ---- JSON ---- */

/* What a reader refuses before it builds anything. Zero means the default in parentheses. The
 * machine's stack caps the depth of readers and writers at 512. */
struct value_limits {
    size_t depth; /* nesting of arrays and objects (256) */
    size_t nodes; /* values in one document (200,000) */
};

/*
 * Reads one JSON document that fills the text wholly (white space around it allowed), as JSON.parse
 * does: the last of equal keys wins, lone surrogate escapes are kept, numbers beyond double become
 * infinities. Input must be UTF-8. On CONFAB_OK the caller owns *out. Else CONFAB_EPARSE,
 * CONFAB_ELIMIT or CONFAB_ENOMEM, and *out is NULL.
 */
int value_parse_json(const char *text, size_t length_bytes, const struct value_limits *limits,
                     struct confab_value **out);

/*
 * Appends the value as JSON.stringify writes it: compact, insertion order, `/` not escaped,
 * undefined as null (as a key: left out), shortest number spelling of JavaScript (1e+21, 0.000001,
 * 1e-7), lone surrogates as \udXXX. `attachments`: NULL writes bytes as
 * {"type":"Buffer","data":[…]}, as Node's JSON does. Otherwise each binary is written as
 * {"_placeholder":true,"num":k} and appended to the (possibly empty, unshared) array `attachments`,
 * held once more; k counts from the array's size at the call. Errors: CONFAB_ELIMIT when the
 * buffer's limit is reached or the value is nested too deeply (what was appended is undefined).
 */
int value_write_json(const struct confab_value *value, struct buf *out,
                     struct confab_value *attachments);

/*
 * Replaces each {"_placeholder":true,"num":k} inside a value that nobody else holds by item k of
 * `attachments`. *value may itself be replaced. k out of range or not a number: CONFAB_EPARSE
 * ("illegal attachments"); a k that is not whole gives undefined, as in Node's decoder. One
 * attachment may stand in many places, and leaves again as so many: beyond most_places, or beyond
 * most_bytes in all of them together, CONFAB_ELIMIT. After an error the value is only good for
 * being released.
 */
int value_fill_placeholders(struct confab_value **value, const struct confab_value *attachments,
                            size_t most_places, size_t most_bytes);

/* Longest text of a number in JavaScript's spelling, with room to spare. */
#define VALUE_NUMBER_TEXT_BYTES 40
/* Writes a number as JavaScript's String() does ("1e+21", "NaN"), no NUL; returns the bytes
 * written, 0 for another kind. */
size_t value_number_text(const struct confab_value *number, char out[VALUE_NUMBER_TEXT_BYTES]);

/* ---- msgpack ---- */

/*
 * Reads one msgpack value that fills the bytes wholly (trailing bytes are an error), with the
 * extensions that Node's encoders use: ext -1 in its three forms is a date, the old notepack ext 0
 * forms are undefined, date and bytes. Declared lengths and all limits are checked against what is
 * there before anything is allocated. Strings that are not UTF-8 get U+FFFD. Integers beyond 2^53
 * become doubles. Map keys may be strings, numbers, booleans and nil, which JavaScript turns into
 * text; others are refused (CONFAB_EPARSE). A key met twice keeps its first place and its last
 * value. Errors as value_parse_json().
 */
int value_parse_msgpack(const void *bytes, size_t length_bytes, const struct value_limits *limits,
                        struct confab_value **out);

/*
 * Appends the value as notepack.io 3 writes it: shortest forms, float64 for non-integral numbers
 * and for whole ones beyond 2^53 (notepack writes those modulo 2^64), undefined as nil (as a key:
 * left out), dates as ext -1 (an invalid one as nil), a lone surrogate as U+FFFD. Errors as
 * value_write_json().
 */
int value_write_msgpack(const struct confab_value *value, struct buf *out);

#endif
