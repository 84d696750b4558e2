/*
 * Damaging bytes, reproducibly: the same seed gives the same damage.
 *
 * Made for formats with lengths and brackets: besides random bytes it writes boundary values and
 * the characters that carry structure, cuts, repeats a piece and joins the input's head to its
 * tail.
 */
#ifndef CONFAB_TESTS_UNIT_MUTATE_H
#define CONFAB_TESTS_UNIT_MUTATE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

struct mutator {
    uint64_t state; /* the seed, any number */
};

/* SplitMix64. */
static inline uint64_t mutator_next(struct mutator *mutator)
{
    uint64_t z = mutator->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline size_t mutator_below(struct mutator *mutator, size_t bound)
{
    return bound == 0 ? 0 : (size_t)(mutator_next(mutator) % bound);
}

static inline void mutate_once(struct mutator *mutator, uint8_t *bytes, size_t *length, size_t room)
{
    static const uint8_t telling[] =
        "\x00\x7f\x80\xff\x90\xc0\xc1\xc4\xc7\xc9\xca\xcb\xcf\xd3\xd4\xd7\xd9\xdb\xdc\xdd\xde\xdf"
        "[]{}\",:\\-0e.\x1e/#n_";
    size_t at = mutator_below(mutator, *length);
    size_t piece = 1 + mutator_below(mutator, 8);
    switch (mutator_below(mutator, 6)) {
    case 0:
        if (*length > 0)
            bytes[at] = (uint8_t)mutator_next(mutator);
        break;
    case 1:
        if (*length > 0)
            bytes[at] = telling[mutator_below(mutator, sizeof telling - 1)];
        break;
    case 2: /* cut the end off */
        *length = at;
        break;
    case 3: /* take a piece out */
        if (piece <= *length - at) {
            memmove(bytes + at, bytes + at + piece, *length - at - piece);
            *length -= piece;
        }
        break;
    case 4: /* repeat a piece */
        if (piece <= *length - at && *length + piece <= room) {
            memmove(bytes + at + piece, bytes + at, *length - at);
            *length += piece;
        }
        break;
    default: /* flip a bit */
        if (*length > 0)
            bytes[at] ^= (uint8_t)(1u << mutator_below(mutator, 8));
        break;
    }
}

/* A damaged copy in memory of exactly its size; the caller frees it. */
static inline uint8_t *mutate(struct mutator *mutator, const uint8_t *bytes, size_t length,
                              size_t *mutated_length)
{
    size_t room = length + 64;
    uint8_t *work = xmalloc(room);
    if (length > 0)
        memcpy(work, bytes, length);
    *mutated_length = length;
    for (size_t times = 1 + mutator_below(mutator, 4); times > 0; times--)
        mutate_once(mutator, work, mutated_length, room);
    uint8_t *exact = xmemdup(work, *mutated_length);
    free(work);
    return exact;
}

#endif
