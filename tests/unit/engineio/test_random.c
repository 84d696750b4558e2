/*
 * Thousands of interleavings nobody thought of: a few clients, an application and a network do what
 * the dice say, rightly and wrongly, while time passes. A seed replays exactly.
 *
 * What must hold in all of them: on_close once for each on_open; everything that the application
 * sent arrives in order, whole packets together, over any change of transport, and nothing is
 * missing as long as the client takes what it is given; the same in the other direction, in both
 * revisions and whichever way a client of the older one encodes its text; a carrier
 * has something to take only after it was woken; after the end nothing is alive.
 * Carriers lie in memory of their own and are freed the moment the network would free them, so the
 * sanitizer sees any that the engine remembers too long.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/live.h"
#include "common/mem.h"
#include "tests/unit/engineio/random_client.h"
#include "tests/unit/test.h"

#define SEEDS 1500
#define STEPS 500

/* ---- the application ---- */

static void on_open(void *user, struct eio_session *session)
{
    struct sim *sim = user;
    struct client *client = sim->opening;

    CHECK(sim, client != NULL && !client->open);
    client->session = session;
    client->open = true;
    client->dying = client->graceful = client->wants_binary = client->owes_pong = false;
    client->sent = client->got = client->uttered = client->understood = 0;
    snprintf(client->sid, sizeof(client->sid), "%s", eio_session_sid(session));
    eio_session_set_user(session, client);
    sim->opens++;
}

static void app_close(struct client *client)
{
    struct sim *sim = client->sim;

    client->graceful = true;
    eio_session_close(client->session, EIO_CLOSE_SERVER, sim->now_ms);
    CHECK(sim, client->dying || !client->open);
}

static void app_sends(struct client *client)
{
    bool is_set = dice(client->sim, 3) == 0;
    uint32_t number = client->sent;
    char text[32];
    struct frame *frame;
    bool queued;
    int length;

    length = snprintf(text, sizeof(text), "%c%u" LETTER, is_set ? 't' : 's', client->sent);
    frame = frame_text("4", text, (size_t)length);
    frame_set_json(frame, 1);
    if (is_set) {
        struct frame *frames[] = {frame, frame_binary(&number, sizeof(number))};
        struct frame_set *set = frame_set_new(frames, 2);

        queued = eio_session_send_set(client->session, set, false);
        frame_set_release(set);
    } else {
        queued = eio_session_send(client->session, frame, false);
        frame_release(frame);
    }
    if (queued)
        client->sent++;
    else
        client->dying = true;
}

static void app_sends_volatile(struct client *client)
{
    struct frame *frame = frame_text("4", "v", 1);

    eio_session_send(client->session, frame, true);
    frame_release(frame);
}

static void on_message(void *user, struct eio_session *session, enum frame_kind kind,
                       const char *bytes, size_t length_bytes)
{
    struct client *client = eio_session_user(session);
    struct sim *sim = user;
    char text[32];
    int length = snprintf(text, sizeof(text), "c%u" LETTER, client->understood);

    CHECK(sim, client->open && client->session == session);
    CHECK(sim, kind == FRAME_TEXT && length_bytes == (size_t)length);
    CHECK(sim, memcmp(bytes, text, length_bytes) == 0);
    client->understood++;
    switch (dice(sim, 12)) {
    case 0:
        eio_session_pause(session, true, sim->now_ms);
        break;
    case 1:
        app_sends(client);
        break;
    case 2:
        if (dice(sim, 30) == 0)
            app_close(client);
        break;
    default:
        break;
    }
}

static void on_close(void *user, struct eio_session *session, enum eio_close_reason reason)
{
    struct client *client = eio_session_user(session);
    struct sim *sim = user;

    CHECK(sim, client->open && client->session == session);
    CHECK(sim, client->graceful == (reason == EIO_CLOSE_SERVER));
    client->open = false;
    client->session = NULL;
    sim->closes++;
    if (client->graceful)
        return;
    CHECK(sim, client->get == NULL || client->get->get.carrier.session == NULL);
    CHECK(sim, client->post == NULL || client->post->post.carrier.session == NULL);
    CHECK(sim, client->ws == NULL || client->ws->ws.carrier.session == NULL);
    CHECK(sim, client->probe == NULL || client->probe->ws.carrier.session == NULL);
}

