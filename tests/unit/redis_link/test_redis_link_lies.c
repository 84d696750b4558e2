/* The link to Redis, against a server that greets well and then lies. */
#define _GNU_SOURCE
#include "tests/unit/test.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "broker/redis_link.h"
#include "common/clock.h"
#include "common/live.h"
#include "tests/unit/redis_link/loop_turn.h"
#include <confab/err.h>

#define PATIENCE_MS 20000
#define REPLY_MAX_BYTES 100000
#define CONNS_MAX 64

struct fixture {
    struct event_base *base;
    struct evconnlistener *listener;
    struct bufferevent *conns[CONNS_MAX];
    unsigned conn_count;
    struct redis_link *link;
    struct redis_link_config config;
    unsigned connected, lost;
    char why[200];
};

/* ---- the server ---- */

static unsigned count(const char *in, const char *word)
{
    unsigned found = 0;

    for (const char *at = strstr(in, word); at != NULL; at = strstr(at + 1, word))
        found++;
    return found;
}

/* Short commands come in one piece. */
static void answer(struct bufferevent *conn, void *user)
{
    char in[4096];
    size_t length = bufferevent_read(conn, in, sizeof(in) - 1);

    (void)user;
    in[length] = '\0';
    for (unsigned i = count(in, "PING"); i > 0; i--)
        bufferevent_write(conn, "+PONG\r\n", 7);
    for (unsigned i = count(in, "CLIENT"); i > 0; i--)
        bufferevent_write(conn, ":7\r\n", 4);
}

static void accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                     int length, void *user)
{
    struct fixture *f = user;
    struct bufferevent *conn = bufferevent_socket_new(f->base, fd, BEV_OPT_CLOSE_ON_FREE);

    (void)listener;
    (void)address;
    (void)length;
    assert_true(f->conn_count < CONNS_MAX);
    f->conns[f->conn_count++] = conn;
    bufferevent_setcb(conn, answer, NULL, NULL, NULL);
    bufferevent_enable(conn, EV_READ);
}

static void say(struct fixture *f, const char *what, size_t length)
{
    bufferevent_write(f->conns[0], what, length);
}

static void repeat(struct fixture *f, const char *what, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        say(f, what, strlen(what));
}

/* ---- the link ---- */

static void on_connected(void *user)
{
    struct fixture *f = user;

    f->connected++;
    redis_link_declare_up(f->link);
}

static void on_lost(void *user, bool was_up, const char *why)
{
    struct fixture *f = user;

    (void)was_up;
    f->lost++;
    snprintf(f->why, sizeof(f->why), "%s", why);
}

static void on_message(void *user, const struct redis_message *message)
{
    (void)user;
    (void)message;
}

static void on_subscribed(void *user, enum redis_subscription kind, struct text channel)
{
    (void)user;
    (void)kind;
    (void)channel;
}

static const struct redis_link_events events = {on_connected, on_lost, on_message, on_subscribed};

static void turn(struct fixture *f)
{
    loop_turn(f->base, 10);
}

#define WAIT_FOR(f, condition, meanwhile)                      \
    do {                                                       \
        int64_t give_up_at_ms = clock_mono_ms() + PATIENCE_MS; \
        while (!(condition)) {                                 \
            if (clock_mono_ms() > give_up_at_ms)               \
                fail_msg("never happened: %s", #condition);    \
            meanwhile;                                         \
            turn(f);                                           \
        }                                                      \
    } while (0)

/* From then on the first connection is only written to. */
static void connect_link(struct fixture *f)
{
    f->link = redis_link_new(&f->config, &events, f);
    WAIT_FOR(f, f->connected > 0, (void)0);
    bufferevent_disable(f->conns[0], EV_READ);
}

static int setup(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    struct fixture *f = calloc(1, sizeof(*f));

    f->base = event_base_new();
    f->listener = evconnlistener_new_bind(f->base, accepted, f, LEV_OPT_CLOSE_ON_FREE, -1,
                                          (struct sockaddr *)&address, sizeof(address));
    getsockname(evconnlistener_get_fd(f->listener), (struct sockaddr *)&address, &length);
    f->config = (struct redis_link_config){.base = f->base,
                                           .host = "127.0.0.1",
                                           .port = ntohs(address.sin_port),
                                           .ping_interval_ms = 5000,
                                           .reply_max_bytes = REPLY_MAX_BYTES};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    redis_link_free(&f->link);
    for (unsigned i = 0; i < f->conn_count; i++)
        bufferevent_free(f->conns[i]);
    evconnlistener_free(f->listener);
    event_base_loop(f->base, EVLOOP_NONBLOCK);
    event_base_free(f->base);
    free(f);
    assert_int_equal(live_count(LIVE_REDIS_CALL), 0);
    return 0;
}

/* ---- replies beyond the limits ---- */

static void expect_too_long(struct fixture *f)
{
    WAIT_FOR(f, f->lost == 1, (void)0);
    assert_string_equal(f->why, "a reply beyond the limit");
}

static void test_declared_length(void **state)
{
    struct fixture *f = *state;

    connect_link(f);
    repeat(f, "$100001\r\n", 1);
    expect_too_long(f);
}

static void test_sum_of_texts(void **state)
{
    static char text[40000];
    struct fixture *f = *state;

    connect_link(f);
    memset(text, 'x', sizeof(text));
    repeat(f, "*4\r\n", 1);
    for (unsigned i = 0; i < 3; i++) {
        repeat(f, "$40000\r\n", 1);
        say(f, text, sizeof(text));
        repeat(f, "\r\n", 1);
    }
    expect_too_long(f);
}

static void test_sum_of_elements(void **state)
{
    struct fixture *f = *state;

    connect_link(f);
    repeat(f, "*40000\r\n", 2);
    expect_too_long(f);
}

static void test_levels(void **state)
{
    struct fixture *f = *state;

    connect_link(f);
    repeat(f, "*1\r\n", 9);
    expect_too_long(f);
}

/* Each reply is counted alone. */
static void test_many_within(void **state)
{
    static const struct text echo[] = {{"ECHO", 4}, {"x", 1}};
    static char text[60000];
    struct fixture *f = *state;

    connect_link(f);
    memset(text, 'x', sizeof(text));
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(redis_link_command(f->link, echo, 2, NULL, NULL), CONFAB_OK);
        redis_link_subscription(f->link, REDIS_SUBSCRIBE, echo, 1);
    }
    for (unsigned i = 0; i < 5; i++) {
        repeat(f, "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$60000\r\n", 1);
        say(f, text, sizeof(text));
        repeat(f, "\r\n", 1);
    }
    repeat(f, "-ERR enough\r\n", 6);
    WAIT_FOR(f, f->lost == 1, (void)0);
    assert_string_equal(f->why, "refused: ERR enough");
}

