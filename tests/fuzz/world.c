/*
 * A whole gateway with the chat, and clients whose every request and frame is the input's: bytes on
 * any transport, GETs and POSTs that overlap, upgrades step by step, connections that break at any
 * moment, decisions, time, a drain, and a seed for what is drawn at random.
 *
 * What must hold is what the world itself checks (nothing without a wake, no carrier remembered too
 * long, it comes to rest) and, besides: each session that opened ends once, for a reason of the
 * table, and nothing is left.
 *
 * The first two bytes are the seed and the limits. A step is three bytes, what, who and how much;
 * bytes to be sent follow.
 */
#define _GNU_SOURCE
#include "common/utf8.h"
#include "gateway/engineio/internal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/script/app.h"
#include "tests/script/client.h"

#define CLIENTS 4
#define STEPS_MAX 250

struct play {
    struct world world;
    struct app app;
    struct client *clients[CLIENTS];
    const uint8_t *at, *end;
    uint64_t opens, closes;
    unsigned opened;
    bool tight, draining;
};

/* ---- what is said often enough to be worth a byte ---- */

static const char *const packets[] = {
    "40",
    "40/b,",
    "40/guarded,",
    "40/guarded,{\"token\":\"t\"}",
    "40/guarded,{\"refuse\":\"no\"}",
    "41",
    "41/b,",
    "42[\"login\",\"ann\"]",
    "421[\"login\",{\"name\":\"bob\",\"resume\":\"00112233445566778899aabbccddeeff\"}]",
    "42[\"onlineUsers\"]",
    "422[\"chat\",\"hi\"]",
    "423[\"join\",{\"room\":\"r\"}]",
    "424[\"chat\",{\"room\":\"r\",\"message\":\"hi\",\"cid\":\"c\"}]",
    "425[\"leave\",{\"room\":\"r\"}]",
    "42[\"send_msg\",{\"x\":[1,2.5,null]}]",
    "42/b,[\"echo\",1]",
    "42/b,7[\"defer\",\"t\",300]",
    "42/b,8[\"defer-ack\",\"t\"]",
    "42/b,[\"all\",\"x\"]",
    "42/b,[\"join\",\"r\"]",
    "42/b,[\"room\",\"r\",1]",
    "42/b,[\"ask\",200]",
    "43/b,0[]",
    "42/b,[\"bye\"]",
    "42/b,[\"bye\",true]",
    "42/b,[\"ordered\"]",
    "42/b,[\"volatile\"]",
    "451-/b,[\"echo\",{\"_placeholder\":true,\"num\":0}]",
    "3",
    "1",
};

#define PACKETS (sizeof(packets) / sizeof(packets[0]))

static void says(struct client *client, enum frame_kind kind, const char *bytes, size_t length)
{
    if (!client->manual) {
        client_sends(client, kind, bytes, length);
    } else if (client->ws != NULL) {
        client_says(client, kind, bytes, length);
    } else if (client->post != NULL) {
        client_submits(client, bytes, length);
    } else if (client_begins_post(client, NULL) != 0) {
        client->closed = true;
    } else {
        client_submits(client, bytes, length);
    }
}

static size_t take_bytes(struct play *play, uint8_t much, char *room)
{
    size_t left = (size_t)(play->end - play->at);
    size_t length = much < left ? much : left;
    memcpy(room, play->at, length);
    room[length] = '\0';
    play->at += length;
    return length;
}

static void says_input(struct play *play, struct client *client, enum frame_kind kind, uint8_t much)
{
    char room[256];
    size_t length = take_bytes(play, much, room);
    /* Other frames end in the network's room; other bodies come through. */
    if (kind == FRAME_BINARY || (client->manual && client->ws == NULL) || utf8_valid(room, length))
        says(client, kind, room, length);
}

/* ---- steps ---- */

static void upgrades(struct play *play, struct client *client, uint8_t much)
{
    char room[256];
    if (client->ws != NULL || client->closed)
        return;
    if (!client->manual) {
        if (client->probe == NULL)
            client_upgrades_whole(client);
    } else if (client->probe == NULL) {
        client_upgrades(client);
    } else if (much % 4 == 3) {
        take_bytes(play, much / 4, room);
        if (utf8_valid(room, strlen(room)))
            client_says_on_probe(client, room);
    } else {
        client_says_on_probe(client, much % 4 == 0 ? "5" : "2probe");
    }
}

static void loses(struct client *client, uint8_t much)
{
    switch (much % 8) {
    case 0:
        client_loses_get(client);
        break;
    case 1:
        client_loses_post(client);
        break;
    case 2:
        client_loses_ws(client, true);
        break;
    case 3:
        client_loses_ws(client, false);
        break;
    case 4:
        client_loses_probe(client, (much & 8) != 0);
        break;
    case 5:
        if (client->post != NULL)
            eio_post_too_big(&client->post->post);
        break;
    case 6:
        if (client->ws != NULL)
            eio_ws_too_big(&client->ws->ws, client->world->h.now_ms);
        break;
    default:
        client_vanishes(client);
    }
}

