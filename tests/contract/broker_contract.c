/* Runs the cases of all parts of the battery, each in a world of its own. */
#include "tests/contract/broker_contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/live.h"
#include "tests/contract/contract.h"

#define CASES_MAX 100

struct running {
    const struct contract_case *it;
    const struct broker_harness *harness;
    char name[128];
    struct contract *contract; /* while it runs */
};

static void end_world(struct running *running)
{
    struct contract *c = running->contract;

    if (c == NULL)
        return;
    for (unsigned i = 0; i < CONTRACT_NODES_MAX; i++)
        if (c->nodes[i].broker != NULL)
            free_node(&c->nodes[i]);
    running->harness->end(c->world);
    free(c);
    running->contract = NULL;
}

static void run_case(void **state)
{
    struct running *running = *state;

    if (running->it->nodes > running->harness->nodes)
        skip();
    running->contract = calloc(1, sizeof(*running->contract));
    assert_non_null(running->contract);
    running->contract->harness = running->harness;
    running->contract->world = running->harness->begin();
    running->it->run(running->contract);
    end_world(running);
    live_report(stderr);
    assert_int_equal(live_total(), 0);
}

/* A case that failed left its world behind. */
static int clean_up(void **state)
{
    end_world(*state);
    return 0;
}

static size_t add_cases(const struct contract_case *cases, const struct broker_harness *harness,
                        struct running *running, struct CMUnitTest *tests, size_t count)
{
    for (; cases->name != NULL; cases++, count++) {
        struct running *r = &running[count];

        if (count >= CASES_MAX)
            abort();
        *r = (struct running){.it = cases, .harness = harness};
        snprintf(r->name, sizeof(r->name), "%s: %s", harness->name, cases->name);
        tests[count] = (struct CMUnitTest){
            .name = r->name, .test_func = run_case, .teardown_func = clean_up, .initial_state = r};
    }
    return count;
}

int broker_contract_run(const struct broker_harness *harness)
{
    struct running running[CASES_MAX];
    struct CMUnitTest tests[CASES_MAX]; /* those without a name are not run */
    size_t count = 0;

    memset(tests, 0, sizeof(tests));
    count = add_cases(contract_emit_cases, harness, running, tests, count);
    count = add_cases(contract_name_cases, harness, running, tests, count);
    add_cases(contract_cluster_cases, harness, running, tests, count);
    return cmocka_run_group_tests_name(harness->name, tests, NULL, NULL);
}
