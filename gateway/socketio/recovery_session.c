/* What outlives a connection. A stay is one time in one room, from a place up to, and without,
 * another. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/message.h"
#include "common/live.h"
#include "common/mem.h"
#include "common/rng.h"
#include "common/value.h"
#include "gateway/socketio/recovery_store.h"

/* Ended stays that a session remembers; more cost it what happened before they ended. */
#define ENDED_STAYS_MAX 256
#define FOR_EVER UINT64_MAX

struct stay {
    struct htable_entry by_room;
    struct stay *before; /* the one before in the same room; NULL: none */
    uint64_t from;
    uint64_t to;
    char room[];
};

struct recovery_session *recovery_session_new(struct recovery_space *space, const char *id,
                                              struct rng *rng)
{
    uint8_t seed[HTABLE_SEED_BYTES];
    struct recovery_session *session = xcalloc(1, sizeof(*session));
    session->space = space;
    space->alive++;
    session->number = ++space->births;
    session->born = space->next;
    session->known_from = space->next;
    list_init(&session->by_age);
    rng_bytes(rng, seed, sizeof(seed));
    htable_init(&session->stays, seed);
    rng_base64url(rng, session->pid, RECOVERY_PID_CHARACTERS);
    snprintf(session->id, sizeof(session->id), "%s", id);
    live_inc(LIVE_RECOVERY);
    return session;
}

/* ---- stays ---- */

static struct stay *stay_of(struct htable_entry *entry)
{
    return entry != NULL ? container_of(entry, struct stay, by_room) : NULL;
}

static struct stay *latest(const struct recovery_session *session, const struct text *room)
{
    return stay_of(htable_find(&session->stays, room->bytes, room->length));
}

static void stay_free(struct recovery_session *session, struct stay *stay)
{
    session->stays_bytes -= sizeof(*stay) + stay->by_room.key_len + 1;
    session->ended_stays -= stay->to != FOR_EVER;
    free(stay);
}

void recovery_session_free(struct recovery_session *session)
{
    struct htable_iter it;
    struct htable_entry *entry;
    if (session == NULL)
        return;
    htable_iter_init(&it, &session->stays);
    while ((entry = htable_iter_next(&it)) != NULL) {
        struct stay *stay = stay_of(entry);
        htable_remove(&session->stays, entry);
        while (stay != NULL) {
            struct stay *before = stay->before;
            stay_free(session, stay);
            stay = before;
        }
    }
    htable_fini(&session->stays);
    session->space->alive--;
    confab_value_release(session->rooms);
    confab_value_release(session->data);
    free(session);
    live_dec(LIVE_RECOVERY);
}

void recovery_session_joined(struct recovery_session *session, const struct text *room)
{
    struct stay *before = latest(session, room);
    if (before != NULL && before->to == FOR_EVER)
        return;
    if (before != NULL)
        htable_remove(&session->stays, &before->by_room);
    struct stay *stay = xcalloc(1, sizeof(*stay) + room->length + 1);
    memcpy(stay->room, room->bytes, room->length);
    stay->before = before;
    stay->from = session->space->next;
    stay->to = FOR_EVER;
    session->stays_bytes += sizeof(*stay) + room->length + 1;
    htable_insert(&session->stays, &stay->by_room, stay->room, room->length);
}

/* Forgets the stays of one room that ended before a place. */
static void forget_in_room(struct recovery_session *session, struct stay *stay, uint64_t until)
{
    struct stay **at = &stay->before;
    while (*at != NULL) {
        struct stay *older = *at;
        if (older->to <= until) {
            *at = older->before;
            stay_free(session, older);
        } else {
            at = &older->before;
        }
    }
    if (stay->to <= until && stay->before == NULL) {
        htable_remove(&session->stays, &stay->by_room);
        stay_free(session, stay);
    }
}

static void forget_ended(struct recovery_session *session, uint64_t until)
{
    struct htable_iter it;
    struct htable_entry *entry;
    htable_iter_init(&it, &session->stays);
    while ((entry = htable_iter_next(&it)) != NULL)
        forget_in_room(session, stay_of(entry), until);
}

void recovery_session_left(struct recovery_session *session, const struct text *room)
{
    struct stay *stay = latest(session, room);
    if (stay == NULL || stay->to != FOR_EVER)
        return;
    stay->to = session->space->next;
    if (++session->ended_stays <= ENDED_STAYS_MAX)
        return;
    forget_ended(session, session->space->oldest);
    if (session->ended_stays <= ENDED_STAYS_MAX / 2)
        return;
    session->known_from = session->space->next;
    forget_ended(session, session->known_from);
}

bool recovery_session_was_in(const struct recovery_session *session, const struct text *room,
                             uint64_t place)
{
    if (room->length == strlen(session->id) && memcmp(room->bytes, session->id, room->length) == 0)
        return true;
    for (const struct stay *stay = latest(session, room); stay != NULL; stay = stay->before) {
        if (place >= stay->from && place < stay->to)
            return true;
    }
    return false;
}
