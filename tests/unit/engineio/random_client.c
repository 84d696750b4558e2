/* The clients of random_client.h. */
#include "tests/unit/engineio/random_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/list.h"
#include "common/mem.h"
#include "gateway/engineio/packet.h"
#include "tests/unit/test.h"

#define BODY_LIMIT_BYTES (1u << 20)

unsigned dice(struct sim *sim, unsigned sides)
{
    return rng_below(&sim->rng, sides);
}

bool client_is_alive(const struct client *client)
{
    return client->open && !client->dying;
}

bool client_is_gone(const struct client *client)
{
    return !client->open && client->get == NULL && client->post == NULL && client->ws == NULL &&
           client->probe == NULL;
}

/* ---- what arrives at the client ---- */

static void client_gets(struct client *client, const struct eio_packet *packet)
{
    struct sim *sim = client->sim;
    char text[32];
    int length;

    if (packet->kind == FRAME_BINARY) {
        uint32_t number;

        CHECK(sim, client->wants_binary && packet->length_bytes == sizeof(number));
        memcpy(&number, packet->data, sizeof(number));
        CHECK(sim, number == client->got);
        client->wants_binary = false;
        client->got++;
        return;
    }
    CHECK(sim, !client->wants_binary); /* a set is not torn apart, not even by a ping */
    if (packet->type == EIO_PACKET_PING)
        client->owes_pong = true;
    if (packet->type != EIO_PACKET_MESSAGE || packet->data[0] == 'v')
        return;
    length = snprintf(text, sizeof(text), "%c%u%s", packet->data[0], client->got,
                      client->reads_ascii ? LETTER_IN_ASCII : LETTER);
    CHECK(sim, packet->length_bytes == (size_t)length);
    CHECK(sim, memcmp(packet->data, text, (size_t)length) == 0);
    if (packet->data[0] == 't')
        client->wants_binary = true;
    else
        client->got++;
}

static void client_gets_payload(struct client *client, const char *content_type,
                                const struct buf *body)
{
    bool is_binary = strcmp(content_type, "application/octet-stream") == 0;
    struct sim *sim = client->sim;
    struct eio_payload payload;
    struct eio_packet packet;
    struct buf scratch;
    int got;

    buf_init(&scratch, BODY_LIMIT_BYTES);
    eio_payload_begin(&payload, buf_text(body), body->len);
    client->reads_ascii = client->is_old && !is_binary;
    CHECK(sim, client->is_old || !is_binary);
    while ((got = client_next_packet(client, &payload, is_binary ? FRAME_BINARY : FRAME_TEXT,
                                     &scratch, &packet)) > 0) {
        client_gets(client, &packet);
        if (packet.type == EIO_PACKET_CLOSE && client->graceful && !client->is_rude)
            CHECK(sim, client->got == client->sent);
    }
    client->reads_ascii = false;
    CHECK(sim, got == 0 && !client->wants_binary);
    buf_fini(&scratch);
}

/* ---- the network: taking ---- */

static void take_get(struct client *client)
{
    struct sim *sim = client->sim;
    struct get *get = client->get;
    struct eio_answer answer;
    struct buf body;
    bool taken;

    buf_init(&body, BODY_LIMIT_BYTES);
    taken = eio_get_take(&get->get, &answer, &body);
    CHECK(sim, !taken || get->woken);
    get->woken = false;
    if (taken) {
        client->get = NULL;
        CHECK(sim, get->get.carrier.session == NULL);
        free(get);
        if (answer.status == 200)
            client_gets_payload(client, answer.content_type, &body);
    } else if (client_is_alive(client)) {
        CHECK(sim, client->got == client->sent); /* a GET waits only when nothing does for it */
    }
    buf_fini(&body);
}

/* Nothing that the client uttered is kept anywhere. */
static void check_understood(struct client *client)
{
    if (client_is_alive(client))
        CHECK(client->sim, client->understood == client->uttered);
}

static void take_post(struct client *client)
{
    struct sim *sim = client->sim;
    struct post *post = client->post;
    struct eio_answer answer;
    bool cut, taken = eio_post_take(&post->post, &answer, &cut);

    CHECK(sim, !taken || post->woken);
    post->woken = false;
    if (!taken)
        return;
    CHECK(sim, post->submitted || cut);
    CHECK(sim, cut || answer.status == 200 || answer.status == 413);
    if (!cut && post->submitted)
        check_understood(client);
    client->post = NULL;
    free(post);
}

static void free_ws(struct client *client, struct ws *ws, bool clean)
{
    eio_ws_lost(&ws->ws, clean, client->sim->now_ms);
    CHECK(client->sim, ws->ws.carrier.session == NULL);
    if (client->ws == ws)
        client->ws = NULL;
    else
        client->probe = NULL;
    free(ws);
}

