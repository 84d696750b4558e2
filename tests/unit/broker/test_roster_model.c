/*
 * The memory broker's names against a naive model, under long random histories: who wins, who gives
 * way, what is announced and when, and that a listener who adds up announcements and storm sums
 * always knows how many are online.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "broker/broker.h"
#include "common/live.h"
#include "common/rng.h"
#include "common/value.h"
#include <confab/err.h>

#define NAMES 8u
#define STEPS 20000u
#define GRACE_MS 500
#define STORM_LIMIT 3u

/* What the model knows of one name. */
struct name {
    bool online;
    uint64_t claim; /* 0: in its grace */
    int64_t grace_at_ms;
    uint8_t secret;
    unsigned joined_at; /* order */
};

struct model {
    struct rng rng;
    struct broker *broker;
    struct broker_roster *roster;
    struct broker_member listener;
    int64_t now_ms;
    struct name names[NAMES];
    unsigned joins;
    /* from the callbacks */
    enum broker_claim_result result;
    uint64_t claim;
    unsigned answers;
    uint64_t lost;
    /* what the listener made of the announcements */
    int64_t heard_online;
    bool heard[NAMES]; /* by single announcements */
    unsigned singles;
    unsigned storms;
    int64_t last_storm_at_ms;
};

static unsigned name_number(const struct confab_value *shown)
{
    return (unsigned)(confab_as_string(shown, NULL)[1] - '0');
}

static void on_deliver(void *user, struct broker_member *member, struct message *message)
{
    struct model *m = user;
    const char *event = confab_as_string(confab_at(message->args, 0), NULL);
    const struct confab_value *argument = confab_at(message->args, 1);

    assert_ptr_equal(member, &m->listener);
    if (strcmp(event, "storm") == 0) {
        m->storms++;
        m->heard_online += confab_as_int(confab_get(argument, "joined"), -1000);
        m->heard_online -= confab_as_int(confab_get(argument, "left"), -1000);
        assert_int_equal(confab_as_int(confab_get(argument, "online"), -1), m->heard_online);
        return;
    }
    m->singles++;
    m->heard_online += strcmp(event, "joined") == 0 ? 1 : -1;
    m->heard[name_number(argument)] = strcmp(event, "joined") == 0;
}

static void on_done(void *user, enum broker_claim_result result, struct broker_claim claim)
{
    struct model *m = user;

    m->answers++;
    m->result = result;
    m->claim = claim.id;
}

static void on_lost(void *user, struct broker_claim claim, int why)
{
    struct model *m = user;

    assert_int_equal(why, CONFAB_EEXISTS);
    assert_int_equal(m->lost, 0);
    m->lost = claim.id;
}

static unsigned online(const struct model *m)
{
    unsigned count = 0;

    for (unsigned i = 0; i < NAMES; i++)
        count += m->names[i].online;
    return count;
}

static void hash_of(uint8_t secret, uint8_t out[16])
{
    memset(out, secret, 16);
}

static void claim(struct model *m)
{
    unsigned number = rng_below(&m->rng, NAMES);
    struct name *name = &m->names[number];
    uint8_t presented = (uint8_t)rng_below(&m->rng, 4), renewed = (uint8_t)rng_below(&m->rng, 4);
    uint8_t resume[16], new_resume[16];
    char key[8], shown[8];
    const struct broker_name wanted = {.key = key,
                                       .shown = shown,
                                       .resume = presented == 0 ? NULL : resume,
                                       .new_resume = renewed == 0 ? NULL : new_resume};
    uint64_t was = name->claim;

    hash_of(presented, resume);
    hash_of(renewed, new_resume);
    snprintf(key, sizeof(key), "n%u", number);
    snprintf(shown, sizeof(shown), "N%u", number);
    m->answers = 0;
    m->lost = 0;
    broker_roster_claim(m->roster, &wanted, on_done, m);
    assert_int_equal(m->answers, 1);
    if (!name->online) {
        assert_int_equal(m->result, BROKER_CLAIM_WON);
        *name = (struct name){.online = true, .joined_at = ++m->joins};
    } else if (name->secret != 0 && name->secret == presented) {
        assert_int_equal(m->result, BROKER_CLAIM_RESUMED);
        assert_int_equal(m->lost, was);
    } else {
        assert_int_equal(m->result, BROKER_CLAIM_TAKEN);
        assert_int_equal(m->claim, 0);
        return;
    }
    assert_int_not_equal(m->claim, 0);
    name->claim = m->claim;
    name->secret = renewed;
}

