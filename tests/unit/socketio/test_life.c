/* Timers, the drain, the end with everything pending, and the table of ids. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/live.h"
#include "common/mem.h"
#include "gateway/socketio/slots.h"
#include "tests/unit/socketio/harness.h"
#include <confab/err.h>

/* ---- ids ---- */

static void test_slots(void **state)
{
    (void)state;
    struct slots slots;
    int objects[100];
    uint64_t ids[100];
    slots_init(&slots);
    assert_null(slots_find(&slots, 0));
    assert_null(slots_find(&slots, 12345));
    assert_null(slots_any(&slots));
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 100; i++) {
            uint64_t id = slots_add(&slots, &objects[i]);
            assert_int_not_equal(id, 0);
            if (round > 0) {
                assert_int_not_equal(id, ids[i]);
                assert_null(slots_find(&slots, ids[i])); /* of the round before */
            }
            ids[i] = id;
        }
        assert_int_equal(slots.count, 100);
        for (size_t i = 0; i < 100; i++) {
            assert_ptr_equal(slots_find(&slots, ids[i]), &objects[i]);
            slots_remove(&slots, ids[i]);
            slots_remove(&slots, ids[i]);
            assert_null(slots_find(&slots, ids[i]));
        }
        assert_int_equal(slots.count, 0);
    }
    slots_fini(&slots);
}

/* ---- later ---- */

static void again(struct confab_server *server, void *user)
{
    harness_note(user, "%lld", (long long)confab_now_ms(server));
    confab_after(server, 0, again, NULL, user);
}

static void once(struct confab_server *server, void *user)
{
    (void)server;
    harness_note(user, "once");
}

static void dropped(void *user)
{
    harness_note(user, "dropped");
}

static void test_after(void **state)
{
    struct harness *h = *state;
    confab_after(h->server, 5, once, dropped, h);
    confab_after(h->server, 5000, once, dropped, h);
    confab_after(h->server, -7, once, dropped, h);
    harness_turn(h);
    harness_told(h, "");
    harness_pass(h, 1);
    harness_told(h, "once");
    harness_pass(h, 3);
    harness_told(h, "");
    harness_pass(h, 1);
    harness_told(h, "once");
    again(h->server, h); /* a turn ends all the same */
    harness_pass(h, 2);
    harness_told(h, "1005 1006 1007");
    assert_int_equal(server_deadline(h->server), 1008);
    server_stop(h->server);
    harness_told(h, "dropped");
    confab_after(h->server, 1, once, dropped, h);
    harness_told(h, "dropped");
    assert_int_equal(server_deadline(h->server), INT64_MAX);
}

static void test_clocks(void **state)
{
    struct harness *h = *state;
    assert_int_equal(confab_now_ms(h->server), h->now_ms);
    assert_int_equal(confab_wall_ms(h->server), h->wall_ms);
    uint8_t a[16] = {0};
    uint8_t b[16] = {0};
    confab_random(h->server, a, sizeof(a));
    confab_random(h->server, b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    for (int i = 0; i < SERVER_LIMIT_COUNT; i++)
        assert_true(strlen(server_limit_label((enum server_limit)i)) > 4);
}

/* ---- drain ---- */

static void on_disconnect(struct confab_socket *socket, const char *reason, void *user)
{
    (void)socket;
    harness_note(user, "(%s)", reason);
}

static size_t open_count(const struct harness *h)
{
    return eio_engine_session_count(h->engine);
}

static void test_drain(void **state)
{
    struct harness *h = *state;
    struct peer *peers[10];
    confab_of(h->server, "/");
    for (size_t i = 0; i < 10; i++)
        peers[i] = i % 2 == 0 ? peer_connect(h, "/") : peer_open_polling(h);
    server_drain(h->server, 1000);
    harness_turn(h);
    assert_int_equal(open_count(h), 10);
    harness_pass(h, 501);
    assert_int_equal(open_count(h), 5);
    struct peer *newcomer = peer_open(h);
    peer_quiet(newcomer);
    harness_pass(h, 498);
    assert_true(open_count(h) >= 1);
    harness_pass(h, 10);
    assert_int_equal(open_count(h), 0);
    peer_expect_closed(newcomer);
    for (size_t i = 0; i < 10; i++)
        peer_expect_closed(peers[i]);
    assert_int_equal(eio_engine_counters(h->engine)->closed[EIO_CLOSE_SHUTDOWN], 11);
    server_drain(h->server, 1000);
    server_drain(h->server, 0);
    harness_turn(h);
}

static void test_drain_at_once(void **state)
{
    struct harness *h = *state;
    confab_on_disconnect(confab_of(h->server, "/"), on_disconnect, h);
    struct peer *peer = peer_connect(h, "/");
    server_drain(h->server, 0);
    assert_true(server_deadline(h->server) <= h->now_ms + 1);
    harness_turn(h);
    peer_expect_closed(peer); /* no DISCONNECT packet */
    harness_told(h, "(server shutting down)");
}

/* ---- the end ---- */

static void keep_token(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)socket;
    struct confab_token *token = user;
    *token = confab_defer(event, 0);
}

