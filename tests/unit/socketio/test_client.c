/* A session's packets: what joins, what is answered, what closes. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/unit/socketio/harness.h"

static void on_echo(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_emit(socket, "back", confab_value_hold(confab_event_args(event)));
}

static void on_connect(struct confab_socket *socket, void *user)
{
    (void)user;
    confab_emit(socket, "auth", confab_list(confab_value_hold(confab_socket_auth(socket)), NULL));
}

static void on_disconnect(struct confab_socket *socket, const char *reason, void *user)
{
    harness_note(user, "%s(%s)", confab_namespace_name(confab_socket_namespace(socket)), reason);
}

/* Two namespaces that echo and say who left. */
static int setup(void **state)
{
    harness_setup(state);
    struct harness *h = *state;
    static const char *const names[] = {"/", "adm"};
    for (size_t i = 0; i < TEST_COUNT(names); i++) {
        struct confab_namespace *nsp = confab_of(h->server, names[i]);
        confab_on(nsp, "echo", on_echo, h);
        confab_on_disconnect(nsp, on_disconnect, h);
    }
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, harness_teardown)

/* ---- joining ---- */

static void test_connect(void **state)
{
    struct harness *h = *state;
    confab_on_connect(confab_of(h->server, "/"), on_connect, h);
    struct peer *peer = peer_open(h);
    peer_send(peer, "40");
    peer_expect(peer, "40{\"sid\":\"abc.*\"}");
    peer_expect(peer, "42[\"auth\",{}]");
    peer_send(peer, "42[\"echo\",1,{\"a\":[]}]");
    peer_expect(peer, "42[\"back\",1,{\"a\":[]}]");
    peer_quiet(peer);
    assert_int_equal(confab_namespace_size(confab_of(h->server, "/")), 1);
}

static void test_id(void **state)
{
    struct harness *h = *state;
    struct peer *a = peer_connect(h, "/");
    struct peer *b = peer_connect(h, "/");
    assert_int_equal(strlen(a->id), 20);
    assert_memory_equal(a->id, "abc.", 4);
    assert_string_not_equal(a->id, b->id);
    assert_string_equal(confab_socket_id(peer_socket(a, "/")), a->id);
}

static void test_auth(void **state)
{
    struct harness *h = *state;
    confab_on_connect(confab_of(h->server, "/adm"), on_connect, h);
    struct peer *peer = peer_open(h);
    peer_send(peer, "40/adm,{\"token\":\"123\"}");
    peer_expect(peer, "40/adm,{\"sid\":\"*\"}");
    peer_expect(peer, "42/adm,[\"auth\",{\"token\":\"123\"}]");
}

static void test_two_namespaces(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_connect(h, "/");
    char main_id[32];
    snprintf(main_id, sizeof(main_id), "%s", peer->id);
    peer_join(peer, "/adm", "");
    assert_string_not_equal(main_id, peer->id);
    peer_send(peer, "42/adm,[\"echo\",2]");
    peer_expect(peer, "42/adm,[\"back\",2]");
    peer_send(peer, "41/adm");
    harness_told(h, "/adm(client namespace disconnect)");
    peer_send(peer, "42[\"echo\",3]");
    peer_expect(peer, "42[\"back\",3]");
    peer_join(peer, "/adm", "");
    peer_quiet(peer);
}

static void test_unknown_namespace(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_open(h);
    peer_send(peer, "40/random");
    peer_expect(peer, "44/random,{\"message\":\"Invalid namespace\"}");
    peer_join(peer, "/", "");
    peer_quiet(peer);
}

static void test_events_behind_connect(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_open(h);
    peer_send_all(peer, "40", "42[\"echo\",1]", "420[\"echo\",2]", "41", NULL);
    peer_expect(peer, "40{\"sid\":\"*\"}");
    peer_expect(peer, "42[\"back\",1]");
    peer_expect(peer, "42[\"back\",2]");
    peer_quiet(peer);
    harness_told(h, "/(client namespace disconnect)");
}

/* ---- what closes ---- */

