/* What is registered on one socket: handlers, middleware for its events; and who watches what is
 * sent. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include "tests/unit/socketio/harness.h"
#include <confab/err.h>

static struct confab_namespace *root(struct harness *h)
{
    return confab_of(h->server, "/");
}

static struct peer *join(struct harness *h)
{
    return peer_connect(h, confab_namespace_name(root(h)));
}

/* ---- handlers: each notes its word ---- */

struct word {
    struct harness *h;
    const char *text;
};

static void on_event(struct confab_socket *socket, struct confab_event *event, void *user)
{
    const struct word *word = user;
    (void)socket;
    harness_note(word->h, "%s.%s", word->text, confab_event_name(event));
    confab_ack(event, confab_list(confab_string(word->text), NULL));
}

static void on_any(struct confab_socket *socket, struct confab_event *event, void *user)
{
    const struct word *word = user;
    (void)socket;
    harness_note(word->h, "%s.%s%s", word->text, confab_event_name(event),
                 confab_event_handled(event) ? "" : "?");
}

static void test_own_handlers(void **state)
{
    struct harness *h = *state;
    struct word nsp = {h, "nsp"}, own = {h, "own"}, any = {h, "any"}, own_any = {h, "own_any"};
    confab_on(root(h), "x", on_event, &nsp);
    confab_on_any(root(h), on_any, &any);
    struct peer *first = join(h);
    struct peer *second = join(h);
    confab_socket_on(peer_socket(first, "/"), "x", on_event, &own);
    confab_socket_on(peer_socket(first, "/"), "y", on_event, &own);
    confab_socket_on_any(peer_socket(first, "/"), on_any, &own_any);
    peer_send(first, "421[\"x\"]");
    harness_told(h, "any.x own_any.x own.x");
    peer_expect(first, "431[\"own\"]");
    peer_send(second, "42[\"x\"]");
    harness_told(h, "any.x nsp.x");
    peer_send(second, "42[\"y\"]");
    harness_told(h, "any.y?");
    confab_socket_on(peer_socket(first, "/"), "x", NULL, NULL);
    confab_socket_on_any(peer_socket(first, "/"), NULL, NULL);
    peer_send(first, "42[\"x\"]");
    harness_told(h, "any.x nsp.x");
}

/* ---- middleware ---- */

static struct confab_token kept;

static void pass(struct confab_socket *socket, struct confab_event *event,
                 struct confab_token token, void *user)
{
    const struct word *word = user;
    harness_note(word->h, "%s.%s", word->text, confab_event_name(event));
    assert_int_equal(confab_allow(confab_socket_server(socket), token), CONFAB_OK);
    assert_int_equal(confab_allow(confab_socket_server(socket), token), CONFAB_ENOTFOUND);
}

static void keep(struct confab_socket *socket, struct confab_event *event,
                 struct confab_token token, void *user)
{
    const struct word *word = user;
    (void)socket;
    harness_note(word->h, "%s.%s", word->text, confab_event_name(event));
    kept = token;
}

static void refuse_bad(struct confab_socket *socket, struct confab_event *event,
                       struct confab_token token, void *user)
{
    struct confab_server *server = confab_socket_server(socket);
    (void)user;
    if (strcmp(confab_event_name(event), "bad") != 0) {
        confab_allow(server, token);
        return;
    }
    confab_ack(event, confab_list(confab_string("no"), NULL));
    assert_int_equal(confab_refuse(server, token, "not allowed",
                                   confab_set(confab_object(), "code", confab_int(7))),
                     CONFAB_OK);
}

static void on_error(struct confab_socket *socket, const char *message,
                     const struct confab_value *data, void *user)
{
    (void)socket;
    harness_note(user, "error(%s,%d)", message, (int)confab_as_int(confab_get(data, "code"), -1));
}

static void on_disconnect(struct confab_socket *socket, const char *reason, void *user)
{
    harness_note(user, "gone(%s,%zu)", reason, broker_member_count(socket->nsp->members));
}

static void on_disconnecting(struct confab_socket *socket, const char *reason, void *user)
{
    struct confab_value *rooms = confab_rooms(socket);
    harness_note(user, "going(%s,%zu)", reason, confab_size(rooms));
    confab_value_release(rooms);
}

static void test_middleware_in_order(void **state)
{
    struct harness *h = *state;
    struct word a = {h, "a"}, b = {h, "b"}, handler = {h, "handler"};
    confab_on(root(h), "x", on_event, &handler);
    struct peer *peer = join(h);
    confab_socket_use(peer_socket(peer, "/"), pass, &a);
    confab_socket_use(peer_socket(peer, "/"), pass, &b);
    peer_send(peer, "423[\"x\",{}]");
    harness_told(h, "a.x b.x handler.x");
    peer_expect(peer, "433[\"handler\"]");
    peer_send(peer, "42[\"unknown\"]");
    harness_told(h, "a.unknown b.unknown");
}

