/*
 * An intrusive doubly linked list: the link is embedded in the element, so linking never allocates
 * and an element leaves its list in O(1) without knowing which list it is. Unlinking is safe to
 * repeat.
 */
#ifndef CONFAB_COMMON_LIST_H
#define CONFAB_COMMON_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* The object of the given type whose member is at ptr. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/* Both the head of a list and the link in an element. A head or an unlinked element points at
 * itself. */
struct list {
    struct list *prev;
    struct list *next;
};

static inline void list_init(struct list *l)
{
    l->prev = l;
    l->next = l;
}

/* True for a head without elements. */
static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

/* True for an element that is in some list. */
static inline bool list_linked(const struct list *node)
{
    return node->next != node;
}

static inline void list_insert_between(struct list *node, struct list *prev, struct list *next)
{
    node->prev = prev;
    node->next = next;
    prev->next = node;
    next->prev = node;
}

/* node must be initialised and in no list. */
static inline void list_add_tail(struct list *head, struct list *node)
{
    list_insert_between(node, head->prev, head);
}

static inline void list_add_head(struct list *head, struct list *node)
{
    list_insert_between(node, head, head->next);
}

/* Puts node in front of (before) or behind (after) an element at hand. */
static inline void list_add_before(struct list *at, struct list *node)
{
    list_insert_between(node, at->prev, at);
}

static inline void list_add_after(struct list *at, struct list *node)
{
    list_insert_between(node, at, at->next);
}

/* Unlinks node; nothing happens when it is in no list. */
static inline void list_del(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Unlinks node wherever it is and puts it at the tail of head. */
static inline void list_move_tail(struct list *head, struct list *node)
{
    list_del(node);
    list_add_tail(head, node);
}

/* Moves all elements of from to the tail of to; from is empty afterwards. */
static inline void list_splice_tail(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

/* First and last element's link, NULL when empty. */
static inline struct list *list_first(const struct list *head)
{
    return head->next == head ? NULL : head->next;
}

static inline struct list *list_last(const struct list *head)
{
    return head->prev == head ? NULL : head->prev;
}

/* Unlinks and returns the first element's link, NULL when empty: the loop for queues and reap
 * lists. */
static inline struct list *list_pop(struct list *head)
{
    struct list *node = list_first(head);

    if (node != NULL)
        list_del(node);
    return node;
}

/* The object of the given type around the first link, or NULL. */
#define LIST_FIRST(head, type, member) \
    (list_empty(head) ? NULL : container_of((head)->next, type, member))

/* Visits each link; the body must not unlink it. */
#define LIST_FOREACH(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)

/* Visits each link; the body may unlink or free the current one, and no other. */
#define LIST_FOREACH_SAFE(it, head)                                           \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head); \
         it = it##_next, it##_next = it->next)

#endif
