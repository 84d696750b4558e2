/* The gateway of harness.h: its parts, its clock, its turns. */
#include "tests/unit/socketio/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/live.h"
#include "common/mem.h"
#include "tests/unit/test.h"

#define TOLD_LIMIT_BYTES (16u << 20)

/* ---- the gateway ---- */

static int64_t clock_now(void *user)
{
    return ((struct harness *)user)->now_ms;
}

static int64_t clock_wall(void *user)
{
    return ((struct harness *)user)->wall_ms;
}

static struct broker *memory_broker(const struct broker_events *events, void *user)
{
    static const uint8_t seed[16] = {1};
    return broker_memory_new("abc", seed, events, user);
}

void harness_init(struct harness *h, const struct harness_config *config)
{
    static const struct harness_config usual = {.make_broker = NULL};
    if (config == NULL)
        config = &usual;
    memset(h, 0, sizeof(*h));
    h->now_ms = 1000;
    h->wall_ms = INT64_C(1900000000000);
    h->query = "";
    list_init(&h->peers);
    buf_init(&h->told, TOLD_LIMIT_BYTES);
    rng_init_seeded(&h->rng, config->seed != 0 ? config->seed : 1);
    struct server_clock clock = {clock_now, clock_wall, h};
    struct eio_config engine = {.node_tag = "abc",
                                .ping_interval_ms = 25000,
                                .ping_timeout_ms = 20000,
                                .upgrade_timeout_ms = 10000,
                                .close_wait_ms = 30000,
                                .max_payload_bytes = 1000000,
                                .max_queued_bytes = 1 << 20,
                                .polling = true,
                                .websocket = true,
                                .upgrades = true,
                                .revision_3 = true};
    if (config->max_queued_bytes != 0)
        engine.max_queued_bytes = config->max_queued_bytes;
    if (config->tune != NULL)
        config->tune(&engine, config->tune_user);
    h->server = server_new(&config->server, &clock, &h->rng);
    h->broker = (config->make_broker != NULL ? config->make_broker
                                             : memory_broker)(server_broker_events(), h->server);
    h->engine = eio_engine_new(&engine, server_engine_events(), h->server);
    server_attach(h->server, h->engine, h->broker);
}

void harness_fini(struct harness *h)
{
    LIST_FOREACH(it, &h->peers)
    peer_lose(container_of(it, struct peer, link));
    harness_turn(h);
    server_stop(h->server);
    broker_free(&h->broker);
    eio_engine_reap(h->engine);
    eio_engine_free(&h->engine);
    if (h->before_free != NULL)
        h->before_free(h->user);
    assert_int_equal(server_client_count(h->server), 0);
    assert_int_equal(server_counters(h->server)->sockets_now, 0);
    assert_int_equal(server_counters(h->server)->tokens_now, 0);
    server_free(&h->server);
    peers_free(h);
    buf_fini(&h->told);
    rng_fini(&h->rng);
    live_report(stderr);
    assert_int_equal(live_total(), 0);
}

int harness_setup(void **state)
{
    struct harness *h = xcalloc(1, sizeof(*h));
    harness_init(h, NULL);
    *state = h;
    return 0;
}

int harness_teardown(void **state)
{
    harness_fini(*state);
    free(*state);
    return 0;
}

void harness_note(struct harness *h, const char *format, ...)
{
    va_list args;
    if (h->told.len > 0)
        buf_puts(&h->told, " ");
    va_start(args, format);
    buf_vprintf(&h->told, format, args);
    va_end(args);
}

void harness_told(struct harness *h, const char *expected)
{
    assert_string_equal(buf_text(&h->told), expected);
    buf_reset(&h->told);
}

/* Until everything has come to rest. */
void harness_turn(struct harness *h)
{
    do {
        eio_engine_advance(h->engine, h->now_ms);
        server_advance(h->server);
        eio_engine_reap(h->engine);
    } while (peers_give_and_take(h) || server_deadline(h->server) <= h->now_ms);
    eio_engine_reap(h->engine);
}

void harness_pass(struct harness *h, int64_t ms)
{
    int64_t until_ms = h->now_ms + ms;
    while (h->now_ms < until_ms) {
        int64_t next_ms = until_ms;
        int64_t server_ms = server_deadline(h->server);
        int64_t engine_ms = eio_engine_deadline(h->engine);
        if (server_ms < next_ms)
            next_ms = server_ms;
        if (engine_ms < next_ms)
            next_ms = engine_ms;
        if (next_ms <= h->now_ms)
            next_ms = h->now_ms + 1;
        h->wall_ms += next_ms - h->now_ms;
        h->now_ms = next_ms;
        harness_turn(h);
    }
}
