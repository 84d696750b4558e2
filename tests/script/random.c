/* Plays seeds: script_random [--trace] [--seed N | --seeds FIRST COUNT] */
#define _GNU_SOURCE
#include "tests/script/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/engineio/internal.h"

#define SEEDS_USUAL 1000
#define STEPS 800
#define SETTLE_TURNS 80

unsigned roll(struct play *play, unsigned sides)
{
    return rng_below(&play->dice, sides);
}

static void where(void *user, FILE *out)
{
    const struct play *play = user;
    fprintf(
        out, "seed %llu, step %u; again, with all that went before:\n  %s --trace --seed %llu\n",
        (unsigned long long)play->seed, play->step, play->program, (unsigned long long)play->seed);
}

/* ---- between the floors ---- */

static void opened(void *user, struct eio_session *session)
{
    struct play *play = user;
    struct player *player = play->opening;
    PLAY_CHECK(play, player != NULL && !player->is_open);
    snprintf(player->client->sid, sizeof(player->client->sid), "%s", eio_session_sid(session));
    player->is_open = true;
    play->opens++;
}

static struct player *player_of(struct play *play, const struct eio_session *session)
{
    for (unsigned i = 0; i < PLAYERS; i++) {
        const struct client *client = play->players[i].client;
        if (client != NULL && strcmp(client->sid, eio_session_sid(session)) == 0)
            return &play->players[i];
    }
    world_fail(&play->world, "a session of nobody");
}

/* A packet was not whole in time, which nobody gave as a reason. */
static bool was_incomplete(struct play *play, enum eio_close_reason reason)
{
    uint64_t count = server_counters(play->world.h.server)->limits[SERVER_LIMIT_INCOMPLETE];
    bool is_new = reason == EIO_CLOSE_FORCED && count > play->incompletes;
    play->incompletes = count;
    return is_new;
}

static void closed(void *user, struct eio_session *session, enum eio_close_reason reason)
{
    struct play *play = user;
    struct player *player = player_of(play, session);
    PLAY_CHECK(play, player->is_open && reason < EIO_CLOSE_REASON_COUNT);
    world_log(&play->world, "%s: session over, %s", player->client->name, eio_close_label(reason));
    PLAY_CHECK(play, was_incomplete(play, reason) || (player->reasons & REASON(reason)) != 0);
    player->is_open = false;
    player->end = (int)reason;
    player->ended_at_ms = play->world.h.now_ms;
    play_session_over(play, player);
    play->closes++;
}

/* What is handed up: which events, and the player's own ends. */
static void handed(void *user, struct eio_session *session, enum frame_kind kind, const char *bytes,
                   size_t length_bytes)
{
    struct play *play = user;
    struct player *player = player_of(play, session);
    char text[300];
    unsigned number, place;
    PLAY_CHECK(play, player->is_open);
    if (kind == FRAME_BINARY) {
        uint32_t said;
        if (player->handing == NULL || length_bytes != sizeof(said))
            return;
        memcpy(&said, bytes, sizeof(said));
        PLAY_CHECK(play, said == player->handing->handed + 1);
        player->handing->handed++;
        player->handing = NULL;
        return;
    }
    if (player->broken)
        return; /* a text where bytes are due ends the session */
    snprintf(text, sizeof(text), "%.*s", (int)length_bytes, bytes);
    const char *event = strstr(text, "[\"e\",");
    if (event != NULL && sscanf(event, "[\"e\",%u,%u", &number, &place) == 2) {
        struct seat *seat = play_seat(play, number);
        PLAY_CHECK(play, place == seat->handed + 1);
        if (text[0] == '5')
            player->handing = seat;
        else
            seat->handed++;
    } else if (text[0] == '0' && (sscanf(text, "0/b?seat=%u", &number) == 1 ||
                                  ((event = strstr(text, "{\"seat\":")) != NULL &&
                                   sscanf(event, "{\"seat\":%u", &number) == 1))) {
        play_seat(play, number)->asked = true;
        recovery_asked(play, play_seat(play, number));
    } else if (text[0] == '5') {
        player->broken = true;
    } else if (text[0] == '1') {
        unsigned nsp = strncmp(text + 1, "/b", 2) == 0;
        LIST_FOREACH(it, &play->seats)
        {
            struct seat *seat = container_of(it, struct seat, link);
            if (seat->player == player->index && seat->session == player->session &&
                seat->nsp == nsp && seat->asked) {
                seat->open = seat->due = false;
                seat->left = true;
            }
        }
    }
}

static const struct world_spy spy = {.opened = opened, .closed = closed, .message = handed};

/* ---- a play ---- */

static bool is_rated(const struct play *play)
{
    return play->seed % 4 == 0;
}

static void tune(struct eio_config *engine, void *user)
{
    const struct play *play = user;
    engine->ping_interval_ms = 700;
    engine->ping_timeout_ms = 500;
    engine->upgrade_timeout_ms = 400;
    engine->close_wait_ms = 300;
    engine->max_queued_bytes = 6000;
    if (play->seed % 3 == 0) {
        engine->soft_queued_bytes = 2000;
        engine->soft_queued_ms = 200;
    }
    if (is_rated(play)) {
        engine->max_packets_per_second = 4;
        engine->max_per_second_bytes = 500;
    }
    recovery_tune(play, engine);
}