static void begins_request(struct client *client, uint8_t much)
{
    static const char *const types[] = {NULL, "text/plain;charset=UTF-8",
                                        "application/octet-stream"};
    if (client->ws != NULL || client->closed)
        return;
    if (much % 2 == 0) {
        if (client_gets(client) != 0)
            client->closed = true;
    } else if (client->post == NULL) {
        if (client_begins_post(client, types[much / 2 % 3]) != 0)
            client->closed = true;
    }
}

static void decides(struct play *play, uint8_t much)
{
    static const char *const answers[] = {"", "[]", "[1]", "[\"x\",{\"y\":null}]"};
    app_decide(&play->app, "t", (enum app_decision)(much % 3), answers[much / 3 % 4]);
}

static void drains(struct play *play, uint8_t much)
{
    if (play->draining)
        return;
    play->draining = true;
    eio_engine_refuse_new(play->world.h.engine);
    server_drain(play->world.h.server, much * 10);
}

static void newcomer(struct play *play, struct client **place, uint8_t much)
{
    static const char *const extras[] = {"", "&b64=1", "&x=%41+%zz"};
    const char *extra = extras[much / 4 % 3];
    char name[24];
    snprintf(name, sizeof(name), "c%u", play->opened++);
    *place = client_new(&play->world, name, (much & 2) != 0);
    if (much >= 160)
        (*place)->revision = EIO_REVISION_3;
    if (much >= 240) /* answers are scripts, which only a manual client leaves to others */
        extra = (*place)->manual ? "&j=7" : "";
    if (client_opens(*place, (much & 1) != 0 ? EIO_WEBSOCKET : EIO_POLLING, extra) != 0)
        (*place)->closed = true;
}

static void step(struct play *play, uint8_t what, uint8_t who, uint8_t much)
{
    struct client **place = &play->clients[who % CLIENTS];
    if (*place != NULL && (*place)->closed) {
        client_vanishes(*place);
        *place = NULL; /* the world frees it */
    }
    if (*place == NULL) {
        newcomer(play, place, much);
        return;
    }
    struct client *client = *place;
    switch (what % 12) {
    case 0:
        says_input(play, client, FRAME_TEXT, much);
        break;
    case 1:
        says_input(play, client, FRAME_BINARY, much);
        break;
    case 2:
        world_pass(&play->world, much < 128 ? much : (much - 128) * 500);
        break;
    case 3:
        client->silent = (much & 1) != 0;
        client->clogged = (much & 2) != 0;
        break;
    case 4:
        upgrades(play, client, much);
        break;
    case 5:
        loses(client, much);
        break;
    case 6:
        begins_request(client, much);
        break;
    case 7:
        decides(play, much);
        break;
    case 8:
        if (much > 250)
            drains(play, much);
        break;
    default:
        says(client, FRAME_TEXT, packets[much % PACKETS], strlen(packets[much % PACKETS]));
    }
}

/* ---- the play ---- */

static void opened(void *user, struct eio_session *session)
{
    (void)session;
    ((struct play *)user)->opens++;
}

static void closed(void *user, struct eio_session *session, enum eio_close_reason reason)
{
    (void)session;
    FUZZ_CHECK(reason < EIO_CLOSE_REASON_COUNT);
    ((struct play *)user)->closes++;
}

static const struct world_spy spy = {.opened = opened, .closed = closed};

static void tune(struct eio_config *engine, void *user)
{
    const struct play *play = user;
    if (!play->tight)
        return;
    engine->max_payload_bytes = 150;
    engine->max_queued_bytes = 3000;
    engine->soft_queued_bytes = 1500;
    engine->soft_queued_ms = 500;
    engine->max_packets_per_second = 5;
    engine->max_per_second_bytes = 300;
}

static void forget(struct client *client)
{
    for (unsigned i = 0; client != NULL && i < CLIENT_PLACES; i++) {
        /* The WebSocket's answer to a probe is what ends the upgrade of a stock client. */
        while ((i != CLIENT_PROBE || client->manual) && client_first(client, i) != NULL)
            client_letter_free(client_first(client, i));
    }
}

static void perform(struct play *play)
{
    for (unsigned steps = 0; steps < STEPS_MAX && play->end - play->at >= 3; steps++) {
        const uint8_t *words = play->at;
        play->at += 3;
        step(play, words[0], words[1], words[2]);
        if ((words[1] & 0x80) == 0)
            world_turn(&play->world);
        for (unsigned i = 0; i < CLIENTS; i++)
            forget(play->clients[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    struct play play = {.at = bytes + 2, .end = bytes + length_bytes};
    struct harness_config config = {.tune = tune, .tune_user = &play};
    if (length_bytes < 2)
        return 0;
    config.seed = bytes[0];
    play.tight = (bytes[1] & 1) != 0;
    config.server.max_waiting_bytes = (bytes[1] & 2) != 0 ? 100 : 0;
    config.server.max_acks = (bytes[1] & 4) != 0 ? 2 : 0;
    config.server.max_packet_bytes = (bytes[1] & 8) != 0 ? 200 : 0;
    app_init(&play.app, &play.world);
    world_init(&play.world, &config);
    play.world.aborts = true;
    play.world.spy = &spy;
    play.world.spy_user = &play;
    app_begin(&play.app, true);
    perform(&play);
    world_fini(&play.world);
    app_fini(&play.app);
    FUZZ_CHECK(play.opens == play.closes);
    fuzz_check_nothing_left();
    return 0;
}
