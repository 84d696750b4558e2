/* The queues of timerq.h: a heap with four children to a node, whose slots repeat the deadline so
 * that sifting stays inside the array; and a sorted list. */
#include "common/timerq.h"

#include <stdlib.h>

#include "common/mem.h"

#define FIRST_CAP 16u
#define CHILDREN 4u

struct timerq_slot {
    int64_t at_ms;
    struct timerq_entry *entry;
};

void timerq_init(struct timerq *q)
{
    *q = (struct timerq){0};
}

void timerq_fini(struct timerq *q)
{
    for (uint32_t i = 0; i < q->count; i++)
        q->heap[i].entry->slot = 0;
    free(q->heap);
    timerq_init(q);
}

void timerq_entry_init(struct timerq_entry *entry)
{
    *entry = (struct timerq_entry){0};
}

/* Earlier deadline first; at equal ones, armed earlier first. The counter may wrap: among entries
 * of one instant the distance is far below 2^31. */
static bool before(const struct timerq_slot *a, const struct timerq_slot *b)
{
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms;
    return (int32_t)(a->entry->order - b->entry->order) < 0;
}

static void place(struct timerq *q, uint32_t at, struct timerq_slot s)
{
    q->heap[at] = s;
    s.entry->slot = at + 1;
}

static void sift_up(struct timerq *q, uint32_t at, struct timerq_slot s)
{
    while (at != 0) {
        uint32_t parent = (at - 1) / CHILDREN;

        if (!before(&s, &q->heap[parent]))
            break;
        place(q, at, q->heap[parent]);
        at = parent;
    }
    place(q, at, s);
}

static void sift_down(struct timerq *q, uint32_t at, struct timerq_slot s)
{
    for (;;) {
        uint32_t first = at * CHILDREN + 1;
        uint32_t end = first + CHILDREN < q->count ? first + CHILDREN : q->count;
        uint32_t least = first;

        if (first >= q->count)
            break;
        for (uint32_t child = first + 1; child < end; child++) {
            if (before(&q->heap[child], &q->heap[least]))
                least = child;
        }
        if (!before(&q->heap[least], &s))
            break;
        place(q, at, q->heap[least]);
        at = least;
    }
    place(q, at, s);
}

/* Puts s where it belongs, starting at the free place at. */
static void settle(struct timerq *q, uint32_t at, struct timerq_slot s)
{
    if (at != 0 && before(&s, &q->heap[(at - 1) / CHILDREN]))
        sift_up(q, at, s);
    else
        sift_down(q, at, s);
}

void timerq_arm(struct timerq *q, struct timerq_entry *entry, int64_t at_ms)
{
    struct timerq_slot s = {at_ms, entry};

    entry->at_ms = at_ms;
    entry->order = q->order++;
    if (entry->slot != 0) {
        settle(q, entry->slot - 1, s);
        return;
    }
    if (q->count == q->cap) {
        q->cap = q->cap != 0 ? q->cap * 2 : FIRST_CAP;
        q->heap = xreallocarray(q->heap, q->cap, sizeof(*q->heap));
    }
    sift_up(q, q->count++, s);
}

void timerq_disarm(struct timerq *q, struct timerq_entry *entry)
{
    uint32_t at;

    if (entry->slot == 0)
        return;
    at = entry->slot - 1;
    entry->slot = 0;
    q->count--;
    if (at != q->count)
        settle(q, at, q->heap[q->count]);
    if (q->cap > FIRST_CAP && q->count < q->cap / 8) {
        q->cap /= 4;
        q->heap = xreallocarray(q->heap, q->cap, sizeof(*q->heap));
    }
}

int64_t timerq_next(const struct timerq *q)
{
    return q->count != 0 ? q->heap[0].at_ms : TIMERQ_NEVER;
}

struct timerq_entry *timerq_pop_due(struct timerq *q, int64_t now_ms)
{
    struct timerq_entry *entry;

    if (q->count == 0 || q->heap[0].at_ms > now_ms)
        return NULL;
    entry = q->heap[0].entry;
    timerq_disarm(q, entry);
    return entry;
}

void timerfifo_init(struct timerfifo *q)
{
    list_init(&q->entries);
}

void timerfifo_fini(struct timerfifo *q)
{
    while (list_pop(&q->entries) != NULL)
        ;
}

void timerfifo_entry_init(struct timerfifo_entry *entry)
{
    list_init(&entry->link);
    entry->at_ms = 0;
}

static struct timerfifo_entry *entry_of(struct list *link)
{
    return container_of(link, struct timerfifo_entry, link);
}

void timerfifo_arm(struct timerfifo *q, struct timerfifo_entry *entry, int64_t at_ms)
{
    struct list *after;

    list_del(&entry->link);
    entry->at_ms = at_ms;
    for (after = q->entries.prev; after != &q->entries; after = after->prev) {
        if (entry_of(after)->at_ms <= at_ms)
            break;
    }
    list_add_after(after, &entry->link);
}

void timerfifo_disarm(struct timerfifo *q, struct timerfifo_entry *entry)
{
    (void)q;
    list_del(&entry->link);
}

int64_t timerfifo_next(const struct timerfifo *q)
{
    struct list *first = list_first(&q->entries);

    return first != NULL ? entry_of(first)->at_ms : TIMERQ_NEVER;
}

struct timerfifo_entry *timerfifo_pop_due(struct timerfifo *q, int64_t now_ms)
{
    struct list *first = list_first(&q->entries);

    if (first == NULL || entry_of(first)->at_ms > now_ms)
        return NULL;
    list_del(first);
    return entry_of(first);
}
