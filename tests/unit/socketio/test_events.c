/* Events to the server and back: handlers, acknowledgements both ways, binary, emits. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/value.h"
#include "tests/unit/socketio/harness.h"
#include <confab/err.h>

static struct confab_value *args_of(const struct confab_event *event)
{
    return confab_value_hold(confab_event_args(event));
}

static void on_echo(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    assert_true(confab_emit(socket, "back", args_of(event)));
}

static void on_ack(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)socket;
    harness_note(user, "wants:%d", confab_event_wants_ack(event));
    confab_ack(event, args_of(event));
    assert_false(confab_event_wants_ack(event));
    confab_ack(event, confab_list(confab_string("twice"), NULL));
}

static void on_bare(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_emit(socket, "bare", NULL);
    confab_ack(event, NULL);
}

static void on_named(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)socket;
    harness_note(user, "%s/%zu", confab_event_name(event), confab_size(confab_event_args(event)));
}

static void on_any(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)socket;
    harness_note(user, "any:%s%s", confab_event_name(event),
                 confab_event_handled(event) ? "" : "?");
}

static int setup(void **state)
{
    harness_setup(state);
    struct harness *h = *state;
    struct confab_namespace *nsp = confab_of(h->server, "/");
    confab_on(nsp, "echo", on_echo, h);
    confab_on(nsp, "ack", on_ack, h);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, harness_teardown)

static void test_acks(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_connect(h, "/");
    peer_send(peer, "42456[\"ack\",1,\"2\",{\"3\":[false]}]");
    peer_expect(peer, "43456[1,\"2\",{\"3\":[false]}]");
    peer_send(peer, "420[\"ack\"]");
    peer_expect(peer, "430[]");
    peer_send(peer, "42007[\"ack\"]");
    peer_expect(peer, "437[]");
    peer_send(peer, "4299999999999999999999[\"ack\"]");
    peer_expect(peer, "43100000000000000000000[]");
    peer_send(peer, "42[\"ack\",1]");
    peer_quiet(peer);
    harness_told(h, "wants:1 wants:1 wants:1 wants:1 wants:0");
    confab_on(confab_of(h->server, "/"), "bare", on_bare, h);
    peer_send(peer, "420[\"bare\"]");
    peer_expect(peer, "42[\"bare\"]");
    peer_expect(peer, "430[]");
}

static void test_binary(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_connect(h, "/");
    static const char head[] = "452-789[\"ack\",{\"_placeholder\":true,\"num\":0},"
                               "{\"b\":{\"_placeholder\":true,\"num\":1}}]";
    peer_send(peer, head);
    peer_send_binary(peer, "\x01\x02\x03", 3);
    peer_send_binary(peer, "\xff", 1);
    peer_expect(peer, "462-789[{\"_placeholder\":true,\"num\":0},"
                      "{\"b\":{\"_placeholder\":true,\"num\":1}}]");
    peer_expect_binary(peer, "\x01\x02\x03", 3);
    peer_expect_binary(peer, "\xff", 1);
    peer_quiet(peer);
}

static void test_names(void **state)
{
    struct harness *h = *state;
    struct confab_namespace *nsp = confab_of(h->server, "/");
    static const char *const names[] = {"7", "1.5", "1e+21", "-1", "", "a"};
    for (size_t i = 0; i < TEST_COUNT(names); i++)
        confab_on(nsp, names[i], on_named, h);
    struct peer *peer = peer_connect(h, "/");
    peer_send_all(peer, "42[7,1]", "42[1.5]", "42[1e21]", "42[-1]", "42[\"\"]", "42[\"7\"]", NULL);
    harness_told(h, "7/1 1.5/0 1e+21/0 -1/0 /0 7/0");
    /* A name with a NUL inside is not the name before it. */
    peer_send(peer, "42[\"a\\u0000b\"]");
    peer_send(peer, "42[8]");
    harness_told(h, "");
    confab_on(nsp, "7", NULL, NULL);
    peer_send(peer, "42[7]");
    harness_told(h, "");
    peer_quiet(peer);
}

static void test_any(void **state)
{
    struct harness *h = *state;
    struct confab_namespace *nsp = confab_of(h->server, "/");
    confab_on_any(nsp, on_any, h);
    confab_on(nsp, "known", on_named, h);
    struct peer *peer = peer_connect(h, "/");
    peer_send_all(peer, "42[\"known\",1,2]", "42[\"other\"]", NULL);
    harness_told(h, "any:known known/2 any:other?");
}

