/* Namespaces that are made when the first client comes, and go with the last. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include "tests/unit/socketio/fake_broker.h"
#include "tests/unit/socketio/harness.h"
#include <confab/err.h>

static void on_connect(struct confab_socket *socket, void *user)
{
    harness_note(user, "in:%s", confab_namespace_name(confab_socket_namespace(socket)));
}

static void on_hello(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)event;
    harness_note(user, "hello:%s", confab_namespace_name(confab_socket_namespace(socket)));
}

static void on_disconnect(struct confab_socket *socket, const char *reason, void *user)
{
    (void)reason;
    harness_note(user, "out:%s", confab_namespace_name(confab_socket_namespace(socket)));
}

static struct confab_namespace *make_parent(struct harness *h, const char *pattern)
{
    struct confab_namespace *parent = confab_of_pattern(h->server, pattern);
    confab_on_connect(parent, on_connect, h);
    confab_on(parent, "hello", on_hello, h);
    confab_on_disconnect(parent, on_disconnect, h);
    return parent;
}

static bool exists(struct harness *h, const char *name)
{
    return sio_namespace_find(h->server, name, strlen(name)) != NULL;
}

static void test_made_and_gone(void **state)
{
    struct harness *h = *state;
    struct confab_namespace *parent = make_parent(h, "/dyn-*");
    assert_string_equal(confab_namespace_name(parent), "/_0");
    struct peer *one = peer_connect(h, "/dyn-1");
    struct peer *two = peer_connect(h, "/dyn-2");
    struct peer *same = peer_connect(h, "/dyn-1");
    harness_told(h, "in:/dyn-1 in:/dyn-2 in:/dyn-1");
    assert_int_equal(confab_namespace_size(parent), 3);
    assert_int_equal(confab_namespace_size(confab_of(h->server, "/dyn-1")), 2);
    peer_send(two, "42/dyn-2,[\"hello\"]");
    harness_told(h, "hello:/dyn-2");
    peer_send(one, "41/dyn-1,");
    assert_true(exists(h, "/dyn-1"));
    peer_lose(same);
    harness_turn(h);
    assert_false(exists(h, "/dyn-1"));
    harness_told(h, "out:/dyn-1 out:/dyn-1");
    peer_send(one, "40/dyn-1,");
    peer_expect(one, "40/dyn-1,{\"sid\":\"*\"}");
    harness_told(h, "in:/dyn-1");
    assert_int_equal(confab_namespace_size(parent), 2);
    struct peer *other = peer_open(h);
    peer_send(other, "40/dyn,");
    peer_expect(other, "44/dyn,{\"message\":\"Invalid namespace\"}");
}

static bool wants_token(struct confab_server *server, const char *name,
                        const struct confab_value *auth, void *user)
{
    (void)server;
    harness_note(user, "%s?", name);
    return confab_as_bool(confab_get(auth, "ok"), false);
}

static void test_decided_by_a_function(void **state)
{
    struct harness *h = *state;
    struct confab_namespace *first = confab_of_matching(h->server, wants_token, h);
    make_parent(h, "/b*");
    confab_of(h->server, "/made");
    struct peer *peer = peer_open(h);
    peer_send(peer, "40/made,");
    peer_expect(peer, "40/made,{\"sid\":\"*\"}");
    harness_told(h, ""); /* what was made goes before */
    peer_send(peer, "40/a,{\"ok\":true}");
    peer_expect(peer, "40/a,{\"sid\":\"*\"}");
    peer_send(peer, "40/b,");
    peer_expect(peer, "40/b,{\"sid\":\"*\"}");
    peer_send(peer, "40/c,{\"ok\":1}");
    peer_expect(peer, "44/c,{\"message\":\"Invalid namespace\"}");
    harness_told(h, "/a? /b? in:/b /c?");
    assert_int_equal(confab_namespace_size(first), 1);
}

static void test_patterns(void **state)
{
    struct harness *h = *state;
    static const struct {
        const char *pattern, *name;
        bool alike;
    } cases[] = {
        {"/x-*", "/x-", true},
        {"/x-*", "/x-1", true},
        {"/x-*", "/y-1", false},
        {"/?", "/1", true},
        {"/?", "/", false},
        {"/?", "/12", false},
        {"/a*b*c", "/abbc", true},
        {"/a*b*c", "/acb", false},
        {"/*-?", "/--1-2", true},
        {"/a.c", "/abc", false},
        {"*", "/anything", true},
        {"/**", "/", true},
        {"/a*aaaab", "/aaaaaaaaaaaaaaaaab", true},
    };
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct confab_namespace *parent = confab_of_pattern(h->server, cases[i].pattern);
        const struct sio_packet connect = {
            .type = SIO_CONNECT, .nsp = cases[i].name, .nsp_bytes = strlen(cases[i].name)};
        char packet[64];
        struct peer *peer = peer_open(h);
        snprintf(packet, sizeof(packet), "40%s,", connect.nsp);
        peer_send(peer, packet);
        assert_int_equal(confab_namespace_size(parent), cases[i].alike);
        peer_lose(peer);
        harness_turn(h);
        confab_limit_children(parent, 0, false); /* it takes nobody from the next */
        sio_namespace_free(parent);
    }
}

