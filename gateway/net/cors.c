#include "gateway/net/cors.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/origin.h"
#include "gateway/net/http_head.h"
#include "gateway/net/net.h"
#include "gateway/net/origin.h"

#define FIXED_MAX_BYTES (CORS_LINES_MAX_BYTES - ORIGIN_MAX_BYTES - 64)
#define PREFLIGHT_MAX_BYTES 8192
#define REFLECTED_MAX_BYTES 1024 /* of the header names that a preflight asks for */
#define DEFAULT_METHODS "GET,HEAD,PUT,PATCH,POST,DELETE"

/* "name: a,b\r\n"; nothing for an empty list. False: an item is no token. */
static bool add_list(struct buf *out, const char *name, const struct net_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        if (!http_is_token(names->items[i], strlen(names->items[i])))
            return false;
        buf_puts(out, i == 0 ? name : ",");
        buf_puts(out, names->items[i]);
    }
    if (names->count > 0)
        buf_puts(out, "\r\n");
    return true;
}

/* False: more than the buffer's limit. */
static bool take_text(struct buf *from, char **text)
{
    bool fine = buf_error(from) == 0;

    *text = xstrdup(buf_text(from));
    buf_fini(from);
    return fine;
}

static bool make_lines(struct cors *cors, const struct net_cors_config *config)
{
    struct buf lines;
    bool fine;

    buf_init(&lines, FIXED_MAX_BYTES);
    if (config->credentials)
        buf_puts(&lines, "Access-Control-Allow-Credentials: true\r\n");
    fine = add_list(&lines, "Access-Control-Expose-Headers: ", &config->exposed_headers);
    return take_text(&lines, &cors->lines) && fine;
}

static bool make_preflight_lines(struct cors *cors, const struct net_cors_config *config)
{
    struct buf lines;
    bool fine;

    buf_init(&lines, PREFLIGHT_MAX_BYTES);
    if (config->methods.count == 0)
        buf_puts(&lines, "Access-Control-Allow-Methods: " DEFAULT_METHODS "\r\n");
    fine = add_list(&lines, "Access-Control-Allow-Methods: ", &config->methods) &&
           add_list(&lines, "Access-Control-Allow-Headers: ", &config->allowed_headers);
    cors->reflects_headers = config->allowed_headers.count == 0;
    if (cors->reflects_headers)
        buf_puts(&lines, "Vary: Access-Control-Request-Headers\r\n");
    if (config->max_age_s > 0)
        buf_printf(&lines, "Access-Control-Max-Age: %lld\r\n", (long long)config->max_age_s);
    return take_text(&lines, &cors->preflight_lines) && fine;
}

bool cors_init(struct cors *cors, const struct net_cors_config *config,
               const struct origin_rules *origins)
{
    memset(cors, 0, sizeof(*cors));
    cors->origins = origins;
    return !(config->credentials && origins->any) && make_lines(cors, config) &&
           make_preflight_lines(cors, config);
}

void cors_fini(struct cors *cors)
{
    free(cors->lines);
    free(cors->preflight_lines);
    memset(cors, 0, sizeof(*cors));
}

bool cors_is_on(const struct cors *cors)
{
    return cors->origins->any || cors->origins->count > 0;
}

static void add_origin(const struct origin_rules *rules, const char *origin, struct buf *out)
{
    size_t only_bytes = 0;
    const char *only = origin_only(rules, &only_bytes);

    if (rules->any) {
        buf_puts(out, "Access-Control-Allow-Origin: *\r\n");
        return;
    }
    if (only != NULL)
        buf_printf(out, "Access-Control-Allow-Origin: %.*s\r\n", (int)only_bytes, only);
    else if (origin != NULL && origin_listed(rules, origin))
        buf_printf(out, "Access-Control-Allow-Origin: %s\r\n", origin);
    buf_puts(out, "Vary: Origin\r\n");
}

void cors_add_headers(const struct cors *cors, const char *origin, struct buf *out)
{
    if (!cors_is_on(cors))
        return;
    add_origin(cors->origins, origin, out);
    buf_puts(out, cors->lines);
}

/* A list of header names, as browsers send it. */
static bool is_list_of_tokens(const char *text)
{
    if (strlen(text) > REFLECTED_MAX_BYTES)
        return false;
    for (;;) {
        size_t length = strcspn(text, ", ");

        if (!http_is_token(text, length))
            return false;
        text += length;
        text += strspn(text, " ");
        if (*text == '\0')
            return true;
        if (*text++ != ',')
            return false;
        text += strspn(text, " ");
    }
}

void cors_add_preflight(const struct cors *cors, const char *requested, struct buf *out)
{
    if (!cors_is_on(cors))
        return;
    buf_puts(out, cors->preflight_lines);
    if (cors->reflects_headers && requested != NULL && is_list_of_tokens(requested))
        buf_printf(out, "Access-Control-Allow-Headers: %s\r\n", requested);
}
