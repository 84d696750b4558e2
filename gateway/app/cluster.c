#include "gateway/app/cluster.h"

#include <stdio.h>
#include <string.h>

#include "broker/redis.h"
#include "gateway/app/gateway.h"
#include "gateway/socketio/wiring.h"
#include <confab/err.h>

static void on_tag_refused(void *user, const char *tag, const char *holder)
{
    struct gateway *gateway = user;
    fprintf(stderr, "%s: the node tag %s is held by another live process (%s)\n",
            gateway->app->name, tag, holder);
    gateway_fail(gateway, GATEWAY_EXIT_UNAVAILABLE);
}

int cluster_start(struct gateway *gateway)
{
    const struct options *o = &gateway->options;
    struct redis_address redis;
    if (redis_address_parse(o->redis, &redis) != CONFAB_OK) {
        fprintf(stderr, "%s: --redis is not redis://[user:password@]host[:port][/db]\n",
                gateway->app->name);
        return CONFAB_EINVAL;
    }
    if (o->redis_password[0] != '\0')
        snprintf(redis.password, sizeof(redis.password), "%s", o->redis_password);
    struct broker_redis_config config = {
        .base = gateway->base,
        .log = &gateway->log,
        .redis = &redis,
        .prefix = o->redis_prefix,
        .node_tag = o->node_tag,
        .rooms =
            o->redis_rooms == REDIS_ROOMS_ALL ? BROKER_REDIS_ROOMS_ALL : BROKER_REDIS_ROOMS_EXACT,
        .responses = o->redis_response_channel == REDIS_RESPONSE_SPECIFIC
                         ? BROKER_REDIS_RESPONSES_SPECIFIC
                         : BROKER_REDIS_RESPONSES_SHARED,
        .tag_refused = on_tag_refused,
        .tag_refused_user = gateway,
    };
    gateway->broker = broker_redis_new(&config, server_broker_events(), gateway->server);
    explicit_bzero(&redis, sizeof(redis));
    return gateway->broker != NULL ? CONFAB_OK : CONFAB_EINTERNAL;
}
