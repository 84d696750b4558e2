/*
 * Reading recorded vectors: files of tests/vectors/ with one JSON object per line.
 *
 * They hold what Node's implementations read and wrote. Values that JSON cannot say are tagged
 * objects there, {"$bin":"0102"} and so on; vector_value() turns them into what they stand for.
 * Rows that are not met on purpose are listed, each with its reason, in tests/vectors/not-met.txt;
 * a test asks for its part of that list and fails when a listed row is met or missing. Files are
 * found from the repository's root, where ctest runs the tests. Everything fails the running test
 * on trouble.
 */
#ifndef CONFAB_TESTS_UNIT_VECTORS_H
#define CONFAB_TESTS_UNIT_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/value.h"

struct vectors;

/* `file`: a name within tests/vectors. */
struct vectors *vectors_open(const char *file);
/* The next row, good until the next call; NULL at the end. */
const struct confab_value *vectors_next(struct vectors *vectors);
void vectors_close(struct vectors *vectors);

/* The text of a key, NUL behind it; NULL when the row has no such string. */
const char *vector_text(const struct confab_value *row, const char *key);

/* Bytes written as hex; `00*5` within them, set off by blanks, repeats. The caller frees the
 * result, never NULL. */
uint8_t *vector_bytes(const char *hex, size_t *length_bytes);

/*
 * A value with its tags resolved; the caller owns it. $bin bytes; $undefined; $date ISO text; $f64,
 * $f32, $int numbers as text; $ext with its hex (timestamps become dates, type 0 undefined, a date
 * or bytes by its length); $str_hex a string of bytes that need repair; $var the value `v` it had
 * in this recording.
 */
struct confab_value *vector_value(const struct confab_value *tagged);

struct not_met;

/* The rows of one test. */
struct not_met *not_met_load(const char *test);
/* Whether the row is listed; marks it as seen. For rows that a test wants to pass over. */
bool not_met_has(struct not_met *list, const char *id);
/* Says whether a row is met. Prints it when it is not and is not listed, or is listed and met all
 * the same. */
void not_met_judge(struct not_met *list, const char *id, bool met);
/* Fails if a judgement was bad or a listed row was never asked for; frees the list. */
void not_met_finish(struct not_met *list);

#endif
