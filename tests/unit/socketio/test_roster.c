/* Names: claims that come at once, late, or too late; resumed, lost, given back. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/unit/socketio/fake_broker.h"
#include "tests/unit/socketio/harness.h"
#include <confab/err.h>

struct app {
    struct harness h;
    struct confab_namespace *nsp;
    struct confab_roster *roster;
    struct confab_token token; /* of the last `login` that waits */
    char secret[40];
    bool close_lost;
};

static void claimed(struct confab_socket *socket, enum confab_claim_result result,
                    const char *resume, void *user)
{
    static const char *const words[] = {"won", "resumed", "taken", "unavailable"};
    struct app *app = user;
    harness_note(&app->h, "%s", words[result]);
    assert_true((resume != NULL) == (result == CONFAB_CLAIM_WON || result == CONFAB_CLAIM_RESUMED));
    if (resume != NULL) {
        assert_int_equal(strlen(resume), 32);
        assert_string_not_equal(resume, app->secret);
        snprintf(app->secret, sizeof(app->secret), "%s", resume);
        confab_emit(socket, "welcome", confab_array());
    }
    /* Whatever happened meanwhile, the socket is there. */
    assert_ptr_equal(confab_socket_find(app->h.server, confab_socket_handle(socket)), socket);
    confab_answer(app->h.server, app->token, NULL);
}

static void on_lost(struct confab_socket *socket, int why, void *user)
{
    struct app *app = user;
    harness_note(&app->h, "lost:%s", confab_errname(why));
    if (app->close_lost)
        confab_disconnect(socket, true);
}

/* `login` name, secret */
static void on_login(struct confab_socket *socket, struct confab_event *event, void *user)
{
    struct app *app = user;
    const char *name = confab_as_string(confab_event_arg(event, 0), NULL);
    const char *secret = confab_as_string(confab_event_arg(event, 1), NULL);
    app->token = confab_defer(event, 0);
    int status = confab_roster_claim(app->roster, socket, name, name, secret, claimed, app);
    if (status != CONFAB_OK) {
        harness_note(&app->h, "%s", confab_errname(status));
        confab_answer(app->h.server, app->token, NULL);
    }
}

static void on_logout(struct confab_socket *socket, struct confab_event *event, void *user)
{
    struct app *app = user;
    (void)event;
    confab_roster_release(app->roster, socket);
}

static void on_disconnect(struct confab_socket *socket, const char *reason, void *user)
{
    struct app *app = user;
    (void)socket;
    harness_note(&app->h, "(%s)", reason);
}

static void begin(struct app *app, const struct harness_config *config)
{
    static const struct confab_roster_config roster = {.joined_event = "joined",
                                                       .left_event = "left",
                                                       .storm_event = "storm",
                                                       .storm_limit = 100,
                                                       .grace_ms = 5000};
    harness_init(&app->h, config);
    app->nsp = confab_of(app->h.server, "/");
    app->roster = confab_roster_open(app->nsp, &roster, on_lost, app);
    assert_ptr_equal(confab_roster_open(app->nsp, &roster, on_lost, app), app->roster);
    confab_on(app->nsp, "login", on_login, app);
    confab_on(app->nsp, "logout", on_logout, app);
    confab_on_disconnect(app->nsp, on_disconnect, app);
}

static int setup(void **state)
{
    struct app *app = xcalloc(1, sizeof(*app));
    begin(app, NULL);
    *state = app;
    return 0;
}

