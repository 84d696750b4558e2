/* Decisions that come later: late, never, twice, after the end; and what waits for them. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/unit/socketio/harness.h"
#include <confab/err.h>

#define TOKENS_MAX 400

/* An application that defers `later` and `loose`, and notes what it is told. */
struct app {
    struct harness h;
    struct confab_token tokens[TOKENS_MAX];
    size_t count;
    int64_t deadline_ms;
};

static void on_later(struct confab_socket *socket, struct confab_event *event, void *user)
{
    struct app *app = user;
    (void)socket;
    harness_note(&app->h, "later:%lld", (long long)confab_as_int(confab_event_arg(event, 0), -1));
    struct confab_token token = confab_defer(event, app->deadline_ms);
    assert_int_equal(confab_defer(event, 1).id, token.id);
    assert_false(confab_event_wants_ack(event));
    app->tokens[app->count++] = token;
}

static void on_loose(struct confab_socket *socket, struct confab_event *event, void *user)
{
    struct app *app = user;
    (void)socket;
    harness_note(&app->h, "loose");
    app->tokens[app->count++] = confab_defer_ack(event, app->deadline_ms);
}

static void on_note(struct confab_socket *socket, struct confab_event *event, void *user)
{
    struct app *app = user;
    (void)socket;
    harness_note(&app->h, "%s", confab_as_string(confab_event_arg(event, 0), NULL));
}

/* Decides at once what it deferred. */
static void on_now(struct confab_socket *socket, struct confab_event *event, void *user)
{
    struct app *app = user;
    struct confab_token token = confab_defer(event, 0);
    assert_int_equal(
        confab_answer(confab_socket_server(socket), token, confab_list(confab_string("now"), NULL)),
        CONFAB_OK);
    harness_note(&app->h, "now");
}

static void on_kick(struct confab_socket *socket, struct confab_event *event, void *user)
{
    struct app *app = user;
    confab_disconnect(socket, confab_as_bool(confab_event_arg(event, 0), false));
    harness_note(&app->h, "kicked");
}

static void on_disconnect(struct confab_socket *socket, const char *reason, void *user)
{
    struct app *app = user;
    assert_ptr_equal(confab_socket_find(app->h.server, confab_socket_handle(socket)), socket);
    harness_note(&app->h, "(%s)", reason);
}

static struct confab_namespace *app_namespace(struct app *app, const char *name)
{
    struct confab_namespace *nsp = confab_of(app->h.server, name);
    confab_on(nsp, "later", on_later, app);
    confab_on(nsp, "loose", on_loose, app);
    confab_on(nsp, "note", on_note, app);
    confab_on(nsp, "now", on_now, app);
    confab_on(nsp, "kick", on_kick, app);
    confab_on_disconnect(nsp, on_disconnect, app);
    return nsp;
}

static int setup(void **state)
{
    struct app *app = xcalloc(1, sizeof(*app));
    harness_init(&app->h, NULL);
    app_namespace(app, "/");
    app_namespace(app, "/b");
    *state = app;
    return 0;
}

