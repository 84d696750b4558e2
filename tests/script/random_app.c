/* The application of random.h, and what it knows to be owed to whom. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/script/random.h"

/* ---- seats ---- */

struct seat *play_seat(struct play *play, uint32_t number)
{
    LIST_FOREACH(it, &play->seats)
    {
        struct seat *seat = container_of(it, struct seat, link);
        if (seat->number == number)
            return seat;
    }
    world_fail(&play->world, "nobody sits at %u", number);
}

void play_seats_free(struct play *play)
{
    struct list *at, *owed;
    while ((at = list_pop(&play->seats)) != NULL) {
        struct seat *seat = container_of(at, struct seat, link);
        while ((owed = list_pop(&seat->owed)) != NULL)
            play_owed_free(container_of(owed, struct owed, link));
        free(seat);
    }
}

void play_owed_free(struct owed *owed)
{
    free(owed);
}

void play_session_over(struct play *play, const struct player *player)
{
    LIST_FOREACH(it, &play->seats)
    {
        struct seat *seat = container_of(it, struct seat, link);
        if (seat->player != player->index || seat->session != player->session)
            continue;
        seat->open = false;
        recovery_session_over(seat);
    }
}

/* ---- what is owed ---- */

enum kind { PLAIN, VOLATILE, UNKEPT };

static void owe_also_late(struct play *play, struct seat *seat, uint64_t id, enum kind kind)
{
    struct owed *owed = xcalloc(1, sizeof(*owed));
    owed->id = id;
    owed->is_volatile = kind == VOLATILE;
    owed->is_kept = kind == PLAIN;
    owed->is_late = !seat->open;
    owed->at_ms = play->world.h.now_ms;
    list_init(&owed->link);
    list_add_tail(&seat->owed, &owed->link);
}

static void owe(struct play *play, struct seat *seat, uint64_t id, enum kind kind)
{
    if (seat->open)
        owe_also_late(play, seat, id, kind);
}

static bool is_in(const struct seat *seat, const char *room)
{
    return seat->socket != NULL ? confab_in_room(seat->socket, room) : recovery_is_in(seat, room);
}

/* To all of the namespace that are in the room (NULL: any), but one. */
static void owe_all(struct play *play, unsigned nsp, const char *room, const struct seat *but,
                    uint64_t id, enum kind kind)
{
    LIST_FOREACH(it, &play->seats)
    {
        struct seat *seat = container_of(it, struct seat, link);
        if ((seat->open || (seat->due && kind == PLAIN)) && seat != but && seat->nsp == nsp &&
            (room == NULL || is_in(seat, room)))
            owe_also_late(play, seat, id, kind);
    }
}

/* The arguments of an event: its number, padding, at times bytes. */
static struct confab_value *numbered(struct play *play, uint64_t id, bool with_bytes)
{
    unsigned most = play->recovers ? 300 : 2000;
    static const char padding[3000];
    struct confab_value *args = confab_list(confab_int((int64_t)id), NULL);
    if (with_bytes)
        confab_push(args, confab_binary(&id, sizeof(id)));
    else if (roll(play, 5) == 0)
        confab_push(args, confab_binary(padding, 0));
    else if (roll(play, 4) == 0)
        confab_push(args, confab_string_f("\xc3\xa9%0*u", 1 + (int)roll(play, most), 7u));
    return args;
}

/* What the server adds no offset to must not end with what looks like one. */
static struct confab_value *without_offset(struct confab_value *args)
{
    return confab_push(args, confab_int(0));
}

/* ---- decisions ---- */

static void keep(struct play *play, struct confab_token token, struct seat *seat, uint64_t id,
                 bool blocks, bool is_middleware)
{
    unsigned at = play->token_next++ % TOKENS;
    play->tokens[at].token = token;
    play->tokens[at].id = id;
    play->tokens[at].seat = seat;
    play->tokens[at].blocks = blocks;
    play->tokens[at].is_middleware = is_middleware;
}

