/* A server's life and its turns: what is due, what is left over, what is to be freed. */
#include <assert.h>
#include <stdlib.h>

#include "common/live.h"
#include "common/mem.h"
#include "common/rng.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include "gateway/socketio/tokens.h"
#include "gateway/socketio/wishes.h"
#include <confab/err.h>

#define SCRATCH_KEPT_BYTES ((size_t)1 << 20)

static struct server_config with_defaults(const struct server_config *given)
{
    struct server_config config = *given;
    if (config.connect_timeout_ms == 0)
        config.connect_timeout_ms = 45000;
    if (config.max_packet_bytes == 0)
        config.max_packet_bytes = (size_t)4 << 20;
    if (config.max_waiting_bytes == 0)
        config.max_waiting_bytes = (size_t)64 << 10;
    if (config.max_auth_bytes == 0)
        config.max_auth_bytes = (size_t)64 << 10;
    if (config.max_encoded_bytes == 0)
        config.max_encoded_bytes = (size_t)64 << 20;
    if (config.max_namespaces == 0)
        config.max_namespaces = 64;
    if (config.max_acks == 0)
        config.max_acks = 1000;
    if (config.max_attachments == 0)
        config.max_attachments = SIO_ATTACHMENTS_USUAL;
    if (config.max_rooms == 0)
        config.max_rooms = 1000;
    if (config.max_pending == 0)
        config.max_pending = 100000;
    if (config.recovery_bytes == 0)
        config.recovery_bytes = (size_t)16 << 20;
    if (config.max_replay_bytes == 0)
        config.max_replay_bytes = (size_t)512 << 10;
    return config;
}

static struct recovery_store *make_recovery(struct confab_server *server)
{
    const struct server_config *config = &server->config;
    struct recovery_memory_config memory = {.window_ms = config->recovery_ms,
                                            .notice_ms = config->recovery_notice_ms,
                                            .packets_bytes = config->recovery_bytes,
                                            .sessions_bytes = config->recovery_bytes,
                                            .most_replay_bytes = config->max_replay_bytes};
    if (config->recovery_store != NULL || config->recovery_ms <= 0)
        return config->recovery_store;
    return recovery_memory_new(&memory, server->rng);
}

struct confab_server *server_new(const struct server_config *config,
                                 const struct server_clock *clock, struct rng *rng)
{
    uint8_t seed[HTABLE_SEED_BYTES];
    struct confab_server *server = xcalloc(1, sizeof(*server));
    server->config = with_defaults(config);
    server->clock = *clock;
    server->rng = rng;
    server->told_ms = INT64_MIN;
    rng_bytes(rng, seed, sizeof(seed));
    htable_init(&server->namespaces_by_name, seed);
    list_init(&server->namespaces);
    list_init(&server->parents);
    list_init(&server->clients);
    slots_init(&server->sockets);
    slots_init(&server->tokens);
    timerq_init(&server->timers);
    timerfifo_init(&server->connects);
    list_init(&server->afters);
    list_init(&server->ready);
    list_init(&server->aside);
    list_init(&server->wishes);
    list_init(&server->late);
    list_init(&server->askings);
    list_init(&server->asked);
    list_init(&server->dead_sockets);
    list_init(&server->dead_clients);
    buf_init(&server->scratch, server->config.max_encoded_bytes);
    server->recovery = make_recovery(server);
    server->no_fields = confab_object();
    server->no_arguments = confab_array();
    live_inc(LIVE_GATEWAY);
    return server;
}

void server_attach(struct confab_server *server, struct eio_engine *engine, struct broker *broker)
{
    assert(server->broker == NULL && !server->stopped);
    server->engine = engine;
    server->broker = broker;
    broker_set_rooms_per_member(broker, server->config.max_rooms);
}

