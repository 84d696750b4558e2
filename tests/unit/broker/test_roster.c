/* The parts of a roster: the copy of the list fed by records and reloads, claims, storm sums. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "broker/roster.h"
#include "common/live.h"

static const uint8_t seed[HTABLE_SEED_BYTES] = "0123456789abcde";

static struct text text_of(const char *s)
{
    return (struct text){s, strlen(s)};
}

/* ---- the copy of the list ---- */

static void put(struct roster_names *names, const char *key, const char *shown)
{
    roster_names_put(names, text_of(key), text_of(shown), text_of("n1:1"));
}

static const char *shown_list(const struct roster_names *names, char *out)
{
    out[0] = '\0';
    LIST_FOREACH(it, &names->order)
    {
        strcat(out, container_of(it, struct roster_name, order)->shown.bytes);
        strcat(out, " ");
    }
    return out;
}

static void test_order_and_version(void **state)
{
    struct roster_names names;
    uint64_t version;
    char out[256];

    (void)state;
    roster_names_init(&names, seed);
    put(&names, "ann", "Ann");
    put(&names, "bob", "Bob");
    put(&names, "cy", "Cy");
    assert_string_equal(shown_list(&names, out), "Ann Bob Cy ");
    assert_true(roster_names_drop(&names, text_of("bob")));
    assert_false(roster_names_drop(&names, text_of("bob")));
    put(&names, "bob", "BOB");
    assert_string_equal(shown_list(&names, out), "Ann Cy BOB ");
    version = names.version;
    assert_false(roster_names_put(&names, text_of("ann"), text_of("ANN"), text_of("n2:7")));
    assert_int_equal(names.version, version);
    assert_string_equal(shown_list(&names, out), "Ann Cy BOB ");
    assert_string_equal(roster_names_find(&names, text_of("ann"))->owner.bytes, "n2:7");
    assert_int_equal(roster_names_count(&names), 3);
    roster_names_fini(&names);
    assert_int_equal(live_total(), 0);
}

static enum roster_applied apply(struct roster_names *names, uint64_t seq, enum roster_op op,
                                 const char *key, const char *owner)
{
    const struct roster_record record = {
        .seq = seq, .op = op, .key = text_of(key), .shown = text_of(key), .owner = text_of(owner)};

    return roster_names_apply(names, &record);
}

static void test_records(void **state)
{
    struct roster_names names;
    char out[256];

    (void)state;
    roster_names_init(&names, seed);
    assert_int_equal(apply(&names, 1, ROSTER_JOINED, "ann", "n1:1"), ROSTER_APPLIED);
    assert_int_equal(apply(&names, 1, ROSTER_LEFT, "ann", "n1:1"), ROSTER_STALE);
    assert_int_equal(apply(&names, 3, ROSTER_LEFT, "ann", "n1:1"), ROSTER_GAP);
    assert_int_equal(apply(&names, 2, ROSTER_JOINED, "bob", "n2:1"), ROSTER_APPLIED);
    assert_int_equal(apply(&names, 3, ROSTER_MOVED, "ann", "n2:1"), ROSTER_APPLIED);
    assert_string_equal(roster_names_find(&names, text_of("ann"))->owner.bytes, "n2:1");
    assert_int_equal(apply(&names, 4, ROSTER_MOVED, "zoe", "n2:1"), ROSTER_APPLIED);
    assert_string_equal(shown_list(&names, out), "ann bob ");
    assert_int_equal(names.version, 2);
    assert_int_equal(apply(&names, 5, ROSTER_LEFT, "ann", "n2:1"), ROSTER_APPLIED);
    assert_string_equal(shown_list(&names, out), "bob ");
    assert_int_equal(names.version, 3);
    roster_names_fini(&names);
}

static void test_reload(void **state)
{
    struct roster_names names, fresh;
    char out[256];
    uint64_t version;

    (void)state;
    roster_names_init(&names, seed);
    roster_names_init(&fresh, seed);
    put(&names, "ann", "Ann");
    put(&names, "bob", "Bob");
    version = names.version;
    put(&fresh, "ann", "Ann");
    put(&fresh, "bob", "Bob");
    fresh.seq = 17;
    roster_names_replace(&names, &fresh);
    assert_int_equal(names.version, version);
    assert_int_equal(names.seq, 17);
    assert_int_equal(roster_names_count(&fresh), 0);
    put(&fresh, "bob", "Bob");
    put(&fresh, "ann", "Ann");
    fresh.seq = 3; /* the authority began anew */
    roster_names_replace(&names, &fresh);
    assert_true(names.version > version);
    assert_int_equal(names.seq, 3);
    assert_string_equal(shown_list(&names, out), "Bob Ann ");
    assert_true(roster_names_drop(&names, text_of("bob")));
    roster_names_replace(&names, &fresh);
    assert_int_equal(roster_names_count(&names), 0);
    roster_names_fini(&names);
    roster_names_fini(&fresh);
    assert_int_equal(live_total(), 0);
}

/* ---- claims ---- */

struct answer {
    unsigned count;
    enum broker_claim_result result;
    uint64_t id;
};

static void on_done(void *user, enum broker_claim_result result, struct broker_claim claim)
{
    struct answer *answer = user;

    answer->count++;
    answer->result = result;
    answer->id = claim.id;
}

