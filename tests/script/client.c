/* What a client of client.h does: its life, its requests, its frames. What it gets: client_take.c.
 */
#include "tests/script/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "gateway/engineio/internal.h"
#include "tests/script/client_letter.h"
#include "tests/script/world.h"

#define BODY_LIMIT_BYTES (16u << 20)

/* ---- letters ---- */

struct client_letter *client_letter_new(struct list *box, enum frame_kind kind, int status,
                                        const void *bytes, size_t length)
{
    struct client_letter *letter = xcalloc(1, sizeof(*letter));
    letter->kind = kind;
    letter->status = status;
    letter->length = length;
    letter->bytes = xmemdup0(bytes, length);
    list_init(&letter->link);
    list_add_tail(box, &letter->link);
    return letter;
}

void client_letter_free(struct client_letter *letter)
{
    list_del(&letter->link);
    free(letter->bytes);
    free(letter);
}

struct client_letter *client_first(struct client *client, enum client_place place)
{
    return LIST_FIRST(&client->inbox[place], struct client_letter, link);
}

static void empty_box(struct list *box)
{
    while (!list_empty(box))
        client_letter_free(LIST_FIRST(box, struct client_letter, link));
}

/* ---- life ---- */

struct client *client_new(struct world *world, const char *name, bool manual)
{
    struct client *client = xcalloc(1, sizeof(*client));
    client->world = world;
    client->manual = manual;
    client->revision = EIO_REVISION_4;
    client->pings_at_ms = INT64_MAX;
    snprintf(client->name, sizeof(client->name), "%s", name);
    list_init(&client->link);
    list_init(&client->gets);
    list_init(&client->outbox);
    for (unsigned i = 0; i < CLIENT_PLACES; i++)
        list_init(&client->inbox[i]);
    list_add_tail(&world->clients, &client->link);
    return client;
}

void client_free(struct client *client)
{
    for (unsigned i = 0; i < CLIENT_PLACES; i++)
        empty_box(&client->inbox[i]);
    empty_box(&client->outbox);
    list_del(&client->link);
    free(client);
}

/* ---- requests ---- */

static void wake_get(struct eio_carrier *carrier)
{
    container_of(carrier, struct client_get, get.carrier)->woken = true;
}

static void wake_post(struct eio_carrier *carrier)
{
    container_of(carrier, struct client_post, post.carrier)->woken = true;
}

static void wake_ws(struct eio_carrier *carrier)
{
    container_of(carrier, struct client_ws, ws.carrier)->woken = true;
}

static struct client_get *get_new(struct client *client)
{
    struct client_get *get = xcalloc(1, sizeof(*get));
    get->get.carrier.wake = wake_get;
    list_init(&get->link);
    list_add_tail(&client->gets, &get->link);
    return get;
}

static struct client_ws *ws_new(void)
{
    struct client_ws *ws = xcalloc(1, sizeof(*ws));
    ws->ws.carrier.wake = wake_ws;
    return ws;
}

int client_route(struct client *client, enum eio_method method, bool is_upgrade,
                 struct eio_verdict *verdict)
{
    char query[128];
    snprintf(query, sizeof(query), "EIO=%u&transport=%s&sid=%s", client->revision,
             is_upgrade ? "websocket" : "polling", client->sid);
    struct eio_request request = {.method = method, .is_upgrade = is_upgrade, .query = query};
    eio_route(client->world->h.engine, &request, verdict);
    bool refused = verdict->route == EIO_ROUTE_REFUSE;
    world_log(client->world, "%s: %s%s%s", client->name, method == EIO_GET ? "GET" : "POST",
              is_upgrade ? " for an upgrade" : "", refused ? ", refused" : "");
    return refused ? verdict->answer.status : 0;
}

static struct eio_handshake *handshake(struct client *client, const char *query)
{
    struct harness *h = &client->world->h;
    char url[300];
    struct eio_header headers[] = {{"user-agent", "test"},
                                   {"host", "localhost"},
                                   {"x-twice", "1"},
                                   {"x-twice", "2"},
                                   {"cookie", h->cookie}};
    snprintf(url, sizeof(url), "/socket.io/?%s", query);
    struct eio_handshake from = {.issued_wall_ms = h->wall_ms,
                                 .address = "192.0.2.7",
                                 .url = url,
                                 .query = query,
                                 .header_count = h->cookie != NULL ? 5 : 4,
                                 .headers = headers};
    return eio_handshake_new(&from);
}

int client_opens(struct client *client, enum eio_transport transport, const char *extra)
{
    struct harness *h = &client->world->h;
    struct eio_verdict verdict;
    struct eio_session *session;
    uint8_t random[16];
    char query[256];
    snprintf(query, sizeof(query), "EIO=%u&transport=%s%s", client->revision,
             transport == EIO_POLLING ? "polling" : "websocket", extra);
    const char *script = strstr(extra, "&j=");
    client->jsonp = script != NULL ? (unsigned)strtoul(script + 3, NULL, 10) + 1 : 0;
    client->base64 = client->jsonp != 0 || strstr(extra, "&b64=") != NULL;
    struct eio_request request = {
        .method = EIO_GET, .is_upgrade = transport == EIO_WEBSOCKET, .query = query};
    world_log(client->world, "%s: opens, %s", client->name, query);
    eio_route(h->engine, &request, &verdict);
    if (verdict.route == EIO_ROUTE_REFUSE)
        return verdict.answer.status;
    WORLD_CHECK(client->world, verdict.route == EIO_ROUTE_HANDSHAKE);
    rng_bytes(&h->rng, random, sizeof(random));
    if (transport == EIO_POLLING) {
        session = eio_handshake_polling(h->engine, &get_new(client)->get, handshake(client, query),
                                        random, h->now_ms);
    } else {
        client->ws = ws_new();
        session = eio_handshake_ws(h->engine, &client->ws->ws, handshake(client, query), random,
                                   h->now_ms);
    }
    snprintf(client->sid, sizeof(client->sid), "%s", eio_session_sid(session));
    if (client_is_old(client))
        client->pings_at_ms = h->now_ms + h->engine->config.ping_interval_ms;
    return 0;
}

