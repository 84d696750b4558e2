/*
 * Many clients doing what they like, an application that decides when it likes, a broker that
 * answers when it likes: whatever happens, a socket's events are handled in order, none before its
 * connect handler or after its disconnect handler, which runs once; and nothing is left.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/rng.h"
#include "gateway/socketio/server_internal.h"
#include "tests/unit/socketio/fake_broker.h"
#include "tests/unit/socketio/harness.h"
#include <confab/err.h>

#define SEEDS 150
#define STEPS 400
#define PEERS 6
#define OWED 64

struct app {
    struct harness h;
    struct rng dice;
    struct confab_namespace *nsps[2];
    struct confab_roster *roster;
    struct peer *peers[PEERS];
    struct confab_token owed[OWED]; /* a ring; old ones are left to their deadlines */
    unsigned owed_next;
    size_t claims, joins, emits; /* that the broker has to answer */
    uint64_t connected, disconnected, acked, asked;
    int64_t sequence;
};

/* What the application knows of one socket. */
struct known {
    int64_t last;
    bool gone;
};

static unsigned roll(struct app *app, unsigned sides)
{
    return rng_below(&app->dice, sides);
}

static void owe(struct app *app, struct confab_token token)
{
    app->owed[app->owed_next++ % OWED] = token;
}

static void free_known(void *pointer)
{
    assert_true(((struct known *)pointer)->gone);
    free(pointer);
}

/* At once, later, or never. */
static void think(struct app *app, struct confab_token token)
{
    switch (roll(app, 4)) {
    case 0:
        confab_refuse(app->h.server, token, "no", NULL);
        break;
    case 1:
        owe(app, token);
        break;
    default:
        confab_allow(app->h.server, token);
    }
}

static void middleware(struct confab_socket *socket, struct confab_token token, void *user)
{
    (void)socket;
    think(user, token);
}

static void event_middleware(struct confab_socket *socket, struct confab_event *event,
                             struct confab_token token, void *user)
{
    struct app *app = user;
    if (roll(app, 8) == 0)
        owe(app, confab_defer(event, 1 + (int64_t)roll(app, 500)));
    if (roll(app, 20) == 0)
        confab_disconnect(socket, roll(app, 2) == 0);
    think(app, token);
}

static void on_name(struct confab_server *server, const char *name, const struct confab_value *auth,
                    struct confab_token token, void *user)
{
    (void)server;
    (void)name;
    (void)auth;
    think(user, token);
}

static void on_connect(struct confab_socket *socket, void *user)
{
    struct app *app = user;
    app->connected++;
    assert_null(confab_user(socket));
    confab_set_user(socket, xcalloc(1, sizeof(struct known)), free_known);
    for (unsigned uses = roll(app, 3); uses > 0; uses--)
        confab_socket_use(socket, event_middleware, app);
    if (roll(app, 10) == 0)
        confab_disconnect(socket, roll(app, 2) == 0);
}

static void on_disconnect(struct confab_socket *socket, const char *reason, void *user)
{
    struct app *app = user;
    struct known *known = confab_user(socket);
    assert_non_null(reason);
    assert_false(known->gone);
    known->gone = true;
    app->disconnected++;
    confab_emit_others(socket, "left", confab_array());
    assert_false(confab_emit(socket, "x", confab_array()));
}

static void on_claimed(struct confab_socket *socket, enum confab_claim_result result,
                       const char *resume, void *user)
{
    struct app *app = user;
    const struct known *known = confab_user(socket);
    (void)resume;
    app->claims--;
    assert_false(known->gone);
    if (result == CONFAB_CLAIM_WON && roll(app, 4) == 0)
        confab_disconnect(socket, true);
}

static void on_joined(struct confab_server *server, int status, void *user)
{
    struct app *app = user;
    (void)server;
    (void)status;
    app->joins--;
}

