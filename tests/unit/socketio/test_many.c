/* Questions to many sockets and servers, and what is done to many. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include "tests/unit/socketio/fake_broker.h"
#include "tests/unit/socketio/harness.h"
#include <confab/err.h>

/* Three clients; a and b in the room `red`. */
struct party {
    struct harness h;
    struct confab_namespace *nsp;
    struct peer *peers[3];
};

static const struct confab_audience everybody = {.rooms = NULL};

static struct confab_socket *socket_of(struct party *party, size_t i)
{
    return peer_socket(party->peers[i], "/");
}

static struct party *begin(const struct harness_config *config)
{
    struct party *party = xcalloc(1, sizeof(*party));
    harness_init(&party->h, config);
    party->nsp = confab_of(party->h.server, "/");
    for (size_t i = 0; i < 3; i++)
        party->peers[i] = peer_connect(&party->h, "/");
    return party;
}

static int setup(void **state)
{
    struct party *party = begin(NULL);
    confab_join(socket_of(party, 0), "red", NULL, NULL);
    confab_join(socket_of(party, 1), "red", NULL, NULL);
    *state = party;
    return 0;
}

static int setup_cluster(void **state)
{
    struct harness_config config = {.make_broker = fake_broker_make};
    *state = begin(&config);
    return 0;
}

