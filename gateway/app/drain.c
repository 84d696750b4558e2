/*
 * The end of a gateway: readiness off but still accepting, so that balancers notice; then no
 * handshakes, and the sessions are closed one after the other, so that their clients do not all
 * come back elsewhere in the same instant; then the cluster is told, while the last bytes leave.
 */
#include "common/clock.h"
#include "gateway/app/gateway.h"
#include "gateway/net/net.h"
#include "gateway/socketio/wiring.h"

/* For clients to take what was queued for them; kept of the whole time. */
#define LAST_WORDS_MS 2000
#define LAST_WORDS_HURRIED_MS 500

static void enter(struct gateway *gateway, enum drain_state state, int64_t now_ms)
{
    static const char *const names[] = {"no", "announced", "closing", "leaving", "done"};
    gateway->drain = state;
    gateway->drain_at_ms = now_ms;
    log_info(&gateway->log, "drain", LOG_S("state", names[state]),
             LOG_U("sessions", server_client_count(gateway->server)));
}

static void on_left_cluster(void *user)
{
    struct gateway *gateway = user;
    gateway->left_cluster = true; /* the turn that this belongs to goes on from here */
    gateway_owe_turn(gateway);
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
    gateway_owe_turn(gateway);
    if (gateway->drain != DRAIN_NOT) {
        log_warn(&gateway->log, "drain_cut_short",
                 LOG_U("sessions", server_client_count(gateway->server)));
        gateway->done = true;
        return;
    }
    gateway->drain_end_ms = now_ms + gateway->options.drain_timeout_ms;
    gateway->hurried = at_once;
    if (at_once)
        close_sessions(gateway, now_ms, 0);
    else
        enter(gateway, DRAIN_ANNOUNCED, now_ms);
    gateway_drain_advance(gateway, now_ms);
}

/* Connections are accepted until nobody needs one to fetch the rest. */
static void advance_leaving(struct gateway *gateway, int64_t now_ms)
{
    bool late = now_ms >= gateway->words_end_ms;
    if (!gateway->net_drained && (late || !eio_engine_is_leaving(gateway->engine))) {
        gateway->net_drained = true;
        net_stop_accepting(gateway->net);
        net_drain(gateway->net);
    }
    /* Then only the cluster is waited for, without a deadline of its own. */
    if (late)
        gateway->words_end_ms = INT64_MIN;
    if (gateway->net_drained && gateway->left_cluster &&
        (late || net_counters(gateway->net)->connections_now == 0)) {
        enter(gateway, DRAIN_DONE, now_ms);
        gateway->done = true;
    }
}

void gateway_drain_advance(struct gateway *gateway, int64_t now_ms)
{
    if (gateway->drain == DRAIN_ANNOUNCED &&
        now_ms >= gateway->drain_at_ms + gateway->options.drain_delay_ms)
        close_sessions(gateway, now_ms, (gateway->drain_end_ms - now_ms - LAST_WORDS_MS) / 2);
    if (gateway->drain == DRAIN_CLOSING && server_client_count(gateway->server) == 0) {
        enter(gateway, DRAIN_LEAVING, now_ms);
        gateway->words_end_ms = now_ms + (gateway->hurried ? LAST_WORDS_HURRIED_MS : LAST_WORDS_MS);
        broker_leave_cluster(gateway->broker, on_left_cluster, gateway);
    }
    if (gateway->drain == DRAIN_LEAVING)
        advance_leaving(gateway, now_ms);
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
    int64_t next_ms = gateway->drain_end_ms;
    if (gateway->drain == DRAIN_ANNOUNCED)
        next_ms = gateway->drain_at_ms + gateway->options.drain_delay_ms;
    else if (gateway->drain == DRAIN_LEAVING && gateway->words_end_ms != INT64_MIN)
        next_ms = gateway->words_end_ms;
    return next_ms < gateway->drain_end_ms ? next_ms : gateway->drain_end_ms;
}
