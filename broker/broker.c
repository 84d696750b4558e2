/* What both brokers are made of: life, namespaces, and the way of an emit. */
#include "broker/broker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "common/live.h"
#include "common/mem.h"
#include <confab/err.h>

/* ---- life ---- */

void broker_init(struct broker *broker, const struct broker_ops *ops,
                 const uint8_t seed[HTABLE_SEED_BYTES], const struct broker_events *events,
                 void *user)
{
    *broker = (struct broker){.ops = ops,
                              .events = events,
                              .user = user,
                              .state = BROKER_STARTING,
                              .rooms_per_member_max = BROKER_ROOMS_PER_MEMBER_MAX};
    memcpy(broker->seed, seed, HTABLE_SEED_BYTES);
    list_init(&broker->namespaces);
    htable_init(&broker->namespaces_by_name, seed);
    list_init(&broker->rosters);
    list_init(&broker->waiting);
    htable_init(&broker->pending_by_id, seed);
    htable_init(&broker->questions, seed);
    timerfifo_init(&broker->pending_by_age);
    live_inc(LIVE_BROKER);
}

void broker_fini(struct broker *broker)
{
    htable_fini(&broker->namespaces_by_name);
    htable_fini(&broker->pending_by_id);
    htable_fini(&broker->questions);
    live_dec(LIVE_BROKER);
}

static void namespace_free(struct broker_namespace *nsp)
{
    struct broker *broker = nsp->broker;

    rooms_fini(&nsp->rooms);
    if (broker->ops->namespace_closing != NULL)
        broker->ops->namespace_closing(nsp);
    htable_remove(&broker->namespaces_by_name, &nsp->by_name);
    list_del(&nsp->link);
    free(nsp);
    live_dec(LIVE_NAMESPACE);
}

void broker_namespace_close(struct broker_namespace *nsp)
{
    assert(nsp->broker->holds == 0 && broker_member_count(nsp) == 0 &&
           broker_roster_find(nsp) == NULL);
    broker_pending_close_of(nsp);
    namespace_free(nsp);
}

void broker_free(struct broker **broker)
{
    struct broker *b = *broker;

    if (b == NULL)
        return;
    assert(b->holds == 0);
    b->closing = true;
    b->ops->stop(b);
    broker_pending_close_all(b);
    broker_asks_close(b);
    broker_rosters_free(b);
    broker_drop_waiting(b);
    while (!list_empty(&b->namespaces))
        namespace_free(LIST_FIRST(&b->namespaces, struct broker_namespace, link));
    *broker = NULL;
    b->ops->free(b);
}

enum broker_state broker_state(const struct broker *broker)
{
    return broker->state;
}

void broker_set_state(struct broker *broker, enum broker_state state)
{
    if (broker->state == state)
        return;
    broker->state = state;
    if (!broker->closing && broker->events->state_changed != NULL)
        broker->events->state_changed(broker->user);
}

const char *broker_node_tag(const struct broker *broker)
{
    return broker->node_tag[0] == '\0' ? NULL : broker->node_tag;
}

int64_t broker_deadline(const struct broker *broker)
{
    return broker->ops->deadline == NULL ? INT64_MAX : broker->ops->deadline(broker);
}

void broker_advance(struct broker *broker, int64_t now_ms)
{
    if (broker->ops->advance != NULL)
        broker->ops->advance(broker, now_ms);
}

void broker_leave_cluster(struct broker *broker, void (*done)(void *user), void *user)
{
    broker->ops->leave_cluster(broker, done, user);
}

const struct broker_counters *broker_counters(const struct broker *broker)
{
    return &broker->counters;
}

/* ---- namespaces ---- */

void broker_set_rooms_per_member(struct broker *broker, unsigned limit)
{
    broker->rooms_per_member_max = limit;
}

static void first_in_room(void *user, struct room *room)
{
    struct broker_namespace *nsp = user;

    if (nsp->broker->ops->room_first != NULL)
        nsp->broker->ops->room_first(nsp, room);
}

static void last_in_room(void *user, struct room *room)
{
    struct broker_namespace *nsp = user;

    if (nsp->broker->ops->room_last != NULL)
        nsp->broker->ops->room_last(nsp, room);
}

static void joined_room(void *user, struct broker_member *member, const struct room *room)
{
    const struct broker *broker = ((struct broker_namespace *)user)->broker;
    const struct text name = room_text(room);

    if (broker->events->joined != NULL)
        broker->events->joined(broker->user, member, &name);
}

static void left_room(void *user, struct broker_member *member, const struct room *room)
{
    const struct broker *broker = ((struct broker_namespace *)user)->broker;
    const struct text name = room_text(room);

    if (broker->events->left != NULL)
        broker->events->left(broker->user, member, &name);
}

struct broker_namespace *broker_namespace(struct broker *broker, const char *name)
{
    static const struct rooms_events events = {
        .first = first_in_room, .last = last_in_room, .joined = joined_room, .left = left_room};
    size_t name_bytes = strlen(name);
    struct broker_namespace *nsp = broker_namespace_find(broker, name, name_bytes);

    if (nsp != NULL)
        return nsp;
    nsp = xcalloc(1, sizeof(*nsp) + name_bytes + 1);
    nsp->broker = broker;
    memcpy(nsp->name, name, name_bytes + 1);
    rooms_init(&nsp->rooms, broker->seed, broker->rooms_per_member_max, &events, nsp);
    list_init(&nsp->link);
    list_add_tail(&broker->namespaces, &nsp->link);
    htable_insert(&broker->namespaces_by_name, &nsp->by_name, nsp->name, name_bytes);
    live_inc(LIVE_NAMESPACE);
    if (broker->ops->namespace_opened != NULL)
        broker->ops->namespace_opened(nsp);
    return nsp;
}

struct broker_namespace *broker_namespace_find(const struct broker *broker, const char *name,
                                               size_t name_bytes)
{
    struct htable_entry *entry = htable_find(&broker->namespaces_by_name, name, name_bytes);

    return entry == NULL ? NULL : container_of(entry, struct broker_namespace, by_name);
}

const char *broker_namespace_name(const struct broker_namespace *nsp)
{
    return nsp->name;
}

void broker_namespace_set_user(struct broker_namespace *nsp, void *user)
{
    nsp->user = user;
}

void *broker_namespace_user(const struct broker_namespace *nsp)
{
    return nsp->user;
}

size_t broker_member_count(const struct broker_namespace *nsp)
{
    return nsp->rooms.member_count;
}

/* ---- emitting ---- */

void broker_emit(struct broker *broker, struct message *message)
{
    if (broker->closing)
        return;
    if ((message->flags & MESSAGE_LOCAL) == 0 && broker->ops->publish != NULL)
        broker->ops->publish(broker, message);
    broker_deliver(broker, message);
}

static void nobody_asked(void *user, int status, enum broker_scope scope)
{
    (void)user;
    (void)status;
    (void)scope;
}

void broker_emit_ordered(struct broker *broker, struct message *message,
                         void (*done)(void *user, int status, enum broker_scope scope), void *user)
{
    if (done == NULL)
        done = nobody_asked;
    if (broker->closing) {
        done(user, CONFAB_ECLOSED, BROKER_SCOPE_NODE);
    } else if ((message->flags & MESSAGE_LOCAL) != 0) {
        broker_deliver(broker, message);
        done(user, CONFAB_OK, BROKER_SCOPE_NODE);
    } else {
        broker->ops->publish_ordered(broker, message, done, user);
    }
}
