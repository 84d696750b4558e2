/*
 * How much one socket may ask for. A refusal says which limit it was, and when to come again.
 */
#include "gateway/chat/chat_internal.h"

const char *chat_limit_label(enum chat_limit limit)
{
    static const char *const labels[] = {
#define X(symbol, label, text) label,
        CHAT_LIMITS(X)
#undef X
    };
    return labels[limit];
}

#define MESSAGES_AT_ONCE 500

/* So many at once: a person pastes many lines; a script tries many names. */
static unsigned burst_of(enum chat_limit limit, unsigned rate)
{
    switch (limit) {
    case CHAT_LIMIT_MESSAGES:
        return rate * 10 > MESSAGES_AT_ONCE ? rate * 10 : MESSAGES_AT_ONCE;
    case CHAT_LIMIT_SEND_MSG:
        return rate * 4;
    case CHAT_LIMIT_LOGINS:
    case CHAT_LIMIT_COUNT:
        break;
    }
    return 5;
}

/* Whoever is refused so often without a pause is not heard again until he has been silent for so
 * long: a flood is not to be served even at the rate, since the rates of many add up. */
#define REFUSALS_IN_A_ROW 100
#define SILENCE_MS 1000

/* Those who wait are served at multiples of this. */
#define TOGETHER_MS 250

void chat_rates_init(struct chat *chat)
{
    for (int i = 0; i < CHAT_LIMIT_COUNT; i++) {
        unsigned rate = chat->config.rates[i];
        chat->rules[i] = (struct rate_rule){.amount = rate,
                                            .span_ms = i == CHAT_LIMIT_LOGINS ? 60000 : 1000,
                                            .burst = burst_of((enum chat_limit)i, rate)};
    }
}

bool chat_rate_take(struct chat *chat, struct chat_user *user, enum chat_limit limit,
                    int64_t *retry_ms)
{
    const struct rate_rule *rule = &chat->rules[limit];
    int64_t now_ms = confab_now_ms(chat->server);
    if (rate_take(&user->rates[limit], rule, now_ms, retry_ms)) {
        user->refusals[limit] = 0;
        return true;
    }
    chat->counters.limits[limit]++;
    if (user->refusals[limit] < REFUSALS_IN_A_ROW) {
        user->refusals[limit]++;
    } else {
        rate_shut(&user->rates[limit], rule, now_ms, SILENCE_MS);
        *retry_ms = *retry_ms > SILENCE_MS ? *retry_ms : SILENCE_MS;
    }
    return false;
}

void chat_rate_charge(struct chat *chat, struct chat_user *user, enum chat_limit limit)
{
    rate_charge(&user->rates[limit], &chat->rules[limit], 1, confab_now_ms(chat->server));
    user->refusals[limit] = 0;
}

int64_t chat_rate_wait_ms(const struct chat *chat, enum chat_limit limit, int64_t after_ms)
{
    const struct rate_rule *rule = &chat->rules[limit];
    int64_t refill_ms = rule->span_ms / (int64_t)rule->amount;
    int64_t step_ms = refill_ms < TOGETHER_MS ? refill_ms : TOGETHER_MS;
    int64_t now_ms = confab_now_ms(chat->server);
    int64_t at_ms = (now_ms + after_ms + step_ms / 2) / step_ms * step_ms;
    return at_ms > now_ms ? at_ms - now_ms : step_ms;
}