static void test_bounded(void **state)
{
    struct harness *h = *state;
    struct confab_namespace *parent = make_parent(h, "/n*");
    confab_limit_children(parent, 2, true);
    struct peer *peer = peer_connect(h, "/n1");
    peer_send(peer, "41/n1,");
    assert_true(exists(h, "/n1")); /* it is kept */
    peer_join(peer, "/n2", "");
    peer_send(peer, "40/n3,");
    peer_expect(peer, "44/n3,{\"message\":\"Invalid namespace\"}");
    peer_send(peer, "40/n1,");
    peer_expect(peer, "40/n1,{\"sid\":\"*\"}");
    assert_int_equal(server_counters(h->server)->limits[SERVER_LIMIT_CHILDREN], 1);
    harness_told(h, "in:/n1 out:/n1 in:/n2 in:/n1");
}

static void refuse(struct confab_socket *socket, struct confab_token token, void *user)
{
    (void)user;
    confab_refuse(confab_socket_server(socket), token, "no", NULL);
}

static void test_refused_by_middleware(void **state)
{
    struct harness *h = *state;
    struct confab_namespace *parent = make_parent(h, "/n*");
    confab_use(parent, refuse, NULL);
    struct peer *peer = peer_open(h);
    peer_send(peer, "40/n1,");
    peer_expect(peer, "44/n1,{\"message\":\"no\"}");
    assert_false(exists(h, "/n1"));
    peer_send(peer, "42/n1,[\"crossed\"]"); /* it had not heard yet */
    peer_quiet(peer);
    peer_send(peer, "42/n2,[\"never joined\"]");
    peer_expect_closed(peer);
}

static void ignore(struct confab_server *server, int status, const struct confab_value *answers,
                   void *user)
{
    (void)server;
    (void)answers;
    harness_note(user, "%s", confab_errname(status));
}

static void test_on_the_parent(void **state)
{
    struct harness *h = *state;
    static const struct confab_audience everybody = {.rooms = NULL};
    static const struct confab_roster_config names = {.joined_event = "j"};
    static const char *const rooms[] = {"r"};
    struct confab_namespace *parent = confab_of_pattern(h->server, "/n*");
    struct peer *one = peer_connect(h, "/n1");
    struct peer *two = peer_connect(h, "/n2");
    confab_join(peer_socket(two, "/n2"), "r", NULL, NULL);
    assert_int_equal(confab_emit_all(parent, "x", confab_list(confab_int(1), NULL)), CONFAB_OK);
    assert_int_equal(confab_emit_room(parent, "r", "y", NULL), CONFAB_OK);
    assert_int_equal(confab_emit_all(parent, "disconnect", NULL), CONFAB_EINVAL);
    harness_turn(h);
    peer_expect(one, "42/n1,[\"x\",1]");
    peer_quiet(one);
    peer_expect(two, "42/n2,[\"x\",1]");
    peer_expect(two, "42/n2,[\"y\"]");
    assert_int_equal(confab_broadcast_ordered(parent, &everybody, "x", NULL, NULL, NULL),
                     CONFAB_EUNSUPPORTED);
    assert_int_equal(confab_sockets_join(parent, &everybody, rooms, 1), CONFAB_EUNSUPPORTED);
    assert_int_equal(confab_disconnect_sockets(parent, &everybody, true), CONFAB_EUNSUPPORTED);
    assert_int_equal(confab_server_emit(parent, "x", NULL), CONFAB_EUNSUPPORTED);
    confab_fetch_sockets(parent, &everybody, 0, ignore, h);
    confab_broadcast_with_ack(parent, &everybody, "x", NULL, 0, ignore, h);
    confab_server_emit_with_ack(parent, "x", NULL, 0, ignore, h);
    harness_turn(h);
    harness_told(h, "unsupported unsupported unsupported");
    assert_null(confab_roster_open(parent, &names, NULL, NULL));
    assert_null(confab_roster_open(confab_of(h->server, "/n1"), &names, NULL, NULL));
}

/* What is owed to other nodes, and asked of them, in a namespace that goes. */
static void test_gone_amid_questions(void **state)
{
    struct harness h;
    struct harness_config config = {.make_broker = fake_broker_make};
    (void)state;
    harness_init(&h, &config);
    confab_of_pattern(h.server, "/n*");
    struct peer *peer = peer_connect(&h, "/n1");
    static const struct confab_audience everybody = {.rooms = NULL};
    confab_fetch_sockets(confab_of(h.server, "/n1"), &everybody, 1000, ignore, &h);
    fake_broker_ask(h.broker, "/n1", "q");
    peer_lose(peer);
    harness_turn(&h);
    assert_false(exists(&h, "/n1"));
    fake_broker_told(h.broker, "asked:5");
    harness_pass(&h, 1000);
    harness_told(&h, "timed_out");
    harness_fini(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_made_and_gone),
        HARNESS_TEST(test_decided_by_a_function),
        HARNESS_TEST(test_patterns),
        HARNESS_TEST(test_bounded),
        HARNESS_TEST(test_refused_by_middleware),
        HARNESS_TEST(test_on_the_parent),
        cmocka_unit_test(test_gone_amid_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