static void take_ws(struct client *client, struct ws *ws, unsigned most)
{
    struct sim *sim = client->sim;
    struct eio_packet packet;
    struct frame *frame;
    struct buf scratch;

    buf_init(&scratch, BODY_LIMIT_BYTES);
    while (most-- > 0 && (frame = eio_ws_take(&ws->ws)) != NULL) {
        CHECK(sim, ws->woken);
        CHECK(sim, client_decodes(client, frame, &scratch, &packet) == 0);
        client_gets(client, &packet);
        frame_release(frame);
    }
    buf_fini(&scratch);
    if (most == UINT32_MAX)
        return; /* the socket is full */
    if (eio_ws_wants_close(&ws->ws)) {
        CHECK(sim, ws->woken);
        if (ws == client->ws && client->graceful && !client->is_rude)
            CHECK(sim, client->got == client->sent);
        free_ws(client, ws, true);
        return;
    }
    ws->woken = false;
    if (ws == client->ws && client_is_alive(client))
        CHECK(sim, client->got == client->sent);
}

void client_takes(struct client *client)
{
    unsigned most = dice(client->sim, 4) == 0 ? dice(client->sim, 4) : UINT32_MAX - 1;

    if (client->get != NULL)
        take_get(client);
    if (client->post != NULL)
        take_post(client);
    if (client->ws != NULL)
        take_ws(client, client->ws, most);
    if (client->probe != NULL)
        take_ws(client, client->probe, most);
}

/* ---- the network: requests ---- */

static void wake_get(struct eio_carrier *carrier)
{
    container_of(carrier, struct get, get.carrier)->woken = true;
}

static void wake_post(struct eio_carrier *carrier)
{
    container_of(carrier, struct post, post.carrier)->woken = true;
}

static void wake_ws(struct eio_carrier *carrier)
{
    container_of(carrier, struct ws, ws.carrier)->woken = true;
}

static struct get *get_new(void)
{
    struct get *get = xcalloc(1, sizeof(*get));

    get->get.carrier.wake = wake_get;
    return get;
}

static struct ws *ws_new(void)
{
    struct ws *ws = xcalloc(1, sizeof(*ws));

    ws->ws.carrier.wake = wake_ws;
    return ws;
}

static struct eio_verdict route(struct client *client, enum eio_method method, bool is_upgrade)
{
    char query[80];
    struct eio_request request = {.method = method, .is_upgrade = is_upgrade, .query = query};
    struct eio_verdict verdict;

    snprintf(query, sizeof(query), "EIO=%d&transport=%s&sid=%s", client->is_old ? 3 : 4,
             is_upgrade ? "websocket" : "polling", client->sid);
    eio_route(client->sim->engine, &request, &verdict);
    if (client_is_alive(client) && !is_upgrade &&
        eio_session_transport(client->session) == EIO_POLLING)
        CHECK(client->sim, verdict.route != EIO_ROUTE_REFUSE);
    return verdict;
}

void client_opens(struct client *client)
{
    struct sim *sim = client->sim;
    struct eio_handshake from = {.query = client_query(client)};
    struct eio_handshake *handshake = eio_handshake_new(&from);
    uint8_t random[16];

    rng_bytes(&sim->rng, random, sizeof(random));
    client->is_rude = false;
    sim->opening = client;
    if (dice(sim, 4) == 0) {
        client->ws = ws_new();
        eio_handshake_ws(sim->engine, &client->ws->ws, handshake, random, sim->now_ms);
    } else {
        client->get = get_new();
        eio_handshake_polling(sim->engine, &client->get->get, handshake, random, sim->now_ms);
    }
    sim->opening = NULL;
}

/* A second GET while one is open: both end, and the session. */
static void check_second_get(struct client *client, struct get *second)
{
    struct sim *sim = client->sim;

    take_get(client);
    CHECK(sim, client->get == NULL && second->woken);
    client->get = second;
    take_get(client);
    CHECK(sim, client->get == NULL && !client_is_alive(client));
}

/* One GET at a time; now and then two. */
void client_gets_more(struct client *client)
{
    struct sim *sim = client->sim;
    struct eio_verdict verdict;
    struct get *get;
    bool is_second;

    if (client->get != NULL && dice(sim, 100) > 0)
        return;
    verdict = route(client, EIO_GET, false);
    if (verdict.route != EIO_ROUTE_GET)
        return;
    get = get_new();
    is_second = client->get != NULL && client->get->get.carrier.session != NULL;
    client->is_rude |= is_second;
    eio_get_open(verdict.session, &get->get, sim->now_ms);
    if (is_second) {
        check_second_get(client, get);
        return;
    }
    if (client->get != NULL) /* answered, and the answer not taken yet */
        take_get(client);
    CHECK(sim, client->get == NULL);
    client->get = get;
}

void client_posts(struct client *client)
{
    struct sim *sim = client->sim;
    const char *content_type =
        client->is_old && dice(sim, 2) == 0 ? "application/octet-stream" : NULL;
    struct eio_verdict verdict;
    struct eio_answer answer;
    struct post *post;

    if (client->post != NULL && dice(sim, 100) > 0)
        return;
    verdict = route(client, EIO_POST, false);
    if (verdict.route != EIO_ROUTE_POST)
        return;
    post = xcalloc(1, sizeof(*post));
    post->post.carrier.wake = wake_post;
    if (eio_post_open(verdict.session, &post->post, content_type, &answer, sim->now_ms)) {
        if (client->post != NULL) /* whole, and its answer not taken yet */
            take_post(client);
        CHECK(sim, client->post == NULL);
        client->post = post;
        return;
    }
    client->is_rude = true;
    CHECK(sim, client->post != NULL && !client_is_alive(client));
    free(post);
}

