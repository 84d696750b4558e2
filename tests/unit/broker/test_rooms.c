/* The index of rooms by hand: what each function promises, and changes in the middle of a walk. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "broker/rooms.h"
#include "common/live.h"
#include "common/value.h"
#include <confab/err.h>

#define MEMBERS 6

struct world {
    struct rooms rooms;
    struct broker_member members[MEMBERS];
    char seen[256];      /* who was visited: their digits in order */
    char rooms_log[512]; /* +room first, -room last */
    void (*inside)(struct world *w, unsigned who);
};

static const uint8_t seed[HTABLE_SEED_BYTES] = "0123456789abcde";

static void note(char *log, size_t cap, const char *sign, const char *what)
{
    size_t used = strlen(log);

    snprintf(log + used, cap - used, "%s%s", sign, what);
}

static void on_first(void *user, struct room *room)
{
    struct world *w = user;

    assert_int_equal(room->member_count, 1);
    assert_null(room->impl);
    room->impl = w;
    note(w->rooms_log, sizeof(w->rooms_log), "+", room->name);
}

static void on_last(void *user, struct room *room)
{
    struct world *w = user;

    assert_int_equal(room->member_count, 0);
    assert_ptr_equal(room->impl, w);
    note(w->rooms_log, sizeof(w->rooms_log), "-", room->name);
}

static const struct rooms_events events = {.first = on_first, .last = on_last};

static unsigned who_is(const struct world *w, const struct broker_member *member)
{
    return (unsigned)(member - w->members);
}

static void see(struct world *w, struct broker_member *member)
{
    char digit[2] = {(char)('0' + who_is(w, member)), '\0'};

    note(w->seen, sizeof(w->seen), "", digit);
    if (w->inside != NULL)
        w->inside(w, who_is(w, member));
}

static void on_deliver(void *user, struct broker_member *member, struct message *message)
{
    assert_non_null(message);
    see(user, member);
}

static void on_pick(void *user, struct broker_member *member)
{
    see(user, member);
}

static void join(struct world *w, unsigned who, const char *room)
{
    struct room *joined;

    assert_int_equal(rooms_join(&w->rooms, &w->members[who], room, strlen(room), &joined),
                     CONFAB_OK);
    assert_string_equal(joined->name, room);
}

static void leave(struct world *w, unsigned who, const char *room)
{
    rooms_leave(&w->rooms, &w->members[who], room, strlen(room));
}

static void take_out(struct world *w, unsigned who)
{
    rooms_remove(&w->rooms, &w->members[who]);
}

static void add(struct world *w, unsigned who)
{
    char id[8];

    snprintf(id, sizeof(id), "id%u", who);
    rooms_add(&w->rooms, &w->members[who], id, strlen(id));
}

/* Everybody in; 0 1 2 in "a", 2 3 4 in "b". */
static int setup(void **state)
{
    struct world *w = test_calloc(1, sizeof(*w));

    rooms_init(&w->rooms, seed, 5, &events, w);
    for (unsigned i = 0; i < MEMBERS; i++)
        add(w, i);
    for (unsigned i = 0; i < 3; i++)
        join(w, i, "a");
    for (unsigned i = 2; i < 5; i++)
        join(w, i, "b");
    w->rooms_log[0] = '\0';
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    rooms_fini(&w->rooms);
    test_free(w);
    return live_total() == 0 ? 0 : -1;
}

static struct text text_of(const char *s)
{
    return (struct text){s, strlen(s)};
}

/* "a b" are rooms, "" is none. */
static unsigned split(const char *words, char *copy, struct text *out)
{
    unsigned count = 0;

    strcpy(copy, words);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        out[count++] = text_of(word);
    return count;
}

static const char *fan_out(struct world *w, const char *rooms, const char *except)
{
    struct text to[8], not_to[8];
    char copies[2][64];
    unsigned to_count = split(rooms, copies[0], to);
    unsigned not_count = split(except, copies[1], not_to);
    struct message *message = message_new("/", 1, to, to_count, not_to, not_count, 0,
                                          confab_list(confab_string("x"), NULL));
    size_t reached;

    w->seen[0] = '\0';
    reached = rooms_fan_out(&w->rooms, message, on_deliver, w);
    assert_int_equal(reached, strlen(w->seen));
    message_release(message);
    return w->seen;
}

