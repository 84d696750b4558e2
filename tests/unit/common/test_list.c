/* The intrusive list. */
#include "common/list.h"

#include "tests/unit/test.h"

struct item {
    int number;
    struct list link;
};

static struct item *item_of(struct list *link)
{
    return container_of(link, struct item, link);
}

static void check(const struct list *head, const char *expected)
{
    char forward[16] = "", backward[16] = "";
    size_t n = 0, m = 0;

    LIST_FOREACH(it, head)
    {
        assert_ptr_equal(it->next->prev, it);
        forward[n++] = (char)('0' + item_of(it)->number);
    }
    assert_string_equal(forward, expected);
    for (struct list *it = head->prev; it != head; it = it->prev)
        backward[m++] = (char)('0' + item_of(it)->number);
    assert_int_equal(n, m);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(forward[i], backward[n - 1 - i]);
}

static void make_items(struct item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        items[i].number = (int)i;
        list_init(&items[i].link);
    }
}

static void test_adding(void **state)
{
    struct item items[5];
    struct list head;

    (void)state;
    list_init(&head);
    make_items(items, 5);
    assert_true(list_empty(&head));
    assert_null(list_first(&head));
    assert_null(list_last(&head));
    assert_null(list_pop(&head));
    list_add_tail(&head, &items[1].link);
    list_add_tail(&head, &items[2].link);
    list_add_head(&head, &items[0].link);
    check(&head, "012");
    list_add_before(&items[0].link, &items[3].link);
    list_add_after(&items[2].link, &items[4].link);
    check(&head, "30124");
    assert_ptr_equal(LIST_FIRST(&head, struct item, link), &items[3]);
    assert_ptr_equal(item_of(list_last(&head)), &items[4]);
    list_move_tail(&head, &items[3].link);
    check(&head, "01243");
}

static void test_unlinking_repeats(void **state)
{
    struct item items[3];
    struct list head;

    (void)state;
    list_init(&head);
    make_items(items, 3);
    list_del(&items[1].link);
    for (size_t i = 0; i < 3; i++)
        list_add_tail(&head, &items[i].link);
    assert_true(list_linked(&items[1].link));
    list_del(&items[1].link);
    list_del(&items[1].link);
    assert_false(list_linked(&items[1].link));
    check(&head, "02");
    assert_ptr_equal(item_of(list_pop(&head)), &items[0]);
    assert_ptr_equal(item_of(list_pop(&head)), &items[2]);
    assert_true(list_empty(&head));
    assert_null(LIST_FIRST(&head, struct item, link));
}

static void test_safe_walk_and_splice(void **state)
{
    struct item items[6];
    struct list a, b;

    (void)state;
    list_init(&a);
    list_init(&b);
    make_items(items, 6);
    for (size_t i = 0; i < 6; i++)
        list_add_tail(&a, &items[i].link);
    LIST_FOREACH_SAFE(it, &a)
    {
        if (item_of(it)->number % 2 == 1)
            list_move_tail(&b, it);
    }
    check(&a, "024");
    check(&b, "135");
    list_splice_tail(&a, &b);
    check(&a, "024135");
    check(&b, "");
    list_splice_tail(&a, &b);
    check(&a, "024135");
    list_splice_tail(&b, &a);
    check(&b, "024135");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adding),
        cmocka_unit_test(test_unlinking_repeats),
        cmocka_unit_test(test_safe_walk_and_splice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
