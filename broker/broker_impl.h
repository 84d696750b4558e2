/*
 * For those who implement a broker: what both implementations share, and the table of functions by
 * which they differ.
 *
 * broker.c and its neighbours hold namespaces, members, local delivery, rosters' claims and answers
 * owed; broker.h's functions are theirs. An implementation embeds `struct broker` as the first
 * member of its own struct, fills in a const table of functions, and is told what it has to carry
 * to other nodes; it tells what came from them by the functions at the end of this header. It does
 * not deliver to members itself.
 *
 * Life: <impl>_new() allocates its struct, calls broker_init(), returns &x->broker. broker_free()
 * ends it in this order: `closing` is set (requests from callbacks are now answered at once),
 * ops->stop(), claims in flight are answered, namespaces and rosters are taken down, ops->free().
 */
#ifndef CONFAB_BROKER_BROKER_IMPL_H
#define CONFAB_BROKER_BROKER_IMPL_H

#include "broker/broker.h"
#include "broker/rooms.h"
#include "broker/roster.h"
#include "common/htable.h"
#include "common/timerq.h"

struct broker_pending;
struct wire_request;

/* ---- what an implementation is asked; none of these may free members ---- */

struct broker_ops {
    /* Answer everything that is still owed (joins, ordered emits, leave_cluster) with
     * CONFAB_ECLOSED, exactly once; drop links and timers. Claims in flight are answered by the
     * common part right after. */
    void (*stop)(struct broker *broker);
    /* The last call: frees the struct around `broker`, after broker_fini(). */
    void (*free)(struct broker *broker);

    /* Both may be NULL: no timers that the owner of the broker drives. */
    void (*advance)(struct broker *broker, int64_t now_ms);
    int64_t (*deadline)(const struct broker *broker);

    void (*leave_cluster)(struct broker *broker, void (*done)(void *user), void *user);

    /* A namespace is open from now on; nsp->impl is for the implementation. May be NULL, as the
     * next. */
    void (*namespace_opened)(struct broker_namespace *nsp);
    /* It is going to be freed (its members are gone, the room hooks were called, answers owed in it
     * are closed): nothing may point to it afterwards. */
    void (*namespace_closing)(struct broker_namespace *nsp);

    /* First local member, last local member: see struct rooms_events; room->impl is for the
     * implementation. May be NULL. */
    void (*room_first)(struct broker_namespace *nsp, struct room *room);
    void (*room_last)(struct broker_namespace *nsp, struct room *room);
    /* A member has joined `room` and wants to know when the room's broadcasts reach this node.
     * `done` may be NULL (then nothing is owed); else it is called exactly once: at once when they
     * do already or the broker has no other nodes, with CONFAB_ECANCELED when the room lost its
     * last member before (room_last comes for that). */
    void (*room_joined)(struct broker_namespace *nsp, struct room *room,
                        void (*done)(void *user, int status), void *user);

    /* Carry it to the other nodes; local delivery is done by the caller after it (Node's order).
     * Never called for MESSAGE_LOCAL. May be NULL. */
    void (*publish)(struct broker *broker, struct message *message);
    /* The whole of broker_emit_ordered() but MESSAGE_LOCAL: deliver with broker_deliver() when its
     * turn has come. `done` may be NULL. */
    void (*publish_ordered)(struct broker *broker, struct message *message,
                            void (*done)(void *user, int status, enum broker_scope scope),
                            void *user);

    /* roster->impl is for the implementation. */
    void (*roster_opened)(struct broker_roster *roster);
    void (*roster_closing)(struct broker_roster *roster);
    /* Ends in broker_claim_settle(), now or later. `claim` stays valid until then. */
    void (*roster_claim)(struct broker_roster *roster, struct roster_claim *claim);
    /* Gives up the name of `claim`, which is detached and now owned by the implementation:
     * roster_claim_free() it when the authority knows, or cannot be told. */
    void (*roster_release)(struct broker_roster *roster, struct roster_claim *claim,
                           bool keep_for_grace);

    /* An answer for one that broker_pending_open() opened. Must not close it: the common part does
     * when all are there. first_argument may be NULL (none was given) and is borrowed. May be NULL
     * when the implementation never opens one. */
    void (*answer)(struct broker *broker, struct broker_pending *pending,
                   const struct confab_value *first_argument);
    /* Carry to the other nodes what nobody answers; the request's uid is the implementation's to
     * fill in. May be NULL. */
    void (*tell)(struct broker_namespace *nsp, struct wire_request *request);
    /* Ask the other nodes: the request's uid and request id are the implementation's to fill in.
     * Ends in broker_asked_nodes() or broker_asked_lost(), now or later; in between and after,
     * broker_asked_heard() and broker_asked_answer() tell what comes. May be NULL: there are no
     * others. */
    void (*ask)(struct broker_namespace *nsp, struct broker_question question,
                struct wire_request *request);
    /* Nobody waits for its answers any more. With ops->ask. */
    void (*ask_over)(struct broker *broker, struct broker_question question);
    /* A pending answer ends: everything answered, its time is over, pushed out by newer ones, or
     * the broker stops. Free pending->impl. */
    void (*answer_closed)(struct broker *broker, struct broker_pending *pending);
};

