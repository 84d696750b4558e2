#include "gateway/net/origin.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/origin.h"

/* The place behind "scheme://", or NULL. */
static const char *authority_of(const char *origin)
{
    size_t length =
        strspn(origin, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

    if (length == 0 || strncmp(origin + length, "://", 3) != 0)
        return NULL;
    return origin + length + 3;
}

bool origin_rules_init(struct origin_rules *rules, const char *const *origins, size_t count)
{
    memset(rules, 0, sizeof(*rules));
    rules->patterns = count > 0 ? xcalloc(count, sizeof(rules->patterns[0])) : NULL;
    rules->texts = count > 0 ? xcalloc(count, sizeof(rules->texts[0])) : NULL;
    for (size_t i = 0; i < count; i++) {
        char *text;

        if (strcmp(origins[i], "*") == 0) {
            rules->any = true;
            continue;
        }
        text = xstrdup(origins[i]);
        for (char *c = text; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
        rules->texts[rules->count] = text;
        if (!origin_parse_pattern(text, &rules->patterns[rules->count++])) {
            origin_rules_fini(rules);
            return false;
        }
    }
    return true;
}

void origin_rules_fini(struct origin_rules *rules)
{
    for (size_t i = 0; i < rules->count; i++)
        free(rules->texts[i]);
    free(rules->texts);
    free(rules->patterns);
    memset(rules, 0, sizeof(*rules));
}

bool origin_listed(const struct origin_rules *rules, const char *origin)
{
    struct origin parsed;

    if (rules->any)
        return true;
    if (rules->count == 0 || !origin_parse(origin, &parsed))
        return false;
    for (size_t i = 0; i < rules->count; i++) {
        if (origin_matches(&rules->patterns[i], &parsed))
            return true;
    }
    return false;
}

const char *origin_only(const struct origin_rules *rules, size_t *length_bytes)
{
    const struct origin *only = rules->patterns;

    if (rules->any || rules->count != 1 || only->any_subdomain || only->any_port)
        return NULL;
    *length_bytes = only->plain_bytes;
    return rules->texts[0];
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
