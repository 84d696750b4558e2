/*
 * How fast a session is read and how long it may be slow: pauses and their reasons, the rates, the
 * rest of a body, the soft limit of the queue.
 *
 * A session above one of its rates is held back: it is paused until a tenth of a second's worth has
 * flowed in again. What had been read already when that happens is charged all the same, so the
 * debt is bounded by one read of a WebSocket; a POST body is worked through up to there, and the
 * rest of it when the session goes on.
 *
 * All of this is seldom needed, so it lies in a struct of its own that sessions have for a while.
 */
#include <assert.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/rate.h"
#include "gateway/engineio/internal.h"

/* Seconds' worth that may come at once, and the time's worth that must have flowed in before
 * reading goes on. */
#define BURST_SECONDS 2
#define STEP_MS 100

struct eio_flow {
    struct eio_session *session; /* borrowed: its owner */

    struct rate packets, bytes;

    struct timerq_entry due; /* in engine->flows: the session goes on */
    struct buf rest;         /* of a POST body; empty: none */
    size_t rest_at;

    struct list slow_new;        /* in engine->slow_new: the clock of the soft limit is to start */
    struct timerfifo_entry slow; /* in engine->slow: it runs */
};

static struct eio_flow *flow_of(struct eio_session *session)
{
    struct eio_flow *flow = session->flow;

    if (flow == NULL) {
        session->flow = flow = xcalloc(1, sizeof(*flow));
        flow->session = session;
        timerq_entry_init(&flow->due);
        buf_init(&flow->rest, SIZE_MAX / 2); /* part of a body that was bounded already */
        list_init(&flow->slow_new);
        timerfifo_entry_init(&flow->slow);
    }
    return flow;
}

static void drop_flow(struct eio_session *session)
{
    struct eio_flow *flow = session->flow;

    if (flow == NULL)
        return;
    eio_flow_is_quick(session);
    timerq_disarm(&session->engine->flows, &flow->due);
    buf_fini(&flow->rest);
    free(flow);
    session->flow = NULL;
}

/* ---- pauses ---- */

static void apply_pause(struct eio_session *session)
{
    if (session->ws != NULL && session->ws->paused != session->paused) {
        session->ws->paused = session->paused;
        eio_carrier_wake(&session->ws->carrier);
    }
    if (!session->paused && session->post != NULL && session->post->state == EIO_POST_PAUSED)
        eio_session_drop_post(session, EIO_POST_OK);
}

static void set_pauses(struct eio_session *session, unsigned pauses, int64_t now_ms)
{
    session->pauses = (uint8_t)pauses;
    if (session->paused == (pauses != 0))
        return;
    session->paused = pauses != 0;
    apply_pause(session);
    eio_heartbeat_restart(session, now_ms);
}

void eio_flow_end(struct eio_session *session)
{
    session->pauses = 0;
    session->paused = false;
    apply_pause(session);
    drop_flow(session);
}

void eio_session_pause(struct eio_session *session, bool paused, int64_t now_ms)
{
    assert(session->magic == EIO_SESSION_MAGIC);
    if (session->state != EIO_OPEN)
        return;
    if (paused) {
        set_pauses(session, session->pauses | EIO_PAUSE_UPPER, now_ms);
        return;
    }
    set_pauses(session, session->pauses & ~EIO_PAUSE_UPPER, now_ms);
    /* No event comes from inside this call: the rest is given in the next advance. */
    if (session->pauses == EIO_PAUSE_REST)
        timerq_arm(&session->engine->flows, &session->flow->due, now_ms);
}

/* ---- rates ---- */

static struct rate_rule rule_of(int64_t per_second)
{
    return (struct rate_rule){.amount = (uint64_t)per_second,
                              .span_ms = 1000,
                              .burst = BURST_SECONDS * (uint64_t)per_second};
}

/* True: more than may come at once. */
static bool charge(struct rate *rate, int64_t per_second, size_t units, int64_t now_ms)
{
    struct rate_rule rule = rule_of(per_second);

    rate_charge(rate, &rule, units, now_ms);
    return rate_wait_ms(rate, &rule, 0, now_ms) > 0;
}

/* How long until a step's worth is there; 0: it is. */
static int64_t wait_ms(const struct rate *rate, int64_t per_second, int64_t now_ms)
{
    struct rate_rule rule = rule_of(per_second);

    return rate_wait_ms(rate, &rule, 0, now_ms - STEP_MS);
}

static int64_t held_for_ms(const struct eio_flow *flow, const struct eio_config *config,
                           int64_t now_ms)
{
    int64_t packets_ms = wait_ms(&flow->packets, config->max_packets_per_second, now_ms);
    int64_t bytes_ms = wait_ms(&flow->bytes, config->max_per_second_bytes, now_ms);

    return packets_ms > bytes_ms ? packets_ms : bytes_ms;
}