static void test_middleware_refuses(void **state)
{
    struct harness *h = *state;
    struct word after = {h, "after"}, handler = {h, "handler"};
    confab_on(root(h), "bad", on_event, &handler);
    confab_on(root(h), "good", on_event, &handler);
    struct peer *peer = join(h);
    confab_socket_use(peer_socket(peer, "/"), refuse_bad, NULL);
    confab_socket_use(peer_socket(peer, "/"), pass, &after);
    peer_send(peer, "425[\"bad\"]"); /* nobody listens for errors */
    peer_expect(peer, "435[\"no\"]");
    harness_told(h, "");
    confab_on_error(root(h), on_error, h);
    peer_send(peer, "42[\"bad\"]");
    harness_told(h, "error(not allowed,7)");
    peer_quiet(peer);
    peer_send(peer, "42[\"good\"]");
    harness_told(h, "after.good handler.good");
}

static void test_middleware_decides_later(void **state)
{
    struct harness *h = *state;
    struct word first = {h, "first"}, second = {h, "second"}, handler = {h, "handler"};
    confab_on_error(root(h), on_error, h);
    confab_on(root(h), "x", on_event, &handler);
    confab_on(root(h), "y", on_event, &handler);
    struct peer *peer = join(h);
    confab_socket_use(peer_socket(peer, "/"), keep, &first);
    confab_socket_use(peer_socket(peer, "/"), pass, &second);
    peer_send_all(peer, "421[\"x\",[1]]", "422[\"y\"]", NULL);
    harness_told(h, "first.x");
    assert_int_equal(confab_allow(h->server, kept), CONFAB_OK);
    harness_told(h, ""); /* not inside the call */
    harness_turn(h);
    harness_told(h, "second.x handler.x first.y");
    peer_expect(peer, "431[\"handler\"]");
    harness_pass(h, 20000); /* undecided is refused */
    harness_told(h, "error(The server did not decide in time,-1)");
    peer_send(peer, "42[\"y\"]");
    assert_int_equal(confab_refuse(h->server, kept, "no", NULL), CONFAB_OK);
    harness_turn(h);
    harness_told(h, "first.y error(no,-1)");
}

static struct confab_token answers;

static void promise(struct confab_socket *socket, struct confab_event *event,
                    struct confab_token token, void *user)
{
    (void)user;
    answers = confab_defer(event, 0);
    confab_allow(confab_socket_server(socket), token);
}

/* A handler that finds its event promised by middleware gets the same token. */
static void on_promised(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)socket;
    assert_int_equal(confab_defer(event, 0).id, answers.id);
    harness_note(user, "handler");
}

static void test_middleware_and_deferred(void **state)
{
    struct harness *h = *state;
    confab_on(root(h), "x", on_promised, h);
    struct peer *peer = join(h);
    confab_socket_use(peer_socket(peer, "/"), promise, NULL);
    peer_send_all(peer, "429[\"x\"]", "42[\"x\"]", NULL);
    harness_told(h, "handler"); /* the second waits for the first's answer */
    struct confab_token first = answers;
    assert_int_equal(confab_answer(h->server, first, confab_list(confab_int(1), NULL)), CONFAB_OK);
    harness_turn(h);
    peer_expect(peer, "439[1]");
    harness_told(h, "handler");
    assert_int_equal(confab_answer(h->server, answers, NULL), CONFAB_OK);
}

static void test_lost_amid_middleware(void **state)
{
    struct harness *h = *state;
    struct word first = {h, "first"}, handler = {h, "handler"};
    confab_on(root(h), "x", on_event, &handler);
    confab_on_disconnect(root(h), on_disconnect, h);
    struct peer *peer = join(h);
    confab_socket_use(peer_socket(peer, "/"), keep, &first);
    peer_send(peer, "42[\"x\"]");
    peer_leave(peer);
    harness_turn(h);
    harness_told(h, "first.x"); /* what had arrived is decided first */
    assert_int_equal(confab_allow(h->server, kept), CONFAB_OK);
    harness_turn(h);
    harness_told(h, "handler.x gone(transport close,1)");
}

static void test_thrown_out_amid_middleware(void **state)
{
    struct harness *h = *state;
    struct word first = {h, "first"}, handler = {h, "handler"};
    confab_on(root(h), "x", on_event, &handler);
    confab_on_error(root(h), on_error, h);
    confab_on_disconnect(root(h), on_disconnect, h);
    struct peer *peer = join(h);
    confab_socket_use(peer_socket(peer, "/"), keep, &first);
    peer_send(peer, "42[\"x\"]");
    confab_disconnect(peer_socket(peer, "/"), false);
    harness_told(h, "first.x");
    assert_int_equal(confab_refuse(h->server, kept, "no", NULL), CONFAB_ECLOSED);
    harness_turn(h);
    harness_told(h, "gone(server namespace disconnect,1)");
}

static void test_undecided_at_the_end(void **state)
{
    struct harness *h = *state;
    struct word first = {h, "first"};
    struct peer *peer = join(h);
    confab_socket_use(peer_socket(peer, "/"), keep, &first);
    peer_send(peer, "42[\"x\"]");
    harness_told(h, "first.x");
}

