/* What the application calls not worth compressing is marked so, however it is sent. */
#include "tests/unit/test.h"

#include <stddef.h>

#include "tests/unit/socketio/harness.h"
#include <confab/err.h>

static const struct confab_audience plainly = {.flags = CONFAB_COMPRESS_OFF};

static void on_answers(struct confab_server *server, int status, const struct confab_value *answers,
                       void *user)
{
    (void)server;
    (void)answers;
    harness_note(user, "%s", confab_errname(status));
}

/* All ways to two sockets, each once with the flag and once without. */
static void send_all(struct harness *h, struct peer *const *peers)
{
    struct confab_namespace *nsp = confab_of(h->server, "/");
    static const struct confab_audience everybody = {.flags = 0};
    const struct confab_audience *audiences[] = {&plainly, &everybody};
    for (size_t i = 0; i < 2; i++) {
        confab_broadcast(nsp, audiences[i], "to all", NULL);
        confab_broadcast_ordered(nsp, audiences[i], "to all", NULL, NULL, NULL);
        confab_broadcast_with_ack(nsp, audiences[i], "asked", NULL, 10, on_answers, h);
        for (size_t j = 0; j < 2; j++)
            confab_emit_flags(peer_socket(peers[j], "/"), "to one", NULL, audiences[i]->flags);
    }
    harness_turn(h);
    harness_pass(h, 10);
    harness_told(h, "timed_out timed_out");
    for (size_t j = 0; j < 2; j++) {
        assert_int_equal(peer_drop_inbox(peers[j]), 8);
        assert_int_equal(peers[j]->plain, 4);
    }
}

static void test_plain(void **state)
{
    struct harness *h = *state;
    confab_of(h->server, "/");
    struct peer *peers[] = {peer_connect(h, "/"), peer_connect(h, "/")};
    send_all(h, peers);
}

/* What may be missed has an offset, and is encoded elsewhere. */
static void test_plain_with_recovery(void **state)
{
    struct harness h;
    struct harness_config config = {.server = {.recovery_ms = 60000}};
    struct peer *peers[2];
    (void)state;
    harness_init(&h, &config);
    confab_of(h.server, "/");
    for (size_t i = 0; i < 2; i++)
        peers[i] = peer_connect(&h, "/");
    send_all(&h, peers);
    harness_fini(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_plain),
        cmocka_unit_test(test_plain_with_recovery),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
