/*
 * Connection state recovery in the play of random.h: what players show when they come back, and
 * what has to come of it. Whom a seat continues is known from the private id that was shown, never
 * from what the server says.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/engineio/internal.h"
#include "gateway/socketio/recovery_store.h"
#include "tests/script/random.h"

/* At least as much as an event of such a play is counted for. */
#define EVENT_BYTES 1500

static const char *const room_names[PLAY_ROOMS] = {"r0", "r1", "r2"};

/* ---- what the server keeps ---- */

void recovery_tune(const struct play *play, struct eio_config *engine)
{
    if (!play->recovers)
        return;
    engine->max_queued_bytes = play->is_tight ? 6000 : 60000;
}

struct server_config recovery_config(const struct play *play, struct server_config server)
{
    if (!play->recovers)
        return server;
    server.recovery_ms = 1000;
    server.recovery_notice_ms = 1200; /* a ping's interval and timeout */
    server.recovery_bytes = play->is_tight ? 5000 : 1u << 20;
    server.max_replay_bytes = play->is_tight ? 3000 : 30000;
    server.recovery_skips_middleware = play->seed % 2 == 0;
    return server;
}

static bool has_evicted(const struct play *play)
{
    const struct server_counters *counters = server_counters(play->world.h.server);
    return counters->recovery_packets_evicted + counters->recovery_sessions_evicted > 0;
}

/* ---- what a player shows ---- */

static void forge(struct play *play, unsigned nsp, const struct player *player, char *offset,
                  size_t size)
{
    const char *own = player->memory[nsp].offset, *other = player->memory[1 - nsp].offset;
    snprintf(offset, size, "%s", other[0] != '\0' ? other : "AAAAAAAAAA");
    if (own[0] != '\0' && roll(play, 2) == 0)
        snprintf(offset, size, "%.*s", (int)roll(play, (unsigned)strlen(own)), own);
}

void recovery_writes_auth(struct player *player, struct seat *seat, char *text, size_t size)
{
    struct play *play = player->play;
    const struct player_memory *memory = &player->memory[seat->nsp];
    char offset[40];
    if (!play->recovers || player->is_old || memory->pid[0] == '\0' || roll(play, 12) == 0)
        return;
    snprintf(offset, sizeof(offset), "%s", memory->offset);
    seat->forged = memory->offset[0] == '\0' || roll(play, 12) == 0;
    if (seat->forged)
        forge(play, seat->nsp, player, offset, sizeof(offset));
    snprintf(seat->shown_pid, sizeof(seat->shown_pid), "%s", memory->pid);
    seat->shown_at_ms = memory->offset_at_ms;
    size_t length = strlen(text);
    snprintf(text + length - 1, size - length + 1, ",\"pid\":\"%s\",\"offset\":\"%s\"}",
             memory->pid, offset);
}

/* The last argument, when it is a string. */
void recovery_reads_offset(const char *text, char offset[40])
{
    size_t length = strlen(text);
    offset[0] = '\0';
    if (length < 2 || strcmp(text + length - 2, "\"]") != 0)
        return;
    const char *end = text + length - 2;
    const char *at = end;
    while (at > text && at[-1] != '"')
        at--;
    if (end - at < 40)
        snprintf(offset, 40, "%.*s", (int)(end - at), at);
}

void recovery_notes_offset(struct player *player, unsigned nsp, const char *offset, int64_t at_ms)
{
    struct player_memory *memory = &player->memory[nsp];
    if (player->is_old || offset[0] == '\0')
        return;
    snprintf(memory->offset, sizeof(memory->offset), "%s", offset);
    memory->offset_at_ms = at_ms;
}

/* ---- what has to come of it ---- */

static struct seat *seat_with_pid(struct play *play, const char *pid)
{
    LIST_FOREACH(it, &play->seats) /* the latest comes first */
    {
        struct seat *seat = container_of(it, struct seat, link);
        if (seat->was_open && strcmp(seat->pid, pid) == 0)
            return seat;
    }
    return NULL;
}

/* Nothing that left since the offset can be too old, or too much. */
static bool is_fresh(const struct play *play, const struct seat *seat, const struct seat *before)
{
    int64_t since_ms =
        seat->shown_at_ms > before->opened_at_ms ? seat->shown_at_ms : before->opened_at_ms;
    size_t bytes = 0;
    LIST_FOREACH(it, &before->owed)
    {
        if (container_of(it, struct owed, link)->is_kept)
            bytes += EVENT_BYTES;
    }
    const struct server_config config = recovery_config(play, (struct server_config){0});
    return play->world.h.now_ms - since_ms <= config.recovery_ms + config.recovery_notice_ms &&
           bytes <= config.max_replay_bytes && !has_evicted(play);
}

/* Its CONNECT is about to be handled. */
void recovery_asked(struct play *play, struct seat *seat)
{
    const struct server_config config = recovery_config(play, (struct server_config){0});
    struct seat *before = seat->shown_pid[0] != '\0' ? seat_with_pid(play, seat->shown_pid) : NULL;
    if (before == NULL || !before->gone || !before->due)
        return;
    PLAY_CHECK(play, before->player == seat->player && before->nsp == seat->nsp);
    before->due = false; /* whatever comes of it */
    if (seat->forged || play->world.h.now_ms - before->lost_at_ms > config.recovery_ms)
        return;
    before->due = true;
    before->taken = true;
    seat->before = before;
    seat->must_recover = is_fresh(play, seat, before);
}

void recovery_refused(struct seat *seat)
{
    if (seat->before != NULL)
        seat->before->due = false;
    seat->before = NULL;
}

