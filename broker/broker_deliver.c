/*
 * Delivery to local members, one message at a time.
 *
 * While one is on its way to the members, or somebody holds deliveries back, further ones wait in a
 * row. So a member that answers a message from inside its delivery cannot overtake that message on
 * its way to the members behind it.
 */
#include "broker/broker_impl.h"

#include <stdlib.h>

#include "common/mem.h"

struct delivery {
    struct list link;
    struct message *message; /* held */
    struct broker_reply reply;
    void (*counted)(void *user, size_t members); /* NULL: a plain one */
    void *user;
};

struct ack_fan_out {
    struct broker *broker;
    struct broker_reply reply;
};

static void deliver_one_with_ack(void *user, struct broker_member *member, struct message *message)
{
    const struct ack_fan_out *f = user;

    f->broker->events->deliver_with_ack(f->broker->user, member, message, f->reply);
}

static void run_plain(struct broker *broker, struct message *message)
{
    struct broker_namespace *nsp =
        broker_namespace_find(broker, message->nsp.bytes, message->nsp.length);

    if (nsp == NULL)
        return;
    broker->holds++;
    if (broker->events->delivering != NULL)
        broker->events->delivering(broker->user, nsp, message);
    rooms_fan_out(&nsp->rooms, message, broker->events->deliver, broker->user);
    broker->holds--;
}

static void run_with_ack(struct broker *broker, const struct delivery *d)
{
    struct broker_namespace *nsp =
        broker_namespace_find(broker, d->message->nsp.bytes, d->message->nsp.length);
    struct ack_fan_out f = {broker, d->reply};
    size_t reached = 0;

    broker->holds++;
    if (nsp != NULL)
        reached = rooms_fan_out(&nsp->rooms, d->message, deliver_one_with_ack, &f);
    d->counted(d->user, reached);
    broker->holds--;
}

static void wait_in_row(struct broker *broker, const struct delivery *wanted)
{
    struct delivery *d = xmalloc(sizeof(*d));

    *d = *wanted;
    message_hold(d->message);
    list_init(&d->link);
    list_add_tail(&broker->waiting, &d->link);
}

static struct delivery *next_waiting(struct broker *broker)
{
    struct list *link = list_pop(&broker->waiting);

    return link == NULL ? NULL : container_of(link, struct delivery, link);
}

static void delivery_free(struct delivery *d)
{
    message_release(d->message);
    free(d);
}

static void run_waiting(struct broker *broker)
{
    struct delivery *d;

    while (broker->holds == 0 && (d = next_waiting(broker)) != NULL) {
        if (d->counted == NULL)
            run_plain(broker, d->message);
        else
            run_with_ack(broker, d);
        delivery_free(d);
    }
}

void broker_deliver(struct broker *broker, struct message *message)
{
    if (broker->holds != 0) {
        wait_in_row(broker, &(struct delivery){.message = message});
        return;
    }
    run_plain(broker, message);
    run_waiting(broker);
}

void broker_deliver_with_ack(struct broker *broker, struct message *message,
                             struct broker_reply reply, void (*counted)(void *user, size_t members),
                             void *user)
{
    wait_in_row(broker, &(struct delivery){
                            .message = message, .reply = reply, .counted = counted, .user = user});
    run_waiting(broker);
}

void broker_hold(struct broker *broker)
{
    broker->holds++;
}

void broker_unhold(struct broker *broker)
{
    broker->holds--;
    run_waiting(broker);
}

void broker_drop_waiting(struct broker *broker)
{
    struct delivery *d;

    while ((d = next_waiting(broker)) != NULL) {
        if (d->counted != NULL)
            d->counted(d->user, 0);
        delivery_free(d);
    }
}
