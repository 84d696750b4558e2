/* What to do with a request: every refusal of Engine.IO, in the order of the reference server. */
#include <string.h>

#include "gateway/engineio/internal.h"

static void refuse_with(struct eio_verdict *verdict, struct eio_answer answer, bool is_upgrade)
{
    verdict->route = EIO_ROUTE_REFUSE;
    verdict->session = NULL;
    verdict->answer = is_upgrade ? eio_answer_for_upgrade(answer) : answer;
}

static bool offered(const struct eio_engine *engine, enum eio_query_transport transport)
{
    if (transport == EIO_QUERY_TRANSPORT_POLLING)
        return engine->config.polling;
    return transport == EIO_QUERY_TRANSPORT_WEBSOCKET && engine->config.websocket;
}

/* Whether Node would accept the value in a header: no control characters except the tab. */
static bool origin_is_clean(const char *origin)
{
    for (; origin != NULL && *origin != '\0'; origin++) {
        unsigned char c = (unsigned char)*origin;

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static struct eio_session *find(const struct eio_engine *engine, const char *sid)
{
    struct htable_entry *entry = htable_find(&engine->sessions, sid, strlen(sid));

    return entry == NULL ? NULL : container_of(entry, struct eio_session, by_sid);
}

/* Too late or one too many is no HTTP error here: browsers and test suites see the WebSocket open
 * and close. */
static enum eio_route upgrade_route(const struct eio_session *session,
                                    enum eio_query_transport transport)
{
    if (transport == EIO_QUERY_TRANSPORT_WEBSOCKET && session->engine->config.upgrades &&
        session->state == EIO_OPEN && session->transport == EIO_POLLING && session->probe == NULL)
        return EIO_ROUTE_UPGRADE;
    return EIO_ROUTE_WS_REFUSE;
}

static void route_known(const struct eio_engine *engine, const struct eio_request *request,
                        const struct eio_query *query, struct eio_verdict *verdict)
{
    struct eio_session *session = find(engine, query->sid);
    bool polls;

    if (session == NULL) {
        refuse_with(verdict, eio_answer_error(EIO_ERROR_SESSION_UNKNOWN), request->is_upgrade);
        return;
    }
    /* Without an upgrade only polling has requests, whatever the session's transport is. */
    polls = session->transport == EIO_POLLING && query->transport == EIO_QUERY_TRANSPORT_POLLING;
    if ((!request->is_upgrade && !polls) || session->revision != eio_query_revision(query)) {
        refuse_with(verdict, eio_answer_bad_request(), request->is_upgrade);
        return;
    }
    verdict->session = session;
    verdict->base64 = query->b64;
    if (request->is_upgrade)
        verdict->route = upgrade_route(session, query->transport);
    else if (request->method == EIO_GET)
        verdict->route = EIO_ROUTE_GET;
    else if (request->method == EIO_POST)
        verdict->route = EIO_ROUTE_POST;
    else
        refuse_with(verdict, eio_answer_empty(500), false);
}

static void route_handshake(const struct eio_engine *engine, const struct eio_request *request,
                            const struct eio_query *query, struct eio_verdict *verdict)
{
    bool is_upgrade = request->is_upgrade;
    bool websocket = query->transport == EIO_QUERY_TRANSPORT_WEBSOCKET;

    if (request->method != EIO_GET)
        refuse_with(verdict, eio_answer_error(EIO_ERROR_HANDSHAKE_METHOD), is_upgrade);
    else if (websocket && !is_upgrade)
        refuse_with(verdict, eio_answer_bad_request(), is_upgrade);
    else if (!websocket && is_upgrade)
        verdict->route = EIO_ROUTE_WS_REFUSE;
    else if (!query->is_revision_4 && !engine->config.revision_3)
        refuse_with(verdict, eio_answer_error(EIO_ERROR_REVISION), is_upgrade);
    else if (!query->is_revision_4 && !websocket && query->bad_jsonp)
        refuse_with(verdict, eio_answer_bad_request(), is_upgrade);
    else if (engine->refuses_new)
        refuse_with(verdict, eio_answer_draining(), is_upgrade);
    else
        verdict->route = EIO_ROUTE_HANDSHAKE;
    verdict->transport = websocket ? EIO_WEBSOCKET : EIO_POLLING;
}

void eio_route(struct eio_engine *engine, const struct eio_request *request,
               struct eio_verdict *verdict)
{
    struct eio_query query;

    memset(verdict, 0, sizeof(*verdict));
    eio_query_parse(request->query, &query);
    if (!offered(engine, query.transport))
        refuse_with(verdict, eio_answer_error(EIO_ERROR_TRANSPORT_UNKNOWN), request->is_upgrade);
    else if (!origin_is_clean(request->origin))
        refuse_with(verdict, eio_answer_bad_request(), request->is_upgrade);
    else if (query.has_sid)
        route_known(engine, request, &query, verdict);
    else
        route_handshake(engine, request, &query, verdict);
}
