/* Members and their rooms: what the local upper layer asks for, and what other nodes ask for in
 * bulk. */
#include "broker/broker.h"

#include <assert.h>
#include <string.h>

#include "broker/broker_impl.h"
#include <confab/err.h>

/* ---- local ---- */

void broker_add(struct broker_namespace *nsp, struct broker_member *member, const char *socket_id)
{
    assert(member->nsp == NULL);
    rooms_add(&nsp->rooms, member, socket_id, strlen(socket_id));
    member->nsp = nsp;
}

void broker_remove(struct broker_member *member)
{
    if (member->nsp == NULL)
        return;
    rooms_remove(&member->nsp->rooms, member);
    member->nsp = NULL;
}

struct broker_member *broker_find(struct broker_namespace *nsp, const char *socket_id)
{
    return rooms_find_member(&nsp->rooms, socket_id, strlen(socket_id));
}

struct text broker_member_id(const struct broker_member *member)
{
    return room_text(rooms_private(member));
}

int broker_join(struct broker_member *member, const char *room, size_t room_bytes,
                void (*done)(void *user, int status), void *user)
{
    struct broker_namespace *nsp = member->nsp;
    struct room *joined;
    int err;

    if (nsp == NULL || nsp->broker->closing)
        return CONFAB_ECLOSED;
    err = rooms_join(&nsp->rooms, member, room, room_bytes, &joined);
    if (err == CONFAB_OK && done != NULL)
        nsp->broker->ops->room_joined(nsp, joined, done, user);
    return err;
}

void broker_leave(struct broker_member *member, const char *room, size_t room_bytes)
{
    if (member->nsp != NULL)
        rooms_leave(&member->nsp->rooms, member, room, room_bytes);
}

bool broker_is_in(const struct broker_member *member, const char *room, size_t room_bytes)
{
    return member->nsp != NULL && rooms_is_in(&member->nsp->rooms, member, room, room_bytes);
}

void broker_each_room(const struct broker_member *member,
                      void (*visit)(void *user, const struct text *room), void *user)
{
    if (member->nsp == NULL)
        return;
    LIST_FOREACH(it, &member->rooms)
    {
        const struct text room = room_text(container_of(it, struct room_link, of_member)->room);

        visit(user, &room);
    }
}

void broker_each_member(struct broker_namespace *nsp, const struct text *room,
                        void (*visit)(void *user, struct broker_member *member), void *user)
{
    struct room *in = room == NULL ? NULL : rooms_find(&nsp->rooms, room->bytes, room->length);
    struct rooms_cursor cursor;
    struct broker_member *member;

    if (room != NULL && in == NULL)
        return;
    rooms_cursor_begin(&nsp->rooms, &cursor, in);
    while ((member = rooms_cursor_next(&cursor)) != NULL)
        visit(user, member);
    rooms_cursor_end(&nsp->rooms, &cursor);
}

/* ---- for other nodes ---- */

static void rooms_changed(struct broker_member *member)
{
    const struct broker *broker = member->nsp->broker;

    if (broker->events->rooms_changed != NULL)
        broker->events->rooms_changed(broker->user, member);
}

/* What cannot be joined (limits) is left out: a bulk request has no answer that could say so. */
static void join_all(struct broker_member *member, const struct text *rooms, unsigned room_count)
{
    for (unsigned i = 0; i < room_count; i++)
        broker_join(member, rooms[i].bytes, rooms[i].length, NULL, NULL);
    rooms_changed(member);
}

static void leave_all(struct broker_member *member, const struct text *rooms, unsigned room_count)
{
    for (unsigned i = 0; i < room_count; i++)
        broker_leave(member, rooms[i].bytes, rooms[i].length);
    rooms_changed(member);
}

void broker_bulk_join(struct broker_namespace *nsp, const struct rooms_target *target,
                      const struct text *rooms, unsigned room_count)
{
    struct rooms_walk *walk = rooms_walk_new(&nsp->rooms, target);
    struct broker_member *member;

    while ((member = rooms_walk_next(walk)) != NULL)
        join_all(member, rooms, room_count);
    rooms_walk_free(&walk);
}

void broker_bulk_leave(struct broker_namespace *nsp, const struct rooms_target *target,
                       const struct text *rooms, unsigned room_count)
{
    struct rooms_walk *walk = rooms_walk_new(&nsp->rooms, target);
    struct broker_member *member;

    while ((member = rooms_walk_next(walk)) != NULL)
        leave_all(member, rooms, room_count);
    rooms_walk_free(&walk);
}

void broker_bulk_disconnect(struct broker_namespace *nsp, const struct rooms_target *target,
                            bool close)
{
    struct rooms_walk *walk = rooms_walk_new(&nsp->rooms, target);
    struct broker_member *member;

    while ((member = rooms_walk_next(walk)) != NULL)
        nsp->broker->events->disconnect(nsp->broker->user, member, close);
    rooms_walk_free(&walk);
}

static struct broker_member *single(struct broker_namespace *nsp, const struct text *id)
{
    return rooms_find_member(&nsp->rooms, id->bytes, id->length);
}

bool broker_single_join(struct broker_namespace *nsp, const struct text *id,
                        const struct text *room)
{
    struct broker_member *member = single(nsp, id);

    if (member != NULL)
        join_all(member, room, 1);
    return member != NULL;
}

bool broker_single_leave(struct broker_namespace *nsp, const struct text *id,
                         const struct text *room)
{
    struct broker_member *member = single(nsp, id);

    if (member != NULL)
        leave_all(member, room, 1);
    return member != NULL;
}

bool broker_single_disconnect(struct broker_namespace *nsp, const struct text *id, bool close)
{
    struct broker_member *member = single(nsp, id);

    if (member != NULL)
        nsp->broker->events->disconnect(nsp->broker->user, member, close);
    return member != NULL;
}

struct confab_value *broker_describe(struct broker_member *member, bool abroad)
{
    struct broker *broker = member->nsp->broker;

    return broker->events->describe(broker->user, member, abroad);
}
