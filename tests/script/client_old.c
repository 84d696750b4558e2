/* How a client of client.h speaks revision 3: packets on its way in and out, scripts and forms, and
 * its own pings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- scripts and forms ---- */

void client_reads_script(const struct client *client, struct buf *body)
{
    char begin[32];
    static const char end[] = ");";
    int begin_bytes = snprintf(begin, sizeof(begin), "___eio[%u](", client->jsonp - 1);
    size_t around_bytes = (size_t)begin_bytes + sizeof(end) - 1, length;
    WORLD_CHECK(client->world,
                body->len > around_bytes &&
                    memcmp(buf_text(body), begin, (size_t)begin_bytes) == 0 &&
                    strcmp(buf_text(body) + body->len - (sizeof(end) - 1), end) == 0);
    struct confab_value *payload =
        confab_from_json(buf_text(body) + begin_bytes, body->len - around_bytes);
    const char *text = confab_as_string(payload, &length);
    WORLD_CHECK(client->world, text != NULL);
    buf_reset(body);
    buf_append(body, text, length);
    confab_value_release(payload);
}

/* A browser changes line ends in forms: they are written `\n`, and what stands for one `\\n`. */
void client_writes_form(struct buf *body)
{
    size_t length = body->len;
    char *payload = xmemdup0(buf_text(body), length);
    buf_reset(body);
    buf_puts(body, "d=");
    for (size_t i = 0; i < length; i++) {
        bool is_escape = payload[i] == '\\' && payload[i + 1] == 'n';
        if (payload[i] == '\n' || is_escape)
            buf_printf(body, is_escape ? "%%5C%%5C" : "%%5Cn");
        else
            buf_printf(body, "%%%02X", (unsigned char)payload[i]);
    }
    free(payload);
}

/* ---- signs of life ---- */

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
