/*
 * The broker: rooms, broadcasts and names, for one node or for a cluster.
 *
 * Socket.IO's room programs against this header alone and cannot tell which implementation is
 * behind it: memory (one node) or Redis (the classic format of @socket.io/redis-adapter, together
 * with Node servers and emitters). Both pass the same battery of tests.
 *
 * What is promised:
 * - broker_emit(): Node's way. Local members get it inside the call; the others when Redis has
 * carried it. While the link is down: local only.
 * - broker_emit_ordered(): every node, this one too, delivers it when it comes back from the one
 * place that orders: the same order for all. While the link is down it falls back to local delivery
 * and says so (BROKER_SCOPE_NODE).
 * - Names (struct broker_roster): at most one holder in the cluster; joined and left are announced
 * exactly once and in the same order to all nodes; a node's death frees its names after its lease.
 *
 * Everything runs on the thread of the event loop. Callbacks given with a request are called
 * exactly once, possibly before the function returns (the memory broker does), also when the broker
 * is freed first: with CONFAB_ECLOSED, claims with BROKER_CLAIM_UNAVAILABLE. They may call broker
 * functions. They get ids and plain facts, not objects that may be gone.
 */
#ifndef CONFAB_BROKER_BROKER_H
#define CONFAB_BROKER_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/message.h"
#include "common/list.h"

struct broker;
struct broker_namespace;
struct broker_roster;
struct buf;
struct confab_value;

/* ---- members: the sockets of a namespace, as the broker sees them ---- */

/* Embedded in the owner's socket object; all fields belong to the broker. */
struct broker_member {
    struct broker_namespace *nsp; /* NULL: not added */
    struct list rooms;            /* links of the rooms it is in, its private one first */
    struct list all;              /* link in the namespace's list */
    uint64_t visited;             /* the last fan-out that reached it */
    unsigned room_count;
};

/* ---- upwards ---- */

/* An answer that is owed to another node. Value type; give it back exactly once (broker_answer_*).
 */
struct broker_reply {
    uint64_t id;
};

/* Given at birth, borrowed for the broker's life. `server_event` is called by cluster brokers only.
 */
struct broker_events {
    /* Deliver to one local member. Called once per member and message. May remove members and emit
     * (that is delivered after this message has reached everybody), but must not free members
     * (closing later is fine). */
    void (*deliver)(void *user, struct broker_member *member, struct message *message);
    /* An acknowledgement of this broadcast is asked for: send with an ack request, and give each
     * first argument to broker_answer_ack(reply, …). The number of members reached is counted by
     * the broker. */
    void (*deliver_with_ack)(void *user, struct broker_member *member, struct message *message,
                             struct broker_reply reply);
    /* The value {id, handshake{…}, rooms[…], data} of a local member for fetchSockets, another
     * node's with `abroad`; the caller owns it. */
    struct confab_value *(*describe)(void *user, struct broker_member *member, bool abroad);
    /* This member is disconnected with others; `close`: the whole connection. Must not free the
     * member inside the call. */
    void (*disconnect)(void *user, struct broker_member *member, bool close);
    /* Another node's serverSideEmit. args: array [event, …], borrowed. When `wants_reply`,
     * broker_answer_server_event() is owed, exactly once (at once when nobody handles the event).
     */
    void (*server_event)(void *user, struct broker_namespace *nsp, const struct confab_value *args,
                         bool wants_reply, struct broker_reply reply);
    /* The link's state changed. */
    void (*state_changed)(void *user);
    /* Rooms of a member were changed by another node (socketsJoin, socketsLeave). May be NULL. */
    void (*rooms_changed)(void *user, struct broker_member *member);
    /* A message without acknowledgements is about to go through the local members of an open
     * namespace, which may have none; the order of these calls is the order that each member sees.
     * The frames may be set here. May be NULL, as the next two. */
    void (*delivering)(void *user, struct broker_namespace *nsp, struct message *message);
    /* A member came into a room, or went out of it (also by broker_remove()), whoever wished it;
     * not told of its private one. Must not change rooms. */
    void (*joined)(void *user, struct broker_member *member, const struct text *room);
    void (*left)(void *user, struct broker_member *member, const struct text *room);
};

