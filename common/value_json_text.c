/* JSON text for applications: the same reader and writer, with texts as values. */
#include "common/buf.h"
#include "common/value.h"
#include <confab/err.h>

#define TEXT_MAX_BYTES ((size_t)64 << 20)

struct confab_value *confab_to_json(const struct confab_value *value, size_t most_bytes)
{
    struct confab_value *text = NULL;
    struct buf buf;

    buf_init(&buf, most_bytes != 0 && most_bytes < TEXT_MAX_BYTES ? most_bytes : TEXT_MAX_BYTES);
    if (value_write_json(value, &buf, NULL) == CONFAB_OK)
        text = confab_string_n(buf_text(&buf), buf.len);
    buf_fini(&buf);
    return text;
}

struct confab_value *confab_from_json(const char *text, size_t length_bytes)
{
    struct confab_value *value = NULL;

    value_parse_json(text, length_bytes, NULL, &value);
    return value;
}
