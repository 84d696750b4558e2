/* The gateway's table, made from options.def. */
#include "common/options.h"
#include "common/options_check.h"

static const struct option_spec specs[] = {
#define OPTION(field, type, min, max, def, choices, check, group, text)                     \
    {#field, OPTION_##type, offsetof(struct options, field), min, max, def, choices, check, \
     group,  text},
#include "common/options.def"
#undef OPTION
};

static const char *check_all(const void *values)
{
    const struct options *opt = values;

    if (opt->redis_password[0] != '\0' && opt->redis[0] == '\0')
        return "--redis-password is of no use without --redis";
    if (opt->drain_delay_ms >= opt->drain_timeout_ms && opt->drain_timeout_ms != 0)
        return "--drain-delay-ms is not below --drain-timeout-ms";
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
