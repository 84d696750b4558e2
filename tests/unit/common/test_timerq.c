/* Both timer queues, also against a sorted model. */
#include "common/timerq.h"

#include <stdlib.h>

#include "common/mem.h"
#include "common/rng.h"

#include "tests/unit/test.h"

struct item {
    int number;
    struct timerq_entry timer;
    struct timerfifo_entry fifo;
};

static struct item *item_of(struct timerq_entry *e)
{
    return container_of(e, struct item, timer);
}

static struct item *fifo_item_of(struct timerfifo_entry *e)
{
    return container_of(e, struct item, fifo);
}

static void make_items(struct item *items, int n)
{
    for (int i = 0; i < n; i++) {
        items[i].number = i;
        timerq_entry_init(&items[i].timer);
        timerfifo_entry_init(&items[i].fifo);
    }
}

static void test_empty(void **state)
{
    struct timerq q;
    struct timerq_entry e;

    (void)state;
    timerq_init(&q);
    timerq_entry_init(&e);
    assert_true(timerq_next(&q) == TIMERQ_NEVER);
    assert_null(timerq_pop_due(&q, INT64_MAX));
    timerq_disarm(&q, &e);
    timerq_disarm(&q, &e);
    assert_false(timerq_armed(&e));
    timerq_fini(&q);
}

static void test_due_is_inclusive_and_in_order(void **state)
{
    static const int64_t at[] = {50, 10, 30, 10, 20, 10, 40, 30};
    static const int order[] = {1, 3, 5, 4, 2, 7, 6, 0};
    struct item items[8];
    struct timerq q;

    (void)state;
    timerq_init(&q);
    make_items(items, 8);
    for (int i = 0; i < 8; i++)
        timerq_arm(&q, &items[i].timer, at[i]);
    assert_int_equal(timerq_next(&q), 10);
    assert_null(timerq_pop_due(&q, 9));
    for (int i = 0; i < 8; i++) {
        struct timerq_entry *e = timerq_pop_due(&q, at[order[i]]);

        assert_non_null(e);
        assert_int_equal(item_of(e)->number, order[i]);
        assert_false(timerq_armed(e));
    }
    assert_null(timerq_pop_due(&q, INT64_MAX));
    timerq_fini(&q);
}

static void test_rearming_moves_both_ways(void **state)
{
    struct item items[20];
    struct timerq q;

    (void)state;
    timerq_init(&q);
    make_items(items, 20);
    for (int i = 0; i < 20; i++)
        timerq_arm(&q, &items[i].timer, 100 + i);
    timerq_arm(&q, &items[19].timer, 1);
    timerq_arm(&q, &items[0].timer, 1000);
    assert_int_equal(q.count, 20);
    assert_int_equal(item_of(timerq_pop_due(&q, 1))->number, 19);
    assert_int_equal(timerq_next(&q), 101);
    for (int i = 1; i < 19; i++)
        assert_int_equal(item_of(timerq_pop_due(&q, 999))->number, i);
    assert_null(timerq_pop_due(&q, 999));
    assert_int_equal(item_of(timerq_pop_due(&q, 1000))->number, 0);
    timerq_fini(&q);
}

static void test_extreme_instants(void **state)
{
    struct item items[3];
    struct timerq q;

    (void)state;
    timerq_init(&q);
    make_items(items, 3);
    timerq_arm(&q, &items[0].timer, INT64_MAX);
    timerq_arm(&q, &items[1].timer, INT64_MIN);
    timerq_arm(&q, &items[2].timer, 0);
    assert_int_equal(item_of(timerq_pop_due(&q, INT64_MIN))->number, 1);
    assert_int_equal(item_of(timerq_pop_due(&q, 0))->number, 2);
    assert_int_equal(item_of(timerq_pop_due(&q, INT64_MAX))->number, 0);
    timerq_fini(&q);
}

static void test_fini_disarms(void **state)
{
    struct item items[3];
    struct timerq q;
    struct timerfifo f;

    (void)state;
    timerq_init(&q);
    timerfifo_init(&f);
    make_items(items, 3);
    for (int i = 0; i < 3; i++) {
        timerq_arm(&q, &items[i].timer, i);
        timerfifo_arm(&f, &items[i].fifo, i);
    }
    timerq_fini(&q);
    timerfifo_fini(&f);
    for (int i = 0; i < 3; i++) {
        assert_false(timerq_armed(&items[i].timer));
        assert_false(timerfifo_armed(&items[i].fifo));
    }
}

/* What is armed earliest by a scan over all must be what the heap gives. */
static struct item *model_due(struct item *items, int n, int64_t now_ms)
{
    struct item *best = NULL;

