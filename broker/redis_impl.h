/*
 * What the files of the Redis broker share.
 *
 *   redis.c            life, the way to UP, the tick
 *   redis_lease.c      this node's tag and lease
 *   redis_subscribe.c  which channels and patterns are subscribed, and why
 *   redis_receive.c    from a message on a channel to whom it concerns
 *   redis_publish.c    emits
 *   redis_request.c    what other nodes ask for; redis_answer.c the long answers, in slices
 *   redis_ask.c        what this node asks of others, and tells them
 *   redis_names*.c     rosters: entering, claiming, giving back, sweeping, telling what was missed
 *
 * The way to UP, each time the link comes (back): lease -> all subscriptions -> each roster is
 * entered, claimed again and loaded -> UP.
 */
#ifndef CONFAB_BROKER_REDIS_IMPL_H
#define CONFAB_BROKER_REDIS_IMPL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <event2/event.h>

#include "broker/broker_impl.h"
#include "broker/redis.h"
#include "broker/redis_link.h"
#include "common/buf.h"
#include "common/log.h"
#include "common/rng.h"

#define REDIS_UID_CHARS 6
#define REDIS_INCARNATION_CHARS 10
/* Names in one step: what keeps Redis busy for a few milliseconds. */
#define REDIS_STEP_NAMES 500

/* What a buffer that is used again may keep. */
#define REDIS_SCRATCH_KEPT_BYTES 65536

struct redis;
struct redis_channel;
struct redis_names;
struct wire_request;

static inline struct text redis_text(const char *text)
{
    return (struct text){text, strlen(text)};
}

/* ---- redis_subscribe.c ---- */

enum redis_interest_kind {
    REDIS_INTEREST_BROADCAST,
    REDIS_INTEREST_REQUEST,
    REDIS_INTEREST_RESPONSE,
    REDIS_INTEREST_NAMES,
    REDIS_INTEREST_PROBE,
};

/* Why a channel is subscribed. Embedded in, or owned by, whoever wants it. */
struct redis_interest {
    struct list in_channel;
    struct redis_channel *channel; /* NULL: nothing is wanted */
    enum redis_interest_kind kind;
    struct broker_namespace *nsp; /* BROADCAST, REQUEST, RESPONSE */
    struct redis_names *names;    /* NAMES */
};

struct redis_channels {
    struct htable by_name;
    struct list wanted;    /* struct redis_channel.link: to be subscribed at the end of the turn */
    struct timerfifo idle; /* struct redis_channel.idle: nobody wants it any more */
    size_t live;
    size_t asked; /* waiting for Redis to confirm */
    bool open;    /* the link takes subscriptions now */
    bool told;    /* since it is open: all that was wanted then is subscribed */
    struct event *turn;
    struct event *idle_timer;
};

void redis_channels_init(struct redis *redis);
void redis_channels_fini(struct redis *redis);
/* Wants a channel (or a pattern): it is subscribed while anybody wants it. */
void redis_want(struct redis *redis, struct redis_interest *interest, bool pattern,
                struct text name);
/* Idempotent. Who waits for it gets CONFAB_ECANCELED when it was the last one. */
void redis_unwant(struct redis *redis, struct redis_interest *interest);
/*
 * Calls `done` exactly once: CONFAB_OK when the channel is subscribed, possibly before it returns.
 * Also when the link is not there: then no other node is either, and the link is not UP again
 * before the channel is subscribed.
 */
void redis_wait(struct redis *redis, const struct redis_interest *interest,
                void (*done)(void *user, int status), void *user);
bool redis_interest_live(const struct redis_interest *interest);
/* The link has come; gone. When all that was wanted is subscribed redis_subscribed() is called,
 * once after each opening. */
void redis_channels_open(struct redis *redis);
void redis_channels_close(struct redis *redis);
void redis_channels_confirm(struct redis *redis, enum redis_subscription kind, struct text name);
/* NULL when nobody wants it. Visit its interests with LIST_FOREACH. */
struct list *redis_channel_interests(struct redis *redis, bool pattern, struct text name);

