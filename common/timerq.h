/*
 * Timers without a clock: two queues of embedded entries, told the time by their owner.
 *
 * struct timerq (a heap) is for deadlines of any kind: arming and disarming cost O(log n). struct
 * timerfifo is for many entries with one and the same timeout (heartbeats): arming moves the entry
 * to the tail, only the head is ever looked at, everything O(1).
 *
 * Arming an armed entry moves it; disarming an idle one does nothing. An entry is in at most one
 * queue and must be disarmed before its memory goes away. Entries due at the same instant come out
 * in the order they were armed. No callbacks: the owner pops what is due
 *
 *     while ((t = timerq_pop_due(&q, now_ms)) != NULL)
 *         session_deadline(container_of(t, struct session, timer), now_ms);
 *
 * and may arm or disarm anything, itself included, inside that loop.
 */
#ifndef CONFAB_COMMON_TIMERQ_H
#define CONFAB_COMMON_TIMERQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/list.h"

#define TIMERQ_NEVER INT64_MAX /* what *_next() says when nothing is armed */

struct timerq_entry {
    int64_t at_ms;
    uint32_t slot; /* 1 + place in the heap, 0 = idle */
    uint32_t order;
};

struct timerq_slot; /* private */

struct timerq {
    struct timerq_slot *heap; /* owned */
    uint32_t count;
    uint32_t cap;
    uint32_t order;
};

void timerq_init(struct timerq *q);
void timerq_fini(struct timerq *q); /* disarms what is left */
void timerq_entry_init(struct timerq_entry *entry);

void timerq_arm(struct timerq *q, struct timerq_entry *entry, int64_t at_ms);
void timerq_disarm(struct timerq *q, struct timerq_entry *entry);

/* The earliest armed instant, or TIMERQ_NEVER. */
int64_t timerq_next(const struct timerq *q);

/* Takes out and returns the earliest entry with at_ms <= now_ms, already disarmed; NULL when none
 * is due. */
struct timerq_entry *timerq_pop_due(struct timerq *q, int64_t now_ms);

static inline bool timerq_armed(const struct timerq_entry *entry)
{
    return entry->slot != 0;
}

struct timerfifo_entry {
    struct list link;
    int64_t at_ms;
};

struct timerfifo {
    struct list entries; /* by at_ms */
};

void timerfifo_init(struct timerfifo *q);
void timerfifo_fini(struct timerfifo *q); /* disarms what is left */
void timerfifo_entry_init(struct timerfifo_entry *entry);

/* at_ms is now plus the queue's own timeout, so it is never before the tail's; should it be, the
 * entry is sorted in from the tail, which is correct but no longer O(1). */
void timerfifo_arm(struct timerfifo *q, struct timerfifo_entry *entry, int64_t at_ms);
void timerfifo_disarm(struct timerfifo *q, struct timerfifo_entry *entry);
int64_t timerfifo_next(const struct timerfifo *q);
struct timerfifo_entry *timerfifo_pop_due(struct timerfifo *q, int64_t now_ms);

static inline bool timerfifo_armed(const struct timerfifo_entry *entry)
{
    return list_linked(&entry->link);
}

#endif
