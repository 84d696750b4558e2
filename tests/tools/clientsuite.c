/*
 * confab-clientsuite: the server that socket.io-client's own tests want to meet.
 *
 * Written on the C API as an application elsewhere would be: it includes nothing but <confab/…>, is
 * linked with libconfab.so, and compiles against an installed one.
 */
#include <stdlib.h>
#include <string.h>

#include <confab/confab.h>

#define APPROVAL_DELAY_MS 10

/* ---- every handshake waits a moment ---- */

static void approve(struct confab_server *server, void *user)
{
    struct confab_token *token = user;
    confab_allow(server, *token);
    free(token);
}

static void on_request(struct confab_server *server, const struct confab_handshake *handshake,
                       struct confab_token token, void *user)
{
    (void)handshake;
    (void)user;
    struct confab_token *owed = malloc(sizeof(*owed));
    if (owed == NULL) {
        confab_refuse(server, token, "out of memory", NULL);
        return;
    }
    *owed = token;
    confab_after(server, APPROVAL_DELAY_MS, approve, free, owed);
}

static void refuse_when_asked(struct confab_socket *socket, struct confab_token token, void *user)
{
    (void)user;
    struct confab_server *server = confab_socket_server(socket);
    struct confab_value *fail = confab_handshake_query(confab_socket_handshake(socket), "fail");
    if (fail != NULL)
        confab_refuse(server, token, "Auth failed (main namespace)", NULL);
    else
        confab_allow(server, token);
    confab_value_release(fail);
}

static void refuse(struct confab_socket *socket, struct confab_token token, void *user)
{
    (void)user;
    confab_refuse(confab_socket_server(socket), token, "Auth failed (custom namespace)", NULL);
}

/* ---- events that are answered by an event ---- */

static struct confab_value *now(struct confab_socket *socket)
{
    return confab_date((double)confab_wall_ms(confab_socket_server(socket)));
}

static void on_hi(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)event;
    (void)user;
    confab_emit(socket, "hi", NULL);
}

static void on_get_date(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)event;
    (void)user;
    confab_emit(socket, "takeDate", confab_list(now(socket), NULL));
}

static void on_get_date_object(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)event;
    (void)user;
    struct confab_value *object = confab_set(confab_object(), "date", now(socket));
    confab_emit(socket, "takeDateObj", confab_list(object, NULL));
}

static void on_get_utf8(struct confab_socket *socket, struct confab_event *event, void *user)
{
    static const char *const texts[] = {"てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string",
                                        "utf8 — string"};
    (void)event;
    (void)user;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        confab_emit(socket, "takeUtf8", confab_list(confab_string(texts[i]), NULL));
}

static void on_false(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)event;
    (void)user;
    confab_emit(socket, "false", confab_list(confab_bool(false), NULL));
}

/* `user`: the event that carries the bytes. */
static void on_bytes_wanted(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)event;
    confab_emit(socket, user, confab_list(confab_binary("asdfasdf", 8), NULL));
}

/* ---- bytes that come ---- */

/* `user`: the answer. */
static void on_binary(struct confab_socket *socket, struct confab_event *event, void *user)
{
    if (confab_is(confab_event_arg(event, 0), CONFAB_BINARY))
        confab_emit(socket, user, NULL);
}

static void on_object_with_binary(struct confab_socket *socket, struct confab_event *event,
                                  void *user)
{
    const struct confab_value *object = confab_event_arg(event, 0);
    const char *hello = confab_as_string(confab_get(object, "hello"), NULL);
    const char *goodbye = confab_as_string(confab_get(object, "goodbye"), NULL);
    if (hello != NULL && strcmp(hello, "lol") == 0 && goodbye != NULL &&
        strcmp(goodbye, "gotcha") == 0 && confab_is(confab_get(object, "message"), CONFAB_BINARY))
        confab_emit(socket, user, NULL);
}

/* Several in order, the first with bytes: the last is answered when all before it had come. */
struct series {
    const char *first, *second, *last; /* second may be NULL */
    const char *answer;
};

static const struct series buffers = {"abuff1", NULL, "abuff2", "abuff2-ack"};
static const struct series blobs = {"blob1", "blob2", "blob3", "blob3-ack"};

/* What of a series has come is kept in the socket's data, under the answer's name. */
static void on_series(struct confab_socket *socket, struct confab_event *event, void *user)
{
    const struct series *series = user;
    const char *name = confab_event_name(event);
    int64_t come = confab_as_int(confab_get(confab_data(socket), series->answer), 0);
    int64_t all = series->second != NULL ? 2 : 1;
    if (strcmp(name, series->last) == 0) {
        if (come == all)
            confab_emit(socket, series->answer, NULL);
        return;
    }
    bool first = strcmp(name, series->first) == 0;
    if (first ? !confab_is(confab_event_arg(event, 0), CONFAB_BINARY) : come != 1)
        return;
    confab_set_data(socket, confab_set(confab_object(), series->answer, confab_int(first ? 1 : 2)));
}

