/*
 * The store of a single node: packets in one ring for each namespace and in one list of all
 * namespaces by age, sessions in a table by pid and in a list by age.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/message.h"
#include "common/frame.h"
#include "common/live.h"
#include "common/mem.h"
#include "common/rng.h"
#include "common/value.h"
#include "gateway/socketio/recovery_store.h"

#define TAG_BITS 48
#define TAG_CHARACTERS (TAG_BITS / 6)
#define FIRST_RING 16

/* How many packets are looked at for one session, however often it comes back with the same offset:
 * so many, and so many for each that has left since it was born. */
#define LOOKS_MIN 100000
#define LOOKS_PER_PACKET 8

struct memory {
    struct recovery_store store;
    struct recovery_memory_config config;
    struct rng *rng;      /* borrowed */
    struct list packets;  /* struct packet.by_age, of all spaces */
    struct list sessions; /* struct recovery_session.by_age, of all spaces */
    size_t packets_bytes;
    size_t sessions_bytes;
    int64_t sweep_at_ms; /* INT64_MAX: nothing is kept */
};

struct packet {
    struct list by_age;
    struct memory_space *space;
    struct frame_set *frames; /* held */
    struct message *rooms;    /* without arguments; NULL: it has no rooms */
    uint64_t only;            /* the number of the session that it is for; 0: by its rooms */
    int64_t at_ms;
    size_t cost_bytes;
};

struct memory_space {
    struct recovery_space space;
    struct htable sessions;
    uint64_t tag_key[2];
    struct packet **ring; /* of place p at p modulo the capacity, a power of two */
    size_t capacity;
};

static struct memory *memory_of(struct recovery_store *store)
{
    return container_of(store, struct memory, store);
}

static struct memory_space *space_of(struct recovery_space *space)
{
    return container_of(space, struct memory_space, space);
}

static struct memory *memory_behind(struct recovery_space *space)
{
    return memory_of(space->store);
}

static void sum_up(struct memory *memory)
{
    memory->store.counters.bytes = memory->packets_bytes + memory->sessions_bytes;
}

/* ---- offsets ---- */

static void put_offset(struct recovery_space *space, uint64_t place, char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t tag = htable_siphash(space_of(space)->tag_key, &place, sizeof(place));
    for (int i = 0; i < TAG_CHARACTERS; i++, tag >>= 6)
        *text++ = digits[tag & 63];
    do
        *text++ = digits[place & 63];
    while ((place >>= 6) != 0);
    *text = '\0';
}

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* The text that the place has must be the text that came. */
static bool read_offset(struct recovery_space *space, const char *text, uint64_t *place)
{
    char expected[RECOVERY_OFFSET_BYTES];
    size_t length = strlen(text);
    if (length <= TAG_CHARACTERS || length > TAG_CHARACTERS + 10)
        return false;
    *place = 0;
    for (size_t i = length; i > TAG_CHARACTERS; i--) {
        int value = digit_value(text[i - 1]);
        if (value < 0)
            return false;
        *place = *place << 6 | (uint64_t)value;
    }
    put_offset(space, *place, expected);
    return *place < space->next && strcmp(text, expected) == 0;
}

static void offset(struct recovery_space *space, char text[RECOVERY_OFFSET_BYTES])
{
    put_offset(space, space->next, text);
}

/* ---- packets ---- */

static struct packet **at(const struct memory_space *space, uint64_t place)
{
    return &space->ring[place & (space->capacity - 1)];
}

/* The oldest of its space. */
static void drop_packet(struct packet *packet)
{
    struct memory_space *space = packet->space;
    struct memory *memory = memory_behind(&space->space);
    *at(space, space->space.oldest++) = NULL;
    memory->packets_bytes -= packet->cost_bytes;
    list_del(&packet->by_age);
    frame_set_release(packet->frames);
    if (packet->rooms != NULL)
        message_release(packet->rooms);
    free(packet);
    live_dec(LIVE_RECOVERY);
}

