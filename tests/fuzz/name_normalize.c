/* A user's name: what is shown is a name itself, and the same one. */
#include "common/name.h"
#include "common/utf8.h"
#include "tests/fuzz/fuzz.h"
#include <confab/err.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    struct name_out once, twice;
    int err = name_normalize(bytes, length_bytes, &once);
    if (err != CONFAB_OK) {
        FUZZ_CHECK(err == CONFAB_EPARSE || err == CONFAB_ELIMIT || err == CONFAB_EDENIED);
        FUZZ_CHECK(name_reason(err)[0] != '\0');
        return 0;
    }
    FUZZ_CHECK(strlen(once.shown) == once.shown_len && strlen(once.key) == once.key_len);
    FUZZ_CHECK(once.shown_len >= NAME_MIN_CODEPOINTS && once.key_len > 0);
    FUZZ_CHECK(name_normalize(once.shown, once.shown_len, &twice) == CONFAB_OK);
    FUZZ_CHECK(strcmp(once.shown, twice.shown) == 0);
    FUZZ_CHECK(strcmp(once.key, twice.key) == 0);
    return 0;
}
