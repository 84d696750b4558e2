/* Parents that decide later whether a name is one of theirs. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include "tests/unit/socketio/harness.h"
#include <confab/err.h>

#define TOKENS_MAX 400

struct app {
    struct harness h;
    struct confab_namespace *parent;
    struct confab_token tokens[TOKENS_MAX];
    size_t count;
    struct peer *victim; /* who is thrown out when its name is asked about; NULL: nobody */
};

static void on_connect(struct confab_socket *socket, void *user)
{
    struct app *app = user;
    harness_note(&app->h, "in:%s", confab_namespace_name(confab_socket_namespace(socket)));
}

static void on_note(struct confab_socket *socket, struct confab_event *event, void *user)
{
    struct app *app = user;
    const char *text = confab_as_string(confab_event_arg(event, 0), NULL);
    if (strcmp(text, "leave") == 0)
        confab_disconnect(socket, false);
    if (strlen(text) < 100)
        harness_note(&app->h, "%s", text);
    confab_ack(event, NULL);
}

/* The word in the auth object decides at once; without one it is decided later. */
static void on_asked(struct confab_server *server, const char *name,
                     const struct confab_value *auth, struct confab_token token, void *user)
{
    struct app *app = user;
    const char *word = confab_as_string(confab_get(auth, "word"), NULL);
    harness_note(&app->h, "%s?", name);
    if (app->victim != NULL)
        confab_disconnect(peer_socket(app->victim, "/"), true);
    if (word == NULL)
        app->tokens[app->count++] = token;
    else if (strcmp(word, "yes") == 0)
        assert_int_equal(confab_allow(server, token),
                         app->victim != NULL ? CONFAB_ECLOSED : CONFAB_OK);
    else
        assert_int_equal(confab_refuse(server, token, "unheard", confab_object()), CONFAB_OK);
}

static struct app *begin(const struct server_config *server)
{
    struct app *app = xcalloc(1, sizeof(*app));
    struct harness_config config = {.server = *server};
    harness_init(&app->h, &config);
    confab_of(app->h.server, "/");
    app->parent = confab_of_deciding(app->h.server, on_asked, app);
    confab_on_connect(app->parent, on_connect, app);
    confab_on(app->parent, "note", on_note, app);
    return app;
}

static int setup(void **state)
{
    *state = begin(&(struct server_config){.connect_timeout_ms = 1000});
    return 0;
}

static void end(struct app *app)
{
    harness_fini(&app->h);
    free(app);
}

