#define _GNU_SOURCE
#include "tests/unit/redis/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "broker/broker_impl.h"
#include "common/clock.h"
#include "common/live.h"
#include "common/value.h"
#include "tests/unit/redis/line.h"
#include <confab/err.h>

#define SEEN_MAX 64

/* ---- world ---- */

int64_t world_now_ms(void)
{
    return clock_mono_ms();
}

static void wake(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    (void)user;
}

void world_turn(struct world *w)
{
    static const struct timeval longest = {0, 20000};
    struct event *timeout = event_new(w->base, -1, 0, wake, NULL);

    event_add(timeout, &longest);
    event_base_loop(w->base, EVLOOP_ONCE);
    event_free(timeout);
}

void world_pass(struct world *w, int64_t ms)
{
    int64_t until_ms = world_now_ms() + ms;

    WAIT_FOR(w, world_now_ms() >= until_ms);
}

void world_count(void *counter)
{
    ++*(unsigned *)counter;
}

int world_setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    w->base = event_base_new();
    w->seen = calloc(SEEN_MAX, sizeof(*w->seen));
    w->storm_limit = 1000;
    w->lease_ms = LEASE_MS;
    redis_server_start(&w->server);
    *state = w;
    return 0;
}

int world_teardown(void **state)
{
    struct world *w = *state;

    for (unsigned i = 0; i < NODES_MAX; i++) {
        node_free(&w->nodes[i]);
        line_free(&w->nodes[i].line);
    }
    redis_link_free(&w->onlooker);
    event_base_loop(w->base, EVLOOP_NONBLOCK);
    event_base_free(w->base);
    redis_server_end(&w->server);
    free(w->seen);
    free(w);
    live_report(stderr);
    return live_total() == 0 ? 0 : -1;
}

/* ---- what nodes hear ---- */

static void hear(struct heard *heard, const struct confab_value *args)
{
    const char *event = confab_as_string(confab_at(args, 0), NULL);
    const char *first = confab_as_string(confab_at(args, 1), NULL);

    heard->count++;
    heard->joined += event != NULL && strcmp(event, "joined") == 0;
    heard->left += event != NULL && strcmp(event, "left") == 0;
    snprintf(heard->last, sizeof(heard->last), "%s%s%s", event != NULL ? event : "?",
             first != NULL ? " " : "", first != NULL ? first : "");
}

static void on_deliver(void *user, struct broker_member *member, struct message *message)
{
    (void)user;
    hear(&container_of(member, struct member, member)->heard, message->args);
}

static void on_deliver_with_ack(void *user, struct broker_member *member, struct message *message,
                                struct broker_reply reply)
{
    struct node *node = user;
    struct confab_value *answer = confab_string("heard");

    on_deliver(user, member, message);
    broker_answer_ack(node->broker, reply, answer);
    confab_value_release(answer);
}

static struct confab_value *on_describe(void *user, struct broker_member *member, bool abroad)
{
    (void)abroad;
    (void)user;
    return confab_set(confab_object(), "id",
                      confab_string(container_of(member, struct member, member)->id));
}

static void on_disconnect(void *user, struct broker_member *member, bool close)
{
    struct node *node = user;

    (void)close;
    node->disconnects++;
    broker_remove(member);
}

static void on_server_event(void *user, struct broker_namespace *nsp,
                            const struct confab_value *args, bool wants_reply,
                            struct broker_reply reply)
{
    struct node *node = user;

    (void)nsp;
    (void)args;
    node->server_events++;
    if (wants_reply)
        broker_answer_server_event(node->broker, reply, NULL);
}

static void on_lost(void *user, struct broker_claim claim, int why)
{
    struct node *node = user;

    (void)claim;
    node->lost++;
    node->lost_why_denied += why == CONFAB_EDENIED;
    node->lost_why_exists += why == CONFAB_EEXISTS;
}

static void on_refused(void *user, const char *tag, const char *holder)
{
    struct node *node = user;

    (void)tag;
    node->refused++;
    snprintf(node->holder, sizeof(node->holder), "%s", holder);
}

/* ---- nodes ---- */

struct node *node_make(struct world *w, unsigned number, const char *tag)
{
    static const struct broker_events events = {.deliver = on_deliver,
                                                .deliver_with_ack = on_deliver_with_ack,
                                                .describe = on_describe,
                                                .disconnect = on_disconnect,
                                                .server_event = on_server_event};
    struct node *node = &w->nodes[number];
    struct redis_address address = {.host = "127.0.0.1"};
    char name[16];

