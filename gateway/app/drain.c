/*
 * The end of a gateway: readiness off but still accepting, so that balancers notice; then no
 * handshakes, and the sessions are closed one after the other, so that their clients do not all
 * come back elsewhere in the same instant; then the cluster is told.
 */
#include "common/clock.h"
#include "gateway/app/gateway.h"
#include "gateway/net/net.h"
#include "gateway/socketio/wiring.h"

/* What is kept of the whole time for saying goodbye to the cluster and for the last writes. */
#define LAST_WORDS_MS 2000

static void enter(struct gateway *gateway, enum drain_state state, int64_t now_ms)
{
    static const char *const names[] = {"no", "announced", "closing", "leaving", "done"};
    gateway->drain = state;
    gateway->drain_at_ms = now_ms;
    log_info(&gateway->log, "drain", LOG_S("state", names[state]),
             LOG_U("sessions", server_client_count(gateway->server)));
}

static void left_cluster(void *user)
{
    struct gateway *gateway = user;
    if (gateway->drain == DRAIN_LEAVING)
        enter(gateway, DRAIN_DONE, clock_mono_ms());
    gateway->done = true;
}

/* Connections are still accepted: a session that polls may bring each of its requests on a new one.
 */
static void close_sessions(struct gateway *gateway, int64_t now_ms, int64_t spread_ms)
{
    enter(gateway, DRAIN_CLOSING, now_ms);
    eio_engine_refuse_new(gateway->engine);
    server_drain(gateway->server, spread_ms > 0 ? spread_ms : 0);
}

void gateway_drain(struct gateway *gateway, bool at_once)
{
    int64_t now_ms = clock_mono_ms();
    if (gateway->drain != DRAIN_NOT) {
        log_warn(&gateway->log, "drain_cut_short",
                 LOG_U("sessions", server_client_count(gateway->server)));
        gateway->done = true;
        return;
    }
    gateway->drain_end_ms = now_ms + gateway->options.drain_timeout_ms;
    if (at_once)
        close_sessions(gateway, now_ms, 0);
    else
        enter(gateway, DRAIN_ANNOUNCED, now_ms);
    gateway_drain_advance(gateway, now_ms);
}

void gateway_drain_advance(struct gateway *gateway, int64_t now_ms)
{
    if (gateway->drain == DRAIN_ANNOUNCED &&
        now_ms >= gateway->drain_at_ms + gateway->options.drain_delay_ms)
        close_sessions(gateway, now_ms, (gateway->drain_end_ms - now_ms - LAST_WORDS_MS) / 2);
    if (gateway->drain == DRAIN_CLOSING && server_client_count(gateway->server) == 0) {
        enter(gateway, DRAIN_LEAVING, now_ms);
        net_stop_accepting(gateway->net);
        net_drain(gateway->net);
        broker_leave_cluster(gateway->broker, left_cluster, gateway);
    }
    if (gateway->drain != DRAIN_NOT && now_ms >= gateway->drain_end_ms && !gateway->done) {
        log_warn(&gateway->log, "drain_timed_out",
                 LOG_U("sessions", server_client_count(gateway->server)));
        gateway->done = true;
    }
}

int64_t gateway_drain_deadline(const struct gateway *gateway)
{
    if (gateway->drain == DRAIN_NOT || gateway->done)
        return INT64_MAX;
    int64_t next_ms = gateway->drain_at_ms + gateway->options.drain_delay_ms;
    return gateway->drain == DRAIN_ANNOUNCED && next_ms < gateway->drain_end_ms
               ? next_ms
               : gateway->drain_end_ms;
}
