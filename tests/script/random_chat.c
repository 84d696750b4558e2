/*
 * The chat at random: visitors come by any transport and revision, log in under few names, talk,
 * read slowly, upgrade, are lost, come back with their secrets or without. A witness on a WebSocket
 * that only listens notes what all are told. What must hold:
 *
 * - whoever is connected is told what the witness is, from his coming on, in that order, once each;
 * - a name joins when it is not there and leaves when it is; two who are there never have the same,
 *   whatever its case; a name that is free is given, and with its secret it is given back silently;
 * - what somebody who is logged in says is told to all once, under his name, what anybody else says
 *   never; and an acknowledgement comes once and says which of both it was;
 * - when all have gone, all names have left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "gateway/chat/chat.h"
#include "gateway/engineio/internal.h"
#include "tests/script/random.h"

#define CHAT_STEPS 250
#define VISITORS 5
#define NAMES 4
#define LINE_BYTES 240
#define GRACE_MS 600
#define NOBODY NAMES

enum request { LOGIN, CHAT, USERS };

struct visitor {
    struct client *client; /* NULL: not there */
    struct client *ghost;  /* an older connection that nobody looks at any more; NULL: none */
    unsigned ghost_name;
    size_t next; /* in the log */
    unsigned sessions, acks;
    unsigned name;        /* NOBODY: not logged in */
    enum request asked;   /* whose acknowledgement is due */
    unsigned due;         /* so many are: 0 or 1 */
    char answer[300];     /* the last one */
    char secret[40];      /* of the name */
    unsigned secret_for;  /* NOBODY: none */
    unsigned secret_left; /* how often the name had left then */
};

struct chat_play {
    struct world world;
    struct rng dice;
    uint64_t seed;
    const char *program;
    unsigned step;
    struct chat *chat;
    struct client *witness;
    char (*log)[LINE_BYTES];
    size_t log_count, log_room;
    struct visitor visitors[VISITORS];
    bool online[NAMES];
    unsigned joined[NAMES], left[NAMES]; /* how often */
    unsigned said, told; /* messages that were sent, and the number of the one told last */
    unsigned told_count;
};

static const char *const spellings[NAMES][3] = {{"ann", "ANN", " Ann "},
                                                {"bob", "Bob", "boB"},
                                                {"eve", "EVE", "Eve"},
                                                {"stra\xc3\x9f"
                                                 "e",
                                                 "STRASSE", "Strasse"}};

#define CHECK(play, condition) WORLD_CHECK(&(play)->world, condition)

static unsigned dice(struct chat_play *play, unsigned sides)
{
    return rng_below(&play->dice, sides);
}

static void where(void *user, FILE *out)
{
    const struct chat_play *play = user;
    fprintf(
        out, "seed %llu, step %u; again, with all that went before:\n  %s --trace --seed %llu\n",
        (unsigned long long)play->seed, play->step, play->program, (unsigned long long)play->seed);
}

/* ---- what is told ---- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Of a text that stands in JSON at `from`. */
static unsigned name_at(struct chat_play *play, const char *from)
{
    static const char first[NAMES + 1] = "abes";
    const char *at = strchr(first, *from | 0x20);
    CHECK(play, at != NULL && *at != '\0');
    return (unsigned)(at - first);
}

static const struct visitor *who_is(const struct chat_play *play, unsigned name)
{
    for (unsigned i = 0; i < VISITORS; i++) {
        if (play->visitors[i].client != NULL && play->visitors[i].name == name)
            return &play->visitors[i];
    }
    return NULL;
}

/* 42["chat",{"sender":"ann","message":"17 ann",… */
static void is_told(struct chat_play *play, const char *text)
{
    unsigned number, by;
    char *end;
    const char *sender = strstr(text, "\"sender\":\""), *message = strstr(text, "\"message\":\"");
    CHECK(play, sender != NULL && message != NULL);
    by = name_at(play, sender + strlen("\"sender\":\""));
    number = (unsigned)strtoul(message + strlen("\"message\":\""), &end, 10);
    CHECK(play, number > play->told && number <= play->said);
    CHECK(play, *end == ' ' && name_at(play, end + 1) == by && play->online[by]);
    play->told = number;
    play->told_count++;
}

