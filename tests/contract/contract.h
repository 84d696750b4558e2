/*
 * What the cases of the battery are written with: nodes, peers who remember what they heard,
 * claims, and waiting.
 *
 * Nothing here sleeps: a case lets the world turn until what it expects is there, or a deadline has
 * passed.
 */
#ifndef CONFAB_TESTS_CONTRACT_CONTRACT_H
#define CONFAB_TESTS_CONTRACT_CONTRACT_H

#include "tests/unit/test.h"

#include <stdbool.h>

#include "broker/broker.h"
#include "tests/contract/broker_contract.h"

#define PEERS_MAX 8
#define LOG_BYTES 4096
#define LOSSES_MAX 8
#define WAIT_MS 10000
#define GRACE_MS 400
#define STORM_LIMIT 3

struct contract;
struct node;

/* A member of a namespace. */
struct peer {
    struct broker_member member;
    struct node *node;
    char id[24];
    char log[LOG_BYTES]; /* events heard, with a blank between: "hi", joined and left with the name:
                            "joined:Ann" */
    unsigned marks;      /* see quiesce() */
    unsigned flags;      /* of the last message */
    int64_t online;      /* added up from joined, left and storms */
    unsigned singles;
    unsigned storms;
    void (*inside)(struct peer *peer); /* called on each event but marks; may be NULL */
    void *user;
};

struct loss {
    uint64_t claim;
    int why;
};

struct node {
    struct contract *contract;
    unsigned number;
    struct broker *broker;        /* NULL: not made */
    struct broker_namespace *nsp; /* "/" */
    struct broker_roster *roster; /* of "/", NULL until open_roster() */
    struct peer peers[PEERS_MAX]; /* those with an id are in use */
    unsigned peer_count;
    struct loss losses[LOSSES_MAX];
    unsigned loss_count;
};

struct contract {
    const struct broker_harness *harness;
    void *world;
    struct node nodes[CONTRACT_NODES_MAX];
};

/* One case of the battery. */
struct contract_case {
    const char *name;
    unsigned nodes; /* needed */
    void (*run)(struct contract *c);
};
extern const struct contract_case contract_emit_cases[];
extern const struct contract_case contract_name_cases[];
extern const struct contract_case contract_cluster_cases[];

/* ---- world ---- */

/* Makes node `number` with "/" open. */
struct node *make_node(struct contract *c, unsigned number);
void free_node(struct node *node);
void open_roster(struct node *node);
void settle(struct contract *c);
void pass(struct contract *c, int64_t ms);
/* Turns until `met` says true; fails the case after WAIT_MS. `what` names it in the failure. */
void wait_for(struct contract *c, const char *what, bool (*met)(void *arg), void *arg);

/* ---- peers ---- */

struct peer *add_peer(struct node *node);
/* In a namespace of its own choice. */
struct peer *add_peer_in(struct node *node, struct broker_namespace *nsp);
/* Joins and waits for it to be in force. */
void join(struct peer *peer, const char *room);
void leave(struct peer *peer, const char *room);

/* ---- emitting: rooms and except are words with blanks between, "" is none ---- */

struct message *make_message(const char *nsp, const char *event, const char *rooms,
                             const char *except, unsigned flags);
void emit(struct node *node, const char *event, const char *rooms, const char *except,
          unsigned flags);
void emit_ordered(struct node *node, const char *event, const char *rooms, const char *except);
/* Every node sends a mark to everybody, in order behind all it has sent before, and all peers in
 * "/" have them when this returns: nothing else is under way between the nodes any more. */
void quiesce(struct contract *c);
/* After quiesce(): the peer has heard exactly this since the last time; forgets it. */
void assert_heard(struct peer *peer, const char *expected);
/* The same for peers in "/" on all nodes. */
void assert_all_heard(struct contract *c, const char *expected);
/* Lets the world turn until the peer has heard at least this (as the whole log). */
void wait_heard(struct peer *peer, const char *expected);

/* ---- names ---- */

struct claim {
    struct node *node;
    unsigned answers;
    enum broker_claim_result result;
    struct broker_claim id;
    bool release_inside;          /* set it before: give it back from `done` */
    bool emit_inside;             /* emit "inside" to all from `done` */
    char heard_before[LOG_BYTES]; /* by the node's first peer, when `done` was called */
};

#define ZERO_SECRET 255 /* one whose hash is all zeros */

/* Asks without waiting. Secrets: 0 is none. The key is the shown form in lower case. */
void ask(struct node *node, const char *shown, uint8_t secret, uint8_t new_secret,
         struct claim *claim);
void wait_answer(struct claim *claim);
/* Both, and the result must be the one expected. */
struct broker_claim claim_name(struct node *node, const char *shown, uint8_t secret,
                               uint8_t new_secret, enum broker_claim_result expected);
void release(struct node *node, struct broker_claim claim, bool keep_for_grace);
/* Waits until the node's list is this: shown names with blanks between. */
void wait_list(struct node *node, const char *expected);
void assert_list(struct node *node, const char *expected);
/* The node was told that this claim is void, exactly once, and of no other since the last time. */
void wait_lost(struct node *node, struct broker_claim claim, int why);

#endif