static void test_breaking_the_rules(void **state)
{
    struct harness *h = *state;
    static const char *const packets[] = {
        "40",                    /* a second time */
        "40{\"a\":1}",           /* the same */
        "4abc",                  /* no packet */
        "4",                     /* a CONNECT, strictly read: the second */
        "47",                    /* no type */
        "42{}",                  /* no array */
        "42[]",                  /* no name */
        "42[null]",              /* the same */
        "42[{}]",                /* the same */
        "42[\"connect\"]",       /* reserved */
        "42[\"disconnecting\"]", /* reserved */
        "42[\"a\"",              /* no JSON */
        "42abc[\"a\"]",          /* no id */
        "42/adm,[\"echo\"]",     /* not joined */
        "41/adm",                /* the same */
        "43/adm,1[]",            /* the same */
        "44{\"message\":\"x\"}", /* from the server only */
        "44/adm,\"x\"",          /* the same */
        "450-[\"a\"]",           /* no attachments */
        "4511-[\"a\"]",          /* too many */
    };
    for (size_t i = 0; i < TEST_COUNT(packets); i++) {
        struct peer *peer = peer_connect(h, "/");
        peer_send(peer, packets[i]);
        if (!peer->closed)
            fail_msg("%s did not close the session", packets[i]);
        peer_expect_closed(peer);
        harness_told(h, "/(forced close)");
    }
    assert_int_equal(server_counters(h->server)->bad_packets, TEST_COUNT(packets));
}

static void test_attachments_out_of_place(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_connect(h, "/");
    peer_send_binary(peer, "\x01", 1);
    peer_expect_closed(peer);
    peer = peer_connect(h, "/");
    peer_send(peer, "451-[\"echo\",{\"_placeholder\":true,\"num\":0}]");
    peer_quiet(peer);
    peer_send(peer, "42[\"echo\"]");
    peer_expect_closed(peer);
    peer = peer_connect(h, "/");
    peer_send(peer, "451-[\"echo\",{\"_placeholder\":true,\"num\":1}]");
    peer_send_binary(peer, "\x01", 1);
    peer_expect_closed(peer);
}

static void test_what_does_not_close(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_connect(h, "/");
    static const char *const packets[] = {
        "43[]",  "4399[]",           "43", "42", "425", "42[\"unknown\"]", "421[\"unknown\",2]",
        "42[7]", "42 [\"unknown\"]",
    };
    for (size_t i = 0; i < TEST_COUNT(packets); i++) {
        peer_send(peer, packets[i]);
        peer_quiet(peer);
    }
    peer_send(peer, "42,[\"echo\"]");
    peer_expect_closed(peer);
}

static void test_packets_before_connect(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_open(h);
    peer_send(peer, "42[\"echo\"]");
    peer_expect_closed(peer);
    harness_told(h, "");
}

/* The news that this side ended a namespace may cross packets for it. */
static void test_crossing_packets(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_connect(h, "/adm");
    struct confab_socket *socket = peer_socket(peer, "/adm");
    confab_disconnect(socket, false);
    harness_told(h, "/adm(server namespace disconnect)");
    peer_send_all(peer, "42/adm,[\"echo\"]", "43/adm,1[]", "41/adm,", NULL);
    peer_expect(peer, "41/adm,");
    peer_quiet(peer);
    peer_join(peer, "/adm", "");
    peer_send_all(peer, "41/adm,", "42/adm,[\"echo\"]", NULL);
    peer_expect_closed(peer);
}

/* ---- ends ---- */

static void test_reasons(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_connect(h, "/");
    peer_leave(peer);
    harness_told(h, "/(transport close)");
    peer = peer_connect(h, "/");
    peer_lose(peer);
    harness_told(h, "/(transport error)");
    peer = peer_connect(h, "/");
    peer->silent = true;
    harness_pass(h, 45000);
    harness_told(h, "/(ping timeout)");
    peer = peer_connect(h, "/");
    peer_join(peer, "/adm", "");
    peer_send(peer, "1");
    harness_told(h, "/(transport close) /adm(transport close)");
    peer = peer_connect(h, "/");
    peer_send(peer, "7");
    harness_told(h, "/(parse error)");
    assert_int_equal(server_client_count(h->server), 0);
}

