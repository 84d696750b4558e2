/* How many decisions may be owed, to all and to one client, and what comes of those beyond. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/unit/socketio/recovery_world.h"
#include <confab/err.h>

#define TOKENS_MAX 600

/* An application that lets everything wait until the test decides. */
struct app {
    struct harness h;
    struct confab_token tokens[TOKENS_MAX];
    size_t count;
};

static void on_event(struct confab_socket *socket, struct confab_event *event, void *user)
{
    struct app *app = user;
    (void)socket;
    harness_note(&app->h, "%s", confab_as_string(confab_event_arg(event, 0), NULL));
    confab_ack(event, NULL);
}

static void on_loose(struct confab_socket *socket, struct confab_event *event, void *user)
{
    struct app *app = user;
    (void)socket;
    app->tokens[app->count++] = confab_defer_ack(event, 0);
}

static void on_disconnect(struct confab_socket *socket, const char *reason, void *user)
{
    struct app *app = user;
    (void)socket;
    harness_note(&app->h, "(%s)", reason);
}

static void ask_event(struct confab_socket *socket, struct confab_event *event,
                      struct confab_token token, void *user)
{
    struct app *app = user;
    (void)socket;
    harness_note(&app->h, "?%s", confab_as_string(confab_event_arg(event, 0), NULL));
    app->tokens[app->count++] = token;
}

static void ask_event_now(struct confab_socket *socket, struct confab_event *event,
                          struct confab_token token, void *user)
{
    struct app *app = user;
    harness_note(&app->h, "!%s", confab_as_string(confab_event_arg(event, 0), NULL));
    confab_allow(confab_socket_server(socket), token);
}

static void ask_connect(struct confab_socket *socket, struct confab_token token, void *user)
{
    struct app *app = user;
    harness_note(&app->h, "?%s", confab_namespace_name(confab_socket_namespace(socket)));
    app->tokens[app->count++] = token;
}

static struct app *begin(size_t max_pending)
{
    static const char *const names[] = {"/", "/b", "/adm", "/adm2"};
    struct app *app = xcalloc(1, sizeof(*app));
    struct harness_config config = {.server = {.max_pending = max_pending}};
    harness_init(&app->h, &config);
    for (size_t i = 0; i < 4; i++) {
        struct confab_namespace *nsp = confab_of(app->h.server, names[i]);
        confab_on(nsp, "x", on_event, app);
        confab_on(nsp, "loose", on_loose, app);
        confab_on_disconnect(nsp, on_disconnect, app);
        if (i >= 2)
            confab_use(nsp, ask_connect, app);
    }
    return app;
}

static void end(struct app *app)
{
    harness_fini(&app->h);
    free(app);
}

/* A client whose events are decided by the test. */
static struct peer *watched(struct app *app)
{
    struct peer *peer = peer_connect(&app->h, "/");
    confab_socket_use(peer_socket(peer, "/"), ask_event, app);
    return peer;
}

static void allow(struct app *app, size_t i)
{
    confab_allow(app->h.server, app->tokens[i]);
    harness_turn(&app->h);
}

static uint64_t limited(struct app *app, enum server_limit limit)
{
    return server_counters(app->h.server)->limits[limit];
}

static uint64_t owed(struct app *app)
{
    return server_counters(app->h.server)->tokens_now;
}

/* ---- of all clients ---- */