static void on_sent(struct confab_server *server, int status, bool cluster, void *user)
{
    struct app *app = user;
    (void)server;
    (void)status;
    (void)cluster;
    app->emits--;
}

static void on_answer(struct confab_server *server, int status, const struct confab_value *args,
                      void *user)
{
    struct app *app = user;
    (void)server;
    (void)status;
    (void)args;
    app->acked++;
}

static void on_lost(struct confab_socket *socket, int why, void *user)
{
    (void)why;
    (void)user;
    confab_disconnect(socket, true);
}

static void do_something(struct app *app, struct confab_socket *socket, struct confab_event *event)
{
    struct confab_audience all = {.flags = roll(app, 2) == 0 ? (unsigned)CONFAB_VOLATILE : 0};
    char room[8];
    switch (roll(app, 12)) {
    case 0:
        owe(app, confab_defer(event, 1 + (int64_t)roll(app, 500)));
        break;
    case 1:
        owe(app, confab_defer_ack(event, 1 + (int64_t)roll(app, 500)));
        break;
    case 2:
        confab_disconnect(socket, roll(app, 2) == 0);
        break;
    case 3:
        snprintf(room, sizeof(room), "r%u", roll(app, 5));
        if (confab_join(socket, room, on_joined, app) == CONFAB_OK)
            app->joins++;
        break;
    case 4:
        app->emits++;
        assert_int_equal(confab_broadcast_ordered(confab_socket_namespace(socket), &all, "o",
                                                  confab_array(), on_sent, app),
                         CONFAB_OK);
        break;
    case 5:
        app->asked++;
        confab_emit_with_ack(socket, "q", confab_array(), (int64_t)roll(app, 300), on_answer, app);
        break;
    case 6:
        snprintf(room, sizeof(room), "n%u", roll(app, 4));
        if (confab_roster_claim(app->roster, socket, room, room, NULL, on_claimed, app) ==
            CONFAB_OK)
            app->claims++;
        break;
    case 7:
        confab_roster_release(app->roster, socket);
        break;
    case 8:
        confab_emit_all(confab_socket_namespace(socket), "m", confab_array());
        break;
    default:
        confab_ack(event, confab_array());
    }
}

static void on_event(struct confab_socket *socket, struct confab_event *event, void *user)
{
    struct app *app = user;
    struct known *known = confab_user(socket);
    int64_t sequence = confab_as_int(confab_event_arg(event, 0), -1);
    assert_false(known->gone);
    assert_true(sequence > known->last);
    known->last = sequence;
    do_something(app, socket, event);
}

/* ---- the clients ---- */

static void client_sends(struct app *app, struct peer *peer)
{
    static const char *const others[] = {
        "40",    "40/b",  "41",       "41/b",
        "430[]", "431[]", "43/b,0[]", "451-[\"e\",0,{\"_placeholder\":true,\"num\":0}]",
        "40/d1", "40/d2", "41/d1",
    };
    static const char *const nsps[] = {"", "", "/b,", "/b,", "/b,", "/d1,"};
    char packet[64];
    if (roll(app, 3) == 0) {
        peer_send(peer, others[roll(app, TEST_COUNT(others))]);
    } else {
        snprintf(packet, sizeof(packet), "42%s%s[\"e\",%lld]", nsps[roll(app, TEST_COUNT(nsps))],
                 roll(app, 2) ? "7" : "", (long long)++app->sequence);
        peer_send(peer, packet);
    }
}

static void client_step(struct app *app)
{
    struct peer **slot = &app->peers[roll(app, PEERS)];
    if (*slot == NULL || (*slot)->closed) {
        *slot = roll(app, 2) == 0 ? peer_open(&app->h) : peer_open_polling(&app->h);
        peer_send_all(*slot, "40", "40/b", NULL);
        return;
    }
    switch (roll(app, 20)) {
    case 0:
        peer_lose(*slot);
        break;
    case 1:
        peer_leave(*slot);
        break;
    case 2:
        (*slot)->clogged = !(*slot)->clogged;
        break;
    default:
        client_sends(app, *slot);
    }
}

