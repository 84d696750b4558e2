/*
 * Damaged input: recorded packets with bytes changed, cut, doubled and swapped, from a fixed seed.
 *
 * Whatever comes out must be either an error with nothing built, or a value that survives being
 * written and read again.
 */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/live.h"
#include "common/mem.h"
#include "common/value.h"
#include "tests/unit/mutate.h"
#include "tests/unit/vectors.h"
#include <confab/err.h>

#define ROUNDS 600
#define OUT_BYTES (1 << 22)

static void check_json(const uint8_t *bytes, size_t length)
{
    struct confab_value *value;
    struct confab_value *again;
    struct buf out;
    struct buf out_again;
    int rc = value_parse_json((const char *)bytes, length, NULL, &value);
    if (rc != CONFAB_OK) {
        assert_null(value);
        return;
    }
    buf_init(&out, OUT_BYTES);
    buf_init(&out_again, OUT_BYTES);
    assert_int_equal(value_write_json(value, &out, NULL), CONFAB_OK);
    assert_int_equal(value_parse_json(buf_text(&out), out.len, NULL, &again), CONFAB_OK);
    assert_int_equal(value_write_json(again, &out_again, NULL), CONFAB_OK);
    assert_string_equal(buf_text(&out), buf_text(&out_again));
    buf_fini(&out);
    buf_fini(&out_again);
    confab_value_release(value);
    confab_value_release(again);
}

static void check_msgpack(const uint8_t *bytes, size_t length)
{
    struct confab_value *value;
    struct confab_value *again;
    struct buf out;
    struct buf out_again;
    int rc = value_parse_msgpack(bytes, length, NULL, &value);
    if (rc != CONFAB_OK) {
        assert_null(value);
        return;
    }
    buf_init(&out, OUT_BYTES);
    buf_init(&out_again, OUT_BYTES);
    assert_int_equal(value_write_msgpack(value, &out), CONFAB_OK);
    assert_int_equal(value_parse_msgpack(out.data, out.len, NULL, &again), CONFAB_OK);
    assert_int_equal(value_write_msgpack(again, &out_again), CONFAB_OK);
    assert_int_equal(out.len, out_again.len);
    assert_memory_equal(out.data, out_again.data, out.len);
    buf_reset(&out);
    assert_int_equal(value_write_json(value, &out, NULL), CONFAB_OK);
    check_json(out.data, out.len);
    buf_fini(&out);
    buf_fini(&out_again);
    confab_value_release(value);
    confab_value_release(again);
}

static void mutate_row(const uint8_t *bytes, size_t length, struct mutator *mutator,
                       void (*check)(const uint8_t *, size_t))
{
    check(bytes, length);
    for (int i = 0; i < ROUNDS; i++) {
        size_t mutated_length;
        /* Exactly as long as it is, so that reading beyond is seen. */
        uint8_t *mutated = mutate(mutator, bytes, length, &mutated_length);
        check(mutated, mutated_length);
        free(mutated);
    }
}

static void test_mutations(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open("socketio-parser-vectors.jsonl");
    struct mutator mutator = {.state = 20260701};
    const struct confab_value *row;
    while ((row = vectors_next(vectors)) != NULL) {
        const struct confab_value *frame = confab_at(confab_get(row, "frames"), 0);
        const char *text = vector_text(frame, "text");
        const char *hex = vector_text(frame, "bin");
        if (text != NULL && strpbrk(text, "[{") != NULL) {
            text = strpbrk(text, "[{");
            mutate_row((const uint8_t *)text, strlen(text), &mutator, check_json);
        }
        if (hex != NULL) {
            size_t length;
            uint8_t *bytes = vector_bytes(hex, &length);
            mutate_row(bytes, length, &mutator, check_msgpack);
            free(bytes);
        }
    }
    vectors_close(vectors);
    assert_int_equal(live_count(LIVE_VALUE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mutations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