/* None is lost, none overtakes another of its socket, the first to wait is the first to go on. */
static void test_events_wait_for_a_place(void **state)
{
    struct app *app = begin(2);
    (void)state;
    struct peer *peers[4];
    for (size_t i = 0; i < 4; i++)
        peers[i] = watched(app);
    peer_send(peers[0], "42[\"x\",\"a\"]");
    peer_send(peers[1], "42[\"x\",\"b\"]");
    assert_int_equal(limited(app, SERVER_LIMIT_PENDING), 0);
    peer_send_all(peers[2], "427[\"x\",\"c1\"]", "428[\"x\",\"c2\"]", NULL);
    peer_send(peers[3], "429[\"x\",\"d\"]");
    harness_told(&app->h, "?a ?b");
    assert_int_equal(owed(app), 2);
    assert_int_equal(limited(app, SERVER_LIMIT_PENDING), 2);
    peer_send(peers[0], "42[\"x\",\"a2\"]");
    allow(app, 0);
    harness_told(&app->h, "?c1 a"); /* and a2 waits in its turn */
    allow(app, 1);
    harness_told(&app->h, "?d b");
    assert_int_equal(owed(app), 2);
    allow(app, 2);
    harness_told(&app->h, "?a2 c1");
    peer_expect(peers[2], "437[]");
    for (size_t i = 3; i < 6; i++)
        allow(app, i);
    harness_told(&app->h, "?c2 d a2 c2");
    peer_expect(peers[3], "439[]");
    peer_expect(peers[2], "438[]");
    assert_int_equal(owed(app), 0);
    end(app);
}

/* The second middleware's decision needs a place as the first one's did. */
static void test_amid_middleware(void **state)
{
    struct app *app = begin(1);
    (void)state;
    struct peer *waits = watched(app), *other = watched(app);
    confab_socket_use(peer_socket(waits, "/"), ask_event_now, app);
    peer_send(waits, "42[\"x\",\"a\"]");
    peer_send(other, "42[\"x\",\"b\"]");
    harness_told(&app->h, "?a");
    allow(app, 0);
    harness_told(&app->h, "?b");
    allow(app, 1);
    harness_told(&app->h, "!a a b");
    end(app);
}

/* What waits unread is bounded by its bytes as behind any decision. */
static void test_waiting_stops_reading(void **state)
{
    struct app *app = begin(1);
    (void)state;
    struct peer *first = watched(app), *waits = watched(app);
    char packet[10001];
    memset(packet, 'x', 10000);
    memcpy(packet, "42[\"x\",\"", 8);
    memcpy(packet + 9998, "\"]", 3);
    peer_send(first, "42[\"x\",\"a\"]");
    for (int i = 0; i < 20; i++)
        peer_send(waits, packet);
    assert_true(waits->ws.paused);
    peer_quiet(waits);
    harness_told(&app->h, "?a");
    allow(app, 0);
    assert_int_equal(app->count, 2);
    buf_reset(&app->h.told);
    end(app);
}

static void test_ends_that_wait(void **state)
{
    struct app *app = begin(1);
    (void)state;
    struct peer *first = watched(app), *lost = watched(app), *out = watched(app),
                *last = watched(app);
    peer_send(first, "42[\"x\",\"a\"]");
    peer_send(lost, "42[\"x\",\"b\"]");
    peer_send_all(out, "42[\"x\",\"c\"]", "42[\"x\",\"c2\"]", NULL);
    peer_send(last, "42[\"x\",\"d\"]");
    peer_lose(lost);
    harness_told(&app->h, "?a"); /* what had arrived is decided first */
    confab_disconnect(peer_socket(out, "/"), false);
    harness_turn(&app->h);
    peer_expect(out, "41");
    harness_told(&app->h, "(server namespace disconnect)");
    allow(app, 0);
    harness_told(&app->h, "?d a");
    allow(app, 1);
    harness_told(&app->h, "?b d");
    allow(app, 2);
    harness_told(&app->h, "b (transport error)");
    peer_send(first, "42[\"x\",\"e\"]");
    peer_send(last, "42[\"x\",\"f\"]");
    server_stop(app->h.server); /* with one that waits */
    harness_told(&app->h, "?e (server shutting down) (server shutting down)");
    end(app);
}

/* A CONNECT that would have to be looked up is refused as one that needs middleware; what it was is
 * still there when it tries again. */