/* ---- a namespace ---- */

struct redis_namespace {
    struct broker_namespace *nsp;
    char uid[REDIS_UID_CHARS + 1]; /* of this node's adapter for this namespace */
    struct text base;              /* "<key>#<nsp>#", owned */
    struct redis_interest broadcasts;
    struct redis_interest requests;
    struct redis_interest private_rooms; /* the pattern: own ids, or everything */
    struct redis_interest responses[2];  /* to all, to this node; only while it asks */
    unsigned asking;                     /* struct redis_ask of this namespace */
    int64_t asked_at_ms;                 /* the last end of one */
};

static inline struct redis_namespace *redis_namespace_of(const struct broker_namespace *nsp)
{
    return nsp->impl;
}

/* ---- redis_lease.c ---- */

struct redis_lease {
    bool given; /* the tag is not ours to choose */
    bool held;  /* by this node, as far as it knows */
    bool refused;
    char tag[12];
    char incarnation[REDIS_INCARNATION_CHARS + 1];
    char owner[12 + 1 + REDIS_INCARNATION_CHARS + 1]; /* "<tag>:<incarnation>" */
    char *rival; /* the record of another process with this tag, as seen last; owned */
    int64_t rival_left_ms;
    unsigned draws;
    unsigned nodes;
    struct event *timer; /* renewal, or the next try */
};

void redis_lease_init(struct redis *redis, const char *given_tag);
void redis_lease_fini(struct redis *redis);
/* The link has come: ends in redis_lease_won(), or in the link's loss. */
void redis_lease_enter(struct redis *redis);
void redis_lease_lost_link(struct redis *redis);
/* Ends the lease; `done` when Redis has heard it, or cannot. */
void redis_lease_leave(struct redis *redis, void (*done)(struct redis *redis));

/* ---- the broker ---- */

struct redis_job; /* redis_answer.c */

struct redis {
    struct broker broker;
    struct event_base *base; /* borrowed */
    struct log *log;         /* borrowed */
    struct log_limit malformed_lines;
    struct log_limit refused_lines;
    struct rng rng;
    struct redis_link *link; /* owned */

    char *prefix;  /* owned */
    char *address; /* owned */
    enum broker_redis_rooms rooms;
    enum broker_redis_responses responses;
    void (*tag_refused)(void *user, const char *tag, const char *holder);
    void *tag_refused_user;
    unsigned lease_ms, tick_ms, linger_ms;
    size_t response_max_bytes;

    struct redis_channels channels;
    struct redis_lease lease;
    struct event *tick;
    unsigned ticks;
    int64_t up_at_ms;
    uint64_t unsent;
    struct redis_names *announcing; /* the next messages are announcements that a claim waits for */

    struct redis_interest probe;
    char probe_id[REDIS_UID_CHARS + 1];
    int64_t probe_at_us; /* 0: none under way */

    struct htable asks; /* struct redis_ask, by request id */
    char asks_prefix[REDIS_INCARNATION_CHARS + 1];
    struct list jobs; /* struct redis_job.link */
    unsigned job_count;
    struct event *jobs_turn;

    /* Scratch for what is published: in use between two calls of other rooms' code only. */
    struct buf channel_out, payload_out;

    /* broker_leave_cluster() */
    bool leaving;
    void (*left)(void *user);
    void *left_user;
};

static inline struct redis *redis_of(struct broker *broker)
{
    return container_of(broker, struct redis, broker);
}

/* redis.c */
void redis_lease_won(struct redis *redis);
void redis_subscribed(struct redis *redis);
/* A roster has been loaded: the last step before UP. */
void redis_names_entered(struct redis *redis);
/* Links `parts` (ended by NULL) to a text that the caller owns. */
struct text redis_join_text(const char *first, ...) __attribute__((sentinel));
void redis_free_text(struct text *text);

