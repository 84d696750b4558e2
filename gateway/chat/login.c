/*
 * Names: log-in, its two refusals, taking a name back after a lost connection, and the list of who
 * is online.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "gateway/chat/chat_internal.h"

/* A log-in whose name is being claimed. Owned by the socket's chat_user, so it ends with the socket
 * at the latest. */
struct chat_login {
    struct confab_token token;
    struct name_out name;
};

static void count_login(struct chat *chat, enum chat_login_result result)
{
    chat->counters.logins[result]++;
}

static void welcome(struct confab_socket *socket, const struct chat_user *user)
{
    struct confab_value *told = confab_set(confab_object(), "name", confab_string(user->shown));
    confab_set(told, "resume", confab_string(user->resume));
    confab_emit(socket, "welcome", confab_list(told, NULL));
}

static struct confab_value *logged_in(const struct chat_user *user)
{
    struct confab_value *answer = confab_set(chat_ok(), "name", confab_string(user->shown));
    return confab_set(answer, "resume", confab_string(user->resume));
}

static void name_is_bad(struct chat *chat, struct confab_socket *socket, struct confab_event *event,
                        const struct confab_value *sent, const char *why)
{
    struct confab_value *back = sent != NULL ? confab_value_hold(sent) : confab_null();
    confab_emit(socket, "loginNameBad", confab_list(back, NULL));
    count_login(chat, CHAT_LOGIN_NAME_BAD);
    chat_refuse(chat, event, CHAT_NAME_BAD, why);
}

static void become(struct confab_socket *socket, struct chat_user *user, const char *shown,
                   const char *key, const char *resume)
{
    user->shown = xstrdup(shown);
    user->key = xstrdup(key);
    snprintf(user->resume, sizeof(user->resume), "%s", resume);
    /* Other nodes' fetchSockets show who is online by this. */
    confab_set_data(socket, confab_set(confab_object(), "name", confab_string(shown)));
}

static void forget_name(struct confab_socket *socket, struct chat_user *user)
{
    free(user->shown);
    free(user->key);
    user->shown = NULL;
    user->key = NULL;
    confab_set_data(socket, confab_object());
}

static void claimed(struct confab_socket *socket, enum confab_claim_result result,
                    const char *resume, void *user_pointer)
{
    struct chat *chat = user_pointer;
    struct chat_user *user = confab_user(socket);
    struct chat_login *login = user->login;
    struct confab_token token = login->token;
    user->login = NULL;
    switch (result) {
    case CONFAB_CLAIM_WON:
    case CONFAB_CLAIM_RESUMED:
        /* Who comes back in another spelling is who he was: in the list, and in what he says. */
        become(socket, user, confab_roster_shown(chat->roster, socket), login->name.key, resume);
        count_login(chat, result == CONFAB_CLAIM_WON ? CHAT_LOGIN_OK : CHAT_LOGIN_RESUMED);
        welcome(socket, user);
        chat_answer_later(chat, token, logged_in(user));
        break;
    case CONFAB_CLAIM_TAKEN:
        confab_emit(socket, "loginNameExists", confab_list(confab_string(login->name.shown), NULL));
        count_login(chat, CHAT_LOGIN_NAME_TAKEN);
        chat_refuse_later(chat, token, CHAT_NAME_TAKEN, NULL);
        break;
    case CONFAB_CLAIM_UNAVAILABLE:
        count_login(chat, CHAT_LOGIN_UNAVAILABLE);
        chat_refuse_later(chat, token, CHAT_UNAVAILABLE, NULL);
        break;
    }
    free(login);
}

static void claim(struct chat *chat, struct confab_socket *socket, struct confab_event *event,
                  const struct name_out *name, const char *resume)
{
    struct chat_user *user = chat_user_of(chat, socket);
    if (user->login != NULL) {
        /* The one before has outlived the deadline of its event; its claim still decides. */
        count_login(chat, CHAT_LOGIN_UNAVAILABLE);
        chat_refuse(chat, event, CHAT_UNAVAILABLE, NULL);
        return;
    }
    struct chat_login *login = xmalloc(sizeof(*login));
    login->name = *name;
    login->token = confab_defer(event, 0);
    struct confab_token token = login->token;
    user->login = login;
    /* `claimed` may run, and free the login, before this returns. */
    int status =
        confab_roster_claim(chat->roster, socket, name->key, name->shown, resume, claimed, chat);
    if (status != CONFAB_OK) {
        user->login = NULL;
        free(login);
        count_login(chat, CHAT_LOGIN_UNAVAILABLE);
        chat_refuse_later(chat, token, CHAT_UNAVAILABLE, NULL);
    }
}

/* `login` "name" or {name, resume?}. The name's value as sent, and the resume secret when there is
 * a plausible one. */
