/*
 * Clients that do anything at any time, over real sockets: requests in pieces, WebSockets with good
 * and broken frames, ends of every kind, while the application pauses, closes and decides at its
 * leisure. Nothing is asserted about what comes back; what counts is that nothing breaks (run with
 * the sanitizers) and that at the end nothing is left.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/unit/mutate.h"
#include "tests/unit/net/loopback.h"

#define PEERS 12
#define STEPS 6000
#define POLLING "?EIO=4&transport=polling"
#define WEBSOCKET "?EIO=4&transport=websocket"

struct crowd {
    struct loopback loopback;
    struct mutator dice;
    struct peer peers[PEERS];
    bool open[PEERS];
    bool is_ws[PEERS];
    char sids[4][64];
};

static size_t below(struct crowd *crowd, size_t bound)
{
    return mutator_below(&crowd->dice, bound);
}

/* What has come is looked through for session ids, then forgotten. */
static void glean(struct crowd *crowd, struct peer *peer)
{
    char bytes[65536];
    ssize_t n = recv(peer->fd, bytes, sizeof(bytes) - 1, MSG_DONTWAIT);
    const char *found;

    if (n <= 0)
        return;
    bytes[n] = '\0';
    found = strstr(bytes, "{\"sid\":\"");
    if (found != NULL)
        sscanf(found + 8, "%63[^\"]", crowd->sids[below(crowd, 4)]);
}