/* ---- what is sent ---- */

static void on_outgoing(struct confab_socket *socket, const char *event,
                        const struct confab_value *args, void *user)
{
    const struct word *word = user;
    (void)socket;
    harness_note(word->h, "%s.%s/%zu", word->text, event, confab_size(args));
}

static void ignore_answers(struct confab_server *server, int status,
                           const struct confab_value *args, void *user)
{
    (void)server;
    (void)status;
    (void)args;
    (void)user;
}

static void test_outgoing(void **state)
{
    static const struct confab_audience everybody = {.rooms = NULL};
    struct harness *h = *state;
    struct word all = {h, "all"}, own = {h, "own"};
    struct peer *peer = join(h);
    struct confab_socket *socket = peer_socket(peer, "/");
    confab_emit(socket, "unseen", NULL);
    confab_on_any_outgoing(root(h), on_outgoing, &all);
    confab_socket_on_any_outgoing(socket, on_outgoing, &own);
    confab_emit(socket, "one", confab_list(confab_int(1), NULL));
    confab_emit(socket, "none", NULL);
    harness_told(h, "all.one/1 own.one/1 all.none/0 own.none/0");
    confab_emit_all(root(h), "many", confab_list(confab_int(1), confab_int(2), NULL));
    harness_told(h, "all.many/2 own.many/2");
    confab_emit_with_ack(socket, "ask", NULL, 0, ignore_answers, NULL);
    confab_broadcast_with_ack(root(h), &everybody, "ask all", NULL, 0, ignore_answers, NULL);
    harness_told(h, "all.ask/0 own.ask/0 all.ask all/0 own.ask all/0");
    struct confab_packet *packet =
        confab_packet_new(root(h), "made once", confab_list(confab_int(1), NULL));
    confab_emit_packet(socket, packet);
    confab_packet_free(&packet);
    harness_told(h, "all.made once/1 own.made once/1");
    confab_on_any_outgoing(root(h), NULL, NULL);
    confab_socket_on_any_outgoing(socket, NULL, NULL);
    confab_emit_all(root(h), "unseen", NULL);
    harness_told(h, "");
    harness_turn(h);
    assert_int_equal(peer_drop_inbox(peer), 8);
}

static void throw_out(struct confab_socket *socket, const char *event,
                      const struct confab_value *args, void *user)
{
    (void)event;
    (void)args;
    (void)user;
    confab_disconnect(socket, false);
}

static void test_thrown_out_before_it_is_sent(void **state)
{
    struct harness *h = *state;
    struct peer *peer = join(h);
    confab_socket_on_any_outgoing(peer_socket(peer, "/"), throw_out, NULL);
    confab_emit_all(root(h), "x", NULL);
    harness_turn(h);
    peer_expect(peer, "41");
    peer_quiet(peer);
}

static void on_asked(struct confab_server *server, int status, const struct confab_value *args,
                     void *user)
{
    (void)server;
    (void)args;
    harness_note(user, "%s", confab_errname(status));
}

/* Nobody is asked then, and the answer comes once. */
static void test_thrown_out_before_it_is_asked(void **state)
{
    struct harness *h = *state;
    for (int before = 0; before < 2; before++) {
        struct peer *peer = join(h);
        struct confab_socket *socket = peer_socket(peer, "/");
        if (before > 0)
            confab_emit_with_ack(socket, "y", NULL, 0, on_asked, h);
        confab_socket_on_any_outgoing(socket, throw_out, NULL);
        confab_emit_with_ack(socket, "x", NULL, 0, on_asked, h);
        harness_told(h, before > 0 ? "closed" : ""); /* the earlier one, by the end */
        harness_turn(h);
        harness_told(h, "closed");
        if (before > 0)
            peer_expect(peer, "42*[\"y\"]");
        peer_expect(peer, "41");
        peer_quiet(peer);
    }
}

static void test_disconnecting(void **state)
{
    struct harness *h = *state;
    confab_on_disconnecting(root(h), on_disconnecting, h);
    confab_on_disconnect(root(h), on_disconnect, h);
    struct peer *peer = join(h);
    confab_join(peer_socket(peer, "/"), "red", NULL, NULL);
    peer_send(peer, "41");
    harness_told(h, "going(client namespace disconnect,2) gone(client namespace disconnect,1)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_own_handlers),
        HARNESS_TEST(test_middleware_in_order),
        HARNESS_TEST(test_middleware_refuses),
        HARNESS_TEST(test_middleware_decides_later),
        HARNESS_TEST(test_middleware_and_deferred),
        HARNESS_TEST(test_lost_amid_middleware),
        HARNESS_TEST(test_thrown_out_amid_middleware),
        HARNESS_TEST(test_undecided_at_the_end),
        HARNESS_TEST(test_outgoing),
        HARNESS_TEST(test_thrown_out_before_it_is_sent),
        HARNESS_TEST(test_thrown_out_before_it_is_asked),
        HARNESS_TEST(test_disconnecting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
