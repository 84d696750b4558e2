/* JSON: what was read is written as text that reads as an equal value, and writes as equal text. */
#include "common/buf.h"
#include "common/value.h"
#include "tests/fuzz/fuzz.h"
#include <confab/err.h>

#define OUT_BYTES (8 << 20) /* an escape makes six bytes of one */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    struct confab_value *value, *again;
    struct buf first, second;
    if (value_parse_json((const char *)bytes, length_bytes, NULL, &value) != CONFAB_OK) {
        FUZZ_CHECK(value == NULL);
        fuzz_check_nothing_left();
        return 0;
    }
    buf_init(&first, OUT_BYTES);
    buf_init(&second, OUT_BYTES);
    FUZZ_CHECK(value_write_json(value, &first, NULL) == CONFAB_OK);
    FUZZ_CHECK(value_parse_json(buf_text(&first), first.len, NULL, &again) == CONFAB_OK);
    FUZZ_CHECK(value_write_json(again, &second, NULL) == CONFAB_OK);
    FUZZ_CHECK(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    /* Infinities, which a number too large becomes, are written as null. */
    FUZZ_CHECK(confab_equal(value, again) || strstr(buf_text(&first), "null") != NULL);
    confab_value_release(value);
    confab_value_release(again);
    buf_fini(&first);
    buf_fini(&second);
    fuzz_check_nothing_left();
    return 0;
}
