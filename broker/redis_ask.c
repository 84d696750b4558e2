/*
 * What this node asks of others and tells them, and the answers.
 *
 * Answers come on two channels for each namespace, one that all nodes share and one of this node;
 * which of them a peer uses is its own setting. Both are subscribed when something is asked for
 * the first time, and the question waits for that; a while after the last question they are given
 * up again, because the shared one carries everybody's answers. Whom to expect is the number of
 * subscribers of the request channel, asked right before the request on the same connection.
 */
#define _GNU_SOURCE
#include "broker/redis_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/wire.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/value.h"
#include <confab/err.h>

/* How long answers are listened for after the last question. */
#define LISTEN_MS 60000
#define REQUEST_ID_BYTES 40

struct redis_ask {
    struct htable_entry by_id;
    struct broker_namespace *nsp;
    struct broker_question question;
    enum wire_request_type type;
    struct buf payload;
    char id[REQUEST_ID_BYTES]; /* of the request */
};

/* A step of a question on its way: the question may be over when the step is done. */
struct step {
    struct redis *redis;
    struct broker_question question;
};

void redis_asks_init(struct redis *redis)
{
    htable_init(&redis->asks, redis->broker.seed);
    rng_base64url(&redis->rng, redis->asks_prefix, REDIS_INCARNATION_CHARS);
}

void redis_asks_fini(struct redis *redis)
{
    htable_fini(&redis->asks);
}

static struct redis_ask *find_by_id(const struct redis *redis, struct text id)
{
    struct htable_entry *entry = htable_find(&redis->asks, id.bytes, id.length);

    return entry == NULL ? NULL : container_of(entry, struct redis_ask, by_id);
}

static void write_id(const struct redis *redis, struct broker_question question,
                     char id[REQUEST_ID_BYTES])
{
    snprintf(id, REQUEST_ID_BYTES, "%s.%" PRIu64, redis->asks_prefix, question.id);
}

static struct redis_ask *find(const struct redis *redis, struct broker_question question)
{
    char id[REQUEST_ID_BYTES];

    write_id(redis, question, id);
    return find_by_id(redis, redis_text(id));
}

static struct redis_ask *ask_new(struct redis *redis, struct broker_namespace *nsp,
                                 struct broker_question question, enum wire_request_type type)
{
    struct redis_ask *ask = xcalloc(1, sizeof(*ask));

    ask->nsp = nsp;
    ask->question = question;
    ask->type = type;
    buf_init(&ask->payload, redis->payload_out.limit_bytes);
    write_id(redis, question, ask->id);
    htable_insert(&redis->asks, &ask->by_id, ask->id, strlen(ask->id));
    redis_namespace_of(nsp)->asking++;
    return ask;
}

static void ask_free(struct redis *redis, struct redis_ask *ask)
{
    struct redis_namespace *own = redis_namespace_of(ask->nsp);

    own->asking--;
    own->asked_at_ms = clock_mono_ms();
    htable_remove(&redis->asks, &ask->by_id);
    buf_fini(&ask->payload);
    free(ask);
}

void redis_ask_over(struct broker *broker, struct broker_question question)
{
    struct redis *redis = redis_of(broker);
    struct redis_ask *ask = find(redis, question);

    if (ask != NULL)
        ask_free(redis, ask);
}

/* No answer will come from elsewhere. */
static void lose(struct redis *redis, struct broker_question question)
{
    redis_ask_over(&redis->broker, question);
    broker_asked_lost(&redis->broker, question);
}

/* ---- listening ---- */

static void want_responses(struct redis *redis, struct broker_namespace *nsp)
{
    struct redis_namespace *own = redis_namespace_of(nsp);
    const struct text uid = redis_text(own->uid);

    for (unsigned i = 0; i < 2; i++) {
        struct buf name;

        if (own->responses[i].channel != NULL)
            continue;
        buf_init(&name, SIZE_MAX);
        wire_channel_response(&name, redis->prefix, nsp->name, i == 0 ? NULL : &uid);
        own->responses[i] = (struct redis_interest){.kind = REDIS_INTEREST_RESPONSE, .nsp = nsp};
        redis_want(redis, &own->responses[i], false, (struct text){buf_text(&name), name.len});
        buf_fini(&name);
    }
}

