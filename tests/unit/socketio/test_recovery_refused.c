/* Clients that come back too late, with nothing to show for it, or to middleware. */
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

static int setup_skipping(void **state)
{
    return recovery_begin(
        state, (struct server_config){.recovery_ms = WINDOW_MS, .recovery_skips_middleware = true},
        0);
}

/* ---- not recovered ---- */

static void test_too_late(void **state)
{
    struct world *world = *state;
    both_in(world);
    peer_lose(world->a.peer);
    harness_pass(&world->h, WINDOW_MS);
    recovered(world, &world->a, "|");
    peer_lose(world->a.peer);
    harness_pass(&world->h, WINDOW_MS + 1);
    not_recovered(world, &world->a, RECOVERY_NO_SESSION);
    /* Nothing is kept without end. */
    harness_pass(&world->h, 2 * WINDOW_MS);
    assert_int_equal(counters(world)->recovery_bytes_now, 0);
    client_got(&world->b, "");
}

/* A quiet namespace: the client's last packet is long forgotten, and nothing came after it. */
static void test_nothing_missed(void **state)
{
    struct world *world = *state;
    both_in(world);
    harness_pass(&world->h, 3 * WINDOW_MS);
    peer_lose(world->a.peer);
    recovered(world, &world->a, "|");
}

static void test_ended(void **state)
{
    struct world *world = *state;
    both_in(world);
    peer_send(world->a.peer, "41");
    peer_lose(world->a.peer);
    not_recovered(world, &world->a, RECOVERY_NO_SESSION);
    confab_disconnect(client_socket(&world->a), true);
    harness_turn(&world->h);
    peer_drop_inbox(world->a.peer);
    strcpy(world->a.offset, world->b.offset);
    not_recovered(world, &world->a, RECOVERY_NO_SESSION);
    /* Still there: who shows its pid is somebody new. */
    struct client twin = world->b;
    not_recovered(world, &twin, RECOVERY_NO_SESSION);
}

static void test_ping_timeout(void **state)
{
    struct world *world = *state;
    both_in(world);
    struct client stale = world->a;
    world->a.peer->silent = true;
    world->a.peer->clogged = true;
    say(world, 1);
    harness_pass(&world->h, 50000);
    say(world, 2);
    assert_null(client_socket(&world->a));
    world->a = stale;
    recovered(world, &world->a, "1 2 |");
}

static int setup_brief(void **state)
{
    return recovery_begin(
        state, (struct server_config){.recovery_ms = 1000, .recovery_notice_ms = 45000}, 0);
}

/* The window begins when the loss is noticed; what left before is still there then. */
static void test_noticed_late(void **state)
{
    struct world *world = *state;
    both_in(world);
    struct client stale = world->a;
    world->a.peer->silent = true;
    harness_pass(&world->h, 24000);
    say(world, 1);
    harness_pass(&world->h, 22000);
    assert_null(client_socket(&world->a));
    recovered(world, &stale, "1 |");
    world->a = stale;
    client_got(&world->b, "1");
}

static void test_one_namespace(void **state)
{
    struct world *world = *state;
    confab_of(world->h.server, "/other");
    both_in(world);
    struct client stranger = world->a;
    stranger.nsp = "/other";
    peer_lose(world->a.peer);
    client_come(world, &stranger);
    assert_false(stranger.recovered);
    recovered(world, &world->a, "|");
    /* Nor does the offset of one count in the other. */
    peer_lose(stranger.peer);
    strcpy(stranger.offset, world->a.offset);
    stranger.got[0] = '\0';
    client_come(world, &stranger);
    assert_false(stranger.recovered);
    assert_int_equal(counters(world)->recoveries[RECOVERY_NO_OFFSET], 1);
}

static void test_used_once(void **state)
{
    struct world *world = *state;
    both_in(world);
    struct client twin = world->a;
    peer_lose(world->a.peer);
    recovered(world, &world->a, "|");
    not_recovered(world, &twin, RECOVERY_NO_SESSION);
}

