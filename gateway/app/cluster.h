/* A gateway's place in a cluster: from the options to a Redis broker. */
#ifndef CONFAB_APP_CLUSTER_H
#define CONFAB_APP_CLUSTER_H

struct gateway;

/* Makes gateway->broker for the Redis of the options. It connects by itself, again and again.
 * CONFAB_EINVAL for a URL that cannot be used. */
int cluster_start(struct gateway *gateway);

#endif
