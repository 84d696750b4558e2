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

static struct gateway *start(struct event_base *base, int port, const char *tag, int *status)
{
    static const struct confab_app app = {.name = "test"};
    char listen[32];
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", port);
    char *argv[] = {
        (char[]){"test"},        (char[]){"--listen"}, listen, (char[]){"--node-tag"}, strdup(tag),
        (char[]){"--log-level"}, (char[]){"error"},    NULL};
    struct option_set set = options_gateway("test");
    struct options options;
    struct buf text;
    buf_init(&text, 4096);
    assert_int_equal(options_parse(&set, &options, 7, argv, NULL, &text), OPTIONS_RUN);
    buf_fini(&text);
    free(argv[4]);
    return gateway_new(base, &options, &app, status);
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

/* What a gateway answers to a handshake, read to the connection's end. */
static void handshake(struct world *world, int port, char answer[2048])
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const char request[] = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: test\r\n"
                           "Connection: close\r\n\r\n";
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
    size_t length = 0;
    int64_t end_ms = clock_mono_ms() + WAIT_MS;
    for (;;) {
        ssize_t n = recv(fd, answer + length, 2047 - length, MSG_DONTWAIT);
        if (n == 0)
            break;
        length += n > 0 ? (size_t)n : 0;
        assert_true(clock_mono_ms() < end_ms);
        turn(world);
    }
    answer[length] = '\0';
    close(fd);
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
        world.gateways[i] = start(world.base, ports[i], tags[i], &status);
        assert_int_equal(status, 0);
    }
    for (int i = 0; i < GATEWAYS; i++) {
        char answer[2048], sid[32];
        handshake(&world, ports[i], answer);
        snprintf(sid, sizeof(sid), "0{\"sid\":\"%s.", tags[i]);
        assert_non_null(strstr(answer, sid));
        assert_int_equal(eio_engine_session_count(world.gateways[i]->engine), 1);
    }
    /* One ends; the others do not notice. */
    gateway_free(&world.gateways[1]);
    char answer[2048];
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
    world.gateways[0] = start(world.base, port, "one", &status);
    assert_int_equal(status, 0);
    assert_null(start(world.base, port, "two", &status));
    assert_int_equal(status, GATEWAY_EXIT_UNAVAILABLE);
    gateway_free(&world.gateways[0]);
    event_base_free(world.base);
    assert_int_equal(live_total(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_live_side_by_side),
        cmocka_unit_test(an_address_in_use_is_told_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
