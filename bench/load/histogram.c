#include "bench/load/histogram.h"

#include <string.h>

static unsigned bucket_of(uint64_t us)
{
    if (us < HISTOGRAM_SUB)
        return (unsigned)us;
    unsigned doubling = 63 - (unsigned)__builtin_clzll(us) - 5; /* 64 is the first of doubling 1 */
    if (doubling >= HISTOGRAM_DOUBLINGS)
        return HISTOGRAM_DOUBLINGS * HISTOGRAM_SUB - 1;
    unsigned half = (unsigned)(us >> doubling) - HISTOGRAM_SUB / 2;
    return HISTOGRAM_SUB + (doubling - 1) * (HISTOGRAM_SUB / 2) + half;
}

/* The largest value that falls into a bucket. */
static uint64_t top_of(unsigned bucket)
{
    if (bucket < HISTOGRAM_SUB)
        return bucket;
    unsigned doubling = (bucket - HISTOGRAM_SUB) / (HISTOGRAM_SUB / 2) + 1;
    unsigned half = (bucket - HISTOGRAM_SUB) % (HISTOGRAM_SUB / 2);
    return (((uint64_t)half + HISTOGRAM_SUB / 2 + 1) << doubling) - 1;
}

void histogram_reset(struct histogram *h)
{
    memset(h, 0, sizeof(*h));
}

void histogram_add(struct histogram *h, uint64_t us)
{
    h->buckets[bucket_of(us)]++;
    h->count++;
    h->sum_us += us;
    if (us > h->max_us)
        h->max_us = us;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_DOUBLINGS * HISTOGRAM_SUB; i++)
        into->buckets[i] += from->buckets[i];
    into->count += from->count;
    into->sum_us += from->sum_us;
    if (from->max_us > into->max_us)
        into->max_us = from->max_us;
}

uint64_t histogram_percentile(const struct histogram *h, double percent)
{
    if (h->count == 0)
        return 0;
    uint64_t rank = (uint64_t)((double)h->count * percent / 100.0 + 0.999999);
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_DOUBLINGS * HISTOGRAM_SUB; i++) {
        seen += h->buckets[i];
        if (seen >= rank && h->buckets[i] > 0)
            return top_of(i) < h->max_us ? top_of(i) : h->max_us;
    }
    return h->max_us;
}
