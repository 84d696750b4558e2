/*
 * The Redis broker: a node of a cluster that speaks the classic format of @socket.io/redis-adapter,
 * together with Node servers and emitters on the same Redis, and keeps the cluster's names there.
 *
 * What it promises is in broker/broker.h; this header is about making one. It runs on a libevent
 * base of the caller, needs no broker_advance(), and waits for an absent Redis for ever. Until the
 * first contact its state is BROKER_STARTING and it has no tag unless one was given.
 */
#ifndef CONFAB_BROKER_REDIS_H
#define CONFAB_BROKER_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/broker.h"
#include "common/redis_address.h"

struct event_base;
struct log;

enum broker_redis_rooms {
    BROKER_REDIS_ROOMS_EXACT, /* subscribe to the rooms that have local members */
    BROKER_REDIS_ROOMS_ALL,   /* one pattern per namespace, as Node does */
};

enum broker_redis_responses {
    BROKER_REDIS_RESPONSES_SHARED,   /* answer requests on the channel that all nodes listen to */
    BROKER_REDIS_RESPONSES_SPECIFIC, /* on the asker's own: Node's publishOnSpecificResponseChannel
                                      */
};

/* Borrowed for the call of broker_redis_new(), texts are copied. Zero numbers mean the default in
 * parentheses. */
struct broker_redis_config {
    struct event_base *base; /* borrowed for the broker's life, as is the log */
    struct log *log;         /* may be NULL */
    const struct redis_address *redis;
    const char *prefix;   /* of the channels; NULL: "socket.io" */
    const char *node_tag; /* [0-9a-z]{3,8}; NULL or "": drawn */
    const char *address;  /* how other nodes' operators find this one, kept in its lease's record;
                             NULL: the host's name */
    enum broker_redis_rooms rooms;
    enum broker_redis_responses responses;
    /*
     * The given tag is held by another live process: this one cannot take part and should end.
     * Called at most once, from the loop; `holder` is that process' address. May be NULL.
     */
    void (*tag_refused)(void *user, const char *tag, const char *holder);
    void *tag_refused_user; /* borrowed */

    /* For tests that cannot wait. */
    unsigned lease_ms; /* (6000) how long a node counts as alive without a word; renewed every third
                          of it */
    unsigned tick_ms;  /* (1000) between two looks for names to be freed */
    unsigned linger_ms;        /* (1000) how long a room without members stays subscribed */
    unsigned ping_interval_ms; /* (2000) and the time that the answer may take */
    size_t response_max_bytes; /* (4 MiB) a longer answer to another node is not sent, but counted
                                */
};

/* events, user: borrowed for the broker's life. */
struct broker *broker_redis_new(const struct broker_redis_config *config,
                                const struct broker_events *events, void *user);

/* The link is up and everything that was asked for is in force: namespaces and rooms are
 * subscribed, rosters are filled. */
bool broker_redis_settled(const struct broker *broker);

/* For /metrics and diagnosis. */
struct broker_redis_stats {
    bool command_up, subscriber_up;
    uint64_t connects; /* attempts */
    uint64_t losses;   /* of a link that was up */
    uint64_t unsent; /* messages for other nodes dropped because the link was down or its queue full
                      */
    size_t subscriptions; /* channels and patterns in force */
    size_t queued_bytes;  /* waiting for the sockets */
    unsigned nodes; /* gateways with a valid lease, as of the last renewal; 0 while the link is down
                     */
};
void broker_redis_stats(const struct broker *broker, struct broker_redis_stats *out);

#endif