static void test_emit(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_connect(h, "/");
    struct confab_socket *socket = peer_socket(peer, "/");
    assert_true(confab_emit(socket, "none", confab_array()));
    assert_true(
        confab_emit(socket, "v", confab_list(confab_undefined(), confab_binary("ab", 2), NULL)));
    assert_false(confab_emit(socket, "disconnect", confab_array()));
    assert_false(confab_emit(socket, "newListener", confab_list(confab_int(1), NULL)));
    assert_true(confab_emit_volatile(socket, "vol", confab_array()) == false);
    harness_turn(h);
    peer_expect(peer, "42[\"none\"]");
    peer_expect(peer, "451-[\"v\",null,{\"_placeholder\":true,\"num\":0}]");
    peer_expect_binary(peer, "ab", 2);
    assert_true(confab_emit_volatile(socket, "vol", confab_list(confab_int(1), NULL)));
    harness_turn(h);
    peer_expect(peer, "42[\"vol\",1]");
    peer_quiet(peer);
    assert_int_equal(server_counters(h->server)->deliveries, 3);
    assert_int_equal(server_counters(h->server)->volatile_drops, 1);
}

static void test_packet(void **state)
{
    struct harness *h = *state;
    struct confab_namespace *nsp = confab_of(h->server, "/");
    struct peer *a = peer_connect(h, "/");
    struct peer *b = peer_connect(h, "/");
    struct confab_packet *packet =
        confab_packet_new(nsp, "list", confab_list(confab_string("x"), NULL));
    assert_true(confab_emit_packet(peer_socket(a, "/"), packet));
    assert_true(confab_emit_packet(peer_socket(b, "/"), packet));
    confab_packet_free(&packet);
    assert_null(packet);
    harness_turn(h);
    peer_expect(a, "42[\"list\",\"x\"]");
    peer_expect(b, "42[\"list\",\"x\"]");
    assert_null(confab_packet_new(nsp, "connect", confab_array()));
    confab_packet_free(&packet);
}

static void on_answer(struct confab_server *server, int status, const struct confab_value *args,
                      void *user)
{
    struct harness *h = user;
    struct buf json;
    assert_ptr_equal(server, h->server);
    buf_init(&json, 4096);
    if (args != NULL)
        value_write_json(args, &json, NULL);
    harness_note(h, "%s%s", confab_errname(status), buf_text(&json));
    buf_fini(&json);
}

static void test_too_large(void **state)
{
    struct harness small;
    (void)state;
    struct harness_config config = {.server = {.max_encoded_bytes = 64}};
    harness_init(&small, &config);
    struct confab_namespace *nsp = confab_of(small.server, "/");
    struct peer *peer = peer_connect(&small, "/");
    struct confab_value *text = confab_string_n("0123456789012345678901234567890123456789"
                                                "0123456789012345678901234567890123456789",
                                                80);
    assert_false(
        confab_emit(peer_socket(peer, "/"), "x", confab_list(confab_value_hold(text), NULL)));
    confab_emit_all(nsp, "x", confab_list(confab_value_hold(text), NULL));
    confab_emit_with_ack(peer_socket(peer, "/"), "x", confab_list(confab_value_hold(text), NULL), 0,
                         on_answer, &small);
    assert_null(confab_packet_new(nsp, "x", confab_list(text, NULL)));
    harness_turn(&small);
    harness_told(&small, "limit");
    peer_quiet(peer);
    confab_emit_all(nsp, "y", confab_array());
    harness_turn(&small);
    peer_expect(peer, "42[\"y\"]");
    assert_int_equal(server_counters(small.server)->limits[SERVER_LIMIT_ENCODED], 4);
    harness_fini(&small);
}

/* ---- asking clients ---- */

static void ask(struct harness *h, struct peer *peer, int64_t timeout_ms)
{
    confab_emit_with_ack(peer_socket(peer, "/"), "q", confab_list(confab_int(1), NULL), timeout_ms,
                         on_answer, h);
}

static void test_asking(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_connect(h, "/");
    ask(h, peer, 0);
    ask(h, peer, 1000);
    harness_turn(h);
    peer_expect(peer, "420[\"q\",1]");
    peer_expect(peer, "421[\"q\",1]");
    harness_told(h, "");
    peer_send(peer, "431[\"b\",{\"n\":1}]");
    peer_send(peer, "430[]");
    harness_told(h, "ok[\"b\",{\"n\":1}] ok[]");
    peer_send(peer, "430[]");
    peer_send(peer, "437[]");
    harness_told(h, "");
    ask(h, peer, 1000);
    harness_turn(h);
    peer_send(peer, "432");
    harness_told(h, "ok[]");
}