int client_gets(struct client *client)
{
    struct eio_verdict verdict;
    int status = client_route(client, EIO_GET, false, &verdict);
    if (status == 0)
        eio_get_open(verdict.session, &get_new(client)->get, client->world->h.now_ms);
    return status;
}

int client_begins_post(struct client *client, const char *content_type)
{
    struct eio_verdict verdict;
    struct eio_answer answer;
    int status = client_route(client, EIO_POST, false, &verdict);
    if (status != 0)
        return status;
    struct client_post *post = xcalloc(1, sizeof(*post));
    post->post.carrier.wake = wake_post;
    if (!eio_post_open(verdict.session, &post->post, content_type, &answer,
                       client->world->h.now_ms)) {
        free(post);
        return answer.status;
    }
    WORLD_CHECK(client->world, client->post == NULL);
    client->post = post;
    return 0;
}

bool client_submits(struct client *client, const char *body, size_t length_bytes)
{
    struct client_post *post = client->post;
    if (post == NULL || post->submitted)
        return false;
    post->submitted = true;
    world_log(client->world, "%s: body %.*s", client->name, (int)length_bytes, body);
    /* Memory of its very size: the sanitizer sees a byte too far. */
    char *exact = xmemdup(body, length_bytes);
    eio_post_submit(&post->post, exact, length_bytes, client->world->h.now_ms);
    free(exact);
    return true;
}

int client_upgrades(struct client *client)
{
    struct eio_verdict verdict;
    int status = client_route(client, EIO_GET, true, &verdict);
    if (status != 0)
        return status;
    if (verdict.route != EIO_ROUTE_UPGRADE || client->probe != NULL)
        return 400; /* the network closes it */
    client->probe = ws_new();
    eio_ws_upgrade(verdict.session, &client->probe->ws, client->world->h.now_ms);
    return 0;
}

int client_upgrades_whole(struct client *client)
{
    int status = client_upgrades(client);
    client->probing = status == 0;
    if (client->probing)
        client_says_on_probe(client, "2probe");
    return status;
}

/* ---- frames ---- */

static void receive(struct client *client, struct client_ws *ws, enum frame_kind kind,
                    const void *bytes, size_t length_bytes)
{
    char *exact = xmemdup(bytes, length_bytes);
    world_log(client->world, "%s: says %.*s%s", client->name, (int)length_bytes,
              kind == FRAME_TEXT ? exact : "", kind == FRAME_TEXT ? "" : "(bytes)");
    eio_ws_receive(&ws->ws, kind, exact, length_bytes, client->world->h.now_ms);
    free(exact);
}

bool client_says(struct client *client, enum frame_kind kind, const void *bytes,
                 size_t length_bytes)
{
    if (client->ws == NULL || client->ws->ws.paused)
        return false;
    receive(client, client->ws, kind, bytes, length_bytes);
    return true;
}

bool client_says_on_probe(struct client *client, const char *text)
{
    struct client_ws *probe = client->probe;
    if (probe == NULL)
        return false;
    receive(client, probe, FRAME_TEXT, text, strlen(text));
    if (probe->ws.state == EIO_WS_CARRIER) {
        WORLD_CHECK(client->world, client->ws == NULL);
        LIST_FOREACH(it, &client->gets) /* answered, or about to be */
        WORLD_CHECK(client->world,
                    container_of(it, struct client_get, link)->get.carrier.session == NULL);
        client->ws = probe;
        client->probe = NULL;
        client->probing = false;
    }
    return true;
}

void client_sends(struct client *client, enum frame_kind kind, const void *bytes,
                  size_t length_bytes)
{
    client_letter_new(&client->outbox, kind, 0, bytes, length_bytes);
}

static void post_letter(struct client *client, const struct client_letter *letter)
{
    struct buf body;
    buf_init(&body, BODY_LIMIT_BYTES);
    enum frame_kind kind = client_writes_payload(client, letter, &body);
    const char *type =
        kind == FRAME_BINARY ? "application/octet-stream" : "text/plain;charset=UTF-8";
    if (client->jsonp != 0) {
        client_writes_form(&body);
        type = "application/x-www-form-urlencoded";
    }
    if (client_begins_post(client, type) != 0)
        client->closed = true;
    else
        client_submits(client, buf_text(&body), body.len);
    buf_fini(&body);
}

static bool sends_next(struct client *client)
{
    struct client_letter *letter = LIST_FIRST(&client->outbox, struct client_letter, link);
    if (letter == NULL || client->closed)
        return false;
    if (client->ws != NULL) {
        if (!client_says_letter(client, letter))
            return false;
    } else {
        if (client->post != NULL || client->sid[0] == '\0')
            return false;
        post_letter(client, letter);
    }
    client_letter_free(letter);
    return true;
}

static bool keeps_polling(struct client *client)
{
    if (client->manual || client->closed || client->clogged || client->ws != NULL ||
        client->sid[0] == '\0' || !list_empty(&client->gets) ||
        (client->probing && client->probe != NULL && client->probe->ws.state != EIO_WS_NEW))
        return false;
    if (client_gets(client) != 0)
        client->closed = true;
    return true;
}

bool client_gives(struct client *client)
{
    bool gave = client_pings(client);
    while (sends_next(client))
        gave = true;
    return keeps_polling(client) || gave;
}
