/* Msgpack: what was read is written as bytes that read as a value that writes the same bytes; and
 * it can be written as JSON. */
#include "common/buf.h"
#include "common/value.h"
#include "tests/fuzz/fuzz.h"
#include <confab/err.h>

#define OUT_BYTES (64 << 20)

static void check_json(const struct confab_value *value)
{
    struct confab_value *again;
    struct buf text;
    buf_init(&text, OUT_BYTES);
    FUZZ_CHECK(value_write_json(value, &text, NULL) == CONFAB_OK);
    /* Bytes are many values in JSON, and one level more. */
    if (!confab_has_binary(value)) {
        FUZZ_CHECK(value_parse_json(buf_text(&text), text.len, NULL, &again) == CONFAB_OK);
        confab_value_release(again);
    }
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    struct confab_value *value, *again;
    struct buf first, second;
    if (value_parse_msgpack(bytes, length_bytes, NULL, &value) != CONFAB_OK) {
        FUZZ_CHECK(value == NULL);
        fuzz_check_nothing_left();
        return 0;
    }
    buf_init(&first, OUT_BYTES);
    buf_init(&second, OUT_BYTES);
    FUZZ_CHECK(value_write_msgpack(value, &first) == CONFAB_OK);
    FUZZ_CHECK(value_parse_msgpack(first.data, first.len, NULL, &again) == CONFAB_OK);
    FUZZ_CHECK(value_write_msgpack(again, &second) == CONFAB_OK);
    FUZZ_CHECK(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    check_json(value);
    confab_value_release(value);
    confab_value_release(again);
    buf_fini(&first);
    buf_fini(&second);
    fuzz_check_nothing_left();
    return 0;
}
