#include "gateway/chat/chat.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "gateway/chat/chat_internal.h"

static void free_user(void *pointer)
{
    struct chat_user *user = pointer;
    free(user->shown);
    free(user->key);
    free(user->login);
    free(user);
}

static const char *address_of(const struct confab_socket *socket)
{
    return confab_handshake_address(confab_socket_handshake(socket));
}

static void on_disconnect(struct confab_socket *socket, const char *reason, void *user_pointer)
{
    struct chat *chat = user_pointer;
    const struct chat_user *user = confab_user(socket);
    (void)reason;
    if (user != NULL)
        chat_debts_keep(chat->debts, address_of(socket), user->rates, confab_now_ms(chat->server));
}

struct chat_user *chat_user_of(struct chat *chat, struct confab_socket *socket)
{
    struct chat_user *user = confab_user(socket);
    if (user == NULL) {
        user = xcalloc(1, sizeof(*user));
        user->chat = chat;
        chat_debts_apply(chat->debts, address_of(socket), user->rates, confab_now_ms(chat->server));
        confab_set_user(socket, user, free_user);
    }
    return user;
}

/* Events nobody listens to are told so; this also keeps the names of later features from meaning
 * something else. */
static void on_any(struct confab_socket *socket, struct confab_event *event, void *user_pointer)
{
    (void)socket;
    if (!confab_event_handled(event))
        chat_refuse(user_pointer, event, CHAT_UNKNOWN_EVENT, NULL);
}

static void register_events(struct chat *chat)
{
    struct confab_namespace *nsp = chat->nsp;
    confab_on(nsp, "login", chat_on_login, chat);
    confab_on(nsp, "onlineUsers", chat_on_online_users, chat);
    confab_on(nsp, "chat", chat_on_chat, chat);
    confab_on(nsp, "join", chat_on_join, chat);
    confab_on(nsp, "leave", chat_on_leave, chat);
    if (chat->config.send_msg)
        confab_on(nsp, "send_msg", chat_on_send_msg, chat);
    confab_on_any(nsp, on_any, chat);
    confab_on_disconnect(nsp, on_disconnect, chat);
}

struct chat *chat_new(struct confab_server *server, const struct chat_config *config)
{
    struct chat *chat = xcalloc(1, sizeof(*chat));
    chat->server = server;
    chat->config = *config;
    chat->nsp = confab_of(server, config->nsp);
    confab_recovery_off(chat->nsp); /* other pages take an event's arguments as they are told here
                                     */
    chat->config.nsp = confab_namespace_name(chat->nsp);
    chat_rates_init(chat);
    chat->debts = chat_debts_new(chat->rules);
    uint8_t epoch[5];
    confab_random(server, epoch, sizeof(epoch));
    for (size_t i = 0; i < sizeof(epoch); i++)
        snprintf(chat->epoch + 2 * i, 3, "%02x", epoch[i]);

    struct confab_roster_config roster = {.joined_event = "userJoined",
                                          .left_event = "userLeft",
                                          .storm_event = "presence",
                                          .storm_limit = config->presence_limit,
                                          .grace_ms = config->name_grace_ms};
    chat->roster = confab_roster_open(chat->nsp, &roster, chat_on_name_lost, chat);
    register_events(chat);
    return chat;
}

void chat_free(struct chat **chat)
{
    if (*chat == NULL)
        return;
    confab_packet_free(&(*chat)->list);
    chat_debts_free((*chat)->debts);
    free(*chat);
    *chat = NULL;
}

const struct chat_counters *chat_counters(const struct chat *chat)
{
    return &chat->counters;
}

uint64_t chat_online(const struct chat *chat)
{
    return confab_roster_count(chat->roster);
}