void redis_asks_close(struct redis *redis, struct redis_namespace *own)
{
    for (unsigned i = 0; i < 2; i++)
        redis_unwant(redis, &own->responses[i]);
}

void redis_asks_tick(struct redis *redis, int64_t now_ms)
{
    LIST_FOREACH(it, &redis->broker.namespaces)
    {
        struct redis_namespace *own =
            redis_namespace_of(container_of(it, struct broker_namespace, link));

        if (own->asking == 0 && now_ms - own->asked_at_ms >= LISTEN_MS)
            redis_asks_close(redis, own);
    }
}

/* ---- asking ---- */

/* The number of all nodes, this one included; 0: not to be known. */
static int64_t nodes_in(const struct redis_answer *answer)
{
    if (redis_answer_kind(answer) != REDIS_ANSWER_ARRAY)
        return 0;
    return redis_answer_integer(redis_answer_at(answer, 1), 0);
}

static void on_nodes(void *user, int status, const struct redis_answer *answer)
{
    struct step step = *(struct step *)user;
    int64_t nodes = status == CONFAB_OK ? nodes_in(answer) : 0;

    free(user);
    if (status == CONFAB_ECLOSED)
        return;
    if (nodes < 1)
        lose(step.redis, step.question);
    else
        broker_asked_nodes(&step.redis->broker, step.question, (size_t)nodes - 1);
}

static struct step *step_new(struct redis *redis, struct broker_question question)
{
    struct step *step = xmalloc(sizeof(*step));

    *step = (struct step){redis, question};
    return step;
}

static bool count_nodes(struct redis *redis, struct text channel, struct broker_question question)
{
    const struct text args[] = {{"PUBSUB", 6}, {"NUMSUB", 6}, channel};
    struct step *step = step_new(redis, question);

    if (redis_link_command(redis->link, args, 3, on_nodes, step) == CONFAB_OK)
        return true;
    free(step);
    return false;
}

static void send_question(struct redis *redis, struct redis_ask *ask)
{
    struct text channel;

    buf_reset(&redis->channel_out);
    wire_channel_request(&redis->channel_out, redis->prefix, ask->nsp->name);
    channel = (struct text){buf_text(&redis->channel_out), redis->channel_out.len};
    if (!count_nodes(redis, channel, ask->question)) {
        redis->unsent++;
        lose(redis, ask->question);
        return;
    }
    redis_send(redis, channel, (struct text){buf_text(&ask->payload), ask->payload.len});
    buf_fini(&ask->payload);
}

static void on_listening_to_own(void *user, int status)
{
    struct step step = *(struct step *)user;
    struct redis_ask *ask = find(step.redis, step.question);

    free(user);
    if (ask == NULL)
        return;
    if (status == CONFAB_OK && redis_link_state(step.redis->link) == REDIS_LINK_UP)
        send_question(step.redis, ask);
    else
        lose(step.redis, step.question);
}

static void on_listening_to_all(void *user, int status)
{
    struct step *step = user;
    const struct redis_ask *ask = find(step->redis, step->question);

    if (ask == NULL || status != CONFAB_OK)
        on_listening_to_own(user, status);
    else
        redis_wait(step->redis, &redis_namespace_of(ask->nsp)->responses[1], on_listening_to_own,
                   user);
}

static int write_question(struct redis *redis, struct redis_ask *ask, struct wire_request *request)
{
    struct confab_value *id = confab_string(ask->id);
    int err;

    request->request_id = id;
    request->has_uid = true;
    request->uid = redis_text(redis_namespace_of(ask->nsp)->uid);
    err = wire_write_request(&ask->payload, request);
    confab_value_release(id);
    if (err != CONFAB_OK)
        redis->unsent++;
    return err;
}

void redis_ask(struct broker_namespace *nsp, struct broker_question question,
               struct wire_request *request)
{
    struct redis *redis = redis_of(nsp->broker);
    struct redis_ask *ask;

