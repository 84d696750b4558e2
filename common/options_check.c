/* The checks of options_check.h. */
#define _POSIX_C_SOURCE 200809L

#include "common/options_check.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "common/options.h"
#include "common/origin.h"
#include "common/redis_address.h"
#include <confab/err.h>

static const char alnum[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* A whole number without sign or leading blanks, in [min, max]. */
static bool is_number(const char *text, int64_t min, int64_t max)
{
    int64_t value;

    return option_parse_int(text, &value) == CONFAB_OK && text[0] != '-' && value >= min &&
           value <= max;
}

/* All of len bytes from the letters, the digits and the given others. */
static bool consists_of(const char *text, size_t len, const char *others)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\0' || (strchr(alnum, text[i]) == NULL && strchr(others, text[i]) == NULL))
            return false;
    }
    return true;
}

static bool is_ipv6(const char *text, size_t len)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr addr;

    if (len >= sizeof(copy))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return inet_pton(AF_INET6, copy, &addr) == 1;
}

/* HOST or [V6] at text; returns what follows, NULL when there is no such thing. */
static const char *skip_host(const char *text, const char *others)
{
    size_t len;

    if (text[0] == '[') {
        const char *end = strchr(text, ']');

        return end != NULL && is_ipv6(text + 1, (size_t)(end - text - 1)) ? end + 1 : NULL;
    }
    len = strcspn(text, ":/");
    return len != 0 && len <= 255 && consists_of(text, len, others) ? text + len : NULL;
}

const char *option_check_address(const char *text)
{
    const char *rest = strcmp(text, "") == 0 ? NULL : skip_host(text, ".-_*");

    if (rest == NULL || *rest != ':' || !is_number(rest + 1, 0, 65535))
        return "is not ADDR:PORT";
    return NULL;
}

/* Is there a bit set behind the first `prefix` ones? Then another network is meant, or another
 * prefix. */
static bool has_host_bits(const struct in6_addr *addr, int64_t prefix, int bits)
{
    for (int64_t i = prefix; i < bits; i++) {
        if ((addr->s6_addr[i / 8] & (0x80 >> (i % 8))) != 0)
            return true;
    }
    return false;
}

const char *option_check_cidr(const char *text)
{
    size_t len = strcspn(text, "/");
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr addr;
    int64_t prefix;
    int bits = 0;

    if (len < sizeof(copy)) {
        memcpy(copy, text, len);
        copy[len] = '\0';
        if (inet_pton(AF_INET, copy, &addr) == 1)
            bits = 32;
        else if (inet_pton(AF_INET6, copy, &addr) == 1)
            bits = 128;
    }
    if (bits == 0 || (text[len] == '/' && !is_number(text + len + 1, 0, bits)))
        return "is not a network like 10.0.0.0/8";
    if (text[len] == '/' && option_parse_int(text + len + 1, &prefix) == CONFAB_OK &&
        has_host_bits(&addr, prefix, bits))
        return "is a host with a network's prefix";
    return NULL;
}

const char *option_check_path(const char *text)
{
    size_t len = strlen(text);

    if (len < 2 || text[0] != '/' || text[len - 1] != '/' || !consists_of(text, len, "/._~-") ||
        strstr(text, "//") != NULL)
        return "is not a path like /socket.io/, with '/' at both ends";
    return NULL;
}

const char *option_check_origin(const char *text)
{
    struct origin pattern;

    if (strcmp(text, "*") == 0 || origin_parse_pattern(text, &pattern))
        return NULL;
    return "is not an origin like https://example.org, https://*.example.org or http://localhost:*";
}

/* RFC 9110, 5.6.2: names of methods, headers, cookies. */
const char *option_check_token(const char *text)
{
    size_t len = strlen(text);

    if (len != 0 && len <= 64 && consists_of(text, len, "!#$%&'*+-.^_`|~"))
        return NULL;
    return "is not a name of letters, digits and -_.!#$%&'*+^`|~";
}

const char *option_check_cookie_name(const char *text)
{
    return text[0] == '\0' ? NULL : option_check_token(text);
}

/* RFC 6265, 4.1.1: no ';', which would begin another attribute. */
const char *option_check_cookie_path(const char *text)
{
    if (text[0] == '\0' ||
        (text[0] == '/' && consists_of(text, strlen(text), "/._~-!$&'()*+,=:@%")))
        return NULL;
    return "is not a path like / or /chat";
}

/* A leading dot is ignored by browsers (RFC 6265, 4.1.2.3). */
const char *option_check_cookie_domain(const char *text)
{
    size_t at = text[0] == '.' ? 1 : 0;

    if (text[0] == '\0' || (text[at] != '\0' && text[at] != '.' && text[at] != '-' &&
                            consists_of(text, strlen(text), ".-") && strstr(text, "..") == NULL))
        return NULL;
    return "is not a domain like example.org";
}

const char *option_check_transport(const char *text)
{
    if (strcmp(text, "polling") == 0 || strcmp(text, "websocket") == 0)
        return NULL;
    return "is neither polling nor websocket";
}

const char *option_check_redis_url(const char *text)
{
    struct redis_address address;

    if (text[0] == '\0' || redis_address_parse(text, &address) == CONFAB_OK)
        return NULL;
    return "is not redis://[user:password@]host[:port][/db]";
}

const char *option_check_prefix(const char *text)
{
    if (!consists_of(text, strlen(text), "._-:/@+~"))
        return "holds something else than letters, digits and . _ - : / @ + ~";
    return NULL;
}

const char *option_check_node_tag(const char *text)
{
    size_t len = strlen(text);

    if (len == 0)
        return NULL;
    if (len < 3 || len > 8 || strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz") != len)
        return "is not 3 to 8 of a-z and 0-9";
    return NULL;
}

const char *option_check_namespace(const char *text)
{
    if (text[0] != '/' || strpbrk(text, ",?# ") != NULL)
        return "is not a namespace like /chat, without ',', '?', '#' and blanks";
    return NULL;
}