/* What it was not given, and may be given now, goes in front. */
static void inherit(struct seat *seat, struct seat *before)
{
    struct list *at;
    while ((at = list_pop(&before->owed)) != NULL) {
        struct owed *owed = container_of(at, struct owed, link);
        owed->is_missed = true;
        owed->is_late = false;
        if (owed->is_kept)
            list_add_tail(&seat->owed, at);
        else
            play_owed_free(owed);
    }
}

static void check_rooms(struct play *play, const struct seat *before,
                        const struct confab_socket *socket)
{
    unsigned count = 1; /* its own */
    for (unsigned i = 0; i < PLAY_ROOMS; i++) {
        bool was_in = (before->rooms & 1u << i) != 0;
        PLAY_CHECK(play, confab_in_room(socket, room_names[i]) == was_in);
        count += was_in;
    }
    struct confab_value *rooms = confab_rooms(socket);
    PLAY_CHECK(play, confab_size(rooms) == count);
    confab_value_release(rooms);
}

/* In the connect handler. */
void recovery_comes_in(struct play *play, struct seat *seat, struct confab_socket *socket)
{
    struct seat *before = seat->before;
    const struct confab_value *data = confab_get(confab_data(socket), "seat");
    seat->due = play->recovers && !play->players[seat->player].is_old;
    seat->opened_at_ms = play->world.h.now_ms;
    snprintf(seat->id, sizeof(seat->id), "%s", confab_socket_id(socket));
    seat->recovered = confab_socket_recovered(socket);
    if (!seat->recovered) {
        PLAY_CHECK(play, !seat->must_recover && data == NULL);
        if (before != NULL)
            before->due = false;
        seat->data = seat->number;
        confab_set_data(socket,
                        confab_set(confab_object(), "seat", confab_int((int64_t)seat->number)));
        return;
    }
    PLAY_CHECK(play, before != NULL && before->due && before->taken);
    PLAY_CHECK(play, strcmp(before->id, seat->id) == 0);
    PLAY_CHECK(play, confab_as_int(data, -1) == (int64_t)before->data);
    check_rooms(play, before, socket);
    before->due = false;
    seat->data = before->data;
    seat->opened_at_ms = before->opened_at_ms;
    snprintf(seat->pid, sizeof(seat->pid), "%s", before->pid);
    inherit(seat, before);
    play->recovered++;
}

/* In the disconnect handler. */
void recovery_gone(struct play *play, struct seat *seat, const char *reason)
{
    static const char *const reasons[] = {"transport error", "transport close", "forced close",
                                          "ping timeout"};
    bool is_lost = false;
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        is_lost |= strcmp(reason, reasons[i]) == 0;
    seat->due = seat->due && is_lost;
    seat->lost_at_ms = play->world.h.now_ms;
    seat->rooms = 0;
    for (unsigned i = 0; i < PLAY_ROOMS; i++)
        seat->rooms |= confab_in_room(seat->socket, room_names[i]) ? 1u << i : 0;
}

/* Its session is over; who had not come in may come once more. */
void recovery_session_over(struct seat *seat)
{
    if (seat->before == NULL || seat->was_open)
        return;
    if (seat->thrown)
        seat->before->due = false;
    seat->before->taken = false;
    seat->before = NULL;
}

bool recovery_is_in(const struct seat *seat, const char *room)
{
    for (unsigned i = 0; i < PLAY_ROOMS; i++) {
        if (strcmp(room, room_names[i]) == 0)
            return (seat->rooms & 1u << i) != 0;
    }
    return false;
}

/* ---- what a player is told ---- */

static void read_field(const char *text, const char *name, char *value, size_t size)
{
    const char *at = strstr(text, name);
    value[0] = '\0';
    if (at != NULL)
        snprintf(value, size, "%.*s", (int)strcspn(at + strlen(name), "\""), at + strlen(name));
}

void recovery_answered(struct player *player, struct seat *seat, const char *text)
{
    struct play *play = player->play;
    struct player_memory *memory = &player->memory[seat->nsp];
    char id[32], pid[40];
    if (player->is_old)
        return;
    read_field(text, "\"sid\":\"", id, sizeof(id));
    read_field(text, "\"pid\":\"", pid, sizeof(pid));
    PLAY_CHECK(play, strcmp(id, seat->id) == 0);
    PLAY_CHECK(play, (pid[0] != '\0') == play->recovers);
    PLAY_CHECK(play, !seat->recovered || strcmp(pid, seat->pid) == 0);
    PLAY_CHECK(play, seat->recovered || pid[0] == '\0' || seat_with_pid(play, pid) == NULL);
    struct owed *next = LIST_FIRST(&seat->owed, struct owed, link);
    PLAY_CHECK(play, next == NULL || !next->is_missed); /* all of it came before */
    snprintf(seat->pid, sizeof(seat->pid), "%s", pid);
    snprintf(memory->pid, sizeof(memory->pid), "%s", pid);
}

/* An event in front of the CONNECT answer is one that was missed. True: it counts for nothing,
 * because what had to follow was pushed out, and the client must come once more. */
bool recovery_is_void(struct player *player, const struct seat *seat)
{
    struct play *play = player->play;
    if (!seat->was_open) {
        PLAY_CHECK(play, seat->shown_pid[0] != '\0' && has_evicted(play));
        return true;
    }
    struct owed *next = LIST_FIRST(&seat->owed, struct owed, link);
    PLAY_CHECK(play, seat->recovered && next != NULL && next->is_missed);
    return false;
}
