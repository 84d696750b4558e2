/* What the files about rosters share: broker/redis_names*.c. */
#ifndef CONFAB_BROKER_REDIS_NAMES_H
#define CONFAB_BROKER_REDIS_NAMES_H

#include "broker/redis_impl.h"

#define NAMES_KEYS 6
#define NAMES_COMMON_ARGS 10
#define NAMES_NUMBER_BYTES 24

/* The way to READY, each time the link comes. See redis_names_enter.c. */
enum names_phase {
    NAMES_AWAY,      /* no link, or not its turn yet */
    NAMES_ENTERING,  /* what has happened since? */
    NAMES_RESTORING, /* the data were lost: all names known here go back */
    NAMES_CLAIMING,  /* what this node's sockets hold, and what they gave back meanwhile */
    NAMES_PRUNING,   /* what this node is said to hold and does not */
    NAMES_LOADING,   /* the copy */
    NAMES_READY,
};

/* A name that is given back until Redis has heard it. */
struct names_release {
    struct list link; /* in releases */
    struct redis_names *names;
    uint64_t claim;
    bool keep;
    bool sent;
    struct text key;
    char bytes[];
};

struct names_load; /* redis_names_load.c */

struct redis_names {
    struct redis *redis;
    struct broker_roster *roster;
    enum names_phase phase;
    struct redis_interest records;

    /* What every script gets first: the keys, then this node and how to tell. All owned but for the
     * owner. */
    struct text common[NAMES_KEYS + NAMES_COMMON_ARGS];
    char storm_limit[NAMES_NUMBER_BYTES];

    char born[NAMES_NUMBER_BYTES]; /* of the data this node has last worked with; empty at first */
    char round[NAMES_NUMBER_BYTES];
    char seen[NAMES_NUMBER_BYTES]; /* scratch: the copy's seq as text */

    /* A claim whose record has come, and the announcements of that step that have not. */
    uint64_t decided;
    enum broker_claim_result decided_result;
    uint64_t announcements_left;

    struct list releases;
    unsigned releases_in_flight;
    bool sweeping;

    /* Entering: where it has got to. */
    uint64_t *ids; /* claims to claim again; owned */
    size_t id_count, id_next;
    struct list *restore_next; /* in roster->names.order; RESTORING only */
    char prune_after[ROSTER_KEY_MAX_BYTES + 1];

    struct names_load *load; /* while LOADING, or reloading when READY; owned */
};

static inline struct redis_names *redis_names_of(const struct broker_roster *roster)
{
    return roster->impl;
}

/* The arguments behind the common ones, collected. */
struct names_args {
    unsigned count;
    struct text args[NAMES_KEYS + NAMES_COMMON_ARGS + 1 + 4 * REDIS_STEP_NAMES];
};

/* redis_names.c */
void names_args_begin(const struct redis_names *names, struct names_args *args);
static inline void names_args_add(struct names_args *args, struct text arg)
{
    args->args[args->count++] = arg;
}
/* False when it was not sent: the link is going down, or was reset for that reason. `done` gets
 * `names`. */
bool names_run(struct redis_names *names, const struct redis_script *script,
               const struct names_args *args, redis_link_done *done, void *user);
/* True when the answer begins with this word. */
bool names_answer_is(const struct redis_answer *answer, const char *word);
/* The answer of a step is not what it should be: this node's lease has ended, or worse. Resets the
 * link. */
void names_answer_is_bad(struct redis_names *names, const struct redis_answer *answer);
void names_hash_text(char out[2 * ROSTER_RESUME_BYTES + 1], bool has,
                     const uint8_t hash[ROSTER_RESUME_BYTES]);
/* Answers a claim, and forgets how it was asked. Callbacks run inside. */
void names_settle(struct redis_names *names, struct roster_claim *claim,
                  enum broker_claim_result result);
void names_send_releases(struct redis_names *names);
/* All is loaded: what was asked for meanwhile is sent. */
void names_are_ready(struct redis_names *names);

/* redis_names_enter.c */
void names_enter(struct redis_names *names);
/* One more release has been heard. */
void names_release_heard(struct redis_names *names);
void names_enter_stop(struct redis_names *names);
void names_loaded(struct redis_names *names);

/* redis_names_load.c */
/* Reads the whole list, in pages; ends in names_loaded() or with the link. Restarts one that is
 * under way. */
void names_load_start(struct redis_names *names);
void names_load_stop(struct redis_names *names);
/* A record came while loading: kept, and applied at its end. Takes `changes` (an array) over. */
void names_load_keep(struct redis_names *names, uint64_t first_seq, struct confab_value *changes);
/* The seq at which a name of the pages came; 0 when it is not in them. */
uint64_t names_load_joined(const struct names_load *load, struct text key);

/* One change of a record, read from the wire; all texts borrowed from it. */
struct names_change {
    enum roster_op op;
    struct text key, shown, owner, former_owner;
    uint64_t claim, former_claim;
};
/* False when it makes no sense. */
bool names_change_read(const struct confab_value *value, struct names_change *out);

/* redis_names_missed.c */
/* A record came whose announcements reach this node's members, while the copy is not in step. */
void names_follow(struct redis_names *names, const struct confab_value *changes);
/* `fresh` is about to take the copy's place: what differs was said while the link was down, and is
 * delivered to this node's members. */
void names_tell_missed(struct redis_names *names, const struct roster_names *fresh,
                       const struct names_load *load);

#endif
