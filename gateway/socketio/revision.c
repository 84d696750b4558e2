/*
 * Clients of the protocol's revision 4, which come through Engine.IO 3 (socket.io 1 and 2). What
 * is different for them, and nothing else is:
 *
 *   - the server joins the namespace `/` for them, unasked;
 *   - their CONNECT has no data, but the namespace may be followed by a query, which is taken for
 *     the auth data;
 *   - the answer to it has no data: the client computes the socket's id from the session's;
 *   - a refusal is told by its data or, without any, its message alone.
 */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/value.h"
#include "gateway/engineio/packet.h"
#include "gateway/socketio/server_internal.h"

bool sio_client_is_old(const struct sio_client *client)
{
    return client->revision == EIO_REVISION_3;
}

void sio_old_split_namespace(struct sio_packet *packet)
{
    const char *mark = memchr(packet->nsp, '?', packet->nsp_bytes);
    if (mark == NULL)
        return;
    if (packet->type == SIO_CONNECT) {
        char *query = xstrndup(mark + 1, packet->nsp_bytes - (size_t)(mark + 1 - packet->nsp));
        confab_value_release(packet->data);
        packet->data = sio_query_value(query);
        free(query);
    }
    packet->nsp_bytes = (size_t)(mark - packet->nsp);
}

char *sio_old_id(const struct sio_client *client, const struct confab_namespace *nsp)
{
    const char *sid = eio_session_sid(client->session);
    size_t sid_bytes = strlen(sid);
    size_t nsp_bytes = nsp->name_bytes > 1 ? nsp->name_bytes + 1 : 0;
    char *id = xmalloc(nsp_bytes + sid_bytes + 1);
    if (nsp_bytes > 0) {
        memcpy(id, nsp->name, nsp->name_bytes);
        id[nsp->name_bytes] = '#';
    }
    memcpy(id + nsp_bytes, sid, sid_bytes + 1);
    if (broker_find(nsp->members, id) == NULL)
        return id;
    free(id);
    return NULL;
}

struct confab_value *sio_old_refusal(const char *message, struct confab_value *data)
{
    return data != NULL ? data : confab_string(message);
}
