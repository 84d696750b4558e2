#include "common/origin.h"

#include <string.h>
#include <strings.h>

#define SCHEME_MAX_BYTES 32
#define HOST_MAX_BYTES 253
#define LABEL_MAX_BYTES 63
#define PORT_MAX_DIGITS 5

#define DIGITS "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* Labels with single dots between them. */
static bool is_name(const char *text, size_t length)
{
    size_t at = 0;

    if (length == 0 || length > HOST_MAX_BYTES)
        return false;
    for (;;) {
        size_t label = strspn(text + at, LETTERS DIGITS "-_");

        if (label == 0 || label > LABEL_MAX_BYTES)
            return false;
        at += label;
        if (at >= length)
            return at == length;
        if (text[at++] != '.')
            return false;
    }
}

/* [ADDRESS], as far as it needs to be known: nothing else could be meant by it. */
static bool is_bracketed(const char *text, size_t length)
{
    return length > 3 && length <= HOST_MAX_BYTES && text[0] == '[' && text[length - 1] == ']' &&
           strspn(text + 1, DIGITS "abcdefABCDEF:.") == length - 2;
}

static unsigned port_of_scheme(const struct origin *origin)
{
    static const struct {
        const char *scheme;
        unsigned port;
    } known[] = {{"http", 80}, {"https", 443}, {"ws", 80}, {"wss", 443}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strlen(known[i].scheme) == origin->scheme_bytes &&
            strncasecmp(known[i].scheme, origin->scheme, origin->scheme_bytes) == 0)
            return known[i].port;
    }
    return 0;
}

/* What stands behind the host: nothing, or a colon and a port. */
static bool parse_port(const char *text, bool patterns, struct origin *out)
{
    unsigned own = port_of_scheme(out);
    unsigned port = 0;
    size_t digits;

    out->port = own;
    if (*text == '\0')
        return true;
    if (*text != ':')
        return false;
    if (patterns && strcmp(text, ":*") == 0) {
        out->any_port = true;
        out->plain_bytes += 2;
        return true;
    }
    digits = strspn(text + 1, DIGITS);
    if (digits == 0 || digits > PORT_MAX_DIGITS || text[1 + digits] != '\0')
        return false;
    for (size_t i = 1; i <= digits; i++)
        port = port * 10 + (unsigned)(text[i] - '0');
    out->port = port;
    if (port != own)
        out->plain_bytes += 1 + digits;
    return port > 0 && port <= 65535;
}

static bool parse(const char *text, bool patterns, struct origin *out)
{
    size_t scheme = strspn(text, LETTERS DIGITS "+-.");
    const char *host = text + scheme + 3;
    size_t length;

    memset(out, 0, sizeof(*out));
    if (scheme == 0 || scheme > SCHEME_MAX_BYTES || strncmp(text + scheme, "://", 3) != 0 ||
        strlen(text) > ORIGIN_MAX_BYTES)
        return false;
    out->scheme = text;
    out->scheme_bytes = scheme;
    length = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    if (host[0] == '[' && strchr(host, ']') == NULL)
        return false;
    out->plain_bytes = scheme + 3 + length;
    if (!parse_port(host + length, patterns, out))
        return false;
    if (patterns && length > 2 && strncmp(host, "*.", 2) == 0) {
        out->any_subdomain = true;
        out->host = host + 1;
        out->host_bytes = length - 1;
        return is_name(host + 2, length - 2);
    }
    out->host = host;
    out->host_bytes = length;
    return is_name(host, length) || is_bracketed(host, length);
}

bool origin_parse(const char *text, struct origin *out)
{
    return parse(text, false, out);
}

bool origin_parse_pattern(const char *text, struct origin *out)
{
    return parse(text, true, out);
}

bool origin_matches(const struct origin *pattern, const struct origin *origin)
{
    size_t skipped;

    if (pattern->scheme_bytes != origin->scheme_bytes ||
        strncasecmp(pattern->scheme, origin->scheme, origin->scheme_bytes) != 0)
        return false;
    if (!pattern->any_port && pattern->port != origin->port)
        return false;
    if (origin->host_bytes < pattern->host_bytes)
        return false;
    skipped = origin->host_bytes - pattern->host_bytes;
    if (pattern->any_subdomain ? skipped == 0 : skipped != 0)
        return false;
    return strncasecmp(pattern->host, origin->host + skipped, pattern->host_bytes) == 0;
}
