/* Gateways as objects: several in one process share nothing, and each ends without a trace. */
#define _GNU_SOURCE
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/live.h"
#include "gateway/app/gateway.h"

#define GATEWAYS 3
#define WAIT_MS 5000

struct world {
    struct event_base *base;
    struct gateway *gateways[GATEWAYS];
};

/* Any free port, as the kernel gives it; between this and the gateway's bind nobody else asks for
 * it by number. */
static int free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

/* `more`: a further option, or NULL. */
static struct gateway *start(struct event_base *base, int port, const char *tag, const char *more,
                             int *status)
{
    static const struct confab_app app = {.name = "test"};
    char listen[40], node_tag[40], level[] = "--log-level=error", name[] = "test", last[64];
    snprintf(listen, sizeof(listen), "--listen=127.0.0.1:%d", port);
    snprintf(node_tag, sizeof(node_tag), "--node-tag=%s", tag);
    snprintf(last, sizeof(last), "%s", more != NULL ? more : "");
    char *argv[] = {name, listen, node_tag, level, more != NULL ? last : NULL, NULL};
    struct option_set set = options_gateway("test");
    struct options options;
    struct buf text;
    buf_init(&text, 4096);
    assert_int_equal(options_parse(&set, &options, more != NULL ? 5 : 4, argv, NULL, &text),
                     OPTIONS_RUN);
    buf_fini(&text);
    return gateway_new(base, &options, &app, NULL, status);
}

static void turn(struct world *world)
{
    struct timeval soon = {0, 2000};
    event_base_loopexit(world->base, &soon);
    event_base_loop(world->base, EVLOOP_ONCE);
    for (int i = 0; i < GATEWAYS; i++)
        if (world->gateways[i] != NULL && !world->gateways[i]->done)
            gateway_turn(world->gateways[i]);
}

#define ANSWER_BYTES 2048

/* What a gateway answers to a request to its endpoint, read to the connection's end. */
static void ask(struct world *world, int port, const char *method, const char *query,
                const char *body, char answer[ANSWER_BYTES])
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct buf request;
    buf_init(&request, SIZE_MAX / 2);
    buf_printf(&request,
               "%s /socket.io/?EIO=4&transport=polling%s HTTP/1.1\r\nHost: test\r\n"
               "Connection: close\r\nContent-Length: %zu\r\n\r\n",
               method, query, strlen(body));
    buf_puts(&request, body);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    size_t sent = 0, length = 0;
    int64_t end_ms = clock_mono_ms() + WAIT_MS;
    for (;;) {
        ssize_t n = send(fd, request.data + sent, request.len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        n = recv(fd, answer + length, ANSWER_BYTES - 1 - length, MSG_DONTWAIT);
        if (n == 0)
            break;
        length += n > 0 ? (size_t)n : 0;
        assert_true(clock_mono_ms() < end_ms);
        turn(world);
    }
    answer[length] = '\0';
    close(fd);
    buf_fini(&request);
}

static void handshake(struct world *world, int port, char answer[ANSWER_BYTES])
{
    ask(world, port, "GET", "", "", answer);
}

static void three_live_side_by_side(void **state)
{
    (void)state;
    static const char *const tags[GATEWAYS] = {"one", "two", "three"};
    struct world world = {.base = event_base_new()};
    int ports[GATEWAYS];
    for (int i = 0; i < GATEWAYS; i++) {
        int status = -1;
        ports[i] = free_port();
        world.gateways[i] = start(world.base, ports[i], tags[i], NULL, &status);
        assert_int_equal(status, 0);
    }
    for (int i = 0; i < GATEWAYS; i++) {
        char answer[ANSWER_BYTES], sid[32];
        handshake(&world, ports[i], answer);
        snprintf(sid, sizeof(sid), "0{\"sid\":\"%s.", tags[i]);
        assert_non_null(strstr(answer, sid));
        assert_int_equal(eio_engine_session_count(world.gateways[i]->engine), 1);
    }
    /* One ends; the others do not notice. */
    gateway_free(&world.gateways[1]);
    char answer[ANSWER_BYTES];
    handshake(&world, ports[2], answer);
    assert_int_equal(eio_engine_session_count(world.gateways[2]->engine), 2);
    gateway_drain(world.gateways[0], true);
    for (int64_t end_ms = clock_mono_ms() + 2 * WAIT_MS; !world.gateways[0]->done;) {
        assert_true(clock_mono_ms() < end_ms);
        turn(&world);
    }
    assert_int_equal(world.gateways[0]->status, 0);
    gateway_free(&world.gateways[0]);
    gateway_free(&world.gateways[2]);
    event_base_free(world.base);
    assert_int_equal(live_total(), 0);
}

