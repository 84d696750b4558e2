/* The gateway's table, made from options.def. */
#include <string.h>

#include "common/options.h"
#include "common/options_check.h"

static const struct option_spec specs[] = {
#define OPTION(field, type, min, max, def, choices, check, group, text)                     \
    {#field, OPTION_##type, offsetof(struct options, field), min, max, def, choices, check, \
     group,  text},
#include "common/options.def"
#undef OPTION
};

static bool has_item(const struct option_list *list, const char *item)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], item) == 0)
            return true;
    }
    return false;
}

/* What the head of a WebSocket handshake's answer has room for, with all else that is in it. */
#define EXPOSED_HEADERS_MAX_BYTES 1500

static size_t joined_bytes(const struct option_list *list)
{
    size_t bytes = 0;

    for (size_t i = 0; i < list->count; i++)
        bytes += strlen(list->items[i]) + 1;
    return bytes;
}

static const char *check_all(const void *values)
{
    const struct options *opt = values;

    if (opt->redis_password[0] != '\0' && opt->redis[0] == '\0')
        return "--redis-password is of no use without --redis";
    if (opt->cors_credentials && opt->cors_origins.count == 0)
        return "--cors-credentials is of no use without --cors-origins";
    if (opt->cors_credentials && has_item(&opt->cors_origins, "*"))
        return "--cors-credentials together with --cors-origins * would let every page act as its "
               "visitor: name the origins";
    if (joined_bytes(&opt->cors_exposed_headers) > EXPOSED_HEADERS_MAX_BYTES)
        return "--cors-exposed-headers are more than 1500 bytes together";
    if (opt->cookie_same_site == SAME_SITE_NONE && !opt->cookie_secure)
        return "--cookie-same-site none without --cookie-secure: browsers drop such a cookie";
    if (opt->drain_delay_ms >= opt->drain_timeout_ms && opt->drain_timeout_ms != 0)
        return "--drain-delay-ms is not below --drain-timeout-ms";
    if (opt->recovery_ms != 0 && opt->redis[0] != '\0')
        return "--recovery-ms cannot go together with --redis: what was missed is kept in this "
               "process, and a client may come back to another";
    return NULL;
}

struct option_set options_gateway(const char *program)
{
    return (struct option_set){
        .program = program,
        .summary = "A Socket.IO gateway with a chat, alone or as a node of a cluster.",
        .env_prefix = "CONFAB_",
        .specs = specs,
        .spec_count = sizeof(specs) / sizeof(specs[0]),
        .values_size = sizeof(struct options),
        .check_all = check_all,
    };
}
