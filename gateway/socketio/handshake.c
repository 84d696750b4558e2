/* What the first request of a session said, as applications and other nodes see it. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "common/value.h"
#include "gateway/engineio/packet.h"
#include "gateway/socketio/server_internal.h"

#define DATE_BYTES 80

/* The API's handshake is the engine's, under a name that applications may know. */
static const struct eio_handshake *engines(const struct confab_handshake *handshake)
{
    return (const struct eio_handshake *)(const void *)handshake;
}

const struct confab_handshake *confab_socket_handshake(const struct confab_socket *socket)
{
    return (const struct confab_handshake *)(const void *)socket->client->handshake;
}

const char *confab_handshake_header(const struct confab_handshake *handshake,
                                    const char *lower_case_name)
{
    return eio_handshake_header(engines(handshake), lower_case_name);
}

static const char *unless_empty(const char *text)
{
    return text != NULL && *text != '\0' ? text : NULL;
}

const char *confab_handshake_address(const struct confab_handshake *handshake)
{
    return unless_empty(engines(handshake)->address);
}

const char *confab_handshake_url(const struct confab_handshake *handshake)
{
    return unless_empty(engines(handshake)->url);
}

/* ---- the query ---- */

/* The caller frees it. */
static char *decode(const char *text, size_t text_bytes, size_t *length)
{
    char *decoded = xmalloc(text_bytes + 1);
    *length = eio_query_decode(text, text_bytes, decoded, text_bytes);
    decoded[*length] = '\0';
    return decoded;
}

static struct confab_value *decode_value(const struct eio_query_pair *pair)
{
    size_t length;
    char *text = decode(pair->value, pair->value_bytes, &length);
    struct confab_value *value = confab_string_n(text, length);
    free(text);
    return value;
}

static const char *query_of(const struct eio_handshake *handshake)
{
    return handshake->query != NULL ? handshake->query : "";
}

struct confab_value *confab_handshake_query(const struct confab_handshake *handshake,
                                            const char *name)
{
    const char *query = query_of(engines(handshake));
    struct confab_value *found = NULL;
    struct eio_query_pair pair;
    while (eio_query_next(&query, &pair)) {
        size_t length;
        char *key = decode(pair.key, pair.key_bytes, &length);
        if (length == strlen(name) && memcmp(key, name, length) == 0) {
            confab_value_release(found);
            found = decode_value(&pair);
        }
        free(key);
    }
    return found;
}

struct confab_value *sio_query_value(const char *query)
{
    struct confab_value *object = confab_object();
    struct eio_query_pair pair;
    while (eio_query_next(&query, &pair)) {
        size_t length;
        char *key = decode(pair.key, pair.key_bytes, &length);
        confab_set_n(object, key, length, decode_value(&pair));
        free(key);
    }
    return object;
}

/* ---- the whole ---- */

/* What may leave this node: nothing that could be used to act as the client. */
static bool header_is_public(const char *name)
{
    return strcmp(name, "user-agent") == 0 || strcmp(name, "origin") == 0 ||
           strcmp(name, "x-forwarded-for") == 0;
}

/* As Node's: a header that came twice is one, joined by a comma. */
static struct confab_value *headers_value(const struct eio_handshake *handshake, bool public_only)
{
    struct confab_value *object = confab_object();
    for (unsigned i = 0; i < handshake->header_count; i++) {
        const struct eio_header *header = &handshake->headers[i];
        if (public_only && !header_is_public(header->name))
            continue;
        const char *before = confab_as_string(confab_get(object, header->name), NULL);
        struct confab_value *text = before != NULL
                                        ? confab_string_f("%s, %s", before, header->value)
                                        : confab_string(header->value);
        confab_set(object, header->name, text);
    }
    return object;
}

/* JavaScript's Date.toString(), in UTC. */
static struct confab_value *date_text(int64_t wall_ms)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm = {0};
    time_t seconds = (time_t)(wall_ms / 1000);
    gmtime_r(&seconds, &tm);
    return confab_string_f("%s %s %02d %04d %02d:%02d:%02d GMT+0000 (Coordinated Universal Time)",
                           days[tm.tm_wday % 7], months[tm.tm_mon % 12], tm.tm_mday,
                           tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static struct confab_value *text_or_empty(const char *text)
{
    return confab_string(text != NULL ? text : "");
}

struct confab_value *confab_handshake_value(const struct confab_handshake *handshake,
                                            const struct confab_value *auth, bool public_headers)
{
    const struct eio_handshake *from = engines(handshake);
    struct confab_value *object = confab_object();
    confab_set(object, "headers", headers_value(from, public_headers));
    confab_set(object, "time", date_text(from->issued_wall_ms));
    confab_set(object, "address", text_or_empty(from->address));
    confab_set(object, "xdomain", confab_bool(from->xdomain));
    confab_set(object, "secure", confab_bool(from->secure));
    confab_set(object, "issued", confab_int(from->issued_wall_ms));
    confab_set(object, "url", text_or_empty(from->url));
    confab_set(object, "query", sio_query_value(query_of(from)));
    return confab_set(object, "auth", auth != NULL ? confab_value_hold(auth) : confab_object());
}
