/* The Redis broker towards its peers: what it subscribes, what it answers and where, what it drops;
 * and whose the node tag is. */
#define _GNU_SOURCE
#include "tests/unit/redis/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "common/value.h"
#include <confab/err.h>

#define GARBAGE_ROUNDS 300

static void publish(struct world *w, const char *channel, const char *payload)
{
    onlooker_publish(w, channel, payload, strlen(payload));
}

static bool subscribed(struct world *w, const char *channel)
{
    char expected[256];

    snprintf(expected, sizeof(expected), "%s 1", channel);
    return strcmp(onlooker_ask(w, "PUBSUB", "NUMSUB", channel, NULL), expected) == 0;
}

/* ---- subscriptions ---- */

static void test_counted_once(void **state)
{
    struct world *w = *state;

    onlooker_start(w);
    node_start(w, 0);
    node_start(w, 1);
    assert_string_equal(onlooker_ask(w, "PUBSUB", "NUMSUB", "socket.io-request#/#", NULL),
                        "socket.io-request#/# 2");
    node_cut(&w->nodes[0]);
    WAIT_FOR(w, broker_state(w->nodes[0].broker) == BROKER_DOWN);
    node_mend(&w->nodes[0]);
    node_settle(&w->nodes[0]);
    WAIT_FOR(w, strcmp(onlooker_ask(w, "PUBSUB", "NUMSUB", "socket.io-request#/#", NULL),
                       "socket.io-request#/# 2") == 0);
}

static void test_rooms_come_and_go(void **state)
{
    struct world *w = *state;
    struct member *member;

    onlooker_start(w);
    node_start(w, 0);
    member = node_member(&w->nodes[0], "den");
    assert_true(subscribed(w, "socket.io#/#den#"));
    /* Flapping costs nothing: nobody has seen it go. */
    for (unsigned i = 0; i < 20; i++) {
        broker_leave(&member->member, "den", 3);
        world_turn(w);
        assert_true(subscribed(w, "socket.io#/#den#"));
        broker_join(&member->member, "den", 3, NULL, NULL);
    }
    world_pass(w, 1500);
    assert_true(subscribed(w, "socket.io#/#den#"));
    broker_leave(&member->member, "den", 3);
    WAIT_FOR(w, !subscribed(w, "socket.io#/#den#"));
    /* Back after it was unsubscribed. */
    broker_join(&member->member, "den", 3, NULL, NULL);
    node_settle(&w->nodes[0]);
    assert_true(subscribed(w, "socket.io#/#den#"));
}

/* Joined and left again before Redis has confirmed, in all rhythms. */
static void test_rooms_in_a_hurry(void **state)
{
    struct world *w = *state;
    struct member *member;
    char room[16];

    onlooker_start(w);
    node_start(w, 0);
    node_start(w, 1);
    member = node_member(&w->nodes[0], NULL);
    for (unsigned i = 0; i < 400; i++) {
        snprintf(room, sizeof(room), "r%u", i % 7);
        if (i % 3 == 1)
            broker_leave(&member->member, room, strlen(room));
        else
            broker_join(&member->member, room, strlen(room), NULL, NULL);
        if (i % 5 == 0)
            world_turn(w);
        if (i % 100 == 0)
            world_pass(w, 900);
    }
    broker_join(&member->member, "r3", 2, NULL, NULL);
    broker_leave(&member->member, "r4", 2);
    world_pass(w, 1600);
    node_settle(&w->nodes[0]);
    node_emit(&w->nodes[1], "to r3", "r3");
    WAIT_FOR(w, strcmp(member->heard.last, "to r3") == 0);
    assert_false(subscribed(w, "socket.io#/#r4#"));
}

static void test_private_rooms(void **state)
{
    struct world *w = *state;
    struct member *member;
    char channel[128];

    onlooker_start(w);
    node_start(w, 0);
    node_start(w, 1);
    member = node_member(&w->nodes[0], NULL);
    snprintf(channel, sizeof(channel), "socket.io#/#%s#", member->id);
    assert_false(subscribed(w, channel));
    node_emit(&w->nodes[1], "psst", member->id);
    WAIT_FOR(w, member->heard.count == 1);
    /* A room of the application that looks like a private one is heard by the pattern, once. */
    snprintf(channel, sizeof(channel), "%s.room", broker_node_tag(w->nodes[0].broker));
    broker_join(&member->member, channel, strlen(channel), NULL, NULL);
    node_settle(&w->nodes[0]);
    node_emit(&w->nodes[1], "once", channel);
    node_emit(&w->nodes[1], "then", NULL);
    WAIT_FOR(w, strcmp(member->heard.last, "then") == 0);
    assert_int_equal(member->heard.count, 3);
}