static void never_decide(struct confab_socket *socket, struct confab_token token, void *user)
{
    (void)socket;
    (void)token;
    (void)user;
}

static void on_answer(struct confab_server *server, int status, const struct confab_value *args,
                      void *user)
{
    (void)server;
    (void)args;
    harness_note(user, "%s", confab_errname(status));
}

static void free_user(void *pointer)
{
    harness_note(pointer, "freed");
}

static void test_end_with_everything_pending(void **state)
{
    struct harness *h = *state;
    struct confab_token token = {0};
    struct confab_namespace *nsp = confab_of(h->server, "/");
    confab_on(nsp, "later", keep_token, &token);
    confab_on_disconnect(nsp, on_disconnect, h);
    confab_use(confab_of(h->server, "/slow"), never_decide, NULL);
    struct peer *peer = peer_connect(h, "/");
    struct confab_socket *socket = peer_socket(peer, "/");
    confab_set_user(socket, h, free_user);
    confab_emit_with_ack(socket, "q", confab_array(), 0, on_answer, h);
    confab_emit_with_ack(socket, "q", confab_array(), 1000, on_answer, h);
    peer_send_all(peer, "40/slow,", "42/slow,[\"x\"]", "421[\"later\"]", "42[\"later\"]",
                  "451-[\"later\",{\"_placeholder\":true,\"num\":0}]", NULL);
    struct peer *gone = peer_connect(h, "/");
    peer_send_all(gone, "421[\"later\"]", "42[\"later\"]", NULL);
    peer_lose(gone);
    server_stop(h->server);
    server_stop(h->server);
    harness_told(h, "closed closed (server shutting down) freed (transport error)");
    assert_int_equal(confab_answer(h->server, token, confab_array()), CONFAB_ENOTFOUND);
    assert_int_equal(confab_emit_all(nsp, "x", confab_array()), CONFAB_ECLOSED);
    peer_drop_inbox(peer);
}

static void test_handles(void **state)
{
    struct harness *h = *state;
    confab_of(h->server, "/");
    struct peer *peer = peer_connect(h, "/");
    struct confab_socket *socket = peer_socket(peer, "/");
    struct confab_handle handle = confab_socket_handle(socket);
    assert_ptr_equal(confab_socket_find(h->server, handle), socket);
    assert_ptr_equal(confab_socket_server(socket), h->server);
    assert_string_equal(confab_socket_transport(socket), "websocket");
    assert_int_equal(confab_size(confab_data(socket)), 0);
    assert_null(confab_user(socket));
    peer_lose(peer);
    assert_null(confab_socket_find(h->server, handle));
    peer = peer_connect(h, "/");
    assert_null(confab_socket_find(h->server, handle));
    assert_null(confab_socket_find(h->server, (struct confab_handle){0}));
}

/* What a stopped server is told to do again is done. */
static void test_stopped_twice(void **state)
{
    struct harness *h = *state;
    confab_on_disconnect(confab_of(h->server, "/"), on_disconnect, h);
    peer_connect(h, "/");
    server_stop(h->server);
    harness_told(h, "(server shutting down)");
    server_stop(h->server);
    harness_told(h, "");
}

static void test_sizes(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h, NULL);
    confab_of(h.server, "/");
    int64_t before = live_total();
    for (int i = 0; i < 200; i++)
        peer_lose(peer_connect(&h, "/"));
    /* What is left is in the clients' inboxes of the test, not here. */
    assert_int_equal(live_count(LIVE_CLIENT), 0);
    assert_int_equal(live_count(LIVE_SOCKET), 0);
    assert_int_equal(live_total(), before);
    harness_fini(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots),     HARNESS_TEST(test_after),
        HARNESS_TEST(test_clocks),        HARNESS_TEST(test_drain),
        HARNESS_TEST(test_drain_at_once), HARNESS_TEST(test_end_with_everything_pending),
        HARNESS_TEST(test_handles),       HARNESS_TEST(test_stopped_twice),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
