/* Who may come in: middleware and the request filter, at once, later, never, too late. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/unit/socketio/harness.h"
#include <confab/err.h>

struct app {
    struct harness h;
    struct confab_token tokens[8];
    size_t count;
};

static void allow(struct confab_socket *socket, struct confab_token token, void *user)
{
    struct app *app = user;
    harness_note(&app->h, "allow");
    assert_int_equal(confab_allow(confab_socket_server(socket), token), CONFAB_OK);
    assert_int_equal(confab_allow(confab_socket_server(socket), token), CONFAB_ENOTFOUND);
}

/* The token in the auth object decides; without one it is decided later. */
static void by_auth(struct confab_socket *socket, struct confab_token token, void *user)
{
    struct app *app = user;
    const char *word = confab_as_string(confab_get(confab_socket_auth(socket), "token"), NULL);
    harness_note(&app->h, "auth");
    assert_false(confab_emit(socket, "x", confab_array()));
    assert_int_equal(confab_join(socket, "room", NULL, NULL), CONFAB_ECLOSED);
    if (word == NULL)
        app->tokens[app->count++] = token;
    else if (strcmp(word, "ok") == 0)
        confab_allow(app->h.server, token);
    else
        confab_refuse(app->h.server, token, "not authorized",
                      confab_set(confab_object(), "code", confab_int(7)));
}

static void on_connect(struct confab_socket *socket, void *user)
{
    struct app *app = user;
    (void)socket;
    harness_note(&app->h, "connected");
}

static void on_disconnect(struct confab_socket *socket, const char *reason, void *user)
{
    struct app *app = user;
    (void)socket;
    harness_note(&app->h, "(%s)", reason);
}

static void on_note(struct confab_socket *socket, struct confab_event *event, void *user)
{
    struct app *app = user;
    (void)socket;
    harness_note(&app->h, "%s", confab_as_string(confab_event_arg(event, 0), NULL));
}