static void decide_middleware(struct play *play, struct confab_token token, struct seat *seat)
{
    if (roll(play, 3) != 0) {
        confab_allow(play->world.h.server, token);
    } else {
        seat->refused = true;
        play->players[seat->player].reasons |= REASON(EIO_CLOSE_FORCED); /* what crosses it */
        if (confab_refuse(play->world.h.server, token, "no", NULL) == CONFAB_OK)
            recovery_refused(seat);
    }
}

static void decide(struct play *play, unsigned at)
{
    struct confab_token token = play->tokens[at].token;
    struct seat *seat = play->tokens[at].seat;
    uint64_t id = play->tokens[at].id;
    if (seat == NULL)
        return;
    play->tokens[at].seat = NULL;
    if (play->tokens[at].is_middleware) {
        decide_middleware(play, token, seat);
        return;
    }
    struct confab_value *args = id != 0 ? confab_list(confab_int((int64_t)id), NULL) : NULL;
    bool was_open = seat->open;
    int status = confab_answer(play->world.h.server, token, args);
    PLAY_CHECK(play, confab_answer(play->world.h.server, token, NULL) == CONFAB_ENOTFOUND);
    if (status == CONFAB_ENOTFOUND)
        return;
    PLAY_CHECK(play, (status == CONFAB_OK) == was_open);
    if (status == CONFAB_OK && id != 0)
        owe(play, seat, id, UNKEPT);
    if (play->tokens[at].blocks)
        seat->blocked_until_ms = 0;
}

void play_decides(struct play *play, bool all)
{
    for (unsigned i = 0; all && i < TOKENS; i++)
        decide(play, i);
    if (!all)
        decide(play, roll(play, TOKENS));
}

static void defer(struct play *play, struct seat *seat, struct confab_event *event, bool blocks)
{
    int64_t deadline_ms = 1 + (int64_t)roll(play, 400);
    uint64_t id = confab_event_wants_ack(event) ? ++play->id_next : 0;
    if (blocks) {
        keep(play, confab_defer(event, deadline_ms), seat, id, true, false);
        seat->blocked_until_ms = play->world.h.now_ms + deadline_ms;
    } else {
        keep(play, confab_defer_ack(event, deadline_ms), seat, id, false, false);
    }
}

/* ---- what an event makes it do ---- */

static void on_sent(struct confab_server *server, int status, bool cluster, void *user)
{
    struct play *play = user;
    (void)server;
    PLAY_CHECK(play, status == CONFAB_OK && cluster);
    play->answered++;
}

static void on_answer(struct confab_server *server, int status, const struct confab_value *args,
                      void *user)
{
    struct play *play = user;
    (void)server;
    PLAY_CHECK(play, (status == CONFAB_OK) == (args != NULL));
    play->answered++;
}

static void ask(struct play *play, struct seat *seat)
{
    uint64_t id = ++play->id_next;
    struct confab_value *args = without_offset(numbered(play, id, false));
    play->asked++;
    confab_emit_with_ack(seat->socket, "q", args, (int64_t)roll(play, 300), on_answer, play);
    owe(play, seat, id, UNKEPT);
}

static void throw_out(struct play *play, struct seat *seat, bool close)
{
    struct player *player = &play->players[seat->player];
    struct confab_socket *socket = seat->socket;
    /* Of a session that is over, the others are ending for that reason. */
    bool all = close && player->is_open && player->session == seat->session;
    LIST_FOREACH(it, &play->seats)
    {
        struct seat *other = container_of(it, struct seat, link);
        if (other == seat || (all && other->player == seat->player &&
                              other->session == seat->session && !other->left)) {
            other->thrown = true;
            other->due = other->due && !other->open; /* who was lost before, is lost */
            other->open = false;
        }
    }
    /* What crosses the news of an end before the last one breaks the rules. */
    player->reasons |= REASON(EIO_CLOSE_FORCED) | (close ? REASON(EIO_CLOSE_SERVER) : 0);
    confab_disconnect(socket, close);
}

static void emit_to_one(struct play *play, struct seat *seat, bool is_volatile)
{
    bool with_bytes = roll(play, 3) == 0;
    uint64_t id = ++play->id_next;
    const char *event = with_bytes ? "b" : "m";
    owe(play, seat, id, is_volatile ? VOLATILE : PLAIN);
    if (is_volatile)
        confab_emit_volatile(seat->socket, event, without_offset(numbered(play, id, with_bytes)));
    else
        confab_emit(seat->socket, event, numbered(play, id, with_bytes));
}