static const char *chosen(struct world *w, const char *rooms, const char *except)
{
    struct text to[8], not_to[8];
    char copies[2][64];
    struct rooms_target target = {.rooms = to, .except = not_to};

    target.room_count = split(rooms, copies[0], to);
    target.except_count = split(except, copies[1], not_to);
    w->seen[0] = '\0';
    rooms_select(&w->rooms, &target, on_pick, w);
    return w->seen;
}

static void test_who_is_meant(void **state)
{
    static const struct {
        const char *rooms, *except, *reached;
    } cases[] = {
        {"", "", "012345"},      {"a", "", "012"},          {"b", "", "234"},
        {"a b", "", "01234"},    {"b a", "", "23401"},      {"", "a", "345"},
        {"a", "b", "01"},        {"a b", "a b", ""},        {"a", "id1", "02"},
        {"id5", "", "5"},        {"id5 b id2", "", "5234"}, {"nobody", "", ""},
        {"nobody a", "", "012"}, {"", "nobody", "012345"},  {"", "id0 id1 b", "5"},
        {"a a", "", "012"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        assert_string_equal(fan_out(w, cases[i].rooms, cases[i].except), cases[i].reached);
        assert_string_equal(chosen(w, cases[i].rooms, cases[i].except), cases[i].reached);
    }
}

static void test_rooms_come_and_go(void **state)
{
    struct world *w = *state;

    join(w, 5, "c");
    assert_string_equal(w->rooms_log, "+c");
    join(w, 5, "c");
    join(w, 4, "c");
    leave(w, 5, "c");
    leave(w, 5, "c");
    assert_string_equal(w->rooms_log, "+c");
    assert_non_null(rooms_find(&w->rooms, "c", 1));
    leave(w, 4, "c");
    assert_string_equal(w->rooms_log, "+c-c");
    assert_null(rooms_find(&w->rooms, "c", 1));
    leave(w, 3, "b");
    leave(w, 4, "b");
    w->rooms_log[0] = '\0';
    take_out(w, 2);
    assert_string_equal(w->rooms_log, "-b-id2");
    assert_int_equal(w->rooms.member_count, MEMBERS - 1);
}

static void test_members_are_found(void **state)
{
    struct world *w = *state;

    assert_ptr_equal(rooms_find_member(&w->rooms, "id3", 3), &w->members[3]);
    assert_null(rooms_find_member(&w->rooms, "a", 1));
    assert_null(rooms_find_member(&w->rooms, "id9", 3));
    assert_string_equal(rooms_private(&w->members[2])->name, "id2");
    assert_true(rooms_is_in(&w->rooms, &w->members[2], "b", 1));
    assert_false(rooms_is_in(&w->rooms, &w->members[1], "b", 1));
    assert_false(rooms_is_in(&w->rooms, &w->members[1], "nobody", 6));
    take_out(w, 3);
    assert_null(rooms_find_member(&w->rooms, "id3", 3));
}

static void test_a_private_room_is_kept(void **state)
{
    struct world *w = *state;

    assert_false(rooms_leave(&w->rooms, &w->members[0], "id0", 3));
    join(w, 1, "id0");
    assert_string_equal(fan_out(w, "id0", ""), "01");
    assert_true(rooms_leave(&w->rooms, &w->members[1], "id0", 3));
    join(w, 1, "id0");
    take_out(w, 0);
    assert_null(rooms_find_member(&w->rooms, "id0", 3));
    assert_string_equal(fan_out(w, "id0", ""), "1");
    add(w, 0);
    assert_ptr_equal(rooms_find_member(&w->rooms, "id0", 3), &w->members[0]);
    assert_string_equal(rooms_private(&w->members[0])->name, "id0");
}

static void test_limits(void **state)
{
    static char long_name[BROKER_ROOM_MAX_BYTES + 1];
    struct world *w = *state;
    struct room *room;

    memset(long_name, 'x', sizeof(long_name));
    assert_int_equal(rooms_join(&w->rooms, &w->members[0], long_name, sizeof(long_name), &room),
                     CONFAB_ELIMIT);
    assert_int_equal(rooms_join(&w->rooms, &w->members[0], long_name, sizeof(long_name) - 1, &room),
                     CONFAB_OK);
    join(w, 0, "c");
    join(w, 0, "");
    assert_int_equal(w->members[0].room_count, 5);
    assert_int_equal(rooms_join(&w->rooms, &w->members[0], "d", 1, &room), CONFAB_ELIMIT);
    assert_null(rooms_find(&w->rooms, "d", 1));
    join(w, 0, "c");
    leave(w, 0, "");
    join(w, 0, "d");
}

/* ---- changes inside a walk ---- */

static void remove_self(struct world *w, unsigned who)
{
    take_out(w, who);
}

static void remove_next(struct world *w, unsigned who)
{
    if (who + 1 < MEMBERS && w->members[who + 1].room_count != 0)
        take_out(w, who + 1);
}

static void remove_last_and_itself(struct world *w, unsigned who)
{
    if (who != 0)
        return;
    take_out(w, 2);
    take_out(w, 0);
}

static void empty_a(struct world *w, unsigned who)
{
    (void)who;
    for (unsigned i = 0; i < 3; i++)
        leave(w, i, "a");
    join(w, 5, "a");
}

static void come_back(struct world *w, unsigned who)
{
    leave(w, who, "a");
    join(w, who, "a");
}

/* Out and in again, and into a room that is still to be walked. */
static void start_over(struct world *w, unsigned who)
{
    if (who != 0)
        return;
    take_out(w, 0);
    add(w, 0);
    join(w, 0, "b");
}

static void bring_in(struct world *w, unsigned who)
{
    if (who == 0)
        join(w, 5, "a");
}

static void look_around(struct world *w, unsigned who)
{
    struct rooms_cursor cursor;
    unsigned count = 0;

    if (who == 1)
        take_out(w, 2);
    rooms_cursor_begin(&w->rooms, &cursor, rooms_find(&w->rooms, "a", 1));
    while (rooms_cursor_next(&cursor) != NULL)
        count++;
    rooms_cursor_end(&w->rooms, &cursor);
    assert_int_equal(count, who == 0 ? 3 : 2);
}

static void test_changes_inside(void **state)
{
    static const struct {
        void (*inside)(struct world *w, unsigned who);
        const char *rooms, *reached;
    } cases[] = {
        {remove_self, "", "012345"},
        {remove_self, "a b", "01234"},
        {remove_next, "", "024"},
        {remove_next, "a", "02"},
        {empty_a, "a", "0"},
        {empty_a, "a b", "0234"},
        {come_back, "a", "012"},
        {bring_in, "a", "012"},
        {remove_last_and_itself, "a", "01"},
        {start_over, "a b", "01234"},
        {look_around, "a", "01"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        void *fresh;

        w->inside = cases[i].inside;
        assert_string_equal(fan_out(w, cases[i].rooms, ""), cases[i].reached);
        assert_null(w->rooms.cursors);
        w->inside = NULL;
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(&fresh), 0);
        *state = w = fresh;
    }
}

static void test_walk_outlives_members(void **state)
{
    struct world *w = *state;
    const struct text b = text_of("b");
    struct rooms_target target = {.rooms = &b, .room_count = 1};
    struct rooms_walk *walk = rooms_walk_new(&w->rooms, &target);

    assert_int_equal(rooms_walk_count(walk), 3);
    assert_ptr_equal(rooms_walk_next(walk), &w->members[2]);
    take_out(w, 2);
    take_out(w, 3);
    leave(w, 4, "b");
    assert_ptr_equal(rooms_walk_next(walk), &w->members[4]);
    assert_null(rooms_walk_next(walk));
    assert_null(rooms_walk_next(walk));
    rooms_walk_free(&walk);
    assert_null(walk);
    rooms_walk_free(&walk);
}

static void test_marks_start_over(void **state)
{
    struct world *w = *state;

    assert_string_equal(chosen(w, "a", "id0"), "12");
    w->rooms.selection = UINT32_MAX - 7;
    for (int i = 0; i < 4; i++)
        assert_string_equal(chosen(w, "a b", "id1"), "0234");
    assert_in_range(w->rooms.selection, 0, 100);
}

static void count_room(void *user, const struct room *room)
{
    (void)room;
    ++*(unsigned *)user;
}

static void test_all_rooms(void **state)
{
    struct world *w = *state;
    unsigned count = 0;

    rooms_each(&w->rooms, count_room, &count);
    assert_int_equal(count, MEMBERS + 2);
    assert_true(sizeof(struct room_link) <= 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who_is_meant, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rooms_come_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_members_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_private_room_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_changes_inside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_walk_outlives_members, setup, teardown),
        cmocka_unit_test_setup_teardown(test_marks_start_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_rooms, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