static void an_address_in_use_is_told_and_leaves_nothing(void **state)
{
    (void)state;
    struct world world = {.base = event_base_new()};
    int status = -1, port = free_port();
    world.gateways[0] = start(world.base, port, "one", NULL, &status);
    assert_int_equal(status, 0);
    assert_null(start(world.base, port, "two", NULL, &status));
    assert_int_equal(status, GATEWAY_EXIT_UNAVAILABLE);
    gateway_free(&world.gateways[0]);
    event_base_free(world.base);
    assert_int_equal(live_total(), 0);
}

/* A session that polls and has joined; `query` gets its sid. */
static void join(struct world *world, int port, char query[64])
{
    char answer[ANSWER_BYTES], *sid;
    handshake(world, port, answer);
    sid = strstr(answer, "\"sid\":\"");
    assert_non_null(sid);
    snprintf(query, 64, "&sid=%.*s", (int)strcspn(sid + 7, "\""), sid + 7);
    ask(world, port, "POST", query, "40", answer);
}

/* What was queued for a client between two polls is still its. */
static void an_end_waits_for_what_was_queued(void **state)
{
    (void)state;
    struct world world = {.base = event_base_new()};
    char answer[ANSWER_BYTES], query[64];
    int status = -1, port = free_port();
    world.gateways[0] = start(world.base, port, "one", NULL, &status);
    join(&world, port, query);
    ask(&world, port, "POST", query, "42[\"send_msg\",\"last words\"]", answer);
    gateway_drain(world.gateways[0], true);
    turn(&world);
    ask(&world, port, "GET", query, "", answer);
    assert_non_null(strstr(answer, "42[\"send_msg\",\"last words\"]"));
    ask(&world, port, "GET", query, "", answer);
    assert_non_null(strstr(answer, "\r\n\r\n6\x1e"
                                   "1"));
    for (int64_t end_ms = clock_mono_ms() + WAIT_MS; !world.gateways[0]->done;) {
        assert_true(clock_mono_ms() < end_ms);
        turn(&world);
    }
    gateway_free(&world.gateways[0]);
    event_base_free(world.base);
    assert_int_equal(live_total(), 0);
}

/* What may come in one message may be one packet. */
static void a_larger_payload_is_a_larger_packet(void **state)
{
    (void)state;
    struct world world = {.base = event_base_new()};
    char answer[ANSWER_BYTES], query[64];
    int status = -1, port = free_port();
    world.gateways[0] = start(world.base, port, "one", "--max-payload-bytes=6MB", &status);
    assert_int_equal(status, 0);
    join(&world, port, query);
    size_t length = 5000000;
    char *packet = malloc(length + 1);
    memset(packet, 'x', length);
    memcpy(packet, "420[\"send_msg\",\"", 16);
    memcpy(packet + length - 2, "\"]", 3);
    ask(&world, port, "POST", query, packet, answer);
    free(packet);
    ask(&world, port, "GET", query, "", answer);
    assert_non_null(strstr(answer, "430[{\"ok\":false,\"error\":\"too_long\""));
    gateway_free(&world.gateways[0]);
    event_base_free(world.base);
    assert_int_equal(live_total(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_live_side_by_side),
        cmocka_unit_test(an_address_in_use_is_told_and_leaves_nothing),
        cmocka_unit_test(a_larger_payload_is_a_larger_packet),
        cmocka_unit_test(an_end_waits_for_what_was_queued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
