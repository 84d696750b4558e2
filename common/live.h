/*
 * How many objects of each kind are alive in this process.
 *
 * Each kind's constructor calls live_inc() once and its destructor live_dec() once. A process that
 * ends as asked checks live_total() == 0 and prints live_report() when it is not; the tests do the
 * same, and /metrics shows the numbers.
 *
 * This is the program's one piece of global mutable state: frames, values and messages have no
 * owner that a counter could hang on. It is written from the event loop's thread only, hence no
 * atomics. It counts for the process, not for one gateway in it.
 */
#ifndef CONFAB_COMMON_LIVE_H
#define CONFAB_COMMON_LIVE_H

#include <stdint.h>
#include <stdio.h>

/* X(SUFFIX, "name"): add a row for a new kind. */
#define LIVE_KINDS(X)           \
    X(GATEWAY, "gateway")       \
    X(CONNECTION, "connection") \
    X(SESSION, "session")       \
    X(CLIENT, "client")         \
    X(SOCKET, "socket")         \
    X(NAMESPACE, "namespace")   \
    X(TOKEN, "token")           \
    X(ACK, "ack")               \
    X(VALUE, "value")           \
    X(FRAME, "frame")           \
    X(MESSAGE, "message")       \
    X(ROOM, "room")             \
    X(NAME, "name")             \
    X(RECOVERY, "recovery")     \
    X(REDIS_CALL, "redis_call") \
    X(BROKER, "broker")

enum live_kind {
#define X(suffix, name) LIVE_##suffix,
    LIVE_KINDS(X)
#undef X
        LIVE_KIND_COUNT
};

extern int64_t live_counts[LIVE_KIND_COUNT];

static inline void live_inc(enum live_kind kind)
{
    live_counts[kind]++;
}

static inline void live_dec(enum live_kind kind)
{
    live_counts[kind]--;
}

static inline int64_t live_count(enum live_kind kind)
{
    return live_counts[kind];
}

/* The kind's name as in the table; never NULL. */
const char *live_kind_name(enum live_kind kind);

/* Sum over all kinds of the counters' absolute values, so that an object freed twice shows too. */
int64_t live_total(void);

/* One line "live KIND COUNT" for each kind that is not at zero; nothing when all are. */
void live_report(FILE *out);

#endif
