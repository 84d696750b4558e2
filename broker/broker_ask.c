/*
 * What this node asks of many, and what it has many do: here at once, elsewhere through the
 * implementation.
 *
 * A question has two halves. Here: the members reached are known when the delivery is through, and
 * each answers by itself. Elsewhere: so many nodes were asked, each says how many of its clients
 * will answer, and these answer; all of it in any order. It is over when both halves are.
 */
#include <stdlib.h>

#include "broker/broker_impl.h"
#include "broker/wire.h"
#include "common/live.h"
#include "common/mem.h"
#include "common/value.h"
#include <confab/err.h>

/* Tells answers to own questions from those that are owed to other nodes. */
#define REPLY_HERE (UINT64_C(1) << 63)

struct half {
    bool counted; /* all have said how many answers there will be */
    uint64_t expected;
    uint64_t answered;
};

struct question {
    struct htable_entry by_id;
    struct broker_question id;
    struct broker *broker;
    bool of_clients;
    int status;
    struct half here, elsewhere;
    size_t nodes; /* asked; SIZE_MAX: not known yet */
    size_t heard; /* of them */
    const struct broker_question_events *events;
    void *user;
};

static struct question *find(struct broker *broker, struct broker_question id)
{
    struct htable_entry *entry = htable_find(&broker->questions, &id.id, sizeof(id.id));

    return entry == NULL ? NULL : container_of(entry, struct question, by_id);
}

static struct question *question_new(struct broker *broker, bool of_clients,
                                     const struct broker_question_events *events, void *user,
                                     struct broker_question *id)
{
    struct question *question = xcalloc(1, sizeof(*question));

    question->broker = broker;
    question->id.id = ++broker->question_last_id;
    question->of_clients = of_clients;
    question->nodes = SIZE_MAX;
    question->events = events;
    question->user = user;
    htable_insert(&broker->questions, &question->by_id, &question->id, sizeof(question->id));
    live_inc(LIVE_ACK);
    *id = question->id;
    return question;
}

static void question_free(struct question *question)
{
    struct broker *broker = question->broker;

    htable_remove(&broker->questions, &question->by_id);
    if (broker->ops->ask_over != NULL)
        broker->ops->ask_over(broker, question->id);
    free(question);
    live_dec(LIVE_ACK);
}

static void finish(struct question *question, int status)
{
    const struct broker_question_events *events = question->events;
    void *user = question->user;

    question_free(question);
    events->done(user, status);
}

static bool is_whole(const struct half *half)
{
    return half->counted && half->answered >= half->expected;
}

static void finish_if_whole(struct question *question)
{
    if (is_whole(&question->here) && is_whole(&question->elsewhere))
        finish(question, question->status);
}

/* ---- from other nodes ---- */

static void look_elsewhere(struct question *question)
{
    if (question->heard >= question->nodes)
        question->elsewhere.counted = true;
    finish_if_whole(question);
}

void broker_asked_nodes(struct broker *broker, struct broker_question id, size_t nodes)
{
    struct question *question = find(broker, id);

    if (question == NULL)
        return;
    question->nodes = nodes;
    look_elsewhere(question);
}

void broker_asked_heard(struct broker *broker, struct broker_question id, uint64_t clients)
{
    struct question *question = find(broker, id);

    if (question == NULL)
        return;
    question->heard++;
    question->elsewhere.expected += clients;
    look_elsewhere(question);
}

void broker_asked_answer(struct broker *broker, struct broker_question id,
                         const struct confab_value *value)
{
    struct question *question = find(broker, id);

    if (question == NULL)
        return;
    question->events->answer(question->user, value);
    question = find(broker, id); /* it may have had enough */
    if (question == NULL || !question->of_clients)
        return;
    question->elsewhere.answered++;
    finish_if_whole(question);
}

