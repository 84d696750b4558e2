/*
 * Questions to many and what is gathered of their answers. The broker tells when all have come;
 * time and memory are watched here. Whatever ends a question, its handler is called at the end of
 * the turn.
 */
#include <stdlib.h>

#include "common/live.h"
#include "common/mem.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include <confab/err.h>

#define ASKINGS_MAX 1000
#define ANSWERS_MAX_BYTES ((size_t)64 << 20) /* of all questions under way */
#define TIMEOUT_MS 5000
#define TIMEOUT_MAX_MS 60000
/* What a value takes besides the bytes in it, roughly. */
#define VALUE_BYTES 48

int64_t sio_asking_timeout_ms(int64_t timeout_ms)
{
    if (timeout_ms <= 0)
        return TIMEOUT_MS;
    return timeout_ms < TIMEOUT_MAX_MS ? timeout_ms : TIMEOUT_MAX_MS;
}

bool sio_asking_is_over(const struct sio_asking *asking)
{
    return asking->status != CONFAB_EAGAIN;
}

void sio_asking_finish(struct sio_asking *asking, int status)
{
    struct confab_server *server = asking->server;
    struct broker_question question = asking->question;
    if (sio_asking_is_over(asking))
        return;
    asking->status = status;
    asking->question.id = 0;
    sio_timer_disarm(server, &asking->timer);
    list_move_tail(&server->asked, &asking->link);
    sio_owe_turn(server);
    broker_ask_end(server->broker, question);
}

bool sio_asking_is_refused(struct confab_server *server, confab_answers_fn *handler, void *user)
{
    if (server->stopped)
        handler(server, CONFAB_ECLOSED, server->no_arguments, user);
    return server->stopped;
}

static void on_timeout(struct confab_server *server, struct sio_timer *timer)
{
    server->counters.acks_timed_out++;
    sio_asking_finish(container_of(timer, struct sio_asking, timer), CONFAB_ETIMEDOUT);
}

struct sio_asking *sio_asking_new(struct confab_server *server, int64_t timeout_ms,
                                  confab_answers_fn *handler, void *user)
{
    struct sio_asking *asking = xcalloc(1, sizeof(*asking));
    asking->server = server;
    asking->handler = handler;
    asking->user = user;
    asking->status = CONFAB_EAGAIN;
    asking->answers = confab_array();
    list_init(&asking->link);
    list_add_tail(&server->askings, &asking->link);
    timerq_entry_init(&asking->timer.entry);
    asking->timer.fire = on_timeout;
    live_inc(LIVE_ACK);
    if (++server->asking_count > ASKINGS_MAX) {
        sio_limit(server, SERVER_LIMIT_ASKINGS);
        sio_asking_finish(asking, CONFAB_ELIMIT);
    } else {
        sio_timer_arm(server, &asking->timer, sio_asking_timeout_ms(timeout_ms));
    }
    return asking;
}

static void asking_free(struct sio_asking *asking)
{
    struct confab_server *server = asking->server;
    list_del(&asking->link);
    server->asking_count--;
    server->answers_bytes -= asking->answers_bytes;
    confab_value_release(asking->answers);
    free(asking);
    live_dec(LIVE_ACK);
}

/* ---- answers ---- */

/* Readers of foreign bytes have bounded how deep it may be. */
static size_t bytes_of(const struct confab_value *value)
{
    size_t bytes = 0;
    switch (confab_kind(value)) {
    case CONFAB_STRING:
        confab_as_string(value, &bytes);
        break;
    case CONFAB_BINARY:
    case CONFAB_EXT:
        confab_as_binary(value, &bytes);
        break;
    case CONFAB_ARRAY:
        for (size_t i = 0; i < confab_size(value); i++)
            bytes += bytes_of(confab_at(value, i));
        break;
    case CONFAB_OBJECT:
        for (size_t i = 0; i < confab_size(value); i++) {
            const struct confab_value *item;
            size_t key_bytes;
            confab_entry(value, i, &key_bytes, &item);
            bytes += key_bytes + bytes_of(item);
        }
        break;
    default:
        break;
    }
    return bytes + VALUE_BYTES;
}

static void on_answer(void *user, const struct confab_value *value)
{
    struct sio_asking *asking = user;
    struct confab_server *server = asking->server;
    size_t bytes = bytes_of(value);
    if (sio_asking_is_over(asking))
        return;
    if (bytes > ANSWERS_MAX_BYTES - server->answers_bytes) {
        sio_limit(server, SERVER_LIMIT_ANSWERS);
        sio_asking_finish(asking, CONFAB_ELIMIT);
        return;
    }
    asking->answers_bytes += bytes;
    server->answers_bytes += bytes;
    confab_push(asking->answers, value != NULL ? confab_value_hold(value) : confab_undefined());
}

static void on_done(void *user, int status)
{
    struct sio_asking *asking = user;
    asking->question.id = 0;
    sio_asking_finish(asking, status);
}

const struct broker_question_events *sio_asking_events(void)
{
    static const struct broker_question_events events = {.answer = on_answer, .done = on_done};
    return &events;
}

/* ---- the end ---- */

void sio_askings_run_over(struct confab_server *server)
{
    struct list now;
    struct list *node;
    list_init(&now);
    list_splice_tail(&now, &server->asked);
    while ((node = list_pop(&now)) != NULL) {
        struct sio_asking *asking = container_of(node, struct sio_asking, link);
        asking->handler(server, asking->status, asking->answers, asking->user);
        asking_free(asking);
    }
}

void sio_askings_stop(struct confab_server *server)
{
    while (!list_empty(&server->askings))
        sio_asking_finish(LIST_FIRST(&server->askings, struct sio_asking, link), CONFAB_ECLOSED);
}
