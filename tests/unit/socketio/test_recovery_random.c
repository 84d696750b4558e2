/*
 * Thousands of orders of emitting, joining, leaving, losing and coming back, against a model that
 * notes for each client what it is due. Whoever is recovered has got exactly that, in order and
 * once; where nothing was too late or pushed out, everybody is recovered.
 *
 * A clogged client reads nothing: what is sent to it then is lost with its connection, and it comes
 * back with an old offset.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/rng.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include "tests/unit/socketio/recovery_world.h"

#define SEEDS 300
#define STEPS 400
#define CLIENTS 4
#define ROOMS 3
#define EVENTS (STEPS * 2)

enum where { OUT, ASKED, IN };

struct list_of {
    int items[EVENTS];
    unsigned count;
};

struct actor {
    struct client client;
    struct confab_token token; /* of middleware, while ASKED */
    enum where where;
    bool has_session;  /* it may come back as who it was */
    bool sure;         /* lost_at_ms is when the server noticed */
    bool rooms[ROOMS]; /* now, or when it was lost */
    int64_t lost_at_ms;
    struct list_of due, got;
};

struct model {
    struct world *world;
    struct rng dice;
    struct actor actors[CLIENTS];
    bool is_roomy; /* nothing is ever pushed out */
    int number;
    uint64_t seed, recovered, renewed;
};

static unsigned roll(struct model *model, unsigned sides)
{
    return rng_below(&model->dice, sides);
}

static const char *room_name(unsigned room)
{
    static const char *const names[ROOMS] = {"red", "green", "blue"};
    return names[room];
}

static void add(struct list_of *list, int item)
{
    assert_true(list->count < EVENTS);
    list->items[list->count++] = item;
}

static void check(const struct model *model, const struct actor *actor, bool whole)
{
    const struct list_of *due = &actor->due, *got = &actor->got;
    bool fits = whole ? got->count == due->count : got->count <= due->count;
    if (!fits || memcmp(got->items, due->items, got->count * sizeof(int)) != 0)
        fail_msg("seed %llu, event %d: got %u of %u due, or others",
                 (unsigned long long)model->seed, model->number, got->count, due->count);
}

/* What has arrived. True: a CONNECT answer was among it. */
static bool take(struct actor *actor)
{
    bool connected = false;
    client_read(&actor->client);
    for (char *word = strtok(actor->client.got, " "); word != NULL; word = strtok(NULL, " ")) {
        if (*word == '|')
            connected = true;
        else
            add(&actor->got, atoi(word));
    }
    actor->client.got[0] = '\0';
    return connected;
}

/* ---- coming and going ---- */

static void middleware(struct confab_socket *socket, struct confab_token token, void *user)
{
    struct model *model = user;
    (void)socket;
    model->world->pending = token;
}

static void may_be_recovered(struct model *model, struct actor *actor)
{
    if (!actor->client.recovered) {
        bool must = model->is_roomy && actor->has_session && actor->sure &&
                    *actor->client.offset != '\0' &&
                    model->world->h.now_ms - actor->lost_at_ms <= WINDOW_MS;
        if (must)
            fail_msg("seed %llu, event %d: not recovered", (unsigned long long)model->seed,
                     model->number);
        actor->due.count = actor->got.count = 0;
        memset(actor->rooms, 0, sizeof(actor->rooms));
        model->renewed++;
        return;
    }
    assert_true(actor->has_session);
    model->recovered++;
    check(model, actor, true);
    const struct confab_socket *socket = client_socket(&actor->client);
    for (unsigned r = 0; r < ROOMS; r++)
        assert_int_equal(confab_in_room(socket, room_name(r)), actor->rooms[r]);
}

static void admit(struct model *model, struct actor *actor)
{
    if (confab_allow(model->world->h.server, actor->token) != 0)
        fail_msg("seed %llu: a token was lost", (unsigned long long)model->seed);
    harness_turn(&model->world->h);
    if (!take(actor)) { /* pushed out while it was looked at: it has to come once more */
        assert_false(model->is_roomy);
        assert_true(actor->client.peer->closed);
        actor->where = OUT;
        actor->sure = false;
        return;
    }
    snprintf(actor->client.peer->id, sizeof(actor->client.peer->id), "%s", actor->client.sid);
    actor->where = IN;
    may_be_recovered(model, actor);
    actor->has_session = true;
}

static void come(struct model *model, struct actor *actor)
{
    client_come(model->world, &actor->client);
    actor->token = model->world->pending;
    actor->where = ASKED;
    if (roll(model, 3) != 0)
        admit(model, actor);
}

static void lost(struct model *model, struct actor *actor, bool sure)
{
    if (actor->where == IN) {
        actor->lost_at_ms = model->world->h.now_ms;
        actor->sure = sure;
    }
    actor->where = OUT;
}

static void lose(struct model *model, struct actor *actor)
{
    bool left = actor->where == IN && roll(model, 12) == 0;
    if (left)
        peer_send(actor->client.peer, "41");
    if (roll(model, 2) == 0)
        peer_lose(actor->client.peer);
    else
        peer_leave(actor->client.peer);
    lost(model, actor, true);
    actor->has_session = actor->has_session && !left;
}

/* ---- sending ---- */

static bool is_met(const struct actor *actor, unsigned rooms)
{
    for (unsigned r = 0; r < ROOMS; r++) {
        if (actor->rooms[r] && (rooms & 1u << r) != 0)
            return true;
    }
    return false;
}