static void note(struct chat_play *play, const char *text)
{
    static const char joined[] = "42[\"userJoined\",\"", left[] = "42[\"userLeft\",\"";
    if (begins(text, "42[\"chat\",")) {
        is_told(play, text);
    } else if (begins(text, joined)) {
        unsigned name = name_at(play, text + sizeof(joined) - 1);
        CHECK(play, !play->online[name]);
        play->online[name] = true;
        play->joined[name]++;
    } else {
        CHECK(play, begins(text, left));
        unsigned name = name_at(play, text + sizeof(left) - 1);
        const struct visitor *visitor = who_is(play, name);
        CHECK(play, play->online[name] && (visitor == NULL || visitor->client->clogged));
        play->online[name] = false;
        play->left[name]++;
    }
    if (play->log_count == play->log_room) {
        play->log_room = play->log_room * 2 + 64;
        play->log = xrealloc(play->log, play->log_room * LINE_BYTES);
    }
    CHECK(play, strlen(text) < LINE_BYTES);
    snprintf(play->log[play->log_count++], LINE_BYTES, "%s", text);
}

static void is_welcome(struct chat_play *play, struct visitor *visitor, const char *text)
{
    const char *name = strstr(text, "\"name\":\""), *secret = strstr(text, "\"resume\":\"");
    CHECK(play, name != NULL && secret != NULL);
    visitor->name = name_at(play, name + strlen("\"name\":\""));
    visitor->secret_for = visitor->name;
    visitor->secret_left = play->left[visitor->name];
    snprintf(visitor->secret, sizeof(visitor->secret), "%.*s", (int)strcspn(secret + 10, "\""),
             secret + 10);
}

/* Old clients get JSON in ASCII when they poll. */
static void unescape(char *text)
{
    char *at = strstr(text, "\\u00df");
    if (at == NULL)
        return;
    memcpy(at, "\xc3\x9f", 2);
    memmove(at + 2, at + 6, strlen(at + 6) + 1);
}

static void gets(struct chat_play *play, struct visitor *visitor, char *text)
{
    unescape(text);
    if (begins(text, "42[\"chat\",") || begins(text, "42[\"userJoined\",") ||
        begins(text, "42[\"userLeft\",")) {
        CHECK(play, visitor->next < play->log_count && strcmp(text, play->log[visitor->next]) == 0);
        visitor->next++;
    } else if (begins(text, "42[\"welcome\",")) {
        is_welcome(play, visitor, text);
    } else if (begins(text, "43")) {
        CHECK(play, visitor->due == 1 && strtoul(text + 2, NULL, 10) == visitor->acks);
        visitor->due = 0;
        snprintf(visitor->answer, sizeof(visitor->answer), "%s", strchr(text, '['));
    } else {
        CHECK(play, begins(text, "42[\"loginName") || begins(text, "42[\"onlineUsers\"") ||
                        strcmp(text, "41") == 0);
    }
}

static void empty(struct client *client)
{
    while (client_first(client, CLIENT_PACKETS) != NULL)
        client_letter_free(client_first(client, CLIENT_PACKETS));
}

static void gone(struct visitor *visitor)
{
    client_vanishes(visitor->client);
    visitor->client = NULL;
    visitor->due = 0;
    visitor->name = NOBODY;
}

static void ghost_goes(struct visitor *visitor)
{
    if (visitor->ghost != NULL)
        client_vanishes(visitor->ghost);
    visitor->ghost = NULL;
}

/* Leaves the connection as it is, and will come on another. */
static void becomes_ghost(struct visitor *visitor)
{
    ghost_goes(visitor);
    visitor->ghost = visitor->client;
    visitor->ghost_name = visitor->name;
    visitor->client = NULL;
    visitor->name = NOBODY;
    visitor->due = 0;
}

/* Everybody reads; who is told that his session is over has gone. */
static void look(struct chat_play *play)
{
    struct client_letter *letter;
    for (unsigned i = 0; i < VISITORS; i++) {
        /* Who has gone, may leave; and who comes back on another connection, closes this one. */
        struct visitor *visitor = &play->visitors[i];
        if (visitor->client != NULL && visitor->client->closed && !visitor->client->clogged)
            gone(visitor);
    }
    CHECK(play, !play->witness->closed);
    while ((letter = client_first(play->witness, CLIENT_PACKETS)) != NULL) {
        note(play, letter->bytes);
        client_letter_free(letter);
    }
    for (unsigned i = 0; i < VISITORS; i++) {
        struct visitor *visitor = &play->visitors[i];
        if (visitor->ghost != NULL)
            empty(visitor->ghost);
        if (visitor->client == NULL)
            continue;
        while ((letter = client_first(visitor->client, CLIENT_PACKETS)) != NULL) {
            gets(play, visitor, letter->bytes);
            client_letter_free(letter);
        }
        CHECK(play, visitor->client->clogged || visitor->next == play->log_count);
    }
}

