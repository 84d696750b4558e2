/* What the network takes from the engine for a client, and how its connections end. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/script/client_letter.h"
#include "tests/script/world.h"

#define BODY_LIMIT_BYTES (16u << 20)

/* ---- packets ---- */

static void answers_ping(struct client *client)
{
    if (client->ws == NULL || !client_says(client, FRAME_TEXT, "3", 1))
        client_sends(client, FRAME_TEXT, "3", 1);
}

static void log_packet(const struct client *client, const struct eio_packet *packet)
{
    if (packet->kind == FRAME_TEXT)
        world_log(client->world, "%s: gets %d%.*s", client->name, (int)packet->type,
                  (int)packet->length_bytes, packet->data);
    else
        world_log(client->world, "%s: gets %zu bytes", client->name, packet->length_bytes);
}

/* Keeps it as it would stand on a WebSocket. */
static void keep(struct client *client, const struct eio_packet *packet)
{
    struct buf text;
    if (packet->kind == FRAME_BINARY) {
        client_letter_new(&client->inbox[CLIENT_PACKETS], FRAME_BINARY, 200, packet->data,
                          packet->length_bytes);
        return;
    }
    buf_init(&text, BODY_LIMIT_BYTES);
    buf_put_u8(&text, (uint8_t)('0' + (int)packet->type));
    buf_append(&text, packet->data, packet->length_bytes);
    client_letter_new(&client->inbox[CLIENT_PACKETS], FRAME_TEXT, 200, buf_text(&text), text.len);
    buf_fini(&text);
}

static void arrived(struct client *client, const struct eio_packet *packet)
{
    log_packet(client, packet);
    if (client->got != NULL) {
        client->got(client, packet);
        return;
    }
    if (client->manual) {
        keep(client, packet);
        return;
    }
    if (packet->type == EIO_PACKET_CLOSE)
        client->closed = true;
    else if (packet->type == EIO_PACKET_PING && !client->silent)
        answers_ping(client);
    else if (packet->type != EIO_PACKET_NOOP && packet->type != EIO_PACKET_PONG)
        keep(client, packet);
}

static enum frame_kind kind_of(const char *content_type)
{
    bool is_binary = content_type != NULL && strcmp(content_type, "application/octet-stream") == 0;
    return is_binary ? FRAME_BINARY : FRAME_TEXT;
}

static void read_payload(struct client *client, const char *content_type, struct buf *body)
{
    bool is_script = strncmp(content_type, "text/javascript", 15) == 0;
    WORLD_CHECK(client->world, is_script == (client->jsonp != 0));
    if (is_script)
        client_reads_script(client, body);
    enum frame_kind kind = kind_of(content_type);
    struct eio_payload payload;
    struct eio_packet packet;
    struct buf scratch;
    int got;
    buf_init(&scratch, BODY_LIMIT_BYTES);
    eio_payload_begin(&payload, buf_text(body), body->len);
    while ((got = client_next_packet(client, &payload, kind, &scratch, &packet)) > 0)
        arrived(client, &packet);
    WORLD_CHECK(client->world, got == 0);
    buf_fini(&scratch);
}

/* ---- taking ---- */

static bool takes_get(struct client *client, struct client_get *get)
{
    struct eio_answer answer;
    struct buf body;
    bool was_woken = get->woken;
    buf_init(&body, BODY_LIMIT_BYTES);
    get->woken = false;
    bool taken = eio_get_take(&get->get, &answer, &body);
    if (taken) {
        WORLD_CHECK(client->world, was_woken && get->get.carrier.session == NULL);
        list_del(&get->link);
        free(get);
        world_log(client->world, "%s: GET answered %d", client->name, answer.status);
        if (client->manual && client->got == NULL)
            client_letter_new(&client->inbox[CLIENT_GET], kind_of(answer.content_type),
                              answer.status, buf_text(&body), body.len);
        else if (answer.status == 200)
            read_payload(client, answer.content_type, &body);
        else
            client->closed = true;
    }
    buf_fini(&body);
    return taken;
}

static bool takes_post(struct client *client)
{
    struct client_post *post = client->post;
    struct eio_answer answer = {.body = ""};
    bool cut;
    if (post == NULL)
        return false;
    bool was_woken = post->woken;
    post->woken = false;
    if (!eio_post_take(&post->post, &answer, &cut))
        return false;
    WORLD_CHECK(client->world, was_woken && post->post.carrier.session == NULL);
    WORLD_CHECK(client->world, post->submitted || cut || answer.status == 413);
    client->post = NULL;
    free(post);
    world_log(client->world, "%s: POST %s %d", client->name, cut ? "cut" : "answered",
              answer.status);
    if (client->manual)
        client_letter_new(&client->inbox[CLIENT_POST], FRAME_TEXT, cut ? 0 : answer.status,
                          cut ? "" : answer.body, cut ? 0 : strlen(answer.body));
    return true;
}

