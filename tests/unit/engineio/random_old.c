/* What the clients of random_client.h do in the one revision and in the other. */
#include <string.h>

#include "common/buf.h"
#include "common/utf8.h"
#include "gateway/engineio/packet3.h"
#include "tests/unit/engineio/random_client.h"

#define PAYLOAD_LIMIT_BYTES (1u << 20)

const char *client_query(struct client *client)
{
    static const char *const queries[] = {"EIO=4", "EIO=4&b64=1", "EIO=3", "EIO=3&b64=1"};
    struct sim *sim = client->sim;

    client->is_old = dice(sim, 3) == 0;
    client->encodes_twice = client->is_old && dice(sim, 2) == 0;
    return queries[(client->is_old ? 2 : 0) + (dice(sim, 4) == 0 ? 1 : 0)];
}

int client_decodes(const struct client *client, const struct frame *frame, struct buf *scratch,
                   struct eio_packet *packet)
{
    size_t length_bytes;
    const char *bytes = frame_payload(frame, &length_bytes);

    if (client->is_old)
        return eio3_packet_decode(frame_kind(frame), bytes, length_bytes, scratch, packet);
    return eio_packet_decode(frame_kind(frame), bytes, length_bytes, scratch, packet);
}

int client_next_packet(const struct client *client, struct eio_payload *payload,
                       enum frame_kind kind, struct buf *scratch, struct eio_packet *packet)
{
    if (client->is_old)
        return eio3_payload_next(payload, kind, scratch, packet);
    return eio_payload_next(payload, scratch, packet);
}

/* As engine.io-parser 1 does: a character for each byte. */
static void put_bytes_as_characters(struct buf *out, const char *text, size_t text_bytes)
{
    char character[4];
    size_t i;

    for (i = 0; i < text_bytes; i++)
        buf_append(out, character, utf8_encode((unsigned char)text[i], character));
}

static void put_old(struct client *client, struct buf *body, const char *text, size_t text_bytes)
{
    struct frame *frame;
    struct buf twice;

    buf_init(&twice, PAYLOAD_LIMIT_BYTES);
    if (client->encodes_twice && !client->post->post.binary)
        put_bytes_as_characters(&twice, text, text_bytes);
    else
        buf_append(&twice, text, text_bytes);
    frame = frame_text(NULL, buf_text(&twice), twice.len);
    if (client->post->post.binary)
        eio3_payload_add_binary(body, frame);
    else
        eio3_payload_add_text(body, frame);
    frame_release(frame);
    buf_fini(&twice);
}

void client_puts_packet(struct client *client, struct buf *body, const char *text,
                        size_t text_bytes, bool first)
{
    if (client->is_old) {
        put_old(client, body, text, text_bytes);
        return;
    }
    if (!first)
        buf_put_u8(body, 0x1e);
    buf_append(body, text, text_bytes);
}
