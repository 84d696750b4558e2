/*
 * The walks over an index of rooms: fan-out, selection, cursors.
 *
 * A fan-out marks members: each has the number of the last one that reached it, so that nobody gets
 * a message twice who is in two of its rooms, and nobody at all who was marked beforehand for being
 * in an `except` room. A selection marks rooms instead and therefore may run inside a fan-out.
 */
#include "broker/rooms.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static struct broker_member *member_in_room(struct list *link)
{
    return container_of(link, struct room_link, in_room)->member;
}

/* ---- cursors ---- */

void rooms_cursor_begin(struct rooms *rooms, struct rooms_cursor *cursor, struct room *room)
{
    struct list *head = room == NULL ? &rooms->members : &room->members;

    *cursor = (struct rooms_cursor){.outer = rooms->cursors,
                                    .next = list_first(head),
                                    .last = list_last(head),
                                    .of_room = room != NULL};
    rooms->cursors = cursor;
}

static inline struct list *cursor_step(struct rooms_cursor *cursor)
{
    struct list *at = cursor->next;

    if (at != NULL)
        cursor->next = at == cursor->last ? NULL : at->next;
    return at;
}

struct broker_member *rooms_cursor_next(struct rooms_cursor *cursor)
{
    struct list *at = cursor_step(cursor);

    if (at == NULL)
        return NULL;
    return cursor->of_room ? member_in_room(at) : container_of(at, struct broker_member, all);
}

void rooms_cursor_end(struct rooms *rooms, struct rooms_cursor *cursor)
{
    assert(rooms->cursors == cursor);
    rooms->cursors = cursor->outer;
}

/* ---- fan-out ---- */

struct fan_out {
    struct message *message;
    void (*deliver)(void *user, struct broker_member *member, struct message *message);
    void *user;
    uint64_t mark;
    size_t reached;
};

static void mark_members(struct rooms *rooms, const struct text *except, uint64_t mark)
{
    struct room *room = rooms_find(rooms, except->bytes, except->length);

    if (room == NULL)
        return;
    LIST_FOREACH(it, &room->members)
    member_in_room(it)->visited = mark;
}

/* The loop that a broadcast is. */
static void reach(struct rooms *rooms, struct room *room, struct fan_out *f)
{
    const bool of_room = room != NULL;
    struct rooms_cursor cursor;
    struct list *at;

    rooms_cursor_begin(rooms, &cursor, room);
    while ((at = cursor_step(&cursor)) != NULL) {
        struct broker_member *member =
            of_room ? member_in_room(at) : container_of(at, struct broker_member, all);

        if (of_room && cursor.next != NULL)
            __builtin_prefetch(member_in_room(cursor.next)); /* likely cold: owners are big */
        if (member->visited == f->mark)
            continue;
        member->visited = f->mark;
        f->reached++;
        f->deliver(f->user, member, f->message);
    }
    rooms_cursor_end(rooms, &cursor);
}

size_t rooms_fan_out(struct rooms *rooms, struct message *message,
                     void (*deliver)(void *user, struct broker_member *member,
                                     struct message *message),
                     void *user)
{
    struct fan_out f = {
        .message = message, .deliver = deliver, .user = user, .mark = ++rooms->fan_out};

    assert(!rooms->in_fan_out);
    rooms->in_fan_out = true;
    for (unsigned i = 0; i < message->except_count; i++)
        mark_members(rooms, &message->except[i], f.mark);
    if (message->room_count == 0)
        reach(rooms, NULL, &f);
    for (unsigned i = 0; i < message->room_count; i++) {
        struct room *room = rooms_find(rooms, message->rooms[i].bytes, message->rooms[i].length);

        if (room != NULL)
            reach(rooms, room, &f);
    }
    rooms->in_fan_out = false;
    return f.reached;
}

/* ---- selection ---- */

/* What a room's mark says in the selection that began at `base`. */
enum { WANTED, WALKED, EXCEPT, MARKS };

/* Three fresh numbers. They start over after a billion selections, when no room may still have an
 * old one. */