    if (node->line == NULL)
        node->line = line_new(w->base, w->server.port);
    *node = (struct node){.world = w, .number = number, .line = node->line};
    address.port = line_port(node->line);
    snprintf(name, sizeof(name), "host%u", number);
    node->broker =
        broker_redis_new(&(struct broker_redis_config){.base = w->base,
                                                       .redis = &address,
                                                       .node_tag = tag,
                                                       .address = name,
                                                       .rooms = w->rooms,
                                                       .responses = w->responses,
                                                       .tag_refused = on_refused,
                                                       .tag_refused_user = node,
                                                       .lease_ms = w->lease_ms,
                                                       .tick_ms = 100,
                                                       .linger_ms = 700,
                                                       .ping_interval_ms = w->lease_ms / 3,
                                                       .response_max_bytes = w->response_max_bytes},
                         &events, node);
    return node;
}

void node_settle(struct node *node)
{
    WAIT_FOR(node->world, broker_redis_settled(node->broker));
}

struct node *node_start(struct world *w, unsigned number)
{
    static const struct broker_roster_events events = {.on_lost = on_lost};
    struct node *node = node_make(w, number, NULL);

    node->nsp = broker_namespace(node->broker, "/");
    node->roster = broker_roster_open(node->broker,
                                      &(struct broker_roster_config){.nsp = "/",
                                                                     .joined_event = "joined",
                                                                     .left_event = "left",
                                                                     .storm_event = "storm",
                                                                     .storm_limit = w->storm_limit,
                                                                     .grace_ms = GRACE_MS},
                                      &events, node);
    node_settle(node);
    return node;
}

void node_free(struct node *node)
{
    broker_free(&node->broker);
}

void node_crash(struct node *node)
{
    line_cut(node->line);
    node_free(node);
    line_mend(node->line);
}

void node_cut(struct node *node)
{
    line_cut(node->line);
}

void node_mend(struct node *node)
{
    line_mend(node->line);
}

struct joining {
    unsigned answers;
};

static void on_joined(void *user, int status)
{
    (void)status;
    ((struct joining *)user)->answers++;
}

struct member *node_member(struct node *node, const char *room)
{
    struct member *member = &node->members[node->member_count];
    const char *tag = broker_node_tag(node->broker);
    struct joining joining = {0};

    assert_true(node->member_count < MEMBERS_MAX);
    *member = (struct member){.node = node};
    snprintf(member->id, sizeof(member->id), "%s.%0*u", tag, 19 - (int)strlen(tag),
             node->member_count);
    node->member_count++;
    broker_add(node->nsp, &member->member, member->id);
    if (room != NULL) {
        broker_join(&member->member, room, strlen(room), on_joined, &joining);
        WAIT_FOR(node->world, joining.answers == 1);
    }
    return member;
}

static struct message *make_message(const char *event, const char *room)
{
    const struct text to = {room, room != NULL ? strlen(room) : 0};

    return message_new("/", 1, &to, room != NULL ? 1 : 0, NULL, 0, MESSAGE_NO_FLAGS,
                       confab_list(confab_string(event), NULL));
}

void node_emit(struct node *node, const char *event, const char *room)
{
    struct message *message = make_message(event, room);

    broker_emit(node->broker, message);
    message_release(message);
}

static void on_emitted(void *user, int status, enum broker_scope scope)
{
    struct emission *emission = user;

    emission->answers++;
    emission->status = status;
    emission->scope = scope;
}

void node_emit_ordered(struct node *node, const char *event, const char *room, struct emission *out)
{
    struct message *message = make_message(event, room);

    broker_emit_ordered(node->broker, message, on_emitted, out);
    message_release(message);
}

/* ---- names ---- */

static void on_claimed(void *user, enum broker_claim_result result, struct broker_claim claim)
{
    struct claiming *claiming = user;

    claiming->answers++;
    claiming->result = result;
    claiming->claim = claim;
}

void node_ask(struct node *node, const char *name, uint8_t secret, struct claiming *out)
{
    uint8_t hash[16];
    const struct broker_name wanted = {.key = name,
                                       .shown = name,
                                       .resume = secret != 0 ? hash : NULL,
                                       .new_resume = secret != 0 ? hash : NULL};

    memset(hash, secret, sizeof(hash));
    *out = (struct claiming){0};
    broker_roster_claim(node->roster, &wanted, on_claimed, out);
}

struct broker_claim node_claim(struct node *node, const char *name)
{
    struct claiming claiming;

    node_ask(node, name, 0, &claiming);
    WAIT_FOR(node->world, claiming.answers != 0);
    assert_int_equal(claiming.answers, 1);
    assert_int_equal(claiming.result, BROKER_CLAIM_WON);
    return claiming.claim;
}

struct listing {
    char text[1024];
    size_t length;
};

static bool list_name(void *user, const char *shown)
{
    struct listing *listing = user;
    int added = snprintf(listing->text + listing->length, sizeof(listing->text) - listing->length,
                         "%s%s", listing->length > 0 ? " " : "", shown);

    listing->length += (size_t)added;
    return listing->length < sizeof(listing->text);
}

