/* Clients of socket.io 1 and 2, as recorded: the namespace that is joined for them, queries behind
 * namespaces, ids that they compute themselves, refusals. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/unit/socketio/harness.h"
#include <confab/err.h>

struct app {
    struct harness h;
    struct confab_token token;  /* of the last event `wait` */
    char id[64];                /* of the last socket that was let in */
    struct confab_socket *last; /* that socket */
};

static void on_connect(struct confab_socket *socket, void *user)
{
    struct app *app = user;
    struct confab_value *auth;

    app->last = socket;
    snprintf(app->id, sizeof(app->id), "%s", confab_socket_id(socket));
    auth = confab_to_json(confab_socket_auth(socket), 10000);
    harness_note(&app->h, "%s", confab_as_string(auth, NULL));
    confab_value_release(auth);
}

static void on_disconnect(struct confab_socket *socket, const char *reason, void *user)
{
    struct app *app = user;

    (void)socket;
    harness_note(&app->h, "(%s)", reason);
}

static void on_echo(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    if (confab_event_wants_ack(event))
        confab_ack(event, confab_value_hold(confab_event_args(event)));
    else
        confab_emit(socket, "back", confab_value_hold(confab_event_args(event)));
}

static void on_wait(struct confab_socket *socket, struct confab_event *event, void *user)
{
    struct app *app = user;

    (void)socket;
    app->token = confab_defer(event, 1000);
}

/* `?no=text` is refused with a text, `?code=` with data. */
static void by_auth(struct confab_socket *socket, struct confab_token token, void *user)
{
    struct app *app = user;
    const struct confab_value *auth = confab_socket_auth(socket);
    const char *text = confab_as_string(confab_get(auth, "no"), NULL);

    if (text != NULL)
        confab_refuse(app->h.server, token, text, NULL);
    else if (confab_get(auth, "code") != NULL)
        confab_refuse(app->h.server, token, "with data",
                      confab_set(confab_object(), "c", confab_int(1)));
    else
        confab_allow(app->h.server, token);
}

