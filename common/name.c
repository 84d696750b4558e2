/* The name rules of name.h on top of utf8proc. */
#include "common/name.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

#include "common/utf8.h"
#include <confab/err.h>

/* White_Space of Unicode together with what ECMAScript's trim() removes. */
static bool is_space(uint32_t cp)
{
    return (cp >= 0x09 && cp <= 0x0d) || cp == 0x20 || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f ||
           cp == 0x205f || cp == 0x3000 || cp == 0xfeff;
}

/* Narrows *text and *len to what is between the white space; the text is valid UTF-8. */
static void trim(const char **text, size_t *len)
{
    const char *s = *text;
    const char *end = s + *len;
    const char *last = s; /* behind the last character that is no space */
    uint32_t cp = 0;
    size_t n;

    while (s < end && (n = utf8_decode(s, (size_t)(end - s), &cp)) != 0 && is_space(cp))
        s += n;
    *text = s;
    last = s;
    while (s < end && (n = utf8_decode(s, (size_t)(end - s), &cp)) != 0) {
        s += n;
        if (!is_space(cp))
            last = s;
    }
    *len = (size_t)(last - *text);
}

static bool is_forbidden(int32_t cp)
{
    switch (utf8proc_category(cp)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return true;
    default:
        return false;
    }
}

/* Decomposes, folds if told so, and composes. Returns the number of code points, or a negative
 * error. */
static utf8proc_ssize_t convert(const char *text, size_t len, int32_t *out, size_t out_count,
                                utf8proc_option_t more)
{
    utf8proc_option_t options =
        (utf8proc_option_t)(UTF8PROC_COMPOSE | UTF8PROC_STABLE | (unsigned)more);
    utf8proc_ssize_t n;

    n = utf8proc_decompose((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)len, out,
                           (utf8proc_ssize_t)out_count, options);
    if (n < 0 || (size_t)n > out_count)
        return -1;
    return utf8proc_normalize_utf32(out, n, options);
}

/* CONFAB_ELIMIT when size bytes, the NUL included, are too few. */
static int encode(const int32_t *cps, utf8proc_ssize_t count, char *out, size_t size, size_t *len)
{
    size_t at = 0;

    for (utf8proc_ssize_t i = 0; i < count; i++) {
        char bytes[4];
        size_t n = utf8_encode((uint32_t)cps[i], bytes);

        if (at + n >= size)
            return CONFAB_ELIMIT;
        memcpy(out + at, bytes, n);
        at += n;
    }
    out[at] = '\0';
    *len = at;
    return CONFAB_OK;
}

int name_normalize(const void *in, size_t len, struct name_out *out)
{
    /* One byte of UTF-8 decomposes to fewer than three code points. */
    int32_t cps[3 * NAME_INPUT_MAX_BYTES];
    const char *text = in;
    utf8proc_ssize_t count;
    int err;

    if (len > NAME_INPUT_MAX_BYTES)
        return CONFAB_ELIMIT;
    if (!utf8_valid(text, len))
        return CONFAB_EPARSE;
    trim(&text, &len);
    count = convert(text, len, cps, sizeof(cps) / sizeof(cps[0]), (utf8proc_option_t)0);
    if (count < 0)
        return CONFAB_EPARSE;
    for (utf8proc_ssize_t i = 0; i < count; i++) {
        if (is_forbidden(cps[i]))
            return CONFAB_EDENIED;
    }
    if (count < NAME_MIN_CODEPOINTS || count > NAME_MAX_CODEPOINTS)
        return CONFAB_ELIMIT;
    err = encode(cps, count, out->shown, sizeof(out->shown), &out->shown_len);
    if (err != CONFAB_OK)
        return err;
    count =
        convert(out->shown, out->shown_len, cps, sizeof(cps) / sizeof(cps[0]), UTF8PROC_CASEFOLD);
    if (count < 0)
        return CONFAB_EPARSE;
    return encode(cps, count, out->key, sizeof(out->key), &out->key_len);
}

const char *name_reason(int err)
{
    switch (err) {
    case CONFAB_OK:
        return "the name is fine";
    case CONFAB_ELIMIT:
        return "a name has 3 to 20 characters";
    case CONFAB_EDENIED:
        return "the name holds a character that cannot be shown";
    case CONFAB_EPARSE:
        return "the name is not valid text";
    default:
        return "the name cannot be used";
    }
}
