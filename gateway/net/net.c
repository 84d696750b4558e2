/* The network as a whole: its life, the end of a turn, and the one timer. */
#include "gateway/net/net.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "common/mem.h"
#include "gateway/net/internal.h"
#include <confab/err.h>

/* Answers above it are sent as they are: the loop would stand still for too long. */
#define COMPRESS_MAX_BYTES (4 * 1024 * 1024)
#define TEXT_LIMIT_BYTES (64 * 1024) /* an answer's head: status, our lines, a few echoed ones */
#define DESCRIPTOR_RESERVE 64        /* of the process, for everything that is no client */
#define LINES_PER_SECOND 10          /* of each log event that strangers can cause */

static int64_t or_default(int64_t value, int64_t fallback)
{
    return value > 0 ? value : fallback;
}

static unsigned connection_limit(unsigned configured)
{
    struct rlimit limit;
    rlim_t possible = 1024;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        possible = limit.rlim_cur;
    if (possible > UINT32_MAX)
        possible = UINT32_MAX;
    possible = possible > 2 * DESCRIPTOR_RESERVE ? possible - DESCRIPTOR_RESERVE : possible / 2;
    return configured > 0 && configured < possible ? configured : (unsigned)possible;
}

static struct rate_rule rule_of(unsigned per_second)
{
    return (struct rate_rule){.amount = per_second, .span_ms = 1000, .burst = 2 * per_second};
}

static int configure(struct net *net, const struct net_config *config)
{
    char line[64];
    uint8_t seed[HTABLE_SEED_BYTES];

    if (config->path == NULL || config->path[0] != '/')
        return CONFAB_EINVAL;
    net->path = xstrdup(config->path);
    if (config->other_path != NULL)
        net->other_path = xstrdup(config->other_path);
    net->files = config->files;
    net->max_payload_bytes = (size_t)or_default((int64_t)config->max_payload_bytes, 1000000);
    if (net->max_payload_bytes > UINT32_MAX / 2)
        return CONFAB_EINVAL;
    net->max_header_bytes =
        (size_t)or_default((int64_t)config->max_header_bytes, HTTP_HEAD_DEFAULT_BYTES);
    if (net->max_header_bytes > HTTP_HEAD_MAX_BYTES)
        return CONFAB_EINVAL;
    net->compress_from_bytes = config->compression.from_bytes;
    net->ws_compress_from_bytes = config->compression.ws_from_bytes;
    buf_init(&net->inflated, net->max_payload_bytes);
    net->max_connections = connection_limit(config->max_connections);
    net->max_sessions = config->max_sessions;
    rng_bytes(&net->rng, seed, sizeof(seed));
    net->guests = guests_new(&config->guests, seed);
    net->request_rule = rule_of(config->max_requests_per_second);
    net->frame_rule = rule_of(config->max_control_frames_per_second);
    net->timeouts_ms[NET_TIMEOUT_HEAD] = or_default(config->head_timeout_ms, 10000);
    net->timeouts_ms[NET_TIMEOUT_BODY] = or_default(config->body_timeout_ms, 30000);
    /* One second more than announced: the client's clock runs from when it got the answer. */
    net->timeouts_ms[NET_TIMEOUT_IDLE] = or_default(config->idle_timeout_ms, 5000) + 1000;
    net->timeouts_ms[NET_TIMEOUT_WRITE] = or_default(config->write_timeout_ms, 30000);
    net->timeouts_ms[NET_TIMEOUT_MESSAGE] = or_default(config->message_timeout_ms, 60000);
    net->timeouts_ms[NET_TIMEOUT_CLOSE] = or_default(config->close_timeout_ms, 5000);
    snprintf(line, sizeof(line), "Connection: keep-alive\r\nKeep-Alive: timeout=%lld\r\n",
             (long long)(or_default(config->idle_timeout_ms, 5000) / 1000));
    net->keep_alive_line = xstrdup(line);
    if (!origin_rules_init(&net->origins, config->cors.origins.items, config->cors.origins.count) ||
        !cors_init(&net->cors, &config->cors, &net->origins) ||
        !cookie_init(&net->cookie, &config->cookie) ||
        !address_list_init(&net->proxies, config->trusted_proxies, config->trusted_proxy_count))
        return CONFAB_EINVAL;
    net_set_tag(net, config->node_tag);
    return CONFAB_OK;
}