/* ---- the common objects ---- */

/* Answers owed to other nodes; for a newer one the one that would end first is given up. */
#define BROKER_PENDING_MAX 10000
/* Nobody waits longer for an acknowledgement. */
#define BROKER_PENDING_MAX_AGE_MS 60000

struct broker {
    const struct broker_ops *ops;
    const struct broker_events *events; /* borrowed */
    void *user;
    enum broker_state state; /* by broker_set_state() */
    bool closing;            /* inside broker_free() */
    unsigned rooms_per_member_max;
    uint8_t seed[HTABLE_SEED_BYTES]; /* of all tables of this broker */
    struct broker_counters counters;
    struct list namespaces; /* struct broker_namespace.link, as opened */
    struct htable namespaces_by_name;
    struct list rosters; /* struct broker_roster.link */
    unsigned holds;      /* > 0: deliveries wait */
    struct list waiting; /* struct delivery, private to broker_deliver.c */
    struct htable pending_by_id;
    struct timerfifo pending_by_age;
    uint64_t pending_last_id;
    struct htable questions; /* struct question, private to broker_ask.c */
    uint64_t question_last_id;
    char node_tag[12]; /* empty until it is won */
};

struct broker_namespace {
    struct broker *broker;
    struct list link;
    struct htable_entry by_name;
    struct rooms rooms;
    void *user; /* the upper layer's */
    void *impl; /* the implementation's */
    char name[];
};

struct broker_roster {
    struct broker *broker;
    struct broker_namespace *nsp;
    struct list link;
    struct broker_roster_config config; /* texts owned */
    const struct broker_roster_events *events;
    void *user;
    struct roster_names names;
    struct roster_claims claims;
    struct roster_storm storm;
    void *impl;
};

void broker_init(struct broker *broker, const struct broker_ops *ops,
                 const uint8_t seed[HTABLE_SEED_BYTES], const struct broker_events *events,
                 void *user);
void broker_fini(struct broker *broker); /* what is left after broker_free() took everything down */
/* Sets the state and tells it upwards when it is another one. */
void broker_set_state(struct broker *broker, enum broker_state state);
/* Parts of broker_free(), each in the file that has the objects. */
void broker_pending_close_all(struct broker *broker);
void broker_pending_close_of(const struct broker_namespace *nsp);
void broker_rosters_free(struct broker *broker);
void broker_asks_close(struct broker *broker);
void broker_drop_waiting(struct broker *broker);

/* The opened namespace with that name; NULL if there is none. */
struct broker_namespace *broker_namespace_find(const struct broker *broker, const char *name,
                                               size_t name_bytes);
/* The namespace's roster; NULL if it has none. */
struct broker_roster *broker_roster_find(const struct broker_namespace *nsp);

/* ---- delivery to local members ---- */

/*
 * To the local members that the message means, in the namespace that it names (nothing when that is
 * not open). Inside another delivery or a hold it is put in a row and runs when that is through, so
 * that all members see one order.
 */
void broker_deliver(struct broker *broker, struct message *message);

/* Delivers with deliver_with_ack: `counted` gets the number of members reached (at once, or later
 * inside a hold). */
void broker_deliver_with_ack(struct broker *broker, struct message *message,
                             struct broker_reply reply, void (*counted)(void *user, size_t members),
                             void *user);

/* Between the two, deliveries wait: used to put an announcement ahead of whatever a callback emits.
 * Nests. */
void broker_hold(struct broker *broker);
void broker_unhold(struct broker *broker);

/* ---- what other nodes ask for, done to the local members the target means ---- */

void broker_bulk_join(struct broker_namespace *nsp, const struct rooms_target *target,
                      const struct text *rooms, unsigned room_count);
void broker_bulk_leave(struct broker_namespace *nsp, const struct rooms_target *target,
                       const struct text *rooms, unsigned room_count);
void broker_bulk_disconnect(struct broker_namespace *nsp, const struct rooms_target *target,
                            bool close);
/* The single forms. False when no local member has this id. */
bool broker_single_join(struct broker_namespace *nsp, const struct text *id,
                        const struct text *room);
