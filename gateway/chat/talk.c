/*
 * What is said: to all, in a room, and the one event that needs no log-in.
 */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "gateway/chat/chat_internal.h"

/* A message on its way through the one place that orders. */
struct sending {
    struct chat *chat;
    struct confab_token token;
    struct confab_value *answer; /* owned; the ack when it arrived */
};

static void sent(struct confab_server *server, int status, bool cluster, void *user_pointer)
{
    (void)server;
    struct sending *sending = user_pointer;
    if (status != CONFAB_OK) {
        confab_value_release(sending->answer);
        chat_refuse_later(sending->chat, sending->token, CHAT_UNAVAILABLE, NULL);
    } else {
        if (!cluster)
            confab_set(sending->answer, "scope", confab_string("node"));
        chat_answer_later(sending->chat, sending->token, sending->answer);
    }
    free(sending);
}

/* Ids are unique in the cluster and opaque to clients. */
static struct confab_value *next_id(struct chat *chat)
{
    return confab_string_f("%s-%s-%llx", confab_node(chat->server), chat->epoch,
                           (unsigned long long)chat->next_message++);
}

struct said {
    const struct confab_value *message; /* borrowed, as is all */
    const struct confab_value *cid;     /* the client's own id, for the ack; NULL: none */
    const char *room;                   /* the server's name of it; NULL: to all */
    const struct confab_value *room_as_sent;
};

static void say(struct chat *chat, const struct chat_user *user, struct confab_token token,
                const struct said *said)
{
    struct confab_value *id = next_id(chat);
    struct confab_value *ts = confab_int(confab_wall_ms(chat->server));
    struct sending *sending = xmalloc(sizeof(*sending));
    sending->chat = chat;
    sending->answer = confab_set(chat_ok(), "id", confab_value_hold(id));
    confab_set(sending->answer, "ts", confab_value_hold(ts));
    if (said->cid != NULL)
        confab_set(sending->answer, "cid", confab_value_hold(said->cid));

    struct confab_value *told = confab_set(confab_object(), "sender", confab_string(user->shown));
    confab_set(told, "message", confab_value_hold(said->message));
    confab_set(told, "id", id);
    confab_set(told, "ts", ts);
    if (said->room != NULL)
        confab_set(told, "room", confab_value_hold(said->room_as_sent));

    chat->counters.messages++;
    sending->token = token;
    struct confab_audience audience = {.rooms = &said->room,
                                       .room_count = said->room != NULL ? 1 : 0};
    int status = confab_broadcast_ordered(chat->nsp, &audience, "chat", confab_list(told, NULL),
                                          sent, sending);
    if (status != CONFAB_OK)
        sent(chat->server, status, false, sending);
}

/* A message above the rate whose sender cannot be told: it waits, and what he sends after it. */
struct waiting {
    struct chat *chat;
    struct confab_handle socket;
    struct confab_token token;
    struct confab_value *message; /* owned, as is the next */
    struct confab_value *room_as_sent;
    char room[CHAT_ROOM_MAX_BYTES + 6]; /* "": to all */
};

static void waiting_free(void *user_pointer)
{
    struct waiting *waiting = user_pointer;
    confab_value_release(waiting->message);
    confab_value_release(waiting->room_as_sent);
    free(waiting);
}

static void waiting_is_due(struct confab_server *server, void *user_pointer)
{
    struct waiting *waiting = user_pointer;
    struct chat *chat = waiting->chat;
    struct confab_socket *socket = confab_socket_find(server, waiting->socket);
    struct chat_user *user = socket != NULL ? confab_user(socket) : NULL;
    struct said said = {.message = waiting->message,
                        .room = waiting->room[0] != '\0' ? waiting->room : NULL,
                        .room_as_sent = waiting->room_as_sent};
    if (user != NULL && user->shown != NULL) {
        chat_rate_charge(chat, user, CHAT_LIMIT_MESSAGES); /* what it has waited for */
        say(chat, user, waiting->token, &said);
    } else {
        chat_refuse_later(chat, waiting->token, CHAT_NOT_LOGGED_IN, NULL);
    }
    waiting_free(waiting);
}

static void say_later(struct chat *chat, struct confab_socket *socket, struct confab_event *event,
                      const struct said *said, int64_t after_ms)
{
    struct waiting *waiting = xcalloc(1, sizeof(*waiting));
    waiting->chat = chat;
    waiting->socket = confab_socket_handle(socket);
    waiting->token = confab_defer(event, 0);
    waiting->message = confab_value_hold(said->message);
    waiting->room_as_sent =
        said->room_as_sent != NULL ? confab_value_hold(said->room_as_sent) : NULL;
    if (said->room != NULL)
        memcpy(waiting->room, said->room, strlen(said->room) + 1);
    confab_after(chat->server, chat_rate_wait_ms(chat, CHAT_LIMIT_MESSAGES, after_ms),
                 waiting_is_due, waiting_free, waiting);
}

