/* The index itself: members, rooms and the links between them. The walks over it are in
 * rooms_walk.c. */
#include "broker/rooms.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/live.h"
#include "common/mem.h"
#include <confab/err.h>

static struct room *room_of(struct htable_entry *entry)
{
    return entry == NULL ? NULL : container_of(entry, struct room, by_name);
}

static struct room_link *link_of_member(struct list *link)
{
    return container_of(link, struct room_link, of_member);
}

void rooms_init(struct rooms *rooms, const uint8_t seed[HTABLE_SEED_BYTES],
                unsigned rooms_per_member_max, const struct rooms_events *events, void *user)
{
    *rooms = (struct rooms){
        .rooms_per_member_max = rooms_per_member_max, .events = events, .user = user};
    htable_init(&rooms->by_name, seed);
    list_init(&rooms->members);
}

void rooms_fini(struct rooms *rooms)
{
    assert(rooms->cursors == NULL);
    while (!list_empty(&rooms->members)) {
        struct broker_member *member = LIST_FIRST(&rooms->members, struct broker_member, all);

        rooms_remove(rooms, member);
        member->nsp = NULL;
    }
    htable_fini(&rooms->by_name);
}

/* A link is about to leave its list: no walk may come across it any more. */
static void cursors_skip(struct rooms *rooms, struct list *link)
{
    for (struct rooms_cursor *c = rooms->cursors; c != NULL; c = c->outer) {
        if (c->next == link)
            c->next = link == c->last ? NULL : link->next;
        else if (c->last == link)
            c->last = link->prev; /* not before c->next, for that is another link */
    }
}

static struct room *room_new(struct rooms *rooms, const char *name, size_t name_bytes)
{
    struct room *room = xmalloc(sizeof(*room) + name_bytes + 1);

    *room = (struct room){0};
    memcpy(room->name, name, name_bytes);
    room->name[name_bytes] = '\0';
    list_init(&room->members);
    htable_insert(&rooms->by_name, &room->by_name, room->name, name_bytes);
    live_inc(LIVE_ROOM);
    return room;
}

static void room_end(struct rooms *rooms, struct room *room)
{
    if (rooms->events != NULL)
        rooms->events->last(rooms->user, room);
    htable_remove(&rooms->by_name, &room->by_name);
    free(room);
    live_dec(LIVE_ROOM);
}

static struct room *link_member(struct rooms *rooms, struct broker_member *member,
                                struct room *room)
{
    struct room_link *link = xmalloc(sizeof(*link));

    link->room = room;
    link->member = member;
    list_init(&link->in_room);
    list_init(&link->of_member);
    list_add_tail(&room->members, &link->in_room);
    list_add_tail(&member->rooms, &link->of_member);
    member->room_count++;
    if (++room->member_count == 1 && rooms->events != NULL)
        rooms->events->first(rooms->user, room);
    if (rooms->events != NULL && rooms->events->joined != NULL && room->owner != member)
        rooms->events->joined(rooms->user, member, room);
    return room;
}

static void unlink_member(struct rooms *rooms, struct room_link *link)
{
    struct room *room = link->room;

    if (rooms->events != NULL && rooms->events->left != NULL && room->owner != link->member)
        rooms->events->left(rooms->user, link->member, room);
    cursors_skip(rooms, &link->in_room);
    list_del(&link->in_room);
    list_del(&link->of_member);
    link->member->room_count--;
    if (room->owner == link->member)
        room->owner = NULL;
    free(link);
    if (--room->member_count == 0)
        room_end(rooms, room);
}

/* Walks the shorter of the two lists: members have few rooms, or rooms few members. */
static struct room_link *find_link(const struct broker_member *member, const struct room *room)
{
    if (member->room_count <= room->member_count) {
        LIST_FOREACH(it, &member->rooms)
        {
            struct room_link *link = container_of(it, struct room_link, of_member);

            if (link->room == room)
                return link;
        }
        return NULL;
    }
    LIST_FOREACH(it, &room->members)
    {
        struct room_link *link = container_of(it, struct room_link, in_room);

        if (link->member == member)
            return link;
    }
    return NULL;
}

void rooms_add(struct rooms *rooms, struct broker_member *member, const char *id, size_t id_bytes)
{
    struct room *room = rooms_find(rooms, id, id_bytes);

    list_init(&member->rooms);
    list_init(&member->all);
    member->room_count = 0;
    member->visited = rooms->fan_out; /* one under way does not reach it */
    list_add_tail(&rooms->members, &member->all);
    rooms->member_count++;
    if (room == NULL)
        room = room_new(rooms, id, id_bytes);
    assert(room->owner == NULL);
    room->owner = member;
    link_member(rooms, member, room);
}

void rooms_remove(struct rooms *rooms, struct broker_member *member)
{
    while (!list_empty(&member->rooms))
        unlink_member(rooms, link_of_member(list_last(&member->rooms)));
    cursors_skip(rooms, &member->all);
    list_del(&member->all);
    rooms->member_count--;
}

struct broker_member *rooms_find_member(const struct rooms *rooms, const char *id, size_t id_bytes)
{
    const struct room *room = rooms_find(rooms, id, id_bytes);

    return room == NULL ? NULL : room->owner;
}

const struct room *rooms_private(const struct broker_member *member)
{
    return link_of_member(list_first(&member->rooms))->room;
}

int rooms_join(struct rooms *rooms, struct broker_member *member, const char *name,
               size_t name_bytes, struct room **room)
{
    if (name_bytes > BROKER_ROOM_MAX_BYTES)
        return CONFAB_ELIMIT;
    *room = rooms_find(rooms, name, name_bytes);
    if (*room != NULL && find_link(member, *room) != NULL)
        return CONFAB_OK;
    if (member->room_count >= rooms->rooms_per_member_max)
        return CONFAB_ELIMIT;
    if (*room == NULL)
        *room = room_new(rooms, name, name_bytes);
    link_member(rooms, member, *room);
    return CONFAB_OK;
}

bool rooms_leave(struct rooms *rooms, struct broker_member *member, const char *name,
                 size_t name_bytes)
{
    struct room *room = rooms_find(rooms, name, name_bytes);
    struct room_link *link;

    if (room == NULL || room->owner == member)
        return false;
    link = find_link(member, room);
    if (link == NULL)
        return false;
    unlink_member(rooms, link);
    return true;
}

struct room *rooms_find(const struct rooms *rooms, const char *name, size_t name_bytes)
{
    return room_of(htable_find(&rooms->by_name, name, name_bytes));
}

bool rooms_is_in(const struct rooms *rooms, const struct broker_member *member, const char *name,
                 size_t name_bytes)
{
    const struct room *room = rooms_find(rooms, name, name_bytes);

    return room != NULL && find_link(member, room) != NULL;
}

void rooms_each(const struct rooms *rooms, void (*visit)(void *user, const struct room *room),
                void *user)
{
    struct htable_iter it;
    struct htable_entry *entry;

    htable_iter_init(&it, &rooms->by_name);
    while ((entry = htable_iter_next(&it)) != NULL)
        visit(user, room_of(entry));
}
