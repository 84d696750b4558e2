#include "gateway/app/gateway.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/htable.h"
#include "common/live.h"
#include "common/mem.h"
#include "gateway/app/cluster.h"
#include "gateway/app/inbox.h"
#include "gateway/app/raw.h"
#include "gateway/chat/chat.h"
#include "gateway/net/net.h"
#include "gateway/socketio/wiring.h"
#include <confab/server.h>

#define TAG_CHARS 5
#define PACKET_MAX_BYTES ((size_t)4 << 20) /* unless larger payloads are allowed */
#define PACKET_MESSAGES 4                  /* of the largest size, in one packet */

/* ---- time: one instant for a whole turn, the network's ---- */

static int64_t turn_now_ms(void *user)
{
    struct gateway *gateway = user;
    return gateway->net != NULL ? net_now_ms(gateway->net) : clock_mono_ms();
}

static int64_t turn_wall_ms(void *user)
{
    (void)user;
    return clock_wall_ms();
}

/* On a loop of ours each turn is closed anyhow. */
void gateway_owe_turn(struct gateway *gateway)
{
    if (gateway->host.turn_owed != NULL && !gateway->turning)
        gateway->host.turn_owed(gateway->host.user);
}

static void on_owed(void *user)
{
    gateway_owe_turn(user);
}

void gateway_fail(struct gateway *gateway, int status)
{
    gateway->status = status;
    gateway->done = true;
    gateway_owe_turn(gateway);
}

/* ---- admission: the application's filter, and the node's own state ---- */

static void on_admitted(void *user, bool admitted, const char *message)
{
    struct net_admission *admission = user;
    if (admitted)
        net_admission_allow(admission);
    else
        net_admission_deny(admission, message);
}

static void on_admission(void *user, struct net_admission *admission)
{
    struct gateway *gateway = user;
    if (!gateway->ready) {
        /* Ids begin with the node's tag, and that is not won before Redis was reached. */
        net_admission_deny(admission, "The node is starting");
        return;
    }
    struct eio_handshake *handshake = eio_handshake_hold(net_admission_handshake(admission));
    server_admit(gateway->server, handshake, on_admitted, admission);
    eio_handshake_release(handshake);
}

static const struct net_events net_events = {
    .on_turn = on_owed, .on_admission = on_admission, .on_http = gateway_on_http};

/* ---- building, from the ground up ---- */

static size_t max_packet_bytes(const struct options *options)
{
    size_t several = PACKET_MESSAGES * (size_t)options->max_payload_bytes;
    return several > PACKET_MAX_BYTES ? several : PACKET_MAX_BYTES;
}

static void make_server(struct gateway *gateway)
{
    struct server_config config = {
        .connect_timeout_ms = gateway->options.connect_timeout_ms,
        .max_packet_bytes = max_packet_bytes(&gateway->options),
        .msgpack = gateway->options.parser == PARSER_MSGPACK,
        .max_namespaces = (unsigned)gateway->options.max_namespaces,
        .max_rooms = (unsigned)gateway->options.max_rooms,
        .max_acks = (unsigned)gateway->options.max_acks,
        .max_attachments = (unsigned)gateway->options.max_attachments,
        .max_pending = (size_t)gateway->options.max_pending,
        .recovery_ms = gateway->options.recovery_ms,
        .recovery_notice_ms = gateway->options.ping_interval_ms + gateway->options.ping_timeout_ms,
        .recovery_bytes = (size_t)gateway->options.recovery_bytes,
        .max_replay_bytes = (size_t)gateway->options.max_queued_bytes / 2,
        .recovery_skips_middleware = gateway->options.recovery_skips_middleware};
    struct server_clock clock = {.now_ms = turn_now_ms, .wall_ms = turn_wall_ms, .user = gateway};
    gateway->server = server_new(&config, &clock, &gateway->rng);
}

static bool offers(const struct options *o, const char *transport)
{
    for (size_t i = 0; i < o->transports.count; i++) {
        if (strcmp(o->transports.items[i], transport) == 0)
            return true;
    }
    return false;
}

