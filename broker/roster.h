/*
 * The parts of a roster that do not depend on who keeps the names: this node's copy of the list,
 * the claims of this node's sockets, and the counting that replaces single announcements while very
 * many are online.
 *
 * Pure: no sockets, no clock, no timer. The memory broker is its own authority and feeds these
 * parts itself; a cluster's broker feeds them from the ordered stream of records that the authority
 * publishes.
 */
#ifndef CONFAB_BROKER_ROSTER_H
#define CONFAB_BROKER_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/broker.h"
#include "broker/message.h"
#include "common/htable.h"
#include "common/list.h"

#define ROSTER_RESUME_BYTES 16
#define ROSTER_KEY_MAX_BYTES 255 /* twenty characters, each folded to three of four bytes */
#define ROSTER_SHOWN_MAX_BYTES 256
#define ROSTER_STORM_INTERVAL_MS 1000

/* ---- the copy of the list ---- */

struct roster_name {
    struct htable_entry by_key;
    struct list order;
    struct text shown;
    struct text owner; /* "<tag>:<incarnation>" of the node that holds it; owned, may be empty */
    char bytes[];      /* the key and the shown form, each with a NUL */
};

struct roster_names {
    struct htable by_key;
    struct list order; /* in joining order */
    uint64_t version;  /* grows with every change of what broker_roster_each() shows */
    uint64_t seq;      /* the last record applied or covered by a reload */
};

void roster_names_init(struct roster_names *names, const uint8_t seed[HTABLE_SEED_BYTES]);
void roster_names_fini(struct roster_names *names);
size_t roster_names_count(const struct roster_names *names);
struct roster_name *roster_names_find(const struct roster_names *names, struct text key);

/* Appends the name; when the key is there already only the owner is replaced (place and shown form
 * stay). True when it is new. Copies. The caller has checked the lengths. */
bool roster_names_put(struct roster_names *names, struct text key, struct text shown,
                      struct text owner);
/* True when it was there. */
bool roster_names_drop(struct roster_names *names, struct text key);

/* One step of the authority, as it travels. */
enum roster_op {
    ROSTER_JOINED, /* a new name */
    ROSTER_LEFT,
    ROSTER_MOVED, /* resumed: another owner, or another claim of the same; the list is unchanged */
};

struct roster_record {
    uint64_t seq; /* 1, 2, 3 … for each roster */
    enum roster_op op;
    struct text key;
    struct text shown; /* ROSTER_JOINED only */
    struct text owner; /* of the new holder */
};

enum roster_applied {
    ROSTER_APPLIED,
    ROSTER_STALE, /* seq was applied before, or is covered by the last reload: nothing done */
    ROSTER_GAP,   /* records are missing in between: nothing done, a reload is needed */
};
enum roster_applied roster_names_apply(struct roster_names *names,
                                       const struct roster_record *record);

/* A reload: fill another struct with roster_names_put() in joining order, set its seq, then let it
 * take the place of the old content at once. `fresh` is empty afterwards. The version grows when
 * the shown list is another one. */
void roster_names_replace(struct roster_names *names, struct roster_names *fresh);

/* ---- the claims of this node ---- */

enum roster_claim_state {
    ROSTER_CLAIM_ASKED, /* `done` is owed */
    ROSTER_CLAIM_HELD,  /* won or resumed; the socket layer knows its id */
    ROSTER_CLAIM_GONE,  /* detached: not in the tables any more */
};

struct roster_claim {
    struct htable_entry by_id;
    struct htable_entry by_key; /* while held: one held claim of a name on this node */
    struct list link; /* in struct roster_claims.all, oldest first; free for the implementation when
                         detached */
    uint64_t id;
    enum roster_claim_state state;
    bool has_resume;
    bool has_new_resume;
    uint8_t resume[ROSTER_RESUME_BYTES];     /* the hash the client presented */
    uint8_t new_resume[ROSTER_RESUME_BYTES]; /* the hash that may resume this claim */
    void (*done)(void *user, enum broker_claim_result result, struct broker_claim claim);
    void *user;
    struct text key;
    struct text shown;    /* as asked for; of a resumed one as the list has it */
    char *shown_as_found; /* owned; NULL: `shown` is in `bytes` */
    void *impl;           /* the implementation's, NULL at birth */
    char bytes[];
};

struct roster_claims {
    struct htable by_id;
    struct htable by_key;
    struct list all;
    uint64_t last_id;
};

void roster_claims_init(struct roster_claims *claims, const uint8_t seed[HTABLE_SEED_BYTES]);
/* Owed answers are given with UNAVAILABLE, held claims are forgotten. */
void roster_claims_fini(struct roster_claims *claims);
size_t roster_claims_count(const struct roster_claims *claims);

/* A new claim, asked for. NULL when the key or the shown form is empty or too long (the caller then
 * answers TAKEN). */
struct roster_claim *roster_claims_ask(struct roster_claims *claims, const struct broker_name *name,
                                       void (*done)(void *user, enum broker_claim_result result,
                                                    struct broker_claim claim),
                                       void *user);
/* The name was resumed, and is shown in this form. Copied. */
void roster_claim_show(struct roster_claim *claim, struct text shown);
struct roster_claim *roster_claims_find(const struct roster_claims *claims, uint64_t id);
/* The held claim of a name; NULL if no socket of this node holds it. */
struct roster_claim *roster_claims_holder(const struct roster_claims *claims, struct text key);

/*
 * Answers an asked claim, exactly once. WON and RESUMED make it held (no other claim of this node
 * may hold the key then: see roster_claims_detach); TAKEN and UNAVAILABLE free it before `done` is
 * called, so whoever has to undo something at the authority keeps what it needs before. `done` may
 * release the claim: do not use the pointer after the call.
 */
void roster_claims_settle(struct roster_claims *claims, struct roster_claim *claim,
                          enum broker_claim_result result);

/* Takes the claim out of the tables; the caller owns it and ends with roster_claim_free(). */
void roster_claims_detach(struct roster_claims *claims, struct roster_claim *claim);
void roster_claim_free(struct roster_claim **claim);

/* ---- storms ---- */

struct roster_sums {
    size_t online;
    uint64_t joined;
    uint64_t left;
};

struct roster_storm {
    unsigned limit;          /* above so many names online single announcements stop */
    struct roster_sums sums; /* what was counted and not told yet */
    int64_t due_at_ms;       /* INT64_MAX: nothing counted */
};

void roster_storm_init(struct roster_storm *storm, unsigned limit);

/*
 * A name came or went; `online` is the number after that step. True: announce it by itself, and if
 * *before has a joined or left that is not 0, send those sums ahead of it (the storm is over).
 * False: it was counted, and will be told by roster_storm_take().
 */
bool roster_storm_note(struct roster_storm *storm, bool joined, size_t online, int64_t now_ms,
                       struct roster_sums *before);
int64_t roster_storm_deadline(const struct roster_storm *storm);
/* True once the deadline has passed: *sums is to be sent now. */
bool roster_storm_take(struct roster_storm *storm, int64_t now_ms, struct roster_sums *sums);

#endif