/* One packet of the client's, as the dice say; mostly messages. */
static void utter(struct client *client, struct buf *out)
{
    static const char *const others[] = {"1", "", "junk", "6", "5", "0", ""};
    struct sim *sim = client->sim;
    unsigned what = dice(sim, 300);

    if (client->owes_pong && what >= 100) {
        client->owes_pong = false;
        buf_puts(out, "3");
    } else if (what < TEST_COUNT(others)) {
        client->is_rude = true;
        buf_puts(out, what == 1 ? (client->is_old ? "3" : "2") : others[what]);
    } else if (client->is_old && what < 60) {
        buf_puts(out, "2");
    } else {
        buf_printf(out, "4c%u" LETTER, client->uttered++);
    }
}

void client_submits(struct client *client)
{
    struct sim *sim = client->sim;
    unsigned count = 1 + dice(sim, 3), i;
    struct buf body, packet;

    if (client->post == NULL || client->post->submitted)
        return;
    client->post->submitted = true;
    if (dice(sim, 50) == 0) {
        eio_post_too_big(&client->post->post);
        return;
    }
    buf_init(&body, BODY_LIMIT_BYTES);
    buf_init(&packet, BODY_LIMIT_BYTES);
    for (i = 0; i < count; i++) {
        buf_reset(&packet);
        utter(client, &packet);
        client_puts_packet(client, &body, buf_text(&packet), packet.len, i == 0);
    }
    buf_fini(&packet);
    eio_post_submit(&client->post->post, buf_text(&body), body.len, sim->now_ms);
    buf_fini(&body);
}

void client_upgrades(struct client *client)
{
    struct sim *sim = client->sim;
    struct eio_verdict verdict = route(client, EIO_GET, true);

    if (client->probe != NULL || verdict.route != EIO_ROUTE_UPGRADE)
        return;
    client->probe = ws_new();
    eio_ws_upgrade(verdict.session, &client->probe->ws, sim->now_ms);
}

void client_probes(struct client *client)
{
    static const char *const wrong[] = {"2probe", "5", "4c0", "junk"};
    struct sim *sim = client->sim;
    struct ws *probe = client->probe;
    const char *frame;
    bool had_upgraded;

    if (probe == NULL)
        return;
    frame = dice(sim, 10) == 0 ? wrong[dice(sim, TEST_COUNT(wrong))]
            : probe->probed    ? "5"
                               : "2probe";
    probe->probed = true;
    had_upgraded =
        client_is_alive(client) && eio_session_transport(client->session) == EIO_WEBSOCKET;
    CHECK(sim, !had_upgraded || probe->ws.carrier.session == NULL);
    eio_ws_receive(&probe->ws, FRAME_TEXT, frame, strlen(frame), sim->now_ms);
    /* The switch shows in the carrier being the session's, which only the engine knows when it is
     * closing: the sign for both is that a `5` was taken and the WebSocket is neither closed nor
     * a probe any more. */
    if (frame[0] == '5' && client->ws == NULL &&
        (!client_is_alive(client) ? probe->ws.carrier.session != NULL
                                  : eio_session_transport(client->session) == EIO_WEBSOCKET)) {
        client->ws = probe;
        client->probe = NULL;
    }
}

void client_talks(struct client *client)
{
    struct sim *sim = client->sim;
    struct buf frame;

    if (client->ws == NULL)
        return;
    buf_init(&frame, BODY_LIMIT_BYTES);
    utter(client, &frame);
    eio_ws_receive(&client->ws->ws, FRAME_TEXT, buf_text(&frame), frame.len, sim->now_ms);
    buf_fini(&frame);
    check_understood(client);
}

void client_breaks(struct client *client)
{
    struct sim *sim = client->sim;
    unsigned which = dice(sim, 4);

    if (which == 0 && client->get != NULL) {
        eio_get_lost(&client->get->get, sim->now_ms);
        free(client->get);
        client->get = NULL;
    } else if (which == 1 && client->post != NULL) {
        eio_post_lost(&client->post->post, sim->now_ms);
        free(client->post);
        client->post = NULL;
    } else if (which == 2 && client->ws != NULL) {
        if (dice(sim, 4) == 0)
            eio_ws_too_big(&client->ws->ws, sim->now_ms);
        free_ws(client, client->ws, dice(sim, 2) == 0);
    } else if (which == 3 && client->probe != NULL) {
        if (dice(sim, 4) == 0)
            eio_ws_too_big(&client->probe->ws, sim->now_ms);
        free_ws(client, client->probe, dice(sim, 2) == 0);
    }
}