void broker_answer_ack(struct broker *broker, struct broker_reply reply,
                       const struct confab_value *first_argument);
void broker_answer_server_event(struct broker *broker, struct broker_reply reply,
                                const struct confab_value *first_argument);

/* ---- life ---- */

enum broker_state {
    BROKER_STARTING, /* never been connected */
    BROKER_UP,
    BROKER_DOWN, /* was up, is not now: local traffic goes on */
};

void broker_free(struct broker **broker);
enum broker_state broker_state(const struct broker *broker);
/* This node's tag; NULL until it is won (a cluster node draws it against the others). Then
 * constant. */
const char *broker_node_tag(const struct broker *broker);
/* Time passes: the memory broker's timers (grace, storms). To be told once a turn, before anything
 * else: the last time told counts as the present. The Redis broker keeps its own; then deadline is
 * INT64_MAX. */
int64_t broker_deadline(const struct broker *broker);
void broker_advance(struct broker *broker, int64_t now_ms);
/* The node stops for good: its names are kept for their grace by the others, its lease ends. `done`
 * when Redis knows (or cannot be told). */
void broker_leave_cluster(struct broker *broker, void (*done)(void *user), void *user);

/* ---- namespaces and members ---- */

#define BROKER_ROOM_MAX_BYTES \
    8192 /* the longest room name; peers' join requests are held to it too */
#define BROKER_ROOMS_PER_MEMBER_MAX 1000 /* unless set otherwise */

/* Before the first namespace is opened. The private room counts. */
void broker_set_rooms_per_member(struct broker *broker, unsigned limit);

/* Opens a namespace (Node's adapter for it). Idempotent: one object per name. Lives as long as the
 * broker, or until it is closed. */
struct broker_namespace *broker_namespace(struct broker *broker, const char *name);
/* Closes one without members and without a roster: other nodes are not heard any more, what they
 * were owed in it is given up. Not from inside a callback of the broker. */
void broker_namespace_close(struct broker_namespace *nsp);
const char *broker_namespace_name(const struct broker_namespace *nsp);
void broker_namespace_set_user(struct broker_namespace *nsp, void *user);
void *broker_namespace_user(const struct broker_namespace *nsp);
size_t broker_member_count(const struct broker_namespace *nsp);

/* Adds a member with its private room, its 20-character socket id (at most BROKER_ROOM_MAX_BYTES).
 * Live at once. The struct need not be initialised but must be zeroed or removed before.
 * broker_free() removes whoever is left. */
void broker_add(struct broker_namespace *nsp, struct broker_member *member, const char *socket_id);
/* Leaves all rooms and the namespace. Safe inside a fan-out. Idempotent. */
void broker_remove(struct broker_member *member);
/* The member whose private room this is; NULL if it is not here. */
struct broker_member *broker_find(struct broker_namespace *nsp, const char *socket_id);

/*
 * Joins a room. `done` (may be NULL) is called when broadcasts to the room from other nodes reach
 * this one: CONFAB_OK; the member is in the room for local emits at once. Returns CONFAB_OK, or
 * CONFAB_ELIMIT beyond the per-member limit or for too long a name, or CONFAB_ECLOSED for a member
 * that is in no namespace: then nothing was joined and `done` is not called. `done` gets
 * CONFAB_ECANCELED when the room lost all its local members before it was live.
 */
int broker_join(struct broker_member *member, const char *room, size_t room_bytes,
                void (*done)(void *user, int status), void *user);
/* A member's private room is not left but by broker_remove(). */
void broker_leave(struct broker_member *member, const char *room, size_t room_bytes);
bool broker_is_in(const struct broker_member *member, const char *room, size_t room_bytes);
/* Visits the rooms of a member, its private one first. */
void broker_each_room(const struct broker_member *member,
                      void (*visit)(void *user, const struct text *room), void *user);
/* Visits local members of a room (of the whole namespace with NULL). Members may be removed and
 * added inside; those added are not visited. */