/* Never waits: what the socket does not take is lost, which the server must survive as well. */
static void say(struct peer *peer, const void *bytes, size_t length)
{
    send(peer->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void say_request(struct crowd *crowd, struct peer *peer)
{
    static const char *const methods[] = {"GET", "GET", "POST", "POST", "POST", "PUT", "OPTIONS"};
    static const char *const bodies[] = {"4hi",
                                         "4close",
                                         "4hold",
                                         "4flood",
                                         "3",
                                         "1",
                                         "abc",
                                         "",
                                         "4a\x1e"
                                         "bAQID"};
    const char *method = methods[below(crowd, TEST_COUNT(methods))];
    const char *body = bodies[below(crowd, TEST_COUNT(bodies))];
    const char *sid = crowd->sids[below(crowd, 4)];
    char text[700];
    int length;
    size_t said;

    length = snprintf(text, sizeof(text), "%s /engine.io/" POLLING "%s%s HTTP/1.1\r\nHost: a\r\n",
                      method, sid[0] != '\0' ? "&sid=" : "", sid);
    if (method[0] == 'P' && below(crowd, 2) == 0)
        length += snprintf(text + length, sizeof(text) - (size_t)length,
                           "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n%s", strlen(body), body,
                           body[0] != '\0' ? "0\r\n\r\n" : "");
    else if (method[0] == 'P')
        length += snprintf(text + length, sizeof(text) - (size_t)length,
                           "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    else
        length += snprintf(text + length, sizeof(text) - (size_t)length, "\r\n");
    /* Mostly whole; sometimes a part, or damaged. */
    said = below(crowd, 8) == 0 ? below(crowd, (size_t)length) : (size_t)length;
    if (below(crowd, 20) == 0)
        text[below(crowd, (size_t)length)] = (char)below(crowd, 256);
    say(peer, text, said);
}

static void say_upgrade(struct crowd *crowd, struct peer *peer)
{
    static const char *const offers[] = {
        "", "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n",
        "Sec-WebSocket-Extensions: ;\r\n"};
    const char *sid = below(crowd, 2) == 0 ? crowd->sids[below(crowd, 4)] : "";
    char text[500];
    int length = snprintf(text, sizeof(text),
                          "GET /engine.io/" WEBSOCKET "%s%s HTTP/1.1\r\nHost: a\r\n"
                          "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                          "Sec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: IQf1bbYdoTpyLojpyoWiuQ==\r\n%s\r\n",
                          sid[0] != '\0' ? "&sid=" : "", sid, offers[below(crowd, 4)]);

    say(peer, text, (size_t)length);
}

/* A frame whose mask changes nothing. */
static void say_whole(struct peer *peer, int first, const void *payload, size_t length)
{
    uint8_t frame[80] = {(uint8_t)first, (uint8_t)(0x80 | length)};

    assert_true(length + 6 <= sizeof(frame));
    memcpy(frame + 6, payload, length);
    say(peer, frame, length + 6);
}

/* A compressed message, perhaps in two fragments with something between, perhaps damaged. */
static void say_packed(struct crowd *crowd, struct peer *peer)
{
    static const struct {
        const char *bytes;
        size_t length;
    } packed[] = {
        {"\x32\xc9\xc8\x04\x00", 5},
        {"\x32\x49\xcb\xc9\xcf\x4f\x01\x00", 8},
        {"\x32\x49\xce\xc9\x2f\x4e\x05\x00", 8},
        {"\x32\xa9\x18\x05\x44\x03\x00\x00", 8},
        {"\x62\x60\x18\x05\xa3\x60\x14\x0c\x77\x00\x00", 11},
    };
    size_t i = below(crowd, TEST_COUNT(packed));
    size_t cut = below(crowd, packed[i].length + 1);
    char bytes[64];

    assert_true(packed[i].length <= sizeof(bytes));
    memcpy(bytes, packed[i].bytes, packed[i].length);
    if (below(crowd, 10) == 0)
        bytes[below(crowd, packed[i].length)] = (char)below(crowd, 256);
    if (below(crowd, 2) == 0) {
        say_whole(peer, FIN | DEFLATED | OP_TEXT, bytes, packed[i].length);
        return;
    }
    say_whole(peer, DEFLATED | OP_TEXT, bytes, cut);
    if (below(crowd, 2) == 0)
        say_whole(peer, FIN | OP_PING, "p", 1);
    if (below(crowd, 4) != 0)
        say_whole(peer, FIN | OP_CONTINUATION, bytes + cut, packed[i].length - cut);
}

static void say_frame(struct crowd *crowd, struct peer *peer)
{
    static const char *const texts[] = {"4hi", "4close", "4hold", "4flood", "2probe",
                                        "5",   "3",      "1",     "abc",    "4\xff"};
    static const uint8_t firsts[] = {0x81, 0x81, 0x81, 0x81, 0x81, 0x82, 0x01,
                                     0x80, 0x00, 0x89, 0x8a, 0x88, 0xc1, 0x83};
    const char *text = texts[below(crowd, TEST_COUNT(texts))];
    size_t length = strlen(text);
    uint8_t frame[32] = {firsts[below(crowd, sizeof(firsts))], (uint8_t)(0x80 | length)};

    if (frame[0] == 0x88 && below(crowd, 2) == 0) {
        text = "\x03\xe8";
        frame[1] = 0x80 | 2;
        length = 2;
    }
    memcpy(frame + 6, text, length);
    if (below(crowd, 30) == 0)
        frame[below(crowd, length + 6)] = (uint8_t)below(crowd, 256);
    say(peer, frame, below(crowd, 10) == 0 ? below(crowd, length + 6) : length + 6);
}

static void leave(struct crowd *crowd, size_t i)
{
    switch (below(crowd, 3)) {
    case 0:
        peer_reset(&crowd->peers[i]);
        break;
    case 1:
        peer_half_close(&crowd->peers[i]);
        loopback_turn(&crowd->loopback);
        peer_close(&crowd->peers[i]);
        break;
    default:
        peer_close(&crowd->peers[i]);
    }
    crowd->open[i] = false;
}

static void act(struct crowd *crowd, size_t i)
{
    struct peer *peer = &crowd->peers[i];

    if (!crowd->open[i]) {
        peer_open(peer, &crowd->loopback);
        crowd->open[i] = true;
        crowd->is_ws[i] = below(crowd, 2) == 0;
        if (crowd->is_ws[i])
            say_upgrade(crowd, peer);
        return;
    }
    switch (below(crowd, 16)) {
    case 0:
        leave(crowd, i);
        break;
    case 1:
    case 2:
    case 3:
        glean(crowd, peer);
        break;
    default:
        if (crowd->is_ws[i] && below(crowd, 4) == 0)
            say_packed(crowd, peer);
        else if (crowd->is_ws[i])
            say_frame(crowd, peer);
        else
            say_request(crowd, peer);
    }
}

static void unpause(void *user, struct eio_session *session)
{
    struct crowd *crowd = user;

    if (below(crowd, 3) == 0)
        eio_session_pause(session, false, net_now_ms(crowd->loopback.net));
    if (below(crowd, 20) == 0)
        eio_session_close(session, EIO_CLOSE_SERVER, net_now_ms(crowd->loopback.net));
}

static void decide(struct crowd *crowd)
{
    struct loopback *loopback = &crowd->loopback;

    /* Seven at most are left, beside what one turn brings. */
    while (loopback->admission_count > below(crowd, 8)) {
        struct net_admission *admission = loopback->admissions[--loopback->admission_count];

        if (below(crowd, 4) == 0)
            net_admission_deny(admission, below(crowd, 2) == 0 ? NULL : "no");
        else
            net_admission_allow(admission);
    }
}

static void run(uint64_t seed, bool asking)
{
    struct loopback_options options = {
        .ping_interval_ms = 50,
        .ping_timeout_ms = 50,
        .max_queued_bytes = 2 * 1024 * 1024,
        .ask_admission = asking,
        .net = {.head_timeout_ms = 50,
                .body_timeout_ms = 50,
                .write_timeout_ms = 50,
                .close_timeout_ms = 20,
                .compression.ws_from_bytes = seed % 4 != 0 ? 100 : 0,
                .max_connections = PEERS - 2},
    };
    struct crowd *crowd = calloc(1, sizeof(*crowd));

    crowd->dice.state = seed;
    loopback_start(&crowd->loopback, &options);
    for (int step = 0; step < STEPS; step++) {
        act(crowd, below(crowd, PEERS));
        decide(crowd);
        if (below(crowd, 2) == 0)
            loopback_turn(&crowd->loopback);
        if (below(crowd, 10) == 0)
            eio_engine_each(crowd->loopback.engine, unpause, crowd);
    }
    if (seed % 2 == 0)
        net_drain(crowd->loopback.net);
    for (size_t i = 0; i < PEERS; i++) {
        if (crowd->open[i] && below(crowd, 2) == 0)
            leave(crowd, i);
    }
    loopback_turn(&crowd->loopback);
    loopback_stop(&crowd->loopback);
    for (size_t i = 0; i < PEERS; i++) {
        if (crowd->open[i])
            peer_close(&crowd->peers[i]);
    }
    free(crowd);
}

static void test_crowd(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        run(seed, false);
}

static void test_crowd_with_admission(void **state)
{
    (void)state;
    for (uint64_t seed = 5; seed <= 8; seed++)
        run(seed, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_crowd_with_admission),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
