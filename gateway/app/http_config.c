/* What browsers and proxies may expect of the gateway's HTTP: from the options to the network. */
#include "gateway/app/gateway.h"
#include "gateway/net/net.h"

static struct net_names names_of(const struct option_list *list)
{
    return (struct net_names){.items = (const char *const *)list->items, .count = list->count};
}

void gateway_configure_http(const struct options *o, struct net_config *config)
{
    config->cors = (struct net_cors_config){.origins = names_of(&o->cors_origins),
                                            .methods = names_of(&o->cors_methods),
                                            .allowed_headers = names_of(&o->cors_allowed_headers),
                                            .exposed_headers = names_of(&o->cors_exposed_headers),
                                            .credentials = o->cors_credentials,
                                            .max_age_s = o->cors_max_age};
    config->max_header_bytes = (size_t)o->max_header_bytes;
    if (o->http_compression)
        config->compression.from_bytes = (size_t)o->http_compression_threshold;
}