static void test_bad_offsets(void **state)
{
    static const char *const bad[] = {
        "", "A", "AAAAAAAA", "AAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAA", "!!!!!!!!!"};
    struct world *world = *state;
    both_in(world);
    for (size_t i = 0; i <= TEST_COUNT(bad); i++) {
        say(world, 1);
        client_got(&world->a, "1");
        peer_lose(world->a.peer);
        if (i < TEST_COUNT(bad))
            strcpy(world->a.offset, bad[i]);
        else /* one that may come, before it has come */
            world->a.offset[8]++;
        not_recovered(world, &world->a, RECOVERY_NO_OFFSET);
    }
    peer_drop_inbox(world->b.peer);
    /* No offset, or something else than text: nothing is asked for. */
    uint64_t before = counters(world)->recoveries[RECOVERY_NO_OFFSET];
    world->b.peer = peer_open(&world->h);
    peer_send(world->b.peer, "40{\"pid\":\"a\"}");
    peer_expect(world->b.peer, "40{*");
    world->b.peer = peer_open(&world->h);
    peer_send(world->b.peer, "40{\"pid\":[1],\"offset\":{\"a\":1}}");
    peer_expect(world->b.peer, "40{*");
    assert_int_equal(counters(world)->recoveries[RECOVERY_NO_OFFSET], before);
}

static void test_evicted(void **state)
{
    struct world *world = *state;
    both_in(world);
    peer_lose(world->a.peer);
    for (int i = 0; i < 100; i++)
        say(world, i);
    peer_drop_inbox(world->b.peer);
    assert_true(counters(world)->recovery_packets_evicted > 0);
    assert_true(counters(world)->recovery_bytes_now <= 8000);
    not_recovered(world, &world->a, RECOVERY_GAP);
}

static void test_too_much(void **state)
{
    struct world *world = *state;
    both_in(world);
    peer_lose(world->a.peer);
    for (int i = 0; i < 12; i++)
        say(world, i);
    peer_drop_inbox(world->b.peer);
    assert_int_equal(counters(world)->recovery_packets_evicted, 0);
    not_recovered(world, &world->a, RECOVERY_TOO_MUCH);
}

static void test_sessions_evicted(void **state)
{
    struct world *world = *state;
    both_in(world);
    peer_lose(world->a.peer);
    for (int i = 0; i < 40; i++) {
        struct client other = {.nsp = "/"};
        client_come(world, &other);
        peer_lose(other.peer);
    }
    assert_true(counters(world)->recovery_sessions_evicted > 0);
    assert_true(counters(world)->recovery_bytes_now <= 8000);
    not_recovered(world, &world->a, RECOVERY_NO_SESSION);
}

/* What is too large to be sent is not kept, either. */
static int setup_narrow(void **state)
{
    return recovery_begin(
        state, (struct server_config){.recovery_ms = WINDOW_MS, .max_encoded_bytes = 200}, 0);
}

static void test_too_large(void **state)
{
    struct world *world = *state;
    char text[201];
    memset(text, 'x', 200);
    text[200] = '\0';
    both_in(world);
    assert_false(
        confab_emit(client_socket(&world->a), "n", confab_list(confab_string(text), NULL)));
    confab_emit_all(world->nsp, "n", confab_list(confab_string(text), NULL));
    say(world, 1);
    client_got(&world->a, "1");
    client_got(&world->b, "1");
    peer_lose(world->a.peer);
    say(world, 2);
    recovered(world, &world->a, "2 |");
}

/* An offset from before a client was there: nothing of then is for it. */
static void test_older_than_itself(void **state)
{
    struct world *world = *state;
    client_come(world, &world->a);
    say(world, 1);
    client_got(&world->a, "| 1");
    say(world, 2);
    client_come(world, &world->b);
    strcpy(world->b.offset, world->a.offset);
    say(world, 3);
    strcpy(world->b.offset, world->a.offset);
    peer_lose(world->b.peer);
    client_come(world, &world->b);
    client_got(&world->b, "| 3 |");
    assert_true(world->b.recovered);
}

/* Every character that an offset may have. */
static void test_many_offsets(void **state)
{
    struct world *world = *state;
    both_in(world);
    for (int i = 0; i < 70; i++) {
        say(world, i);
        client_read(&world->a);
        world->a.got[0] = '\0';
        peer_lose(world->a.peer);
        recovered(world, &world->a, "|");
    }
    peer_drop_inbox(world->b.peer);
}

/* Nobody comes back: what was kept is forgotten by itself. */
static void test_swept(void **state)
{
    struct world *world = *state;
    both_in(world);
    peer_lose(world->a.peer);
    assert_true(counters(world)->recovery_bytes_now > 0);
    harness_pass(&world->h, 10 * WINDOW_MS);
    assert_int_equal(counters(world)->recovery_bytes_now, 0);
    not_recovered(world, &world->a, RECOVERY_NO_SESSION);
}

