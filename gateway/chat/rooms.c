/*
 * Rooms of the chat. A client's room is kept as `chat:<room>`, so that no client can name a
 * socket's id or the room of another application.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "gateway/chat/chat_internal.h"

bool chat_read_room(const struct confab_value *from, char room[static CHAT_ROOM_MAX_BYTES + 6])
{
    size_t length = 0;
    const char *text = chat_read_text(confab_get(from, "room"), &length);
    if (text == NULL || length < 1 || length > CHAT_ROOM_MAX_BYTES ||
        memchr(text, '\0', length) != NULL)
        return false;
    snprintf(room, CHAT_ROOM_MAX_BYTES + 6, "chat:%s", text);
    return true;
}

struct joining {
    struct chat *chat;
    struct confab_token token;
};

static void joined(struct confab_server *server, int status, void *user_pointer)
{
    (void)server;
    struct joining *joining = user_pointer;
    if (status == CONFAB_OK)
        chat_answer_later(joining->chat, joining->token, chat_ok());
    else
        chat_refuse_later(joining->chat, joining->token, CHAT_UNAVAILABLE, NULL);
    free(joining);
}

void chat_on_join(struct confab_socket *socket, struct confab_event *event, void *user_pointer)
{
    struct chat *chat = user_pointer;
    char room[CHAT_ROOM_MAX_BYTES + 6];
    if (!chat_read_room(confab_event_arg(event, 0), room)) {
        chat_refuse(chat, event, CHAT_BAD_REQUEST, "room is a text of 1 to 64 bytes");
        return;
    }
    struct joining *joining = xmalloc(sizeof(*joining));
    joining->chat = chat;
    joining->token = confab_defer(event, 0);
    struct confab_token token = joining->token;
    /* `joined` answers when broadcasts from the other nodes arrive, too. */
    if (confab_join(socket, room, joined, joining) != CONFAB_OK) {
        free(joining);
        chat_refuse_later(chat, token, CHAT_BAD_REQUEST, "Too many rooms");
    }
}

void chat_on_leave(struct confab_socket *socket, struct confab_event *event, void *user_pointer)
{
    struct chat *chat = user_pointer;
    char room[CHAT_ROOM_MAX_BYTES + 6];
    if (!chat_read_room(confab_event_arg(event, 0), room)) {
        chat_refuse(chat, event, CHAT_BAD_REQUEST, "room is a text of 1 to 64 bytes");
    } else if (!confab_in_room(socket, room)) {
        chat_refuse(chat, event, CHAT_NOT_MEMBER, NULL);
    } else {
        confab_leave(socket, room);
        chat_answer(event, chat_ok());
    }
}
