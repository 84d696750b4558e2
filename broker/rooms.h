/*
 * Who is in which room, for the local members of one namespace, and the walk over them that a
 * broadcast is.
 *
 * Pure: no sockets, no clock. A room exists while it has members; the owner of the index is told
 * when a room gets its first member and when it has lost its last one, which is what a broker needs
 * that subscribes to just the rooms it has members for. A membership is one small link in two lists
 * (the room's and the member's), so a fan-out is a loop over a list and allocates nothing.
 *
 * Changes during a walk are allowed everywhere a callback runs, unless its comment says otherwise:
 * a member that is taken out is not visited any more, one that comes in is not visited by walks of
 * that room that began before. The index does not know what a message is made of or what a member
 * is part of.
 */
#ifndef CONFAB_BROKER_ROOMS_H
#define CONFAB_BROKER_ROOMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/broker.h"
#include "broker/message.h"
#include "common/htable.h"
#include "common/list.h"

struct room {
    struct htable_entry by_name; /* the key is the room's name */
    struct list members;         /* struct room_link.in_room, in the order of joining */
    struct broker_member *owner; /* the member whose private room this is; NULL for a common room */
    void *impl;                  /* for the owner of the index, NULL at birth */
    uint32_t member_count;
    uint32_t mark; /* the last selection that named this room, see rooms.c */
    char name[];   /* NUL behind it */
};

struct room_link {
    struct list in_room;
    struct list of_member;
    struct room *room;
    struct broker_member *member;
};

struct rooms_events {
    /* The room has just got its first local member (it is linked already). Must not change the
     * index. */
    void (*first)(void *user, struct room *room);
    /* The room has lost its last member and is freed after the call. Must not change the index. */
    void (*last)(void *user, struct room *room);
    /* A member was linked to a room that is not its private one, or is going to be unlinked. Must
     * not change the index. Both may be NULL. */
    void (*joined)(void *user, struct broker_member *member, const struct room *room);
    void (*left)(void *user, struct broker_member *member, const struct room *room);
};

/* Embedded in the namespace. Fields are private to rooms.c but for the counts. */
struct rooms {
    struct htable by_name;
    struct list members; /* struct broker_member.all */
    size_t member_count;
    unsigned rooms_per_member_max;
    uint32_t selection;
    uint64_t fan_out; /* grows with each, and is what struct broker_member.visited is compared with
                       */
    bool in_fan_out;
    struct rooms_cursor *cursors; /* the walks under way, the innermost first */
    const struct rooms_events *events;
    void *user;
};

/* Whom a broadcast or a bulk request means: everybody in at least one of the rooms (everybody at
 * all with none), but nobody in an `except` room. Texts are borrowed for the call. */
struct rooms_target {
    const struct text *rooms;
    const struct text *except;
    unsigned room_count;
    unsigned except_count;
};

static inline struct rooms_target rooms_target_of(const struct message *message)
{
    return (struct rooms_target){message->rooms, message->except, message->room_count,
                                 message->except_count};
}

static inline struct text room_text(const struct room *room)
{
    return (struct text){room->name, room->by_name.key_len};
}

/* ---- life ---- */

/* events may be NULL. */
void rooms_init(struct rooms *rooms, const uint8_t seed[HTABLE_SEED_BYTES],
                unsigned rooms_per_member_max, const struct rooms_events *events, void *user);
/* Takes all members out (their `nsp` becomes NULL) and tells `last` for each room. No walk may be
 * under way. */
void rooms_fini(struct rooms *rooms);

/* ---- members ---- */

/* The member comes in together with its private room, whose name is its id. It must not be in any
 * index; the id's length is the caller's to limit. */
void rooms_add(struct rooms *rooms, struct broker_member *member, const char *id, size_t id_bytes);
/* Out of all rooms and out of the index. */
void rooms_remove(struct rooms *rooms, struct broker_member *member);
/* The member with this private room, NULL if there is none. */
struct broker_member *rooms_find_member(const struct rooms *rooms, const char *id, size_t id_bytes);
/* The private room of a member in the index: its name is the member's id. */
const struct room *rooms_private(const struct broker_member *member);

/* CONFAB_OK and the room, also when it was in there before; CONFAB_ELIMIT: too many rooms or too
 * long a name, nothing changed. */
int rooms_join(struct rooms *rooms, struct broker_member *member, const char *name,
               size_t name_bytes, struct room **room);
/* True when it was in there. A member's own private room is not left but by rooms_remove(). */
bool rooms_leave(struct rooms *rooms, struct broker_member *member, const char *name,
                 size_t name_bytes);
/* NULL when the room has no local members. */
struct room *rooms_find(const struct rooms *rooms, const char *name, size_t name_bytes);
bool rooms_is_in(const struct rooms *rooms, const struct broker_member *member, const char *name,
                 size_t name_bytes);
/* Visits every room that has local members, private ones included; no order. `visit` must not
 * change the index. */
void rooms_each(const struct rooms *rooms, void (*visit)(void *user, const struct room *room),
                void *user);

/* ---- walks ---- */

/*
 * Calls `deliver` once for each local member the message means, in the order of joining. Returns
 * how many. `deliver` may take members out or in and may start cursors, but not a second fan-out of
 * the same index (asserted; the broker puts deliveries in a row for that).
 */
size_t rooms_fan_out(struct rooms *rooms, struct message *message,
                     void (*deliver)(void *user, struct broker_member *member,
                                     struct message *message),
                     void *user);

/* The same members for something else than a message: `pick` must not change the index. No
 * allocation. */
void rooms_select(struct rooms *rooms, const struct rooms_target *target,
                  void (*pick)(void *user, struct broker_member *member), void *user);

/* A walk over one room's members, or over all with NULL, that survives any change. Lives on the
 * caller's stack; must be ended. */
struct rooms_cursor {
    struct rooms_cursor *outer;
    struct list *next; /* NULL: at the end */
    struct list *last; /* the last one to visit */
    bool of_room;
};
void rooms_cursor_begin(struct rooms *rooms, struct rooms_cursor *cursor, struct room *room);
struct broker_member *rooms_cursor_next(struct rooms_cursor *cursor);
void rooms_cursor_end(struct rooms *rooms, struct rooms_cursor *cursor);

/*
 * A selection to be worked off later or in slices, over several turns of the loop: it keeps ids,
 * not pointers, so members may go and be freed meanwhile, and then are left out.
 */
struct rooms_walk;
struct rooms_walk *rooms_walk_new(struct rooms *rooms, const struct rooms_target *target);
/* The next one that is still there; NULL at the end. */
struct broker_member *rooms_walk_next(struct rooms_walk *walk);
/* How many were selected. */
size_t rooms_walk_count(const struct rooms_walk *walk);
void rooms_walk_free(struct rooms_walk **walk);

#endif