static void begin(struct play *play, FILE *log)
{
    const struct server_config server = {.max_waiting_bytes = 600, .connect_timeout_ms = 900};
    play->recovers = play->seed % 5 < 2;
    play->is_tight = play->seed % 5 == 1;
    struct harness_config config = {.server = recovery_config(play, server),
                                    .seed = play->seed,
                                    .tune = tune,
                                    .tune_user = play};
    world_init(&play->world, &config);
    play->world.log = log;
    play->world.where = where;
    play->world.where_user = play;
    play->world.spy = &spy;
    play->world.spy_user = play;
    rng_init_seeded(&play->dice, play->seed);
    list_init(&play->seats);
    for (unsigned i = 0; i < PLAYERS; i++) {
        play->players[i].play = play;
        play->players[i].index = i;
        list_init(&play->players[i].unsaid);
    }
    play_app_begin(play);
}

static void act(struct play *play)
{
    switch (roll(play, 12)) {
    case 0:
        world_pass(&play->world, 1 + (int64_t)roll(play, 60));
        break;
    case 1:
        play_decides(play, false);
        world_turn(&play->world);
        break;
    default:
        player_acts(&play->players[roll(play, PLAYERS)]);
        if (roll(play, 3) != 0)
            world_turn(&play->world);
    }
}

/* Everybody who is still there gets what is owed to him. */
static void settle(struct play *play)
{
    for (unsigned turn = 0; turn < SETTLE_TURNS; turn++) {
        play->step++;
        play_decides(play, true);
        for (unsigned i = 0; i < PLAYERS; i++)
            player_settles(&play->players[i]);
        if (is_rated(play))
            world_pass(&play->world, 200); /* who is held back needs it */
        else
            world_turn(&play->world);
    }
    for (unsigned i = 0; i < PLAYERS; i++)
        player_check_settled(&play->players[i]);
}

static void drain(struct play *play)
{
    eio_engine_refuse_new(play->world.h.engine);
    server_drain(play->world.h.server, 100);
    for (unsigned turn = 0; turn < 20; turn++) {
        play->step++;
        for (unsigned i = 0; i < PLAYERS; i++)
            player_settles(&play->players[i]);
        world_pass(&play->world, 50);
    }
    PLAY_CHECK(play, eio_engine_session_count(play->world.h.engine) == 0);
}

static void end(struct play *play)
{
    const struct eio_counters *counters = eio_engine_counters(play->world.h.engine);
    unsigned how = roll(play, 4); /* 0: with everything pending */
    if (how >= 1)
        settle(play);
    if (how >= 2)
        drain(play);
    play->stopping = true;
    for (unsigned i = 0; i < PLAYERS; i++)
        player_vanishes(&play->players[i]);
    world_turn(&play->world);
    PLAY_CHECK(play, counters->opened == play->opens);
    world_fini(&play->world);
    for (unsigned i = 0; i < PLAYERS; i++)
        player_fini(&play->players[i]);
    play_seats_free(play);
    PLAY_CHECK(play, play->opens > 0 && play->opens == play->closes);
    PLAY_CHECK(play, play->connects == play->disconnects);
    PLAY_CHECK(play, play->asked == play->answered);
    rng_fini(&play->dice);
}

/* Returns how often somebody was recovered. */
static uint64_t run(uint64_t seed, const char *program, FILE *log)
{
    struct play play = {.seed = seed, .program = program};
    if (seed % 7 == 6) {
        chat_plays(seed, program, log);
        return 0;
    }
    begin(&play, log);
    for (play.step = 0; play.step < STEPS; play.step++)
        act(&play);
    end(&play);
    return play.recovered;
}

int main(int argc, char **argv)
{
    const char *count_text = getenv("CONFAB_SEEDS");
    uint64_t recovered = 0;
    uint64_t first = 1, count = count_text != NULL ? strtoull(count_text, NULL, 10) : SEEDS_USUAL;
    FILE *log = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0) {
            log = stdout;
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            first = strtoull(argv[++i], NULL, 10);
            count = 1;
        } else if (strcmp(argv[i], "--seeds") == 0 && i + 2 < argc) {
            first = strtoull(argv[++i], NULL, 10);
            count = strtoull(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "Usage: %s [--trace] [--seed N | --seeds FIRST COUNT]\n", argv[0]);
            return 64;
        }
    }
    for (uint64_t seed = first; seed < first + count; seed++)
        recovered += run(seed, argv[0], log);
    printf("%llu seeds, %llu times recovered\n", (unsigned long long)count,
           (unsigned long long)recovered);
    if (count >= SEEDS_USUAL && recovered < count / 10) {
        fprintf(stderr, "hardly anybody is ever recovered\n");
        return 1;
    }
    return count > 0 ? 0 : 64;
}