void broker_each_member(struct broker_namespace *nsp, const struct text *room,
                        void (*visit)(void *user, struct broker_member *member), void *user);

/* ---- emitting ---- */

enum broker_scope { BROKER_SCOPE_CLUSTER, BROKER_SCOPE_NODE };

/* Borrows the message (holds it while needed). From inside a delivery the local part waits until
 * that one has reached everybody, so that all local members see one order. */
void broker_emit(struct broker *broker, struct message *message);
/* `done` may be NULL. CONFAB_OK with the scope reached; CONFAB_EUNAVAILABLE when the link died in
 * flight (it may or may not have arrived). */
void broker_emit_ordered(struct broker *broker, struct message *message,
                         void (*done)(void *user, int status, enum broker_scope scope), void *user);

/* ---- for many members on all nodes ---- */

/*
 * Who is meant is said by a message, whose namespace, rooms, except and MESSAGE_LOCAL count and
 * whose arguments do not; it is borrowed. The members here change inside the call (of
 * broker_all_disconnect() when its event is told), those of other nodes when Redis has carried it;
 * nobody answers. While the link is down: local only. Rooms that cannot be joined are left out.
 */
void broker_all_join(struct broker *broker, const struct message *who, const struct text *rooms,
                     unsigned room_count);
void broker_all_leave(struct broker *broker, const struct message *who, const struct text *rooms,
                      unsigned room_count);
void broker_all_disconnect(struct broker *broker, const struct message *who, bool close);
/* Node's serverSideEmit, to all other nodes. args: array [event, …], borrowed. */
void broker_tell_servers(struct broker_namespace *nsp, const struct confab_value *args);

/* ---- asking many ---- */

/* A question under way. Value type, never reused; 0 is none. */
struct broker_question {
    uint64_t id;
};

/* Given with a question, borrowed until `done` or broker_ask_end(). */
struct broker_question_events {
    /* One answer: a client's first argument, the description of a socket, a server's answer.
     * Borrowed; NULL: it was given without a value. */
    void (*answer)(void *user, const struct confab_value *value);
    /* All there is has come: CONFAB_OK, or CONFAB_EUNAVAILABLE when other nodes could not be asked
     * or their answers were lost with the link, CONFAB_ECLOSED when the broker is freed. The
     * question is over. */
    void (*done)(void *user, int status);
};

/*
 * `question` is set before anything is told; both events may come inside the call. A question
 * without an end goes on until broker_ask_end(), so its owner keeps the time: `timeout_ms` only
 * tells other nodes how long it is worth answering. Other nodes are counted when they are asked;
 * one that dies meanwhile leaves the question open.
 */
/* A broadcast that clients acknowledge. Local members get it inside the call, through
 * deliver_with_ack. The message is borrowed; its flags but MESSAGE_LOCAL do not travel. */
void broker_ask_clients(struct broker *broker, struct message *message, int64_t timeout_ms,
                        const struct broker_question_events *events, void *user,
                        struct broker_question *question);
/* The sockets meant by `who`, those here from `describe`. */
void broker_ask_sockets(struct broker *broker, const struct message *who,
                        const struct broker_question_events *events, void *user,
                        struct broker_question *question);
/* Node's serverSideEmit with an acknowledgement: one answer from each of the other nodes. */
void broker_ask_servers(struct broker_namespace *nsp, const struct confab_value *args,
                        const struct broker_question_events *events, void *user,
                        struct broker_question *question);
/* Forgets it: nothing more is told. Idempotent. */
void broker_ask_end(struct broker *broker, struct broker_question question);

/* ---- names ---- */

/* How a roster announces itself; the events go to all sockets of `nsp` in the cluster, Node's
 * included. */
struct broker_roster_config {
    const char *nsp;
    const char *joined_event; /* one argument: the shown name */
    const char *left_event;   /* the same */
    const char *storm_event;  /* one argument {online, joined, left}, once a second instead of the
                                 two while more than … */
    unsigned storm_limit;     /* … this many names are online */
    int64_t grace_ms;         /* how long a lost holder keeps its name */
};

