/* What one address may take, on a clock of the test's own. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "gateway/net/guests.h"

static const uint8_t seed[HTABLE_SEED_BYTES] = "a seed for tests";

static struct guests *make(unsigned handshakes, unsigned sessions, unsigned connections,
                           unsigned entries)
{
    struct guests_config config = {.max_handshakes_per_second = handshakes,
                                   .max_sessions = sessions,
                                   .max_connections = connections,
                                   .max_entries = entries};

    return guests_new(&config, seed);
}

static struct guest *at(struct guests *guests, const char *text, int64_t now_ms)
{
    struct address address;

    assert_true(address_parse(&address, text, strlen(text)));
    return guests_find(guests, &address, now_ms);
}

static void test_who_is_one(void **state)
{
    struct guests *guests = make(1, 0, 0, 0);

    (void)state;
    guest_connects(at(guests, "192.0.2.1", 0));
    guest_connects(at(guests, "192.0.2.2", 0));
    assert_ptr_not_equal(at(guests, "192.0.2.1", 0), at(guests, "192.0.2.2", 0));
    assert_ptr_equal(at(guests, "192.0.2.1", 0), at(guests, "::ffff:192.0.2.1", 0));
    assert_null(at(guests, "127.0.0.1", 0));
    assert_null(at(guests, "::1", 0));
    guest_connects(at(guests, "2001:db8:1:2::1", 0));
    assert_ptr_equal(at(guests, "2001:db8:1:2::1", 0), at(guests, "2001:db8:1:2:ffff::9", 0));
    assert_ptr_not_equal(at(guests, "2001:db8:1:2::1", 0), at(guests, "2001:db8:1:3::1", 0));
    guests_free(&guests);
}

static void test_handshakes(void **state)
{
    struct guests *guests = make(10, 0, 0, 0);
    struct guest *guest = at(guests, "192.0.2.1", 1000);
    int64_t retry_ms = 0;

    (void)state;
    for (int i = 0; i < 50; i++)
        assert_int_equal(guest_shakes_hands(guest, 1000, &retry_ms), NET_LIMIT_NONE);
    assert_int_equal(guest_shakes_hands(guest, 1000, &retry_ms), NET_LIMIT_HANDSHAKES);
    assert_int_equal(retry_ms, 100);
    assert_int_equal(guest_shakes_hands(guest, 1100, &retry_ms), NET_LIMIT_NONE);
    assert_int_equal(guest_shakes_hands(guest, 1100, &retry_ms), NET_LIMIT_HANDSHAKES);
    /* Others have their own. */
    assert_int_equal(guest_shakes_hands(at(guests, "192.0.2.2", 1100), 1100, &retry_ms),
                     NET_LIMIT_NONE);
    guest_session_ends(at(guests, "192.0.2.2", 1100));
    for (int i = 0; i < 51; i++)
        guest_session_ends(guest);
    guests_free(&guests);
}

static void test_sessions(void **state)
{
    struct guests *guests = make(0, 3, 0, 0);
    struct guest *guest = at(guests, "192.0.2.1", 0);
    int64_t retry_ms = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(guest_shakes_hands(guest, 0, &retry_ms), NET_LIMIT_NONE);
    assert_int_equal(guest_shakes_hands(guest, 0, &retry_ms), NET_LIMIT_SESSIONS);
    assert_true(retry_ms > 0);
    guest_session_ends(guest);
    assert_int_equal(guest_shakes_hands(guest, 0, &retry_ms), NET_LIMIT_NONE);
    /* Sessions outlive the table's owner. */
    guests_free(&guests);
    for (int i = 0; i < 3; i++)
        guest_session_ends(guest);
}

static void test_connections(void **state)
{
    struct guests *guests = make(0, 0, 2, 0);
    struct guest *guest = at(guests, "192.0.2.1", 0);

    (void)state;
    assert_int_equal(guest_connects(guest), NET_LIMIT_NONE);
    assert_int_equal(guest_connects(guest), NET_LIMIT_NONE);
    assert_int_equal(guest_connects(guest), NET_LIMIT_CONNECTIONS);
    guest_leaves(guest);
    guest_leaves(guest);
    assert_int_equal(guest_connects(guest), NET_LIMIT_NONE);
    guest_leaves(guest);
    guest_leaves(guest);
    assert_int_equal(guest_connects(NULL), NET_LIMIT_NONE);
    guest_leaves(NULL);
    guests_free(&guests);
}

/* A crowd of addresses: the table stays as it is, those who are counted stay in it, and whoever is
 * forgotten meanwhile is one who did nothing. */
static void test_crowd(void **state)
{
    struct guests *guests = make(1, 0, 0, 16);
    struct guest *here = at(guests, "192.0.2.1", 0);
    struct guest *owing;
    int64_t retry_ms = 0;
    char text[32];

    (void)state;
    guest_connects(here);
    owing = at(guests, "192.0.2.2", 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(guest_shakes_hands(owing, 0, &retry_ms), NET_LIMIT_NONE);
    for (int i = 0; i < 5; i++)
        guest_session_ends(owing);
    for (int i = 0; i < 13; i++) {
        snprintf(text, sizeof(text), "198.51.100.%d", i);
        guest_connects(at(guests, text, 0));
        assert_true(guests_count(guests) <= 16);
    }
    assert_ptr_equal(at(guests, "192.0.2.1", 0), here);
    assert_ptr_equal(at(guests, "192.0.2.2", 0), owing);
    assert_int_equal(guest_shakes_hands(owing, 0, &retry_ms), NET_LIMIT_HANDSHAKES);
    /* The last places go; what is in use is never given away, newcomers share one. */
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof(text), "203.0.113.%d", i);
        guest_connects(at(guests, text, 0));
    }
    assert_int_equal(guests_count(guests), 16);
    assert_ptr_equal(at(guests, "203.0.113.77", 0), at(guests, "203.0.113.78", 0));
    assert_ptr_equal(at(guests, "192.0.2.1", 0), here);
    guests_free(&guests);
}

static void test_shrinks(void **state)
{
    struct guests *guests = make(1, 0, 0, 1000);
    char text[32];

    (void)state;
    for (int i = 0; i < 200; i++) {
        int64_t retry_ms = 0;
        struct guest *guest;

        snprintf(text, sizeof(text), "198.51.100.%d", i);
        guest = at(guests, text, 0);
        assert_int_equal(guest_shakes_hands(guest, 0, &retry_ms), NET_LIMIT_NONE);
        guest_session_ends(guest);
    }
    assert_int_equal(guests_count(guests), 200);
    for (int i = 0; i < 200; i++) {
        snprintf(text, sizeof(text), "203.0.113.%d", i);
        guest_connects(at(guests, text, 60000));
    }
    assert_int_equal(guests_count(guests), 200);
    guests_free(&guests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_one), cmocka_unit_test(test_handshakes),
        cmocka_unit_test(test_sessions),   cmocka_unit_test(test_connections),
        cmocka_unit_test(test_crowd),      cmocka_unit_test(test_shrinks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