static void test_disconnect_by_server(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_connect(h, "/");
    confab_disconnect(peer_socket(peer, "/"), false);
    harness_told(h, "/(server namespace disconnect)");
    harness_turn(h);
    peer_expect(peer, "41");
    peer_quiet(peer);
    peer_join(peer, "/", "");
    peer_join(peer, "/adm", "");
    confab_disconnect(peer_socket(peer, "/adm"), true);
    harness_told(h, "/adm(server namespace disconnect) /(server namespace disconnect)");
    harness_turn(h);
    peer_expect(peer, "41/adm,");
    peer_expect(peer, "41");
    peer_expect_closed(peer);
    assert_int_equal(eio_engine_counters(h->engine)->closed[EIO_CLOSE_SERVER], 1);
}

static void test_connect_timeout(void **state)
{
    struct harness *h = *state;
    struct peer *never = peer_open(h);
    struct peer *joined = peer_connect(h, "/");
    struct peer *refused = peer_open(h);
    peer_send(refused, "40/none");
    peer_expect(refused, "44/none,*");
    peer_send(joined, "41");
    harness_pass(h, 44999);
    peer_quiet(never);
    harness_pass(h, 1);
    peer_expect_closed(never);
    peer_expect_closed(refused);
    peer_quiet(joined); /* had joined once */
    assert_int_equal(eio_engine_counters(h->engine)->closed[EIO_CLOSE_CONNECT_TIMEOUT], 2);
}

static void test_attachments_that_never_come(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_connect(h, "/");
    harness_pass(h, 50000);
    peer_send(peer, "451-[\"echo\",{\"_placeholder\":true,\"num\":0}]");
    harness_pass(h, 44000);
    peer_send_binary(peer, "\x01", 1);
    peer_expect(peer, "451-[\"back\",{\"_placeholder\":true,\"num\":0}]");
    peer_expect_binary(peer, "\x01", 1);
    harness_pass(h, 100000);
    peer_quiet(peer);
    peer_send(peer, "451-[\"echo\",{\"_placeholder\":true,\"num\":0}]");
    harness_pass(h, 45000);
    peer_expect_closed(peer);
    assert_int_equal(server_counters(h->server)->limits[SERVER_LIMIT_INCOMPLETE], 1);
}

/* ---- limits ---- */

static void test_many_namespaces(void **state)
{
    struct harness *h = *state;
    char name[32];
    struct peer *peer = peer_open(h);
    for (int i = 0; i < 65; i++) {
        snprintf(name, sizeof(name), "/n%d", i);
        confab_of(h->server, name);
        if (i < 64)
            peer_join(peer, name, "");
    }
    peer_send(peer, "40/n64");
    peer_expect(peer, "44/n64,{\"message\":\"Too many namespaces\"}");
    peer_send(peer, "41/n3");
    peer_join(peer, "/n64", "");
}

static void test_large_auth(void **state)
{
    struct harness *h = *state;
    char *packet = xmalloc(70000);
    memset(packet, 'x', 70000);
    memcpy(packet, "40{\"a\":\"", 8);
    memcpy(packet + 69997, "\"}", 3);
    struct peer *peer = peer_open(h);
    peer_send(peer, packet);
    peer_expect(peer, "44{\"message\":\"Too much auth data\"}");
    peer_join(peer, "/", "");
    free(packet);
}

static void test_polling(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_open_polling(h);
    peer_join(peer, "/", "");
    assert_string_equal(confab_socket_transport(peer_socket(peer, "/")), "polling");
    peer_send(peer, "452-[\"echo\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,"
                    "\"num\":0}]");
    peer_send_binary(peer, "\x01\x02", 2);
    peer_send_binary(peer, "", 0);
    peer_expect(peer, "452-[\"back\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,"
                      "\"num\":1}]");
    peer_expect_binary(peer, "", 0);
    peer_expect_binary(peer, "\x01\x02", 2);
    harness_pass(h, 60000);
    peer_quiet(peer);
    peer_lose(peer);
    harness_told(h, "/(transport error)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_connect),
        TEST(test_id),
        TEST(test_auth),
        TEST(test_two_namespaces),
        TEST(test_unknown_namespace),
        TEST(test_events_behind_connect),
        TEST(test_breaking_the_rules),
        TEST(test_attachments_out_of_place),
        TEST(test_what_does_not_close),
        TEST(test_packets_before_connect),
        TEST(test_crossing_packets),
        TEST(test_reasons),
        TEST(test_disconnect_by_server),
        TEST(test_connect_timeout),
        TEST(test_attachments_that_never_come),
        TEST(test_many_namespaces),
        TEST(test_large_auth),
        TEST(test_polling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
