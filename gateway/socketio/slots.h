/*
 * Numbers for objects that may be gone: each id is given once in the life of a table and finds its
 * object until that is taken out. Sockets and tokens are known to applications by such ids.
 */
#ifndef CONFAB_SOCKETIO_SLOTS_H
#define CONFAB_SOCKETIO_SLOTS_H

#include <stddef.h>
#include <stdint.h>

struct slot {
    uint64_t id; /* 0: free */
    union {
        void *object;
        uint32_t next_free; /* 1 + index; 0: none */
    } as;
};

struct slots {
    struct slot *table; /* owned */
    uint32_t size;
    uint32_t free; /* 1 + index of the first free slot; 0: none */
    uint32_t count;
    uint64_t births;
};

/* Embedded life. All objects must have been taken out before fini. */
void slots_init(struct slots *slots);
void slots_fini(struct slots *slots);

/* The new id, never 0. */
uint64_t slots_add(struct slots *slots, void *object);
/* NULL: never given, or taken out. */
void *slots_find(const struct slots *slots, uint64_t id);
void slots_remove(struct slots *slots, uint64_t id);
/* Some object that is in; NULL: empty. To take all out at the end. */
void *slots_any(const struct slots *slots);

#endif
