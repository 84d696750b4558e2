/*
 * The index of rooms against a table of booleans, under long random histories, with changes in the
 * middle of fan-outs.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "broker/rooms.h"
#include "common/live.h"
#include "common/rng.h"
#include "common/value.h"
#include <confab/err.h>

#define MEMBERS 24u
#define ROOMS 9u
#define STEPS 20000u

struct model {
    struct rng rng;
    struct rooms rooms;
    struct broker_member members[MEMBERS];
    bool present[MEMBERS];
    bool in[MEMBERS][ROOMS];
    bool alive[ROOMS]; /* as told by first and last */
    /* of the fan-out under way */
    bool changing;
    bool touched[MEMBERS];
    bool excluded[MEMBERS];
    unsigned reached[MEMBERS];
};

static bool common_room(const struct room *room, unsigned *number)
{
    if (room->name[0] != 'r')
        return false;
    *number = (unsigned)(room->name[1] - '0');
    return true;
}

static void on_first(void *user, struct room *room)
{
    struct model *m = user;
    unsigned number;

    if (!common_room(room, &number))
        return;
    assert_false(m->alive[number]);
    m->alive[number] = true;
}

static void on_last(void *user, struct room *room)
{
    struct model *m = user;
    unsigned number;

    if (!common_room(room, &number))
        return;
    assert_true(m->alive[number]);
    m->alive[number] = false;
}

static struct text room_name(unsigned number)
{
    static const char names[ROOMS][3] = {"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"};

    return (struct text){names[number], 2};
}

static void change(struct model *m)
{
    unsigned who = rng_below(&m->rng, MEMBERS);
    unsigned number = rng_below(&m->rng, ROOMS);
    struct broker_member *member = &m->members[who];
    struct text room = room_name(number);
    struct room *joined;
    char id[8];

    m->touched[who] = true;
    if (!m->present[who]) {
        snprintf(id, sizeof(id), "m%u", who);
        rooms_add(&m->rooms, member, id, strlen(id));
        m->present[who] = true;
        return;
    }
    switch (rng_below(&m->rng, 7)) {
    case 0:
        rooms_remove(&m->rooms, member);
        m->present[who] = false;
        memset(m->in[who], 0, sizeof(m->in[who]));
        break;
    case 1:
    case 2:
        assert_int_equal(rooms_leave(&m->rooms, member, room.bytes, room.length),
                         m->in[who][number]);
        m->in[who][number] = false;
        break;
    default:
        assert_int_equal(rooms_join(&m->rooms, member, room.bytes, room.length, &joined),
                         CONFAB_OK);
        m->in[who][number] = true;
        break;
    }
}

static void on_deliver(void *user, struct broker_member *member, struct message *message)
{
    struct model *m = user;
    unsigned who = (unsigned)(member - m->members);

    (void)message;
    assert_true(m->present[who]);
    assert_false(m->excluded[who]);
    m->reached[who]++;
    if (m->changing && rng_below(&m->rng, 3) == 0)
        change(m);
}

static unsigned draw_rooms(struct model *m, unsigned *numbers, struct text *names)
{
    unsigned count = rng_below(&m->rng, 3);

    for (unsigned i = 0; i < count; i++) {
        numbers[i] = rng_below(&m->rng, ROOMS);
        names[i] = room_name(numbers[i]);
    }
    return count;
}

static bool in_one_of(const struct model *m, unsigned who, const unsigned *numbers, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (m->in[who][numbers[i]])
            return true;
    return false;
}

static void on_pick(void *user, struct broker_member *member)
{
    struct model *m = user;

    m->reached[member - m->members]++;
}

static void broadcast(struct model *m)
{
    unsigned to[2], not_to[2];
    struct text rooms[2], except[2];
    unsigned to_count = draw_rooms(m, to, rooms);
    unsigned not_count = draw_rooms(m, not_to, except);
    struct message *message = message_new("/", 1, rooms, to_count, except, not_count, 0,
                                          confab_list(confab_string("x"), NULL));
    const struct rooms_target target = rooms_target_of(message);
    bool meant[MEMBERS];

    memset(m->touched, 0, sizeof(m->touched));
    for (unsigned who = 0; who < MEMBERS; who++) {
        m->excluded[who] = m->present[who] && in_one_of(m, who, not_to, not_count);
        meant[who] = m->present[who] && !m->excluded[who] &&
                     (to_count == 0 || in_one_of(m, who, to, to_count));
    }
    memset(m->reached, 0, sizeof(m->reached));
    rooms_select(&m->rooms, &target, on_pick, m);
    for (unsigned who = 0; who < MEMBERS; who++)
        assert_int_equal(m->reached[who], meant[who]);

    memset(m->reached, 0, sizeof(m->reached));
    m->changing = rng_below(&m->rng, 2) == 0;
    rooms_fan_out(&m->rooms, message, on_deliver, m);
    for (unsigned who = 0; who < MEMBERS; who++) {
        if (m->touched[who])
            assert_in_range(m->reached[who], 0, 1);
        else
            assert_int_equal(m->reached[who], meant[who]);
    }
    message_release(message);
}

static void compare(const struct model *m)
{
    unsigned present = 0;

    for (unsigned number = 0; number < ROOMS; number++) {
        const struct text name = room_name(number);
        const struct room *room = rooms_find(&m->rooms, name.bytes, name.length);
        unsigned count = 0;

        for (unsigned who = 0; who < MEMBERS; who++)
            count += m->in[who][number];
        assert_int_equal(m->alive[number], count != 0);
        assert_int_equal(room != NULL, count != 0);
        if (room != NULL)
            assert_int_equal(room->member_count, count);
    }
    for (unsigned who = 0; who < MEMBERS; who++) {
        unsigned rooms = 1;

        if (!m->present[who])
            continue;
        present++;
        for (unsigned number = 0; number < ROOMS; number++) {
            const struct text name = room_name(number);

            rooms += m->in[who][number];
            assert_int_equal(rooms_is_in(&m->rooms, &m->members[who], name.bytes, name.length),
                             m->in[who][number]);
        }
        assert_int_equal(m->members[who].room_count, rooms);
    }
    assert_int_equal(m->rooms.member_count, present);
}

static void run(uint64_t seed_number)
{
    static const struct rooms_events events = {.first = on_first, .last = on_last};
    struct model *m = test_calloc(1, sizeof(*m));
    uint8_t seed[HTABLE_SEED_BYTES];

    rng_init_seeded(&m->rng, seed_number);
    rng_bytes(&m->rng, seed, sizeof(seed));
    rooms_init(&m->rooms, seed, 100, &events, m);
    for (unsigned step = 0; step < STEPS; step++) {
        if (rng_below(&m->rng, 4) == 0)
            broadcast(m);
        else
            change(m);
        if (step % 16 == 0)
            compare(m);
    }
    rooms_fini(&m->rooms);
    for (unsigned number = 0; number < ROOMS; number++)
        assert_false(m->alive[number]);
    assert_int_equal(live_total(), 0);
    rng_fini(&m->rng);
    test_free(m);
}

static void test_random_histories(void **state)
{
    (void)state;
    for (uint64_t seed_number = 1; seed_number <= 5; seed_number++)
        run(seed_number);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_histories)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