static void grow(struct memory_space *space)
{
    size_t capacity = space->capacity != 0 ? space->capacity * 2 : FIRST_RING;
    struct packet **ring = xcalloc(capacity, sizeof(struct packet *));
    for (uint64_t p = space->space.oldest; p < space->space.next; p++)
        ring[p & (capacity - 1)] = *at(space, p);
    free(space->ring);
    space->ring = ring;
    space->capacity = capacity;
}

/* The base64 form of bytes may come on top. */
static size_t frames_cost(const struct frame_set *frames)
{
    size_t bytes = sizeof(*frames) + frames->count * sizeof(frames->frames[0]);
    for (unsigned i = 0; i < frames->count; i++)
        bytes += frame_cost_bytes(frames->frames[i]) *
                 (frame_kind(frames->frames[i]) == FRAME_BINARY ? 3 : 1);
    return bytes;
}

static size_t texts_cost(const struct text *texts, unsigned count)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < count; i++)
        bytes += texts[i].length + sizeof(texts[i]) + 1;
    return bytes;
}

/* The rooms alone: what else hangs on the message need not stay. */
static struct message *rooms_only(const struct message *message)
{
    if (message == NULL || message->room_count + message->except_count == 0)
        return NULL;
    return message_new(message->nsp.bytes, message->nsp.length, message->rooms, message->room_count,
                       message->except, message->except_count, 0, confab_array());
}

static void watch(struct memory *memory, int64_t now_ms)
{
    int64_t step_ms = memory->config.window_ms / 4;
    if (memory->sweep_at_ms == INT64_MAX)
        memory->sweep_at_ms = now_ms + (step_ms > 0 ? step_ms : 1);
}

static void append(struct recovery_space *recovery_space, struct frame_set *frames,
                   const struct message *message, uint64_t session_number, int64_t now_ms)
{
    struct memory_space *space = space_of(recovery_space);
    struct memory *memory = memory_behind(recovery_space);
    struct packet *packet = xcalloc(1, sizeof(*packet));
    packet->space = space;
    packet->frames = frame_set_hold(frames);
    packet->rooms = rooms_only(message);
    packet->only = session_number;
    packet->at_ms = now_ms;
    packet->cost_bytes = sizeof(*packet) + frames_cost(frames);
    if (packet->rooms != NULL)
        packet->cost_bytes += sizeof(*packet->rooms) +
                              texts_cost(packet->rooms->rooms, packet->rooms->room_count) +
                              texts_cost(packet->rooms->except, packet->rooms->except_count);
    live_inc(LIVE_RECOVERY);
    list_init(&packet->by_age);
    list_add_tail(&memory->packets, &packet->by_age);
    if (space->space.next - space->space.oldest == space->capacity)
        grow(space);
    *at(space, space->space.next++) = packet;
    memory->packets_bytes += packet->cost_bytes;
    while (memory->packets_bytes > memory->config.packets_bytes) {
        drop_packet(LIST_FIRST(&memory->packets, struct packet, by_age));
        memory->store.counters.packets_evicted++;
    }
    watch(memory, now_ms);
    sum_up(memory);
}

/* ---- sessions ---- */

static size_t session_cost(const struct recovery_session *session)
{
    return sizeof(*session) + 2 * session->stays_bytes; /* the list of rooms has about the same */
}

static void take_out(struct recovery_session *session)
{
    struct memory_space *space = space_of(session->space);
    struct memory *memory = memory_behind(session->space);
    memory->sessions_bytes -= session_cost(session);
    list_del(&session->by_age);
    htable_remove(&space->sessions, &session->by_pid);
    sum_up(memory);
}

static void drop_session(struct recovery_session *session)
{
    take_out(session);
    recovery_session_free(session);
}

/* One that comes back unused is older than those that were lost meanwhile. */
static void sort_in(struct memory *memory, struct recovery_session *session)
{
    struct list *before = memory->sessions.prev;
    while (before != &memory->sessions &&
           container_of(before, struct recovery_session, by_age)->lost_at_ms > session->lost_at_ms)
        before = before->prev;
    list_add_after(before, &session->by_age);
}

