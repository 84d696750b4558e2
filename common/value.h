/*
 * Values and their two wire forms: JSON text and msgpack bytes, written and read as JavaScript
 * does, because Node peers and browsers are on the other end. What a value is, and how it is built
 * and read, is the public <confab/value.h>. This room knows nothing of packets, rooms or sockets.
 *
 * yyjson and msgpack-c are included by value_json.c and value_msgpack*.c alone; value_tree.h is for
 * value*.c alone.
 *
 * Reading functions, whose input comes from outside, check their limits before they allocate and
 * return an error.
 */
#ifndef CONFAB_COMMON_VALUE_H
#define CONFAB_COMMON_VALUE_H

#include <stddef.h>

#include <confab/value.h>

struct buf;

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
/* The same as notepack.io 2 writes it, which knows no other: undefined and dates as ext 0. Clients
 * with socket.io-msgpack-parser have that one. */
int value_write_msgpack_notepack2(const struct confab_value *value, struct buf *out);

#endif
