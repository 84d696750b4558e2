/*
 * Rates in amounts: "so many units a second, so many at once", without a clock and without I/O.
 *
 * Unlike a bucket (common/bucket.h) a meter is charged afterwards, by what something turned out to
 * cost, and may run into debt; whoever owns it asks before the next step whether there is credit
 * again. Eight bytes, and nothing to do between uses.
 */
#ifndef CONFAB_NET_METER_H
#define CONFAB_NET_METER_H

#include <stdbool.h>
#include <stdint.h>

struct meter_rule {
    uint32_t per_second; /* 0: no limit */
    uint32_t burst;
};

/* Zeroed it is full. */
struct meter {
    int64_t full_at_us; /* the instant at which the whole burst is there again */
};

static inline int64_t meter_us(const struct meter_rule *rule, uint64_t amount)
{
    return (int64_t)(amount * 1000000 / rule->per_second);
}

static inline void meter_charge(struct meter *meter, const struct meter_rule *rule, uint64_t amount,
                                int64_t now_ms)
{
    if (rule->per_second == 0)
        return;
    if (meter->full_at_us < now_ms * 1000)
        meter->full_at_us = now_ms * 1000;
    meter->full_at_us += meter_us(rule, amount);
}

/* How long until there is credit for one unit; 0: there is. */
static inline int64_t meter_wait_ms(const struct meter *meter, const struct meter_rule *rule,
                                    int64_t now_ms)
{
    int64_t over_us;

    if (rule->per_second == 0)
        return 0;
    over_us = meter->full_at_us + meter_us(rule, 1) - meter_us(rule, rule->burst) - now_ms * 1000;
    return over_us > 0 ? (over_us + 999) / 1000 : 0;
}

/* Nothing left: as if the whole burst had just been used. */
static inline void meter_empty(struct meter *meter, const struct meter_rule *rule, int64_t now_ms)
{
    meter->full_at_us = 0;
    meter_charge(meter, rule, rule->burst, now_ms);
}

#endif