static void keep(struct recovery_session *session, int64_t now_ms)
{
    struct memory_space *space = space_of(session->space);
    struct memory *memory = memory_behind(session->space);
    list_init(&session->by_age);
    sort_in(memory, session);
    htable_insert(&space->sessions, &session->by_pid, session->pid, RECOVERY_PID_CHARACTERS);
    memory->sessions_bytes += session_cost(session);
    while (memory->sessions_bytes > memory->config.sessions_bytes) {
        drop_session(LIST_FIRST(&memory->sessions, struct recovery_session, by_age));
        memory->store.counters.sessions_evicted++;
    }
    watch(memory, now_ms);
    sum_up(memory);
}

static bool is_over(const struct memory *memory, int64_t since_ms, int64_t now_ms)
{
    return now_ms - since_ms > memory->config.window_ms;
}

static bool is_any_of(const struct recovery_session *session, const struct text *rooms,
                      unsigned count, uint64_t place)
{
    for (unsigned i = 0; i < count; i++) {
        if (recovery_session_was_in(session, &rooms[i], place))
            return true;
    }
    return false;
}

static bool is_due(const struct recovery_session *session, const struct packet *packet,
                   uint64_t place)
{
    const struct message *rooms = packet->rooms;
    if (packet->only != 0)
        return packet->only == session->number;
    if (rooms == NULL)
        return true;
    if (rooms->room_count > 0 && !is_any_of(session, rooms->rooms, rooms->room_count, place))
        return false;
    return !is_any_of(session, rooms->except, rooms->except_count, place);
}

/* From the first that is due on. */
static bool is_too_much(const struct memory_space *space, struct recovery_session *session)
{
    size_t most_bytes = memory_behind(session->space)->config.most_replay_bytes;
    uint64_t first = space->space.next;
    size_t bytes = 0;
    for (uint64_t p = session->after; p < space->space.next; p++) {
        const struct packet *packet = *at(space, p);
        if (!is_due(session, packet, p))
            continue;
        first = bytes == 0 ? p : first;
        bytes += packet->cost_bytes;
        if (most_bytes > 0 && bytes > most_bytes)
            return true;
    }
    session->after = first;
    return false;
}

/* Who shows an old offset again and again has everything since then looked at again and again. */
static bool may_look(const struct memory_space *space, struct recovery_session *session)
{
    uint64_t next = space->space.next;
    uint64_t looks = next - session->after;
    uint64_t most = LOOKS_MIN + LOOKS_PER_PACKET * (next - session->born);
    if (looks > most - session->looks)
        return false;
    session->looks += looks;
    return true;
}

static enum recovery_answer examine(struct memory_space *space, struct recovery_session *session,
                                    const char *offset_text)
{
    uint64_t place;
    if (!read_offset(&space->space, offset_text, &place))
        return RECOVERY_NO_OFFSET;
    session->after = place + 1 > session->born ? place + 1 : session->born;
    if (session->after < space->space.oldest || session->after < session->known_from)
        return RECOVERY_GAP;
    return !may_look(space, session) || is_too_much(space, session) ? RECOVERY_TOO_MUCH
                                                                    : RECOVERY_FOUND;
}

static void restore(struct recovery_space *recovery_space, const char *pid, const char *offset_text,
                    int64_t now_ms, recovery_restored_fn *done, void *user)
{
    struct memory_space *space = space_of(recovery_space);
    struct htable_entry *entry = htable_find(&space->sessions, pid, strlen(pid));
    if (entry == NULL) {
        done(user, RECOVERY_NO_SESSION, NULL);
        return;
    }
    struct recovery_session *session = container_of(entry, struct recovery_session, by_pid);
    enum recovery_answer answer = RECOVERY_NO_SESSION;
    take_out(session);
    if (!is_over(memory_behind(recovery_space), session->lost_at_ms, now_ms))
        answer = examine(space, session, offset_text);
    if (answer != RECOVERY_FOUND) {
        recovery_session_free(session);
        session = NULL;
    }
    done(user, answer, session);
}

