/*
 * Finding a key among many.
 *
 * Open addressing over the entries' numbers. The hash is SipHash-1-3 keyed with addresses of this
 * process and of the object: whoever sends the keys cannot know them, so he cannot make them
 * collide and have each lookup walk the whole table. What an object contains, and in which order,
 * does not depend on the hash.
 */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/value_tree.h"

struct value_index {
    uint64_t k0, k1;
    uint32_t mask;    /* slots - 1 */
    uint32_t slots[]; /* an entry's number + 1, or 0 */
};

static uint64_t rotl(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] = rotl(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] = rotl(v[2], 32);
}

static uint64_t sip13(uint64_t k0, uint64_t k1, const char *bytes, size_t length)
{
    uint64_t v[4] = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
                     k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
    size_t whole = length & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    uint64_t last = 0;
    if (length > whole)
        memcpy(&last, bytes + whole, length - whole);
    last ^= (uint64_t)length << 56;
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void value_index_free(struct value_index *index)
{
    free(index);
}

uint32_t value_index_find(const struct value_object *object, const char *key, size_t key_bytes)
{
    const struct value_index *index = object->index;
    uint32_t slot = (uint32_t)sip13(index->k0, index->k1, key, key_bytes) & index->mask;
    while (index->slots[slot] != 0) {
        const struct value_entry *entry = &object->entries[index->slots[slot] - 1];
        if (entry->key_bytes == key_bytes && memcmp(entry->key, key, key_bytes) == 0)
            return index->slots[slot] - 1;
        slot = (slot + 1) & index->mask;
    }
    return UINT32_MAX;
}

void value_index_add(struct value_object *object, uint32_t number)
{
    struct value_index *index = object->index;
    const struct value_entry *entry = &object->entries[number];
    uint32_t slot =
        (uint32_t)sip13(index->k0, index->k1, entry->key, entry->key_bytes) & index->mask;
    while (index->slots[slot] != 0)
        slot = (slot + 1) & index->mask;
    index->slots[slot] = number + 1;
}

void value_index_build(struct value_object *object, size_t capacity)
{
    size_t slots = 64;
    while (slots < capacity * 2)
        slots *= 2;
    value_index_free(object->index);
    object->index = xcalloc(1, sizeof *object->index + slots * sizeof object->index->slots[0]);
    object->index->k0 = (uint64_t)(uintptr_t)object->index * UINT64_C(0x9e3779b97f4a7c15);
    object->index->k1 =
        (uint64_t)(uintptr_t)&value_index_build ^ rotl((uint64_t)(uintptr_t)&object, 29);
    object->index->mask = (uint32_t)(slots - 1);
    for (uint32_t i = 0; i < object->count; i++)
        value_index_add(object, i);
}
