/* Where Redis is, from a URL. */
#define _GNU_SOURCE
#include "common/redis_address.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include <confab/err.h>

#define DEFAULT_PORT 6379

/* Copies with %XX undone; false when it does not fit, holds a NUL or is malformed. */
static bool unescape(char *out, size_t out_bytes, const char *text, size_t length)
{
    size_t n = 0;

    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (c == '%') {
            int high = i + 2 < length ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < length ? hex_value(text[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0' || n + 1 >= out_bytes)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

static bool number(const char *text, size_t length, unsigned long max, unsigned long *out)
{
    *out = 0;
    if (length == 0 || length > 9)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = *out * 10 + (unsigned long)(text[i] - '0');
    }
    return *out <= max;
}

static bool take_user(struct redis_address *out, const char *text, size_t length)
{
    const char *colon = memchr(text, ':', length);
    size_t name = colon != NULL ? (size_t)(colon - text) : length;

    if (!unescape(out->username, sizeof(out->username), text, name))
        return false;
    return colon == NULL ||
           unescape(out->password, sizeof(out->password), colon + 1, length - name - 1);
}

/* A name, or an address of either version: nothing that could be mistaken for another part. */
static bool names_host(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              strchr(".-_:%", c) != NULL) ||
            c == '\0')
            return false;
    }
    return true;
}

static bool take_host(struct redis_address *out, const char *text, size_t length)
{
    const char *end = text + length;
    const char *colon;
    unsigned long port = DEFAULT_PORT;
    size_t host = length;

    if (length > 0 && text[0] == '[') {
        const char *bracket = memchr(text, ']', length);

        if (bracket == NULL)
            return false;
        text++;
        host = (size_t)(bracket - text);
        colon = bracket + 1 < end ? bracket + 1 : NULL;
        if (colon != NULL && *colon != ':')
            return false;
    } else {
        colon = memchr(text, ':', length);
        if (colon != NULL)
            host = (size_t)(colon - text);
    }
    if (colon != NULL && (!number(colon + 1, (size_t)(end - colon - 1), 65535, &port) || port == 0))
        return false;
    out->port = (uint16_t)port;
    return host > 0 && names_host(text, host) && unescape(out->host, sizeof(out->host), text, host);
}

static bool take_db(struct redis_address *out, const char *text)
{
    unsigned long db = 0;

    if (*text != '\0' && !number(text, strlen(text), 65535, &db))
        return false;
    out->db = (unsigned)db;
    return true;
}

/* The user's part ends at the last @: passwords are pasted as they are, with whatever is in them.
 */
static bool parse_tcp(struct redis_address *out, const char *rest)
{
    const char *at = strrchr(rest, '@');
    const char *host = at != NULL ? at + 1 : rest;
    size_t length = strcspn(host, "/?#");
    const char *path = host + length;

    if (strpbrk(path, "?#") != NULL || (*path == '/' && strchr(path + 1, '/') != NULL))
        return false;
    return (at == NULL || take_user(out, rest, (size_t)(at - rest))) &&
           take_host(out, host, length) && take_db(out, *path == '/' ? path + 1 : path);
}

static bool parse_unix(struct redis_address *out, const char *rest)
{
    static const char db[] = "?db=";
    size_t length = strcspn(rest, "?");
    const char *query = rest + length;

    if (rest[0] != '/' || !unescape(out->host, sizeof(out->host), rest, length))
        return false;
    return *query == '\0' ||
           (strncmp(query, db, sizeof(db) - 1) == 0 && take_db(out, query + sizeof(db) - 1));
}

int redis_address_parse(const char *url, struct redis_address *out)
{
    static const char tcp[] = "redis://", unix_socket[] = "unix://";
    bool good = false;

    *out = (struct redis_address){0};
    if (strncmp(url, tcp, sizeof(tcp) - 1) == 0)
        good = parse_tcp(out, url + sizeof(tcp) - 1);
    else if (strncmp(url, unix_socket, sizeof(unix_socket) - 1) == 0)
        good = parse_unix(out, url + sizeof(unix_socket) - 1);
    return good ? CONFAB_OK : CONFAB_EPARSE;
}
