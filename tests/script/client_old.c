/* How a client of client.h speaks revision 3: packets on its way in and out, and its own pings. */
#include "common/mem.h"
#include "gateway/engineio/internal.h"
#include "gateway/engineio/packet3.h"
#include "tests/script/client_letter.h"
#include "tests/script/world.h"

bool client_is_old(const struct client *client)
{
    return client->revision == EIO_REVISION_3;
}

int client_next_packet(const struct client *client, struct eio_payload *payload,
                       enum frame_kind kind, struct buf *scratch, struct eio_packet *packet)
{
    return client_is_old(client) ? eio3_payload_next(payload, kind, scratch, packet)
                                 : eio_payload_next(payload, scratch, packet);
}

int client_decodes(const struct client *client, const struct frame *frame, struct buf *scratch,
                   struct eio_packet *packet)
{
    size_t length;
    const char *bytes = frame_payload(frame, &length);
    enum frame_kind kind = frame_kind(frame);
    return client_is_old(client) ? eio3_packet_decode(kind, bytes, length, scratch, packet)
                                 : eio_packet_decode(kind, bytes, length, scratch, packet);
}

static struct frame *frame_of(const struct client_letter *letter)
{
    return letter->kind == FRAME_TEXT ? frame_text(NULL, letter->bytes, letter->length)
                                      : frame_binary(letter->bytes, letter->length);
}

enum frame_kind client_writes_payload(const struct client *client,
                                      const struct client_letter *letter, struct buf *body)
{
    struct frame *frame = frame_of(letter);
    bool is_binary = client_is_old(client) && letter->kind == FRAME_BINARY && !client->base64;
    if (!client_is_old(client))
        eio_payload_add(body, frame, true);
    else if (is_binary)
        eio3_payload_add_binary(body, frame);
    else
        eio3_payload_add_text(body, frame);
    frame_release(frame);
    return is_binary ? FRAME_BINARY : FRAME_TEXT;
}

void client_adds_packet(const struct client *client, const struct client_letter *letter,
                        struct buf *body)
{
    struct frame *frame = frame_of(letter);
    if (!client_is_old(client))
        eio_payload_add(body, frame, body->len == 0);
    else if (client->post->post.binary)
        eio3_payload_add_binary(body, frame);
    else
        eio3_payload_add_text(body, frame);
    frame_release(frame);
}

bool client_says_letter(struct client *client, const struct client_letter *letter)
{
    if (!client_is_old(client))
        return client_says(client, letter->kind, letter->bytes, letter->length);
    size_t length;
    struct frame *frame = eio3_websocket_frame(frame_of(letter), client->base64);
    const char *bytes = frame_payload(frame, &length);
    bool said = client_says(client, frame_kind(frame), bytes, length);
    frame_release(frame);
    return said;
}

/* At the interval, from its opening on. */
bool client_pings(struct client *client)
{
    struct world *world = client->world;
    if (client->manual || client->silent || client->closed || client->sid[0] == '\0' ||
        world->h.now_ms < client->pings_at_ms)
        return false;
    client->pings_at_ms = world->h.now_ms + world->h.engine->config.ping_interval_ms;
    client_sends(client, FRAME_TEXT, "2", 1);
    return true;
}