static void release(struct model *m)
{
    struct name *name = &m->names[rng_below(&m->rng, NAMES)];
    bool keep = rng_below(&m->rng, 2) == 0;

    if (!name->online || name->claim == 0)
        return;
    broker_roster_release(m->roster, (struct broker_claim){name->claim}, keep);
    broker_roster_release(m->roster, (struct broker_claim){name->claim}, !keep);
    name->claim = 0;
    name->grace_at_ms = m->now_ms + GRACE_MS;
    name->online = keep;
}

static void pass_time(struct model *m)
{
    m->now_ms += rng_below(&m->rng, 200);
    for (unsigned i = 0; i < NAMES; i++)
        if (m->names[i].claim == 0 && m->names[i].grace_at_ms <= m->now_ms)
            m->names[i].online = false;
    broker_advance(m->broker, m->now_ms);
    assert_true(broker_deadline(m->broker) > m->now_ms);
}

struct listing {
    const struct model *model;
    unsigned last;
    unsigned count;
};

static bool visit(void *user, const char *shown)
{
    struct listing *listing = user;
    const struct name *name = &listing->model->names[shown[1] - '0'];

    assert_true(name->online);
    assert_true(name->joined_at > listing->last);
    listing->last = name->joined_at;
    listing->count++;
    return true;
}

static void compare(struct model *m)
{
    struct listing listing = {.model = m};
    unsigned count = online(m);

    assert_int_equal(broker_roster_count(m->roster), count);
    broker_roster_each(m->roster, visit, &listing);
    assert_int_equal(listing.count, count);
    if (broker_deadline(m->broker) - m->now_ms > 1000) /* nothing is counted and not told */
        assert_int_equal(m->heard_online, count);
}

static void settle(struct model *m)
{
    while (broker_deadline(m->broker) != INT64_MAX) {
        m->now_ms = broker_deadline(m->broker);
        broker_advance(m->broker, m->now_ms);
    }
    for (unsigned i = 0; i < NAMES; i++)
        if (m->names[i].claim == 0)
            m->names[i].online = false;
    compare(m);
    assert_int_equal(m->heard_online, online(m));
}

static void run(uint64_t seed_number)
{
    static const struct broker_events events = {.deliver = on_deliver};
    static const struct broker_roster_events roster_events = {.on_lost = on_lost};
    const struct broker_roster_config config = {.nsp = "/",
                                                .joined_event = "joined",
                                                .left_event = "left",
                                                .storm_event = "storm",
                                                .storm_limit = STORM_LIMIT,
                                                .grace_ms = GRACE_MS};
    struct model *m = test_calloc(1, sizeof(*m));
    uint8_t seed[16];

    rng_init_seeded(&m->rng, seed_number);
    rng_bytes(&m->rng, seed, sizeof(seed));
    m->broker = broker_memory_new("abc", seed, &events, m);
    m->roster = broker_roster_open(m->broker, &config, &roster_events, m);
    broker_add(broker_namespace(m->broker, "/"), &m->listener, "abc.0123456789abcdef");
    for (unsigned step = 0; step < STEPS; step++) {
        switch (rng_below(&m->rng, 4)) {
        case 0:
        case 1:
            claim(m);
            break;
        case 2:
            release(m);
            break;
        default:
            pass_time(m);
            break;
        }
        compare(m);
        if (step % 500 == 499)
            settle(m);
    }
    assert_true(m->storms > 100);
    assert_true(m->singles > 100);
    broker_free(&m->broker);
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