const char *node_list(struct node *node)
{
    static struct listing listing;

    listing = (struct listing){.length = 0};
    broker_roster_each(node->roster, list_name, &listing);
    return listing.text;
}

/* ---- the onlooker ---- */

static void on_there(void *user)
{
    struct world *w = user;

    w->onlooker_there = true;
    redis_link_declare_up(w->onlooker);
}

static void on_gone(void *user, bool was_up, const char *why)
{
    struct world *w = user;

    (void)was_up;
    (void)why;
    w->onlooker_there = false;
}

static void on_seen(void *user, const struct redis_message *message)
{
    struct world *w = user;
    struct seen *seen = &w->seen[w->seen_count++ % SEEN_MAX];
    struct confab_value *value = NULL;

    snprintf(seen->channel, sizeof(seen->channel), "%s", message->channel.bytes);
    seen->bytes = message->payload.length < sizeof(seen->payload) ? message->payload.length
                                                                  : sizeof(seen->payload);
    memcpy(seen->payload, message->payload.bytes, seen->bytes);
    if (strcmp(seen->channel, "socket.io#/#") != 0 ||
        value_parse_msgpack(message->payload.bytes, message->payload.length, NULL, &value) !=
            CONFAB_OK)
        return;
    hear(&w->announced, confab_get(confab_at(value, 1), "data"));
    confab_value_release(value);
}

static void on_confirmed(void *user, enum redis_subscription kind, struct text channel)
{
    struct world *w = user;

    (void)kind;
    (void)channel;
    w->onlooker_confirmed++;
}

void onlooker_start(struct world *w)
{
    static const struct redis_link_events events = {on_there, on_gone, on_seen, on_confirmed};

    redis_link_free(&w->onlooker);
    w->onlooker_there = false;
    w->onlooker = redis_link_new(
        &(struct redis_link_config){.base = w->base, .host = "127.0.0.1", .port = w->server.port},
        &events, w);
    WAIT_FOR(w, w->onlooker_there);
}

void onlooker_subscribe(struct world *w, enum redis_subscription kind, const char *channel)
{
    unsigned before = w->onlooker_confirmed;
    const struct text name = {channel, strlen(channel)};

    assert_int_equal(redis_link_subscription(w->onlooker, kind, &name, 1), CONFAB_OK);
    WAIT_FOR(w, w->onlooker_confirmed > before);
}

void onlooker_publish(struct world *w, const char *channel, const void *payload, size_t bytes)
{
    const struct text args[] = {TEXT("PUBLISH"), {channel, strlen(channel)}, {payload, bytes}};

    assert_int_equal(redis_link_command(w->onlooker, args, 3, NULL, NULL), CONFAB_OK);
}

static void flatten(char *out, size_t out_bytes, const struct redis_answer *answer)
{
    size_t used = strlen(out);
    struct text text = redis_answer_text(answer);

    switch (redis_answer_kind(answer)) {
    case REDIS_ANSWER_INTEGER:
        snprintf(out + used, out_bytes - used, "%s%lld", used > 0 ? " " : "",
                 (long long)redis_answer_integer(answer, 0));
        break;
    case REDIS_ANSWER_TEXT:
    case REDIS_ANSWER_ERROR:
        snprintf(out + used, out_bytes - used, "%s%s", used > 0 ? " " : "", text.bytes);
        break;
    case REDIS_ANSWER_ARRAY:
        for (size_t i = 0; i < redis_answer_count(answer); i++)
            flatten(out, out_bytes, redis_answer_at(answer, i));
        break;
    case REDIS_ANSWER_NIL:
        break;
    }
}

void onlooker_answered(void *user, int status, const struct redis_answer *answer)
{
    struct world *w = user;

    (void)status;
    w->answers++;
    flatten(w->answer, sizeof(w->answer), answer);
}

const char *onlooker_ask(struct world *w, const char *first, ...)
{
    struct text args[8];
    unsigned count = 0, before = w->answers;
    va_list rest;

    va_start(rest, first);
    for (const char *arg = first; arg != NULL && count < 8; arg = va_arg(rest, const char *))
        args[count++] = (struct text){arg, strlen(arg)};
    va_end(rest);
    w->answer[0] = '\0';
    assert_int_equal(redis_link_command(w->onlooker, args, count, onlooker_answered, w), CONFAB_OK);
    WAIT_FOR(w, w->answers > before);
    return w->answer;
}

unsigned onlooker_saw(const struct world *w, const char *channel, const char *text)
{
    unsigned kept = w->seen_count < SEEN_MAX ? w->seen_count : SEEN_MAX, found = 0;

    for (unsigned i = 0; i < kept; i++)
        found += strcmp(w->seen[i].channel, channel) == 0 &&
                 memmem(w->seen[i].payload, w->seen[i].bytes, text, strlen(text)) != NULL;
    return found;
}