/* ---- acknowledgements, both ways ---- */

static void on_echo(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)socket;
    (void)user;
    confab_ack(event, confab_list(confab_value_hold(confab_event_arg(event, 0)), NULL));
}

static void on_get_ack_date(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_ack(event, confab_list(now(socket), NULL));
}

static void on_get_id(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_ack(event, confab_list(confab_string(confab_socket_id(socket)), NULL));
}

static struct confab_value *handshake_of(struct confab_socket *socket)
{
    return confab_handshake_value(confab_socket_handshake(socket), confab_socket_auth(socket),
                                  false);
}

static void on_get_handshake(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)user;
    confab_ack(event, confab_list(handshake_of(socket), NULL));
}

static void on_ack_answered(struct confab_server *server, int status,
                            const struct confab_value *args, void *user)
{
    struct confab_handle *handle = user;
    struct confab_socket *socket = confab_socket_find(server, *handle);
    bool good = status == CONFAB_OK && confab_as_int(confab_at(args, 0), 0) == 5 &&
                confab_as_bool(confab_get(confab_at(args, 1), "test"), false);
    if (socket != NULL && good)
        confab_emit(socket, "got it", NULL);
    free(handle);
}

static void on_ack_wanted(struct confab_socket *socket, struct confab_event *event, void *user)
{
    (void)event;
    (void)user;
    struct confab_handle *handle = malloc(sizeof(*handle));
    if (handle == NULL)
        return;
    *handle = confab_socket_handle(socket);
    confab_emit_with_ack(socket, "ack", NULL, 0, on_ack_answered, handle);
}

/* ---- the namespaces ---- */

static void on_connect_abc(struct confab_socket *socket, void *user)
{
    (void)user;
    confab_emit(socket, "handshake", confab_list(handshake_of(socket), NULL));
}

static void add_series(struct confab_namespace *nsp, const struct series *series)
{
    void *user = (void *)(uintptr_t)series;
    confab_on(nsp, series->first, on_series, user);
    if (series->second != NULL)
        confab_on(nsp, series->second, on_series, user);
    confab_on(nsp, series->last, on_series, user);
}

static void set_up_main(struct confab_namespace *nsp)
{
    static char doge[] = "doge", takebin[] = "takebin", buffack[] = "buffack", back[] = "back",
                jsonbuff[] = "jsonbuff-ack", jsonblob[] = "jsonblob-ack";
    const struct {
        const char *event;
        confab_event_fn *handler;
        void *user;
    } events[] = {
        {"hi", on_hi, NULL},
        {"echo", on_echo, NULL},
        {"ack", on_ack_wanted, NULL},
        {"getAckDate", on_get_ack_date, NULL},
        {"getDate", on_get_date, NULL},
        {"getDateObj", on_get_date_object, NULL},
        {"getUtf8", on_get_utf8, NULL},
        {"false", on_false, NULL},
        {"doge", on_bytes_wanted, doge},
        {"getbin", on_bytes_wanted, takebin},
        {"buffa", on_binary, buffack},
        {"jsonbuff", on_object_with_binary, jsonbuff},
        {"blob", on_binary, back},
        {"jsonblob", on_object_with_binary, jsonblob},
        {"getHandshake", on_get_handshake, NULL},
        {"getId", on_get_id, NULL},
    };
    confab_use(nsp, refuse_when_asked, NULL);
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        confab_on(nsp, events[i].event, events[i].handler, events[i].user);
    add_series(nsp, &buffers);
    add_series(nsp, &blobs);
}

static int setup(struct confab_server *server, void *user)
{
    static const char *const quiet[] = {"/timeout_socket", "/valid", "/asd"};
    (void)user;
    confab_filter(server, on_request, NULL);
    set_up_main(confab_of(server, "/"));
    confab_on(confab_of(server, "/foo"), "getId", on_get_id, NULL);
    confab_on_connect(confab_of(server, "/abc"), on_connect_abc, NULL);
    confab_use(confab_of(server, "/no"), refuse, NULL);
    for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++)
        confab_of(server, quiet[i]);
    return 0;
}

int main(int argc, char **argv)
{
    static const char *const defaults[] = {"ping-interval-ms=2000", "recovery-ms=2m",
                                           "recovery-skips-middleware=on", NULL};
    struct confab_app app = {.name = "confab-clientsuite",
                             .summary = "The server of socket.io-client's tests.",
                             .setup = setup,
                             .defaults = defaults};
    return confab_run(argc, argv, &app);
}
