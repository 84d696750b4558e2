#include "tests/unit/test.h"

#include <string.h>

#include "broker/message.h"
#include "common/frame.h"
#include "common/live.h"
#include "common/value.h"

#define T(s) {(s), sizeof(s) - 1}

static struct confab_value *hello(void)
{
    return confab_list(confab_string("hello"), NULL);
}

static void assert_text(const struct text *text, const char *expected)
{
    assert_int_equal(text->length, strlen(expected));
    assert_string_equal(text->bytes, expected);
}

static void test_copies(void **state)
{
    char room[] = "room";
    char nsp[] = "/chat and more";
    struct text rooms[] = {{room, 4}};
    struct message *m = message_new(nsp, 5, rooms, 1, NULL, 0, MESSAGE_VOLATILE, hello());

    (void)state;
    memset(room, 'x', sizeof(room));
    memset(nsp, 'x', sizeof(nsp));
    assert_text(&m->nsp, "/chat");
    assert_int_equal(m->room_count, 1);
    assert_text(&m->rooms[0], "room");
    assert_int_equal(m->except_count, 0);
    assert_int_equal(m->flags, MESSAGE_VOLATILE);
    assert_string_equal(confab_as_string(confab_at(m->args, 0), NULL), "hello");
    message_release(m);
    assert_int_equal(live_total(), 0);
}

static void test_duplicates_go_and_order_stays(void **state)
{
    const struct text rooms[] = {T("b"), T("a"), T("b"), T(""), T("a"), T("c"), T(""), T("ab")};
    const struct text except[] = {T("x"), T("x")};
    struct message *m = message_new("/", 1, rooms, 8, except, 2, 0, hello());
    const char *kept[] = {"b", "a", "", "c", "ab"};

    (void)state;
    assert_int_equal(m->room_count, TEST_COUNT(kept));
    for (size_t i = 0; i < TEST_COUNT(kept); i++)
        assert_text(&m->rooms[i], kept[i]);
    assert_int_equal(m->except_count, 1);
    assert_text(&m->except[0], "x");
    message_release(m);
}

static void test_rooms_are_bytes(void **state)
{
    const struct text rooms[] = {T("a\0b"), T("a\0c"), T("a")};
    struct message *m = message_new("/", 1, rooms, 3, NULL, 0, 0, hello());

    (void)state;
    assert_int_equal(m->room_count, 3);
    assert_memory_equal(m->rooms[1].bytes, "a\0c", 4);
    message_release(m);
}

static void test_counted_with_its_wire(void **state)
{
    struct message *m = message_new("/", 1, NULL, 0, NULL, 0, 0, hello());
    struct frame *frame = frame_text(NULL, "42[]", 4);

    (void)state;
    assert_ptr_equal(message_hold(m), m);
    assert_null(m->wire);
    message_set_wire(m, frame_set_new(&frame, 1));
    message_release(m);
    assert_int_equal(m->wire->count, 1);
    message_release(m);
    assert_int_equal(live_total(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_duplicates_go_and_order_stays),
        cmocka_unit_test(test_rooms_are_bytes),
        cmocka_unit_test(test_counted_with_its_wire),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
