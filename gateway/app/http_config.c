/* What browsers and proxies may expect of the gateway's HTTP: from the options to the network. */
#include "gateway/app/gateway.h"
#include "gateway/net/net.h"

static struct net_names names_of(const struct option_list *list)
{
    return (struct net_names){.items = (const char *const *)list->items, .count = list->count};
}

static int same_site_of(int choice)
{
    static const int values[] = {[SAME_SITE_LAX] = NET_SAME_SITE_LAX,
                                 [SAME_SITE_STRICT] = NET_SAME_SITE_STRICT,
                                 [SAME_SITE_NONE] = NET_SAME_SITE_NONE};

    return values[choice];
}

void gateway_configure_http(const struct options *o, struct net_config *config)
{
    config->cors = (struct net_cors_config){.origins = names_of(&o->cors_origins),
                                            .methods = names_of(&o->cors_methods),
                                            .allowed_headers = names_of(&o->cors_allowed_headers),
                                            .exposed_headers = names_of(&o->cors_exposed_headers),
                                            .credentials = o->cors_credentials,
                                            .max_age_s = o->cors_max_age};
    config->cookie = (struct net_cookie_config){.name = o->cookie,
                                                .path = o->cookie_path,
                                                .domain = o->cookie_domain,
                                                .max_age_s = o->cookie_max_age,
                                                .for_scripts = !o->cookie_http_only,
                                                .secure = o->cookie_secure,
                                                .same_site = same_site_of(o->cookie_same_site)};
    config->max_header_bytes = (size_t)o->max_header_bytes;
    if (o->http_compression)
        config->compression.from_bytes = (size_t)o->http_compression_threshold_bytes;
    if (o->ws_compression)
        config->compression.ws_from_bytes = (size_t)o->ws_compression_threshold_bytes;
}