/* One claim of a name by a socket of this node. Value type, never reused; 0 is no claim. */
struct broker_claim {
    uint64_t id;
};

enum broker_claim_result {
    BROKER_CLAIM_WON, /* new holder; joined is announced (or counted in a storm) right after `done`
                         has returned */
    BROKER_CLAIM_RESUMED,     /* taken over by its resume secret; nothing announced, the shown form
                                 stays as it was */
    BROKER_CLAIM_TAKEN,       /* somebody else holds it */
    BROKER_CLAIM_UNAVAILABLE, /* the link is down or died in flight; a claim that was won all the
                                 same is released again */
};

struct broker_roster_events {
    /* A claim of this node is void: its name was resumed by another socket (CONFAB_EEXISTS), or was
     * lost to another holder while the link was down (CONFAB_EDENIED). The claim is already
     * forgotten. */
    void (*on_lost)(void *user, struct broker_claim claim, int why);
};

/* At most one roster per namespace (a second call returns the first). Opens the namespace. Texts
 * are copied. Events and user are borrowed. Lives as long as the broker. */
struct broker_roster *broker_roster_open(struct broker *broker,
                                         const struct broker_roster_config *config,
                                         const struct broker_roster_events *events, void *user);

struct broker_name {
    const char *key;       /* what is unique: the folded name; 1–255 bytes */
    const char *shown;     /* what is announced */
    const uint8_t *resume; /* 16 bytes: the hash of the secret the client presented; NULL: none */
    const uint8_t *new_resume; /* 16 bytes: the hash of the secret that may resume this claim */
};

/*
 * Claims a name. `done` gets the claim (id 0 unless WON or RESUMED). If the caller no longer wants
 * it (the socket died meanwhile) it calls broker_roster_release() from `done`. Order: `done` runs
 * before the joined announcement is delivered to any member of this node (so that a client is told
 * `welcome` before it sees its own name join). With Redis the announcement may come back on the
 * subscriber's connection before the script's reply on the other one: the names record that
 * precedes it then completes the claim.
 */
void broker_roster_claim(struct broker_roster *roster, const struct broker_name *name,
                         void (*done)(void *user, enum broker_claim_result result,
                                      struct broker_claim claim),
                         void *user);

/* Gives a name back: at once (left is announced), or after the grace, during which only its resume
 * secret gets it. Unknown claims are ignored. While the link is down it is done when it returns. */
void broker_roster_release(struct broker_roster *roster, struct broker_claim claim,
                           bool keep_for_grace);

/* The form in which a name that this node holds is shown, which need not be the one that was asked
 * for when it was resumed. Borrowed as long as it is held; NULL: the claim is unknown. */
const char *broker_roster_shown(const struct broker_roster *roster, struct broker_claim claim);

/* The names online in the cluster, from this node's copy, which follows the ordered announcements.
 * Includes names held for grace. */
size_t broker_roster_count(const struct broker_roster *roster);
/* Grows with every change of the list: rebuild what is made from it only when this moved. */
uint64_t broker_roster_version(const struct broker_roster *roster);
/* Visits shown names in joining order until `visit` returns false. */
void broker_roster_each(const struct broker_roster *roster,
                        bool (*visit)(void *user, const char *shown), void *user);

/* ---- counters for metrics ---- */
struct broker_counters {
    uint64_t published, received, malformed, own_dropped, requests_answered, responses_too_big;
    uint64_t link_losses;
    uint64_t publish_lag_us_sum, publish_lag_count; /* publish to return, of probes */
};
const struct broker_counters *broker_counters(const struct broker *broker);

/* ---- the two implementations ---- */

/* One node, in memory. `node_tag`: [0-9a-z]{3,8}. `seed`: 16 random bytes for its hash tables.
 * events/user borrowed for the broker's life. */
struct broker *broker_memory_new(const char *node_tag, const uint8_t seed[16],
                                 const struct broker_events *events, void *user);
/* The Redis broker is made by broker/redis.h (it needs an event base). */

#endif
