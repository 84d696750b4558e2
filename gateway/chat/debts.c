#include "gateway/chat/debts.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define DEBTS_MAX 512
#define SPENT_SHARE 10 /* less than a tenth of the burst is left */

struct key {
    uint8_t bytes[16]; /* of IPv6; IPv4 is mapped */
};

struct debt {
    struct key key;
    int64_t over_at_ms; /* all has flowed in again; in the past: there is none */
    struct rate rates[CHAT_LIMIT_COUNT];
};

struct chat_debts {
    const struct rate_rule *rules;
    struct debt list[DEBTS_MAX];
};

struct chat_debts *chat_debts_new(const struct rate_rule *rules)
{
    struct chat_debts *debts = xcalloc(1, sizeof(*debts));
    debts->rules = rules;
    return debts;
}

void chat_debts_free(struct chat_debts *debts)
{
    free(debts);
}

static bool read_key(const char *address, struct key *key)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const struct key one = {{[15] = 1}};
    memset(key, 0, sizeof(*key));
    if (address == NULL)
        return false;
    if (inet_pton(AF_INET, address, key->bytes + 12) == 1)
        memcpy(key->bytes, mapped, sizeof(mapped));
    else if (inet_pton(AF_INET6, address, key->bytes) != 1)
        return false;
    if (memcmp(key->bytes, mapped, sizeof(mapped)) == 0)
        return key->bytes[12] != 127;
    if (memcmp(key, &one, sizeof(one)) == 0)
        return false;
    memset(key->bytes + 8, 0, 8);
    return true;
}

/* How long until each of the rates has one share of its burst; 0: it has. */
static int64_t wait_for_share_ms(const struct chat_debts *debts, const struct rate *rates,
                                 unsigned share, int64_t now_ms)
{
    int64_t longest_ms = 0;
    for (int i = 0; i < CHAT_LIMIT_COUNT; i++) {
        const struct rate_rule *rule = &debts->rules[i];
        int64_t wait_ms = rate_wait_ms(&rates[i], rule, rule->burst / share, now_ms);
        longest_ms = wait_ms > longest_ms ? wait_ms : longest_ms;
    }
    return longest_ms;
}

static void raise_to(struct rate *rates, const struct rate *to)
{
    for (int i = 0; i < CHAT_LIMIT_COUNT; i++)
        if (rates[i].full_at_ns < to[i].full_at_ns)
            rates[i] = to[i];
}

static struct debt *find(struct chat_debts *debts, const struct key *key, int64_t now_ms)
{
    for (size_t i = 0; i < DEBTS_MAX; i++) {
        struct debt *debt = &debts->list[i];
        if (debt->over_at_ms > now_ms && memcmp(&debt->key, key, sizeof(*key)) == 0)
            return debt;
    }
    return NULL;
}

/* The place of that which is over first. */
static struct debt *place_for(struct chat_debts *debts, const struct key *key)
{
    struct debt *first = &debts->list[0];
    for (size_t i = 1; i < DEBTS_MAX; i++)
        if (debts->list[i].over_at_ms < first->over_at_ms)
            first = &debts->list[i];
    *first = (struct debt){.key = *key};
    return first;
}

void chat_debts_keep(struct chat_debts *debts, const char *address,
                     const struct rate rates[CHAT_LIMIT_COUNT], int64_t now_ms)
{
    struct key key;
    if (!read_key(address, &key))
        return;
    struct debt *debt = find(debts, &key, now_ms);
    if (debt == NULL && wait_for_share_ms(debts, rates, SPENT_SHARE, now_ms) > 0)
        debt = place_for(debts, &key);
    if (debt == NULL)
        return;
    raise_to(debt->rates, rates);
    debt->over_at_ms = now_ms + wait_for_share_ms(debts, debt->rates, 1, now_ms);
}

void chat_debts_apply(struct chat_debts *debts, const char *address,
                      struct rate rates[CHAT_LIMIT_COUNT], int64_t now_ms)
{
    struct key key;
    struct debt *debt = read_key(address, &key) ? find(debts, &key, now_ms) : NULL;
    if (debt != NULL)
        raise_to(rates, debt->rates);
}
