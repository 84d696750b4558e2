/* A client over HTTP long-polling: one kept connection for the GETs, one for the POSTs. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bench/load/load.h"

#define RECORD_SEPARATOR 0x1e

struct http_answer {
    int status;
    const char *body;
    size_t body_bytes;
    size_t whole_bytes;
    bool keeps; /* the connection stays open */
};

static const char *find_header(const char *head, size_t length, const char *name)
{
    size_t name_bytes = strlen(name);
    for (const char *line = head;
         (line = memmem(line, length - (size_t)(line - head), "\r\n", 2));) {
        line += 2;
        if ((size_t)(head + length - line) <= name_bytes)
            return NULL;
        if (strncasecmp(line, name, name_bytes) == 0)
            return line + name_bytes;
    }
    return NULL;
}

/* 1: *answer is whole; 0: not yet; -1: not what this client reads. */
static int parse_answer(const struct buf *in, struct http_answer *answer)
{
    const char *bytes = (const char *)in->data;
    const char *end = in->len > 0 ? memmem(bytes, in->len, "\r\n\r\n", 4) : NULL;
    if (end == NULL)
        return 0;
    size_t head = (size_t)(end + 4 - bytes);
    if (in->len < 12 || memcmp(bytes, "HTTP/1.", 7) != 0)
        return -1;
    answer->status = atoi(bytes + 9);
    const char *length = find_header(bytes, head, "content-length:");
    if (length == NULL)
        return -1;
    answer->body = end + 4;
    answer->body_bytes = strtoul(length, NULL, 10);
    answer->whole_bytes = head + answer->body_bytes;
    const char *connection = find_header(bytes, head, "connection:");
    answer->keeps =
        connection == NULL || strncasecmp(connection + strspn(connection, " "), "close", 5) != 0;
    return in->len >= answer->whole_bytes ? 1 : 0;
}

static void on_get(int fd, short what, void *user);
static void on_post(int fd, short what, void *user);

static bool ensure_open(struct http_stream *stream, struct client *client,
                        void (*on_read)(int fd, short what, void *client))
{
    return stream->fd >= 0 || stream_connect(stream, client, on_read);
}

static void send_get(struct client *client)
{
    if (!ensure_open(&client->get, client, on_get)) {
        client_fail(client, "cannot connect");
        return;
    }
    client->get.busy = true;
    buf_printf(&client->get.out, "GET %s?EIO=4&transport=polling%s%s HTTP/1.1\r\nHost: %s\r\n\r\n",
               client->load->options.path, client->sid != NULL ? "&sid=" : "",
               client->sid != NULL ? client->sid : "", client->target->host);
    stream_flush(&client->get);
}

static void send_post(struct client *client)
{
    if (client->post.busy || client->posts.len == 0)
        return;
    if (!ensure_open(&client->post, client, on_post)) {
        client_fail(client, "cannot connect");
        return;
    }
    client->post.busy = true;
    buf_printf(&client->post.out,
               "POST %s?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: %s\r\n"
               "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n\r\n",
               client->load->options.path, client->sid, client->target->host, client->posts.len);
    buf_append(&client->post.out, client->posts.data, client->posts.len);
    buf_reset(&client->posts);
    stream_flush(&client->post);
}

void polling_send(struct client *client, const char *packet, size_t length)
{
    if (client->posts.len > 0)
        buf_put_u8(&client->posts, RECORD_SEPARATOR);
    buf_append(&client->posts, packet, length);
    send_post(client);
}

static void take_payload(struct client *client, char *body, size_t length)
{
    /* The sid is needed for every later request, so the open packet is read here already. */
    if (client->sid == NULL) {
        const char *sid = memmem(body, length, "\"sid\":\"", 7);
        const char *end =
            sid != NULL ? memchr(sid + 7, '"', length - (size_t)(sid + 7 - body)) : NULL;
        if (end == NULL) {
            client_fail(client, "the open packet has no sid");
            return;
        }
        client->sid = strndup(sid + 7, (size_t)(end - sid - 7));
    }
    size_t at = 0;
    while (at < length && client->state != CLIENT_ENDED) {
        const char *separator = memchr(body + at, RECORD_SEPARATOR, length - at);
        size_t end = separator != NULL ? (size_t)(separator - body) : length;
        client_packet(client, body + at, end - at);
        at = end + 1;
    }
}

/* One answer off a stream; the body is the caller's to free. NULL: none yet, or the client has
 * failed. */
static char *take(struct client *client, struct http_stream *stream, size_t *length)
{
    if (!stream_fill(stream, client)) {
        client_fail(client, "the connection ended");
        return NULL;
    }
    struct http_answer answer;
    int whole = parse_answer(&stream->in, &answer);
    if (whole == 0)
        return NULL;
    if (whole < 0 || answer.status != 200) {
        client_fail(client, whole < 0 ? "the answer is not understood" : "a request was refused");
        return NULL;
    }
    char *body = malloc(answer.body_bytes + 1);
    if (body == NULL)
        abort();
    memcpy(body, answer.body, answer.body_bytes);
    body[answer.body_bytes] = '\0';
    *length = answer.body_bytes;
    bool keeps = answer.keeps;
    buf_consume(&stream->in, answer.whole_bytes);
    stream->busy = false;
    if (!keeps)
        stream_close(stream);
    return body;
}

static void on_get(int fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct client *client = user;
    size_t length;
    char *body = take(client, &client->get, &length);
    if (body == NULL)
        return;
    take_payload(client, body, length);
    free(body);
    if (client->state != CLIENT_ENDED)
        send_get(client);
}

static void on_post(int fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct client *client = user;
    /* A server may close a connection that idles between two POSTs. */
    if (!client->post.busy) {
        stream_close(&client->post);
        return;
    }
    size_t length;
    char *body = take(client, &client->post, &length);
    if (body == NULL)
        return;
    free(body);
    send_post(client);
}

void polling_open(struct client *client)
{
    buf_init(&client->posts, LOAD_PACKET_MAX_BYTES);
    send_get(client);
}