    if (redis_link_state(redis->link) != REDIS_LINK_UP) {
        broker_asked_lost(nsp->broker, question);
        return;
    }
    ask = ask_new(redis, nsp, question, request->type);
    if (write_question(redis, ask, request) != CONFAB_OK) {
        lose(redis, question);
        return;
    }
    want_responses(redis, nsp);
    redis_wait(redis, &redis_namespace_of(nsp)->responses[0], on_listening_to_all,
               step_new(redis, question));
}

/* One that was asked in `nsp` (NULL: anywhere). */
static const struct redis_ask *any_ask(const struct redis *redis,
                                       const struct broker_namespace *nsp)
{
    struct htable_iter it;
    struct htable_entry *entry;

    htable_iter_init(&it, &redis->asks);
    while ((entry = htable_iter_next(&it)) != NULL) {
        const struct redis_ask *ask = container_of(entry, struct redis_ask, by_id);

        if (nsp == NULL || ask->nsp == nsp)
            return ask;
    }
    return NULL;
}

void redis_asks_drop(struct redis *redis, const struct broker_namespace *nsp)
{
    const struct redis_ask *ask;

    /* Anew each time: who is told may end others. */
    while ((ask = any_ask(redis, nsp)) != NULL)
        lose(redis, ask->question);
}

void redis_asks_lost_link(struct redis *redis)
{
    redis_asks_drop(redis, NULL);
}

/* ---- answers ---- */

static void take_sockets(struct redis *redis, struct broker_question question,
                         const struct confab_value *sockets)
{
    for (size_t i = 0; i < confab_size(sockets); i++)
        if (confab_is(confab_at(sockets, i), CONFAB_OBJECT))
            broker_asked_answer(&redis->broker, question, confab_at(sockets, i));
    broker_asked_heard(&redis->broker, question, 0);
}

static void take(struct redis *redis, const struct redis_ask *ask,
                 const struct wire_response *response)
{
    struct broker *broker = &redis->broker;
    struct broker_question question = ask->question;

    switch (ask->type) {
    case WIRE_REQUEST_FETCH:
        take_sockets(redis, question, response->sockets);
        break;
    case WIRE_REQUEST_SERVER_EVENT:
        if (response->type != WIRE_RESPONSE_SERVER_EVENT)
            break;
        broker_asked_answer(broker, question, response->data);
        broker_asked_heard(broker, question, 0);
        break;
    default:
        if (response->type == WIRE_RESPONSE_CLIENT_COUNT)
            broker_asked_heard(broker, question, response->client_count);
        else if (response->type == WIRE_RESPONSE_CLIENT_ACK)
            broker_asked_answer(broker, question, response->packet);
        break;
    }
}

void redis_response(struct redis *redis, const struct broker_namespace *nsp, struct text channel,
                    struct text payload)
{
    struct wire_response response;
    const struct redis_ask *ask;

    switch (wire_read_response(payload.bytes, payload.length, &response)) {
    case WIRE_TAKE:
        /* Most are answers to others. */
        ask = find_by_id(redis, response.request_id);
        if (ask != NULL && ask->nsp == nsp)
            take(redis, ask, &response);
        wire_response_fini(&response);
        break;
    case WIRE_MALFORMED:
        redis_malformed(redis, "response", channel, CONFAB_EPARSE);
        break;
    default:
        break;
    }
}

/* ---- telling ---- */

void redis_tell(struct broker_namespace *nsp, struct wire_request *request)
{
    struct redis *redis = redis_of(nsp->broker);
    int err;

    request->has_uid = true;
    request->uid = redis_text(redis_namespace_of(nsp)->uid);
    buf_reset(&redis->channel_out);
    buf_reset(&redis->payload_out);
    wire_channel_request(&redis->channel_out, redis->prefix, nsp->name);
    err = wire_write_request(&redis->payload_out, request);
    if (err != CONFAB_OK || buf_error(&redis->channel_out) != CONFAB_OK) {
        redis->unsent++;
        return;
    }
    redis_send(redis, (struct text){buf_text(&redis->channel_out), redis->channel_out.len},
               (struct text){buf_text(&redis->payload_out), redis->payload_out.len});
}
