/* What the first request said, in one counted allocation: the struct, its headers, all strings. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "gateway/engineio/session.h"

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

static size_t room_for(const char *text)
{
    return strlen(or_empty(text)) + 1;
}

/* Copies a string with its NUL to *at, which moves behind it. */
static const char *place(char **at, const char *text)
{
    size_t length = room_for(text);
    char *copy = *at;

    memcpy(copy, or_empty(text), length);
    *at += length;
    return copy;
}

/* Where in the URL the query stands; NULL when it is another text. Both are most of a request's
 * bytes, so it is kept once. */
static const char *query_inside(const char *url, const char *query)
{
    size_t url_bytes = strlen(or_empty(url));
    size_t query_bytes = strlen(or_empty(query));

    if (query_bytes > url_bytes ||
        strcmp(or_empty(url) + url_bytes - query_bytes, or_empty(query)) != 0)
        return NULL;
    return or_empty(url) + url_bytes - query_bytes;
}

struct eio_handshake *eio_handshake_new(const struct eio_handshake *from)
{
    size_t headers_bytes = from->header_count * sizeof(struct eio_header);
    const char *inside = query_inside(from->url, from->query);
    size_t text_bytes = room_for(from->address) + room_for(from->url);
    struct eio_handshake *copy;
    struct eio_header *headers;
    char *text;
    unsigned i;

    if (inside == NULL)
        text_bytes += room_for(from->query);
    for (i = 0; i < from->header_count; i++)
        text_bytes += room_for(from->headers[i].name) + room_for(from->headers[i].value);
    copy = xmalloc(sizeof(*copy) + headers_bytes + text_bytes);
    headers = (struct eio_header *)(copy + 1);
    text = (char *)(headers + from->header_count);

    *copy = *from;
    copy->references = 1;
    copy->address = place(&text, from->address);
    copy->url = place(&text, from->url);
    copy->query =
        inside != NULL ? copy->url + (inside - or_empty(from->url)) : place(&text, from->query);
    for (i = 0; i < from->header_count; i++) {
        headers[i].name = place(&text, from->headers[i].name);
        headers[i].value = place(&text, from->headers[i].value);
    }
    copy->headers = headers;
    return copy;
}

/* Counting is the one thing that changes in an immutable handshake; every one was made above, never
 * as a const object. */
static struct eio_handshake *writable(const struct eio_handshake *handshake)
{
    return (struct eio_handshake *)(uintptr_t)handshake;
}

struct eio_handshake *eio_handshake_hold(const struct eio_handshake *handshake)
{
    struct eio_handshake *held = writable(handshake);

    held->references++;
    return held;
}

void eio_handshake_release(struct eio_handshake *handshake)
{
    if (handshake == NULL || --handshake->references > 0)
        return;
    if (handshake->on_end != NULL)
        handshake->on_end(handshake->end_user);
    free(handshake);
}

const char *eio_handshake_header(const struct eio_handshake *handshake, const char *name)
{
    unsigned i;

    for (i = 0; i < handshake->header_count; i++) {
        if (strcmp(handshake->headers[i].name, name) == 0)
            return handshake->headers[i].value;
    }
    return NULL;
}