struct ws_deflate *net_deflate(struct net *net)
{
    if (net->deflate == NULL)
        net->deflate = ws_deflate_new();
    return net->deflate;
}

static void on_timer(evutil_socket_t fd, short events, void *user)
{
    struct net *net = user;

    (void)fd;
    (void)events;
    net->timer_at_ms = TIMERQ_NEVER; /* the turn that this wakes does the work */
    net_now_ms(net);
}

static void init_parts(struct net *net)
{
    list_init(&net->listeners);
    list_init(&net->connections);
    list_init(&net->dirty);
    list_init(&net->patient);
    list_init(&net->dead);
    list_init(&net->queue);
    timerq_init(&net->rests);
    for (int i = 0; i < NET_TIMEOUT_COUNT; i++)
        timerfifo_init(&net->timeouts[i]);
    rng_init(&net->rng);
    log_limit_init(&net->log_bad_request, LINES_PER_SECOND);
    log_limit_init(&net->log_bad_frame, LINES_PER_SECOND);
    log_limit_init(&net->log_origin, LINES_PER_SECOND);
    log_limit_init(&net->log_accept, LINES_PER_SECOND);
    log_limit_init(&net->log_limit, LINES_PER_SECOND);
    net->in = xmalloc(NET_READ_BYTES);
    net->out = xmalloc(NET_WRITE_BYTES);
    buf_init(&net->text, TEXT_LIMIT_BYTES);
    buf_init(&net->lines, TEXT_LIMIT_BYTES);
    buf_init(&net->payload, SIZE_MAX / 2); /* bounded by the engine's queues */
    buf_init(&net->packed, COMPRESS_MAX_BYTES);
    net->accept_again_at_ms = TIMERQ_NEVER;
    net->timer_at_ms = TIMERQ_NEVER;
    net->date_second = -1;
    event_assign(&net->timer, net->base, -1, 0, on_timer, net);
}

int net_new(struct net **out, const struct net_config *config, struct event_base *base,
            struct eio_engine *engine, struct log *log, const struct net_events *events, void *user)
{
    struct net *net = xcalloc(1, sizeof(*net));
    int err;

    net->magic = NET_MAGIC;
    net->base = base;
    net->engine = engine;
    net->log = log;
    net->events = events;
    net->user = user;
    init_parts(net);
    err = configure(net, config);
    if (err == CONFAB_OK)
        err = lws_glue_init(net);
    if (err != CONFAB_OK)
        net_free(&net);
    *out = net;
    return err;
}

/* Frees the dead; more may die meanwhile. */
static void reap(struct net *net)
{
    struct list *it;

    while ((it = list_first(&net->dead)) != NULL)
        conn_free(container_of(it, struct conn, link));
    if (net->accept_paused)
        listen_resume(net);
}

static void close_all(struct net *net)
{
    struct list *it;

    while ((it = list_first(&net->connections)) != NULL)
        conn_close(container_of(it, struct conn, link), NET_CLOSE_SHUTDOWN);
    reap(net);
}

void net_free(struct net **pointer)
{
    struct net *net = *pointer;

    *pointer = NULL;
    if (net == NULL)
        return;
    assert(net->magic == NET_MAGIC);
    net_now_ms(net);
    listen_close_all(net);
    close_all(net);
    lws_glue_fini(net);
    event_del(&net->timer);
    cookie_fini(&net->cookie);
    cors_fini(&net->cors);
    timerq_fini(&net->rests);
    guests_free(&net->guests);
    origin_rules_fini(&net->origins);
    address_list_fini(&net->proxies);
    rng_fini(&net->rng);
    buf_fini(&net->text);
    buf_fini(&net->lines);
    buf_fini(&net->payload);
    buf_fini(&net->packed);
    buf_fini(&net->inflated);
    coder_free(&net->coder);
    ws_deflate_free(&net->deflate);
    free(net->in);
    free(net->out);
    free(net->path);
    free(net->other_path);
    free(net->node_line);
    free(net->keep_alive_line);
    net->magic = 0;
    free(net);
}

