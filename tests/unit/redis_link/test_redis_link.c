/* The link to Redis, against a real server and against one that talks nonsense. */
#define _GNU_SOURCE
#include "tests/unit/test.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <event2/listener.h>

#include "broker/redis_link.h"
#include "common/clock.h"
#include "common/live.h"
#include "tests/unit/redis_link/loop_turn.h"
#include "tests/unit/redis_link/redis_server.h"
#include <confab/err.h>

#define PATIENCE_MS 20000
#define T(literal) ((struct text){(literal), sizeof(literal) - 1})

struct fixture {
    struct redis_server server;
    struct event_base *base;
    struct redis_link *link;
    struct redis_link_config config;
    unsigned connected, lost, lost_up, subscribed, messages;
    char why[200];
    char pattern[100], channel[100], payload[100];
    unsigned answers;
    int status;
    char text[100];
    int64_t integer;
};

/* ---- what the link tells ---- */

static void on_connected(void *user)
{
    struct fixture *f = user;

    f->connected++;
    redis_link_declare_up(f->link);
}

static void on_lost(void *user, bool was_up, const char *why)
{
    struct fixture *f = user;

    f->lost++;
    f->lost_up += was_up;
    snprintf(f->why, sizeof(f->why), "%s", why);
}

static void on_message(void *user, const struct redis_message *message)
{
    struct fixture *f = user;

    f->messages++;
    snprintf(f->pattern, sizeof(f->pattern), "%s",
             message->pattern.bytes != NULL ? message->pattern.bytes : "-");
    snprintf(f->channel, sizeof(f->channel), "%s", message->channel.bytes);
    snprintf(f->payload, sizeof(f->payload), "%s", message->payload.bytes);
}

static void on_subscribed(void *user, enum redis_subscription kind, struct text channel)
{
    struct fixture *f = user;

    (void)kind;
    (void)channel;
    f->subscribed++;
}

static const struct redis_link_events events = {on_connected, on_lost, on_message, on_subscribed};

static void on_answer(void *user, int status, const struct redis_answer *answer)
{
    struct fixture *f = user;
    struct text text = redis_answer_text(answer);

    f->answers++;
    f->status = status;
    f->integer = redis_answer_integer(answer, -1);
    snprintf(f->text, sizeof(f->text), "%s", text.bytes != NULL ? text.bytes : "");
}

/* ---- helpers ---- */