static void make_engine(struct gateway *gateway)
{
    const struct options *o = &gateway->options;
    struct eio_config config = {.ping_interval_ms = o->ping_interval_ms,
                                .ping_timeout_ms = o->ping_timeout_ms,
                                .upgrade_timeout_ms = o->upgrade_timeout_ms,
                                .close_wait_ms = 30000,
                                .max_payload_bytes = (size_t)o->max_payload_bytes,
                                .max_queued_bytes = (size_t)o->max_queued_bytes,
                                .soft_queued_bytes = (size_t)o->soft_queued_bytes,
                                .soft_queued_ms = o->soft_queued_ms,
                                .max_packets_per_second = o->max_packets_per_second,
                                .max_per_second_bytes = o->max_per_second_bytes,
                                .polling = offers(o, "polling"),
                                .websocket = offers(o, "websocket"),
                                .upgrades = o->upgrades,
                                .revision_3 = o->allow_eio3};
    if (gateway->host.raw != NULL)
        gateway->engine = eio_engine_new(&config, raw_mux_events(), gateway);
    else
        gateway->engine = eio_engine_new(&config, server_engine_events(), gateway->server);
}

static void on_broker_state(void *user)
{
    struct gateway *gateway = user;
    gateway_owe_turn(gateway);
    const char *tag = broker_node_tag(gateway->broker);
    enum broker_state state = broker_state(gateway->broker);
    log_info(&gateway->log, "cluster_state",
             LOG_S("state", state == BROKER_UP         ? "up"
                            : state == BROKER_STARTING ? "starting"
                                                       : "down"));
    if (gateway->ready || tag == NULL || state == BROKER_STARTING)
        return;
    eio_engine_set_tag(gateway->engine, tag);
    net_set_tag(gateway->net, tag);
    gateway->ready = true;
    log_info(&gateway->log, "ready", LOG_S("node", tag));
}

static int make_broker(struct gateway *gateway)
{
    if (gateway->options.redis[0] != '\0')
        return cluster_start(gateway);
    char tag[TAG_CHARS + 1];
    rng_base36(&gateway->rng, tag, TAG_CHARS);
    uint8_t seed[HTABLE_SEED_BYTES];
    rng_bytes(&gateway->rng, seed, sizeof(seed));
    const char *given = gateway->options.node_tag;
    gateway->broker = broker_memory_new(given[0] != '\0' ? given : tag, seed,
                                        server_broker_events(), gateway->server);
    return CONFAB_OK;
}

static int make_net(struct gateway *gateway)
{
    const struct options *o = &gateway->options;
    struct net_config config = {
        .path = o->path,
        .other_path = gateway->host.raw != NULL ? gateway->host.raw->path : NULL,
        .trusted_proxies = (const char *const *)o->trusted_proxies.items,
        .trusted_proxy_count = o->trusted_proxies.count,
        .files = gateway->files,
        .max_payload_bytes = (size_t)o->max_payload_bytes,
        .max_connections = (unsigned)o->max_connections,
        .max_sessions = (unsigned)o->max_sessions,
        .guests = {.max_handshakes_per_second = (unsigned)o->max_handshakes_per_second_per_address,
                   .max_sessions = (unsigned)o->max_sessions_per_address,
                   .max_connections = (unsigned)o->max_connections_per_address},
        .head_timeout_ms = o->head_timeout_ms,
        .body_timeout_ms = o->body_timeout_ms,
        .idle_timeout_ms = o->idle_timeout_ms,
        .write_timeout_ms = o->write_timeout_ms,
        .message_timeout_ms = o->message_timeout_ms,
        .max_requests_per_second = (unsigned)o->max_requests_per_second,
        .max_control_frames_per_second = (unsigned)o->max_control_frames_per_second,
    };
    gateway_configure_http(o, &config);
    int status = net_new(&gateway->net, &config, gateway->base, gateway->engine, &gateway->log,
                         &net_events, gateway);
    if (status == CONFAB_EINVAL)
        fprintf(stderr, "%s: an option of the network cannot be used as it is\n",
                gateway->app->name);
    return status;
}