static const struct confab_value *read_login(const struct confab_value *sent, const char **resume)
{
    *resume = NULL;
    if (!confab_is(sent, CONFAB_OBJECT))
        return sent;
    size_t length = 0;
    const char *secret = confab_as_string(confab_get(sent, "resume"), &length);
    if (secret != NULL && length == CHAT_RESUME_BYTES)
        *resume = secret;
    return confab_get(sent, "name");
}

void chat_on_login(struct confab_socket *socket, struct confab_event *event, void *user_pointer)
{
    struct chat *chat = user_pointer;
    struct chat_user *user = chat_user_of(chat, socket);
    int64_t retry_ms = 0;
    /* A person mistypes; a script does not get to try out who is online. */
    if (!chat_rate_take(chat, user, CHAT_LIMIT_LOGINS, &retry_ms)) {
        count_login(chat, CHAT_LOGIN_RATE_LIMITED);
        chat_refuse_for(chat, event, CHAT_LIMIT_LOGINS, retry_ms);
        return;
    }
    const char *resume;
    const struct confab_value *sent = read_login(confab_event_arg(event, 0), &resume);
    size_t length = 0;
    const char *text = confab_as_string(sent, &length);
    struct name_out name;
    int status = text != NULL ? name_normalize(text, length, &name) : CONFAB_EPARSE;
    if (status != CONFAB_OK) {
        name_is_bad(chat, socket, event, sent, text != NULL ? name_reason(status) : NULL);
    } else if (user->shown == NULL) {
        claim(chat, socket, event, &name, resume);
    } else if (strcmp(user->key, name.key) == 0) {
        count_login(chat, CHAT_LOGIN_OK);
        welcome(socket, user);
        chat_answer(event, logged_in(user));
    } else {
        name_is_bad(chat, socket, event, sent, "You are logged in under another name");
    }
}

void chat_on_name_lost(struct confab_socket *socket, int why, void *user_pointer)
{
    struct chat *chat = user_pointer;
    struct chat_user *user = chat_user_of(chat, socket);
    if (user->shown == NULL)
        return;
    if (why == CONFAB_EEXISTS) {
        /* The same person is back on another connection; this one would only be a ghost. */
        forget_name(socket, user);
        confab_disconnect(socket, true);
        return;
    }
    struct confab_value *name = confab_string(user->shown);
    forget_name(socket, user);
    confab_emit(socket, "loginNameExists", confab_list(name, NULL));
}

/* ---- who is online ---- */

struct pending_list {
    struct chat *chat;
    struct confab_handle socket;
    struct confab_token token;
};

static void build_list(struct chat *chat)
{
    confab_packet_free(&chat->list);
    struct confab_value *names = confab_roster_names(chat->roster, chat->config.presence_limit);
    chat->list = confab_packet_new(chat->nsp, "onlineUsers", confab_list(names, NULL));
    chat->list_version = confab_roster_version(chat->roster);
    chat->list_built_at_ms = confab_now_ms(chat->server);
}

static struct confab_value *send_list(struct chat *chat, struct confab_socket *socket)
{
    confab_emit_packet(socket, chat->list);
    return confab_set(chat_ok(), "total", confab_int((int64_t)confab_roster_count(chat->roster)));
}

static bool list_is_fresh(const struct chat *chat)
{
    return chat->list != NULL && chat->list_version == confab_roster_version(chat->roster);
}

static void list_is_due(struct confab_server *server, void *user_pointer)
{
    struct pending_list *pending = user_pointer;
    struct confab_socket *socket = confab_socket_find(server, pending->socket);
    if (socket != NULL) {
        /* Of all that wait for this moment the first builds it. */
        if (!list_is_fresh(pending->chat) &&
            confab_now_ms(server) - pending->chat->list_built_at_ms >= CHAT_LIST_REBUILD_MS)
            build_list(pending->chat);
        chat_answer_later(pending->chat, pending->token, send_list(pending->chat, socket));
    }
    free(pending);
}

/*
 * Everybody who logs in asks for the list, so in a storm it changes between any two who ask. It is
 * built at most every 200 ms; who asks in between waits for the next, rather than get one without
 * himself in it.
 */
void chat_on_online_users(struct confab_socket *socket, struct confab_event *event,
                          void *user_pointer)
{
    struct chat *chat = user_pointer;
    if (chat_user_of(chat, socket)->shown == NULL) {
        chat_refuse(chat, event, CHAT_NOT_LOGGED_IN, NULL);
        return;
    }
    int64_t age_ms = confab_now_ms(chat->server) - chat->list_built_at_ms;
    if (!list_is_fresh(chat) && (chat->list == NULL || age_ms >= CHAT_LIST_REBUILD_MS))
        build_list(chat);
    if (list_is_fresh(chat)) {
        chat_answer(event, send_list(chat, socket));
        return;
    }
    struct pending_list *pending = xmalloc(sizeof(*pending));
    pending->chat = chat;
    pending->socket = confab_socket_handle(socket);
    pending->token = confab_defer(event, 0);
    confab_after(chat->server, CHAT_LIST_REBUILD_MS - age_ms, list_is_due, free, pending);
}