void net_set_tag(struct net *net, const char *node_tag)
{
    char line[64];

    free(net->node_line);
    net->node_line = NULL;
    if (node_tag == NULL || node_tag[0] == '\0')
        return;
    snprintf(line, sizeof(line), "X-Node: %.32s\r\n", node_tag);
    net->node_line = xstrdup(line);
}

void net_stop_accepting(struct net *net)
{
    listen_close_all(net);
    net->accept_paused = false;
    net->accept_again_at_ms = TIMERQ_NEVER;
}

void net_drain(struct net *net)
{
    net->draining = true;
    LIST_FOREACH_SAFE(it, &net->connections)
    {
        struct conn *conn = container_of(it, struct conn, link);

        if (conn->state == CONN_HTTP && conn->timeout == NET_TIMEOUT_IDLE)
            conn_close(conn, NET_CLOSE_IDLE);
    }
}

int64_t net_now_ms(struct net *net)
{
    if (!net->now_known) {
        net->now_ms = clock_mono_ms();
        net->now_known = true;
        if (net->events->on_turn != NULL)
            net->events->on_turn(net->user);
    }
    return net->now_ms;
}

const struct net_counters *net_counters(const struct net *net)
{
    return &net->counters;
}

static void run_deadlines(struct net *net)
{
    struct timerfifo_entry *entry;

    if (eio_engine_deadline(net->engine) <= net->now_ms)
        eio_engine_advance(net->engine, net->now_ms);
    for (int i = 0; i < NET_TIMEOUT_COUNT; i++) {
        while ((entry = timerfifo_pop_due(&net->timeouts[i], net->now_ms)) != NULL)
            conn_due(container_of(entry, struct conn, timer));
    }
    if (net->accept_paused)
        listen_resume(net);
}

/* Sends what this turn has made. Looking at one connection may mark others, also such that were
 * just looked at: each is taken once a round, and what comes up in the last round waits for the
 * next turn. So do, when there is much, those who flood. */
static void flush(struct net *net)
{
    for (int round = 0; round < 8 && !list_empty(&net->dirty); round++) {
        struct list batch;
        struct list *it;

        list_init(&batch);
        list_splice_tail(&batch, &net->dirty);
        while ((it = list_pop(&batch)) != NULL) {
            struct conn *conn = container_of(it, struct conn, dirty);

            if (fair_has_credit(conn))
                conn_look(conn);
            else
                list_add_tail(&net->patient, &conn->dirty);
        }
    }
    fair_flush(net);
}

static int64_t next_deadline(struct net *net)
{
    int64_t at_ms = eio_engine_deadline(net->engine);
    int64_t fair_ms = fair_deadline(net);

    if (fair_ms < at_ms)
        at_ms = fair_ms;
    for (int i = 0; i < NET_TIMEOUT_COUNT; i++) {
        int64_t next = timerfifo_next(&net->timeouts[i]);

        if (next < at_ms)
            at_ms = next;
    }
    if (net->accept_paused && net->accept_again_at_ms > net->now_ms &&
        net->accept_again_at_ms < at_ms)
        at_ms = net->accept_again_at_ms;
    return list_empty(&net->dirty) && list_empty(&net->patient) ? at_ms : net->now_ms;
}

static void set_timer(struct net *net)
{
    int64_t at_ms = next_deadline(net);
    int64_t wait_ms;
    struct timeval wait;

    if (at_ms == net->timer_at_ms)
        return;
    net->timer_at_ms = at_ms;
    if (at_ms == TIMERQ_NEVER) {
        event_del(&net->timer);
        return;
    }
    wait_ms = at_ms - clock_mono_ms();
    if (wait_ms < 0)
        wait_ms = 0;
    wait.tv_sec = (time_t)(wait_ms / 1000);
    wait.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000);
    event_add(&net->timer, &wait);
}

void net_turn(struct net *net)
{
    assert(net->magic == NET_MAGIC);
    net_now_ms(net);
    run_deadlines(net);
    fair_turn(net);
    flush(net);
    eio_engine_reap(net->engine);
    reap(net);
    set_timer(net);
    net->now_known = false;
}
