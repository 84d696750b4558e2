/* Broadcasts, rooms, and what other nodes ask for. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include "tests/unit/socketio/fake_broker.h"
#include "tests/unit/socketio/harness.h"
#include <confab/err.h>

static const char *const names[] = {"a", "b", "c"};

/* Three clients; a and b in room1, b in room2. */
struct party {
    struct harness h;
    struct confab_namespace *nsp;
    struct peer *peers[3];
};

static void begin(struct party *party, const struct harness_config *config)
{
    harness_init(&party->h, config);
    party->nsp = confab_of(party->h.server, "/");
    for (size_t i = 0; i < 3; i++)
        party->peers[i] = peer_connect(&party->h, "/");
}

static struct confab_socket *socket_of(struct party *party, size_t i)
{
    return peer_socket(party->peers[i], "/");
}

static int setup(void **state)
{
    struct party *party = xcalloc(1, sizeof(*party));
    begin(party, NULL);
    confab_join(socket_of(party, 0), "room1", NULL, NULL);
    confab_join(socket_of(party, 1), "room1", NULL, NULL);
    confab_join(socket_of(party, 1), "room2", NULL, NULL);
    *state = party;
    return 0;
}

static int setup_cluster(void **state)
{
    struct party *party = xcalloc(1, sizeof(*party));
    struct harness_config config = {.make_broker = fake_broker_make};
    begin(party, &config);
    *state = party;
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

/* Who got something since the last call, and that it was this. */
static void reached(struct party *party, const char *text, const char *expected)
{
    char got[4] = "";
    harness_turn(&party->h);
    for (size_t i = 0; i < 3; i++) {
        if (list_empty(&party->peers[i]->inbox))
            continue;
        peer_expect(party->peers[i], text);
        peer_quiet(party->peers[i]);
        strcat(got, names[i]);
    }
    assert_string_equal(got, expected);
}

static void test_audiences(void **state)
{
    struct party *party = *state;
    const char *const both[] = {"room1", "room2", "room1"};
    const char *const second[] = {"room2"};
    const char *const third[] = {confab_socket_id(socket_of(party, 2))};
    assert_int_equal(confab_emit_all(party->nsp, "m", confab_list(confab_int(1), NULL)), CONFAB_OK);
    reached(party, "42[\"m\",1]", "abc");
    confab_emit_room(party->nsp, "room1", "m", confab_array());
    reached(party, "42[\"m\"]", "ab");
    confab_emit_room(party->nsp, "none", "m", confab_array());
    reached(party, "", "");
    confab_emit_others(socket_of(party, 1), "m", confab_array());
    reached(party, "42[\"m\"]", "ac");
    confab_emit_room_others(socket_of(party, 1), "room1", "m", confab_array());
    reached(party, "42[\"m\"]", "a");
    confab_emit_room_others(socket_of(party, 2), "room1", "m", confab_array());
    reached(party, "42[\"m\"]", "ab");
    struct confab_audience audience = {.rooms = both, .room_count = 3};
    confab_broadcast(party->nsp, &audience, "m", confab_array());
    reached(party, "42[\"m\"]", "ab");
    audience.except = second;
    audience.except_count = 1;
    confab_broadcast(party->nsp, &audience, "m", confab_array());
    reached(party, "42[\"m\"]", "a");
    struct confab_audience one = {.rooms = third, .room_count = 1, .flags = CONFAB_LOCAL};
    confab_broadcast(party->nsp, &one, "m", confab_array());
    reached(party, "42[\"m\"]", "c");
}

static void test_not_emitted(void **state)
{
    struct party *party = *state;
    const char *rooms[1001];
    for (size_t i = 0; i < TEST_COUNT(rooms); i++)
        rooms[i] = "room1";
    assert_int_equal(confab_emit_all(party->nsp, "disconnect", confab_array()), CONFAB_EINVAL);
    struct confab_audience audience = {.rooms = rooms, .room_count = TEST_COUNT(rooms)};
    assert_int_equal(confab_broadcast(party->nsp, &audience, "m", confab_array()), CONFAB_ELIMIT);
    audience.room_count--;
    assert_int_equal(confab_broadcast(party->nsp, &audience, "m", confab_array()), CONFAB_OK);
    reached(party, "42[\"m\"]", "ab");
    assert_int_equal(server_counters(party->h.server)->limits[SERVER_LIMIT_ROOMS], 1);
}

static void test_volatile(void **state)
{
    struct party *party = *state;
    struct confab_audience all = {.flags = CONFAB_VOLATILE};
    confab_emit(socket_of(party, 0), "x", confab_array()); /* still queued for a */
    confab_broadcast(party->nsp, &all, "m", confab_array());
    harness_turn(&party->h);
    peer_expect(party->peers[0], "42[\"x\"]");
    reached(party, "42[\"m\"]", "bc");
    assert_int_equal(server_counters(party->h.server)->volatile_drops, 1);
}

static void test_rooms(void **state)
{
    struct party *party = *state;
    struct confab_socket *b = socket_of(party, 1);
    assert_true(confab_in_room(b, "room2"));
    assert_true(confab_in_room(b, party->peers[1]->id));
    struct confab_value *rooms = confab_rooms(b);
    assert_int_equal(confab_size(rooms), 3);
    assert_string_equal(confab_as_string(confab_at(rooms, 0), NULL), party->peers[1]->id);
    confab_value_release(rooms);
    confab_leave(b, "room2");
    confab_leave(b, "never");
    assert_false(confab_in_room(b, "room2"));
    char room[16];
    for (int i = 0; i < 998; i++) {
        snprintf(room, sizeof(room), "r%d", i);
        assert_int_equal(confab_join(b, room, NULL, NULL), CONFAB_OK);
    }
    assert_int_equal(confab_join(b, "one more", NULL, NULL), CONFAB_ELIMIT);
}

/* A broadcast is encoded once: all queues hold the same frames. */
static void test_encoded_once(void **state)
{
    struct party *party = *state;
    struct frame *frames[3];
    confab_emit_all(party->nsp, "m", confab_list(confab_binary("x", 1), NULL));
    for (size_t i = 0; i < 3; i++) {
        frames[i] = eio_ws_take(&party->peers[i]->ws);
        assert_ptr_equal(frames[i], frames[0]);
    }
    for (size_t i = 0; i < 3; i++)
        frame_release(frames[i]);
    harness_turn(&party->h);
    for (size_t i = 0; i < 3; i++)
        peer_expect_binary(party->peers[i], "x", 1);
}

static void joined(struct confab_server *server, int status, void *user)
{
    struct party *party = user;
    assert_ptr_equal(server, party->h.server);
    harness_note(&party->h, "joined:%s", confab_errname(status));
}

static void sent(struct confab_server *server, int status, bool cluster, void *user)
{
    struct party *party = user;
    assert_ptr_equal(server, party->h.server);
    harness_note(&party->h, "sent:%s:%d", confab_errname(status), cluster);
}

static void emit_ordered(struct party *party, confab_sent_fn *fn)
{
    struct confab_audience all = {.flags = 0};
    assert_int_equal(confab_broadcast_ordered(party->nsp, &all, "m", confab_array(), fn, party),
                     CONFAB_OK);
}

static void test_alone(void **state)
{
    struct party *party = *state;
    confab_join(socket_of(party, 2), "room9", joined, party);
    emit_ordered(party, sent);
    emit_ordered(party, NULL);
    harness_told(&party->h, "joined:ok sent:ok:1");
    for (size_t i = 0; i < 3; i++)
        assert_int_equal((harness_turn(&party->h), peer_drop_inbox(party->peers[i])), 2);
    assert_string_equal(confab_node(party->h.server), "abc");
    assert_true(confab_cluster_up(party->h.server));
}

/* ---- in a cluster ---- */

static void test_ordered(void **state)
{
    struct party *party = *state;
    emit_ordered(party, sent);
    reached(party, "", "");
    fake_broker_ordered_done(party->h.broker, CONFAB_OK);
    harness_told(&party->h, "sent:ok:1");
    reached(party, "42[\"m\"]", "abc");
    emit_ordered(party, sent);
    fake_broker_ordered_done(party->h.broker, CONFAB_EUNAVAILABLE);
    harness_told(&party->h, "sent:unavailable:1");
    emit_ordered(party, sent);
    server_stop(party->h.server);
    broker_free(&party->h.broker);
    harness_told(&party->h, "sent:unavailable:1");
    struct confab_audience all = {.flags = 0};
    assert_int_equal(confab_broadcast_ordered(party->nsp, &all, "m", confab_array(), sent, party),
                     CONFAB_ECLOSED);
}

static void test_joining(void **state)
{
    struct party *party = *state;
    assert_int_equal(confab_join(socket_of(party, 0), "room1", joined, party), CONFAB_OK);
    assert_int_equal(confab_join(socket_of(party, 0), "room2", joined, party), CONFAB_OK);
    harness_told(&party->h, "");
    fake_broker_join_done(party->h.broker, CONFAB_OK);
    harness_told(&party->h, "joined:ok");
    peer_lose(party->peers[0]);
    fake_broker_join_done(party->h.broker, CONFAB_ECANCELED);
    harness_told(&party->h, "joined:canceled");
}

static void test_asked_by_others(void **state)
{
    struct party *party = *state;
    char answer[64];
    fake_broker_ask(party->h.broker, "/", "q");
    reached(party, "420[\"q\"]", "abc");
    peer_send(party->peers[1], "430[{\"n\":1},2]");
    peer_send(party->peers[0], "430[]");
    fake_broker_told(party->h.broker, "answer:{\"n\":1} answer:none");
    peer_send(party->peers[0], "430[]");
    fake_broker_told(party->h.broker, "");
    fake_broker_ask(party->h.broker, "/", "q");
    reached(party, "421[\"q\"]", "abc");
    peer_lose(party->peers[2]);
    snprintf(answer, sizeof(answer), "431[\"x\"]");
    peer_send(party->peers[0], answer);
    harness_pass(&party->h, 60000);
    peer_send(party->peers[1], answer); /* nobody waits for it any more */
    fake_broker_told(party->h.broker, "answer:\"x\"");
}

static void test_described(void **state)
{
    struct party *party = *state;
    party->h.query = "&a=1&b=x%20y+z&a=2";
    party->h.cookie = "secret=1";
    struct peer *peer = peer_open(&party->h);
    peer_join(peer, "/", "{\"token\":1}");
    struct confab_socket *socket = peer_socket(peer, "/");
    confab_set_data(socket, confab_set(confab_object(), "name", confab_string("bob")));
    confab_set_data(socket, confab_set(confab_object(), "name", confab_string("eve")));
    confab_join(socket, "room1", NULL, NULL);
    struct confab_value *told = broker_describe(&socket->member, true);
    struct buf json;
    char expected[1024];
    buf_init(&json, 65536);
    value_write_json(told, &json, NULL);
    snprintf(expected, sizeof(expected),
             "{\"id\":\"%s\",\"handshake\":{\"headers\":{\"user-agent\":\"test\"},"
             "\"time\":\"Sun Mar 17 2030 17:46:40 GMT+0000 (Coordinated Universal Time)\","
             "\"address\":\"192.0.2.7\",\"xdomain\":false,\"secure\":false,"
             "\"issued\":1900000000000,"
             "\"url\":\"/socket.io/?EIO=4&transport=websocket&a=1&b=x%%20y+z&a=2\","
             "\"query\":{\"EIO\":\"4\",\"transport\":\"websocket\",\"a\":\"2\","
             "\"b\":\"x y z\"},\"auth\":{\"token\":1}},"
             "\"rooms\":[\"%s\",\"room1\"],\"data\":{\"name\":\"eve\"}}",
             peer->id, peer->id);
    assert_string_equal(buf_text(&json), expected);
    confab_value_release(told);
    buf_fini(&json);
    told = confab_handshake_value(confab_socket_handshake(socket), NULL, false);
    assert_string_equal(confab_as_string(confab_get(confab_get(told, "headers"), "cookie"), NULL),
                        "secret=1");
    assert_int_equal(confab_size(confab_get(told, "auth")), 0);
    confab_value_release(told);
    assert_null(confab_handshake_header(confab_socket_handshake(socket), "origin"));
    assert_string_equal(confab_handshake_address(confab_socket_handshake(socket)), "192.0.2.7");
    assert_non_null(confab_handshake_url(confab_socket_handshake(socket)));
    assert_null(confab_handshake_query(confab_socket_handshake(socket), "none"));
}

static void on_disconnect(struct confab_socket *socket, const char *reason, void *user)
{
    struct party *party = user;
    (void)socket;
    harness_note(&party->h, "(%s)", reason);
}

static void test_bulk_disconnect(void **state)
{
    struct party *party = *state;
    struct broker_namespace *members = broker_namespace(party->h.broker, "/");
    struct text room = {"room1", 5};
    struct rooms_target target = {.rooms = &room, .room_count = 1};
    confab_on_disconnect(party->nsp, on_disconnect, party);
    broker_bulk_join(members, &(struct rooms_target){.rooms = NULL}, &room, 1);
    confab_leave(socket_of(party, 2), "room1");
    broker_bulk_disconnect(members, &target, false);
    harness_told(&party->h, ""); /* at the end of the turn */
    reached(party, "41", "ab");
    harness_told(&party->h, "(server namespace disconnect) (server namespace disconnect)");
    broker_bulk_disconnect(members, &(struct rooms_target){.rooms = NULL}, true);
    harness_turn(&party->h);
    peer_expect(party->peers[2], "41");
    peer_expect_closed(party->peers[2]);
    harness_told(&party->h, "(server namespace disconnect)");
}

static void on_server_event(struct confab_namespace *nsp, const struct confab_value *args,
                            struct confab_token token, void *user)
{
    struct party *party = user;
    assert_ptr_equal(nsp, party->nsp);
    harness_note(&party->h, "event/%zu", confab_size(args));
    if (token.id != 0 && confab_size(args) == 1)
        confab_answer(party->h.server, token, confab_list(confab_string("yes"), NULL));
}

static void test_server_events(void **state)
{
    struct party *party = *state;
    struct broker *broker = party->h.broker;
    confab_on_server_event(party->nsp, "se", on_server_event, party);
    fake_broker_server_event(broker, "/", "[\"se\",1,2,3]", false);
    fake_broker_server_event(broker, "/", "[\"se\",1]", true);
    harness_told(&party->h, "event/3 event/1");
    fake_broker_told(broker, "answer:\"yes\"");
    fake_broker_server_event(broker, "/", "[\"se\"]", true);
    harness_told(&party->h, "event/0");
    harness_pass(&party->h, 3999);
    fake_broker_told(broker, "");
    harness_pass(&party->h, 1);
    fake_broker_told(broker, "answer:none");
    fake_broker_server_event(broker, "/", "[\"other\",1]", true);
    fake_broker_server_event(broker, "/", "[7]", true);
    fake_broker_server_event(broker, "/", "[]", true);
    fake_broker_server_event(broker, "/unknown", "[\"se\",1]", true);
    fake_broker_server_event(broker, "/", "[\"other\"]", false);
    fake_broker_told(broker, "answer:none answer:none answer:none answer:none");
    fake_broker_server_event(broker, "/", "[\"se\"]", true);
    server_stop(party->h.server);
    fake_broker_told(broker, "answer:none");
    buf_reset(&party->h.told);
}

static void on_state(void *user)
{
    struct party *party = user;
    harness_note(&party->h, "up:%d", confab_cluster_up(party->h.server));
}

static void test_state(void **state)
{
    struct party *party = *state;
    server_on_broker_state(party->h.server, on_state, party);
    broker_set_state(party->h.broker, BROKER_DOWN);
    broker_set_state(party->h.broker, BROKER_UP);
    harness_told(&party->h, "up:0 up:1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_audiences),
        TEST(test_not_emitted),
        TEST(test_volatile),
        TEST(test_rooms),
        TEST(test_encoded_once),
        TEST(test_alone),
        CLUSTER_TEST(test_ordered),
        CLUSTER_TEST(test_joining),
        CLUSTER_TEST(test_asked_by_others),
        CLUSTER_TEST(test_described),
        CLUSTER_TEST(test_bulk_disconnect),
        CLUSTER_TEST(test_server_events),
        CLUSTER_TEST(test_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
