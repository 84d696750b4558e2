/* An id is a count of births above an index: the index finds the slot, the whole id tells whether
 * the object is still the same. 2^40 births take centuries. */
#include "gateway/socketio/slots.h"

#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"

#define INDEX_BITS 24
#define INDEX_MASK ((UINT64_C(1) << INDEX_BITS) - 1)
#define FIRST_SIZE 16

void slots_init(struct slots *slots)
{
    *slots = (struct slots){0};
}

void slots_fini(struct slots *slots)
{
    assert(slots->count == 0);
    free(slots->table);
    slots_init(slots);
}

static void grow(struct slots *slots)
{
    uint32_t size = slots->size != 0 ? slots->size * 2 : FIRST_SIZE;
    if (size > INDEX_MASK + 1)
        abort(); /* more than 16 million at once: descriptors and memory end long before */
    slots->table = xreallocarray(slots->table, size, sizeof(*slots->table));
    for (uint32_t i = size; i > slots->size; i--) {
        slots->table[i - 1] = (struct slot){.as.next_free = slots->free};
        slots->free = i;
    }
    slots->size = size;
}

uint64_t slots_add(struct slots *slots, void *object)
{
    if (slots->free == 0)
        grow(slots);
    uint32_t index = slots->free - 1;
    struct slot *slot = &slots->table[index];
    slots->free = slot->as.next_free;
    slot->id = ++slots->births << INDEX_BITS | index;
    slot->as.object = object;
    slots->count++;
    return slot->id;
}

static struct slot *find(const struct slots *slots, uint64_t id)
{
    uint64_t index = id & INDEX_MASK;
    if (id == 0 || index >= slots->size || slots->table[index].id != id)
        return NULL;
    return &slots->table[index];
}

void *slots_find(const struct slots *slots, uint64_t id)
{
    const struct slot *slot = find(slots, id);
    return slot != NULL ? slot->as.object : NULL;
}

void slots_remove(struct slots *slots, uint64_t id)
{
    struct slot *slot = find(slots, id);
    if (slot == NULL)
        return;
    slot->id = 0;
    slot->as.next_free = slots->free;
    slots->free = (uint32_t)(slot - slots->table) + 1;
    slots->count--;
}

void *slots_any(const struct slots *slots)
{
    for (uint32_t i = 0; slots->count > 0 && i < slots->size; i++) {
        if (slots->table[i].id != 0)
            return slots->table[i].as.object;
    }
    return NULL;
}
