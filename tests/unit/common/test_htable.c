/* The hash table, against a plain array as model; SipHash against itself and its known properties.
 */
#include "common/htable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/rng.h"

#include "tests/unit/test.h"

static const uint8_t seed[HTABLE_SEED_BYTES] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                8, 9, 10, 11, 12, 13, 14, 15};

struct item {
    char key[16];
    size_t key_len;
    bool in;
    struct htable_entry entry;
};

static struct item *item_of(struct htable_entry *e)
{
    return container_of(e, struct item, entry);
}

static void test_empty_table(void **state)
{
    struct htable t;
    struct htable_iter it;

    (void)state;
    htable_init(&t, seed);
    assert_null(t.buckets);
    assert_null(htable_find(&t, "a", 1));
    assert_null(htable_find(&t, "", 0));
    htable_iter_init(&it, &t);
    assert_null(htable_iter_next(&it));
    htable_fini(&t);
}

static void test_keys_are_bytes(void **state)
{
    struct htable t;
    struct htable_entry a, b, c, d, again;

    (void)state;
    htable_init(&t, seed);
    assert_null(htable_insert(&t, &a, "", 0));
    assert_null(htable_insert(&t, &b, "\0", 1));
    assert_null(htable_insert(&t, &c, "\0\0", 2));
    assert_null(htable_insert(&t, &d, "key", 3));
    assert_ptr_equal(htable_insert(&t, &again, "key", 3), &d);
    assert_int_equal(htable_count(&t), 4);
    assert_ptr_equal(htable_find(&t, "", 0), &a);
    assert_ptr_equal(htable_find(&t, "\0", 1), &b);
    assert_ptr_equal(htable_find(&t, "\0\0", 2), &c);
    assert_null(htable_find(&t, "ke", 2));
    assert_null(htable_find(&t, "Key", 3));
    htable_remove(&t, &b);
    assert_null(htable_find(&t, "\0", 1));
    assert_ptr_equal(htable_find(&t, "\0\0", 2), &c);
    /* Not in any more: nothing happens. */
    htable_remove(&t, &b);
    assert_int_equal(htable_count(&t), 3);
    htable_fini(&t);
}

/* Random inserts and removals; after each thousand everything is compared. */
static void test_against_a_model(void **state)
{
    enum { ITEMS = 3000 };
    struct item *items = xcalloc(ITEMS, sizeof(*items));
    struct htable t;
    struct rng rng;
    uint32_t in = 0;

    (void)state;
    rng_init_seeded(&rng, 1);
    htable_init(&t, seed);
    for (int i = 0; i < ITEMS; i++)
        items[i].key_len = (size_t)snprintf(items[i].key, sizeof(items[i].key), "k%d", i);
    for (int step = 0; step < 40000; step++) {
        struct item *item = &items[rng_below(&rng, ITEMS)];
        /* First mostly growing, then mostly shrinking. */
        bool add = rng_below(&rng, 10) < (step < 20000 ? 7u : 2u);

        if (add) {
            struct htable_entry *there = htable_insert(&t, &item->entry, item->key, item->key_len);

            assert_ptr_equal(there, item->in ? &item->entry : NULL);
            in += !item->in;
            item->in = true;
        } else if (item->in) {
            htable_remove(&t, &item->entry);
            item->in = false;
            in--;
        }
        if (step % 1000 != 0)
            continue;
        assert_int_equal(htable_count(&t), in);
        for (int i = 0; i < ITEMS; i++)
            assert_ptr_equal(htable_find(&t, items[i].key, items[i].key_len),
                             items[i].in ? &items[i].entry : NULL);
    }
    htable_fini(&t);
    free(items);
}

static void test_walk_visits_all_and_may_remove(void **state)
{
    enum { ITEMS = 500 };
    struct item *items = xcalloc(ITEMS, sizeof(*items));
    struct htable t;
    struct htable_iter it;
    struct htable_entry *e;
    int seen = 0;

    (void)state;
    htable_init(&t, seed);
    for (int i = 0; i < ITEMS; i++) {
        items[i].key_len = (size_t)snprintf(items[i].key, sizeof(items[i].key), "k%d", i);
        htable_insert(&t, &items[i].entry, items[i].key, items[i].key_len);
    }
    htable_iter_init(&it, &t);
    while ((e = htable_iter_next(&it)) != NULL) {
        assert_false(item_of(e)->in);
        item_of(e)->in = true;
        seen++;
        htable_remove(&t, e);
    }
    assert_int_equal(seen, ITEMS);
    assert_int_equal(htable_count(&t), 0);
    /* What is empty costs nothing. */
    assert_null(t.buckets);
    htable_fini(&t);
    free(items);
}

