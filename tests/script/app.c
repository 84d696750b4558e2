/* The application of app.h. */
#include "tests/script/app.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "gateway/chat/chat.h"

struct app_token {
    struct list link;
    struct confab_token token;
    char name[32];
};

/* ---- lines ---- */

void app_tell(struct app *app, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    world_log(app->world, "told: %s", text);
    struct app_line *line = xmalloc(sizeof(*line) + strlen(text) + 1);
    memcpy(line->text, text, strlen(text) + 1);
    list_init(&line->link);
    list_add_tail(&app->told, &line->link);
}

struct app_line *app_take_line(struct app *app)
{
    struct list *first = list_pop(&app->told);
    return first != NULL ? container_of(first, struct app_line, link) : NULL;
}

/* ---- decisions ---- */

static void keep_token(struct app *app, const char *name, struct confab_token token)
{
    struct app_token *kept = xcalloc(1, sizeof(*kept));
    snprintf(kept->name, sizeof(kept->name), "%s", name);
    kept->token = token;
    list_init(&kept->link);
    list_add_head(&app->tokens, &kept->link); /* the last of a name counts */
}

static const struct app_token *find_token(const struct app *app, const char *name)
{
    LIST_FOREACH(it, &app->tokens)
    {
        const struct app_token *token = container_of(it, struct app_token, link);
        if (strcmp(token->name, name) == 0)
            return token;
    }
    return NULL;
}

int app_decide(struct app *app, const char *name, enum app_decision decision, const char *text)
{
    struct confab_server *server = app->world->h.server;
    const struct app_token *kept = find_token(app, name);
    if (kept == NULL)
        return CONFAB_EINVAL;
    if (decision == APP_ALLOW)
        return confab_allow(server, kept->token);
    if (decision == APP_REFUSE)
        return confab_refuse(server, kept->token, text, NULL);
    return confab_answer(server, kept->token, confab_from_json(text, strlen(text)));
}

/* ---- what events ask for ---- */

static const char *text_arg(const struct confab_event *event, size_t i)
{
    const char *text = confab_as_string(confab_event_arg(event, i), NULL);
    return text != NULL ? text : "";
}

/* The arguments behind the first `skip`; the caller owns the list. */
static struct confab_value *args_after(const struct confab_event *event, size_t skip)
{
    const struct confab_value *args = confab_event_args(event);
    struct confab_value *rest = confab_array();
    for (size_t i = skip; i < confab_size(args); i++)
        confab_push(rest, confab_value_hold(confab_at(args, i)));
    return rest;
}

static void on_echo(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_emit(socket, "echo", args_after(event, 0));
}

static void on_volatile(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_emit_volatile(socket, "volatile", args_after(event, 0));
}

static void on_flags(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_emit_flags(socket, "flags", args_after(event, 1),
                      (unsigned)confab_as_int(confab_event_arg(event, 0), 0));
}

/* What is known of the client's first request. */
static void on_handshake(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_ack(
        event,
        confab_list(confab_handshake_value(confab_socket_handshake(socket), NULL, false), NULL));
}

static void on_ack(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)socket;
    (void)user;
    confab_ack(event, args_after(event, 0));
}

static void on_all(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_emit_all(confab_socket_namespace(socket), "all", args_after(event, 0));
}

static void on_others(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_emit_others(socket, "others", args_after(event, 0));
}

static void on_room(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_emit_room(confab_socket_namespace(socket), text_arg(event, 0), "room",
                     args_after(event, 1));
}

/* To a room less those of another one. */
static void on_except(struct confab_socket *socket, struct confab_event *event, void *user)
{
    const char *room = text_arg(event, 0), *except = text_arg(event, 1);
    struct confab_audience audience = {
        .rooms = &room, .room_count = 1, .except = &except, .except_count = 1};
    (void)user;
    confab_broadcast(confab_socket_namespace(socket), &audience, "except", args_after(event, 2));
}

static void told_joined(struct confab_server *server, int status, void *user)
{
    (void)server;
    app_tell(user, "joined %s", confab_errname(status));
}

static void on_join(struct confab_socket *socket, struct confab_event *event, void *user)
{
    int status = confab_join(socket, text_arg(event, 0), told_joined, user);
    if (status != CONFAB_OK)
        app_tell(user, "join refused %s", confab_errname(status));
}

static void on_leave(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_leave(socket, text_arg(event, 0));
}

static void on_rooms(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_ack(event, confab_list(confab_rooms(socket), NULL));
}

static void told_answer(struct confab_server *server, int status, const struct confab_value *args,
                        void *user)
{
    struct confab_value *text = args != NULL ? confab_to_json(args, 0) : NULL;
    (void)server;
    app_tell(user, "answer %s%s%s", confab_errname(status), text != NULL ? " " : "",
             text != NULL ? confab_as_string(text, NULL) : "");
    confab_value_release(text);
}