static int setup_cluster(void **state)
{
    struct app *app = xcalloc(1, sizeof(*app));
    struct harness_config config = {.make_broker = fake_broker_make};
    begin(app, &config);
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
#define CLUSTER_TEST(name) cmocka_unit_test_setup_teardown(name, setup_cluster, teardown)

static void login(struct peer *peer, const char *name, const char *secret)
{
    char packet[128];
    snprintf(packet, sizeof(packet), "42[\"login\",\"%s\"%s%s%s]", name,
             secret != NULL ? ",\"" : "", secret != NULL ? secret : "", secret != NULL ? "\"" : "");
    peer_send(peer, packet);
}

static void online(struct app *app, const char *expected)
{
    struct confab_value *names = confab_roster_names(app->roster, 10);
    char got[256] = "";
    assert_int_equal(confab_size(names), confab_roster_count(app->roster));
    for (size_t i = 0; i < confab_size(names); i++) {
        strcat(got, i > 0 ? " " : "");
        strcat(got, confab_as_string(confab_at(names, i), NULL));
    }
    confab_value_release(names);
    assert_string_equal(got, expected);
}

static void test_claiming(void **state)
{
    struct app *app = *state;
    struct peer *bob = peer_connect(&app->h, "/");
    struct peer *eve = peer_connect(&app->h, "/");
    uint64_t version = confab_roster_version(app->roster);
    login(bob, "bob", NULL);
    harness_told(&app->h, "won");
    peer_expect(bob, "42[\"welcome\"]"); /* before it sees itself come */
    peer_expect(bob, "42[\"joined\",\"bob\"]");
    peer_expect(eve, "42[\"joined\",\"bob\"]");
    online(app, "bob");
    assert_true(confab_roster_version(app->roster) > version);
    login(eve, "bob", NULL);
    login(bob, "bob2", NULL);
    harness_told(&app->h, "taken busy");
    login(eve, "eve", NULL);
    online(app, "bob eve");
    peer_drop_inbox(eve);
    struct confab_value *first = confab_roster_names(app->roster, 1);
    assert_int_equal(confab_size(first), 1);
    confab_value_release(first);
    peer_send(bob, "42[\"logout\"]");
    peer_expect(eve, "42[\"left\",\"bob\"]");
    online(app, "eve");
    peer_send(bob, "42[\"logout\"]");
    login(bob, "bob", NULL);
    harness_told(&app->h, "won won");
}

static void test_giving_back(void **state)
{
    struct app *app = *state;
    struct peer *bob = peer_connect(&app->h, "/");
    struct peer *eve = peer_connect(&app->h, "/");
    login(bob, "bob", NULL);
    peer_drop_inbox(eve);
    peer_send(bob, "41");
    peer_expect(eve, "42[\"left\",\"bob\"]"); /* its own disconnect packet: at once */
    peer_drop_inbox(bob);
    peer_join(bob, "/", "");
    login(bob, "bob", NULL);
    peer_drop_inbox(eve);
    peer_lose(bob);
    harness_pass(&app->h, 4999);
    peer_quiet(eve);
    online(app, "bob");
    harness_pass(&app->h, 1);
    peer_expect(eve, "42[\"left\",\"bob\"]");
    online(app, "");
    buf_reset(&app->h.told);
}

static void test_resuming(void **state)
{
    struct app *app = *state;
    struct peer *old = peer_connect(&app->h, "/");
    struct peer *eve = peer_connect(&app->h, "/");
    app->close_lost = true;
    login(old, "bob", NULL);
    peer_drop_inbox(eve);
    /* Over the living connection: that one is closed. */
    struct peer *again = peer_connect(&app->h, "/");
    char secret[40];
    snprintf(secret, sizeof(secret), "%s", app->secret);
    login(again, "bob", "00000000000000000000000000000000");
    login(again, "bob", "nonsense");
    login(again, "bob", secret);
    harness_told(&app->h, "won taken taken resumed lost:exists (server namespace disconnect)");
    peer_drop_inbox(old);
    peer_expect_closed(old);
    peer_expect(again, "42[\"welcome\"]");
    peer_quiet(again);
    /* Within the grace, without the others seeing it; the old secret is worth nothing. */
    peer_lose(again);
    harness_pass(&app->h, 3000);
    again = peer_connect(&app->h, "/");
    login(again, "bob", secret);
    snprintf(secret, sizeof(secret), "%s", app->secret);
    login(again, "bob", secret);
    harness_told(&app->h, "(transport error) taken resumed");
    harness_pass(&app->h, 10000);
    peer_quiet(eve);
    online(app, "bob");
}

/* ---- a broker that takes its time ---- */

static void test_late(void **state)
{
    struct app *app = *state;
    struct peer *bob = peer_connect(&app->h, "/");
    peer_send_all(bob, "42[\"login\",\"bob\"]", "42[\"login\",\"eve\"]", NULL);
    harness_told(&app->h, "");
    fake_broker_settle(app->h.broker, BROKER_CLAIM_TAKEN);
    harness_told(&app->h, "taken");
    harness_turn(&app->h);
    fake_broker_settle(app->h.broker, BROKER_CLAIM_WON);
    harness_turn(&app->h);
    peer_expect(bob, "42[\"welcome\"]");
    peer_expect(bob, "42[\"joined\",\"eve\"]");
    login(bob, "third", NULL);
    harness_told(&app->h, "won busy");
    fake_broker_lose_name(app->h.broker, "/", "eve", CONFAB_EDENIED);
    harness_told(&app->h, "lost:denied");
    login(bob, "eve", NULL);
    fake_broker_settle(app->h.broker, BROKER_CLAIM_UNAVAILABLE);
    harness_told(&app->h, "unavailable");
    fake_broker_told(app->h.broker, "");
}

/* The socket dies while its claim is under way: no name stays behind. */
static void dies(struct app *app, void (*die)(struct peer *peer), enum broker_claim_result result,
                 const char *told, const char *given_back)
{
    struct peer *bob = peer_connect(&app->h, "/");
    struct confab_handle handle = confab_socket_handle(peer_socket(bob, "/"));
    login(bob, "bob", NULL);
    die(bob);
    harness_told(&app->h, "");
    assert_non_null(confab_socket_find(app->h.server, handle));
    fake_broker_settle(app->h.broker, result);
    harness_turn(&app->h);
    harness_told(&app->h, told);
    assert_null(confab_socket_find(app->h.server, handle));
    fake_broker_told(app->h.broker, given_back);
}

static void own_end(struct peer *peer)
{
    peer_send(peer, "41");
}

static void kick(struct peer *peer)
{
    confab_disconnect(peer_socket(peer, "/"), true);
    harness_turn(peer->harness);
}

static void test_death_while_pending(void **state)
{
    struct app *app = *state;
    dies(app, peer_lose, BROKER_CLAIM_WON, "unavailable (transport error)", "freed:bob");
    dies(app, peer_leave, BROKER_CLAIM_RESUMED, "unavailable (transport close)", "freed:bob");
    dies(app, own_end, BROKER_CLAIM_WON, "unavailable (client namespace disconnect)", "freed:bob");
    dies(app, kick, BROKER_CLAIM_WON, "unavailable (server namespace disconnect)", "freed:bob");
    dies(app, peer_lose, BROKER_CLAIM_TAKEN, "taken (transport error)", "");
}

static void test_ends(void **state)
{
    struct app *app = *state;
    struct peer *bob = peer_connect(&app->h, "/");
    login(bob, "bob", NULL);
    fake_broker_settle(app->h.broker, BROKER_CLAIM_WON);
    peer_lose(bob);
    fake_broker_told(app->h.broker, "kept:bob");
    bob = peer_connect(&app->h, "/");
    login(bob, "bob", NULL);
    fake_broker_settle(app->h.broker, BROKER_CLAIM_WON);
    peer_send(bob, "41");
    fake_broker_told(app->h.broker, "freed:bob");
    /* Released by the application while it is still claimed. */
    peer_drop_inbox(bob);
    peer_join(bob, "/", "");
    login(bob, "bob", NULL);
    confab_roster_release(app->roster, peer_socket(bob, "/"));
    fake_broker_settle(app->h.broker, BROKER_CLAIM_WON);
    harness_told(&app->h, "won (transport error) won (client namespace disconnect) unavailable");
    fake_broker_told(app->h.broker, "freed:bob");
    login(bob, "bob", NULL);
    fake_broker_settle(app->h.broker, BROKER_CLAIM_WON);
    harness_told(&app->h, "won");
}

/* The token's deadline comes before the broker's answer. */
static void test_deadline_first(void **state)
{
    struct app *app = *state;
    struct peer *bob = peer_connect(&app->h, "/");
    login(bob, "bob", NULL);
    harness_pass(&app->h, 30000);
    peer_send(bob, "42[\"logout\"]"); /* served again, and the name unwanted */
    peer_lose(bob);
    harness_told(&app->h, "");
    fake_broker_settle(app->h.broker, BROKER_CLAIM_WON);
    harness_turn(&app->h);
    harness_told(&app->h, "unavailable (transport error)");
    fake_broker_told(app->h.broker, "freed:bob");
}

static void test_end_of_the_server(void **state)
{
    struct app *app = *state;
    struct peer *bob = peer_connect(&app->h, "/");
    struct peer *eve = peer_connect(&app->h, "/");
    struct peer *dan = peer_connect(&app->h, "/");
    login(eve, "eve", NULL);
    fake_broker_settle(app->h.broker, BROKER_CLAIM_WON);
    login(bob, "bob", NULL);
    login(dan, "dan", NULL);
    peer_lose(dan);
    harness_told(&app->h, "won");
    server_stop(app->h.server);
    harness_told(&app->h, "(server shutting down) unavailable (server shutting down) unavailable "
                          "(transport error)");
    fake_broker_told(app->h.broker, "kept:eve");
    /* One claim is still answered by then: undone. */
    fake_broker_settle(app->h.broker, BROKER_CLAIM_WON);
    fake_broker_told(app->h.broker, "freed:bob");
    broker_free(&app->h.broker);
    harness_told(&app->h, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_claiming),
        TEST(test_giving_back),
        TEST(test_resuming),
        CLUSTER_TEST(test_late),
        CLUSTER_TEST(test_death_while_pending),
        CLUSTER_TEST(test_ends),
        CLUSTER_TEST(test_deadline_first),
        CLUSTER_TEST(test_end_of_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