static void tell_listening(struct gateway *gateway, const char *bound)
{
    char url[NET_ADDRESS_BYTES + 8];
    snprintf(url, sizeof(url), "http://%s", bound);
    if (gateway->host.listening != NULL)
        gateway->host.listening(gateway->host.user, url);
    else
        printf("listening on %s\n", url);
}

static int listen_on(struct gateway *gateway, const struct option_list *addresses,
                     enum net_role role)
{
    for (size_t i = 0; i < addresses->count; i++) {
        char bound[NET_ADDRESS_BYTES];
        int status = net_listen(gateway->net, addresses->items[i], role, bound);
        if (status == CONFAB_EINVAL)
            fprintf(stderr, "%s: cannot listen on %s: no such address\n", gateway->app->name,
                    addresses->items[i]);
        if (status != CONFAB_OK)
            return status;
        if (role == NET_PUBLIC)
            tell_listening(gateway, bound);
    }
    fflush(stdout);
    return CONFAB_OK;
}

/* The program's own application, or the one that the options choose. */
static int set_up_application(struct gateway *gateway)
{
    const struct options *o = &gateway->options;
    gateway->set_up = true;
    if (gateway->app->setup != NULL)
        return gateway->app->setup(gateway->server, gateway->app->user);
    if (o->app == APP_CHAT)
        gateway->chat =
            chat_new(gateway->server,
                     &(struct chat_config){
                         .nsp = o->chat_namespace,
                         .send_msg = o->chat_send_msg,
                         .name_grace_ms = o->name_grace_ms,
                         .presence_limit = (unsigned)o->presence_limit,
                         .rates = {[CHAT_LIMIT_MESSAGES] = (unsigned)o->chat_messages_per_second,
                                   [CHAT_LIMIT_SEND_MSG] = (unsigned)o->chat_send_msg_per_second,
                                   [CHAT_LIMIT_LOGINS] = (unsigned)o->chat_logins_per_minute}});
    else
        (void)confab_of(gateway->server, "/");
    return 0;
}

/* ---- turns ---- */

static void on_deadline(int fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct gateway *gateway = user;
    gateway->deadline_at_ms = INT64_MAX;
    gateway_owe_turn(gateway);
}

static void arm_deadline(struct gateway *gateway)
{
    int64_t at_ms = server_deadline(gateway->server);
    int64_t drain_ms = gateway_drain_deadline(gateway);
    if (drain_ms < at_ms)
        at_ms = drain_ms;
    if (at_ms == gateway->deadline_at_ms)
        return;
    gateway->deadline_at_ms = at_ms;
    if (at_ms == INT64_MAX) {
        event_del(gateway->deadline);
        return;
    }
    int64_t in_ms = at_ms - clock_mono_ms();
    struct timeval wait = {0};
    if (in_ms > 0)
        wait = (struct timeval){in_ms / 1000, (in_ms % 1000) * 1000};
    event_add(gateway->deadline, &wait);
}

void gateway_turn(struct gateway *gateway)
{
    gateway->turning = true;
    server_advance(gateway->server);
    gateway_drain_advance(gateway, net_now_ms(gateway->net));
    net_turn(gateway->net);
    gateway->turning = false;
    /* The last connection may have ended just now, and nothing would ring for that. */
    if (gateway->drain == DRAIN_LEAVING)
        gateway_drain_advance(gateway, clock_mono_ms());
    arm_deadline(gateway);
}

/* ---- life ---- */

static int on_post(void *user, void (*fn)(struct confab_server *server, void *user),
                   void (*dropped)(void *user), void *fn_user)
{
    return inbox_post(user, fn, dropped, fn_user);
}