static int teardown(void **state)
{
    struct app *app = *state;
    harness_fini(&app->h);
    free(app);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int answer(struct app *app, size_t i)
{
    int status = confab_answer(app->h.server, app->tokens[i],
                               confab_list(confab_string("done"), confab_int((int)i), NULL));
    harness_turn(&app->h);
    return status;
}

static uint64_t tokens_now(const struct app *app)
{
    return server_counters(app->h.server)->tokens_now;
}

static void test_later(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_connect(&app->h, "/");
    peer_send_all(peer, "425[\"later\",1]", "42[\"note\",\"a\"]", "426[\"later\",2]",
                  "42[\"note\",\"b\"]", NULL);
    harness_told(&app->h, "later:1");
    peer_quiet(peer);
    assert_int_equal(answer(app, 0), CONFAB_OK);
    peer_expect(peer, "435[\"done\",0]");
    harness_told(&app->h, "a later:2");
    peer_send(peer, "42[\"note\",\"c\"]");
    harness_told(&app->h, "");
    assert_int_equal(confab_answer(app->h.server, app->tokens[1], NULL), CONFAB_OK);
    harness_told(&app->h, ""); /* not inside the call */
    harness_turn(&app->h);
    harness_told(&app->h, "b c");
    peer_quiet(peer);
    assert_int_equal(tokens_now(app), 0);
}

static void test_twice(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_connect(&app->h, "/");
    peer_send(peer, "425[\"later\"]");
    assert_int_equal(answer(app, 0), CONFAB_OK);
    assert_int_equal(answer(app, 0), CONFAB_ENOTFOUND);
    assert_int_equal(confab_answer(app->h.server, (struct confab_token){0}, NULL),
                     CONFAB_ENOTFOUND);
    assert_int_equal(confab_allow(app->h.server, app->tokens[0]), CONFAB_ENOTFOUND);
    peer_expect(peer, "435[*]");
    peer_quiet(peer);
    /* A new token in the same place is another one. */
    peer_send(peer, "426[\"later\"]");
    assert_int_equal(answer(app, 0), CONFAB_ENOTFOUND);
    assert_int_equal(confab_allow(app->h.server, app->tokens[1]), CONFAB_ENOTFOUND);
    assert_int_equal(answer(app, 1), CONFAB_OK);
    peer_expect(peer, "436[*]");
}

static void test_at_once(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_connect(&app->h, "/");
    peer_send_all(peer, "421[\"now\"]", "42[\"note\",\"a\"]", "422[\"now\"]", NULL);
    harness_told(&app->h, "now a now");
    peer_expect(peer, "431[\"now\"]");
    peer_expect(peer, "432[\"now\"]");
}

static void test_never(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_connect(&app->h, "/");
    peer_send_all(peer, "425[\"later\",1]", "42[\"note\",\"a\"]", NULL);
    harness_pass(&app->h, 29999);
    harness_told(&app->h, "later:1");
    harness_pass(&app->h, 1);
    harness_told(&app->h, "a");
    assert_int_equal(answer(app, 0), CONFAB_ENOTFOUND);
    peer_quiet(peer);
    assert_int_equal(server_counters(app->h.server)->tokens_expired, 1);
    app->deadline_ms = 100;
    peer_send(peer, "425[\"later\",2]");
    harness_pass(&app->h, 100);
    assert_int_equal(server_counters(app->h.server)->tokens_expired, 2);
    harness_told(&app->h, "later:2");
}

static void test_loose(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_connect(&app->h, "/");
    peer_send_all(peer, "421[\"loose\"]", "42[\"note\",\"a\"]", "422[\"loose\"]",
                  "42[\"note\",\"b\"]", NULL);
    harness_told(&app->h, "loose a loose b");
    answer(app, 1);
    answer(app, 0);
    peer_expect(peer, "432[\"done\",1]");
    peer_expect(peer, "431[\"done\",0]");
    peer_send(peer, "423[\"loose\"]");
    peer_lose(peer);
    harness_told(&app->h, "loose (transport error)");
    assert_int_equal(answer(app, 2), CONFAB_ECLOSED);
    assert_int_equal(tokens_now(app), 0);
}

static void test_too_many_loose(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_connect(&app->h, "/");
    for (int i = 0; i < 260; i++)
        peer_send(peer, "421[\"loose\"]");
    assert_int_equal(app->count, 257);
    answer(app, 0);
    assert_int_equal(app->count, 257); /* the last one blocks */
    answer(app, 256);
    assert_int_equal(app->count, 259);
    harness_pass(&app->h, 30000);
    assert_int_equal(app->count, 260);
    buf_reset(&app->h.told);
}

/* ---- the end while something is pending ---- */

static void test_lost_while_pending(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_connect(&app->h, "/");
    struct confab_handle handle = confab_socket_handle(peer_socket(peer, "/"));
    peer_send_all(peer, "425[\"later\",1]", "42[\"note\",\"a\"]", NULL);
    peer_lose(peer);
    harness_told(&app->h, "later:1");
    assert_non_null(confab_socket_find(app->h.server, handle));
    assert_int_equal(server_client_count(app->h.server), 1);
    assert_int_equal(answer(app, 0), CONFAB_ECLOSED);
    harness_told(&app->h, "a (transport error)"); /* what had arrived is still done */
    assert_null(confab_socket_find(app->h.server, handle));
    assert_int_equal(server_client_count(app->h.server), 0);
    assert_int_equal(answer(app, 0), CONFAB_ENOTFOUND);
}

static void test_lost_and_never_decided(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_connect(&app->h, "/");
    peer_send_all(peer, "42[\"later\",1]", "42[\"later\",2]", NULL);
    peer_lose(peer);
    harness_pass(&app->h, 30000);
    harness_told(&app->h, "later:1 later:2");
    harness_pass(&app->h, 30000);
    harness_told(&app->h, "(transport error)");
}

static void test_own_disconnect_while_pending(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_connect(&app->h, "/");
    peer_send_all(peer, "425[\"later\",1]", "42[\"note\",\"a\"]", "41", NULL);
    harness_told(&app->h, "later:1");
    /* It may come back before that is through. */
    peer_join(peer, "/", "");
    peer_send(peer, "42[\"note\",\"new\"]");
    harness_told(&app->h, "new");
    assert_int_equal(answer(app, 0), CONFAB_ECLOSED);
    harness_told(&app->h, "a (client namespace disconnect)");
    peer_quiet(peer);
    assert_int_equal(confab_namespace_size(confab_of(app->h.server, "/")), 1);
}

static void test_kicked_while_pending(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_connect(&app->h, "/");
    peer_send_all(peer, "425[\"later\",1]", "42[\"note\",\"a\"]", NULL);
    confab_disconnect(peer_socket(peer, "/"), false);
    harness_turn(&app->h);
    peer_expect(peer, "41");
    harness_told(&app->h, "later:1");
    assert_int_equal(answer(app, 0), CONFAB_ECLOSED);
    harness_told(&app->h, "(server namespace disconnect)"); /* what waited was dropped */
}

static void test_kicked_after_loss(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_connect(&app->h, "/");
    struct confab_handle handle = confab_socket_handle(peer_socket(peer, "/"));
    peer_send_all(peer, "425[\"later\",1]", "42[\"note\",\"a\"]", NULL);
    peer_lose(peer);
    confab_disconnect(confab_socket_find(app->h.server, handle), true);
    answer(app, 0);
    harness_told(&app->h, "later:1 (transport error)");
}

static void test_kicking_oneself(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_connect(&app->h, "/");
    peer_send_all(peer, "42[\"kick\",false]", "42[\"note\",\"a\"]", NULL);
    harness_told(&app->h, "kicked (server namespace disconnect)");
    peer_expect(peer, "41");
    peer_quiet(peer);
    peer_join(peer, "/", "");
    peer_join(peer, "/b", "");
    peer_send_all(peer, "42[\"kick\",true]", "42/b,[\"note\",\"a\"]", NULL);
    harness_told(&app->h, "(server namespace disconnect) kicked (server namespace disconnect)");
    peer_expect(peer, "41");
    peer_expect(peer, "41/b,");
    peer_expect_closed(peer);
}

static void test_namespaces_do_not_wait_for_each_other(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_connect(&app->h, "/");
    peer_join(peer, "/b", "");
    peer_send_all(peer, "42[\"later\",1]", "42/b,[\"note\",\"b\"]", "42[\"note\",\"a\"]", NULL);
    harness_told(&app->h, "later:1 b");
    answer(app, 0);
    harness_told(&app->h, "a");
}

/* An answer of the client may be what the decision waits for. */
static void on_answer(struct confab_server *server, int status, const struct confab_value *args,
                      void *user)
{
    struct app *app = user;
    (void)args;
    harness_note(&app->h, "answered:%s", confab_errname(status));
    confab_answer(server, app->tokens[0], confab_array());
}

static void test_asking_while_pending(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_connect(&app->h, "/");
    peer_send(peer, "425[\"later\",1]");
    confab_emit_with_ack(peer_socket(peer, "/"), "q", confab_array(), 0, on_answer, app);
    harness_turn(&app->h);
    peer_expect(peer, "420[\"q\"]");
    peer_send_all(peer, "42[\"note\",\"a\"]", "430[]", NULL);
    harness_told(&app->h, "later:1 answered:ok a");
    peer_expect(peer, "435[]");
    peer_send(peer, "425[\"later\",2]");
    app->tokens[0] = app->tokens[1];
    confab_emit_with_ack(peer_socket(peer, "/"), "q", confab_array(), 0, on_answer, app);
    peer_lose(peer);
    harness_told(&app->h, "later:2 answered:closed (transport error)");
}

/* ---- bounds ---- */

static void send_large(struct peer *peer, size_t bytes)
{
    char *text = xmalloc(bytes + 1);
    memset(text, 'x', bytes);
    memcpy(text, "42[\"note\",\"", 11);
    memcpy(text + bytes - 2, "\"]", 3);
    peer_send(peer, text);
    free(text);
}

static void test_pause(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_connect(&app->h, "/");
    peer_send(peer, "42[\"later\",1]");
    for (int i = 0; i < 40; i++)
        send_large(peer, 10000);
    assert_true(peer->ws.paused);
    assert_int_equal(server_counters(app->h.server)->pauses, 1);
    harness_told(&app->h, "later:1");
    harness_pass(&app->h, 25000); /* an unread pong ends nothing */
    peer_quiet(peer);
    answer(app, 0);
    assert_false(peer->ws.paused);
    assert_true(list_empty(&peer->outbox));
    assert_int_equal(server_counters(app->h.server)->events_in, 41);
    assert_true(app->h.told.len > 400000 - 40 * 20);
    buf_reset(&app->h.told);
    peer_quiet(peer);
}

static void test_pause_polling(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_open_polling(&app->h);
    peer_join(peer, "/", "");
    peer_send(peer, "42[\"later\",1]");
    for (int i = 0; i < 4; i++)
        send_large(peer, 100000);
    assert_true(peer->post_open); /* the client gets no `ok`, and sends nothing more */
    answer(app, 0);
    assert_false(peer->post_open);
    assert_int_equal(server_counters(app->h.server)->events_in, 5);
    buf_reset(&app->h.told);
    peer_quiet(peer);
}

/* What a packet costs is all of its messages, not the last one. */
static void test_pause_by_attachments(void **state)
{
    struct app *app = *state;
    static const char head[] = "452-[\"note\",\"b\",{\"_placeholder\":true,\"num\":0},"
                               "{\"_placeholder\":true,\"num\":1}]";
    char *large = xcalloc(1, 100000);
    struct peer *peer = peer_connect(&app->h, "/");
    peer_send(peer, "42[\"later\",1]");
    peer_send(peer, head);
    peer_send_binary(peer, large, 100000);
    assert_false(peer->ws.paused);
    peer_send_binary(peer, "x", 1);
    assert_true(peer->ws.paused);
    answer(app, 0);
    assert_false(peer->ws.paused);
    harness_told(&app->h, "later:1 b");
    free(large);
}

/* A text of 9000 bytes, which is more than the bounded application lets wait. */
#define LONG_BYTES 9000
static void make_long(char packet[LONG_BYTES + 1], char last)
{
    memset(packet, 'x', LONG_BYTES);
    memcpy(packet, "42[\"note\",\"", 11);
    packet[LONG_BYTES - 3] = last;
    memcpy(packet + LONG_BYTES - 2, "\"]", 3);
}

static void bounded(struct app *app)
{
    struct harness_config config = {
        .server = {.max_waiting_bytes = 1000, .max_packet_bytes = 20000}};
    harness_init(&app->h, &config);
    app_namespace(app, "/");
}

/* Of one body with many packets only as much is read as may wait; the rest comes later. */
static void test_bound_inside_a_body(void **state)
{
    (void)state;
    struct app app = {.count = 0};
    bounded(&app);
    struct peer *peer = peer_open_polling(&app.h);
    peer_join(peer, "/", "");
    peer_send(peer, "42[\"later\",1]");
    char body[3 * (LONG_BYTES + 1) + 1] = "";
    for (int i = 0; i < 3; i++) {
        make_long(body + i * (LONG_BYTES + 1), (char)('a' + i));
        if (i < 2)
            memcpy(body + i * (LONG_BYTES + 1) + LONG_BYTES, "\x1e", 2);
    }
    peer_send(peer, body);
    assert_true(peer->post_open);
    assert_int_equal(eio_engine_counters(app.h.engine)->packets_in[4], 3);
    harness_told(&app.h, "later:1");
    answer(&app, 0);
    assert_true(peer->post_open);
    harness_pass(&app.h, 1);
    assert_false(peer->post_open);
    assert_int_equal(app.h.told.len, 3 * (LONG_BYTES - 13) + 2);
    assert_int_equal(buf_text(&app.h.told)[LONG_BYTES - 14], 'a');
    assert_int_equal(buf_text(&app.h.told)[3 * (LONG_BYTES - 13) + 1], 'c');
    assert_int_equal(server_counters(app.h.server)->limits[SERVER_LIMIT_WAITING], 0);
    buf_reset(&app.h.told);
    peer_quiet(peer);
    harness_fini(&app.h);
}

/* What a WebSocket had read already comes nevertheless: there is an end to that, too. */
static void test_hard_bound(void **state)
{
    (void)state;
    struct app app = {.count = 0};
    bounded(&app);
    struct peer *peer = peer_connect(&app.h, "/");
    peer_send(peer, "42[\"later\",1]");
    char packet[LONG_BYTES + 1];
    make_long(packet, 'a');
    for (int i = 0; i < 3; i++)
        eio_ws_receive(&peer->ws, FRAME_TEXT, packet, LONG_BYTES, app.h.now_ms);
    harness_turn(&app.h);
    assert_true(peer->closed);
    assert_int_equal(server_counters(app.h.server)->limits[SERVER_LIMIT_WAITING], 1);
    peer_drop_inbox(peer);
    buf_reset(&app.h.told);
    answer(&app, 0);
    buf_reset(&app.h.told);
    harness_fini(&app.h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_later),
        TEST(test_twice),
        TEST(test_at_once),
        TEST(test_never),
        TEST(test_loose),
        TEST(test_too_many_loose),
        TEST(test_lost_while_pending),
        TEST(test_lost_and_never_decided),
        TEST(test_own_disconnect_while_pending),
        TEST(test_kicked_while_pending),
        TEST(test_kicked_after_loss),
        TEST(test_kicking_oneself),
        TEST(test_namespaces_do_not_wait_for_each_other),
        TEST(test_asking_while_pending),
        TEST(test_pause),
        TEST(test_pause_polling),
        TEST(test_pause_by_attachments),
        cmocka_unit_test(test_bound_inside_a_body),
        cmocka_unit_test(test_hard_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