/* redis_receive.c */
void redis_receive(struct redis *redis, const struct redis_message *message);
/* A room with a channel of its own; else its broadcasts come by a pattern. */
bool redis_room_is_exact(const struct redis *redis, struct text room);
/* Counts and, at a limited rate, logs what was dropped because it makes no sense. */
void redis_malformed(struct redis *redis, const char *what, struct text channel, int err);

/* redis_publish.c */
void redis_publish(struct broker *broker, struct message *message);
void redis_publish_ordered(struct broker *broker, struct message *message,
                           void (*done)(void *user, int status, enum broker_scope scope),
                           void *user);
/* PUBLISH without waiting for the result; counts. */
void redis_send(struct redis *redis, struct text channel, struct text payload);

/* redis_request.c */
void redis_request(struct redis *redis, struct broker_namespace *nsp, struct text channel,
                   struct text payload);
void redis_answer_pending(struct broker *broker, struct broker_pending *pending,
                          const struct confab_value *first_argument);
void redis_answer_closed(struct broker *broker, struct broker_pending *pending);

/* Publishes an answer, or counts it when it had grown beyond its limit. uid NULL: to everybody. */
void redis_respond(struct redis *redis, const struct broker_namespace *nsp, const struct text *uid,
                   const struct buf *payload);
/* Which of the response channels this node was told to use. */
const struct text *redis_answer_uid(const struct redis *redis, const struct text *uid);

/* redis_answer.c */
void redis_jobs_init(struct redis *redis);
/* Drops all answers under way, or those of one namespace. */
void redis_jobs_clear(struct redis *redis);
void redis_jobs_close(struct redis *redis, const struct broker_namespace *nsp);
void redis_jobs_fini(struct redis *redis);
void redis_answer_list(struct redis *redis, struct broker_namespace *nsp,
                       const struct wire_request *request);

/* redis_ask.c */
void redis_asks_init(struct redis *redis);
void redis_asks_fini(struct redis *redis);
void redis_tell(struct broker_namespace *nsp, struct wire_request *request);
void redis_ask(struct broker_namespace *nsp, struct broker_question question,
               struct wire_request *request);
void redis_ask_over(struct broker *broker, struct broker_question question);
void redis_response(struct redis *redis, const struct broker_namespace *nsp, struct text channel,
                    struct text payload);
/* The link is gone, and with it what was asked. */
void redis_asks_lost_link(struct redis *redis);
/* From time to time: stops listening for answers where nothing was asked for long. */
void redis_asks_tick(struct redis *redis, int64_t now_ms);
/* The namespace closes: what was asked in it; its response channels. */
void redis_asks_drop(struct redis *redis, const struct broker_namespace *nsp);
void redis_asks_close(struct redis *redis, struct redis_namespace *own);

/* redis_names.c */
void redis_names_open(struct broker_roster *roster);
void redis_names_close(struct broker_roster *roster);
void redis_names_claim(struct broker_roster *roster, struct roster_claim *claim);
void redis_names_release(struct broker_roster *roster, struct roster_claim *claim,
                         bool keep_for_grace);
void redis_names_enter_all(struct redis *redis);
bool redis_names_ready(const struct redis *redis);
void redis_names_lost_link(struct redis *redis);
void redis_names_tick(struct redis *redis, bool may_sweep);
/* The broker ends: what waits for a record is the common part's to answer. After the link is gone.
 */
void redis_names_stop(struct redis *redis);
void redis_names_record(struct redis_names *names, struct text channel, struct text payload);
/* Around each message: true when it is the one that a claim waits for; then deliveries are held
 * until redis_names_unhold(), which settles the claim. */
bool redis_names_hold(struct redis *redis);
void redis_names_unhold(struct redis *redis);
/* Hands over what this node still holds; `done` when Redis has heard it, or cannot. */
void redis_names_leave(struct redis *redis, void (*done)(struct redis *redis));

#endif