/* Namespaces and rooms whose names together spell another one's channel. */
static void test_names_that_collide(void **state)
{
    struct world *w = *state;
    struct broker_namespace *odd[2];
    struct member *member[2];
    struct message *message;

    for (unsigned i = 0; i < 2; i++) {
        node_start(w, i);
        odd[i] = broker_namespace(w->nodes[i].broker, "/#a");
        node_settle(&w->nodes[i]);
    }
    member[0] = node_member(&w->nodes[0], "a#b");
    member[1] = &w->nodes[0].members[w->nodes[0].member_count++];
    *member[1] = (struct member){.node = &w->nodes[0]};
    broker_add(odd[0], &member[1]->member, "odd");
    broker_join(&member[1]->member, "b", 1, NULL, NULL);
    node_settle(&w->nodes[0]);
    node_emit(&w->nodes[1], "to /", "a#b");
    message = message_new("/#a", 3, &TEXT("b"), 1, NULL, 0, MESSAGE_NO_FLAGS,
                          confab_list(confab_string("to /#a"), NULL));
    broker_emit(w->nodes[1].broker, message);
    message_release(message);
    WAIT_FOR(w, member[1]->heard.count == 1);
    assert_string_equal(member[0]->heard.last, "to /");
    assert_string_equal(member[1]->heard.last, "to /#a");
    assert_int_equal(member[0]->heard.count, 1);
}

static void test_glob_characters(void **state)
{
    static const char name[] = "/a[b]*?\\";
    struct world *w = *state;
    struct broker_namespace *nsp[2];
    struct member *member;
    struct message *message;

    w->rooms = BROKER_REDIS_ROOMS_ALL;
    for (unsigned i = 0; i < 2; i++) {
        node_start(w, i);
        nsp[i] = broker_namespace(w->nodes[i].broker, name);
        node_settle(&w->nodes[i]);
    }
    member = &w->nodes[0].members[w->nodes[0].member_count++];
    *member = (struct member){.node = &w->nodes[0]};
    broker_add(nsp[0], &member->member, "someone");
    message = message_new(name, strlen(name), &TEXT("someone"), 1, NULL, 0, MESSAGE_NO_FLAGS,
                          confab_list(confab_string("found"), NULL));
    broker_emit(w->nodes[1].broker, message);
    message_release(message);
    WAIT_FOR(w, member->heard.count == 1);
}

/* ---- own messages ---- */

static void test_own_messages(void **state)
{
    struct world *w = *state;
    struct emission emission = {0};
    struct member *member;

    node_start(w, 0);
    member = node_member(&w->nodes[0], "room");
    node_emit(&w->nodes[0], "mine", "room");
    node_emit(&w->nodes[0], "mine", NULL);
    assert_int_equal(member->heard.count, 2);
    node_emit_ordered(&w->nodes[0], "ordered", "room", &emission);
    assert_int_equal(member->heard.count, 2);
    WAIT_FOR(w, member->heard.count == 3 && emission.answers == 1);
    assert_int_equal(emission.scope, BROKER_SCOPE_CLUSTER);
    assert_int_equal(broker_counters(w->nodes[0].broker)->own_dropped, 2);
    assert_int_equal(broker_counters(w->nodes[0].broker)->published, 3);
}

static void test_publish_lag(void **state)
{
    struct world *w = *state;

    node_start(w, 0);
    WAIT_FOR(w, broker_counters(w->nodes[0].broker)->publish_lag_count >= 2);
    assert_true(broker_counters(w->nodes[0].broker)->publish_lag_us_sum > 0);
}

/* ---- requests ---- */

