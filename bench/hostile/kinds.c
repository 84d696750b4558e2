/* What hostile clients send. Most open a session as anybody does, and then misbehave. */
#include <stdio.h>
#include <string.h>

#include "bench/hostile/hostile.h"

#define BLOCK_BYTES 16384

static void put_request(struct foe *foe, const char *method, const char *query, const char *more)
{
    buf_printf(&foe->out, "%s %s?EIO=4&transport=%s HTTP/1.1\r\nHost: hostile\r\n%s", method,
               foe->hostile->options.path, query, more);
    if (foe->hostile->options.forwarded)
        buf_printf(&foe->out, "X-Forwarded-For: 203.0.%u.%u\r\n", foe->index >> 8 & 255,
                   foe->index & 255);
}

static void put_upgrade(struct foe *foe)
{
    put_request(foe, "GET", "websocket",
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    buf_puts(&foe->out, "\r\n");
}

/* A client's frame; the mask is zero, which is a mask like any other (RFC 6455 section 5.3). */
static void put_frame(struct foe *foe, uint8_t first, const void *payload, size_t length)
{
    buf_put_u8(&foe->out, first);
    if (length < 126) {
        buf_put_u8(&foe->out, (uint8_t)(0x80 | length));
    } else {
        buf_put_u8(&foe->out, 0x80 | 126);
        buf_put_u16be(&foe->out, (uint16_t)length);
    }
    buf_put_u32be(&foe->out, 0);
    buf_append(&foe->out, payload, length);
}

static void put_text(struct foe *foe, const char *text)
{
    put_frame(foe, 0x81, text, strlen(text));
}

static void put_texts(struct foe *foe, const char *text)
{
    while (foe->out.len < BLOCK_BYTES)
        put_text(foe, text);
}

/* Opens a WebSocket, joins, and is then ready to misbehave: true from the second call on. */
static bool has_joined(struct foe *foe)
{
    if (foe->spoken > 0)
        return true;
    put_upgrade(foe);
    put_text(foe, "40");
    return false;
}

static void put_random(struct foe *foe, size_t length)
{
    uint8_t *to = buf_extend(&foe->out, length);
    if (to != NULL)
        rng_bytes(&foe->hostile->rng, to, length);
}

/* ---- HTTP ---- */

static void speak_noise(struct foe *foe)
{
    put_random(foe, 1 + rng_below(&foe->hostile->rng, 2000));
}

static void speak_noise_behind_get(struct foe *foe)
{
    if (foe->spoken == 0)
        buf_puts(&foe->out, "GET ");
    put_random(foe, 1 + rng_below(&foe->hostile->rng, 2000));
}

static void speak_slow_head(struct foe *foe)
{
    static const char head[] = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: slow\r\n"
                               "X-Slow: abcdefghijklmnopqrstuvwxyz";
    buf_put_u8(&foe->out, (uint8_t)head[foe->spoken % (sizeof(head) - 1)]);
}

static void speak_half_request(struct foe *foe)
{
    if (foe->spoken == 0)
        buf_puts(&foe->out, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost:");
}

static void speak_endless_head(struct foe *foe)
{
    if (foe->spoken == 0)
        put_request(foe, "GET", "polling", "");
    while (foe->out.len < BLOCK_BYTES)
        buf_puts(&foe->out, "X-More: and more and more and more\r\n");
}

static void speak_huge_body(struct foe *foe)
{
    if (foe->spoken == 0) {
        put_request(foe, "POST", "polling", "Content-Length: 99999999999999\r\n\r\n");
        return;
    }
    put_random(foe, BLOCK_BYTES);
}

static void speak_huge_chunk(struct foe *foe)
{
    if (foe->spoken == 0) {
        put_request(foe, "POST", "polling",
                    "Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n");
        return;
    }
    put_random(foe, BLOCK_BYTES);
}

static void speak_slow_body(struct foe *foe)
{
    if (foe->spoken == 0)
        put_request(foe, "POST", "polling", "Content-Length: 100000\r\n\r\n");
    else
        buf_put_u8(&foe->out, 'x');
}

static void speak_handshakes(struct foe *foe)
{
    for (int i = 0; i < 20; i++) {
        put_request(foe, "GET", "polling", "");
        buf_puts(&foe->out, "\r\n");
    }
}

static void speak_files(struct foe *foe)
{
    for (int i = 0; i < 50; i++)
        buf_printf(&foe->out, "GET %ssocket.io.js HTTP/1.1\r\nHost: hostile\r\n\r\n",
                   foe->hostile->options.path);
}

/* ---- WebSocket ---- */

static void speak_huge_frame(struct foe *foe)
{
    static const uint8_t head[] = {0x82, 0xff, 0x00, 0x00, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0,    0,    0,    0};
    if (!has_joined(foe))
        return;
    if (foe->spoken == 1)
        buf_append(&foe->out, head, sizeof(head));
    put_random(foe, BLOCK_BYTES);
}

static void speak_broken_frames(struct foe *foe)
{
    if (has_joined(foe))
        put_random(foe, 64);
}

static void speak_slow_message(struct foe *foe)
{
    static const uint8_t head[] = {0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0, '4'};
    if (!has_joined(foe))
        return;
    if (foe->spoken == 1)
        buf_append(&foe->out, head, sizeof(head));
    else
        buf_put_u8(&foe->out, 'x');
}

static void speak_fragments(struct foe *foe)
{
    if (!has_joined(foe))
        return;
    if (foe->spoken == 1)
        put_frame(foe, 0x01, "4", 1);
    while (foe->out.len < BLOCK_BYTES)
        put_frame(foe, 0x00, "2", rng_below(&foe->hostile->rng, 2));
}

static void speak_pings(struct foe *foe)
{
    static const char payload[125] = "ping";
    if (!has_joined(foe))
        return;
    while (foe->out.len < BLOCK_BYTES)
        put_frame(foe, 0x89, payload, sizeof(payload));
}

/* ---- Socket.IO ---- */

static void speak_events(struct foe *foe)
{
    if (has_joined(foe))
        put_texts(foe, "42[\"flood\",1]");
}

static void speak_asked_events(struct foe *foe)
{
    if (has_joined(foe))
        put_texts(foe, "421[\"chat\",\"is anybody there\"]");
}

/* Logs in, and then says one thing for ever. */
static void flood_chat(struct foe *foe, const char *text)
{
    char login[64];
    if (!has_joined(foe))
        return;
    if (foe->spoken == 1) {
        snprintf(login, sizeof(login), "42[\"login\",\"foe-%u\"]", foe->index);
        put_text(foe, login);
    }
    put_texts(foe, text);
}

static void speak_words(struct foe *foe)
{
    flood_chat(foe, "421[\"chat\",\"buy this and that, buy it now\"]");
}

static void speak_words_unasked(struct foe *foe)
{
    flood_chat(foe, "42[\"chat\",\"buy this and that, buy it now\"]");
}

static void speak_namespaces(struct foe *foe)
{
    char text[64];
    if (!has_joined(foe))
        return;
    while (foe->out.len < BLOCK_BYTES) {
        snprintf(text, sizeof(text), "40/%08x,", rng_u32(&foe->hostile->rng));
        put_text(foe, text);
    }
}

static void speak_rooms(struct foe *foe)
{
    char text[96];
    if (!has_joined(foe))
        return;
    while (foe->out.len < BLOCK_BYTES) {
        snprintf(text, sizeof(text), "421[\"join\",{\"room\":\"%08x\"}]",
                 rng_u32(&foe->hostile->rng));
        put_text(foe, text);
    }
}

static void speak_nesting(struct foe *foe)
{
    static const char beginning[] = "42[\"x\",";
    char text[60000];
    if (!has_joined(foe))
        return;
    memcpy(text, beginning, sizeof(beginning) - 1);
    memset(text + sizeof(beginning) - 1, '[', sizeof(text) - sizeof(beginning));
    text[sizeof(text) - 1] = '\0';
    put_text(foe, text);
}

static void speak_attachments(struct foe *foe)
{
    char bytes[4000] = {0};
    if (!has_joined(foe))
        return;
    put_text(foe, "4510-[\"x\",{\"_placeholder\":true,\"num\":0}]");
    for (int i = 0; i < 9; i++)
        put_frame(foe, 0x82, bytes, sizeof(bytes));
}

static void speak_nothing(struct foe *foe)
{
    (void)has_joined(foe);
}

const struct hostile_kind hostile_kinds[] = {
    {.name = "noise", .speak = speak_noise, .pause_ms = 20},
    {.name = "noise-behind-get", .speak = speak_noise_behind_get, .pause_ms = 20},
    {.name = "slow-head", .speak = speak_slow_head, .pause_ms = 200},
    {.name = "half-request", .speak = speak_half_request, .pause_ms = 1000},
    {.name = "endless-head", .speak = speak_endless_head},
    {.name = "huge-body", .speak = speak_huge_body},
    {.name = "huge-chunk", .speak = speak_huge_chunk},
    {.name = "slow-body", .speak = speak_slow_body, .pause_ms = 200},
    {.name = "handshakes", .speak = speak_handshakes},
    {.name = "files-unread", .speak = speak_files, .deaf = true},
    {.name = "huge-frame", .speak = speak_huge_frame},
    {.name = "broken-frames", .speak = speak_broken_frames, .pause_ms = 20},
    {.name = "slow-message", .speak = speak_slow_message, .pause_ms = 200},
    {.name = "fragments", .speak = speak_fragments},
    {.name = "pings", .speak = speak_pings},
    {.name = "pings-unread", .speak = speak_pings, .deaf = true},
    {.name = "events", .speak = speak_events},
    {.name = "answers-unread", .speak = speak_asked_events, .deaf = true},
    {.name = "words", .speak = speak_words},
    {.name = "words-unasked", .speak = speak_words_unasked},
    {.name = "namespaces", .speak = speak_namespaces},
    {.name = "rooms", .speak = speak_rooms},
    {.name = "nesting", .speak = speak_nesting},
    {.name = "attachments", .speak = speak_attachments},
    {.name = "never-reading", .speak = speak_nothing, .pause_ms = 1000, .deaf = true},
    {.name = "come-and-go", .speak = speak_nothing, .pause_ms = 1000, .leaves_ms = 50},
};
const size_t hostile_kind_count = sizeof(hostile_kinds) / sizeof(hostile_kinds[0]);