static int teardown(void **state)
{
    struct party *party = *state;
    harness_fini(&party->h);
    free(party);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define CLUSTER_TEST(name) cmocka_unit_test_setup_teardown(name, setup_cluster, teardown)

/* Notes how it ended, and the answers. */
static void on_answers(struct confab_server *server, int status, const struct confab_value *answers,
                       void *user)
{
    struct buf json;
    (void)server;
    buf_init(&json, 65536);
    value_write_json(answers, &json, NULL);
    harness_note(user, "%s:%s", confab_errname(status), buf_text(&json));
    buf_fini(&json);
}

struct ends {
    unsigned well, limited, late;
};

/* Counts how they ended. */
static void on_end(struct confab_server *server, int status, const struct confab_value *answers,
                   void *user)
{
    struct ends *ends = user;
    (void)server;
    (void)answers;
    ends->well += status == CONFAB_OK;
    ends->limited += status == CONFAB_ELIMIT;
    ends->late += status == CONFAB_ETIMEDOUT;
}

static void ask(struct party *party, const struct confab_audience *audience, int64_t timeout_ms)
{
    confab_broadcast_with_ack(party->nsp, audience, "q", confab_list(confab_int(1), NULL),
                              timeout_ms, on_answers, &party->h);
}

static const struct confab_audience red = {.rooms = (const char *const[]){"red"}, .room_count = 1};

/* ---- acknowledged broadcasts ---- */

static void test_all_answer(void **state)
{
    struct party *party = *state;
    ask(party, &red, 1000);
    harness_turn(&party->h);
    peer_expect(party->peers[0], "420[\"q\",1]");
    peer_expect(party->peers[1], "420[\"q\",1]");
    peer_quiet(party->peers[2]);
    peer_send(party->peers[1], "430[{\"b\":2},3]");
    harness_told(&party->h, "");
    peer_send(party->peers[0], "430[]");
    harness_told(&party->h, "ok:[{\"b\":2},null]");
    peer_send(party->peers[0], "430[4]"); /* twice: nobody asks any more */
    harness_pass(&party->h, 2000);
    harness_told(&party->h, "");
}

static void test_nobody_to_answer(void **state)
{
    struct party *party = *state;
    struct confab_audience nobody = {.rooms = (const char *const[]){"nowhere"}, .room_count = 1};
    ask(party, &nobody, 1000);
    harness_told(&party->h, ""); /* not inside the call */
    harness_turn(&party->h);
    harness_told(&party->h, "ok:[]");
}

static void test_not_all_in_time(void **state)
{
    struct party *party = *state;
    ask(party, &everybody, 1000);
    harness_turn(&party->h);
    peer_send(party->peers[0], "430[\"a\"]");
    peer_lose(party->peers[1]);
    harness_pass(&party->h, 999);
    harness_told(&party->h, "");
    harness_pass(&party->h, 1);
    harness_told(&party->h, "timed_out:[\"a\"]");
    peer_send(party->peers[2], "430[\"late\"]");
    harness_pass(&party->h, 5000);
    harness_told(&party->h, "");
    assert_int_equal(server_counters(party->h.server)->acks_timed_out, 1);
}

static void test_bytes_are_answers(void **state)
{
    struct party *party = *state;
    struct confab_audience one = {.rooms = (const char *const[]){party->peers[2]->id},
                                  .room_count = 1};
    ask(party, &one, 0);
    harness_turn(&party->h);
    peer_send(party->peers[2], "461-0[{\"_placeholder\":true,\"num\":0}]");
    peer_send_binary(party->peers[2], "\1\2", 2);
    harness_told(&party->h, "ok:[{\"type\":\"Buffer\",\"data\":[1,2]}]");
}

static void test_refused_questions(void **state)
{
    struct party *party = *state;
    confab_broadcast_with_ack(party->nsp, &everybody, "disconnect", confab_array(), 10, on_answers,
                              &party->h);
    harness_turn(&party->h);
    harness_told(&party->h, "invalid:[]");
    confab_server_emit_with_ack(party->nsp, "connect", NULL, 10, on_answers, &party->h);
    harness_turn(&party->h);
    harness_told(&party->h, "invalid:[]");
    struct ends ends = {0};
    for (unsigned i = 0; i < 1001; i++)
        confab_server_emit_with_ack(party->nsp, "x", NULL, 10, on_end, &ends);
    harness_turn(&party->h);
    assert_int_equal(ends.limited, 1);
    harness_pass(&party->h, 10);
    assert_int_equal(ends.late, 1000);
    assert_int_equal(server_counters(party->h.server)->limits[SERVER_LIMIT_ASKINGS], 1);
    ask(party, &red, 10); /* there is room again */
    harness_pass(&party->h, 20);
    harness_told(&party->h, "timed_out:[]");
}

static void test_answers_beyond_memory(void **state)
{
    struct party *party = *state;
    char *data = xmalloc(900001);
    memset(data, 'x', 900000);
    data[900000] = '\0';
    for (size_t i = 0; i < 3; i++)
        confab_set_data(socket_of(party, i), confab_set(confab_object(), "x", confab_string(data)));
    free(data);
    struct ends ends = {0};
    for (unsigned i = 0; i < 30; i++)
        confab_fetch_sockets(party->nsp, &everybody, 0, on_end, &ends);
    harness_turn(&party->h);
    assert_int_equal(ends.well, 24); /* 2.7 MB each */
    assert_int_equal(ends.limited, 6);
    assert_int_equal(server_counters(party->h.server)->limits[SERVER_LIMIT_ANSWERS], 6);
    for (size_t i = 0; i < 3; i++)
        confab_set_data(socket_of(party, i), confab_object());
    ask(party, &red, 10); /* what was gathered is forgotten */
    harness_pass(&party->h, 20);
    harness_told(&party->h, "timed_out:[]");
}

static void test_server_stops(void **state)
{
    struct party *party = *state;
    ask(party, &everybody, 1000);
    server_stop(party->h.server);
    harness_told(&party->h, "closed:[]");
    ask(party, &everybody, 1000);
    harness_told(&party->h, "closed:[]");
    confab_fetch_sockets(party->nsp, &everybody, 0, on_answers, &party->h);
    harness_told(&party->h, "closed:[]");
    assert_int_equal(confab_disconnect_sockets(party->nsp, &everybody, true), CONFAB_ECLOSED);
    assert_int_equal(confab_server_emit(party->nsp, "x", NULL), CONFAB_ECLOSED);
}

/* ---- with other nodes ---- */

static void test_other_nodes(void **state)
{
    struct party *party = *state;
    struct broker *broker = party->h.broker;
    ask(party, &everybody, 1000);
    harness_turn(&party->h);
    fake_broker_told(broker, "asked:7");
    fake_broker_answered(broker, "\"early\""); /* answers, counts and the number of nodes in any */
    fake_broker_heard(broker, 2);              /* order */
    for (size_t i = 0; i < 3; i++)
        peer_send(party->peers[i], "430[0]");
    fake_broker_nodes(broker, 2);
    fake_broker_answered(broker, "\"other\"");
    harness_turn(&party->h);
    harness_told(&party->h, "");
    fake_broker_heard(broker, 0);
    assert_false(fake_broker_is_asking(broker));
    harness_turn(&party->h);
    harness_told(&party->h, "ok:[\"early\",0,0,0,\"other\"]");
}

static void test_other_nodes_too_late(void **state)
{
    struct party *party = *state;
    struct broker *broker = party->h.broker;
    confab_server_emit_with_ack(party->nsp, "x", confab_list(confab_int(1), NULL), 100, on_answers,
                                &party->h);
    fake_broker_nodes(broker, 2);
    fake_broker_answered(broker, "1");
    fake_broker_heard(broker, 0);
    harness_pass(&party->h, 100);
    assert_false(fake_broker_is_asking(broker));
    harness_told(&party->h, "timed_out:[1]");
}

static void test_link_lost(void **state)
{
    struct party *party = *state;
    struct broker *broker = party->h.broker;
    ask(party, &everybody, 1000);
    harness_turn(&party->h);
    fake_broker_nodes(broker, 1);
    fake_broker_heard(broker, 5);
    fake_broker_lost(broker);
    harness_turn(&party->h);
    harness_told(&party->h, ""); /* the clients here are waited for */
    for (size_t i = 0; i < 3; i++)
        peer_send(party->peers[i], "430[7]");
    harness_told(&party->h, "unavailable:[7,7,7]");
}

static void test_local_asks_nobody_else(void **state)
{
    struct party *party = *state;
    struct confab_audience local = {.flags = CONFAB_LOCAL};
    const char *const rooms[] = {"r"};
    ask(party, &local, 1000);
    confab_fetch_sockets(party->nsp, &local, 0, on_answers, &party->h);
    confab_sockets_join(party->nsp, &local, rooms, 1);
    confab_sockets_leave(party->nsp, &local, rooms, 1);
    fake_broker_told(party->h.broker, "");
    harness_turn(&party->h);
    buf_reset(&party->h.told);
    confab_sockets_join(party->nsp, &everybody, rooms, 1);
    confab_sockets_leave(party->nsp, &everybody, rooms, 1);
    confab_server_emit(party->nsp, "x", NULL);
    assert_int_equal(confab_server_emit(party->nsp, "connection", NULL), CONFAB_EINVAL);
    confab_disconnect_sockets(party->nsp, &everybody, false);
    fake_broker_told(party->h.broker, "told:2 told:3 told:6 told:4");
}

/* ---- sockets ---- */

static void on_sockets(struct confab_server *server, int status, const struct confab_value *sockets,
                       void *user)
{
    (void)server;
    harness_note(user, "%s", confab_errname(status));
    for (size_t i = 0; i < confab_size(sockets); i++) {
        const struct confab_value *socket = confab_at(sockets, i);
        const struct confab_value *handshake = confab_get(socket, "handshake");
        harness_note(user, "%zu/%zu", confab_size(confab_get(socket, "rooms")),
                     confab_size(confab_get(socket, "data")));
        assert_int_equal(strlen(confab_as_string(confab_get(socket, "id"), NULL)), 20);
        assert_true(confab_is(confab_get(handshake, "query"), CONFAB_OBJECT));
        /* Nothing is kept from this node's own application. */
        assert_non_null(confab_get(confab_get(handshake, "headers"), "cookie"));
    }
}

static void test_fetched(void **state)
{
    struct party *party = *state;
    party->h.cookie = "a=b";
    struct peer *guest = peer_connect(&party->h, "/");
    struct confab_audience one = {.rooms = (const char *const[]){guest->id}, .room_count = 1};
    confab_set_data(peer_socket(guest, "/"), confab_set(confab_object(), "n", confab_int(1)));
    confab_join(peer_socket(guest, "/"), "blue", NULL, NULL);
    confab_fetch_sockets(party->nsp, &one, 0, on_sockets, &party->h);
    harness_told(&party->h, "");
    harness_turn(&party->h);
    harness_told(&party->h, "ok 2/1");
}

static void test_fetched_elsewhere(void **state)
{
    struct party *party = *state;
    struct confab_audience nobody = {.rooms = (const char *const[]){"far"}, .room_count = 1};
    confab_fetch_sockets(party->nsp, &nobody, 0, on_answers, &party->h);
    fake_broker_told(party->h.broker, "asked:5");
    fake_broker_nodes(party->h.broker, 1);
    fake_broker_answered(party->h.broker, "{\"id\":\"x\"}");
    fake_broker_heard(party->h.broker, 0);
    harness_turn(&party->h);
    harness_told(&party->h, "ok:[{\"id\":\"x\"}]");
}

static void test_rooms_of_many(void **state)
{
    struct party *party = *state;
    const char *const rooms[] = {"blue", "green"};
    static const char *many_names[1001];
    char *endless = xmalloc(BROKER_ROOM_MAX_BYTES + 2);
    const char *const too_long[] = {"blue", endless};
    struct confab_audience but_b = {.except = (const char *const[]){party->peers[1]->id},
                                    .except_count = 1};
    assert_int_equal(confab_sockets_join(party->nsp, &but_b, rooms, 2), CONFAB_OK);
    assert_true(confab_in_room(socket_of(party, 0), "green"));
    assert_false(confab_in_room(socket_of(party, 1), "green"));
    assert_true(confab_in_room(socket_of(party, 2), "blue"));
    assert_int_equal(confab_sockets_leave(party->nsp, &red, rooms, 1), CONFAB_OK);
    assert_false(confab_in_room(socket_of(party, 0), "blue"));
    assert_true(confab_in_room(socket_of(party, 0), "green"));
    assert_true(confab_in_room(socket_of(party, 2), "blue"));
    memset(endless, 'x', BROKER_ROOM_MAX_BYTES + 1);
    endless[BROKER_ROOM_MAX_BYTES + 1] = '\0';
    assert_int_equal(confab_sockets_join(party->nsp, &red, too_long, 2), CONFAB_ELIMIT);
    assert_false(confab_in_room(socket_of(party, 0), "blue"));
    assert_int_equal(confab_sockets_join(party->nsp, &red, too_long, 1001), CONFAB_ELIMIT);
    free(endless);
    struct confab_audience endless_list = {.rooms = many_names, .room_count = 1001};
    for (size_t i = 0; i < 1001; i++)
        many_names[i] = "blue";
    assert_int_equal(confab_sockets_join(party->nsp, &endless_list, rooms, 1), CONFAB_ELIMIT);
    struct ends ends = {0};
    confab_fetch_sockets(party->nsp, &endless_list, 10, on_end, &ends);
    harness_turn(&party->h);
    assert_int_equal(ends.limited, 1);
}

static void test_many_disconnected(void **state)
{
    struct party *party = *state;
    assert_int_equal(confab_disconnect_sockets(party->nsp, &red, false), CONFAB_OK);
    assert_int_equal(confab_namespace_size(party->nsp), 3); /* not inside the call */
    harness_turn(&party->h);
    peer_expect(party->peers[0], "41");
    peer_expect(party->peers[1], "41");
    peer_quiet(party->peers[2]);
    assert_int_equal(confab_namespace_size(party->nsp), 1);
    confab_disconnect_sockets(party->nsp, &everybody, true);
    harness_turn(&party->h);
    peer_expect(party->peers[2], "41");
    peer_expect_closed(party->peers[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_answer),
        TEST(test_nobody_to_answer),
        TEST(test_not_all_in_time),
        TEST(test_bytes_are_answers),
        CLUSTER_TEST(test_refused_questions),
        TEST(test_answers_beyond_memory),
        TEST(test_server_stops),
        CLUSTER_TEST(test_other_nodes),
        CLUSTER_TEST(test_other_nodes_too_late),
        CLUSTER_TEST(test_link_lost),
        CLUSTER_TEST(test_local_asks_nobody_else),
        TEST(test_fetched),
        CLUSTER_TEST(test_fetched_elsewhere),
        TEST(test_rooms_of_many),
        TEST(test_many_disconnected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
