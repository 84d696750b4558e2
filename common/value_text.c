/* Text from outside that is not UTF-8: every wrong piece becomes one U+FFFD, as browsers and Node
 * decode it. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "common/value_tree.h"

/*
 * How many bytes one U+FFFD stands for: the longest start of a character there is (WHATWG Encoding,
 * "UTF-8 decoder"), so `e2 82` before an `A` gives one and `ed a0 80`, a surrogate, three.
 */
static size_t wrong_piece(const uint8_t *bytes, size_t length)
{
    uint8_t lead = bytes[0];
    size_t wanted = lead >= 0xc2 && lead <= 0xdf   ? 2
                    : lead >= 0xe0 && lead <= 0xef ? 3
                    : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                   : 1;
    uint8_t lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    size_t taken = 1;
    while (taken < wanted && taken < length && bytes[taken] >= lowest && bytes[taken] <= highest) {
        lowest = 0x80;
        highest = 0xbf;
        taken++;
    }
    return taken;
}

size_t value_repair_utf8(char *out, const char *text, size_t length_bytes)
{
    size_t written = 0;
    size_t at = 0;
    while (at < length_bytes) {
        size_t valid = utf8_valid_prefix(text + at, length_bytes - at);
        memcpy(out + written, text + at, valid);
        written += valid;
        at += valid;
        if (at == length_bytes)
            break;
        memcpy(out + written, "\xef\xbf\xbd", 3);
        written += 3;
        at += wrong_piece((const uint8_t *)text + at, length_bytes - at);
    }
    return written;
}

struct confab_value *value_string_repaired(const char *text, size_t length_bytes)
{
    if (utf8_valid(text, length_bytes))
        return value_string_trusted(text, length_bytes);
    char *repaired = xreallocarray(NULL, length_bytes, 3);
    struct confab_value *value =
        value_string_trusted(repaired, value_repair_utf8(repaired, text, length_bytes));
    free(repaired);
    return value;
}