/* A message in order: now, later, or not at all. */
static void say_at_rate(struct chat *chat, struct confab_socket *socket, struct chat_user *user,
                        struct confab_event *event, const struct said *said)
{
    int64_t retry_ms = 0;
    if (chat_rate_take(chat, user, CHAT_LIMIT_MESSAGES, &retry_ms))
        say(chat, user, confab_defer(event, 0), said);
    else if (confab_event_wants_ack(event))
        chat_refuse_for(chat, event, CHAT_LIMIT_MESSAGES, retry_ms);
    else
        say_later(chat, socket, event, said, retry_ms);
}

/* Surrogates are the code points U+D800 to U+DFFF. */
const char *chat_read_text(const struct confab_value *from, size_t *length)
{
    const char *text = confab_as_string(from, length);
    for (size_t i = 0; text != NULL && i + 1 < *length; i++) {
        if ((uint8_t)text[i] == 0xed && (uint8_t)text[i + 1] >= 0xa0)
            return NULL;
    }
    return text;
}

/* The text of a message; NULL when it is none that may be sent, with the reason. */
static const char *check_text(const struct confab_value *message, enum chat_code *why)
{
    size_t length = 0;
    const char *text = chat_read_text(message, &length);
    if (text == NULL || length == 0) {
        *why = CHAT_BAD_REQUEST;
        return NULL;
    }
    if (length > CHAT_MESSAGE_MAX_BYTES) {
        *why = CHAT_TOO_LONG;
        return NULL;
    }
    return text;
}

static bool cid_is_good(const struct confab_value *cid)
{
    size_t length = 0;
    return cid == NULL || (chat_read_text(cid, &length) != NULL && length <= CHAT_CID_MAX_BYTES);
}

/* `chat` "text" to all, or {message, room?, cid?}. */
void chat_on_chat(struct confab_socket *socket, struct confab_event *event, void *user_pointer)
{
    struct chat *chat = user_pointer;
    struct chat_user *user = chat_user_of(chat, socket);
    const struct confab_value *arg = confab_event_arg(event, 0);
    bool is_object = confab_is(arg, CONFAB_OBJECT);
    struct said said = {.message = is_object ? confab_get(arg, "message") : arg,
                        .cid = is_object ? confab_get(arg, "cid") : NULL,
                        .room_as_sent = is_object ? confab_get(arg, "room") : NULL};
    char room[CHAT_ROOM_MAX_BYTES + 6];
    enum chat_code why;
    if (user->shown == NULL) {
        chat_refuse(chat, event, CHAT_NOT_LOGGED_IN, NULL);
    } else if (check_text(said.message, &why) == NULL) {
        chat_refuse(chat, event, why, NULL);
    } else if (!cid_is_good(said.cid)) {
        chat_refuse(chat, event, CHAT_BAD_REQUEST, "cid is a text of at most 64 bytes");
    } else if (said.room_as_sent == NULL) {
        say_at_rate(chat, socket, user, event, &said);
    } else if (!chat_read_room(arg, room)) {
        chat_refuse(chat, event, CHAT_BAD_REQUEST, "room is a text of 1 to 64 bytes");
    } else if (!confab_in_room(socket, room)) {
        chat_refuse(chat, event, CHAT_NOT_MEMBER, NULL);
    } else {
        said.room = room;
        say_at_rate(chat, socket, user, event, &said);
    }
}

static bool fits_as_json(const struct confab_value *args)
{
    /* The brackets of the list are not the sender's. */
    struct confab_value *text = confab_to_json(args, CHAT_MESSAGE_MAX_BYTES + 2);
    bool fits = text != NULL;
    confab_value_release(text);
    return fits;
}

/* `send_msg` any: to all, and once more to the sender, as the example does that made it known. */
void chat_on_send_msg(struct confab_socket *socket, struct confab_event *event, void *user_pointer)
{
    struct chat *chat = user_pointer;
    struct chat_user *user = chat_user_of(chat, socket);
    const struct confab_value *args = confab_event_args(event);
    int64_t retry_ms = 0;
    if (!chat_rate_take(chat, user, CHAT_LIMIT_SEND_MSG, &retry_ms)) {
        chat_refuse_for(chat, event, CHAT_LIMIT_SEND_MSG, retry_ms);
    } else if (confab_has_binary(args)) {
        chat_refuse(chat, event, CHAT_BAD_REQUEST, "Bytes are not taken here");
    } else if (!fits_as_json(args)) {
        chat_refuse(chat, event, CHAT_TOO_LONG, NULL);
    } else {
        chat->counters.messages++;
        confab_emit_all(chat->nsp, "send_msg", confab_value_hold(args));
        confab_emit(socket, "send_msg", confab_value_hold(args));
        chat_answer(event, chat_ok());
    }
}