static void broker_step(struct app *app)
{
    static const enum broker_claim_result results[] = {BROKER_CLAIM_WON, BROKER_CLAIM_WON,
                                                       BROKER_CLAIM_TAKEN, BROKER_CLAIM_RESUMED,
                                                       BROKER_CLAIM_UNAVAILABLE};
    struct broker *broker = app->h.broker;
    switch (roll(app, 6)) {
    case 0:
        if (app->claims > 0)
            fake_broker_settle(broker, results[roll(app, TEST_COUNT(results))]);
        break;
    case 1:
        if (app->joins > 0)
            fake_broker_join_done(broker, CONFAB_OK);
        break;
    case 2:
        if (app->emits > 0)
            fake_broker_ordered_done(broker, CONFAB_OK);
        break;
    case 3:
        fake_broker_ask(broker, "/", "q");
        break;
    case 4:
        broker_bulk_disconnect(
            broker_namespace(broker, roll(app, 2) ? "/" : "/b"),
            &(struct rooms_target){.rooms = &(struct text){"r1", 2}, .room_count = 1},
            roll(app, 2) == 0);
        break;
    default:
        fake_broker_server_event(broker, "/", "[\"e\"]", true);
    }
    harness_turn(&app->h);
}

static void decide(struct app *app)
{
    struct confab_token token = app->owed[roll(app, OWED)];
    if (confab_answer(app->h.server, token, confab_array()) == CONFAB_ENOTFOUND) {
        if (roll(app, 2) == 0)
            confab_allow(app->h.server, token);
        else
            confab_refuse(app->h.server, token, "later no", NULL);
    }
    harness_turn(&app->h);
}

static void step(struct app *app)
{
    switch (roll(app, 8)) {
    case 0:
        harness_pass(&app->h, (int64_t)roll(app, 200));
        break;
    case 1:
    case 2:
        decide(app);
        break;
    case 3:
        broker_step(app);
        break;
    default:
        client_step(app);
    }
}

static void register_on(struct app *app, struct confab_namespace *nsp)
{
    confab_on_connect(nsp, on_connect, app);
    confab_on_disconnect(nsp, on_disconnect, app);
    confab_on(nsp, "e", on_event, app);
}

/* With every other seed there are few places for decisions. */
static void begin(struct app *app, uint64_t seed)
{
    static const struct confab_roster_config roster = {
        .joined_event = "joined", .left_event = "gone", .storm_event = "storm", .storm_limit = 9};
    struct harness_config config = {
        .server = {.max_waiting_bytes = 300, .max_acks = 5, .max_pending = seed % 2 == 0 ? 8 : 0},
        .max_queued_bytes = 20000,
        .make_broker = fake_broker_make};
    memset(app, 0, sizeof(*app));
    rng_init_seeded(&app->dice, seed);
    harness_init(&app->h, &config);
    for (size_t i = 0; i < 2; i++) {
        app->nsps[i] = confab_of(app->h.server, i == 0 ? "/" : "/b");
        register_on(app, app->nsps[i]);
    }
    register_on(app, confab_of_deciding(app->h.server, on_name, app));
    confab_use(app->nsps[1], middleware, app);
    app->roster = confab_roster_open(app->nsps[0], &roster, on_lost, app);
}

static void test_random(void **state)
{
    (void)state;
    static struct app app;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(&app, seed);
        for (int i = 0; i < STEPS; i++)
            step(&app);
        if (seed % 3 != 0) { /* else the end comes with everything pending */
            server_drain(app.h.server, 100);
            harness_pass(&app.h, 31000);
        }
        harness_fini(&app.h);
        assert_true(app.connected > 0);
        assert_int_equal(app.connected, app.disconnected);
        assert_int_equal(app.asked, app.acked);
        assert_int_equal(app.claims + app.joins + app.emits, 0);
        rng_fini(&app.dice);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
