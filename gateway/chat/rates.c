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
static int32_t burst_of(enum chat_limit limit, unsigned rate)
{
    switch (limit) {
    case CHAT_LIMIT_MESSAGES:
        return rate * 10 > MESSAGES_AT_ONCE ? (int32_t)rate * 10 : MESSAGES_AT_ONCE;
    case CHAT_LIMIT_SEND_MSG:
        return (int32_t)rate * 4;
    case CHAT_LIMIT_LOGINS:
    case CHAT_LIMIT_COUNT:
        break;
    }
    return 5;
}

void chat_rates_init(struct chat *chat)
{
    for (int i = 0; i < CHAT_LIMIT_COUNT; i++) {
        unsigned rate = chat->config.rates[i];
        int32_t span_ms = i == CHAT_LIMIT_LOGINS ? 60000 : 1000;
        if (rate > 0)
            chat->rules[i] = (struct bucket_rule){.burst = burst_of((enum chat_limit)i, rate),
                                                  .refill_ms = span_ms / (int32_t)rate};
    }
}

bool chat_rate_take(struct chat *chat, struct chat_user *user, enum chat_limit limit,
                    int64_t *retry_ms)
{
    const struct bucket_rule *rule = &chat->rules[limit];
    if (rule->burst == 0 ||
        bucket_take(&user->rates[limit], rule, confab_now_ms(chat->server), retry_ms))
        return true;
    chat->counters.limits[limit]++;
    return false;
}