static uint32_t fresh_marks(struct rooms *rooms)
{
    struct htable_iter it;
    struct htable_entry *entry;

    if (rooms->selection > UINT32_MAX - 2 * MARKS) {
        htable_iter_init(&it, &rooms->by_name);
        while ((entry = htable_iter_next(&it)) != NULL)
            container_of(entry, struct room, by_name)->mark = 0;
        rooms->selection = 0;
    }
    rooms->selection += MARKS;
    return rooms->selection;
}

static void mark_rooms(struct rooms *rooms, const struct text *texts, unsigned count, uint32_t mark)
{
    for (unsigned i = 0; i < count; i++) {
        struct room *room = rooms_find(rooms, texts[i].bytes, texts[i].length);

        if (room != NULL)
            room->mark = mark;
    }
}

/* Not in an `except` room and not in a room that was walked already. */
static bool is_meant(const struct broker_member *member, uint32_t base)
{
    LIST_FOREACH(it, &member->rooms)
    {
        uint32_t mark = container_of(it, struct room_link, of_member)->room->mark;

        if (mark == base + EXCEPT || mark == base + WALKED)
            return false;
    }
    return true;
}

static void select_in(struct room *room, uint32_t base,
                      void (*pick)(void *user, struct broker_member *member), void *user)
{
    if (room == NULL || room->mark != base + WANTED)
        return;
    LIST_FOREACH(it, &room->members)
    if (is_meant(member_in_room(it), base))
        pick(user, member_in_room(it));
    room->mark = base + WALKED;
}

void rooms_select(struct rooms *rooms, const struct rooms_target *target,
                  void (*pick)(void *user, struct broker_member *member), void *user)
{
    uint32_t base = fresh_marks(rooms);

    mark_rooms(rooms, target->rooms, target->room_count, base + WANTED);
    mark_rooms(rooms, target->except, target->except_count, base + EXCEPT);
    for (unsigned i = 0; i < target->room_count; i++)
        select_in(rooms_find(rooms, target->rooms[i].bytes, target->rooms[i].length), base, pick,
                  user);
    if (target->room_count != 0)
        return;
    LIST_FOREACH(it, &rooms->members)
    {
        struct broker_member *member = container_of(it, struct broker_member, all);

        if (is_meant(member, base))
            pick(user, member);
    }
}

/* ---- selections that are kept ---- */

struct rooms_walk {
    struct rooms *rooms;
    char *ids; /* each its length as a size_t, then its bytes */
    size_t used;
    size_t cap;
    size_t at;
    size_t count;
};

static void keep_id(void *user, struct broker_member *member)
{
    struct rooms_walk *walk = user;
    const struct text id = room_text(rooms_private(member));
    size_t need = sizeof(size_t) + id.length;

    if (walk->cap - walk->used < need) {
        walk->cap = (walk->cap + need) * 2;
        walk->ids = xrealloc(walk->ids, walk->cap);
    }
    memcpy(walk->ids + walk->used, &id.length, sizeof(size_t));
    memcpy(walk->ids + walk->used + sizeof(size_t), id.bytes, id.length);
    walk->used += need;
    walk->count++;
}

struct rooms_walk *rooms_walk_new(struct rooms *rooms, const struct rooms_target *target)
{
    struct rooms_walk *walk = xcalloc(1, sizeof(*walk));

    walk->rooms = rooms;
    rooms_select(rooms, target, keep_id, walk);
    return walk;
}

struct broker_member *rooms_walk_next(struct rooms_walk *walk)
{
    while (walk->at < walk->used) {
        const char *id = walk->ids + walk->at + sizeof(size_t);
        struct broker_member *member;
        size_t length;

        memcpy(&length, walk->ids + walk->at, sizeof(length));
        walk->at += sizeof(length) + length;
        member = rooms_find_member(walk->rooms, id, length);
        if (member != NULL)
            return member;
    }
    return NULL;
}

size_t rooms_walk_count(const struct rooms_walk *walk)
{
    return walk->count;
}

void rooms_walk_free(struct rooms_walk **walk)
{
    if (*walk == NULL)
        return;
    free((*walk)->ids);
    free(*walk);
    *walk = NULL;
}