static void reap(struct confab_server *server)
{
    struct list *node;
    while ((node = list_pop(&server->dead_sockets)) != NULL)
        sio_socket_free(container_of(node, struct confab_socket, link));
    while ((node = list_pop(&server->dead_clients)) != NULL)
        sio_client_free(container_of(node, struct sio_client, link));
    sio_asking_forget(server);
    if (server->scratch.cap > SCRATCH_KEPT_BYTES)
        buf_fini(&server->scratch);
}

/* Each may leave more behind; what they leave comes from decisions taken, of which there are
 * finitely many in a turn. */
static void run_left_over(struct confab_server *server)
{
    struct list *node;
    while (!list_empty(&server->ready) || !list_empty(&server->late) ||
           !list_empty(&server->asked) || !list_empty(&server->wishes) ||
           sio_tokens_have_place_for_some(server)) {
        sio_wishes_run(server);
        sio_tokens_run_aside(server); /* before those who would have one more place each */
        while ((node = list_pop(&server->ready)) != NULL)
            sio_socket_run(container_of(node, struct confab_socket, ready));
        sio_acks_run_late(server);
        sio_askings_run_over(server);
    }
}

void server_stop(struct confab_server *server)
{
    if (server->stopped)
        return;
    while (!list_empty(&server->clients))
        sio_client_close(LIST_FIRST(&server->clients, struct sio_client, link), EIO_CLOSE_SHUTDOWN);
    struct confab_socket *socket;
    while ((socket = slots_any(&server->sockets)) != NULL)
        sio_socket_force_end(socket);
    sio_tokens_expire_all(server);
    sio_askings_stop(server);
    run_left_over(server);
    sio_afters_drop(server);
    server->stopped = true;
    sio_askings_stop(server); /* those that were begun just now */
    sio_askings_run_over(server);
    reap(server);
}

void server_free(struct confab_server **server)
{
    struct confab_server *s = *server;
    if (s == NULL)
        return;
    assert((s->stopped || s->broker == NULL) && list_empty(&s->clients));
    sio_afters_drop(s);
    while (!list_empty(&s->namespaces))
        sio_namespace_free(LIST_FIRST(&s->namespaces, struct confab_namespace, link));
    if (s->recovery != NULL)
        s->recovery->ops->free(s->recovery);
    htable_fini(&s->namespaces_by_name);
    slots_fini(&s->sockets);
    slots_fini(&s->tokens);
    timerq_fini(&s->timers);
    timerfifo_fini(&s->connects);
    buf_fini(&s->scratch);
    confab_value_release(s->no_fields);
    confab_value_release(s->no_arguments);
    free(s);
    live_dec(LIVE_GATEWAY);
    *server = NULL;
}

/* ---- time ---- */

int64_t sio_now_ms(struct confab_server *server)
{
    int64_t now_ms = server->clock.now_ms(server->clock.user);
    if (now_ms != server->told_ms && server->broker != NULL) {
        server->told_ms = now_ms;
        broker_advance(server->broker, now_ms);
    }
    return now_ms;
}

/* At least a millisecond ahead: a timer that arms itself again must not keep a turn from ending. */
void sio_timer_arm(struct confab_server *server, struct sio_timer *timer, int64_t delay_ms)
{
    timerq_arm(&server->timers, &timer->entry,
               server->clock.now_ms(server->clock.user) + (delay_ms > 1 ? delay_ms : 1));
}

void sio_timer_disarm(struct confab_server *server, struct sio_timer *timer)
{
    timerq_disarm(&server->timers, &timer->entry);
}

static void run_timers(struct confab_server *server, int64_t now_ms)
{
    struct timerq_entry *due;
    while ((due = timerq_pop_due(&server->timers, now_ms)) != NULL) {
        struct sio_timer *timer = container_of(due, struct sio_timer, entry);
        timer->fire(server, timer);
    }
}