static void test_array_shrinks_again(void **state)
{
    enum { ITEMS = 4096 };
    struct item *items = xcalloc(ITEMS, sizeof(*items));
    struct htable t;
    uint32_t large;

    (void)state;
    htable_init(&t, seed);
    for (int i = 0; i < ITEMS; i++) {
        items[i].key_len = (size_t)snprintf(items[i].key, sizeof(items[i].key), "k%d", i);
        htable_insert(&t, &items[i].entry, items[i].key, items[i].key_len);
    }
    large = t.bucket_count;
    for (int i = 1; i < ITEMS; i++)
        htable_remove(&t, &items[i].entry);
    for (int i = 1; i < 20; i++)
        htable_insert(&t, &items[i].entry, items[i].key, items[i].key_len);
    assert_true(t.bucket_count < large / 16);
    for (int i = 0; i < 20; i++)
        assert_ptr_equal(htable_find(&t, items[i].key, items[i].key_len), &items[i].entry);
    htable_fini(&t);
    free(items);
}

/* The longest chain stays short, whatever regular pattern the keys have, and another seed gives
 * other hashes. */
static void test_hash_spreads(void **state)
{
    static const uint8_t other[HTABLE_SEED_BYTES] = {9};
    struct htable a, b;
    uint32_t counts[256] = {0};
    int same = 0;

    (void)state;
    htable_init(&a, seed);
    htable_init(&b, other);
    for (uint32_t i = 0; i < 65536; i++) {
        uint64_t h = htable_siphash(a.seed, &i, sizeof(i));

        counts[h & 255]++;
        same += (h & 255) == (htable_siphash(b.seed, &i, sizeof(i)) & 255);
    }
    for (int i = 0; i < 256; i++)
        assert_in_range(counts[i], 170, 350);
    assert_in_range(same, 150, 370);
    htable_fini(&a);
    htable_fini(&b);
}

/* Values of another implementation: CPython 3.11 hashes bytes with SipHash-1-3, with a zero key
 * when told so. */
static void test_hash_known_values(void **state)
{
    static const struct {
        const char *text;
        uint64_t hash;
    } cases[] = {
        {"a", UINT64_C(0x407448d2b89b1813)},
        {"abcdefg", UINT64_C(0x6db12aae9070f506)},
        {"abcdefgh", UINT64_C(0x3f7b849c0b8e35ea)},
        {"abcdefghi", UINT64_C(0xf89b34a3d11eb6e5)},
        {"socket.io#/#room#", UINT64_C(0xb07b716179fd71cb)},
    };
    const uint64_t zero[2] = {0, 0};

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++)
        assert_true(htable_siphash(zero, cases[i].text, strlen(cases[i].text)) == cases[i].hash);
}

/* Every length up to a few words: each byte of the input matters, and alignment does not. */
static void test_hash_reads_all_bytes(void **state)
{
    const uint64_t key[2] = {1, 2};
    char text[64];
    char shifted[65];

    (void)state;
    for (size_t len = 0; len < 40; len++) {
        uint64_t h;

        memset(text, 'a', sizeof(text));
        h = htable_siphash(key, text, len);
        memcpy(shifted + 1, text, len);
        assert_true(h == htable_siphash(key, shifted + 1, len));
        for (size_t i = 0; i < len; i++) {
            text[i] = 'b';
            assert_true(h != htable_siphash(key, text, len));
            text[i] = 'a';
        }
        text[len] = 'b';
        assert_true(h == htable_siphash(key, text, len));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_table),
        cmocka_unit_test(test_keys_are_bytes),
        cmocka_unit_test(test_against_a_model),
        cmocka_unit_test(test_walk_visits_all_and_may_remove),
        cmocka_unit_test(test_array_shrinks_again),
        cmocka_unit_test(test_hash_spreads),
        cmocka_unit_test(test_hash_known_values),
        cmocka_unit_test(test_hash_reads_all_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
