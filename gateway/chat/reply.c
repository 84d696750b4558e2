#include "gateway/chat/chat_internal.h"

static const char *const labels[] = {
#define X(symbol, code, text) code,
    CHAT_CODES(X)
#undef X
};

static const char *const texts[] = {
#define X(symbol, code, text) text,
    CHAT_CODES(X)
#undef X
};

const char *chat_code_label(enum chat_code code)
{
    return labels[code];
}

struct confab_value *chat_ok(void)
{
    return confab_set(confab_object(), "ok", confab_bool(true));
}

static struct confab_value *refusal(struct chat *chat, enum chat_code code, const char *message)
{
    chat->counters.refused[code]++;
    struct confab_value *answer = confab_set(confab_object(), "ok", confab_bool(false));
    confab_set(answer, "error", confab_string(labels[code]));
    return confab_set(answer, "message", confab_string(message != NULL ? message : texts[code]));
}

void chat_refuse(struct chat *chat, struct confab_event *event, enum chat_code code,
                 const char *message)
{
    chat_answer(event, refusal(chat, code, message));
}

void chat_refuse_for(struct chat *chat, struct confab_event *event, enum chat_limit limit,
                     int64_t retry_ms)
{
    static const char *const sentences[] = {
#define X(symbol, label, text) text,
        CHAT_LIMITS(X)
#undef X
    };
    struct confab_value *answer = refusal(chat, CHAT_RATE_LIMITED, sentences[limit]);
    confab_set(answer, "limit", confab_string(chat_limit_label(limit)));
    chat_answer(event, confab_set(answer, "retry_ms", confab_int(retry_ms)));
}

void chat_refuse_later(struct chat *chat, struct confab_token token, enum chat_code code,
                       const char *message)
{
    chat_answer_later(chat, token, refusal(chat, code, message));
}

void chat_answer(struct confab_event *event, struct confab_value *answer)
{
    confab_ack(event, confab_list(answer, NULL));
}

void chat_answer_later(struct chat *chat, struct confab_token token, struct confab_value *answer)
{
    /* A socket that is gone, or a deadline that passed, needs no answer. */
    (void)confab_answer(chat->server, token, confab_list(answer, NULL));
}