static int setup(void **state)
{
    struct app *app = xcalloc(1, sizeof(*app));
    static const char *const names[] = {"/", "/adm"};

    harness_init(&app->h, NULL);
    for (size_t i = 0; i < TEST_COUNT(names); i++) {
        struct confab_namespace *nsp = confab_of(app->h.server, names[i]);

        confab_use(nsp, by_auth, app);
        confab_on_connect(nsp, on_connect, app);
        confab_on_disconnect(nsp, on_disconnect, app);
        confab_on(nsp, "echo", on_echo, app);
        confab_on(nsp, "wait", on_wait, app);
    }
    app->h.query = "&EIO=3";
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

/* A client that is in `/`. */
static struct peer *old_peer(struct app *app)
{
    struct peer *peer = peer_open(&app->h);

    peer_expect(peer, "40");
    harness_told(&app->h, "{}");
    return peer;
}

static void test_joined_unasked(void **state)
{
    struct app *app = *state;
    struct peer *peer = old_peer(app);

    assert_string_equal(app->id, peer->eio_sid);
    peer_send(peer, "42[\"echo\",\"x\"]");
    peer_expect(peer, "42[\"back\",\"x\"]");
    peer_send(peer, "420[\"echo\",1,\"two\"]");
    peer_expect(peer, "430[1,\"two\"]");
    peer_send(peer, "451-[\"echo\",{\"_placeholder\":true,\"num\":0}]");
    peer_send_binary(peer, "\4\1\2\3", 4);
    peer_expect(peer, "451-[\"back\",{\"_placeholder\":true,\"num\":0}]");
    peer_expect_binary(peer, "\4\1\2\3", 4);
    peer_send(peer, "41");
    harness_told(&app->h, "(client namespace disconnect)");
    peer_quiet(peer);
}

static void test_namespaces(void **state)
{
    struct app *app = *state;
    struct peer *peer = old_peer(app);
    char id[80];

    peer_send(peer, "40/adm?token=a%20b&x=1&token=c,");
    peer_expect(peer, "40/adm,");
    harness_told(&app->h, "{\"token\":\"c\",\"x\":\"1\"}");
    snprintf(id, sizeof(id), "/adm#%s", peer->eio_sid);
    assert_string_equal(app->id, id);
    peer_send(peer, "42/adm,[\"echo\",\"x\"]");
    peer_expect(peer, "42/adm,[\"back\",\"x\"]");
    peer_send(peer, "42/adm?token=c,[\"echo\",\"y\"]");
    peer_expect(peer, "42/adm,[\"back\",\"y\"]");
    confab_disconnect(app->last, false);
    harness_turn(&app->h);
    peer_expect(peer, "41/adm,");
    harness_told(&app->h, "(server namespace disconnect)");

    peer_send(peer, "40/adm?tok=1"); /* as the oldest ones end it */
    peer_expect(peer, "40/adm,");
    harness_told(&app->h, "{\"tok\":\"1\"}");
}

static void test_refusals(void **state)
{
    struct app *app = *state;
    struct peer *peer = old_peer(app);

    peer_send(peer, "40/adm?no=denied,");
    peer_expect(peer, "44/adm,\"denied\"");
    peer_send(peer, "40/adm?code=1,");
    peer_expect(peer, "44/adm,{\"c\":1}");
    peer_send(peer, "40/unknown?a=b,");
    peer_expect(peer, "44/unknown,{\"message\":\"Invalid namespace\"}");
    peer_quiet(peer);
}

/* As the reference server: a second CONNECT ends the session, and `/` has had one. */
static void test_second_connect(void **state)
{
    struct app *app = *state;
    struct peer *peer = old_peer(app);

    peer_send(peer, "40");
    peer_expect_closed(peer);
    harness_told(&app->h, "(forced close)");
}

/* Nobody else's id is taken: the new socket of a namespace whose last one has not ended yet gets
 * another one. */
static void test_id_still_taken(void **state)
{
    struct app *app = *state;
    struct peer *peer = old_peer(app);

    peer_send(peer, "40/adm,");
    peer_expect(peer, "40/adm,");
    peer_send(peer, "42/adm,[\"wait\"]");
    peer_send(peer, "41/adm,");
    harness_told(&app->h, "{}");
    peer_send(peer, "40/adm,");
    peer_expect(peer, "40/adm,");
    harness_told(&app->h, "{}");
    assert_int_equal(strlen(app->id), 20);
    assert_int_equal(confab_answer(app->h.server, app->token, NULL), CONFAB_ECLOSED);
    harness_turn(&app->h);
    harness_told(&app->h, "(client namespace disconnect)");
    peer_send(peer, "42/adm,[\"echo\",\"x\"]");
    peer_expect(peer, "42/adm,[\"back\",\"x\"]");
}

/* A long query is no long namespace. */
static void test_long_query(void **state)
{
    struct app *app = *state;
    struct peer *peer = old_peer(app);
    char text[3000];
    size_t at = (size_t)snprintf(text, sizeof(text), "40/adm?no=");

    memset(text + at, 'x', 2000);
    memcpy(text + at + 2000, ",", 2);
    peer_send(peer, text);
    peer_expect(peer, "44/adm,\"xxx*\"");
    memset(text, 0, sizeof(text));
    memcpy(text, "40/", 3);
    memset(text + 3, 'x', 600);
    peer_send(peer, text);
    peer_expect_closed(peer);
}

/* A broadcast reaches clients of both kinds; each in its own words. */
static void test_both_kinds(void **state)
{
    struct app *app = *state;
    struct peer *old = old_peer(app), *new;

    app->h.query = "";
    new = peer_connect(&app->h, "/");
    confab_emit_all(confab_of(app->h.server, "/"), "hello",
                    confab_list(confab_binary("\1\2", 2), NULL));
    harness_turn(&app->h);
    peer_expect(old, "451-[\"hello\",{\"_placeholder\":true,\"num\":0}]");
    peer_expect_binary(old, "\4\1\2", 3);
    peer_expect(new, "451-[\"hello\",{\"_placeholder\":true,\"num\":0}]");
    peer_expect_binary(new, "\1\2", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_joined_unasked), TEST(test_namespaces),     TEST(test_refusals),
        TEST(test_second_connect), TEST(test_id_still_taken), TEST(test_long_query),
        TEST(test_both_kinds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
