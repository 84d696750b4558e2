/* A client over WebSocket: the upgrade request, masked frames out, plain frames in (RFC 6455
 * section 5). */
#include <string.h>

#include "bench/load/load.h"

static void put_frame(struct client *client, uint8_t opcode, const char *payload, size_t length)
{
    struct buf *out = &client->get.out;
    buf_put_u8(out, (uint8_t)(0x80 | opcode));
    if (length < 126) {
        buf_put_u8(out, (uint8_t)(0x80 | length));
    } else if (length < 65536) {
        buf_put_u8(out, 0x80 | 126);
        buf_put_u16be(out, (uint16_t)length);
    } else {
        buf_put_u8(out, 0x80 | 127);
        buf_put_u64be(out, length);
    }
    uint8_t mask[4];
    rng_bytes(&client->load->rng, mask, sizeof(mask));
    buf_append(out, mask, sizeof(mask));
    uint8_t *to = buf_extend(out, length);
    for (size_t i = 0; to != NULL && i < length; i++)
        to[i] = (uint8_t)payload[i] ^ mask[i & 3];
    stream_flush(&client->get);
}

void websocket_send(struct client *client, const char *packet, size_t length)
{
    put_frame(client, 1, packet, length);
}

static void answer_control(struct client *client, uint8_t opcode, const uint8_t *payload,
                           size_t length)
{
    if (opcode == 9)
        put_frame(client, 10, (const char *)payload, length);
    else if (opcode == 8)
        client_fail(client, "closed by the server");
}

/* Takes one frame off the front. 0: not whole yet. */
static size_t take_frame(struct client *client, const uint8_t *bytes, size_t length)
{
    if (length < 2)
        return 0;
    size_t header = 2, payload = bytes[1] & 0x7f;
    if (payload == 126) {
        if (length < 4)
            return 0;
        payload = (size_t)bytes[2] << 8 | bytes[3];
        header = 4;
    } else if (payload == 127) {
        if (length < 10)
            return 0;
        payload = 0;
        for (int i = 2; i < 10; i++)
            payload = payload << 8 | bytes[i];
        header = 10;
    }
    if (payload > LOAD_PACKET_MAX_BYTES) {
        client_fail(client, "the server's frame is too large");
        return 0;
    }
    if (length - header < payload)
        return 0;
    uint8_t opcode = bytes[0] & 15;
    if (opcode == 1)
        client_packet(client, (const char *)bytes + header, payload);
    else if (opcode >= 8)
        answer_control(client, opcode, bytes + header, payload);
    return header + payload;
}

static bool take_answer(struct client *client)
{
    struct buf *in = &client->get.in;
    const char *end = in->len > 0 ? memmem(in->data, in->len, "\r\n\r\n", 4) : NULL;
    if (end == NULL)
        return false;
    if (in->len < 12 || memcmp(in->data + 8, " 101", 4) != 0) {
        client_fail(client, "the server refused the WebSocket");
        return false;
    }
    buf_consume(in, (size_t)(end + 4 - (const char *)in->data));
    client->upgraded = true;
    return true;
}

static void on_read(int fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct client *client = user;
    if (!stream_fill(&client->get, client)) {
        client_fail(client, "the connection ended");
        return;
    }
    if (!client->upgraded && !take_answer(client))
        return;
    size_t at = 0, taken;
    while (client->state != CLIENT_ENDED && at < client->get.in.len &&
           (taken = take_frame(client, client->get.in.data + at, client->get.in.len - at)) > 0)
        at += taken;
    if (client->state == CLIENT_ENDED)
        return;
    buf_consume(&client->get.in, at);
    if (client->get.in.len == 0)
        buf_fini(&client->get.in); /* an idle client keeps no buffer */
}

void websocket_open(struct client *client)
{
    if (!stream_connect(&client->get, client, on_read)) {
        client_fail(client, "cannot connect");
        return;
    }
    /* 16 bytes in base64 are 22 characters and two of padding; A as the last one leaves no stray
     * bits. */
    char key[22];
    rng_base36(&client->load->rng, key, 21);
    buf_printf(&client->get.out,
               "GET %s?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
               "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: %sA==\r\n\r\n",
               client->load->options.path, client->target->host, key);
    stream_flush(&client->get);
}
