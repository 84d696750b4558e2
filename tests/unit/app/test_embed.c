/* Gateways on a loop that is not theirs: nothing here closes a turn for them. */
#define _GNU_SOURCE
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/live.h"
#include <confab/confab.h>

#define WAIT_MS 10000
#define ANSWER_BYTES 2048
#define POSTS 100

/* ---- an application: answers later, counts what is posted ---- */

struct program {
    struct confab_app app;
    struct event_base *base;
    struct confab_gateway *gateway;
    unsigned setups, ends, posted, dropped;
    int setup_status;
    int ended; /* 1: not yet */
    bool free_when_ended;
};

static void on_later(struct confab_server *server, void *user)
{
    struct confab_token *owed = user;
    assert_int_equal(confab_answer(server, *owed, confab_list(confab_string("later"), NULL)),
                     CONFAB_OK);
    free(owed);
}

static void on_ask(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    struct confab_token *owed = malloc(sizeof(*owed));
    *owed = confab_defer(event, 0);
    confab_after(confab_socket_server(socket), 20, on_later, free, owed);
}

static int set_up(struct confab_server *server, void *user)
{
    struct program *program = user;
    program->setups++;
    confab_on(confab_of(server, "/"), "ask", on_ask, NULL);
    return program->setup_status;
}

static void on_posted(struct confab_server *server, void *user)
{
    struct program *program = user;
    program->posted++;
    confab_emit_all(confab_of(server, "/"), "posted", NULL);
}

static void on_dropped(void *user)
{
    struct program *program = user;
    program->dropped++;
}

/* The last chance to post, and too late for it. */
static void at_end(void *user)
{
    struct program *program = user;
    program->ends++;
    if (program->gateway != NULL)
        assert_int_equal(
            confab_post(confab_gateway_server(program->gateway), on_posted, on_dropped, program),
            CONFAB_ECLOSED);
}

static void on_ended(struct confab_gateway *gateway, int status, void *user)
{
    struct program *program = user;
    assert_int_equal(program->ended, 1);
    program->ended = status;
    if (program->free_when_ended) {
        program->gateway = NULL;
        confab_gateway_free(&gateway);
    }
}

static int start(struct program *program, struct event_base *base, const char *listen)
{
    const char *const options[] = {listen, "log-level=error", NULL};
    *program = (struct program){.app = {.setup = set_up, .end = at_end, .user = program},
                                .base = base,
                                .setup_status = program->setup_status,
                                .ended = 1};
    return confab_gateway_new(&program->gateway, base, &program->app, options, on_ended, program);
}

/* ---- a client: one request, while the loop turns by itself ---- */

static void wait_a_little(struct event_base *base)
{
    struct timeval soon = {0, 2000};
    event_base_loopexit(base, &soon);
    event_base_loop(base, 0);
}

static int port_of(const struct program *program)
{
    const char *url = confab_gateway_url(program->gateway, 0);
    assert_non_null(url);
    assert_null(confab_gateway_url(program->gateway, 1));
    return atoi(strrchr(url, ':') + 1);
}

static void ask(const struct program *program, const char *method, const char *query,
                const char *body, char answer[ANSWER_BYTES])
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port_of(program)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char request[512];
    int length = snprintf(request, sizeof(request),
                          "%s /socket.io/?EIO=4&transport=polling%s HTTP/1.1\r\nHost: test\r\n"
                          "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
                          method, query, strlen(body), body);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(send(fd, request, (size_t)length, MSG_NOSIGNAL), length);
    size_t got = 0;
    for (int64_t end_ms = clock_mono_ms() + WAIT_MS;;) {
        ssize_t n = recv(fd, answer + got, ANSWER_BYTES - 1 - got, MSG_DONTWAIT);
        if (n == 0)
            break;
        got += n > 0 ? (size_t)n : 0;
        assert_true(clock_mono_ms() < end_ms);
        wait_a_little(program->base);
    }
    answer[got] = '\0';
    close(fd);
}

/* A socket that polls; `query` gets its session. */
static void join(const struct program *program, char query[64])
{
    char answer[ANSWER_BYTES];
    ask(program, "GET", "", "", answer);
    const char *sid = strstr(answer, "\"sid\":\"");
    assert_non_null(sid);
    snprintf(query, 64, "&sid=%.*s", (int)strcspn(sid + 7, "\""), sid + 7);
    ask(program, "POST", query, "40", answer);
    ask(program, "GET", query, "", answer);
    assert_non_null(strstr(answer, "40{\"sid\""));
}