static struct roster_claim *ask(struct roster_claims *claims, const char *key,
                                struct answer *answer)
{
    const uint8_t hash[ROSTER_RESUME_BYTES] = "fedcba987654321";
    const struct broker_name name = {.key = key, .shown = key, .new_resume = hash};

    *answer = (struct answer){0};
    return roster_claims_ask(claims, &name, on_done, answer);
}

static void test_claims(void **state)
{
    struct roster_claims claims;
    struct roster_claim *claim;
    struct answer first, second, third;

    (void)state;
    roster_claims_init(&claims, seed);
    claim = ask(&claims, "ann", &first);
    assert_int_equal(claim->state, ROSTER_CLAIM_ASKED);
    assert_true(claim->has_new_resume);
    assert_false(claim->has_resume);
    assert_memory_equal(claim->new_resume, "fedcba987654321", 16);
    assert_null(roster_claims_holder(&claims, text_of("ann")));
    roster_claims_settle(&claims, claim, BROKER_CLAIM_WON);
    assert_int_equal(first.count, 1);
    assert_int_equal(first.result, BROKER_CLAIM_WON);
    assert_int_equal(first.id, claim->id);
    assert_ptr_equal(roster_claims_holder(&claims, text_of("ann")), claim);
    assert_ptr_equal(roster_claims_find(&claims, first.id), claim);

    roster_claims_settle(&claims, ask(&claims, "ann", &second), BROKER_CLAIM_TAKEN);
    assert_int_equal(second.count, 1);
    assert_int_equal(second.id, 0);
    assert_int_equal(roster_claims_count(&claims), 1);

    roster_claims_detach(&claims, claim);
    assert_null(roster_claims_find(&claims, first.id));
    assert_null(roster_claims_holder(&claims, text_of("ann")));
    roster_claim_free(&claim);
    assert_null(claim);

    roster_claims_settle(&claims, ask(&claims, "bob", &first), BROKER_CLAIM_RESUMED);
    ask(&claims, "cy", &third);
    assert_int_equal(third.count, 0);
    roster_claims_fini(&claims);
    assert_int_equal(third.count, 1);
    assert_int_equal(third.result, BROKER_CLAIM_UNAVAILABLE);
    assert_int_equal(first.count, 1);
}

static void test_names_that_are_no_names(void **state)
{
    char long_key[ROSTER_KEY_MAX_BYTES + 2];
    char long_shown[ROSTER_SHOWN_MAX_BYTES + 2];
    struct roster_claims claims;
    struct broker_name name = {.key = "", .shown = "x"};
    struct answer answer;

    (void)state;
    memset(long_key, 'x', sizeof(long_key) - 1);
    long_key[sizeof(long_key) - 1] = '\0';
    memset(long_shown, 'x', sizeof(long_shown) - 1);
    long_shown[sizeof(long_shown) - 1] = '\0';
    roster_claims_init(&claims, seed);
    assert_null(roster_claims_ask(&claims, &name, on_done, &answer));
    name.key = long_key;
    assert_null(roster_claims_ask(&claims, &name, on_done, &answer));
    name.key = "x";
    name.shown = long_shown;
    assert_null(roster_claims_ask(&claims, &name, on_done, &answer));
    name.key = long_key + 1;
    name.shown = long_shown + 1;
    assert_non_null(roster_claims_ask(&claims, &name, on_done, &answer));
    roster_claims_fini(&claims);
}

/* ---- storms ---- */

static void test_storm(void **state)
{
    struct roster_storm storm;
    struct roster_sums sums;

    (void)state;
    roster_storm_init(&storm, 2);
    assert_true(roster_storm_note(&storm, true, 1, 0, &sums));
    assert_true(roster_storm_note(&storm, true, 2, 0, &sums));
    assert_int_equal(sums.joined, 0);
    assert_int_equal(roster_storm_deadline(&storm), INT64_MAX);
    assert_false(roster_storm_take(&storm, 99999, &sums));

    assert_false(roster_storm_note(&storm, true, 3, 100, &sums));
    assert_false(roster_storm_note(&storm, true, 4, 600, &sums));
    assert_false(roster_storm_note(&storm, false, 3, 1099, &sums));
    assert_int_equal(roster_storm_deadline(&storm), 1100);
    assert_false(roster_storm_take(&storm, 1099, &sums));
    assert_true(roster_storm_take(&storm, 1100, &sums));
    assert_int_equal(sums.online, 3);
    assert_int_equal(sums.joined, 2);
    assert_int_equal(sums.left, 1);
    assert_int_equal(roster_storm_deadline(&storm), INT64_MAX);

    assert_false(roster_storm_note(&storm, true, 4, 2000, &sums));
    assert_false(roster_storm_note(&storm, false, 3, 2001, &sums));
    assert_true(roster_storm_note(&storm, false, 2, 2002, &sums));
    assert_int_equal(sums.online, 3); /* before the step that is announced by itself */
    assert_int_equal(sums.joined, 1);
    assert_int_equal(sums.left, 1);
    assert_int_equal(roster_storm_deadline(&storm), INT64_MAX);
    assert_true(roster_storm_note(&storm, false, 1, 2003, &sums));
    assert_int_equal(sums.left, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_version),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_names_that_are_no_names),
        cmocka_unit_test(test_storm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
