/*
 * What was spent lately, by client address. The rates of the chat belong to a socket; whoever has
 * used up what he may say at once must not have it again by coming anew. So what a socket leaves
 * that ends with less than a tenth of it is remembered for its address, until all of it has flowed
 * in again, and those who come from there begin with that, and leave what they spend. An address
 * may be that of many: they have less to say at once then, and their rate.
 *
 * Bounded: of many addresses those are forgotten first whose debt ends first. An IPv6 address
 * counts as its network of 64 bits, and loopback addresses are not remembered.
 */
#ifndef CONFAB_CHAT_DEBTS_H
#define CONFAB_CHAT_DEBTS_H

#include <stddef.h>
#include <stdint.h>

#include "common/rate.h"
#include "gateway/chat/chat.h"

struct chat_debts;

/* `rules`: CHAT_LIMIT_COUNT of them, borrowed for life. */
struct chat_debts *chat_debts_new(const struct rate_rule *rules);
void chat_debts_free(struct chat_debts *debts); /* may be NULL */
/* A socket from `address` ends with these rates. What is no address is not remembered; NULL is
 * none. */
void chat_debts_keep(struct chat_debts *debts, const char *address,
                     const struct rate rates[CHAT_LIMIT_COUNT], int64_t now_ms);
/* Somebody comes: raises his rates to what is remembered. */
void chat_debts_apply(struct chat_debts *debts, const char *address,
                      struct rate rates[CHAT_LIMIT_COUNT], int64_t now_ms);

#endif
