/*
 * What the tests of the Redis broker are written with: a Redis of their own, brokers on it, each
 * behind a line that can be cut, and an onlooker who subscribes and publishes what it likes, past
 * all brokers.
 *
 * Nothing sleeps: a case turns the loop until what it waits for is there, or a deadline has passed
 * and the case fails.
 */
#ifndef CONFAB_TESTS_REDIS_WORLD_H
#define CONFAB_TESTS_REDIS_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/broker.h"
#include "broker/redis.h"
#include "broker/redis_link.h"
#include "tests/unit/redis_link/redis_server.h"
#include "tests/unit/test.h"

struct event_base;

#define PATIENCE_MS 20000
#define NODES_MAX 3
#define MEMBERS_MAX 4
#define LEASE_MS 1200
#define GRACE_MS 300
#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})

struct world;
struct line; /* a proxy in front of Redis */

/* Counts of events by name, for one listener. */
struct heard {
    unsigned count;
    unsigned joined, left; /* of the roster */
    char last[256];        /* the event and its first argument, with a blank between */
};

struct member {
    struct broker_member member;
    struct node *node;
    char id[24];
    struct heard heard;
};

struct node {
    struct world *world;
    unsigned number;
    struct line *line;
    struct broker *broker; /* NULL: not there */
    struct broker_namespace *nsp;
    struct broker_roster *roster;
    struct member members[MEMBERS_MAX];
    unsigned member_count;
    unsigned lost, lost_why_denied, lost_why_exists;
    unsigned server_events;
    unsigned disconnects;
    unsigned refused;
    char holder[64];
};

/* A message that the onlooker saw. */
struct seen {
    char channel[128];
    uint8_t payload[4096];
    size_t bytes;
};

struct world {
    struct redis_server server;
    struct event_base *base;
    struct node nodes[NODES_MAX];
    /* For nodes made later. */
    enum broker_redis_rooms rooms;
    enum broker_redis_responses responses;
    size_t response_max_bytes;
    unsigned lease_ms;
    unsigned storm_limit;

    struct redis_link *onlooker;
    bool onlooker_there;
    unsigned onlooker_confirmed;
    struct seen *seen; /* the last 64, round and round */
    unsigned seen_count;
    struct heard announced; /* what was announced in "/", as the onlooker saw it */
    char answer[4096]; /* the last one of onlooker_ask(), lists flattened with blanks between */
    unsigned answers;
    unsigned counted; /* by world_count() */
};

/* ---- world ---- */

int world_setup(void **state);
int world_teardown(void **state);
void world_turn(struct world *w);
#define WAIT_FOR(w, condition) WAIT_LONG(w, PATIENCE_MS, condition)
#define WAIT_LONG(w, patience_ms, condition)                                           \
    do {                                                                               \
        int64_t give_up_at_ms = world_now_ms() + (patience_ms);                        \
        while (!(condition)) {                                                         \
            if (world_now_ms() > give_up_at_ms)                                        \
                fail_msg("%s:%d: never happened: %s", __FILE__, __LINE__, #condition); \
            world_turn(w);                                                             \
        }                                                                              \
    } while (0)
int64_t world_now_ms(void);
/* A callback that counts in the unsigned it is given. */
void world_count(void *counter);
/* Lets time pass, with the loop turning. */
void world_pass(struct world *w, int64_t ms);

/* ---- nodes ---- */

/* Makes the broker; NULL tag: drawn. Not up yet. */
struct node *node_make(struct world *w, unsigned number, const char *tag);
/* Makes it, opens "/" with a roster, and waits until it has settled. */
struct node *node_start(struct world *w, unsigned number);
void node_free(struct node *node);
/* The process is gone without a word: nothing it still says reaches Redis. */
void node_crash(struct node *node);
void node_cut(struct node *node);
void node_mend(struct node *node);
void node_settle(struct node *node);
struct member *node_member(struct node *node, const char *room);
void node_emit(struct node *node, const char *event, const char *room);

struct claiming {
    unsigned answers;
    enum broker_claim_result result;
    struct broker_claim claim;
};
/* key and shown are the same text. secret 0: none. */
void node_ask(struct node *node, const char *name, uint8_t secret, struct claiming *out);
struct broker_claim node_claim(struct node *node, const char *name);
/* The list as text, with blanks between. */
const char *node_list(struct node *node);

struct emission {
    unsigned answers;
    int status;
    enum broker_scope scope;
};
void node_emit_ordered(struct node *node, const char *event, const char *room,
                       struct emission *out);

/* ---- the onlooker ---- */

void onlooker_start(struct world *w);
void onlooker_subscribe(struct world *w, enum redis_subscription kind, const char *channel);
void onlooker_publish(struct world *w, const char *channel, const void *payload, size_t bytes);
/* Asks Redis and waits for the answer, which is in w->answer. */
const char *onlooker_ask(struct world *w, const char *first, ...) __attribute__((sentinel));
/* For commands given in another way: puts the answer into w->answer; user is the world. */
void onlooker_answered(void *user, int status, const struct redis_answer *answer);
/* The number of messages seen on a channel that contain the text. */
unsigned onlooker_saw(const struct world *w, const char *channel, const char *text);

#endif
