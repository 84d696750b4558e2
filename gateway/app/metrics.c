/*
 * Each room counts for itself; this brings their counters into the one table when somebody asks for
 * it.
 */
#include <event2/event.h>

#include "broker/redis.h"
#include "common/clock.h"
#include "gateway/app/gateway.h"
#include "gateway/chat/chat.h"
#include "gateway/net/net.h"
#include "gateway/socketio/wiring.h"

void gateway_init_metrics(struct gateway *gateway)
{
    struct metrics *m = &gateway->metrics;
    const char *reasons[EIO_CLOSE_REASON_COUNT], *codes[CHAT_CODE_COUNT];
    for (int i = 0; i < EIO_CLOSE_REASON_COUNT; i++)
        reasons[i] = eio_close_label((enum eio_close_reason)i);
    for (int i = 0; i < CHAT_CODE_COUNT; i++)
        codes[i] = chat_code_label((enum chat_code)i);
    metrics_set_labels(m, METRIC_SESSIONS_CLOSED, reasons, EIO_CLOSE_REASON_COUNT);
    metrics_set_labels(m, METRIC_CHAT_REFUSED, codes, CHAT_CODE_COUNT);
    const char *closes[NET_CLOSE_REASON_COUNT];
    for (int i = 0; i < NET_CLOSE_REASON_COUNT; i++)
        closes[i] = net_close_label((enum net_close_reason)i);
    metrics_set_labels(m, METRIC_TCP_CLOSED, closes, NET_CLOSE_REASON_COUNT);
    metrics_set(m, METRIC_START_TIME, clock_wall_ms() * 1000);
}

/* ---- how late the loop is ---- */

#define LAG_INTERVAL_US 500000

static void arm_lag(struct gateway *gateway)
{
    struct timeval wait = {0, LAG_INTERVAL_US};
    gateway->lag_at_us = clock_mono_us() + LAG_INTERVAL_US;
    event_add(gateway->lag, &wait);
}

static void on_lag(int fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct gateway *gateway = user;
    metrics_observe_us(&gateway->metrics, METRIC_LOOP_LAG, clock_mono_us() - gateway->lag_at_us);
    arm_lag(gateway);
}

void gateway_watch_lag(struct gateway *gateway)
{
    gateway->lag = event_new(gateway->base, -1, 0, on_lag, gateway);
    arm_lag(gateway);
}

/* ---- counters ---- */

static void collect_engine(struct gateway *gateway)
{
    struct metrics *m = &gateway->metrics;
    const struct eio_counters *c = eio_engine_counters(gateway->engine);
    for (uint32_t i = 0; i < 2; i++)
        metrics_set_label(m, METRIC_CONNECTIONS, i, (int64_t)c->sessions_now[i]);
    for (uint32_t i = 0; i < EIO_CLOSE_REASON_COUNT; i++)
        metrics_set_label(m, METRIC_SESSIONS_CLOSED, i, (int64_t)c->closed[i]);
    metrics_set(m, METRIC_SESSIONS_OPENED, (int64_t)c->opened);
    metrics_set(m, METRIC_UPGRADES, (int64_t)c->upgrades);
    for (uint32_t i = 0; i < EIO_COUNT_TYPES; i++) {
        metrics_set_label(m, METRIC_PACKETS_IN, i, (int64_t)c->packets_in[i]);
        metrics_set_label(m, METRIC_PACKETS_OUT, i, (int64_t)c->packets_out[i]);
    }
    metrics_set(m, METRIC_BYTES_IN, (int64_t)c->bytes_in);
    metrics_set(m, METRIC_BYTES_OUT, (int64_t)c->bytes_out);
    metrics_set(m, METRIC_QUEUED_BYTES, (int64_t)c->queued_bytes);
    for (int i = 0; i < EIO_LIMIT_COUNT; i++)
        metrics_set_label(m, METRIC_DROPS,
                          metrics_label(m, METRIC_DROPS, eio_limit_label((enum eio_limit)i)),
                          (int64_t)c->limits[i]);
}

static void collect_net(struct gateway *gateway)
{
    struct metrics *m = &gateway->metrics;
    const struct net_counters *c = net_counters(gateway->net);
    metrics_set(m, METRIC_TCP_CONNECTIONS, (int64_t)c->connections_now);
    metrics_set(m, METRIC_TCP_ACCEPTED, (int64_t)c->accepted);
    metrics_set(m, METRIC_ACCEPT_PAUSES, (int64_t)c->accept_pauses);
    metrics_set(m, METRIC_ORIGINS_REFUSED, (int64_t)c->origins_refused);
    metrics_set(m, METRIC_READS_DEFERRED, (int64_t)c->reads_deferred);
    for (int i = NET_LIMIT_NONE + 1; i < NET_LIMIT_COUNT; i++)
        metrics_set_label(m, METRIC_DROPS,
                          metrics_label(m, METRIC_DROPS, net_limit_label((enum net_limit)i)),
                          (int64_t)c->limits[i]);
    metrics_set_label(m, METRIC_DROPS, metrics_label(m, METRIC_DROPS, "requests_per_second"),
                      (int64_t)c->held_requests);
    metrics_set_label(m, METRIC_DROPS, metrics_label(m, METRIC_DROPS, "control_frames_per_second"),
                      (int64_t)c->held_frames);
    for (uint32_t i = 0; i < NET_CLOSE_REASON_COUNT; i++)
        metrics_set_label(m, METRIC_TCP_CLOSED, i, (int64_t)c->closed[i]);
    for (uint32_t i = 0; i < NET_WS_COMPRESSIONS; i++)
        metrics_set_label(m, METRIC_WS_COMPRESSION, i, (int64_t)c->ws_compression[i]);
    for (uint32_t i = 1; i < 6; i++)
        metrics_set_label(m, METRIC_HTTP_REQUESTS, i - 1, (int64_t)c->answers[i]);
    for (uint32_t i = 0; i < NET_REFUSAL_CODES; i++)
        metrics_set_label(m, METRIC_HANDSHAKES_REFUSED, i, (int64_t)c->refused[i]);
}

