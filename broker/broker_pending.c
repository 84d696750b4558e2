/* Answers that this node owes to others: bounded in number and in time, found by an id that is
 * never used twice. */
#include <stdlib.h>

#include "broker/broker_impl.h"
#include "common/live.h"
#include "common/mem.h"

static void pending_close(struct broker_pending *pending)
{
    struct broker *broker = pending->nsp->broker;

    htable_remove(&broker->pending_by_id, &pending->by_id);
    timerfifo_disarm(&broker->pending_by_age, &pending->by_age);
    if (broker->ops->answer_closed != NULL)
        broker->ops->answer_closed(broker, pending);
    free(pending);
    live_dec(LIVE_ACK);
}

static struct broker_pending *first_to_end(struct broker *broker)
{
    struct list *link = list_first(&broker->pending_by_age.entries);

    if (link == NULL)
        return NULL;
    return container_of(container_of(link, struct timerfifo_entry, link), struct broker_pending,
                        by_age);
}

struct broker_pending *broker_pending_open(struct broker_namespace *nsp,
                                           enum broker_pending_kind kind, void *impl,
                                           int64_t now_ms, int64_t lifetime_ms)
{
    struct broker *broker = nsp->broker;
    struct broker_pending *pending = xmalloc(sizeof(*pending));

    if (htable_count(&broker->pending_by_id) >= BROKER_PENDING_MAX)
        pending_close(first_to_end(broker));
    *pending = (struct broker_pending){
        .id = ++broker->pending_last_id,
        .kind = kind,
        .nsp = nsp,
        .expected = kind == BROKER_PENDING_SERVER_EVENT ? 1 : SIZE_MAX,
        .impl = impl,
    };
    if (lifetime_ms < 0 || lifetime_ms > BROKER_PENDING_MAX_AGE_MS)
        lifetime_ms = BROKER_PENDING_MAX_AGE_MS;
    timerfifo_entry_init(&pending->by_age);
    timerfifo_arm(&broker->pending_by_age, &pending->by_age, now_ms + lifetime_ms);
    htable_insert(&broker->pending_by_id, &pending->by_id, &pending->id, sizeof(pending->id));
    live_inc(LIVE_ACK);
    return pending;
}

struct broker_pending *broker_pending_find(struct broker *broker, struct broker_reply reply)
{
    struct htable_entry *entry = htable_find(&broker->pending_by_id, &reply.id, sizeof(reply.id));

    return entry == NULL ? NULL : container_of(entry, struct broker_pending, by_id);
}

void broker_pending_expect(struct broker *broker, struct broker_reply reply, size_t answers)
{
    struct broker_pending *pending = broker_pending_find(broker, reply);

    if (pending == NULL)
        return;
    pending->expected = answers;
    if (pending->answered >= answers)
        pending_close(pending);
}

int64_t broker_pending_expire(struct broker *broker, int64_t now_ms)
{
    while (timerfifo_next(&broker->pending_by_age) <= now_ms)
        pending_close(first_to_end(broker));
    return timerfifo_next(&broker->pending_by_age);
}

void broker_pending_close_all(struct broker *broker)
{
    struct broker_pending *pending;

    while ((pending = first_to_end(broker)) != NULL)
        pending_close(pending);
}

void broker_pending_close_of(const struct broker_namespace *nsp)
{
    struct list *head = &nsp->broker->pending_by_age.entries;
    struct list *link = head->next;

    while (link != head) {
        struct broker_pending *pending = container_of(
            container_of(link, struct timerfifo_entry, link), struct broker_pending, by_age);

        link = link->next;
        if (pending->nsp == nsp)
            pending_close(pending);
    }
}

static void answer(struct broker *broker, struct broker_reply reply, enum broker_pending_kind kind,
                   const struct confab_value *first_argument)
{
    struct broker_pending *pending = broker_pending_find(broker, reply);

    if (pending == NULL || pending->kind != kind)
        return;
    pending->answered++;
    broker->ops->answer(broker, pending, first_argument);
    if (pending->answered >= pending->expected)
        pending_close(pending);
}

void broker_answer_ack(struct broker *broker, struct broker_reply reply,
                       const struct confab_value *first_argument)
{
    if (!broker_asked_here(broker, reply, first_argument))
        answer(broker, reply, BROKER_PENDING_ACKS, first_argument);
}

void broker_answer_server_event(struct broker *broker, struct broker_reply reply,
                                const struct confab_value *first_argument)
{
    answer(broker, reply, BROKER_PENDING_SERVER_EVENT, first_argument);
}

void broker_server_event(struct broker_namespace *nsp, const struct confab_value *args,
                         bool wants_reply, struct broker_reply reply)
{
    struct broker *broker = nsp->broker;

    if (broker->events->server_event != NULL)
        broker->events->server_event(broker->user, nsp, args, wants_reply, reply);
    else if (wants_reply)
        broker_answer_server_event(broker, reply, NULL);
}