static void run_connect_timeouts(struct confab_server *server, int64_t now_ms)
{
    struct timerfifo_entry *due;
    while ((due = timerfifo_pop_due(&server->connects, now_ms)) != NULL)
        sio_client_timed_out(container_of(due, struct sio_client, timer));
}

void server_advance(struct confab_server *server)
{
    if (server->stopped)
        return;
    assert(!server->advancing);
    server->advancing = true;
    int64_t now_ms = sio_now_ms(server);
    run_timers(server, now_ms);
    run_connect_timeouts(server, now_ms);
    if (server->recovery != NULL)
        server->recovery->ops->advance(server->recovery, now_ms);
    sio_clients_drain(server);
    run_left_over(server);
    reap(server);
    server->advancing = false;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t server_deadline(const struct confab_server *server)
{
    if (server->stopped)
        return INT64_MAX;
    if (!list_empty(&server->ready) || !list_empty(&server->late) || !list_empty(&server->asked) ||
        !list_empty(&server->wishes) || !list_empty(&server->dead_sockets) ||
        !list_empty(&server->dead_clients) || sio_tokens_have_place_for_some(server))
        return server->clock.now_ms(server->clock.user);
    int64_t at_ms = earlier(timerq_next(&server->timers), timerfifo_next(&server->connects));
    if (server->broker != NULL)
        at_ms = earlier(at_ms, broker_deadline(server->broker));
    if (server->recovery != NULL)
        at_ms = earlier(at_ms, server->recovery->ops->deadline(server->recovery));
    return earlier(at_ms, sio_drain_deadline(server));
}

/* ---- what applications and the program ask ---- */

int64_t confab_now_ms(const struct confab_server *server)
{
    return server->clock.now_ms(server->clock.user);
}

int64_t confab_wall_ms(const struct confab_server *server)
{
    return server->clock.wall_ms(server->clock.user);
}

void confab_random(struct confab_server *server, void *bytes, size_t length_bytes)
{
    rng_bytes(server->rng, bytes, length_bytes);
}

const char *confab_node(const struct confab_server *server)
{
    const char *tag = server->broker != NULL ? broker_node_tag(server->broker) : NULL;
    return tag != NULL ? tag : "";
}

bool confab_cluster_up(const struct confab_server *server)
{
    return server->broker != NULL && broker_state(server->broker) == BROKER_UP;
}

int confab_post(struct confab_server *server, void (*fn)(struct confab_server *server, void *user),
                void (*dropped)(void *user), void *user)
{
    return server->post != NULL ? server->post(server->post_user, fn, dropped, user)
                                : CONFAB_EUNSUPPORTED;
}

void server_set_post(struct confab_server *server, server_post_fn *post, void *user)
{
    server->post = post;
    server->post_user = user;
}

size_t server_client_count(const struct confab_server *server)
{
    return server->client_count;
}

const struct server_counters *server_counters(struct confab_server *server)
{
    if (server->recovery != NULL) {
        const struct recovery_counters *kept = &server->recovery->counters;
        server->counters.recovery_packets_evicted = kept->packets_evicted;
        server->counters.recovery_sessions_evicted = kept->sessions_evicted;
        server->counters.recovery_bytes_now = kept->bytes;
    }
    return &server->counters;
}

const char *server_limit_label(enum server_limit limit)
{
    static const char *const labels[] = {
#define X(symbol, label) label,
        SERVER_LIMITS(X)
#undef X
    };
    return labels[limit];
}

void server_on_broker_state(struct confab_server *server, void (*changed)(void *user), void *user)
{
    server->broker_state_changed = changed;
    server->broker_state_user = user;
}

struct frame_set *sio_frames(struct confab_server *server, const struct sio_packet *packet,
                             const char *event)
{
    struct frame_set *frames =
        (server->config.msgpack ? sio_encode_msgpack : sio_encode)(packet, event, &server->scratch);
    if (frames == NULL)
        sio_limit(server, SERVER_LIMIT_ENCODED);
    return frames;
}