static void test_lookups(void **state)
{
    struct world *world;
    void *made;
    (void)state;
    recovery_begin(&made, (struct server_config){.recovery_ms = WINDOW_MS, .max_pending = 1}, 0);
    world = made;
    struct app app = {.count = 0};
    confab_on(world->nsp, "loose", on_loose, &app);
    both_in(world);
    peer_send(world->b.peer, "42[\"loose\"]");
    peer_lose(world->a.peer);
    say(world, 1);
    struct peer *peer = world->a.peer = peer_open(&world->h);
    client_send_connect(&world->a, world->a.pid, world->a.offset);
    peer_expect(peer, "44{\"message\":\"Too many pending decisions\"}");
    assert_int_equal(counters(world)->limits[SERVER_LIMIT_PENDING], 1);
    confab_answer(world->h.server, app.tokens[0], NULL);
    recovered(world, &world->a, "1 |");
    client_got(&world->b, "1");
    recovery_teardown(&made);
}

/* ---- of one client ---- */

/* All its namespaces together, and what it has left behind. */
static void test_share_of_a_client(void **state)
{
    struct app *app = begin(0);
    (void)state;
    struct peer *peer = peer_connect(&app->h, "/"), *other = peer_connect(&app->h, "/");
    peer_join(peer, "/b", "");
    for (int i = 0; i < 200; i++)
        peer_send(peer, i < 100 ? "421[\"loose\"]" : "42/b,1[\"loose\"]");
    peer_send(peer, "41/b,");
    harness_told(&app->h, "(client namespace disconnect)");
    peer_join(peer, "/b", "");
    for (int i = 0; i < 60; i++)
        peer_send(peer, "42/b,1[\"loose\"]");
    assert_int_equal(app->count, 257); /* the last one blocks its socket */
    assert_int_equal(limited(app, SERVER_LIMIT_CLIENT_PENDING), 1);
    peer_send(peer, "42[\"x\",\"still\"]");
    harness_told(&app->h, "still");
    peer_send(peer, "40/adm,");
    peer_quiet(peer);
    harness_told(&app->h, "");
    peer_send(other, "421[\"loose\"]");
    assert_int_equal(app->count, 258);
    for (size_t i = 0; i < 2; i++)
        confab_answer(app->h.server, app->tokens[i], NULL);
    harness_turn(&app->h);
    harness_told(&app->h, "?/adm");
    allow(app, 258);
    peer_expect(peer, "40/adm,{*");
    assert_int_equal(limited(app, SERVER_LIMIT_PENDING), 0);
    server_stop(app->h.server);
    buf_reset(&app->h.told);
    end(app);
}

/* With few places, one client has a quarter of them. */
static void test_share_of_few(void **state)
{
    struct app *app = begin(4);
    (void)state;
    struct peer *peer = watched(app), *other = peer_open(&app->h);
    peer_send_all(peer, "40/adm,", "40/adm2,", "42[\"x\",\"a\"]", NULL);
    harness_told(&app->h, "?/adm");
    peer_send(other, "40/adm,");
    harness_told(&app->h, "?/adm");
    assert_int_equal(limited(app, SERVER_LIMIT_CLIENT_PENDING), 2);
    /* One that goes without needing its place any more leaves it to the next. */
    peer_send(peer, "41/adm2,");
    allow(app, 0);
    peer_expect(peer, "40/adm,{*");
    harness_told(&app->h, "?a");
    allow(app, 2);
    harness_told(&app->h, "a");
    peer_quiet(peer);
    /* Coming and going does not get it more: the application still owes what it was asked. */
    for (int i = 0; i < 3; i++)
        peer_send_all(peer, "40/adm2,", "41/adm2,", NULL);
    harness_told(&app->h, "?/adm2");
    assert_int_equal(owed(app), 2);
    end(app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_wait_for_a_place),
        cmocka_unit_test(test_amid_middleware),
        cmocka_unit_test(test_waiting_stops_reading),
        cmocka_unit_test(test_ends_that_wait),
        cmocka_unit_test(test_lookups),
        cmocka_unit_test(test_share_of_a_client),
        cmocka_unit_test(test_share_of_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
