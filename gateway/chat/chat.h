/*
 * The chat: people with unique names who talk to all, in rooms, and see who is there.
 *
 * An application on the C API alone: it knows sockets, events, rooms and the roster, and nothing of
 * transports, packets or nodes. Its events are described in docs/chat.md; the plain ones without
 * acks are those of pages written for the classic Socket.IO chat examples, and stay as they are.
 */
#ifndef CONFAB_CHAT_CHAT_H
#define CONFAB_CHAT_CHAT_H

#include <stdbool.h>
#include <stdint.h>

struct confab_server;
struct chat;

/* Why a request was not done: symbol, the code in its ack, the default sentence for people. */
#define CHAT_CODES(X)                                                                   \
    X(CHAT_BAD_REQUEST, "bad_request", "The request is not of the expected form")       \
    X(CHAT_NOT_LOGGED_IN, "not_logged_in", "Log in first")                              \
    X(CHAT_NAME_TAKEN, "name_taken", "Somebody else has this name")                     \
    X(CHAT_NAME_BAD, "name_bad", "This name cannot be used")                            \
    X(CHAT_TOO_LONG, "too_long", "That is too long")                                    \
    X(CHAT_NOT_MEMBER, "not_member", "Join the room first")                             \
    X(CHAT_RATE_LIMITED, "rate_limited", "Too many requests; wait a little")            \
    X(CHAT_UNAVAILABLE, "unavailable", "The cluster cannot decide this now; try again") \
    X(CHAT_UNKNOWN_EVENT, "unknown_event", "The server does not know this event")

enum chat_code {
#define X(symbol, code, text) symbol,
    CHAT_CODES(X)
#undef X
        CHAT_CODE_COUNT
};
const char *chat_code_label(enum chat_code code);

/* How log-ins ended, in the order of the metric's label values. */
enum chat_login_result {
    CHAT_LOGIN_OK,
    CHAT_LOGIN_RESUMED,
    CHAT_LOGIN_NAME_TAKEN,
    CHAT_LOGIN_NAME_BAD,
    CHAT_LOGIN_RATE_LIMITED,
    CHAT_LOGIN_UNAVAILABLE,
    CHAT_LOGIN_RESULT_COUNT
};

/* Rates that a socket may reach: symbol, label for metrics and answers, the sentence for people. */
#define CHAT_LIMITS(X)                                                                     \
    X(CHAT_LIMIT_MESSAGES, "chat_messages_per_second", "Too many messages; wait a little") \
    X(CHAT_LIMIT_SEND_MSG, "chat_send_msg_per_second", "Too many messages; wait a little") \
    X(CHAT_LIMIT_LOGINS, "chat_logins_per_minute", "Too many log-ins; wait a little")

enum chat_limit {
#define X(symbol, label, text) symbol,
    CHAT_LIMITS(X)
#undef X
        CHAT_LIMIT_COUNT
};
const char *chat_limit_label(enum chat_limit limit);

struct chat_config {
    const char *nsp;         /* "/" */
    bool send_msg;           /* serve the event that needs no log-in */
    int64_t name_grace_ms;   /* 5000 */
    unsigned presence_limit; /* 1000: users online above which joined and left are summed up, and
                                the list is cut */
    /* By enum chat_limit: 50 and 5 in a second, 30 in a minute; in a burst 10 and 4 times as many,
     * and 5 log-ins. 0: no such limit. At most 1000. */
    unsigned rates[CHAT_LIMIT_COUNT];
};

struct chat_counters {
    uint64_t logins[CHAT_LOGIN_RESULT_COUNT];
    uint64_t messages;
    uint64_t refused[CHAT_CODE_COUNT];
    uint64_t limits[CHAT_LIMIT_COUNT]; /* refused, or made to wait, because of them */
};

/* Registers the chat on a server, before it serves. The config is copied. Lives at least as long as
 * the server: free it after the server ended. */
struct chat *chat_new(struct confab_server *server, const struct chat_config *config);
void chat_free(struct chat **chat);
const struct chat_counters *chat_counters(const struct chat *chat);
/* Users online in the cluster, as this node knows. */
uint64_t chat_online(const struct chat *chat);

#endif
