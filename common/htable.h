/*
 * A hash table keyed by byte strings, with intrusive entries.
 *
 * The entry is embedded in the object it finds, the key's bytes stay where the object keeps them:
 * the table itself costs one pointer per bucket, inserting allocates nothing but a growing bucket
 * array. Hashes are keyed (SipHash-1-3) by a seed that the owner draws at random, so clients who
 * choose names and room names cannot aim for one bucket.
 *
 * Not for values that need an order: iteration goes by bucket. Two tables with the same seed and
 * the same history iterate alike.
 */
#ifndef CONFAB_COMMON_HTABLE_H
#define CONFAB_COMMON_HTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/list.h"

#define HTABLE_SEED_BYTES 16

struct htable_entry {
    struct htable_entry *next;
    const char *key; /* borrowed from the object around the entry; must not change while in the
                        table */
    uint32_t key_len;
    uint32_t hash;
};

struct htable {
    struct htable_entry **buckets; /* owned; NULL while the table is empty */
    uint32_t bucket_count;         /* 0 or a power of two */
    uint32_t count;
    uint64_t seed[2];
};

/* Embedded life. fini frees the buckets; the objects are the caller's and are not touched, so
 * remove or forget them first. */
void htable_init(struct htable *t, const uint8_t seed[HTABLE_SEED_BYTES]);
void htable_fini(struct htable *t);

/* The entry with that key, NULL if there is none. */
struct htable_entry *htable_find(const struct htable *t, const void *key, size_t key_len);

/* Puts the entry under key; the bytes are not copied and must outlive the entry's time in the
 * table. Returns NULL, or the entry that has this key already, and then nothing changed. key_len is
 * limited to 4 GiB - 1 by the caller's own, lower limits. */
struct htable_entry *htable_insert(struct htable *t, struct htable_entry *entry, const void *key,
                                   size_t key_len);

/* Takes out an entry that is in the table. */
void htable_remove(struct htable *t, struct htable_entry *entry);

static inline uint32_t htable_count(const struct htable *t)
{
    return t->count;
}

/* Visits all entries. The entry returned last may be removed (and freed); no other change is
 * allowed during a walk. */
struct htable_iter {
    const struct htable *table;
    struct htable_entry *next;
    uint32_t bucket;
};

void htable_iter_init(struct htable_iter *it, const struct htable *t);
struct htable_entry *htable_iter_next(struct htable_iter *it); /* NULL at the end */

/* SipHash-1-3 of the bytes; what the table uses, also good for other keyed fingerprints inside one
 * process. */
uint64_t htable_siphash(const uint64_t seed[2], const void *data, size_t len);

#endif