static void check_names(struct chat_play *play)
{
    for (unsigned i = 0; i < VISITORS; i++) {
        const struct visitor *visitor = &play->visitors[i];
        if (visitor->client == NULL || visitor->client->clogged || visitor->name == NOBODY)
            continue;
        CHECK(play, play->online[visitor->name]);
        CHECK(play, who_is(play, visitor->name) == visitor ||
                        who_is(play, visitor->name)->client->clogged);
    }
}

static void turn(struct chat_play *play)
{
    world_turn(&play->world);
    look(play);
}

/* ---- what visitors do ---- */

static void comes(struct chat_play *play, unsigned index)
{
    struct visitor *visitor = &play->visitors[index];
    char name[24];
    snprintf(name, sizeof(name), "%c%u", 'a' + (int)index, ++visitor->sessions);
    struct client *client = client_new(&play->world, name, false);
    if (dice(play, 4) == 0)
        client->revision = EIO_REVISION_3;
    int status = client_opens(client, dice(play, 2) == 0 ? EIO_POLLING : EIO_WEBSOCKET,
                              dice(play, 6) == 0 ? "&b64=1" : "");
    CHECK(play, status == 0);
    if (client->revision == EIO_REVISION_4)
        client_sends(client, FRAME_TEXT, "40", 2);
    world_turn(&play->world);
    empty(client); /* `0` and `40`: nobody else did anything meanwhile */
    visitor->client = client;
    visitor->next = play->log_count;
    visitor->name = NOBODY;
    visitor->due = 0;
}

/* An event that is acknowledged; its rest is in `text`. */
static void asks(struct chat_play *play, struct visitor *visitor, enum request request,
                 const char *text)
{
    char packet[300];
    snprintf(packet, sizeof(packet), "42%u%s", ++visitor->acks, text);
    visitor->asked = request;
    visitor->due = 1;
    visitor->answer[0] = '\0';
    client_sends(visitor->client, FRAME_TEXT, packet, strlen(packet));
    turn(play);
}

static bool is_answered(const struct visitor *visitor, const char *with)
{
    return strstr(visitor->answer, with) != NULL;
}

static void logs_in(struct chat_play *play, struct visitor *visitor)
{
    unsigned name = dice(play, NAMES), before = visitor->name;
    bool comes_back = visitor->secret_for != NOBODY && dice(play, 2) == 0;
    char text[200];
    if (comes_back)
        name = visitor->secret_for;
    const char *spelling = spellings[name][dice(play, 3)];
    bool was_online = play->online[name];
    unsigned joined = play->joined[name];
    bool is_good =
        comes_back && was_online && visitor->secret_left == play->left[name] && before == NOBODY;
    if (comes_back)
        snprintf(text, sizeof(text), "[\"login\",{\"name\":\"%s\",\"resume\":\"%s\"}]", spelling,
                 visitor->secret);
    else
        snprintf(text, sizeof(text), "[\"login\",\"%s\"]", spelling);
    asks(play, visitor, LOGIN, text);
    if (visitor->client == NULL || visitor->client->clogged ||
        is_answered(visitor, "\"rate_limited\""))
        return;
    CHECK(play, visitor->due == 0);
    if (before != NOBODY) {
        CHECK(play, is_answered(visitor, "\"ok\":true") == (name == before));
    } else if (!was_online) {
        CHECK(play, is_answered(visitor, "\"ok\":true") && play->joined[name] == joined + 1);
    } else {
        CHECK(play, play->joined[name] == joined);
        CHECK(play, !is_good || visitor->ghost == NULL || visitor->ghost_name != name ||
                        visitor->ghost->closed);
        CHECK(play, is_answered(visitor, is_good ? "\"ok\":true" : "\"name_taken\""));
    }
    CHECK(play, !is_answered(visitor, "\"ok\":true") || visitor->name == name);
}

static void talks(struct chat_play *play, struct visitor *visitor)
{
    char text[100];
    unsigned told = play->told_count, as = visitor->name;
    snprintf(text, sizeof(text), "[\"chat\",\"%u %s\"]", ++play->said,
             as != NOBODY ? spellings[as][1] : "nobody");
    asks(play, visitor, CHAT, text);
    if (visitor->client == NULL || visitor->client->clogged)
        return;
    CHECK(play, visitor->due == 0);
    CHECK(play, is_answered(visitor, as != NOBODY ? "\"ok\":true" : "\"not_logged_in\""));
    CHECK(play, play->told_count == told + (as != NOBODY));
    CHECK(play, as == NOBODY || play->told == play->said);
}