static void ask_with(struct harness *h, struct peer *peer, int64_t timeout_ms, unsigned flags)
{
    confab_emit_with_ack_flags(peer_socket(peer, "/"), "q", confab_list(confab_int(1), NULL),
                               timeout_ms, flags, on_answer, h);
}

/* What a client cannot take now was not sent, and its maker hears of it without waiting. */
static void test_asking_volatile(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_connect(h, "/");
    ask_with(h, peer, 0, CONFAB_VOLATILE | CONFAB_COMPRESS_OFF);
    ask_with(h, peer, 1000, CONFAB_VOLATILE);
    harness_told(h, ""); /* not inside the call */
    harness_turn(h);
    harness_told(h, "again");
    peer_expect(peer, "420[\"q\",1]");
    peer_quiet(peer);
    assert_int_equal(peer->plain, 1);
    assert_int_equal(server_counters(h->server)->volatile_drops, 1);
    peer_send(peer, "430[2]");
    harness_told(h, "ok[2]");
    ask_with(h, peer, 500, CONFAB_VOLATILE);
    harness_turn(h);
    peer_expect(peer, "422[\"q\",1]");
    assert_int_equal(peer->plain, 1);
    harness_pass(h, 500);
    harness_told(h, "timed_out");
}

static void test_asking_plainly(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_connect(h, "/");
    ask_with(h, peer, 0, CONFAB_COMPRESS_OFF);
    ask_with(h, peer, 0, CONFAB_COMPRESS_OFF); /* and nothing is dropped */
    harness_turn(h);
    assert_int_equal(peer_drop_inbox(peer), 2);
    assert_int_equal(peer->plain, 2);
    peer_send(peer, "430[]");
    peer_lose(peer);
    harness_told(h, "ok[] closed");
}

static void test_asking_binary(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_connect(h, "/");
    ask(h, peer, 0);
    peer_send(peer, "461-0[{\"_placeholder\":true,\"num\":0}]");
    harness_told(h, "");
    peer_send_binary(peer, "\x07", 1);
    harness_told(h, "ok[{\"type\":\"Buffer\",\"data\":[7]}]");
}

static void test_asking_in_vain(void **state)
{
    struct harness *h = *state;
    struct peer *peer = peer_connect(h, "/");
    ask(h, peer, 500);
    harness_pass(h, 499);
    harness_told(h, "");
    harness_pass(h, 1);
    harness_told(h, "timed_out");
    peer_send(peer, "430[]");
    harness_told(h, "");
    ask(h, peer, 500);
    ask(h, peer, 0);
    peer_lose(peer);
    harness_told(h, "closed closed");
    harness_pass(h, 1000);
    harness_told(h, "");
    assert_int_equal(server_counters(h->server)->acks_timed_out, 1);
}

static void ask_when_gone(struct confab_socket *socket, const char *reason, void *user)
{
    struct harness *h = user;
    (void)reason;
    assert_false(confab_emit(socket, "x", confab_array()));
    assert_false(confab_emit_packet(socket, NULL));
    confab_emit_with_ack(socket, "q", confab_array(), 0, on_answer, h);
    harness_note(h, "asked");
}

/* Never called inside the call, whatever the reason. */
static void test_asking_nobody(void **state)
{
    struct harness *h = *state;
    confab_on_disconnect(confab_of(h->server, "/"), ask_when_gone, h);
    struct peer *peer = peer_connect(h, "/");
    confab_emit_with_ack(peer_socket(peer, "/"), "connect", confab_array(), 0, on_answer, h);
    harness_told(h, "");
    harness_turn(h);
    harness_told(h, "invalid");
    peer_lose(peer);
    harness_told(h, "asked closed");
}

static void test_asking_too_often(void **state)
{
    (void)state;
    struct harness h;
    struct harness_config config = {.server = {.max_acks = 3}};
    harness_init(&h, &config);
    confab_of(h.server, "/");
    struct peer *peer = peer_connect(&h, "/");
    for (int i = 0; i < 5; i++)
        ask(&h, peer, 0);
    harness_turn(&h);
    harness_told(&h, "limit limit");
    assert_int_equal(peer_drop_inbox(peer), 3);
    peer_send(peer, "431[]");
    ask(&h, peer, 0);
    harness_turn(&h);
    harness_told(&h, "ok[]");
    peer_lose(peer);
    harness_told(&h, "closed closed closed");
    harness_fini(&h);
}