static void emit_to_many(struct play *play, struct seat *seat)
{
    struct confab_namespace *nsp = play->nsps[seat->nsp];
    struct confab_audience audience = {.flags = roll(play, 3) == 0 ? (unsigned)CONFAB_VOLATILE : 0};
    bool with_bytes = roll(play, 3) == 0;
    const char *event = with_bytes ? "b" : "m";
    uint64_t id = ++play->id_next;
    struct confab_value *args = numbered(play, id, with_bytes);
    char name[8];
    snprintf(name, sizeof(name), "r%u", roll(play, 3));
    unsigned whom = roll(play, 5);
    if (whom == 0 && play->recovers)
        whom = 1; /* who was in which room when matters there */
    switch (whom) {
    case 0:
        owe_all(play, seat->nsp, NULL, NULL, id, PLAIN);
        confab_emit_all(nsp, event, args);
        break;
    case 1:
        owe_all(play, seat->nsp, name, NULL, id, PLAIN);
        confab_emit_room(nsp, name, event, args);
        break;
    case 2:
        owe_all(play, seat->nsp, NULL, seat, id, PLAIN);
        confab_emit_others(seat->socket, event, args);
        break;
    case 3:
        owe_all(play, seat->nsp, NULL, NULL, id, audience.flags != 0 ? VOLATILE : PLAIN);
        confab_broadcast(nsp, &audience, event, audience.flags != 0 ? without_offset(args) : args);
        break;
    default:
        owe_all(play, seat->nsp, NULL, NULL, id, PLAIN);
        audience.flags = 0;
        play->asked++;
        confab_broadcast_ordered(nsp, &audience, event, args, on_sent, play);
    }
}

static void move_room(struct play *play, struct seat *seat)
{
    char name[8];
    snprintf(name, sizeof(name), "r%u", roll(play, PLAY_ROOMS));
    bool leaves = play->recovers ? confab_in_room(seat->socket, name) : roll(play, 3) == 0;
    if (leaves) {
        confab_leave(seat->socket, name);
        PLAY_CHECK(play, !confab_in_room(seat->socket, name));
    } else if (confab_join(seat->socket, name, NULL, NULL) == CONFAB_OK) {
        PLAY_CHECK(play, confab_in_room(seat->socket, name));
    }
}

static void do_something(struct play *play, struct seat *seat, struct confab_event *event)
{
    switch (roll(play, 16)) {
    case 0:
    case 1:
        defer(play, seat, event, true);
        break;
    case 2:
        defer(play, seat, event, false);
        break;
    case 3:
        if (roll(play, 4) == 0)
            throw_out(play, seat, roll(play, 2) == 0);
        break;
    case 4:
    case 5:
        move_room(play, seat);
        break;
    case 6:
        ask(play, seat);
        break;
    case 7:
    case 8:
    case 9:
        emit_to_many(play, seat);
        break;
    case 10:
    case 11:
        emit_to_one(play, seat, roll(play, 4) == 0);
        break;
    default:
        if (confab_event_wants_ack(event)) {
            uint64_t id = ++play->id_next;
            owe(play, seat, id, UNKEPT);
            confab_ack(event, confab_list(confab_int((int64_t)id), NULL));
        }
    }
}

/* ---- the handlers ---- */

static void on_event(struct confab_socket *socket, struct confab_event *event, void *user)
{
    struct play *play = user;
    struct seat *seat = confab_user(socket);
    int64_t number = confab_as_int(confab_event_arg(event, 0), -1);
    int64_t place = confab_as_int(confab_event_arg(event, 1), -1);
    world_log(&play->world, "  handles %lld of seat %u", (long long)place, seat->number);
    PLAY_CHECK(play, seat->socket == socket && !seat->gone && !seat->thrown);
    PLAY_CHECK(play, seat->blocked_until_ms <= play->world.h.now_ms);
    PLAY_CHECK(play, number == seat->number);
    PLAY_CHECK(play, place == seat->handled + 1);
    seat->blocked_until_ms = 0;
    seat->handled++;
    do_something(play, seat, event);
}