static int setup(void **state)
{
    struct app *app = xcalloc(1, sizeof(*app));
    harness_init(&app->h, NULL);
    struct confab_namespace *nsp = confab_of(app->h.server, "/adm");
    confab_use(nsp, allow, app);
    confab_use(nsp, by_auth, app);
    confab_on_connect(nsp, on_connect, app);
    confab_on_disconnect(nsp, on_disconnect, app);
    confab_on(nsp, "note", on_note, app);
    confab_of(app->h.server, "/");
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

static void test_allowed(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_open(&app->h);
    peer_join(peer, "/adm", "{\"token\":\"ok\"}");
    harness_told(&app->h, "allow auth connected");
    peer_quiet(peer);
}

static void test_refused(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_open(&app->h);
    peer_send(peer, "40/adm,{\"token\":\"no\"}");
    peer_expect(peer, "44/adm,{\"message\":\"not authorized\",\"data\":{\"code\":7}}");
    harness_told(&app->h, "allow auth");
    /* It may cross what the client has sent already; and the client may try again. */
    peer_send(peer, "42/adm,[\"note\",\"x\"]");
    peer_quiet(peer);
    peer_join(peer, "/adm", "{\"token\":\"ok\"}");
    harness_told(&app->h, "allow auth connected");
    assert_int_equal(server_counters(app->h.server)->connect_errors, 1);
    assert_int_equal(server_counters(app->h.server)->connects, 1);
}

static void test_later(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_open(&app->h);
    peer_send_all(peer, "40/adm,", "42/adm,[\"note\",\"a\"]", "40", "42/adm,[\"note\",\"b\"]",
                  NULL);
    harness_told(&app->h, "allow auth");
    peer_expect(peer, "40{*");
    peer_quiet(peer);
    assert_int_equal(confab_namespace_size(confab_of(app->h.server, "/adm")), 0);
    assert_int_equal(confab_allow(app->h.server, app->tokens[0]), CONFAB_OK);
    harness_told(&app->h, "");
    harness_turn(&app->h);
    harness_told(&app->h, "connected a b");
    peer_expect(peer, "40/adm,{*");
    assert_int_equal(confab_refuse(app->h.server, app->tokens[0], "x", confab_null()),
                     CONFAB_ENOTFOUND);
}

static void test_refused_later(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_open(&app->h);
    peer_send_all(peer, "40/adm,", "42/adm,[\"note\",\"a\"]", NULL);
    assert_int_equal(confab_refuse(app->h.server, app->tokens[0], "no", NULL), CONFAB_OK);
    harness_turn(&app->h);
    peer_expect(peer, "44/adm,{\"message\":\"no\"}");
    peer_quiet(peer);
    harness_told(&app->h, "allow auth");
}

static void test_never(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_open(&app->h);
    peer_send(peer, "40/adm,");
    harness_pass(&app->h, 19999);
    peer_quiet(peer);
    harness_pass(&app->h, 1);
    peer_expect(peer, "44/adm,{\"message\":\"The server did not decide in time\"}");
    assert_int_equal(confab_allow(app->h.server, app->tokens[0]), CONFAB_ENOTFOUND);
    harness_turn(&app->h);
    peer_quiet(peer);
}

static void test_gone_before(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_open(&app->h);
    peer_send(peer, "40/adm,");
    peer_lose(peer);
    assert_int_equal(server_client_count(app->h.server), 0);
    assert_int_equal(confab_allow(app->h.server, app->tokens[0]), CONFAB_ECLOSED);
    peer = peer_open(&app->h);
    peer_send_all(peer, "40/adm,", "41/adm,", NULL);
    assert_int_equal(confab_refuse(app->h.server, app->tokens[1], "no", confab_int(1)),
                     CONFAB_ECLOSED);
    peer_quiet(peer);
    harness_told(&app->h, "allow auth allow auth"); /* never in, so never out */
    peer_join(peer, "/adm", "{\"token\":\"ok\"}");
}

static void test_connecting_twice(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_open(&app->h);
    peer_send_all(peer, "40/adm,", "40/adm,", NULL);
    peer_expect_closed(peer);
}

/* ---- what the application may do inside ---- */

static void free_note(void *pointer)
{
    struct app *app = pointer;
    harness_note(&app->h, "freed");
}

static void throw_out(struct confab_socket *socket, struct confab_token token, void *user)
{
    (void)token;
    confab_set_user(socket, user, free_note);
    confab_disconnect(socket, confab_socket_auth(socket) != NULL &&
                                  confab_get(confab_socket_auth(socket), "all") != NULL);
    harness_note(&((struct app *)user)->h, "thrown");
}

static void test_thrown_out(void **state)
{
    struct app *app = *state;
    confab_use(confab_of(app->h.server, "/x"), throw_out, app);
    struct peer *peer = peer_connect(&app->h, "/");
    peer_send(peer, "40/x,");
    peer_expect(peer, "44/x,{\"message\":\"server namespace disconnect\"}");
    harness_told(&app->h, "thrown freed");
    peer_send(peer, "40/x,{\"all\":1}");
    peer_expect(peer, "44/x,*");
    peer_expect(peer, "41");
    peer_expect_closed(peer);
    harness_pass(&app->h, 20000);
}

static void leave_at_once(struct confab_socket *socket, void *user)
{
    struct app *app = user;
    confab_emit(socket, "bye", confab_array());
    confab_disconnect(socket, false);
    harness_note(&app->h, "connected");
}

static void test_disconnect_on_connect(void **state)
{
    struct app *app = *state;
    struct confab_namespace *nsp = confab_of(app->h.server, "/");
    confab_on_connect(nsp, leave_at_once, app);
    confab_on_disconnect(nsp, on_disconnect, app);
    struct peer *peer = peer_open(&app->h);
    peer_send_all(peer, "40", "42[\"note\",\"a\"]", NULL);
    peer_expect(peer, "40{*");
    peer_expect(peer, "42[\"bye\"]");
    peer_expect(peer, "41");
    peer_quiet(peer);
    harness_told(&app->h, "connected (server namespace disconnect)");
}

/* ---- the filter ---- */

static void on_admitted(void *user, bool admitted, const char *message)
{
    struct app *app = user;
    harness_note(&app->h, "%s", admitted ? "in" : message);
}

static void filter(struct confab_server *server, const struct confab_handshake *handshake,
                   struct confab_token token, void *user)
{
    struct app *app = user;
    struct confab_value *word = confab_handshake_query(handshake, "w");
    const char *text = confab_as_string(word, NULL);
    assert_string_equal(confab_handshake_header(handshake, "user-agent"), "test");
    if (text == NULL)
        app->tokens[app->count++] = token;
    else if (strcmp(text, "yes") == 0)
        confab_allow(server, token);
    else
        confab_refuse(server, token, text, NULL);
    confab_value_release(word);
}

static void ask(struct app *app, const char *query)
{
    struct eio_header header = {"user-agent", "test"};
    struct eio_handshake from = {
        .query = query, .header_count = 1, .headers = &header, .url = "", .address = ""};
    struct eio_handshake *handshake = eio_handshake_new(&from);
    server_admit(app->h.server, handshake, on_admitted, app);
    eio_handshake_release(handshake);
}

static void test_filter(void **state)
{
    struct app *app = *state;
    ask(app, "w=no");
    harness_told(&app->h, "in"); /* no filter */
    confab_filter(app->h.server, filter, app);
    ask(app, "w=yes");
    ask(app, "a=1&w=no%22way&b");
    harness_told(&app->h, "in no\"way");
    ask(app, "w2=1");
    harness_told(&app->h, "");
    assert_int_equal(confab_answer(app->h.server, app->tokens[0], NULL), CONFAB_ENOTFOUND);
    assert_int_equal(confab_allow(app->h.server, app->tokens[0]), CONFAB_OK);
    assert_int_equal(confab_allow(app->h.server, app->tokens[0]), CONFAB_ENOTFOUND);
    harness_told(&app->h, "in");
    ask(app, "");
    harness_pass(&app->h, 19999);
    harness_told(&app->h, "");
    harness_pass(&app->h, 1);
    harness_told(&app->h, "The server did not decide in time");
    assert_int_equal(confab_allow(app->h.server, app->tokens[1]), CONFAB_ENOTFOUND);
    ask(app, ""); /* answered by the end of the server */
    server_stop(app->h.server);
    harness_told(&app->h, "The server did not decide in time");
}

/* So many decisions are owed that no further one is begun; a socket that is in is served on. */
static void test_too_many_pending(void **state)
{
    (void)state;
    struct app app = {.count = 0};
    struct harness_config config = {.server = {.max_pending = 2, .max_rooms = 2}};
    harness_init(&app.h, &config);
    confab_use(confab_of(app.h.server, "/adm"), by_auth, &app);
    confab_of(app.h.server, "/");
    struct peer *waits[2] = {peer_open(&app.h), peer_open(&app.h)};
    struct peer *free_one = peer_connect(&app.h, "/");
    struct peer *refused = peer_open(&app.h);
    for (int i = 0; i < 2; i++)
        peer_send(waits[i], "40/adm,");
    assert_int_equal(server_counters(app.h.server)->limits[SERVER_LIMIT_PENDING], 0);
    peer_send(refused, "40/adm,{\"token\":\"ok\"}");
    peer_expect(refused, "44/adm,{\"message\":\"Too many pending decisions\"}");
    confab_filter(app.h.server, filter, &app);
    ask(&app, "w=yes");
    harness_told(&app.h, "auth auth Too many pending decisions");
    assert_int_equal(server_counters(app.h.server)->limits[SERVER_LIMIT_PENDING], 2);
    struct confab_socket *socket = peer_socket(free_one, "/");
    assert_int_equal(confab_join(socket, "second", NULL, NULL), CONFAB_OK);
    assert_int_equal(confab_join(socket, "third", NULL, NULL), CONFAB_ELIMIT);
    assert_int_equal(server_counters(app.h.server)->limits[SERVER_LIMIT_ROOMS], 1);
    assert_int_equal(confab_allow(app.h.server, app.tokens[0]), CONFAB_OK);
    harness_turn(&app.h);
    peer_expect(waits[0], "40/adm,{\"sid\":\"*\"}");
    peer_send(refused, "40/adm,{\"token\":\"ok\"}");
    peer_expect(refused, "40/adm,{\"sid\":\"*\"}");
    buf_reset(&app.h.told);
    harness_fini(&app.h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_allowed),
        TEST(test_refused),
        TEST(test_later),
        TEST(test_refused_later),
        TEST(test_never),
        TEST(test_gone_before),
        TEST(test_connecting_twice),
        TEST(test_thrown_out),
        TEST(test_disconnect_on_connect),
        TEST(test_filter),
        cmocka_unit_test(test_too_many_pending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