static bool replay(struct recovery_session *session,
                   void (*visit)(void *user, struct frame_set *frames), void *user)
{
    struct memory_space *space = space_of(session->space);
    for (uint64_t p = session->after; p < space->space.next; p++) {
        if (p < space->space.oldest)
            return false;
        struct packet *packet = *at(space, p);
        if (!is_due(session, packet, p))
            continue;
        struct frame_set *frames = frame_set_hold(packet->frames);
        visit(user, frames);
        frame_set_release(frames);
    }
    return true;
}

/* ---- time ---- */

static void advance(struct recovery_store *store, int64_t now_ms)
{
    struct memory *memory = memory_of(store);
    if (now_ms < memory->sweep_at_ms)
        return;
    while (!list_empty(&memory->packets)) {
        struct packet *oldest = LIST_FIRST(&memory->packets, struct packet, by_age);
        if (!is_over(memory, oldest->at_ms + memory->config.notice_ms, now_ms))
            break;
        drop_packet(oldest);
    }
    while (!list_empty(&memory->sessions)) {
        struct recovery_session *oldest =
            LIST_FIRST(&memory->sessions, struct recovery_session, by_age);
        if (!is_over(memory, oldest->lost_at_ms, now_ms))
            break;
        drop_session(oldest);
    }
    memory->sweep_at_ms = INT64_MAX;
    if (!list_empty(&memory->packets) || !list_empty(&memory->sessions))
        watch(memory, now_ms);
    sum_up(memory);
}

static int64_t deadline(struct recovery_store *store)
{
    return memory_of(store)->sweep_at_ms;
}

/* ---- life ---- */

static struct recovery_space *space_open(struct recovery_store *store, const char *nsp)
{
    (void)nsp;
    uint8_t seed[HTABLE_SEED_BYTES];
    struct memory *memory = memory_of(store);
    struct memory_space *space = xcalloc(1, sizeof(*space));
    space->space.store = store;
    rng_bytes(memory->rng, seed, sizeof(seed));
    htable_init(&space->sessions, seed);
    rng_bytes(memory->rng, space->tag_key, sizeof(space->tag_key));
    live_inc(LIVE_RECOVERY);
    return &space->space;
}

static void space_close(struct recovery_space *recovery_space)
{
    struct memory_space *space = space_of(recovery_space);
    struct htable_iter it;
    struct htable_entry *entry;
    while (space->space.oldest < space->space.next)
        drop_packet(*at(space, space->space.oldest));
    htable_iter_init(&it, &space->sessions);
    while ((entry = htable_iter_next(&it)) != NULL)
        drop_session(container_of(entry, struct recovery_session, by_pid));
    htable_fini(&space->sessions);
    sum_up(memory_behind(recovery_space));
    free(space->ring);
    free(space);
    live_dec(LIVE_RECOVERY);
}

static void memory_free(struct recovery_store *store)
{
    free(memory_of(store));
    live_dec(LIVE_RECOVERY);
}

struct recovery_store *recovery_memory_new(const struct recovery_memory_config *config,
                                           struct rng *rng)
{
    static const struct recovery_ops ops = {.space_open = space_open,
                                            .space_close = space_close,
                                            .offset = offset,
                                            .append = append,
                                            .keep = keep,
                                            .restore = restore,
                                            .replay = replay,
                                            .advance = advance,
                                            .deadline = deadline,
                                            .free = memory_free};
    struct memory *memory = xcalloc(1, sizeof(*memory));
    memory->store.ops = &ops;
    memory->config = *config;
    memory->rng = rng;
    list_init(&memory->packets);
    list_init(&memory->sessions);
    memory->sweep_at_ms = INT64_MAX;
    live_inc(LIVE_RECOVERY);
    return &memory->store;
}