/* The client is asked back, with the timeout it names. */
static void on_ask(struct confab_socket *socket, struct confab_event *event, void *user)
{
    confab_emit_with_ack(socket, "ask", args_after(event, 1),
                         confab_as_int(confab_event_arg(event, 0), 0), told_answer, user);
}

static void told_sent(struct confab_server *server, int status, bool cluster, void *user)
{
    (void)server;
    app_tell(user, "sent %s%s", confab_errname(status), cluster ? "" : " here");
}

static void on_ordered(struct confab_socket *socket, struct confab_event *event, void *user)
{
    struct confab_audience all = {.flags = 0};
    confab_broadcast_ordered(confab_socket_namespace(socket), &all, "ordered", args_after(event, 0),
                             told_sent, user);
}

static void on_defer(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)socket;
    keep_token(user, text_arg(event, 0),
               confab_defer(event, confab_as_int(confab_event_arg(event, 1), 0)));
}

static void on_defer_ack(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)socket;
    keep_token(user, text_arg(event, 0),
               confab_defer_ack(event, confab_as_int(confab_event_arg(event, 1), 0)));
}

static void on_bye(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_disconnect(socket, confab_as_bool(confab_event_arg(event, 0), false));
}

static void on_note(struct confab_socket *socket, struct confab_event *event, void *user)
{
    struct confab_value *text = confab_to_json(confab_event_args(event), 0);
    (void)socket;
    app_tell(user, "note %s", confab_as_string(text, NULL));
    confab_value_release(text);
}

static void on_any(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)socket;
    if (!confab_event_handled(event))
        app_tell(user, "unknown %s", confab_event_name(event));
}

static const struct {
    const char *event;
    confab_event_fn *handler;
} handlers[] = {
    {"echo", on_echo},
    {"volatile", on_volatile},
    {"ack", on_ack},
    {"all", on_all},
    {"others", on_others},
    {"room", on_room},
    {"except", on_except},
    {"join", on_join},
    {"leave", on_leave},
    {"rooms", on_rooms},
    {"ask", on_ask},
    {"ordered", on_ordered},
    {"defer", on_defer},
    {"defer-ack", on_defer_ack},
    {"bye", on_bye},
    {"flags", on_flags},
    {"handshake", on_handshake},
    {"note", on_note},
};

/* ---- sockets ---- */

static void on_connect(struct confab_socket *socket, void *user)
{
    app_tell(user, "connect %s", confab_namespace_name(confab_socket_namespace(socket)));
}

static void on_disconnect(struct confab_socket *socket, const char *reason, void *user)
{
    app_tell(user, "disconnect %s %s", confab_namespace_name(confab_socket_namespace(socket)),
             reason);
}

static void guard(struct confab_socket *socket, struct confab_token token, void *user)
{
    const struct confab_value *auth = confab_socket_auth(socket);
    const char *name = confab_as_string(confab_get(auth, "token"), NULL);
    const char *refusal = confab_as_string(confab_get(auth, "refuse"), NULL);
    struct app *app = user;
    if (name != NULL)
        keep_token(app, name, token);
    else if (refusal != NULL)
        confab_refuse(app->world->h.server, token, refusal,
                      confab_value_hold(confab_get(auth, "data")));
    else
        confab_allow(app->world->h.server, token);
}

static void serve(struct app *app, const char *name)
{
    struct confab_namespace *nsp = confab_of(app->world->h.server, name);
    confab_on_connect(nsp, on_connect, app);
    confab_on_disconnect(nsp, on_disconnect, app);
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
        confab_on(nsp, handlers[i].event, handlers[i].handler, app);
    confab_on_any(nsp, on_any, app);
}

/* ---- life ---- */

void app_init(struct app *app, struct world *world)
{
    memset(app, 0, sizeof(*app));
    app->world = world;
    list_init(&app->told);
    list_init(&app->tokens);
}

static void free_chat(void *user)
{
    chat_free(&((struct app *)user)->chat);
}

void app_begin(struct app *app, bool with_chat)
{
    struct harness *h = &app->world->h;
    if (with_chat) {
        struct chat_config config = {
            .nsp = "/",
            .send_msg = true,
            .name_grace_ms = 5000,
            .presence_limit = 1000,
            .rates = {
                [CHAT_LIMIT_MESSAGES] = 50, [CHAT_LIMIT_SEND_MSG] = 5, [CHAT_LIMIT_LOGINS] = 30}};
        app->chat = chat_new(h->server, &config);
        h->before_free = free_chat;
        h->user = app;
    } else {
        serve(app, "/");
    }
    serve(app, "/b");
    serve(app, "/guarded");
    confab_use(confab_of(h->server, "/guarded"), guard, app);
}

void app_fini(struct app *app)
{
    struct app_line *line;
    struct list *token;
    while ((line = app_take_line(app)) != NULL)
        free(line);
    while ((token = list_pop(&app->tokens)) != NULL)
        free(container_of(token, struct app_token, link));
}
