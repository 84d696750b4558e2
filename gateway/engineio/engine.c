/* The table of sessions, the deadlines of all of them, and the place where ended ones go. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "gateway/engineio/internal.h"

/* The keys are drawn by us, at random: nobody can aim for one bucket, so the seed is no secret. */
static const uint8_t table_seed[HTABLE_SEED_BYTES];

static struct frame *control_frame(const char *text)
{
    return frame_text(NULL, text, strlen(text));
}

struct eio_engine *eio_engine_new(const struct eio_config *config, const struct eio_events *events,
                                  void *user)
{
    struct eio_engine *engine = xcalloc(1, sizeof(*engine));

    engine->config = *config;
    engine->events = events;
    engine->user = user;
    htable_init(&engine->sessions, table_seed);
    timerfifo_init(&engine->pings);
    timerfifo_init(&engine->pongs);
    timerfifo_init(&engine->silences);
    timerfifo_init(&engine->upgrades);
    timerfifo_init(&engine->close_waits);
    timerq_init(&engine->flows);
    timerfifo_init(&engine->slow);
    list_init(&engine->slow_new);
    list_init(&engine->ended);
    engine->ping = control_frame("2");
    engine->pong = control_frame("3");
    engine->probe_pong = control_frame("3probe");
    return engine;
}

void eio_engine_free(struct eio_engine **engine_at)
{
    struct eio_engine *engine = *engine_at;
    struct timerfifo_entry *waits;

    if (engine == NULL)
        return;
    assert(engine->open_count == 0 && engine->untold_count == 0);
    while ((waits = timerfifo_pop_due(&engine->close_waits, INT64_MAX)) != NULL)
        eio_session_finish(container_of(waits, struct eio_session, expiry), EIO_GET_CLOSE);
    eio_engine_reap(engine);
    assert(htable_count(&engine->sessions) == 0);
    htable_fini(&engine->sessions);
    timerfifo_fini(&engine->pings);
    timerfifo_fini(&engine->pongs);
    timerfifo_fini(&engine->silences);
    timerfifo_fini(&engine->upgrades);
    timerfifo_fini(&engine->close_waits);
    timerq_fini(&engine->flows);
    timerfifo_fini(&engine->slow);
    frame_release(engine->ping);
    frame_release(engine->pong);
    frame_release(engine->probe_pong);
    free(engine);
    *engine_at = NULL;
}

void eio_engine_set_tag(struct eio_engine *engine, const char *node_tag)
{
    size_t length = strlen(node_tag);

    assert(length < sizeof(engine->config.node_tag));
    memcpy(engine->config.node_tag, node_tag, length + 1);
}

void eio_count_in(struct eio_engine *engine, const struct eio_packet *packet)
{
    bool bytes = packet->kind == FRAME_BINARY;

    engine->counters.packets_in[bytes ? EIO_COUNT_BINARY : packet->type]++;
}

void eio_count_out(struct eio_engine *engine, const struct frame *frame)
{
    size_t length_bytes;
    const char *payload = frame_payload(frame, &length_bytes);
    /* Every text of the engine's own making begins with its type's digit; `b` is forced base64. */
    bool typed = frame_kind(frame) == FRAME_TEXT && length_bytes > 0 && payload[0] >= '0' &&
                 payload[0] <= '6';

    engine->counters.packets_out[typed ? payload[0] - '0' : EIO_COUNT_BINARY]++;
}

const struct eio_counters *eio_engine_counters(const struct eio_engine *engine)
{
    return &engine->counters;
}

size_t eio_engine_session_count(const struct eio_engine *engine)
{
    return engine->open_count;
}

bool eio_engine_is_leaving(const struct eio_engine *engine)
{
    return timerfifo_next(&engine->close_waits) != TIMERQ_NEVER;
}

int64_t eio_engine_deadline(const struct eio_engine *engine)
{
    const struct timerfifo *queues[] = {&engine->pings,    &engine->pongs,       &engine->silences,
                                        &engine->upgrades, &engine->close_waits, &engine->slow};
    int64_t soonest_ms = timerq_next(&engine->flows);
    size_t i;

    if (engine->untold_count > 0 || !list_empty(&engine->slow_new))
        return 0;
    for (i = 0; i < sizeof(queues) / sizeof(queues[0]); i++) {
        int64_t at_ms = timerfifo_next(queues[i]);

        if (at_ms < soonest_ms)
            soonest_ms = at_ms;
    }
    return soonest_ms;
}

/* An on_close may end further sessions, which are told by whoever ends them; so one walk is enough,
 * and what it adds stands behind. */
static void tell_ended(struct eio_engine *engine)
{
    struct list *at;

    if (engine->untold_count == 0)
        return;
    for (at = engine->ended.next; at != &engine->ended; at = at->next)
        eio_session_tell_close(container_of(at, struct eio_session, ended));
}

void eio_engine_advance(struct eio_engine *engine, int64_t now_ms)
{
    struct timerfifo_entry *due;

    while ((due = timerfifo_pop_due(&engine->upgrades, now_ms)) != NULL)
        eio_ws_drop_probe(container_of(due, struct eio_session, expiry));
    while ((due = timerfifo_pop_due(&engine->close_waits, now_ms)) != NULL)
        eio_session_finish(container_of(due, struct eio_session, expiry), EIO_GET_CLOSE);
    eio_heartbeat_advance(engine, now_ms);
    eio_flow_advance(engine, now_ms); /* behind whatever may have sent something */
    tell_ended(engine);
}

void eio_engine_reap(struct eio_engine *engine)
{
    struct list *at;

    tell_ended(engine);
    while ((at = list_pop(&engine->ended)) != NULL)
        eio_session_free(container_of(at, struct eio_session, ended));
}

void eio_engine_refuse_new(struct eio_engine *engine)
{
    engine->refuses_new = true;
}

/* The table must not change under a walk, and a visitor may well change it: so the sessions are
 * noted first. None is freed meanwhile. */
void eio_engine_each(struct eio_engine *engine,
                     void (*visit)(void *user, struct eio_session *session), void *user)
{
    struct eio_session **noted;
    struct htable_entry *entry;
    struct htable_iter it;
    size_t i, count = 0;

    noted = xreallocarray(NULL, htable_count(&engine->sessions), sizeof(struct eio_session *));
    htable_iter_init(&it, &engine->sessions);
    while ((entry = htable_iter_next(&it)) != NULL)
        noted[count++] = container_of(entry, struct eio_session, by_sid);
    for (i = 0; i < count; i++) {
        if (noted[i]->state == EIO_OPEN)
            visit(user, noted[i]);
    }
    free(noted);
}
