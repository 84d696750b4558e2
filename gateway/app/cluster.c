#include "gateway/app/cluster.h"

#include "common/err.h"
#include "gateway/app/gateway.h"

int cluster_start(struct gateway *gateway)
{
    (void)gateway;
    return CONFAB_EUNAVAILABLE;
}
