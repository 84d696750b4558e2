/* Chained buckets with the hash kept in each entry: a lookup compares keys only when 32 bits of
 * hash and the lengths agree. */
#define _DEFAULT_SOURCE

#include "common/htable.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define MIN_BUCKETS 8u
#define MAX_BUCKETS (1u << 30)

#define ROTATE(v, bits) (((v) << (bits)) | ((v) >> (64 - (bits))))

#define SIP_ROUND(v0, v1, v2, v3) \
    do {                          \
        (v0) += (v1);             \
        (v1) = ROTATE(v1, 13);    \
        (v1) ^= (v0);             \
        (v0) = ROTATE(v0, 32);    \
        (v2) += (v3);             \
        (v3) = ROTATE(v3, 16);    \
        (v3) ^= (v2);             \
        (v0) += (v3);             \
        (v3) = ROTATE(v3, 21);    \
        (v3) ^= (v0);             \
        (v2) += (v1);             \
        (v1) = ROTATE(v1, 17);    \
        (v1) ^= (v2);             \
        (v2) = ROTATE(v2, 32);    \
    } while (0)

static uint64_t load_le64(const uint8_t *p, size_t len)
{
    uint64_t v = 0;

    for (size_t i = 0; i < len; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

/* SipHash (Aumasson, Bernstein) with one compression and three finalization rounds. */
uint64_t htable_siphash(const uint64_t seed[2], const void *data, size_t len)
{
    const uint8_t *p = data;
    size_t rest = len & 7;
    uint64_t v0 = seed[0] ^ UINT64_C(0x736f6d6570736575);
    uint64_t v1 = seed[1] ^ UINT64_C(0x646f72616e646f6d);
    uint64_t v2 = seed[0] ^ UINT64_C(0x6c7967656e657261);
    uint64_t v3 = seed[1] ^ UINT64_C(0x7465646279746573);
    uint64_t m;

    /* The hot loop: one load a word, which the bytewise load_le64() is not in every compiler. */
    for (size_t words = len / 8; words != 0; words--, p += 8) {
        memcpy(&m, p, 8);
        m = le64toh(m);
        v3 ^= m;
        SIP_ROUND(v0, v1, v2, v3);
        v0 ^= m;
    }
    m = (uint64_t)len << 56 | (rest != 0 ? load_le64(p, rest) : 0);
    v3 ^= m;
    SIP_ROUND(v0, v1, v2, v3);
    v0 ^= m;
    v2 ^= 0xff;
    SIP_ROUND(v0, v1, v2, v3);
    SIP_ROUND(v0, v1, v2, v3);
    SIP_ROUND(v0, v1, v2, v3);
    return v0 ^ v1 ^ v2 ^ v3;
}

void htable_init(struct htable *t, const uint8_t seed[HTABLE_SEED_BYTES])
{
    *t = (struct htable){.seed = {load_le64(seed, 8), load_le64(seed + 8, 8)}};
}

void htable_fini(struct htable *t)
{
    free(t->buckets);
    t->buckets = NULL;
    t->bucket_count = 0;
    t->count = 0;
}

static struct htable_entry **bucket_of(const struct htable *t, uint32_t hash)
{
    return &t->buckets[hash & (t->bucket_count - 1)];
}

static struct htable_entry *find_hashed(const struct htable *t, uint32_t hash, const void *key,
                                        size_t key_len)
{
    struct htable_entry *e;

    if (t->bucket_count == 0)
        return NULL;
    for (e = *bucket_of(t, hash); e != NULL; e = e->next) {
        if (e->hash == hash && e->key_len == key_len &&
            (key_len == 0 || memcmp(e->key, key, key_len) == 0))
            return e;
    }
    return NULL;
}

static void resize(struct htable *t, uint32_t bucket_count)
{
    struct htable_entry **old = t->buckets;
    uint32_t old_count = t->bucket_count;

    t->buckets = xcalloc(bucket_count, sizeof(*t->buckets));
    t->bucket_count = bucket_count;
    for (uint32_t i = 0; i < old_count; i++) {
        struct htable_entry *e = old[i];

        while (e != NULL) {
            struct htable_entry *next = e->next;
            struct htable_entry **bucket = bucket_of(t, e->hash);

            e->next = *bucket;
            *bucket = e;
            e = next;
        }
    }
    free(old);
}

/* One entry per bucket on average at most; an array much too large for what is left is given back
 * here and not in htable_remove(), which may run during a walk. */
static void fit_for_one_more(struct htable *t)
{
    uint32_t need = t->count + 1;

    if (t->bucket_count == 0)
        resize(t, MIN_BUCKETS);
    else if (need > t->bucket_count && t->bucket_count < MAX_BUCKETS)
        resize(t, t->bucket_count * 2);
    else if (t->bucket_count > MIN_BUCKETS && need < t->bucket_count / 8)
        resize(t, t->bucket_count / 4);
}

struct htable_entry *htable_find(const struct htable *t, const void *key, size_t key_len)
{
    if (t->count == 0)
        return NULL;
    return find_hashed(t, (uint32_t)htable_siphash(t->seed, key, key_len), key, key_len);
}

struct htable_entry *htable_insert(struct htable *t, struct htable_entry *entry, const void *key,
                                   size_t key_len)
{
    uint32_t hash = (uint32_t)htable_siphash(t->seed, key, key_len);
    struct htable_entry *there = find_hashed(t, hash, key, key_len);
    struct htable_entry **bucket;

    if (there != NULL)
        return there;
    fit_for_one_more(t);
    bucket = bucket_of(t, hash);
    entry->key = key;
    entry->key_len = (uint32_t)key_len;
    entry->hash = hash;
    entry->next = *bucket;
    *bucket = entry;
    t->count++;
    return NULL;
}

void htable_remove(struct htable *t, struct htable_entry *entry)
{
    struct htable_entry **at;

    if (t->bucket_count == 0)
        return;
    at = bucket_of(t, entry->hash);
    while (*at != NULL && *at != entry)
        at = &(*at)->next;
    if (*at == NULL)
        return;
    *at = entry->next;
    entry->next = NULL;
    if (--t->count == 0 && t->bucket_count > MIN_BUCKETS)
        htable_fini(t);
}

void htable_iter_init(struct htable_iter *it, const struct htable *t)
{
    *it = (struct htable_iter){.table = t};
}

struct htable_entry *htable_iter_next(struct htable_iter *it)
{
    struct htable_entry *e = it->next;

    while (e == NULL && it->bucket < it->table->bucket_count)
        e = it->table->buckets[it->bucket++];
    it->next = e != NULL ? e->next : NULL;
    return e;
}