void eio_flow_charge(struct eio_session *session, size_t bytes, int64_t now_ms)
{
    struct eio_engine *engine = session->engine;
    const struct eio_config *config = &engine->config;
    struct eio_flow *flow;
    bool too_many, too_large;

    /* One that closes is not read any more but for the words of a probe, which are bounded; its
     * flow has ended, and would end no second time. */
    if (session->state != EIO_OPEN ||
        (config->max_packets_per_second == 0 && config->max_per_second_bytes == 0))
        return;
    flow = flow_of(session);
    too_many = charge(&flow->packets, config->max_packets_per_second, 1, now_ms);
    too_large = charge(&flow->bytes, config->max_per_second_bytes, bytes, now_ms);
    if (!too_many && !too_large)
        return;
    if ((session->pauses & EIO_PAUSE_RATE) == 0)
        engine->counters.limits[too_many ? EIO_LIMIT_PACKET_RATE : EIO_LIMIT_BYTE_RATE]++;
    set_pauses(session, session->pauses | EIO_PAUSE_RATE, now_ms);
    timerq_arm(&engine->flows, &flow->due, now_ms + held_for_ms(flow, config, now_ms));
}

void eio_flow_trim(struct eio_session *session, int64_t now_ms)
{
    struct eio_flow *flow = session->flow;

    if (flow == NULL || (session->pauses & (EIO_PAUSE_RATE | EIO_PAUSE_REST)) != 0 ||
        list_linked(&flow->slow_new) || timerfifo_armed(&flow->slow))
        return;
    if (rate_is_full(&flow->packets, now_ms) && rate_is_full(&flow->bytes, now_ms))
        drop_flow(session);
}

/* ---- the rest of a body ---- */

void eio_flow_keep(struct eio_session *session, struct buf *body, size_t at, int64_t now_ms)
{
    struct eio_flow *flow = flow_of(session);

    flow->rest = *body;
    flow->rest_at = at;
    buf_init(body, 0);
    set_pauses(session, session->pauses | EIO_PAUSE_REST, now_ms);
    /* Whoever paused it may have changed his mind inside the last packet. */
    if (session->pauses == EIO_PAUSE_REST)
        timerq_arm(&session->engine->flows, &flow->due, now_ms);
}

bool eio_flow_take(struct eio_session *session, struct buf *body, size_t *at)
{
    struct eio_flow *flow = session->flow;

    if ((session->pauses & EIO_PAUSE_REST) == 0)
        return false;
    *body = flow->rest;
    *at = flow->rest_at;
    buf_init(&flow->rest, SIZE_MAX / 2);
    return true;
}

void eio_flow_rest_is_done(struct eio_session *session, int64_t now_ms)
{
    set_pauses(session, session->pauses & ~EIO_PAUSE_REST, now_ms);
}

static void go_on(struct eio_session *session, int64_t now_ms)
{
    struct eio_engine *engine = session->engine;
    int64_t held_ms;

    held_ms = held_for_ms(session->flow, &engine->config, now_ms);
    if ((session->pauses & EIO_PAUSE_RATE) != 0 && held_ms > 0) {
        timerq_arm(&engine->flows, &session->flow->due, now_ms + held_ms);
        return;
    }
    set_pauses(session, session->pauses & ~EIO_PAUSE_RATE, now_ms);
    if (session->pauses == EIO_PAUSE_REST)
        eio_post_continue(session, false, now_ms);
}

/* ---- the soft limit of the queue ---- */

void eio_flow_is_slow(struct eio_session *session)
{
    struct eio_flow *flow = flow_of(session);

    /* Sending knows no time: the clock starts with the next advance, which is asked for at once. */
    if (!list_linked(&flow->slow_new) && !timerfifo_armed(&flow->slow))
        list_add_tail(&session->engine->slow_new, &flow->slow_new);
}

void eio_flow_is_quick(struct eio_session *session)
{
    struct eio_flow *flow = session->flow;

    list_del(&flow->slow_new);
    timerfifo_disarm(&session->engine->slow, &flow->slow);
}

/* ---- time ---- */

void eio_flow_advance(struct eio_engine *engine, int64_t now_ms)
{
    struct timerfifo_entry *slow;
    struct timerq_entry *due;
    struct list *fresh;

    while ((due = timerq_pop_due(&engine->flows, now_ms)) != NULL)
        go_on(container_of(due, struct eio_flow, due)->session, now_ms);
    while ((fresh = list_pop(&engine->slow_new)) != NULL)
        timerfifo_arm(&engine->slow, &container_of(fresh, struct eio_flow, slow_new)->slow,
                      now_ms + engine->config.soft_queued_ms);
    while ((slow = timerfifo_pop_due(&engine->slow, now_ms)) != NULL) {
        engine->counters.limits[EIO_LIMIT_QUEUED_SOFT]++;
        eio_session_end_untold(container_of(slow, struct eio_flow, slow)->session,
                               EIO_CLOSE_TOO_SLOW);
    }
}