void broker_asked_lost(struct broker *broker, struct broker_question id)
{
    struct question *question = find(broker, id);

    if (question == NULL)
        return;
    question->status = CONFAB_EUNAVAILABLE;
    question->elsewhere = (struct half){.counted = true};
    finish_if_whole(question);
}

static void ask_elsewhere(struct broker_namespace *nsp, struct broker_question id, bool local,
                          struct wire_request *request)
{
    struct broker *broker = nsp->broker;

    if (local || broker->ops->ask == NULL)
        broker_asked_nodes(broker, id, 0);
    else
        broker->ops->ask(nsp, id, request);
}

/* ---- from here ---- */

static void counted_here(struct broker *broker, struct broker_question id, size_t members)
{
    struct question *question = find(broker, id);

    if (question == NULL)
        return;
    question->here.counted = true;
    question->here.expected = members;
    finish_if_whole(question);
}

bool broker_asked_here(struct broker *broker, struct broker_reply reply,
                       const struct confab_value *value)
{
    struct broker_question id = {reply.id & ~REPLY_HERE};
    struct question *question;

    if ((reply.id & REPLY_HERE) == 0)
        return false;
    question = find(broker, id);
    if (question == NULL)
        return true;
    question->events->answer(question->user, value);
    question = find(broker, id);
    if (question != NULL) {
        question->here.answered++;
        finish_if_whole(question);
    }
    return true;
}

/* ---- asking ---- */

struct counting {
    struct broker *broker;
    struct broker_question id;
};

static void on_counted(void *user, size_t members)
{
    struct counting counting = *(struct counting *)user;

    free(user);
    counted_here(counting.broker, counting.id, members);
}

static void deliver_here(struct broker *broker, struct message *message, struct broker_question id)
{
    struct counting *counting = xmalloc(sizeof(*counting));
    struct broker_reply reply = {id.id | REPLY_HERE};

    *counting = (struct counting){broker, id};
    broker_deliver_with_ack(broker, message, reply, on_counted, counting);
}

static void refuse(const struct broker_question_events *events, void *user, int status,
                   struct broker_question *question)
{
    *question = (struct broker_question){0};
    events->done(user, status);
}

static struct broker_namespace *namespace_of(const struct broker *broker,
                                             const struct message *message)
{
    return broker_namespace_find(broker, message->nsp.bytes, message->nsp.length);
}

static struct wire_request request_for(const struct message *who, enum wire_request_type type)
{
    return (struct wire_request){.type = type,
                                 .bulk = true,
                                 .rooms = {who->rooms, who->room_count},
                                 .except = {who->except, who->except_count}};
}

static bool is_local(const struct message *who)
{
    return (who->flags & MESSAGE_LOCAL) != 0;
}

void broker_ask_clients(struct broker *broker, struct message *message, int64_t timeout_ms,
                        const struct broker_question_events *events, void *user,
                        struct broker_question *id)
{
    struct broker_namespace *nsp = namespace_of(broker, message);
    struct wire_request request = {.type = WIRE_REQUEST_BROADCAST, .message = message};
    struct confab_value *flags;

    if (broker->closing || nsp == NULL) {
        refuse(events, user, CONFAB_ECLOSED, id);
        return;
    }
    question_new(broker, true, events, user, id);
    flags = confab_set(confab_object(), "timeout", confab_int(timeout_ms));
    request.flags = flags;
    ask_elsewhere(nsp, *id, is_local(message), &request);
    confab_value_release(flags);
    deliver_here(broker, message, *id);
}

static void describe_here(struct broker_namespace *nsp, const struct message *who,
                          struct broker_question id)
{
    const struct rooms_target target = rooms_target_of(who);
    struct rooms_walk *walk = rooms_walk_new(&nsp->rooms, &target);
    struct broker_member *member;
    struct question *question;

    while ((question = find(nsp->broker, id)) != NULL && (member = rooms_walk_next(walk)) != NULL) {
        struct confab_value *described = broker_describe(member, false);

        question->events->answer(question->user, described);
        confab_value_release(described);
    }
    rooms_walk_free(&walk);
    counted_here(nsp->broker, id, 0);
}

