/*
 * Token buckets: "so many per time, with a burst", without a clock.
 *
 * One bucket is 16 bytes and costs nothing between uses: what has flowed in is computed when
 * somebody asks. Whoever owns it passes the time.
 */
#ifndef CONFAB_COMMON_BUCKET_H
#define CONFAB_COMMON_BUCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bucket_rule {
    int32_t burst;     /* so many at once */
    int32_t refill_ms; /* one more after each of these */
};

/* Zeroed it is full. */
struct bucket {
    int64_t spent_until_ms; /* the instant at which it is full again */
};

/* Takes one that was promised, whether it is there or not. */
static inline void bucket_charge(struct bucket *bucket, const struct bucket_rule *rule,
                                 int64_t now_ms)
{
    int64_t from_ms = bucket->spent_until_ms > now_ms ? bucket->spent_until_ms : now_ms;

    bucket->spent_until_ms = from_ms + rule->refill_ms;
}

/* There is none until for_ms have passed, or later if that was so already. */
static inline void bucket_shut(struct bucket *bucket, const struct bucket_rule *rule,
                               int64_t now_ms, int64_t for_ms)
{
    int64_t until_ms = now_ms + for_ms + (int64_t)(rule->burst - 1) * rule->refill_ms;

    if (bucket->spent_until_ms < until_ms)
        bucket->spent_until_ms = until_ms;
}

/* Takes one. False when empty: then *retry_ms (may be NULL) says in how many milliseconds there is
 * one again. */
static inline bool bucket_take(struct bucket *bucket, const struct bucket_rule *rule,
                               int64_t now_ms, int64_t *retry_ms)
{
    int64_t from_ms = bucket->spent_until_ms > now_ms ? bucket->spent_until_ms : now_ms;
    int64_t until_ms = from_ms + rule->refill_ms;
    int64_t room_ms = (int64_t)rule->burst * rule->refill_ms;

    if (until_ms - now_ms > room_ms) {
        if (retry_ms != NULL)
            *retry_ms = until_ms - now_ms - room_ms;
        return false;
    }
    bucket->spent_until_ms = until_ms;
    return true;
}

#endif
