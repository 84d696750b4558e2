/* What is remembered of those who spent all and went, by their address. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "gateway/chat/debts.h"

#define NOW 1000000

static const struct rate_rule rules[CHAT_LIMIT_COUNT] = {
    [CHAT_LIMIT_MESSAGES] = {.amount = 2, .span_ms = 1000, .burst = 500},
    [CHAT_LIMIT_SEND_MSG] = {.amount = 5, .span_ms = 1000, .burst = 20},
};

static void leave(struct chat_debts *debts, const char *address, unsigned spent, int64_t now_ms)
{
    struct rate rates[CHAT_LIMIT_COUNT] = {0};
    chat_debts_apply(debts, address, rates, now_ms);
    rate_charge(&rates[CHAT_LIMIT_MESSAGES], &rules[CHAT_LIMIT_MESSAGES], spent, now_ms);
    chat_debts_keep(debts, address, rates, now_ms);
}

/* How many messages somebody has at once who comes from there. */
static unsigned has(struct chat_debts *debts, const char *address, int64_t now_ms)
{
    struct rate rates[CHAT_LIMIT_COUNT] = {0};
    int64_t retry_ms;
    unsigned count = 0;
    chat_debts_apply(debts, address, rates, now_ms);
    while (rate_take(&rates[CHAT_LIMIT_MESSAGES], &rules[CHAT_LIMIT_MESSAGES], now_ms, &retry_ms))
        count++;
    return count;
}

static void who_spent_all_has_what_flowed_in(void **state)
{
    struct chat_debts *debts = chat_debts_new(rules);
    (void)state;
    leave(debts, "192.0.2.1", 490, NOW);
    assert_int_equal(has(debts, "192.0.2.1", NOW), 10);
    assert_int_equal(has(debts, "192.0.2.1", NOW + 60000), 130);
    assert_int_equal(has(debts, "192.0.2.2", NOW), 500);
    leave(debts, "192.0.2.1", 20, NOW + 60000); /* he is known: whatever he spends counts */
    assert_int_equal(has(debts, "192.0.2.1", NOW + 60000), 110);
    assert_int_equal(has(debts, "192.0.2.1", NOW + 245000), 480);
    assert_int_equal(has(debts, "192.0.2.1", NOW + 260000), 500);
    leave(debts, "192.0.2.1", 400, NOW + 260000);
    assert_int_equal(has(debts, "192.0.2.1", NOW + 260000), 500);
    chat_debts_free(debts);
}

static void who_spent_little_is_not_remembered(void **state)
{
    struct chat_debts *debts = chat_debts_new(rules);
    (void)state;
    leave(debts, "192.0.2.1", 450, NOW);
    assert_int_equal(has(debts, "192.0.2.1", NOW), 500);
    leave(debts, "192.0.2.1", 451, NOW);
    assert_int_equal(has(debts, "192.0.2.1", NOW), 49);
    chat_debts_free(debts);
}

static void addresses_are_networks(void **state)
{
    static const struct {
        const char *left, *comes;
        bool same;
    } cases[] = {
        {"2001:db8::1", "2001:db8::ffff:2", true},
        {"2001:db8::1", "2001:db8:0:1::1", false},
        {"::ffff:192.0.2.9", "192.0.2.9", true},
        {"192.0.2.9", "192.0.2.10", false},
        {"127.0.0.1", "127.0.0.1", false},
        {"127.8.8.8", "127.8.8.8", false},
        {"::1", "::1", false},
        {"::ffff:127.0.0.1", "127.0.0.1", false},
        {"", "", false},
        {"unix", "unix", false},
        {NULL, NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct chat_debts *debts = chat_debts_new(rules);
        leave(debts, cases[i].left, 500, NOW);
        assert_int_equal(has(debts, cases[i].comes, NOW), cases[i].same ? 0 : 500);
        chat_debts_free(debts);
    }
}

/* The one whose debt ends first makes room. */
static void many_addresses_are_bounded(void **state)
{
    struct chat_debts *debts = chat_debts_new(rules);
    char address[32];
    (void)state;
    leave(debts, "192.0.2.1", 460, NOW);
    for (unsigned i = 0; i < 511; i++) {
        snprintf(address, sizeof(address), "198.51.%u.%u", i / 256, i % 256);
        leave(debts, address, 500, NOW);
    }
    assert_int_equal(has(debts, "192.0.2.1", NOW), 40);
    leave(debts, "192.0.2.2", 500, NOW);
    assert_int_equal(has(debts, "192.0.2.1", NOW), 500);
    assert_int_equal(has(debts, "192.0.2.2", NOW), 0);
    assert_int_equal(has(debts, "198.51.0.0", NOW), 0);
    chat_debts_free(debts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_spent_all_has_what_flowed_in),
        cmocka_unit_test(who_spent_little_is_not_remembered),
        cmocka_unit_test(addresses_are_networks),
        cmocka_unit_test(many_addresses_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