static void ask_all_kinds(struct world *w)
{
    struct member *member = node_member(&w->nodes[0], "den");
    char request[256];

    onlooker_subscribe(w, REDIS_PSUBSCRIBE, "socket.io-response*");
    publish(w, "socket.io-request#/#",
            "{\"uid\":\"asker\",\"requestId\":\"q0\",\"type\":0,\"rooms\":[\"den\"]}");
    publish(w, "socket.io-request#/#", "{\"uid\":\"asker\",\"requestId\":\"q1\",\"type\":1}");
    snprintf(request, sizeof(request),
             "{\"uid\":\"asker\",\"requestId\":\"q2\",\"type\":2,\"sid\":\"%s\",\"room\":\"new\"}",
             member->id);
    publish(w, "socket.io-request#/#", request);
    snprintf(request, sizeof(request),
             "{\"uid\":\"asker\",\"requestId\":\"q3\",\"type\":3,\"sid\":\"%s\",\"room\":\"den\"}",
             member->id);
    publish(w, "socket.io-request#/#", request);
    publish(
        w, "socket.io-request#/#",
        "{\"uid\":\"asker\",\"requestId\":\"q5\",\"type\":5,\"opts\":{\"rooms\":[\"new\"],\"except\":[]}}");
    publish(w, "socket.io-request#/#",
            "{\"uid\":\"asker\",\"requestId\":\"q6\",\"type\":6,\"data\":[\"hi\"]}");
    publish(
        w, "socket.io-request#/#",
        "{\"uid\":\"asker\",\"requestId\":\"q7\",\"type\":7,\"packet\":{\"type\":2,\"data\":[\"ask\"],\"nsp\":\"/\"},\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{\"timeout\":1000}}}");
    snprintf(request, sizeof(request),
             "{\"uid\":\"asker\",\"requestId\":\"q4\",\"type\":4,\"sid\":\"%s\",\"close\":true}",
             member->id);
    publish(w, "socket.io-request#/#", request);
}

static void test_answers_go_to_all(void **state)
{
    static const char channel[] = "socket.io-response#/#";
    struct world *w = *state;
    char answer[256];

    onlooker_start(w);
    node_start(w, 0);
    ask_all_kinds(w);
    WAIT_FOR(w, onlooker_saw(w, channel, "\"q4\"") == 1);
    WAIT_FOR(w, onlooker_saw(w, channel, "\"q5\"") == 1);
    snprintf(answer, sizeof(answer), "{\"requestId\":\"q0\",\"sockets\":[\"%s\"]}",
             w->nodes[0].members[0].id);
    assert_int_equal(onlooker_saw(w, channel, answer), 1);
    assert_int_equal(onlooker_saw(w, channel, "{\"requestId\":\"q1\",\"rooms\":["), 1);
    assert_int_equal(onlooker_saw(w, channel, "{\"requestId\":\"q2\"}"), 1);
    assert_int_equal(onlooker_saw(w, channel, "{\"requestId\":\"q3\"}"), 1);
    assert_int_equal(onlooker_saw(w, channel, "{\"requestId\":\"q5\",\"sockets\":[{\"id\""), 1);
    assert_int_equal(onlooker_saw(w, channel, "{\"type\":6,\"requestId\":\"q6\"}"), 1);
    assert_int_equal(
        onlooker_saw(w, channel, "{\"type\":8,\"requestId\":\"q7\",\"clientCount\":1}"), 1);
    assert_int_equal(onlooker_saw(w, channel, "heard"), 1);
    assert_int_equal(w->nodes[0].disconnects, 1);
    assert_int_equal(w->nodes[0].server_events, 1);
    assert_int_equal(broker_counters(w->nodes[0].broker)->requests_answered, 8);
    assert_int_equal(broker_counters(w->nodes[0].broker)->malformed, 0);
}

static void test_answers_go_to_the_asker(void **state)
{
    struct world *w = *state;

    w->responses = BROKER_REDIS_RESPONSES_SPECIFIC;
    onlooker_start(w);
    node_start(w, 0);
    ask_all_kinds(w);
    publish(w, "socket.io-request#/#", "{\"requestId\":\"q9\",\"type\":1}");
    WAIT_FOR(w, onlooker_saw(w, "socket.io-response#/#undefined#", "\"q9\"") == 1);
    WAIT_FOR(w, onlooker_saw(w, "socket.io-response#/#asker#", "\"q5\"") == 1);
    for (char q[] = "\"q0\""; q[2] <= '5'; q[2]++)
        assert_int_equal(onlooker_saw(w, "socket.io-response#/#asker#", q), 1);
    assert_int_equal(onlooker_saw(w, "socket.io-response#/#asker#", "\"q7\""), 1);
    assert_int_equal(onlooker_saw(w, "socket.io-response#/#asker#", "heard"), 1);
    /* Server-side events are the exception. */
    assert_int_equal(onlooker_saw(w, "socket.io-response#/#", "\"q6\""), 1);
    assert_int_equal(onlooker_saw(w, "socket.io-response#/#", "\"q0\""), 0);
}

