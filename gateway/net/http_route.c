/* What a request is for: a file, Engine.IO, or the owner of the network. And who sent it. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/net/internal.h"

/* Fills in the client as the trusted proxies tell it; what others say of themselves is not
 * believed. */
static void find_client(struct net_request *request)
{
    const struct http_head *head = request->head;
    const struct address *peer = &request->conn->http->peer;
    const struct net *net = request->conn->net;
    const char *forwarded[HTTP_HEADERS_MAX];
    const char *protocol;
    size_t count = 0;

    request->client = *peer;
    if (request->conn->http->is_proxied) {
        for (unsigned i = 0; i < head->header_count; i++) {
            if (strcmp(head->headers[i].name, "x-forwarded-for") == 0)
                forwarded[count++] = head->headers[i].value;
        }
        address_client(&request->client, peer, &net->proxies, forwarded, count);
        protocol = http_head_get(head, "x-forwarded-proto");
        request->secure = protocol != NULL && strncasecmp(protocol, "https", 5) == 0 &&
                          (protocol[5] == '\0' || protocol[5] == ',' || protocol[5] == ' ');
    }
    address_format(&request->client, request->address);
}

/* Internet Explorer's guard against XSS took long polling answers for an attack. */
static bool is_old_ie(const char *user_agent)
{
    return user_agent != NULL &&
           (strstr(user_agent, ";MSIE") != NULL || strstr(user_agent, "Trident/") != NULL);
}

static void begin(struct http *http, const struct http_head *head)
{
    http->phase = HTTP_WAIT;
    http->kind = HTTP_OTHER;
    http->keep_alive = head->keep_alive;
    http->is_head = head->method == EIO_HEAD;
    http->has_body = head->chunked || head->content_length > 0;
    http->is_chunked = head->chunked;
    http->wants_ws = head->wants_websocket;
    http->admitted = false;
    http->denied = false;
    http->coding = (uint8_t)coding_negotiate(http_head_get(head, "accept-encoding"));
    http->is_old_ie = is_old_ie(http_head_get(head, "user-agent"));
    http->close_reason = 0;
    memset(&http->chunked, 0, sizeof(http->chunked));
}

static bool begins_with(const struct http_head *head, const char *path)
{
    size_t path_bytes = strlen(path);

    return head->path_bytes >= path_bytes && memcmp(head->url, path, path_bytes) == 0;
}

static bool is_engine_path(const struct net *net, const struct http_head *head)
{
    return begins_with(head, net->path) ||
           (net->other_path != NULL && begins_with(head, net->other_path));
}

static void ask_owner(struct net_request *request)
{
    static const char text[] = "Not found\n";
    struct net_response not_found = {.status = 404,
                                     .content_type = "text/plain; charset=utf-8",
                                     .body = text,
                                     .body_bytes = sizeof(text) - 1,
                                     .body_stays = true};
    struct net *net = request->conn->net;

    http_head_cut_path(request->head);
    if (net->events->on_http != NULL)
        net->events->on_http(net->user, request);
    if (!request->answered)
        net_respond(request, &not_found);
}

void http_route(struct conn *conn, struct http_head *head)
{
    struct net *net = conn->net;
    struct http *http = conn->http;
    struct net_request request = {.conn = conn, .head = head};

    begin(http, head);
    find_client(&request);
    if (conn->role == NET_PUBLIC) {
        bool is_engine = is_engine_path(net, head);

        if (is_engine && http_engine_apply_cors(&request))
            return;
        if (net->files != NULL && net_files_serve(net->files, &request))
            return;
        if (is_engine) {
            http_engine_request(&request);
            return;
        }
    }
    ask_owner(&request);
}

enum eio_method net_request_method(const struct net_request *request)
{
    return request->head->method;
}

const char *net_request_path(const struct net_request *request)
{
    return request->head->url;
}

const char *net_request_query(const struct net_request *request)
{
    return request->head->query;
}

const char *net_request_header(const struct net_request *request, const char *lower_case_name)
{
    return http_head_get(request->head, lower_case_name);
}

const char *net_request_address(const struct net_request *request)
{
    return request->address;
}

enum net_role net_request_role(const struct net_request *request)
{
    return (enum net_role)request->conn->role;
}

bool net_request_from_here(const struct net_request *request)
{
    return address_is_loopback(&request->conn->http->peer) && !request->conn->http->is_proxied &&
           http_head_get(request->head, "x-forwarded-for") == NULL &&
           http_head_get(request->head, "forwarded") == NULL;
}

void net_respond(struct net_request *request, const struct net_response *response)
{
    if (request->answered)
        return;
    request->answered = true;
    if (request->conn->state == CONN_HTTP)
        http_answer(request->conn->http, response);
}
