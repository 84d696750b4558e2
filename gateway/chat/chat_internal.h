/* What the chat's own files share. */
#ifndef CONFAB_CHAT_CHAT_INTERNAL_H
#define CONFAB_CHAT_CHAT_INTERNAL_H

#include <stddef.h>

#include "common/name.h"
#include "common/rate.h"
#include "gateway/chat/chat.h"
#include "gateway/chat/debts.h"
#include <confab/server.h>

#define CHAT_MESSAGE_MAX_BYTES 4096 /* one message; also send_msg's argument as JSON */
#define CHAT_ROOM_MAX_BYTES 64
#define CHAT_CID_MAX_BYTES 64
#define CHAT_RESUME_BYTES 32 /* hex characters */
#define CHAT_LIST_REBUILD_MS 200

struct chat {
    struct confab_server *server;
    struct confab_namespace *nsp;
    struct confab_roster *roster;
    struct chat_config config;
    struct rate_rule rules[CHAT_LIMIT_COUNT];
    struct chat_debts *debts; /* owned */
    struct chat_counters counters;
    struct confab_packet *list; /* the onlineUsers event as last built; owned, NULL before the first
                                 */
    uint64_t list_version;
    int64_t list_built_at_ms;
    uint64_t next_message; /* makes ids unique within this process */
    char epoch[12];        /* and unlike those of an earlier process with the same tag */
};

/* What the chat keeps of one socket, from its first event on. Owned by the socket. */
struct chat_user {
    struct chat *chat; /* borrowed */
    char *shown;       /* owned; NULL: not logged in */
    char *key;         /* owned; what makes the name unique */
    char resume[CHAT_RESUME_BYTES + 1];
    struct rate rates[CHAT_LIMIT_COUNT];
    uint8_t refusals[CHAT_LIMIT_COUNT]; /* in a row */
    struct chat_login *login;           /* owned; the one whose claim is under way */
};

/* The socket's, made when there is none yet. */
struct chat_user *chat_user_of(struct chat *chat, struct confab_socket *socket);

/* ---- reply.c: answers ---- */

/* {"ok":true}, to which fields are added. */
struct confab_value *chat_ok(void);
/* Refuses in the handler: counts, and acks {"ok":false,"error":…,"message":…}; `message` NULL takes
 * the code's own. */
void chat_refuse(struct chat *chat, struct confab_event *event, enum chat_code code,
                 const char *message);
/* rate_limited, with the limit's name and when the next is taken. */
void chat_refuse_for(struct chat *chat, struct confab_event *event, enum chat_limit limit,
                     int64_t retry_ms);
/* The same for an event that was deferred. */
void chat_refuse_later(struct chat *chat, struct confab_token token, enum chat_code code,
                       const char *message);
/* Acks with one value; taken. */
void chat_answer(struct confab_event *event, struct confab_value *answer);
void chat_answer_later(struct chat *chat, struct confab_token token, struct confab_value *answer);

/* ---- rates.c ---- */
void chat_rates_init(struct chat *chat);
/* Takes one; false: above the limit, which is counted, and *retry_ms says how long. */
bool chat_rate_take(struct chat *chat, struct chat_user *user, enum chat_limit limit,
                    int64_t *retry_ms);
/* Takes one that had to wait. */
void chat_rate_charge(struct chat *chat, struct chat_user *user, enum chat_limit limit);
/* How long to let somebody wait who is to wait for about after_ms: those who wait are served
 * together, since to write to everybody costs as much for one message as for ten. */
int64_t chat_rate_wait_ms(const struct chat *chat, enum chat_limit limit, int64_t after_ms);

/* ---- login.c ---- */
void chat_on_login(struct confab_socket *socket, struct confab_event *event, void *user);
void chat_on_online_users(struct confab_socket *socket, struct confab_event *event, void *user);
void chat_on_name_lost(struct confab_socket *socket, int why, void *user);

/* ---- talk.c ---- */
/* The bytes of a text that can be told to everybody, on whatever node; NULL when it is none. A lone
 * surrogate is none: JSON can write it, UTF-8 cannot. */
const char *chat_read_text(const struct confab_value *from, size_t *length);
void chat_on_chat(struct confab_socket *socket, struct confab_event *event, void *user);
void chat_on_send_msg(struct confab_socket *socket, struct confab_event *event, void *user);

/* ---- rooms.c ---- */
void chat_on_join(struct confab_socket *socket, struct confab_event *event, void *user);
void chat_on_leave(struct confab_socket *socket, struct confab_event *event, void *user);
/* Reads {room} into `room` as the server's own room name; false when it is none that clients may
 * name. */
bool chat_read_room(const struct confab_value *from, char room[static CHAT_ROOM_MAX_BYTES + 6]);

#endif