/* Old clients say it behind the namespace's name; in `/` they sit from the opening on. */
static struct seat *seat_of(struct play *play, struct confab_socket *socket)
{
    const struct confab_value *number = confab_get(confab_socket_auth(socket), "seat");
    const char *text = confab_as_string(number, NULL);
    if (number == NULL && play->opening != NULL)
        return play->opening->seats[0];
    return play_seat(play, text != NULL ? (uint32_t)strtoul(text, NULL, 10)
                                        : (uint32_t)confab_as_int(number, 0));
}

static void on_connect(struct confab_socket *socket, void *user)
{
    struct play *play = user;
    struct seat *seat = seat_of(play, socket);
    PLAY_CHECK(play, !seat->was_open && !seat->refused && !seat->thrown);
    PLAY_CHECK(play, play->players[seat->player].session == seat->session);
    seat->socket = socket;
    seat->open = seat->was_open = true;
    confab_set_user(socket, seat, NULL);
    recovery_comes_in(play, seat, socket);
    play->connects++;
    if (roll(play, 4) == 0)
        emit_to_one(play, seat, false);
    if (roll(play, 40) == 0)
        throw_out(play, seat, roll(play, 3) == 0);
}

/* A socket of the same client, whose session may be over. */
static void throw_out_another(struct play *play, const struct seat *than)
{
    LIST_FOREACH(it, &play->seats)
    {
        struct seat *seat = container_of(it, struct seat, link);
        if (seat != than && seat->socket != NULL && seat->player == than->player &&
            seat->session == than->session) {
            throw_out(play, seat, false);
            return;
        }
    }
}

static bool reason_is_known(const char *reason)
{
    for (unsigned i = 0; i < EIO_CLOSE_REASON_COUNT; i++) {
        if (strcmp(reason, eio_close_text(i)) == 0)
            return true;
    }
    return strcmp(reason, "client namespace disconnect") == 0 ||
           strcmp(reason, "server namespace disconnect") == 0;
}

static void on_disconnect(struct confab_socket *socket, const char *reason, void *user)
{
    struct play *play = user;
    struct seat *seat = confab_user(socket);
    world_log(&play->world, "  seat %u ends, %s", seat->number, reason);
    PLAY_CHECK(play, seat->socket == socket && !seat->gone && reason_is_known(reason));
    PLAY_CHECK(play, seat->blocked_until_ms <= play->world.h.now_ms || play->stopping);
    PLAY_CHECK(play, seat->handled == seat->handed || seat->thrown || play->stopping);
    PLAY_CHECK(play, !seat->open);
    seat->gone = true;
    seat->open = false;
    recovery_gone(play, seat, reason);
    PLAY_CHECK(play, !confab_emit(socket, "never", confab_array()));
    confab_disconnect(socket, false); /* it does already */
    seat->socket = NULL;
    if (roll(play, 6) == 0)
        throw_out_another(play, seat);
    play->disconnects++;
    uint64_t id = ++play->id_next;
    owe_all(play, seat->nsp, NULL, NULL, id, PLAIN);
    confab_emit_all(play->nsps[seat->nsp], "m", numbered(play, id, false));
}

static void middleware(struct confab_socket *socket, struct confab_token token, void *user)
{
    struct play *play = user;
    struct seat *seat = seat_of(play, socket);
    if (roll(play, 2) == 0)
        decide_middleware(play, token, seat);
    else
        keep(play, token, seat, 0, false, true);
}

void play_app_begin(struct play *play)
{
    for (unsigned i = 0; i < NSPS; i++) {
        play->nsps[i] = confab_of(play->world.h.server, i == 0 ? "/" : "/b");
        confab_on_connect(play->nsps[i], on_connect, play);
        confab_on_disconnect(play->nsps[i], on_disconnect, play);
        confab_on(play->nsps[i], "e", on_event, play);
    }
    confab_use(play->nsps[1], middleware, play);
}
