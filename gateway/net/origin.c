#include "gateway/net/origin.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/mem.h"

/* The place behind "scheme://", or NULL. */
static const char *authority_of(const char *origin)
{
    size_t length =
        strspn(origin, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

    if (length == 0 || strncmp(origin + length, "://", 3) != 0)
        return NULL;
    return origin + length + 3;
}

static bool is_origin(const char *text)
{
    const char *authority = authority_of(text);

    return authority != NULL && *authority != '\0' && strpbrk(authority, "/?#@ ,\t") == NULL;
}

bool origin_rules_init(struct origin_rules *rules, const char *const *origins, size_t count)
{
    memset(rules, 0, sizeof(*rules));
    rules->origins = count > 0 ? xcalloc(count, sizeof(rules->origins[0])) : NULL;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(origins[i], "*") == 0) {
            rules->any = true;
            continue;
        }
        if (!is_origin(origins[i])) {
            origin_rules_fini(rules);
            return false;
        }
        rules->origins[rules->count] = xstrdup(origins[i]);
        for (char *c = rules->origins[rules->count]; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
        rules->count++;
    }
    return true;
}

void origin_rules_fini(struct origin_rules *rules)
{
    for (size_t i = 0; i < rules->count; i++)
        free(rules->origins[i]);
    free(rules->origins);
    memset(rules, 0, sizeof(*rules));
}

bool origin_listed(const struct origin_rules *rules, const char *origin)
{
    if (rules->any)
        return true;
    for (size_t i = 0; i < rules->count; i++) {
        if (strcasecmp(rules->origins[i], origin) == 0)
            return true;
    }
    return false;
}

/* Length of host[:port] without a port that is the scheme's own. */
static size_t without_port(const char *authority, const char *port)
{
    size_t length = strlen(authority);
    size_t port_length = strlen(port);

    if (length > port_length && strcmp(authority + length - port_length, port) == 0)
        length -= port_length;
    return length;
}

bool origin_is_own(const char *origin, const char *host)
{
    const char *authority = authority_of(origin);
    const char *port;
    size_t own_length;
    size_t length;

    if (authority == NULL || host == NULL)
        return false;
    port = strncasecmp(origin, "https:", 6) == 0 ? ":443" : ":80";
    length = without_port(authority, port);
    own_length = without_port(host, port);
    return length == own_length && length > 0 && strncasecmp(authority, host, length) == 0;
}

bool origin_admits_websocket(const struct origin_rules *rules, const char *origin, const char *host)
{
    return origin == NULL || origin_is_own(origin, host) || origin_listed(rules, origin);
}

void origin_add_headers(const struct origin_rules *rules, const char *origin, struct buf *out)
{
    const char *allowed = NULL;

    if (rules->any) {
        buf_puts(out, "Access-Control-Allow-Origin: *\r\n");
        return;
    }
    if (rules->count == 0)
        return;
    if (rules->count == 1)
        allowed = rules->origins[0];
    else if (origin != NULL && origin_listed(rules, origin))
        allowed = origin;
    if (allowed != NULL)
        buf_printf(out, "Access-Control-Allow-Origin: %s\r\n", allowed);
    buf_puts(out, "Vary: Origin\r\n");
}

void origin_add_preflight(const struct origin_rules *rules, const char *requested, struct buf *out)
{
    if (rules->count == 0 && !rules->any)
        return;
    buf_puts(out, "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE\r\n"
                  "Vary: Access-Control-Request-Headers\r\n");
    if (requested != NULL && *requested != '\0')
        buf_printf(out, "Access-Control-Allow-Headers: %s\r\n", requested);
}
