/* Clients that come back: what they get, in which order. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include "tests/unit/socketio/recovery_world.h"
#include <confab/err.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, recovery_setup, recovery_teardown)
#define SMALL_TEST(name) \
    cmocka_unit_test_setup_teardown(name, recovery_setup_small, recovery_teardown)

/* ---- the usual ---- */

static void test_off(void **state)
{
    struct harness *h = *state;
    confab_of(h->server, "/");
    struct peer *peer = peer_connect(h, "/"); /* expects no pid */
    confab_emit_all(confab_of(h->server, "/"), "n", confab_list(confab_int(1), NULL));
    harness_turn(h);
    peer_expect(peer, "42[\"n\",1]");
    peer_lose(peer);
    peer = peer_open(h);
    peer_send(peer, "40{\"pid\":\"x\",\"offset\":\"y\"}");
    peer_expect(peer, "40{\"sid\":\"abc.*\"}");
    assert_int_equal(server_counters(h->server)->recoveries[RECOVERY_NO_SESSION], 0);
}

static void test_wire(void **state)
{
    struct world *world = *state;
    struct peer *peer = peer_open(&world->h);
    peer_send(peer, "40");
    peer_expect(peer, "40{\"sid\":\"abc.*\",\"pid\":\"*\"}");
    confab_emit_all(world->nsp, "n", confab_list(confab_int(1), NULL));
    confab_emit_all(world->nsp, "n", confab_array());
    harness_turn(&world->h);
    peer_expect(peer, "42[\"n\",1,\"*A\"]");
    peer_expect(peer, "42[\"n\",\"*B\"]");
    confab_recovery_off(world->nsp); /* too late: it has sockets */
    assert_non_null(world->nsp->recovery);
}

static void test_recovered(void **state)
{
    struct world *world = *state;
    both_in(world);
    confab_join(client_socket(&world->a), "blue", NULL, NULL);
    confab_join(client_socket(&world->a), "red", NULL, NULL);
    confab_join(client_socket(&world->b), "green", NULL, NULL);
    confab_set_data(client_socket(&world->a),
                    confab_set(confab_object(), "name", confab_string("Ada")));
    say_to(&world->a, 1);
    client_got(&world->a, "1");
    peer_lose(world->a.peer);
    say(world, 2);
    say_in(world, "blue", 3);
    say_in(world, "green", 4);
    say_to(&world->b, 5);
    confab_emit_others(client_socket(&world->b), "n", confab_list(confab_int(6), NULL));
    say_in(world, world->a.sid, 7);
    recovered(world, &world->a, "2 3 6 7 |");
    client_got(&world->b, "2 4 5");
    struct confab_socket *socket = client_socket(&world->a);
    char expected[100];
    snprintf(expected, sizeof(expected), "[\"%s\",\"blue\",\"red\"]", world->a.sid);
    struct confab_value *list = confab_rooms(socket);
    struct confab_value *rooms = confab_to_json(list, 0);
    assert_string_equal(confab_as_string(rooms, NULL), expected);
    confab_value_release(list);
    confab_value_release(rooms);
    assert_string_equal(confab_as_string(confab_get(confab_data(socket), "name"), NULL), "Ada");
    say_in(world, "blue", 8);
    say(world, 9);
    client_got(&world->a, "8 9");
}

/* The second connection goes before it brought anything: the same is missed again, and more. */
static void test_lost_again(void **state)
{
    struct world *world = *state;
    both_in(world);
    peer_lose(world->a.peer);
    say(world, 1);
    struct client blind = world->a;
    client_come(world, &blind);
    peer_lose(blind.peer);
    say(world, 2);
    recovered(world, &world->a, "1 2 |");
    peer_leave(world->a.peer);
    recovered(world, &world->a, "|");
}

static void test_bytes(void **state)
{
    struct world *world = *state;
    both_in(world);
    peer_lose(world->a.peer);
    confab_emit_all(world->nsp, "n", confab_list(confab_binary("\1\2", 2), NULL));
    world->a.peer = peer_open(&world->h);
    client_send_connect(&world->a, world->a.pid, world->a.offset);
    peer_expect(world->a.peer, "451-[\"n\",{\"_placeholder\":true,\"num\":0},\"*\"]");
    peer_expect_binary(world->a.peer, "\1\2", 2);
    peer_expect(world->a.peer, "40{\"sid\":*");
    peer_drop_inbox(world->b.peer);
}

static void on_ack(struct confab_server *server, int status, const struct confab_value *args,
                   void *user)
{
    (void)server;
    (void)args;
    assert_int_equal(status, CONFAB_ECLOSED);
    harness_note(user, "closed");
}