#define WAIT_FOR(f, condition)                                 \
    do {                                                       \
        int64_t give_up_at_ms = clock_mono_ms() + PATIENCE_MS; \
        while (!(condition)) {                                 \
            if (clock_mono_ms() > give_up_at_ms)               \
                fail_msg("never happened: %s", #condition);    \
            turn(f);                                           \
        }                                                      \
    } while (0)

static void turn(struct fixture *f)
{
    loop_turn(f->base, 100);
}

static void connect_link(struct fixture *f)
{
    f->link = redis_link_new(&f->config, &events, f);
    WAIT_FOR(f, f->connected > 0);
    assert_int_equal(redis_link_state(f->link), REDIS_LINK_UP);
}

static int ask(struct fixture *f, const char *a, const char *b, const char *c)
{
    const struct text args[] = {{a, strlen(a)}, {b, strlen(b)}, {c, c != NULL ? strlen(c) : 0}};

    return redis_link_command(f->link, args, c != NULL ? 3 : 2, on_answer, f);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->base = event_base_new();
    redis_server_start(&f->server);
    f->config = (struct redis_link_config){
        .base = f->base, .host = "127.0.0.1", .port = f->server.port, .ping_interval_ms = 300};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    redis_link_free(&f->link);
    event_base_loop(f->base, EVLOOP_NONBLOCK);
    event_base_free(f->base);
    redis_server_kill(&f->server);
    free(f);
    assert_int_equal(live_count(LIVE_REDIS_CALL), 0);
    return 0;
}

/* ---- commands ---- */

static void test_command(void **state)
{
    struct fixture *f = *state;

    f->link = redis_link_new(&f->config, &events, f);
    assert_int_equal(ask(f, "ECHO", "early", NULL), CONFAB_EUNAVAILABLE);
    WAIT_FOR(f, f->connected > 0);
    assert_int_equal(ask(f, "SET", "k", "v"), CONFAB_OK);
    assert_int_equal(f->answers, 0);
    WAIT_FOR(f, f->answers == 1);
    assert_int_equal(f->status, CONFAB_OK);
    assert_string_equal(f->text, "OK");
    ask(f, "GET", "k", NULL);
    ask(f, "INCR", "k", NULL);
    WAIT_FOR(f, f->answers == 3);
    assert_non_null(strstr(f->text, "ERR"));
    assert_true(redis_link_subscriber_id(f->link) > 0);
}

static void test_script(void **state)
{
    static const struct redis_script known = {"known", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db",
                                              "return 1", 8, 1};
    const struct text args[] = {T("key"), T("arg")};
    struct fixture *f = *state;

    connect_link(f);
    for (unsigned i = 1; i <= 2; i++) {
        assert_int_equal(redis_link_script(f->link, &known, args, 1, 2, on_answer, f), CONFAB_OK);
        WAIT_FOR(f, f->answers == i);
        assert_int_equal(f->integer, 1);
    }
    /* Forgotten meanwhile: sent whole again, without a word. */
    ask(f, "SCRIPT", "FLUSH", NULL);
    redis_link_script(f->link, &known, args, 1, 2, on_answer, f);
    redis_link_script(f->link, &known, args, 1, 2, on_answer, f);
    WAIT_FOR(f, f->answers == 5);
    assert_int_equal(f->status, CONFAB_OK);
    assert_int_equal(f->integer, 1);
}

static void test_queue_limit(void **state)
{
    static char big[70000];
    struct fixture *f = *state;

    f->config.queue_max_bytes = 65536;
    connect_link(f);
    memset(big, 'x', sizeof(big) - 1);
    assert_int_equal(ask(f, "ECHO", big, NULL), CONFAB_ELIMIT);
    big[40000] = '\0';
    assert_int_equal(ask(f, "ECHO", big, NULL), CONFAB_OK);
    assert_int_equal(ask(f, "ECHO", big, NULL), CONFAB_ELIMIT);
    WAIT_FOR(f, f->answers == 1);
    assert_int_equal(ask(f, "ECHO", big, NULL), CONFAB_OK);
    WAIT_FOR(f, f->answers == 2);
    assert_int_equal(f->lost, 0);
}

static void test_reply_limit(void **state)
{
    struct fixture *f = *state;

    f->config.reply_max_bytes = 100000;
    connect_link(f);
    ask(f, "SETRANGE", "k", "3000000");
    ask(f, "SETBIT", "k", "40000000");
    const struct text args[] = {T("SETRANGE"), T("k"), T("3000000"), T("x")};
    redis_link_command(f->link, args, 4, NULL, NULL);
    ask(f, "GET", "k", NULL);
    WAIT_FOR(f, f->lost == 1);
    assert_string_equal(f->why, "a reply beyond the limit");
    assert_int_equal(f->answers, 3);
    assert_int_equal(f->status, CONFAB_EUNAVAILABLE);
    WAIT_FOR(f, f->connected == 2);
}

/* ---- subscriptions ---- */

static void test_subscription(void **state)
{
    const struct text channels[] = {T("a"), T("b")}, pattern = T("p*");
    struct fixture *f = *state;

    connect_link(f);
    assert_int_equal(redis_link_subscription(f->link, REDIS_SUBSCRIBE, channels, 2), CONFAB_OK);
    redis_link_subscription(f->link, REDIS_PSUBSCRIBE, &pattern, 1);
    WAIT_FOR(f, f->subscribed == 3);
    ask(f, "PUBLISH", "b", "one");
    WAIT_FOR(f, f->messages == 1);
    assert_string_equal(f->pattern, "-");
    assert_string_equal(f->channel, "b");
    assert_string_equal(f->payload, "one");
    ask(f, "PUBLISH", "pub", "two");
    WAIT_FOR(f, f->messages == 2);
    assert_string_equal(f->pattern, "p*");
    assert_string_equal(f->channel, "pub");
    /* PING goes on in this mode too. */
    int64_t until_ms = clock_mono_ms() + 1200;
    WAIT_FOR(f, clock_mono_ms() > until_ms);
    assert_int_equal(f->lost, 0);
    redis_link_subscription(f->link, REDIS_UNSUBSCRIBE, channels, 2);
    redis_link_subscription(f->link, REDIS_PUNSUBSCRIBE, &pattern, 1);
    WAIT_FOR(f, f->subscribed == 6);
    ask(f, "PUBLISH", "b", "three");
    WAIT_FOR(f, f->answers == 3);
    assert_int_equal(f->messages, 2);
}

/* ---- losing it ---- */

static void test_crash(void **state)
{
    struct fixture *f = *state;

    connect_link(f);
    redis_server_pause(&f->server);
    ask(f, "ECHO", "lost", NULL);
    ask(f, "ECHO", "lost too", NULL);
    turn(f);
    redis_server_kill(&f->server);
    WAIT_FOR(f, f->lost == 1);
    assert_int_equal(f->lost_up, 1);
    assert_int_equal(f->answers, 2);
    assert_int_equal(f->status, CONFAB_EUNAVAILABLE);
    assert_int_equal(redis_link_losses(f->link), 1);
    assert_int_equal(ask(f, "ECHO", "down", NULL), CONFAB_EUNAVAILABLE);
    uint64_t attempts = redis_link_attempts(f->link);
    WAIT_FOR(f, redis_link_attempts(f->link) >= attempts + 3);
    redis_server_start(&f->server);
    WAIT_FOR(f, f->connected == 2);
    assert_int_equal(ask(f, "ECHO", "back", NULL), CONFAB_OK);
    WAIT_FOR(f, f->answers == 3);
    assert_string_equal(f->text, "back");
}

static void test_silence(void **state)
{
    struct fixture *f = *state;

    connect_link(f);
    redis_server_pause(&f->server);
    WAIT_FOR(f, f->lost == 1);
    assert_string_equal(f->why, "no answer to PING");
    redis_server_resume(&f->server);
    WAIT_FOR(f, f->connected == 2);
}

static void test_reset(void **state)
{
    struct fixture *f = *state;

    connect_link(f);
    ask(f, "ECHO", "in flight", NULL);
    redis_link_reset(f->link, "because");
    redis_link_reset(f->link, "again");
    assert_int_equal(ask(f, "ECHO", "refused", NULL), CONFAB_EUNAVAILABLE);
    assert_int_equal(f->lost, 0);
    WAIT_FOR(f, f->lost == 1);
    assert_string_equal(f->why, "because");
    assert_int_equal(f->answers, 1);
    WAIT_FOR(f, f->connected == 2);
}

static void test_free_in_flight(void **state)
{
    struct fixture *f = *state;

    connect_link(f);
    ask(f, "ECHO", "in flight", NULL);
    redis_link_free(&f->link);
    assert_int_equal(f->answers, 1);
    assert_int_equal(f->status, CONFAB_ECLOSED);
    assert_int_equal(f->lost, 0);
}

/* ---- not getting it ---- */

static void test_password(void **state)
{
    struct fixture *f = *state;

    redis_server_kill(&f->server);
    f->server.password = "secret";
    redis_server_start(&f->server);
    f->config.password = "wrong";
    f->link = redis_link_new(&f->config, &events, f);
    WAIT_FOR(f, redis_link_attempts(f->link) >= 3);
    redis_link_free(&f->link);
    f->config.password = NULL;
    f->link = redis_link_new(&f->config, &events, f);
    WAIT_FOR(f, redis_link_attempts(f->link) >= 3);
    redis_link_free(&f->link);
    assert_int_equal(f->connected, 0);
    f->config.username = "default";
    f->config.password = "secret";
    f->config.db = 3;
    connect_link(f);
}

static void test_unknown_name(void **state)
{
    struct fixture *f = *state;

    f->config.host = "no-such-host.invalid";
    f->config.connect_timeout_ms = 300;
    f->link = redis_link_new(&f->config, &events, f);
    WAIT_FOR(f, redis_link_attempts(f->link) >= 3);
    assert_int_equal(f->connected, 0);
    assert_int_equal(f->lost, 0);
}

static void test_known_name(void **state)
{
    struct fixture *f = *state;

    f->config.host = "localhost"; /* may be ::1 first, where nobody listens */
    connect_link(f);
}

/* A server that says one thing to everybody and hangs up. */
static void accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                     int length, void *user)
{
    const char *nonsense = user;

    (void)listener;
    (void)address;
    (void)length;
    if (send(fd, nonsense, strlen(nonsense), MSG_NOSIGNAL) < 0)
        print_message("the client was gone already\n");
    evutil_closesocket(fd);
}

