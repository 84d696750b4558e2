/*
 * The battery that every broker has to pass: what broker.h promises, tried through broker.h alone.
 *
 * An implementation describes its world by a harness and calls broker_contract_run() from main. A
 * world is begun for each case and ended after it; the battery then checks that nothing is alive.
 * Cases that need more nodes than the harness can make are reported as skipped.
 */
#ifndef CONFAB_TESTS_CONTRACT_BROKER_CONTRACT_H
#define CONFAB_TESTS_CONTRACT_BROKER_CONTRACT_H

#include <stdint.h>

#include "broker/broker.h"

#define CONTRACT_NODES_MAX 3

struct broker_harness {
    const char *name;
    unsigned nodes; /* how many brokers a world can have at once, up to CONTRACT_NODES_MAX */

    void *(*begin)(void);
    /* All brokers of the world were freed by the battery. */
    void (*end)(void *world);

    /* A broker for node 0 … nodes-1 of the world, with a tag of its own and BROKER_UP when this
     * returns. The battery frees it with broker_free(). A number may be used again after that. */
    struct broker *(*make)(void *world, unsigned node, const struct broker_events *events,
                           void *user);
    /* The battery has freed that node's broker. May be NULL. */
    void (*gone)(void *world, unsigned node);

    int64_t (*now_ms)(void *world);
    /* Lets something happen, but no later than until_at_ms: then time has come there. Virtual time
     * may jump to the next deadline. */
    void (*turn)(void *world, int64_t until_at_ms);
    /* Returns once whatever the brokers asked for is in force: namespaces opened since, rosters
     * opened since are filled, rooms joined are subscribed. May be NULL. */
    void (*settle)(void *world);
};

/* Runs all cases; returns the number of failed ones, for main. */
int broker_contract_run(const struct broker_harness *harness);

#endif