static const struct eio_events events = {on_open, on_message, on_close, NULL};

/* ---- the play ---- */

static void app_acts(struct client *client)
{
    struct sim *sim = client->sim;

    if (!client_is_alive(client))
        return;
    switch (dice(sim, 10)) {
    case 0:
        app_sends_volatile(client);
        break;
    case 1:
        eio_session_pause(client->session, true, sim->now_ms);
        break;
    case 2:
    case 3:
        eio_session_pause(client->session, false, sim->now_ms);
        break;
    case 4:
        if (dice(sim, 30) == 0)
            app_close(client);
        break;
    case 5:
        if (client->ws != NULL)
            eio_ws_buffered(&client->ws->ws, dice(sim, 3) * 100);
        break;
    default:
        app_sends(client);
    }
}

static void time_passes(struct sim *sim)
{
    static const int64_t steps_ms[] = {0, 1, 100, 700, 3000, 9000};
    unsigned i;

    sim->now_ms += steps_ms[dice(sim, dice(sim, 4) == 0 ? 6 : 4)];
    eio_engine_advance(sim->engine, sim->now_ms);
    CHECK(sim, eio_engine_deadline(sim->engine) > sim->now_ms);
    /* What a closed session still had may be given up from here on. */
    for (i = 0; i < CLIENTS; i++)
        sim->clients[i].graceful = false;
}

static void act(struct sim *sim)
{
    struct client *client = &sim->clients[dice(sim, CLIENTS)];
    unsigned what = dice(sim, 40);

    if (client_is_gone(client))
        client_opens(client);
    else if (what < 8)
        app_acts(client);
    else if (what < 16)
        client_gets_more(client);
    else if (what < 20)
        client_posts(client);
    else if (what < 25)
        client_submits(client);
    else if (what < 27)
        client_upgrades(client);
    else if (what < 31)
        client_probes(client);
    else if (what < 37)
        client_talks(client);
    else if (what < 39)
        time_passes(sim);
    else if (dice(sim, 8) == 0)
        client_breaks(client);
    if (dice(sim, 3) > 0)
        client_takes(client);
    if (dice(sim, 3) > 0)
        eio_engine_reap(sim->engine);
}

static void end(struct sim *sim)
{
    unsigned i, left = 0;

    for (i = 0; i < CLIENTS; i++) {
        if (client_is_alive(&sim->clients[i]))
            app_close(&sim->clients[i]);
    }
    eio_engine_reap(sim->engine);
    CHECK(sim, eio_engine_session_count(sim->engine) == 0);
    CHECK(sim, sim->opens == sim->closes);
    eio_engine_free(&sim->engine);
    for (i = 0; i < CLIENTS; i++) {
        struct client *client = &sim->clients[i];

        client->graceful = false;
        while (!client_is_gone(client) && left++ < 1000)
            client_takes(client);
        CHECK(sim, client_is_gone(client));
    }
    if (live_total() != 0)
        live_report(stderr);
    CHECK(sim, live_total() == 0);
}

static void play(unsigned seed)
{
    static const struct eio_config config = {
        .node_tag = "sim",
        .ping_interval_ms = 3000,
        .ping_timeout_ms = 2000,
        .upgrade_timeout_ms = 1500,
        .close_wait_ms = 5000,
        .max_payload_bytes = 1000,
        .max_queued_bytes = 140 + 5 * FRAME_OVERHEAD_BYTES,
        .soft_queued_bytes = 2 * FRAME_OVERHEAD_BYTES,
        .soft_queued_ms = 2500,
        .max_packets_per_second = 2,
        .max_per_second_bytes = 7,
        .polling = true,
        .websocket = true,
        .upgrades = true,
        .revision_3 = true,
    };
    struct sim *sim = xcalloc(1, sizeof(*sim));
    unsigned i;

    sim->seed = seed;
    rng_init_seeded(&sim->rng, seed);
    sim->engine = eio_engine_new(&config, &events, sim);
    for (i = 0; i < CLIENTS; i++)
        sim->clients[i].sim = sim;
    for (sim->step = 0; sim->step < STEPS; sim->step++)
        act(sim);
    end(sim);
    rng_fini(&sim->rng);
    free(sim);
}

static void test_random(void **state)
{
    unsigned seed;

    (void)state;
    for (seed = 1; seed <= SEEDS; seed++)
        play(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