static void lists(struct chat_play *play, struct visitor *visitor)
{
    char total[40];
    unsigned count = 0;
    asks(play, visitor, USERS, "[\"onlineUsers\"]");
    size_t before = play->log_count;
    world_pass(&play->world, 200);
    look(play);
    for (unsigned i = 0; i < NAMES; i++)
        count += play->online[i];
    if (visitor->client == NULL || visitor->client->clogged || before != play->log_count)
        return;
    CHECK(play, visitor->due == 0);
    snprintf(total, sizeof(total), "\"total\":%u}", count);
    CHECK(play, is_answered(visitor, visitor->name != NOBODY ? total : "\"not_logged_in\""));
}

static void goes(struct chat_play *play, struct visitor *visitor)
{
    switch (dice(play, 5)) {
    case 0:
        client_sends(visitor->client, FRAME_TEXT, "41", 2);
        world_turn(&play->world);
        break;
    case 1:
        client_loses_ws(visitor->client, dice(play, 2) == 0);
        break;
    case 2:
        client_loses_get(visitor->client);
        break;
    case 3:
        becomes_ghost(visitor);
        return;
    default:
        break;
    }
    gone(visitor);
    turn(play);
}

static void reads_slowly(struct chat_play *play, struct visitor *visitor)
{
    visitor->client->clogged = !visitor->client->clogged;
    turn(play);
}

static void upgrades(struct chat_play *play, struct visitor *visitor)
{
    if (visitor->client->ws == NULL && visitor->client->probe == NULL)
        client_upgrades_whole(visitor->client);
    turn(play);
}

static void act(struct chat_play *play)
{
    unsigned index = dice(play, VISITORS);
    struct visitor *visitor = &play->visitors[index];
    unsigned what = dice(play, 20);
    if (what < 2) {
        world_pass(&play->world, 1 + (int64_t)dice(play, 400));
        look(play);
    } else if (visitor->client == NULL) {
        comes(play, index);
    } else if (what == 2 || visitor->due != 0 || visitor->client->clogged) {
        reads_slowly(play, visitor);
    } else if (what < 7) {
        logs_in(play, visitor);
    } else if (what < 15) {
        talks(play, visitor);
    } else if (what == 15) {
        lists(play, visitor);
    } else if (what == 16) {
        upgrades(play, visitor);
    } else if (what < 19) {
        goes(play, visitor);
    }
    check_names(play);
}

/* ---- a play ---- */

static void free_chat(void *user)
{
    chat_free(&((struct chat_play *)user)->chat);
}

static void tune(struct eio_config *engine, void *user)
{
    (void)user;
    engine->ping_interval_ms = 700;
    engine->ping_timeout_ms = 500;
}

static void begin(struct chat_play *play, FILE *log)
{
    const struct harness_config config = {.seed = play->seed, .tune = tune};
    const struct chat_config chat = {
        .nsp = "/",
        .send_msg = true,
        .name_grace_ms = GRACE_MS,
        .presence_limit = 1000,
        .rates = {
            [CHAT_LIMIT_MESSAGES] = 50, [CHAT_LIMIT_SEND_MSG] = 5, [CHAT_LIMIT_LOGINS] = 600}};
    world_init(&play->world, &config);
    play->world.log = log;
    play->world.where = where;
    play->world.where_user = play;
    play->chat = chat_new(play->world.h.server, &chat);
    play->world.h.before_free = free_chat;
    play->world.h.user = play;
    rng_init_seeded(&play->dice, play->seed);
    for (unsigned i = 0; i < VISITORS; i++)
        play->visitors[i].name = play->visitors[i].secret_for = NOBODY;
    play->witness = client_new(&play->world, "witness", false);
    client_opens(play->witness, EIO_WEBSOCKET, "");
    client_sends(play->witness, FRAME_TEXT, "40", 2);
    world_turn(&play->world);
    empty(play->witness);
}

static void end(struct chat_play *play)
{
    for (unsigned i = 0; i < VISITORS; i++) {
        ghost_goes(&play->visitors[i]);
        if (play->visitors[i].client != NULL)
            gone(&play->visitors[i]);
    }
    world_pass(&play->world, GRACE_MS + 1300); /* to be missed, and the grace */
    look(play);
    for (unsigned i = 0; i < NAMES; i++)
        CHECK(play, !play->online[i] && play->joined[i] == play->left[i]);
    CHECK(play, chat_online(play->chat) == 0);
    world_fini(&play->world);
    rng_fini(&play->dice);
    free(play->log);
}

void chat_plays(uint64_t seed, const char *program, FILE *log)
{
    struct chat_play play = {.seed = seed, .program = program};
    begin(&play, log);
    for (play.step = 0; play.step < CHAT_STEPS; play.step++)
        act(&play);
    end(&play);
}
