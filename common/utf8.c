/* UTF-8 of utf8.h. Eight bytes of ASCII are passed at a time, since that is what most traffic is.
 */
#include "common/utf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)
#define LOW_BITS UINT64_C(0x0101010101010101)

static uint64_t load64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static bool is_tail(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Length of the valid character of more than one byte at p, 0 if there is none (RFC 3629, section
 * 4). */
static size_t multibyte(const uint8_t *p, size_t len)
{
    uint8_t lead = p[0];

    if (lead < 0xc2 || lead > 0xf4 || len < 2 || !is_tail(p[1]))
        return 0;
    if (lead < 0xe0)
        return 2;
    if (len < 3 || !is_tail(p[2]))
        return 0;
    if (lead < 0xf0) {
        /* E0 80..9F is overlong, ED A0..BF are the surrogates. */
        if ((lead == 0xe0 && p[1] < 0xa0) || (lead == 0xed && p[1] > 0x9f))
            return 0;
        return 3;
    }
    /* F0 80..8F is overlong, F4 90..BF is above U+10FFFF. */
    if (len < 4 || !is_tail(p[3]) || (lead == 0xf0 && p[1] < 0x90) || (lead == 0xf4 && p[1] > 0x8f))
        return 0;
    return 4;
}

size_t utf8_valid_prefix(const void *text, size_t len)
{
    const uint8_t *p = text;
    size_t at = 0;

    while (at < len) {
        size_t n;

        if (p[at] < 0x80) {
            while (len - at >= 8 && (load64(p + at) & HIGH_BITS) == 0)
                at += 8;
            while (at < len && p[at] < 0x80)
                at++;
            continue;
        }
        n = multibyte(p + at, len - at);
        if (n == 0)
            return at;
        at += n;
    }
    return at;
}

bool utf8_valid(const void *text, size_t len)
{
    return utf8_valid_prefix(text, len) == len;
}

size_t utf8_decode(const void *text, size_t len, uint32_t *cp)
{
    const uint8_t *p = text;
    size_t n;

    if (len == 0)
        return 0;
    if (p[0] < 0x80) {
        *cp = p[0];
        return 1;
    }
    n = multibyte(p, len);
    if (n == 2)
        *cp = (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
    else if (n == 3)
        *cp = (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
    else if (n == 4)
        *cp = (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 |
              (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
    return n;
}

size_t utf8_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        if (cp >= 0xd800 && cp <= 0xdfff)
            return 0;
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    if (cp > 0x10ffff)
        return 0;
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

/* How many of the eight bytes in v have their high bit set in mask. */
static size_t marked(uint64_t mask)
{
    return (size_t)(((mask >> 7 & LOW_BITS) * LOW_BITS) >> 56);
}

size_t utf8_count(const void *text, size_t len)
{
    const uint8_t *p = text;
    size_t tails = 0;
    size_t at = 0;

    for (; len - at >= 8; at += 8) {
        uint64_t v = load64(p + at);

        /* A tail byte has bit 7 and not bit 6. */
        tails += marked(v & ~(v << 1) & HIGH_BITS);
    }
    for (; at < len; at++)
        tails += is_tail(p[at]);
    return len - tails;
}

size_t utf8_utf16_len(const void *text, size_t len)
{
    const uint8_t *p = text;
    size_t pairs = 0;
    size_t at = 0;

    /* A character of four bytes, the only kind that begins with 1111, takes two units. */
    for (; len - at >= 8; at += 8) {
        uint64_t v = load64(p + at);

        pairs += marked(v & v << 1 & v << 2 & v << 3 & HIGH_BITS);
    }
    for (; at < len; at++)
        pairs += p[at] >= 0xf0;
    return utf8_count(text, len) + pairs;
}