static int teardown(void **state)
{
    end(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int decide(struct app *app, size_t i, bool allowed)
{
    struct confab_server *server = app->h.server;
    int status = allowed ? confab_allow(server, app->tokens[i])
                         : confab_refuse(server, app->tokens[i], "unheard", NULL);
    harness_turn(&app->h);
    return status;
}

static uint64_t owed(const struct app *app)
{
    return server_counters(app->h.server)->tokens_now;
}

static void test_at_once(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_open(&app->h);
    peer_join(peer, "/a", "{\"word\":\"yes\"}");
    peer_send(peer, "40/b,{\"word\":\"no\"}");
    peer_expect(peer, "44/b,{\"message\":\"Invalid namespace\"}");
    harness_told(&app->h, "/a? in:/a /b?");
    assert_int_equal(owed(app), 0);
}

/* What came behind the CONNECT has waited, in order; nothing happens inside the call. */
static void test_allowed_later(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_open(&app->h);
    peer_send_all(peer, "40/a,", "42/a,1[\"note\",\"x\"]", "43/a,7[]", "42/a,[\"note\",\"y\"]",
                  NULL);
    harness_pass(&app->h, 5000); /* it is no client without a namespace */
    peer_quiet(peer);
    assert_null(sio_namespace_find(app->h.server, "/a", 2));
    assert_int_equal(owed(app), 1);
    assert_int_equal(confab_allow(app->h.server, app->tokens[0]), CONFAB_OK);
    assert_int_equal(confab_allow(app->h.server, app->tokens[0]), CONFAB_ENOTFOUND);
    harness_told(&app->h, "/a?");
    harness_turn(&app->h);
    harness_told(&app->h, "in:/a x y");
    peer_expect(peer, "40/a,{\"sid\":\"*\"}");
    peer_expect(peer, "43/a,1[]");
    assert_int_equal(confab_namespace_size(app->parent), 1);
}

static void test_refused_later(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_open(&app->h);
    struct confab_namespace *next = confab_of_pattern(app->h.server, "/b*");
    confab_on_connect(next, on_connect, app);
    peer_send_all(peer, "40/a,", "42/a,[\"note\",\"x\"]", "40/b,", NULL);
    assert_int_equal(decide(app, 0, false), CONFAB_OK);
    peer_expect(peer, "44/a,{\"message\":\"Invalid namespace\"}");
    harness_told(&app->h, "/a? /b?");
    peer_send(peer, "42/a,[\"note\",\"crossed it\"]");
    peer_quiet(peer);
    assert_int_equal(decide(app, 1, false), CONFAB_OK);
    peer_expect(peer, "40/b,{\"sid\":\"*\"}");
    harness_told(&app->h, "in:/b");
    assert_int_equal(confab_namespace_size(next), 1);
    peer_send(peer, "40/a,");
    harness_pass(&app->h, 20000); /* undecided is refused */
    peer_expect(peer, "44/a,{\"message\":\"Invalid namespace\"}");
    harness_told(&app->h, "/a?");
    assert_int_equal(decide(app, 2, true), CONFAB_ENOTFOUND);
}

/* Several parents may take their time, one after the other. */
static void test_two_that_decide(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_open(&app->h);
    struct confab_namespace *second = confab_of_deciding(app->h.server, on_asked, app);
    peer_send(peer, "40/a,");
    decide(app, 0, false);
    harness_told(&app->h, "/a? /a?");
    peer_quiet(peer);
    decide(app, 1, true);
    peer_expect(peer, "40/a,{\"sid\":\"*\"}");
    assert_int_equal(confab_namespace_size(second), 1);
}

static void test_two_clients(void **state)
{
    struct app *app = *state;
    struct peer *one = peer_open(&app->h), *two = peer_open(&app->h), *three = peer_open(&app->h);
    peer_send(one, "40/a,");
    peer_send(two, "40/a,");
    decide(app, 1, true);
    peer_expect(two, "40/a,{\"sid\":\"*\"}");
    peer_join(three, "/a", ""); /* it is a namespace now */
    decide(app, 0, true);
    peer_expect(one, "40/a,{\"sid\":\"*\"}");
    harness_told(&app->h, "/a? /a? in:/a in:/a in:/a");
    assert_int_equal(confab_namespace_size(confab_of(app->h.server, "/a")), 3);
}

static void test_gone_meanwhile(void **state)
{
    struct app *app = *state;
    struct peer *lost = peer_open(&app->h), *left = peer_open(&app->h);
    peer_send_all(lost, "40/a,", "42/a,[\"note\",\"x\"]", NULL);
    peer_lose(lost);
    assert_int_equal(server_client_count(app->h.server), 1);
    peer_send_all(left, "40/b,", "42/b,[\"note\",\"x\"]", "41/b,", "40/b,", NULL);
    assert_int_equal(owed(app), 3);
    assert_int_equal(decide(app, 0, true), CONFAB_ECLOSED);
    assert_int_equal(decide(app, 1, true), CONFAB_ECLOSED);
    peer_quiet(left);
    assert_int_equal(decide(app, 2, true), CONFAB_OK);
    peer_expect(left, "40/b,{\"sid\":\"*\"}");
    harness_told(&app->h, "/a? /b? /b? in:/b");
    /* Decided, and gone before the turn ends. */
    peer_send(left, "40/c,");
    confab_allow(app->h.server, app->tokens[3]);
    peer_lose(left);
    harness_told(&app->h, "/c?");
    assert_int_equal(owed(app), 0);
}

static void test_thrown_out_when_asked(void **state)
{
    struct app *app = *state;
    struct peer *peer = app->victim = peer_connect(&app->h, "/");
    peer_send(peer, "40/a,{\"word\":\"yes\"}");
    peer_expect(peer, "41");
    peer_expect_closed(peer);
    harness_told(&app->h, "/a?");
    peer = app->victim = peer_connect(&app->h, "/");
    peer_send(peer, "40/a,");
    assert_int_equal(decide(app, 0, true), CONFAB_ECLOSED);
}

static void test_thrown_out_by_what_waited(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_open(&app->h);
    peer_send_all(peer, "40/a,", "42/a,[\"note\",\"leave\"]", "42/a,[\"note\",\"x\"]", NULL);
    decide(app, 0, true);
    peer_expect(peer, "40/a,{\"sid\":\"*\"}");
    peer_expect(peer, "41/a,");
    harness_told(&app->h, "/a? in:/a leave");
}

static void test_against_the_rules(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_open(&app->h);
    peer_send_all(peer, "40/a,", "40/a,", NULL);
    peer_expect_closed(peer);
    assert_int_equal(decide(app, 0, true), CONFAB_ECLOSED);
    peer = peer_open(&app->h);
    peer_send_all(peer, "40/a,", "44/a,{}", NULL);
    peer_expect_closed(peer);
    peer_open(&app->h);
    peer_send(peer_open(&app->h), "40/a,"); /* and undecided at the end of the server */
    harness_told(&app->h, "/a? /a? /a?");
}

/* ---- bounds ---- */

static void test_waiting_stops_reading(void **state)
{
    struct app *app = *state;
    struct peer *peer = peer_open(&app->h);
    char packet[10001];
    memset(packet, 'x', 10000);
    memcpy(packet, "42/a,[\"note\",\"", 14);
    memcpy(packet + 9998, "\"]", 3);
    peer_send(peer, "40/a,");
    for (int i = 0; i < 20; i++)
        peer_send(peer, packet);
    assert_true(peer->ws.paused);
    peer_quiet(peer);
    decide(app, 0, true);
    assert_false(peer->ws.paused);
    assert_int_equal(server_counters(app->h.server)->events_in, 20);
    peer_expect(peer, "40/a,{\"sid\":\"*\"}");
    peer_send(peer, "42/a,[\"note\",\"last\"]");
    harness_told(&app->h, "/a? in:/a last");
}

static void test_limits(void **state)
{
    struct app *app = begin(&(struct server_config){.max_pending = 5, .max_namespaces = 1});
    (void)state;
    struct peer *peer = peer_open(&app->h);
    peer_send(peer, "40/a,");
    peer_send(peer, "40/,");
    peer_expect(peer, "44{\"message\":\"Too many namespaces\"}");
    peer_send_all(peer, "41/a,", "40/b,", NULL); /* the application still owes the first */
    peer_expect(peer, "44/b,{\"message\":\"Too many pending decisions\"}");
    assert_int_equal(server_counters(app->h.server)->limits[SERVER_LIMIT_CLIENT_PENDING], 1);
    for (int i = 0; i < 4; i++)
        peer_send(peer_open(&app->h), "40/a,");
    assert_int_equal(owed(app), 5);
    peer = peer_open(&app->h);
    peer_send(peer, "40/c,{\"word\":\"yes\"}");
    peer_expect(peer, "44/c,{\"message\":\"Too many pending decisions\"}");
    assert_int_equal(server_counters(app->h.server)->limits[SERVER_LIMIT_PENDING], 1);
    decide(app, 1, true);
    peer_join(peer, "/c", "{\"word\":\"yes\"}");
    confab_limit_children(app->parent, 2, false);
    decide(app, 2, true);
    peer = peer_open(&app->h);
    peer_send(peer, "40/d,");
    decide(app, 5, true);
    peer_expect(peer, "44/d,{\"message\":\"Invalid namespace\"}");
    assert_int_equal(server_counters(app->h.server)->limits[SERVER_LIMIT_CHILDREN], 1);
    buf_reset(&app->h.told);
    end(app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_at_once),
        TEST(test_allowed_later),
        TEST(test_refused_later),
        TEST(test_two_that_decide),
        TEST(test_two_clients),
        TEST(test_gone_meanwhile),
        TEST(test_thrown_out_when_asked),
        TEST(test_thrown_out_by_what_waited),
        TEST(test_against_the_rules),
        TEST(test_waiting_stops_reading),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
