/*
 * A histogram of durations in microseconds: buckets whose width grows with the value, so that any
 * percentile is right to within 1.6 % whatever its size, in a fixed 30 KB. Values of an hour and
 * more fall into the last bucket.
 */
#ifndef CONFAB_BENCH_HISTOGRAM_H
#define CONFAB_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB 64 /* buckets for each doubling */
#define HISTOGRAM_DOUBLINGS 32

struct histogram {
    uint64_t buckets[HISTOGRAM_DOUBLINGS * HISTOGRAM_SUB];
    uint64_t count;
    uint64_t max_us;
    uint64_t sum_us;
};

void histogram_reset(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t us);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* The value that `percent` of all values do not exceed; 0 when there are none. */
uint64_t histogram_percentile(const struct histogram *h, double percent);

#endif