static void test_nonsense(void **state)
{
    static const char *const nonsense[] = {
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "*-5\r\n",
        "$99999999999999999999\r\n",
        "*1000000000\r\n",
        "+PONG\r\n:7\r\n*3\r\n$7\r\nmessage\r\n:1\r\n:2\r\n",
        "+PONG\r\n:7\r\n*3\r\n$9\r\nsubscribe\r\n$-1\r\n:0\r\n",
        "+PONG\r\n:7\r\n-ERR max number of clients reached\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
        "",
    };
    struct fixture *f = *state;

    f->config.connect_timeout_ms = 300;
    for (size_t i = 0; i < TEST_COUNT(nonsense); i++) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof(address);
        struct evconnlistener *listener = evconnlistener_new_bind(
            f->base, accepted, (void *)(uintptr_t)nonsense[i], LEV_OPT_CLOSE_ON_FREE, -1,
            (struct sockaddr *)&address, sizeof(address));

        getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &length);
        f->config.port = ntohs(address.sin_port);
        f->link = redis_link_new(&f->config, &events, f);
        WAIT_FOR(f, redis_link_attempts(f->link) >= 3);
        redis_link_free(&f->link);
        evconnlistener_free(listener);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_command),     CASE(test_script),       CASE(test_queue_limit),
        CASE(test_reply_limit), CASE(test_subscription), CASE(test_crash),
        CASE(test_silence),     CASE(test_reset),        CASE(test_free_in_flight),
        CASE(test_password),    CASE(test_unknown_name), CASE(test_known_name),
        CASE(test_nonsense),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