/* Stays that ended before the window are forgotten first, and cost nothing. */
static void test_old_stays(void **state)
{
    struct world *world = *state;
    char room[16];
    both_in(world);
    for (int i = 0; i < 270; i++) {
        snprintf(room, sizeof(room), "r%d", i);
        confab_join(client_socket(&world->a), room, NULL, NULL);
        confab_leave(client_socket(&world->a), room);
        if (i == 200) {
            say(world, i);
            harness_pass(&world->h, 10 * WINDOW_MS);
            say(world, i);
        }
    }
    client_read(&world->a);
    world->a.got[0] = '\0';
    peer_drop_inbox(world->b.peer);
    peer_lose(world->a.peer);
    say(world, 7);
    recovered(world, &world->a, "7 |");
}

/* The same room over and over: its older stays are forgotten, the last one is not. */
static void test_same_room(void **state)
{
    struct world *world = *state;
    both_in(world);
    for (int i = 0; i < 600; i++) {
        confab_join(client_socket(&world->a), "r", NULL, NULL);
        say_in(world, "r", i);
        confab_leave(client_socket(&world->a), "r");
        say(world, i);
        client_read(&world->a);
        world->a.got[0] = '\0';
    }
    confab_join(client_socket(&world->a), "r", NULL, NULL);
    peer_drop_inbox(world->b.peer);
    peer_lose(world->a.peer);
    say_in(world, "r", 7);
    recovered(world, &world->a, "7 |");
}

/* ---- middleware ---- */

static void decide_later(struct confab_socket *socket, struct confab_token token, void *user)
{
    struct world *world = user;
    harness_note(&world->h, "%s", confab_socket_recovered(socket) ? "known" : "new");
    world->pending = token;
}

static void allow(struct world *world)
{
    assert_int_equal(confab_allow(world->h.server, world->pending), CONFAB_OK);
    harness_turn(&world->h);
}

static void test_middleware(void **state)
{
    struct world *world = *state;
    both_in(world);
    confab_use(world->nsp, decide_later, world);
    peer_lose(world->a.peer);
    say(world, 1);
    client_come(world, &world->a);
    harness_told(&world->h, "known");
    say(world, 2);
    client_got(&world->a, "");
    allow(world);
    client_got(&world->a, "1 2 |");
    assert_true(world->a.recovered);
    /* Lost while it is looked at: it may come once more, in its time. */
    peer_lose(world->a.peer);
    harness_pass(&world->h, WINDOW_MS - 10);
    client_come(world, &world->a);
    say(world, 3);
    peer_lose(world->a.peer);
    client_come(world, &world->a);
    allow(world);
    client_got(&world->a, "3 |");
    assert_true(world->a.recovered);
    /* Refused: no second chance. */
    peer_lose(world->a.peer);
    client_come(world, &world->a);
    confab_refuse(world->h.server, world->pending, "no", NULL);
    harness_turn(&world->h);
    peer_expect(world->a.peer, "44{\"message\":\"no\"}");
    client_come(world, &world->a);
    allow(world);
    client_got(&world->a, "|");
    assert_false(world->a.recovered);
    harness_told(&world->h, "known known known new");
    peer_drop_inbox(world->b.peer);
}

static void test_middleware_skipped(void **state)
{
    struct world *world = *state;
    both_in(world);
    confab_use(world->nsp, decide_later, world);
    peer_lose(world->a.peer);
    recovered(world, &world->a, "|");
    harness_told(&world->h, "");
}

/* What is evicted between the lookup and the decision must not become a gap. */
static void test_evicted_meanwhile(void **state)
{
    struct world *world = *state;
    both_in(world);
    confab_use(world->nsp, decide_later, world);
    peer_lose(world->a.peer);
    client_come(world, &world->a);
    for (int i = 0; i < 100; i++)
        say(world, i);
    peer_drop_inbox(world->b.peer);
    allow(world);
    peer_expect_closed(world->a.peer);
    client_come(world, &world->a);
    allow(world);
    client_got(&world->a, "|");
    assert_false(world->a.recovered);
    harness_told(&world->h, "known new");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_too_late),
        TEST(test_nothing_missed),
        TEST(test_ended),
        TEST(test_ping_timeout),
        cmocka_unit_test_setup_teardown(test_noticed_late, setup_brief, recovery_teardown),
        TEST(test_one_namespace),
        TEST(test_used_once),
        TEST(test_bad_offsets),
        SMALL_TEST(test_evicted),
        SMALL_TEST(test_too_much),
        SMALL_TEST(test_sessions_evicted),
        TEST(test_older_than_itself),
        TEST(test_same_room),
        TEST(test_many_offsets),
        TEST(test_swept),
        TEST(test_old_stays),
        cmocka_unit_test_setup_teardown(test_too_large, setup_narrow, recovery_teardown),
        TEST(test_middleware),
        cmocka_unit_test_setup_teardown(test_middleware_skipped, setup_skipping, recovery_teardown),
        SMALL_TEST(test_evicted_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
