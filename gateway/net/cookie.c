#include "gateway/net/cookie.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "gateway/net/http_head.h"
#include "gateway/net/net.h"

#define TEXT_MAX_BYTES 1024

/* RFC 6265's path-value and what a domain is made of: anything but controls, blanks and ';'. */
static bool is_value(const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c <= ' ' || c >= 0x7f || c == ';')
            return false;
    }
    return true;
}

/* Nothing for an absent or empty value. */
static bool add_value(struct buf *out, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return true;
    buf_puts(out, name);
    buf_puts(out, value);
    return is_value(value);
}

static bool add_attributes(struct buf *out, const struct net_cookie_config *config)
{
    static const char *const same_site[] = {
        [NET_SAME_SITE_LAX] = "Lax",
        [NET_SAME_SITE_STRICT] = "Strict",
        [NET_SAME_SITE_NONE] = "None",
    };
    bool fine = true;

    if (config->max_age_s > 0)
        buf_printf(out, "; Max-Age=%lld", (long long)config->max_age_s);
    fine = add_value(out, "; Domain=", config->domain) && fine;
    fine = add_value(out, "; Path=", config->path) && fine;
    if (!config->for_scripts)
        buf_puts(out, "; HttpOnly");
    if (config->secure)
        buf_puts(out, "; Secure");
    buf_printf(out, "; SameSite=%s\r\n", same_site[config->same_site]);
    return fine && buf_error(out) == 0;
}

bool cookie_init(struct cookie *cookie, const struct net_cookie_config *config)
{
    struct buf text;
    bool fine;

    memset(cookie, 0, sizeof(*cookie));
    if (config->name == NULL || config->name[0] == '\0')
        return true;
    buf_init(&text, TEXT_MAX_BYTES);
    buf_printf(&text, "Set-Cookie: %s=", config->name);
    fine = http_is_token(config->name, strlen(config->name)) && buf_error(&text) == 0;
    cookie->before = xstrdup(buf_text(&text));
    buf_reset(&text);
    fine = add_attributes(&text, config) && fine;
    cookie->behind = xstrdup(buf_text(&text));
    buf_fini(&text);
    return fine;
}

void cookie_fini(struct cookie *cookie)
{
    free(cookie->before);
    free(cookie->behind);
    memset(cookie, 0, sizeof(*cookie));
}

void cookie_add_line(const struct cookie *cookie, const char *value, struct buf *out)
{
    if (cookie->before == NULL)
        return;
    buf_puts(out, cookie->before);
    buf_puts(out, value);
    buf_puts(out, cookie->behind);
}