static void test_long_answers(void **state)
{
    struct world *w = *state;
    struct member *member;
    char room[64];

    w->response_max_bytes = 8000;
    onlooker_start(w);
    node_start(w, 0);
    member = node_member(&w->nodes[0], NULL);
    onlooker_subscribe(w, REDIS_SUBSCRIBE, "socket.io-response#/#");
    for (unsigned i = 0; i < 100; i++) {
        snprintf(room, sizeof(room), "a room with a long name, number %u", i);
        broker_join(&member->member, room, strlen(room), NULL, NULL);
    }
    publish(w, "socket.io-request#/#", "{\"requestId\":\"fits\",\"type\":1}");
    WAIT_FOR(w, onlooker_saw(w, "socket.io-response#/#", "fits") == 1);
    for (unsigned i = 100; i < 300; i++) {
        snprintf(room, sizeof(room), "a room with a long name, number %u", i);
        broker_join(&member->member, room, strlen(room), NULL, NULL);
    }
    publish(w, "socket.io-request#/#", "{\"requestId\":\"big\",\"type\":1}");
    publish(w, "socket.io-request#/#", "{\"requestId\":\"after\",\"type\":0,\"rooms\":[]}");
    WAIT_FOR(w, onlooker_saw(w, "socket.io-response#/#", "after") == 1);
    assert_int_equal(onlooker_saw(w, "socket.io-response#/#", "big"), 0);
    assert_int_equal(broker_counters(w->nodes[0].broker)->responses_too_big, 1);
}

/* ---- garbage ---- */

static void test_garbage(void **state)
{
    static const char *const samples[] = {
        "",
        "{",
        "[]",
        "null",
        "{\"type\":5}",
        "{\"type\":7}",
        "{\"type\":\"x\"}",
        "\xc0",
        "\x93\xa3uid",
        "\x93\x01\x80\x80",
        "{\"type\":6,\"data\":\"x\",\"requestId\":1}",
        "\x92\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x91\x97\x00\xa1k\xa1s\xa1o\xa1"
        "1\xa0\xa0",
    };
    struct world *w = *state;
    char private_channel[128];
    const char *const channels[] = {
        "socket.io#/#",
        "socket.io#/#room#",
        "socket.io#/##",
        private_channel,
        "socket.io-request#/#",
        "socket.io-response#/#",
        "confab:{socket.io}:names:/",
    };
    struct emission emission = {0};
    struct rng rng;
    uint8_t bytes[64];

    onlooker_start(w);
    node_start(w, 0);
    node_start(w, 1);
    node_claim(&w->nodes[0], "ann");
    node_member(&w->nodes[0], "room");
    node_member(&w->nodes[1], "room");
    snprintf(private_channel, sizeof(private_channel), "socket.io#/#%s#",
             w->nodes[0].members[0].id);
    rng_init_seeded(&rng, 7);
    for (size_t c = 0; c < TEST_COUNT(channels); c++) {
        for (size_t i = 0; i < TEST_COUNT(samples); i++)
            publish(w, channels[c], samples[i]);
        for (unsigned i = 0; i < GARBAGE_ROUNDS; i++) {
            uint32_t length = rng_below(&rng, sizeof(bytes));

            rng_bytes(&rng, bytes, length);
            onlooker_publish(w, channels[c], bytes, length);
            if (i % 20 == 0)
                world_turn(w);
        }
    }
    onlooker_ask(w, "PING", NULL); /* so that what follows is behind all of it */
    node_emit_ordered(&w->nodes[1], "still there", "room", &emission);
    WAIT_FOR(w, strcmp(w->nodes[0].members[0].heard.last, "still there") == 0);
    assert_true(broker_counters(w->nodes[0].broker)->malformed > 1000);
    node_settle(&w->nodes[0]);
    assert_string_equal(node_list(&w->nodes[0]), "ann");
    node_claim(&w->nodes[1], "bob");
    WAIT_FOR(w, strcmp(node_list(&w->nodes[0]), "ann bob") == 0);
    WAIT_FOR(w, strcmp(node_list(&w->nodes[1]), "ann bob") == 0);
}

/* ---- the tag ---- */

static void test_tag_of_a_live_process(void **state)
{
    struct world *w = *state;

    node_make(w, 0, "abc");
    node_settle(&w->nodes[0]);
    node_make(w, 1, "abc");
    WAIT_FOR(w, w->nodes[1].refused == 1);
    assert_string_equal(w->nodes[1].holder, "host0");
    world_pass(w, 2 * LEASE_MS);
    assert_int_equal(w->nodes[1].refused, 1);
    assert_int_equal(w->nodes[0].refused, 0);
    assert_int_equal(broker_state(w->nodes[1].broker), BROKER_STARTING);
    /* Once it is free it is taken. */
    node_crash(&w->nodes[0]);
    WAIT_FOR(w, broker_state(w->nodes[1].broker) == BROKER_UP);
}

