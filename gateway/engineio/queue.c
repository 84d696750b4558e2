/*
 * A session's frames in order: a ring of pointers that exists only while something waits, since
 * nearly all sessions have nothing to send nearly always. Its bound is the session's, in bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "gateway/engineio/internal.h"

#define FIRST_CAP 4 /* a power of two, as every later capacity */

struct eio_queue {
    uint32_t cap;
    uint32_t head; /* the oldest */
    uint32_t count;
    struct frame *frames[]; /* owned */
};

static struct eio_queue *queue_resized(struct eio_queue *old, uint32_t cap)
{
    struct eio_queue *queue = xmalloc(sizeof(*queue) + (size_t)cap * sizeof(queue->frames[0]));
    uint32_t i;

    queue->cap = cap;
    queue->head = 0;
    queue->count = old == NULL ? 0 : old->count;
    for (i = 0; i < queue->count; i++)
        queue->frames[i] = old->frames[(old->head + i) & (old->cap - 1)];
    free(old);
    return queue;
}

void eio_queue_push(struct eio_queue **queue, struct frame *frame)
{
    struct eio_queue *q = *queue;

    if (q == NULL)
        *queue = q = queue_resized(NULL, FIRST_CAP);
    else if (q->count == q->cap)
        *queue = q = queue_resized(q, q->cap * 2);
    q->frames[(q->head + q->count) & (q->cap - 1)] = frame;
    q->count++;
}

bool eio_queue_has_binary(const struct eio_queue *queue)
{
    uint32_t i;

    for (i = 0; queue != NULL && i < queue->count; i++) {
        if (frame_kind(queue->frames[(queue->head + i) & (queue->cap - 1)]) == FRAME_BINARY)
            return true;
    }
    return false;
}

struct frame *eio_queue_pull(struct eio_queue **queue)
{
    struct eio_queue *q = *queue;
    struct frame *frame;

    if (q == NULL)
        return NULL;
    frame = q->frames[q->head];
    q->head = (q->head + 1) & (q->cap - 1);
    if (--q->count == 0) {
        free(q);
        *queue = NULL;
    }
    return frame;
}