/* True: the socket has everything. */
static bool takes_frames(struct client *client, struct client_ws *ws, bool *moved, unsigned most)
{
    struct eio_packet packet;
    struct frame *frame = NULL;
    struct buf scratch;
    bool was_woken = ws->woken;
    buf_init(&scratch, BODY_LIMIT_BYTES);
    while (most-- > 0 && (frame = eio_ws_take(&ws->ws)) != NULL) {
        size_t length;
        const char *bytes = frame_payload(frame, &length);
        WORLD_CHECK(client->world, was_woken);
        WORLD_CHECK(client->world, client_decodes(client, frame, &scratch, &packet) == CONFAB_OK);
        if (ws == client->ws)
            arrived(client, &packet);
        else
            client_letter_new(&client->inbox[CLIENT_PROBE], FRAME_TEXT, 200, bytes, length);
        frame_release(frame);
        *moved = true;
    }
    buf_fini(&scratch);
    return frame == NULL && most != UINT_MAX;
}

static bool takes_ws(struct client *client, struct client_ws *ws, unsigned most)
{
    bool moved = false;
    if (!takes_frames(client, ws, &moved, most) && most != UINT_MAX)
        return moved;
    if (eio_ws_wants_close(&ws->ws)) {
        WORLD_CHECK(client->world, ws->woken);
        world_log(client->world, "%s: %s closed", client->name,
                  ws == client->ws ? "WebSocket" : "probe");
        if (ws == client->ws) {
            client->closed = true;
            client_loses_ws(client, true);
        } else {
            if (client->manual)
                client_letter_new(&client->inbox[CLIENT_PROBE], FRAME_TEXT, 0, "", 0);
            client->probing = false;
            client_loses_probe(client, true);
        }
        return true;
    }
    ws->woken = false;
    return moved;
}

/* The `3probe` came and no GET is open: the WebSocket takes over. */
static bool ends_upgrade(struct client *client)
{
    struct client_letter *letter = client_first(client, CLIENT_PROBE);
    if (!client->probing || client->probe == NULL || letter == NULL || !list_empty(&client->gets))
        return false;
    WORLD_CHECK(client->world, strcmp(letter->bytes, "3probe") == 0);
    client_letter_free(letter);
    client_says_on_probe(client, "5");
    return true;
}

bool client_takes_some(struct client *client, unsigned most)
{
    bool moved = takes_post(client);
    for (struct list *it = client->gets.next, *next; it != &client->gets; it = next) {
        next = it->next;
        moved |= takes_get(client, container_of(it, struct client_get, link));
    }
    if (client->probe != NULL)
        moved |= takes_ws(client, client->probe, UINT_MAX);
    if (client->ws != NULL && !client->clogged)
        moved |= takes_ws(client, client->ws, most);
    return moved;
}

bool client_takes(struct client *client)
{
    if (client->manual && client->got != NULL)
        return false; /* whoever plays it takes at times of his own */
    bool moved = client_takes_some(client, UINT_MAX);
    return ends_upgrade(client) || moved;
}

/* ---- connections end ---- */

void client_loses_get(struct client *client)
{
    struct client_get *get = LIST_FIRST(&client->gets, struct client_get, link);
    if (get == NULL)
        return;
    world_log(client->world, "%s: loses its GET", client->name);
    list_del(&get->link);
    eio_get_lost(&get->get, client->world->h.now_ms);
    WORLD_CHECK(client->world, get->get.carrier.session == NULL);
    free(get);
}

void client_loses_post(struct client *client)
{
    struct client_post *post = client->post;
    if (post == NULL)
        return;
    world_log(client->world, "%s: loses its POST", client->name);
    client->post = NULL;
    eio_post_lost(&post->post, client->world->h.now_ms);
    WORLD_CHECK(client->world, post->post.carrier.session == NULL);
    free(post);
}

static void loses(struct client *client, struct client_ws **ws, bool clean)
{
    struct client_ws *lost = *ws;
    if (lost == NULL)
        return;
    world_log(client->world, "%s: a WebSocket ends%s", client->name, clean ? "" : ", broken");
    *ws = NULL;
    eio_ws_lost(&lost->ws, clean, client->world->h.now_ms);
    WORLD_CHECK(client->world, lost->ws.carrier.session == NULL);
    free(lost);
}

void client_loses_ws(struct client *client, bool clean)
{
    loses(client, &client->ws, clean);
}

void client_loses_probe(struct client *client, bool clean)
{
    loses(client, &client->probe, clean);
}

void client_vanishes(struct client *client)
{
    while (!list_empty(&client->gets))
        client_loses_get(client);
    client_loses_post(client);
    client_loses_ws(client, false);
    client_loses_probe(client, false);
    client->closed = true;
}
