/*
 * The gateway's own pages for machines: health, readiness, metrics. Everything else that is not
 * Engine.IO and no file is a 404.
 */
#include <string.h>

#include "gateway/app/gateway.h"
#include "gateway/net/net.h"
#include <confab/err.h>

#define METRICS_MAX_BYTES (1u << 20)

static void answer(struct net_request *request, int status, const char *body)
{
    net_respond(request, &(struct net_response){.status = status,
                                                .content_type = "text/plain; charset=utf-8",
                                                .headers = "Cache-Control: no-store\r\n",
                                                .body = body,
                                                .body_bytes = strlen(body)});
}

/* Balancers decide by this one: 404 takes the node out gently, 503 at once. */
static void answer_readiness(struct gateway *gateway, struct net_request *request)
{
    if (gateway->drain != DRAIN_NOT)
        answer(request, 404, "draining\n");
    else if (!gateway->ready)
        answer(request, 503, "starting: waiting for Redis\n");
    else if (broker_state(gateway->broker) == BROKER_DOWN)
        answer(request, 200, "degraded: the link to Redis is down, local traffic only\n");
    else
        answer(request, 200, "ready\n");
}

static void answer_metrics(struct gateway *gateway, struct net_request *request)
{
    bool may = net_request_role(request) == NET_ADMIN ||
               (gateway->options.admin_listen.count == 0 && net_request_from_here(request));
    if (!may) {
        answer(request, 404, "not found\n");
        return;
    }
    struct buf page;
    buf_init(&page, METRICS_MAX_BYTES);
    gateway_collect_metrics(gateway);
    int status = metrics_render(&gateway->metrics, &page);
    net_respond(request, &(struct net_response){.status = status == CONFAB_OK ? 200 : 500,
                                                .content_type = METRICS_CONTENT_TYPE,
                                                .headers = "Cache-Control: no-store\r\n",
                                                .body = page.data,
                                                .body_bytes = page.len});
    buf_fini(&page);
}

void gateway_on_http(void *user, struct net_request *request)
{
    struct gateway *gateway = user;
    const char *path = net_request_path(request);
    enum eio_method method = net_request_method(request);
    if (method != EIO_GET && method != EIO_HEAD)
        return;
    if (strcmp(path, "/healthz") == 0)
        answer(request, 200, "ok\n");
    else if (strcmp(path, "/readyz") == 0)
        answer_readiness(gateway, request);
    else if (strcmp(path, "/metrics") == 0)
        answer_metrics(gateway, request);
}