/* ---- a client that does not read ---- */

static void on_disconnect(struct confab_socket *socket, const char *reason, void *user)
{
    (void)socket;
    harness_note(user, "(%s)", reason);
}

static void test_overflow(void **state)
{
    (void)state;
    struct harness h;
    struct harness_config config = {.max_queued_bytes = 4096};
    harness_init(&h, &config);
    struct confab_namespace *nsp = confab_of(h.server, "/");
    confab_on_disconnect(nsp, on_disconnect, &h);
    struct peer *slow = peer_connect(&h, "/");
    struct peer *quick = peer_connect(&h, "/");
    slow->clogged = true;
    char text[1025];
    memset(text, 'x', 1024);
    text[1024] = '\0';
    for (int i = 0; i < 6; i++) {
        confab_emit_all(nsp, "m", confab_list(confab_string(text), NULL));
        harness_told(&h, ""); /* never inside an emit */
        quick->clogged = false;
        if (i < 3)
            harness_turn(&h);
    }
    harness_turn(&h);
    harness_told(&h, "(transport error)");
    assert_int_equal(peer_drop_inbox(quick), 6);
    peer_quiet(quick);
    assert_int_equal(eio_engine_counters(h.engine)->closed[EIO_CLOSE_OVERFLOW], 1);
    slow->clogged = false;
    harness_fini(&h);
}

static void on_relay(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_emit_others(socket, "relayed", args_of(event));
}

/* What one client may send, the others can be sent, however little may wait for them. */
static void test_larger_than_the_queue(void **state)
{
    (void)state;
    static const char head[] = "452-[\"relay\",{\"_placeholder\":true,\"num\":0},"
                               "{\"_placeholder\":true,\"num\":1}]";
    struct harness h;
    harness_init(&h, NULL);
    confab_on(confab_of(h.server, "/"), "relay", on_relay, &h);
    struct peer *receivers[] = {peer_connect(&h, "/"), peer_open_polling(&h)};
    peer_join(receivers[1], "/", "");
    struct peer *sender = peer_connect(&h, "/");
    char *bytes = xcalloc(1, 900000);
    peer_send(sender, head);
    peer_send_binary(sender, bytes, 900000);
    peer_send_binary(sender, bytes, 900000);
    for (size_t i = 0; i < TEST_COUNT(receivers); i++) {
        peer_expect(receivers[i], "452-[\"relayed\",*");
        peer_expect_binary(receivers[i], bytes, 900000);
        peer_expect_binary(receivers[i], bytes, 900000);
        peer_quiet(receivers[i]);
    }
    free(bytes);
    harness_fini(&h);
}

/* Closing a session that has overflowed, and does not know it yet. */
static void test_overflow_and_disconnect(void **state)
{
    (void)state;
    struct harness h;
    struct harness_config config = {.max_queued_bytes = 300};
    harness_init(&h, &config);
    struct confab_namespace *nsp = confab_of(h.server, "/");
    confab_on_disconnect(nsp, on_disconnect, &h);
    for (int close = 0; close < 2; close++) {
        struct peer *peer = peer_connect(&h, "/");
        struct confab_socket *socket = peer_socket(peer, "/");
        struct confab_handle handle = confab_socket_handle(socket);
        for (int i = 0; i < 20; i++)
            confab_emit(socket, "0123456789", confab_array());
        confab_disconnect(socket, close == 1);
        assert_null(confab_socket_find(h.server, handle));
        harness_turn(&h);
        harness_told(&h, "(server namespace disconnect)");
        assert_true(peer->closed);
        peer_drop_inbox(peer);
    }
    assert_int_equal(server_client_count(h.server), 0);
    harness_fini(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_acks),
        TEST(test_binary),
        TEST(test_names),
        TEST(test_any),
        TEST(test_emit),
        TEST(test_packet),
        cmocka_unit_test(test_too_large),
        TEST(test_asking),
        TEST(test_asking_volatile),
        TEST(test_asking_plainly),
        TEST(test_asking_binary),
        TEST(test_asking_in_vain),
        TEST(test_asking_nobody),
        cmocka_unit_test(test_asking_too_often),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_larger_than_the_queue),
        cmocka_unit_test(test_overflow_and_disconnect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
