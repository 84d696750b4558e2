/*
 * The limits in front of msgpack-c: a walk over the bytes that allocates nothing and that decides.
 *
 * What passes here is one complete value, so the reader behind it cannot fail: the lengths that
 * were declared are there, no container announces more items than bytes remain, nesting and number
 * of values are within limits, and map keys are of the kinds whose text JavaScript and we agree on.
 */
#include <string.h>

#include "common/value_tree.h"
#include <confab/err.h>

struct level {
    uint64_t left; /* values still to come; keys of maps are counted */
    bool map;
};

/* What one header byte announces. */
struct header {
    uint8_t size_bytes;  /* of the length field behind the byte */
    uint8_t extra_bytes; /* fixed bytes behind that: a number, an extension's type */
    uint32_t inside;     /* length when there is no length field */
    enum { PLAIN, BYTES, ARRAY, MAP, BROKEN } form;
    bool key; /* has a text */
};

static struct header header_of(uint8_t byte)
{
    /* c0 to df: nil, unused, false, true; bin; ext; floats; whole numbers; fixext; str; array; map.
     */
    static const struct header table[32] = {
        {0, 0, 0, PLAIN, true},   {0, 0, 0, BROKEN, false}, {0, 0, 0, PLAIN, true},
        {0, 0, 0, PLAIN, true},   {1, 0, 0, BYTES, false},  {2, 0, 0, BYTES, false},
        {4, 0, 0, BYTES, false},  {1, 1, 0, BYTES, false},  {2, 1, 0, BYTES, false},
        {4, 1, 0, BYTES, false},  {0, 4, 0, PLAIN, true},   {0, 8, 0, PLAIN, true},
        {0, 1, 0, PLAIN, true},   {0, 2, 0, PLAIN, true},   {0, 4, 0, PLAIN, true},
        {0, 8, 0, PLAIN, true},   {0, 1, 0, PLAIN, true},   {0, 2, 0, PLAIN, true},
        {0, 4, 0, PLAIN, true},   {0, 8, 0, PLAIN, true},   {0, 2, 0, PLAIN, false},
        {0, 3, 0, PLAIN, false},  {0, 5, 0, PLAIN, false},  {0, 9, 0, PLAIN, false},
        {0, 17, 0, PLAIN, false}, {1, 0, 0, BYTES, true},   {2, 0, 0, BYTES, true},
        {4, 0, 0, BYTES, true},   {2, 0, 0, ARRAY, false},  {4, 0, 0, ARRAY, false},
        {2, 0, 0, MAP, false},    {4, 0, 0, MAP, false},
    };
    if (byte < 0x80 || byte >= 0xe0)
        return (struct header){0, 0, 0, PLAIN, true};
    if (byte < 0x90)
        return (struct header){0, 0, byte & 0x0f, MAP, false};
    if (byte < 0xa0)
        return (struct header){0, 0, byte & 0x0f, ARRAY, false};
    if (byte < 0xc0)
        return (struct header){0, 0, byte & 0x1f, BYTES, true};
    return table[byte - 0xc0];
}

static uint32_t length_at(const uint8_t *bytes, unsigned size_bytes)
{
    uint32_t length = 0;
    for (unsigned i = 0; i < size_bytes; i++)
        length = length << 8 | bytes[i];
    return length;
}

/* Steps over one header and, unless it is a container's, over what belongs to it. */
static int step(const uint8_t **at, const uint8_t *end, struct header *header, uint32_t *count)
{
    if (*at == end)
        return CONFAB_EPARSE;
    *header = header_of(**at);
    size_t left = (size_t)(end - *at) - 1;
    if (header->form == BROKEN || left < (size_t)header->size_bytes + header->extra_bytes)
        return CONFAB_EPARSE;
    *count = header->size_bytes > 0 ? length_at(*at + 1, header->size_bytes) : header->inside;
    left -= (size_t)header->size_bytes + header->extra_bytes;
    *at += 1 + header->size_bytes + header->extra_bytes;
    uint64_t needed = header->form == MAP ? 2 * (uint64_t)*count : *count;
    if (needed > left)
        return CONFAB_EPARSE;
    if (header->form == BYTES)
        *at += *count;
    return CONFAB_OK;
}

int value_check_msgpack(const uint8_t *bytes, size_t length_bytes,
                        const struct value_limits *limits)
{
    struct level levels[VALUE_DEPTH_MAX + 1];
    const uint8_t *at = bytes;
    const uint8_t *end = bytes + length_bytes;
    size_t depth = 0;
    size_t nodes = 0;
    levels[0] = (struct level){1, false};
    for (;;) {
        while (depth > 0 && levels[depth].left == 0)
            depth--;
        struct level *level = &levels[depth];
        if (level->left == 0)
            return at == end ? CONFAB_OK : CONFAB_EPARSE;
        struct header header;
        uint32_t count;
        int rc = step(&at, end, &header, &count);
        if (rc != CONFAB_OK)
            return rc;
        bool is_key = level->map && level->left % 2 == 0;
        level->left--;
        if (is_key && !header.key)
            return CONFAB_EPARSE;
        if (!is_key && ++nodes > limits->nodes)
            return CONFAB_ELIMIT;
        if (header.form != ARRAY && header.form != MAP)
            continue;
        if (depth == limits->depth)
            return CONFAB_ELIMIT;
        levels[++depth] =
            (struct level){header.form == MAP ? 2 * (uint64_t)count : count, header.form == MAP};
    }
}