static void note_due(struct model *model, unsigned rooms, unsigned except,
                     const struct actor *left_out)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct actor *actor = &model->actors[i];
        if ((actor->where == IN || actor->has_session) && actor != left_out &&
            (rooms == 0 || is_met(actor, rooms)) && !is_met(actor, except))
            add(&actor->due, model->number);
    }
}

static void broadcast(struct model *model)
{
    const char *rooms[ROOMS], *except[ROOMS];
    unsigned to = roll(model, 2) * roll(model, 1u << ROOMS);
    unsigned without = roll(model, 3) == 0 ? roll(model, 1u << ROOMS) : 0;
    struct confab_audience audience = {.rooms = rooms, .except = except};
    for (unsigned r = 0; r < ROOMS; r++) {
        if ((to & 1u << r) != 0)
            rooms[audience.room_count++] = room_name(r);
        if ((without & 1u << r) != 0)
            except[audience.except_count++] = room_name(r);
    }
    note_due(model, to, without, NULL);
    confab_broadcast(model->world->nsp, &audience, "n",
                     confab_list(confab_int(model->number), NULL));
}

static void send(struct model *model, struct actor *actor)
{
    const struct confab_audience all = {.flags = CONFAB_VOLATILE};
    struct confab_value *args = confab_list(confab_int(++model->number), NULL);
    switch (actor->where == IN ? roll(model, 5) : 5) {
    case 0:
        add(&actor->due, model->number);
        confab_emit(client_socket(&actor->client), "n", args);
        break;
    case 1:
        note_due(model, 0, 0, actor);
        confab_emit_others(client_socket(&actor->client), "n", args);
        break;
    case 2: /* no argument that would be noted */
        confab_value_release(args);
        confab_broadcast(model->world->nsp, &all, "v", confab_array());
        break;
    default:
        confab_value_release(args);
        broadcast(model);
    }
    if (roll(model, 3) != 0)
        harness_turn(&model->world->h);
}

static void move(struct model *model, struct actor *actor)
{
    unsigned room = roll(model, ROOMS);
    if (actor->where != IN)
        return;
    if (actor->rooms[room])
        confab_leave(client_socket(&actor->client), room_name(room));
    else
        confab_join(client_socket(&actor->client), room_name(room), NULL, NULL);
    actor->rooms[room] = !actor->rooms[room];
}

/* ---- the run ---- */

static void look(struct model *model)
{
    harness_turn(&model->world->h);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct actor *actor = &model->actors[i];
        if (actor->where == OUT)
            continue;
        take(actor);
        if (actor->client.peer->closed)
            lost(model, actor, false);
        else if (actor->where == IN && client_socket(&actor->client) == NULL)
            lose(model, actor), actor->sure = false;
        check(model, actor, actor->where == IN && !actor->client.peer->clogged);
    }
}

/* Nobody's decision comes too late: what is refused is forgotten, which is another test's matter.
 */
static void pass(struct model *model)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (model->actors[i].where == ASKED)
            admit(model, &model->actors[i]);
    }
    harness_pass(&model->world->h,
                 roll(model, 40) == 0 ? WINDOW_MS + 1 : (int64_t)roll(model, 2000));
}

static void step(struct model *model)
{
    struct actor *actor = &model->actors[roll(model, CLIENTS)];
    switch (roll(model, 12)) {
    case 0:
    case 1:
        move(model, actor);
        break;
    case 2:
        if (actor->where == IN)
            actor->client.peer->clogged = !actor->client.peer->clogged;
        break;
    case 3:
    case 4:
    case 5:
        if (actor->where == OUT)
            come(model, actor);
        else if (actor->where == ASKED && roll(model, 2) == 0)
            admit(model, actor);
        else
            lose(model, actor);
        break;
    case 6:
        pass(model);
        break;
    default:
        send(model, actor);
    }
    look(model);
}

static void run(uint64_t seed, bool is_roomy, uint64_t *recovered_count, uint64_t *renewed_count)
{
    static const struct server_config roomy = {
        .recovery_ms = WINDOW_MS, .recovery_notice_ms = INT32_MAX, .max_replay_bytes = 1 << 20};
    static const struct server_config tight = {
        .recovery_ms = WINDOW_MS, .recovery_bytes = 3000, .max_replay_bytes = 2000};
    struct model *model = xcalloc(1, sizeof(*model));
    void *state;
    recovery_begin(&state, is_roomy ? roomy : tight, 0);
    model->world = state;
    model->seed = seed;
    model->is_roomy = is_roomy;
    rng_init_seeded(&model->dice, seed);
    confab_use(model->world->nsp, middleware, model);
    for (unsigned i = 0; i < CLIENTS; i++)
        model->actors[i].client.nsp = "/";
    for (unsigned i = 0; i < STEPS; i++)
        step(model);
    *recovered_count += model->recovered;
    *renewed_count += model->renewed;
    rng_fini(&model->dice);
    recovery_teardown(&state);
    free(model);
}

static void test_roomy(void **state)
{
    uint64_t recovered_count = 0, renewed_count = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(seed, true, &recovered_count, &renewed_count);
    assert_true(recovered_count > 10 * SEEDS);
    assert_true(renewed_count > SEEDS);
}

static void test_tight(void **state)
{
    uint64_t recovered_count = 0, renewed_count = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(seed, false, &recovered_count, &renewed_count);
    assert_true(recovered_count > SEEDS);
    assert_true(renewed_count > 2 * SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roomy),
        cmocka_unit_test(test_tight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