    for (int i = 0; i < n; i++) {
        struct item *item = &items[i];

        if (!timerq_armed(&item->timer) || item->timer.at_ms > now_ms)
            continue;
        if (best == NULL || item->timer.at_ms < best->timer.at_ms ||
            (item->timer.at_ms == best->timer.at_ms && item->timer.order < best->timer.order))
            best = item;
    }
    return best;
}

static void test_heap_against_a_model(void **state)
{
    enum { ITEMS = 300 };
    struct item *items = xcalloc(ITEMS, sizeof(*items));
    struct timerq q;
    struct rng rng;
    int64_t now_ms = 0;

    (void)state;
    rng_init_seeded(&rng, 7);
    timerq_init(&q);
    make_items(items, ITEMS);
    for (int step = 0; step < 10000; step++) {
        struct item *item = &items[rng_below(&rng, ITEMS)];

        switch (rng_below(&rng, 4)) {
        case 0:
        case 1:
            timerq_arm(&q, &item->timer, now_ms + rng_below(&rng, 50));
            break;
        case 2:
            timerq_disarm(&q, &item->timer);
            assert_false(timerq_armed(&item->timer));
            break;
        default:
            now_ms += rng_below(&rng, 3);
            for (;;) {
                struct item *expected = model_due(items, ITEMS, now_ms);
                struct timerq_entry *e = timerq_pop_due(&q, now_ms);

                assert_ptr_equal(e, expected != NULL ? &expected->timer : NULL);
                if (e == NULL)
                    break;
            }
        }
    }
    timerq_fini(&q);
    free(items);
}

static void test_heap_gives_memory_back(void **state)
{
    enum { ITEMS = 5000 };
    struct item *items = xcalloc(ITEMS, sizeof(*items));
    struct timerq q;
    uint32_t large;

    (void)state;
    timerq_init(&q);
    make_items(items, ITEMS);
    for (int i = 0; i < ITEMS; i++)
        timerq_arm(&q, &items[i].timer, i);
    large = q.cap;
    while (timerq_pop_due(&q, ITEMS) != NULL)
        ;
    assert_true(q.cap <= large / 64);
    timerq_fini(&q);
    free(items);
}

static void test_fifo(void **state)
{
    struct item items[4];
    struct timerfifo f;

    (void)state;
    timerfifo_init(&f);
    make_items(items, 4);
    assert_true(timerfifo_next(&f) == TIMERQ_NEVER);
    assert_null(timerfifo_pop_due(&f, INT64_MAX));
    for (int i = 0; i < 4; i++)
        timerfifo_arm(&f, &items[i].fifo, 10 + i);
    /* Activity moves an entry to the tail. */
    timerfifo_arm(&f, &items[0].fifo, 14);
    assert_int_equal(timerfifo_next(&f), 11);
    timerfifo_disarm(&f, &items[1].fifo);
    timerfifo_disarm(&f, &items[1].fifo);
    assert_int_equal(timerfifo_next(&f), 12);
    assert_null(timerfifo_pop_due(&f, 11));
    assert_ptr_equal(fifo_item_of(timerfifo_pop_due(&f, 20)), &items[2]);
    assert_ptr_equal(fifo_item_of(timerfifo_pop_due(&f, 20)), &items[3]);
    assert_ptr_equal(fifo_item_of(timerfifo_pop_due(&f, 20)), &items[0]);
    assert_null(timerfifo_pop_due(&f, 20));
    assert_false(timerfifo_armed(&items[0].fifo));
    timerfifo_fini(&f);
}

static void test_fifo_sorts_what_comes_too_early(void **state)
{
    static const int64_t at[] = {30, 10, 20, 20, 5};
    static const int order[] = {4, 1, 2, 3, 0};
    struct item items[5];
    struct timerfifo f;

    (void)state;
    timerfifo_init(&f);
    make_items(items, 5);
    for (int i = 0; i < 5; i++)
        timerfifo_arm(&f, &items[i].fifo, at[i]);
    for (int i = 0; i < 5; i++)
        assert_int_equal(fifo_item_of(timerfifo_pop_due(&f, 100))->number, order[i]);
    timerfifo_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_due_is_inclusive_and_in_order),
        cmocka_unit_test(test_rearming_moves_both_ways),
        cmocka_unit_test(test_extreme_instants),
        cmocka_unit_test(test_fini_disarms),
        cmocka_unit_test(test_heap_against_a_model),
        cmocka_unit_test(test_heap_gives_memory_back),
        cmocka_unit_test(test_fifo),
        cmocka_unit_test(test_fifo_sorts_what_comes_too_early),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