static void wait_for_end(struct program *program)
{
    for (int64_t end_ms = clock_mono_ms() + WAIT_MS; program->ended == 1;) {
        assert_true(clock_mono_ms() < end_ms);
        wait_a_little(program->base);
    }
    assert_int_equal(program->ended, CONFAB_OK);
}

/* ---- tests ---- */

static void two_serve_on_one_loop_and_end_in_order(void **state)
{
    (void)state;
    struct event_base *base = event_base_new();
    struct program programs[2] = {0};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(start(&programs[i], base, "listen=127.0.0.1:0"), CONFAB_OK);
        assert_int_equal(programs[i].setups, 1);
    }
    for (int i = 0; i < 2; i++) {
        char query[64], answer[ANSWER_BYTES];
        join(&programs[i], query);
        ask(&programs[i], "POST", query, "420[\"ask\"]", answer);
        ask(&programs[i], "GET", query, "", answer);
        assert_non_null(strstr(answer, "430[\"later\"]"));
    }
    programs[0].free_when_ended = true;
    confab_gateway_stop(programs[0].gateway, true);
    assert_int_equal(programs[0].ended, 1);
    wait_for_end(&programs[0]);
    assert_int_equal(programs[0].ends, 1);
    char query[64];
    join(&programs[1], query);
    confab_gateway_stop(programs[1].gateway, true);
    confab_gateway_stop(programs[1].gateway, true);
    wait_for_end(&programs[1]);
    confab_gateway_free(&programs[1].gateway);
    assert_int_equal(programs[1].ends, 1);
    event_base_free(base);
    assert_int_equal(live_total(), 0);
}

static void *post_many(void *user)
{
    struct program *program = user;
    struct confab_server *server = confab_gateway_server(program->gateway);
    for (int i = 0; i < POSTS; i++)
        assert_int_equal(confab_post(server, on_posted, on_dropped, program), CONFAB_OK);
    return NULL;
}

static void other_threads_post(void **state)
{
    (void)state;
    struct event_base *base = event_base_new();
    struct program program = {0};
    pthread_t threads[2];
    assert_int_equal(start(&program, base, "listen=127.0.0.1:0"), CONFAB_OK);
    char query[64], answer[ANSWER_BYTES];
    join(&program, query);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &program), 0);
    for (int64_t end_ms = clock_mono_ms() + WAIT_MS; program.posted < 2 * POSTS;) {
        assert_true(clock_mono_ms() < end_ms);
        wait_a_little(base);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ask(&program, "GET", query, "", answer);
    assert_non_null(strstr(answer, "42[\"posted\"]"));
    /* What has not been called when the gateway goes is dropped. */
    post_many(&program);
    confab_gateway_free(&program.gateway);
    assert_int_equal(program.posted, 2 * POSTS);
    assert_int_equal(program.dropped, POSTS);
    assert_int_equal(program.ended, 1);
    event_base_free(base);
    assert_int_equal(live_total(), 0);
}

static void what_cannot_start_says_why_and_leaves_nothing(void **state)
{
    (void)state;
    struct event_base *base = event_base_new();
    struct program program = {0}, other = {0};
    char listen[64];
    assert_int_equal(start(&program, base, "no-such-option=1"), CONFAB_EINVAL);
    assert_null(program.gateway);
    assert_int_equal(program.setups + program.ends, 0);
    assert_int_equal(start(&program, base, "help"), CONFAB_EINVAL);
    program.setup_status = 64;
    assert_int_equal(start(&program, base, "listen=127.0.0.1:0"), CONFAB_ECANCELED);
    assert_int_equal(program.setups, program.ends);
    program.setup_status = 0;
    assert_int_equal(start(&program, base, "listen=127.0.0.1:0"), CONFAB_OK);
    snprintf(listen, sizeof(listen), "--listen=127.0.0.1:%d", port_of(&program));
    assert_int_equal(start(&other, base, listen), CONFAB_EADDRINUSE);
    assert_int_equal(other.ends, 1);
    confab_gateway_free(&program.gateway);
    confab_gateway_free(&program.gateway);
    event_base_free(base);
    assert_int_equal(live_total(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_serve_on_one_loop_and_end_in_order),
        cmocka_unit_test(other_threads_post),
        cmocka_unit_test(what_cannot_start_says_why_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