bool broker_single_leave(struct broker_namespace *nsp, const struct text *id,
                         const struct text *room);
bool broker_single_disconnect(struct broker_namespace *nsp, const struct text *id, bool close);
/* What fetchSockets tells of a member; the caller owns it. For many members use
 * rooms_walk_new(&nsp->rooms, …), in slices. */
struct confab_value *broker_describe(struct broker_member *member, bool abroad);
/* The member's id, borrowed. */
struct text broker_member_id(const struct broker_member *member);

/* ---- answers that this node owes to others ---- */

enum broker_pending_kind {
    BROKER_PENDING_ACKS, /* a broadcast with acknowledgements: one answer for each member reached */
    BROKER_PENDING_SERVER_EVENT /* serverSideEmit: one answer */
};

struct broker_pending {
    struct htable_entry by_id;
    struct timerfifo_entry by_age;
    uint64_t id;
    enum broker_pending_kind kind;
    struct broker_namespace *nsp;
    size_t expected; /* SIZE_MAX while not known */
    size_t answered;
    void *impl; /* the implementation's: request id, whom to answer */
};

/*
 * Makes room for answers, which then come through ops->answer. Never NULL: the one that would
 * end first is given up when there are BROKER_PENDING_MAX. lifetime_ms is cut to
 * BROKER_PENDING_MAX_AGE_MS. `impl` is the implementation's until ops->answer_closed.
 */
struct broker_pending *broker_pending_open(struct broker_namespace *nsp,
                                           enum broker_pending_kind kind, void *impl,
                                           int64_t now_ms, int64_t lifetime_ms);
static inline struct broker_reply broker_pending_reply(const struct broker_pending *pending)
{
    return (struct broker_reply){pending->id};
}
/* NULL when it has ended. Ids are the safe way to keep one over a callback. */
struct broker_pending *broker_pending_find(struct broker *broker, struct broker_reply reply);
/* The number of answers to come is known now (acknowledgements: the members reached). Closes it
 * when all are there. */
void broker_pending_expect(struct broker *broker, struct broker_reply reply, size_t answers);
/* Closes those whose time is over. Returns the next instant to call at, INT64_MAX if none is open.
 */
int64_t broker_pending_expire(struct broker *broker, int64_t now_ms);

/* Another node's serverSideEmit, handed upwards. `reply` is {0} when none is wanted. */
void broker_server_event(struct broker_namespace *nsp, const struct confab_value *args,
                         bool wants_reply, struct broker_reply reply);

/* ---- answers that other nodes owe to this one; questions that are over are ignored ---- */

/* So many other nodes were asked. */
void broker_asked_nodes(struct broker *broker, struct broker_question question, size_t nodes);
/* One of them has said all it has to say, but what so many clients of its will answer. */
void broker_asked_heard(struct broker *broker, struct broker_question question, uint64_t clients);
/* An answer came; of a client of another node, if clients were asked. */
void broker_asked_answer(struct broker *broker, struct broker_question question,
                         const struct confab_value *value);
/* Other nodes could not be asked, or can answer no more: it ends with what there is, as soon as the
 * clients here have answered. */
void broker_asked_lost(struct broker *broker, struct broker_question question);
/* For broker_pending.c: whether the answer is one to a question of this node, and then gives it. */
bool broker_asked_here(struct broker *broker, struct broker_reply reply,
                       const struct confab_value *value);

/* ---- names ---- */

/*
 * Answers a claim (see roster_claims_settle). WON and RESUMED: a claim that this node held for the
 * same name is forgotten, and told on_lost(CONFAB_EEXISTS) after `done`. Callbacks run inside: the
 * claim may be gone afterwards. When the name is to be announced, deliver inside a hold so that
 * `done` comes before the announcement: broker_hold(b); broker_deliver(b, joined);
 * broker_claim_settle(roster, claim, BROKER_CLAIM_WON); broker_unhold(b);
 */
void broker_claim_settle(struct broker_roster *roster, struct roster_claim *claim,
                         enum broker_claim_result result);
/* A held claim is void: forgets it and tells on_lost (CONFAB_EEXISTS, CONFAB_EDENIED). */
void broker_claim_lost(struct broker_roster *roster, struct roster_claim *claim, int why);

/* The announcements as messages to the whole namespace; the caller owns the reference. `event`: one
 * of roster->config's. */
struct message *broker_roster_announcement(const struct broker_roster *roster, const char *event,
                                           struct text shown);
struct message *broker_roster_storm_message(const struct broker_roster *roster,
                                            const struct roster_sums *sums);

#endif