/* ---- no replies ---- */

static void on_lost_call(void *user, int status, const struct redis_answer *reply)
{
    unsigned *lost = user;

    (void)reply;
    assert_int_equal(status, CONFAB_ECLOSED);
    ++*lost;
}

static void test_never_answered(void **state)
{
    static char big[10000];
    static const struct redis_script script = {"s", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db",
                                               "return 1", 8, 1};
    const struct text args[] = {{big, sizeof(big)}};
    struct fixture *f = *state;
    unsigned asked = 0, lost = 0;

    f->config.queue_max_bytes = 100000;
    connect_link(f);
    bufferevent_enable(f->conns[0], EV_READ);
    while (asked < 200) {
        int status = redis_link_script(f->link, &script, args, 1, 1, on_lost_call, &lost);

        if (status == CONFAB_ELIMIT && redis_link_queued_bytes(f->link) == 0)
            break;
        asked += status == CONFAB_OK;
        turn(f);
    }
    assert_true(asked >= 80 && asked < 100);
    assert_int_equal(redis_link_command(f->link, args, 1, NULL, NULL), CONFAB_ELIMIT);
    redis_link_free(&f->link);
    assert_int_equal(lost, asked);
}

/* ---- time ---- */

/* Bytes that never become a reply are no answer. */
static void test_bytes_without_end(void **state)
{
    struct fixture *f = *state;

    f->config.ping_interval_ms = 50;
    connect_link(f);
    repeat(f, "$99999\r\n", 1);
    WAIT_FOR(f, f->lost > 0, repeat(f, "x", 1));
    assert_string_equal(f->why, "no answer to PING");
}

static void fill_queue(struct fixture *f)
{
    static char big[30000];
    const struct text large[] = {{"ECHO", 4}, {big, sizeof(big)}}, small[] = {{"PING", 4}};

    while (redis_link_command(f->link, large, 2, NULL, NULL) == CONFAB_OK)
        continue;
    while (redis_link_command(f->link, small, 1, NULL, NULL) == CONFAB_OK)
        continue;
}

/* No PING fits in the queue, and nobody takes anything from it. */
static void test_full_queue(void **state)
{
    struct fixture *f = *state;

    f->config.queue_max_bytes = 65536;
    f->config.ping_interval_ms = 1000;
    connect_link(f);
    WAIT_FOR(f, f->lost > 0, fill_queue(f));
    assert_string_equal(f->why, "no answer to PING");
}

/* A server that is lost as soon as it is there is not tried at the shortest back-off for ever. */
static void test_back_off(void **state)
{
    enum { MIN_MS = 10, MAX_MS = 80, LOSSES = 8 };
    struct fixture *f = *state;
    int64_t began_at_ms;

    f->config.backoff_min_ms = MIN_MS;
    f->config.backoff_max_ms = MAX_MS;
    connect_link(f);
    began_at_ms = clock_mono_ms();
    for (unsigned i = 1; i <= LOSSES; i++) {
        redis_link_reset(f->link, "in vain");
        WAIT_FOR(f, f->connected == i + 1, (void)0);
    }
    /* Half of each at least: 10, 20, 40, and 80 after that. */
    assert_true(clock_mono_ms() - began_at_ms >= (10 + 20 + 40 + 5 * 80) / 2);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_declared_length), CASE(test_sum_of_texts), CASE(test_sum_of_elements),
        CASE(test_levels),          CASE(test_many_within),  CASE(test_bytes_without_end),
        CASE(test_full_queue),      CASE(test_back_off),     CASE(test_never_answered),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