static void test_not_kept(void **state)
{
    struct world *world = *state;
    both_in(world);
    confab_emit_volatile(client_socket(&world->a), "v", confab_list(confab_int(1), NULL));
    confab_emit_with_ack(client_socket(&world->a), "a", confab_list(confab_int(2), NULL), 0, on_ack,
                         &world->h);
    harness_turn(&world->h);
    peer_expect(world->a.peer, "42[\"v\",1]");
    peer_expect(world->a.peer, "420[\"a\",2]");
    peer_lose(world->a.peer);
    harness_told(&world->h, "closed");
    const struct confab_audience all = {.flags = CONFAB_VOLATILE};
    confab_broadcast(world->nsp, &all, "n", confab_list(confab_int(3), NULL));
    say(world, 4);
    recovered(world, &world->a, "4 |");
}

static void test_made_once(void **state)
{
    struct world *world = *state;
    both_in(world);
    struct confab_packet *packet =
        confab_packet_new(world->nsp, "n", confab_list(confab_int(1), NULL));
    confab_emit_packet(client_socket(&world->a), packet);
    confab_emit_packet(client_socket(&world->b), packet);
    client_got(&world->a, "1");
    client_got(&world->b, "1");
    assert_string_not_equal(world->a.offset, world->b.offset);
    struct client stale = world->a;
    confab_emit_packet(client_socket(&world->a), packet);
    confab_packet_free(&packet);
    peer_lose(world->a.peer);
    world->a = stale;
    recovered(world, &world->a, "1 |");
}

/* ---- rooms at the time of each packet ---- */

static void test_rooms_of_then(void **state)
{
    struct world *world = *state;
    both_in(world);
    struct client stale = world->a;
    say_in(world, "red", 1);
    confab_join(client_socket(&world->a), "red", NULL, NULL);
    say_in(world, "red", 2);
    confab_leave(client_socket(&world->a), "red");
    say_in(world, "red", 3);
    confab_join(client_socket(&world->a), "red", NULL, NULL);
    confab_join(client_socket(&world->a), "quiet", NULL, NULL);
    const char *red = "red", *quiet = "quiet";
    const struct confab_audience most = {
        .rooms = &red, .room_count = 1, .except = &quiet, .except_count = 1};
    confab_broadcast(world->nsp, &most, "n", confab_list(confab_int(4), NULL));
    confab_leave(client_socket(&world->a), "quiet");
    confab_broadcast(world->nsp, &most, "n", confab_list(confab_int(5), NULL));
    peer_lose(world->a.peer);
    confab_broadcast(world->nsp, &most, "n", confab_list(confab_int(6), NULL));
    world->a = stale;
    recovered(world, &world->a, "2 5 6 |");
}

/* Rooms changed so often that nobody can say what was due: no guess is made. */
static void test_restless(void **state)
{
    struct world *world = *state;
    both_in(world);
    struct client stale = world->a;
    for (int i = 0; i < 300; i++) {
        char room[16];
        snprintf(room, sizeof(room), "r%d", i);
        confab_join(client_socket(&world->a), room, NULL, NULL);
        say_in(world, room, i);
        confab_leave(client_socket(&world->a), room);
    }
    client_read(&world->a);
    world->a.got[0] = '\0';
    peer_lose(world->a.peer);
    struct client fresh = world->a;
    say(world, 1);
    world->a = fresh;
    recovered(world, &world->a, "1 |");
    peer_lose(world->a.peer);
    strcpy(world->a.offset, stale.offset);
    not_recovered(world, &world->a, RECOVERY_GAP);
}

/* ---- order ---- */

/* A handler that runs in the middle of a delivery cannot put its emit in front of it. */
static void on_left(struct confab_socket *socket, const char *reason, void *user)
{
    struct world *world = user;
    (void)socket;
    (void)reason;
    struct confab_socket *other = client_socket(&world->b);
    assert_true(confab_emit(other, "n", confab_list(confab_int(2), NULL)));
}

static void test_emit_inside_delivery(void **state)
{
    struct world *world = *state;
    both_in(world);
    char *long_text = xcalloc(1, 20001);
    memset(long_text, 'x', 20000);
    world->a.peer->clogged = true;
    confab_emit_volatile(client_socket(&world->a), "n",
                         confab_list(confab_string(long_text), NULL));
    free(long_text);
    confab_on_disconnect(world->nsp, on_left, world);
    confab_emit_all(world->nsp, "n", confab_list(confab_int(1), NULL));
    client_got(&world->b, "1 2");
    struct client stale = world->b;
    assert_null(client_socket(&world->a));
    confab_on_disconnect(world->nsp, NULL, NULL);
    peer_lose(world->b.peer);
    recovered(world, &stale, "|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_off), TEST(test_wire),
        TEST(test_recovered),   TEST(test_lost_again),
        TEST(test_bytes),       TEST(test_not_kept),
        TEST(test_made_once),   TEST(test_rooms_of_then),
        TEST(test_restless),    SMALL_TEST(test_emit_inside_delivery),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