static void test_tag_of_a_dead_process(void **state)
{
    struct world *w = *state;
    int64_t since_ms;

    node_make(w, 0, "abc");
    node_settle(&w->nodes[0]);
    node_crash(&w->nodes[0]);
    since_ms = world_now_ms();
    node_make(w, 1, "abc");
    node_settle(&w->nodes[1]);
    assert_string_equal(broker_node_tag(w->nodes[1].broker), "abc");
    /* Redis knows that its connection is gone: no need to wait for its lease. */
    assert_true(world_now_ms() - since_ms < LEASE_MS);
    assert_int_equal(w->nodes[1].refused, 0);
}

static void test_drawn_tags(void **state)
{
    struct world *w = *state;
    struct broker_redis_stats stats;

    for (unsigned i = 0; i < NODES_MAX; i++) {
        node_start(w, i);
        assert_int_equal(strlen(broker_node_tag(w->nodes[i].broker)), 5);
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(broker_node_tag(w->nodes[i].broker),
                                    broker_node_tag(w->nodes[k].broker));
    }
    do {
        world_turn(w);
        broker_redis_stats(w->nodes[0].broker, &stats);
    } while (stats.nodes != NODES_MAX);
    assert_true(stats.command_up && stats.subscriber_up);
    assert_true(stats.subscriptions >= 4);
}

static void test_addresses(void **state)
{
    static const struct {
        const char *url;
        int err;
        const char *host;
        uint16_t port;
        const char *username, *password;
        unsigned db;
    } cases[] = {
        {"redis://host", CONFAB_OK, "host", 6379, "", "", 0},
        {"redis://host:1234/5", CONFAB_OK, "host", 1234, "", "", 5},
        {"redis://host/", CONFAB_OK, "host", 6379, "", "", 0},
        {"redis://:secret@host", CONFAB_OK, "host", 6379, "", "secret", 0},
        {"redis://me:s%40c%3aret@[::1]:7/1", CONFAB_OK, "::1", 7, "me", "s@c:ret", 1},
        {"redis://a:b@c@host", CONFAB_OK, "host", 6379, "a", "b@c", 0},
        {"unix:///run/redis.sock?db=2", CONFAB_OK, "/run/redis.sock", 0, "", "", 2},
        {"redis://", CONFAB_EPARSE, NULL, 0, NULL, NULL, 0},
        {"redis://host:0", CONFAB_EPARSE, NULL, 0, NULL, NULL, 0},
        {"redis://host:65536", CONFAB_EPARSE, NULL, 0, NULL, NULL, 0},
        {"redis://host/x", CONFAB_EPARSE, NULL, 0, NULL, NULL, 0},
        {"redis://host/1/2", CONFAB_EPARSE, NULL, 0, NULL, NULL, 0},
        {"redis://host?x=1", CONFAB_EPARSE, NULL, 0, NULL, NULL, 0},
        {"redis://%zz@host", CONFAB_EPARSE, NULL, 0, NULL, NULL, 0},
        {"redis://a%4@host", CONFAB_EPARSE, NULL, 0, NULL, NULL, 0},
        {"redis://[::1", CONFAB_EPARSE, NULL, 0, NULL, NULL, 0},
        {"http://host", CONFAB_EPARSE, NULL, 0, NULL, NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct redis_address address;

        if (redis_address_parse(cases[i].url, &address) != cases[i].err)
            fail_msg("%s", cases[i].url);
        if (cases[i].err != CONFAB_OK)
            continue;
        assert_string_equal(address.host, cases[i].host);
        assert_int_equal(address.port, cases[i].port);
        assert_string_equal(address.username, cases[i].username);
        assert_string_equal(address.password, cases[i].password);
        assert_int_equal(address.db, cases[i].db);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_counted_once),
        CASE(test_rooms_come_and_go),
        CASE(test_rooms_in_a_hurry),
        CASE(test_private_rooms),
        CASE(test_names_that_collide),
        CASE(test_glob_characters),
        CASE(test_own_messages),
        CASE(test_publish_lag),
        CASE(test_answers_go_to_all),
        CASE(test_answers_go_to_the_asker),
        CASE(test_long_answers),
        CASE(test_garbage),
        CASE(test_tag_of_a_live_process),
        CASE(test_tag_of_a_dead_process),
        CASE(test_drawn_tags),
        cmocka_unit_test(test_addresses),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