void broker_ask_sockets(struct broker *broker, const struct message *who,
                        const struct broker_question_events *events, void *user,
                        struct broker_question *id)
{
    struct broker_namespace *nsp = namespace_of(broker, who);
    struct wire_request request = request_for(who, WIRE_REQUEST_FETCH);

    if (broker->closing || nsp == NULL) {
        refuse(events, user, CONFAB_ECLOSED, id);
        return;
    }
    question_new(broker, false, events, user, id);
    ask_elsewhere(nsp, *id, is_local(who), &request);
    describe_here(nsp, who, *id);
}

void broker_ask_servers(struct broker_namespace *nsp, const struct confab_value *args,
                        const struct broker_question_events *events, void *user,
                        struct broker_question *id)
{
    struct wire_request request = {.type = WIRE_REQUEST_SERVER_EVENT, .args = args};

    if (nsp->broker->closing) {
        refuse(events, user, CONFAB_ECLOSED, id);
        return;
    }
    question_new(nsp->broker, false, events, user, id)->here.counted = true;
    ask_elsewhere(nsp, *id, false, &request);
}

void broker_ask_end(struct broker *broker, struct broker_question id)
{
    struct question *question = find(broker, id);

    if (question != NULL)
        question_free(question);
}

void broker_asks_close(struct broker *broker)
{
    struct htable_iter it;
    struct htable_entry *entry;

    /* Anew each time: who is told may end others. */
    for (;;) {
        htable_iter_init(&it, &broker->questions);
        entry = htable_iter_next(&it);
        if (entry == NULL)
            return;
        finish(container_of(entry, struct question, by_id), CONFAB_ECLOSED);
    }
}

/* ---- having many do something ---- */

static void tell(struct broker_namespace *nsp, bool local, struct wire_request *request)
{
    if (!local && nsp->broker->ops->tell != NULL)
        nsp->broker->ops->tell(nsp, request);
}

void broker_all_join(struct broker *broker, const struct message *who, const struct text *rooms,
                     unsigned room_count)
{
    struct broker_namespace *nsp = namespace_of(broker, who);
    const struct rooms_target target = rooms_target_of(who);
    struct wire_request request = request_for(who, WIRE_REQUEST_JOIN);

    if (broker->closing || nsp == NULL)
        return;
    request.names = (struct wire_list){rooms, room_count};
    tell(nsp, is_local(who), &request);
    broker_bulk_join(nsp, &target, rooms, room_count);
}

void broker_all_leave(struct broker *broker, const struct message *who, const struct text *rooms,
                      unsigned room_count)
{
    struct broker_namespace *nsp = namespace_of(broker, who);
    const struct rooms_target target = rooms_target_of(who);
    struct wire_request request = request_for(who, WIRE_REQUEST_LEAVE);

    if (broker->closing || nsp == NULL)
        return;
    request.names = (struct wire_list){rooms, room_count};
    tell(nsp, is_local(who), &request);
    broker_bulk_leave(nsp, &target, rooms, room_count);
}

void broker_all_disconnect(struct broker *broker, const struct message *who, bool close)
{
    struct broker_namespace *nsp = namespace_of(broker, who);
    const struct rooms_target target = rooms_target_of(who);
    struct wire_request request = request_for(who, WIRE_REQUEST_DISCONNECT);

    if (broker->closing || nsp == NULL)
        return;
    request.close = close;
    tell(nsp, is_local(who), &request);
    broker_bulk_disconnect(nsp, &target, close);
}

void broker_tell_servers(struct broker_namespace *nsp, const struct confab_value *args)
{
    struct wire_request request = {.type = WIRE_REQUEST_SERVER_EVENT, .args = args};

    if (!nsp->broker->closing)
        tell(nsp, false, &request);
}