static void collect_server(struct gateway *gateway)
{
    struct metrics *m = &gateway->metrics;
    const struct server_counters *c = server_counters(gateway->server);
    metrics_set(m, METRIC_SOCKETS, (int64_t)c->sockets_now);
    metrics_set(m, METRIC_EVENTS_IN, (int64_t)c->events_in);
    metrics_set(m, METRIC_BAD_PACKETS, (int64_t)c->bad_packets);
    metrics_set(m, METRIC_DELIVERIES, (int64_t)c->deliveries);
    for (uint32_t i = 0; i < SERVER_RECOVERIES; i++)
        metrics_set_label(m, METRIC_RECOVERIES, i, (int64_t)c->recoveries[i]);
    metrics_set_label(m, METRIC_RECOVERY_EVICTED, 0, (int64_t)c->recovery_packets_evicted);
    metrics_set_label(m, METRIC_RECOVERY_EVICTED, 1, (int64_t)c->recovery_sessions_evicted);
    metrics_set(m, METRIC_RECOVERY_BYTES, (int64_t)c->recovery_bytes_now);
    metrics_set_label(m, METRIC_DROPS, metrics_label(m, METRIC_DROPS, "volatile"),
                      (int64_t)c->volatile_drops);
    for (int i = 0; i < SERVER_LIMIT_COUNT; i++)
        metrics_set_label(m, METRIC_DROPS,
                          metrics_label(m, METRIC_DROPS, server_limit_label((enum server_limit)i)),
                          (int64_t)c->limits[i]);
}

static void collect_chat(struct gateway *gateway)
{
    if (gateway->chat == NULL)
        return;
    struct metrics *m = &gateway->metrics;
    const struct chat_counters *c = chat_counters(gateway->chat);
    for (uint32_t i = 0; i < CHAT_LOGIN_RESULT_COUNT; i++)
        metrics_set_label(m, METRIC_LOGINS, i, (int64_t)c->logins[i]);
    for (uint32_t i = 0; i < CHAT_CODE_COUNT; i++)
        metrics_set_label(m, METRIC_CHAT_REFUSED, i, (int64_t)c->refused[i]);
    for (int i = 0; i < CHAT_LIMIT_COUNT; i++)
        metrics_set_label(m, METRIC_DROPS,
                          metrics_label(m, METRIC_DROPS, chat_limit_label((enum chat_limit)i)),
                          (int64_t)c->limits[i]);
    metrics_set(m, METRIC_CHAT_MESSAGES, (int64_t)c->messages);
    metrics_set(m, METRIC_NAMES_ONLINE, (int64_t)chat_online(gateway->chat));
}

static void collect_cluster(struct gateway *gateway)
{
    if (gateway->options.redis[0] == '\0')
        return;
    struct metrics *m = &gateway->metrics;
    const struct broker_counters *c = broker_counters(gateway->broker);
    struct broker_redis_stats stats;
    broker_redis_stats(gateway->broker, &stats);
    metrics_set_label(m, METRIC_REDIS_LINK_UP, 0, stats.command_up);
    metrics_set_label(m, METRIC_REDIS_LINK_UP, 1, stats.subscriber_up);
    metrics_set(m, METRIC_REDIS_CONNECTS, (int64_t)stats.connects);
    metrics_set(m, METRIC_REDIS_LOSSES, (int64_t)stats.losses);
    metrics_set(m, METRIC_REDIS_IN, (int64_t)c->received);
    metrics_set(m, METRIC_REDIS_OUT, (int64_t)c->published);
    metrics_set(m, METRIC_REDIS_MALFORMED, (int64_t)c->malformed);
    metrics_set(m, METRIC_REDIS_UNSENT, (int64_t)(stats.unsent + c->responses_too_big));
    metrics_set(m, METRIC_REDIS_LAG, (int64_t)c->publish_lag_us_sum);
    metrics_set(m, METRIC_REDIS_PROBES, (int64_t)c->publish_lag_count);
    metrics_set(m, METRIC_REDIS_SUBSCRIPTIONS, (int64_t)stats.subscriptions);
    metrics_set(m, METRIC_CLUSTER_NODES, stats.nodes);
}

void gateway_collect_metrics(struct gateway *gateway)
{
    collect_engine(gateway);
    collect_net(gateway);
    collect_server(gateway);
    collect_chat(gateway);
    collect_cluster(gateway);
    metrics_collect_process(&gateway->metrics);
}