static int build(struct gateway *gateway)
{
    int status = gateway_load_files(gateway);
    if (status != CONFAB_OK)
        return status;
    make_server(gateway);
    make_engine(gateway);
    status = make_broker(gateway);
    if (status != CONFAB_OK)
        return status;
    server_attach(gateway->server, gateway->engine, gateway->broker);
    server_on_broker_state(gateway->server, on_broker_state, gateway);
    status = make_net(gateway);
    if (status != CONFAB_OK)
        return status;
    gateway->deadline = event_new(gateway->base, -1, 0, on_deadline, gateway);
    gateway_watch_lag(gateway);
    gateway->inbox = inbox_new(gateway->base, gateway->server, on_owed, gateway);
    if (gateway->inbox == NULL)
        return CONFAB_EINTERNAL;
    server_set_post(gateway->server, on_post, gateway->inbox);
    return CONFAB_OK;
}

static int exit_status_of(int error)
{
    switch (error) {
    case CONFAB_OK:
        return 0;
    case CONFAB_EINVAL:
        return OPTIONS_EXIT_USAGE;
    case CONFAB_EADDRINUSE:
        return GATEWAY_EXIT_UNAVAILABLE;
    default:
        return GATEWAY_EXIT_INTERNAL;
    }
}

static int start(struct gateway *gateway)
{
    int error = build(gateway);
    if (error != CONFAB_OK) {
        if (error != CONFAB_EINVAL) /* what is wrong with an option was said where it was read */
            log_error(&gateway->log, "start_failed", LOG_S("reason", confab_strerror(error)));
        return exit_status_of(error);
    }
    int status = set_up_application(gateway);
    if (status != 0)
        return status;
    gateway_init_metrics(gateway);
    error = listen_on(gateway, &gateway->options.listen, NET_PUBLIC);
    if (error == CONFAB_OK)
        error = listen_on(gateway, &gateway->options.admin_listen, NET_ADMIN);
    if (error != CONFAB_OK)
        return exit_status_of(error);
    on_broker_state(gateway);
    gateway_turn(gateway);
    return 0;
}

struct gateway *gateway_new(struct event_base *base, struct options *options,
                            const struct confab_app *app, const struct gateway_host *host,
                            int *status)
{
    struct gateway *gateway = xcalloc(1, sizeof(*gateway));
    live_inc(LIVE_GATEWAY);
    gateway->base = base;
    gateway->app = app;
    if (host != NULL)
        gateway->host = *host;
    gateway->options = *options;
    memset(options, 0, sizeof(*options));
    log_init(&gateway->log, (enum log_level)gateway->options.log_level,
             (enum log_format)gateway->options.log_format, stderr);
    metrics_init(&gateway->metrics);
    rng_init(&gateway->rng);
    gateway->deadline_at_ms = INT64_MAX;
    *status = start(gateway);
    if (*status != 0)
        gateway_free(&gateway);
    return gateway;
}

void gateway_free(struct gateway **owner)
{
    struct gateway *gateway = *owner;
    *owner = NULL;
    if (gateway->inbox != NULL)
        inbox_close(gateway->inbox);
    if (gateway->server != NULL && gateway->broker != NULL)
        server_stop(gateway->server);
    if (gateway->net != NULL)
        net_free(&gateway->net);
    if (gateway->broker != NULL)
        broker_free(&gateway->broker);
    if (gateway->engine != NULL)
        eio_engine_reap(gateway->engine);
    eio_engine_free(&gateway->engine);
    /* Threads of the application may post until then. */
    if (gateway->set_up && gateway->app->end != NULL)
        gateway->app->end(gateway->app->user);
    inbox_free(&gateway->inbox);
    server_free(&gateway->server);
    chat_free(&gateway->chat);
    net_files_free(&gateway->files);
    if (gateway->deadline != NULL)
        event_free(gateway->deadline);
    if (gateway->lag != NULL)
        event_free(gateway->lag);
    metrics_fini(&gateway->metrics);
    rng_fini(&gateway->rng);
    struct option_set set = options_gateway(gateway->app->name);
    options_fini(&set, &gateway->options);
    free(gateway);
    live_dec(LIVE_GATEWAY);
}
