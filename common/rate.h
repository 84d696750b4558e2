/*
 * Rates: "so much per time, so much at once", without a clock and without I/O.
 *
 * A rate is eight bytes and costs nothing between uses: what has flowed in is computed when
 * somebody asks, and whoever owns it passes the time. Its owner either takes one and is told
 * whether it was there, or charges afterwards what something turned out to cost, runs into debt by
 * that, and asks before the next step how long it has to wait.
 */
#ifndef CONFAB_COMMON_RATE_H
#define CONFAB_COMMON_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate_rule {
    uint64_t amount;  /* of units, that flow in during span_ms; 0: no limit */
    uint32_t span_ms; /* at most a minute */
    uint64_t burst;   /* units that may be there at once; at most 2^33 */
};

/* Zeroed it is full. */
struct rate {
    int64_t full_at_ns; /* the instant at which the whole burst is there again */
};

#define RATE_NS_PER_MS 1000000

/* How long `units` take to flow in. */
static inline int64_t rate_ns(const struct rate_rule *rule, uint64_t units)
{
    return (int64_t)(units * RATE_NS_PER_MS / rule->amount * rule->span_ms +
                     units * RATE_NS_PER_MS % rule->amount * rule->span_ms / rule->amount);
}

/* Takes `units`, whether they are there or not. */
static inline void rate_charge(struct rate *rate, const struct rate_rule *rule, uint64_t units,
                               int64_t now_ms)
{
    if (rule->amount == 0)
        return;
    if (rate->full_at_ns < now_ms * RATE_NS_PER_MS)
        rate->full_at_ns = now_ms * RATE_NS_PER_MS;
    rate->full_at_ns += rate_ns(rule, units);
}

/* How long until there are `units`, which are at most the burst; 0: there are. With 0 units: until
 * there is no debt. */
static inline int64_t rate_wait_ms(const struct rate *rate, const struct rate_rule *rule,
                                   uint64_t units, int64_t now_ms)
{
    int64_t over_ns;

    if (rule->amount == 0)
        return 0;
    over_ns = rate->full_at_ns - now_ms * RATE_NS_PER_MS - rate_ns(rule, rule->burst - units);
    return over_ns > 0 ? (over_ns + RATE_NS_PER_MS - 1) / RATE_NS_PER_MS : 0;
}

/* Takes one if it is there; if not, *retry_ms says in how many milliseconds it is. */
static inline bool rate_take(struct rate *rate, const struct rate_rule *rule, int64_t now_ms,
                             int64_t *retry_ms)
{
    *retry_ms = rate_wait_ms(rate, rule, 1, now_ms);
    if (*retry_ms > 0)
        return false;
    rate_charge(rate, rule, 1, now_ms);
    return true;
}

/* There is nothing until for_ms have passed, and then one; or later, if that was so already. */
static inline void rate_shut(struct rate *rate, const struct rate_rule *rule, int64_t now_ms,
                             int64_t for_ms)
{
    int64_t full_at_ns;

    if (rule->amount == 0)
        return;
    full_at_ns = (now_ms + for_ms) * RATE_NS_PER_MS + rate_ns(rule, rule->burst - 1);
    if (rate->full_at_ns < full_at_ns)
        rate->full_at_ns = full_at_ns;
}

/* As if the whole burst had just been used. */
static inline void rate_empty(struct rate *rate, const struct rate_rule *rule, int64_t now_ms)
{
    rate->full_at_ns = 0;
    rate_charge(rate, rule, rule->burst, now_ms);
}

/* Nothing was taken lately. */
static inline bool rate_is_full(const struct rate *rate, int64_t now_ms)
{
    return rate->full_at_ns <= now_ms * RATE_NS_PER_MS;
}

#endif
