/*
 * Names that clients ask for and that are no namespaces yet: the way from a CONNECT past the
 * parents (parents.h), one after the other, each of which may take its time. Granted, the wish
 * becomes a socket of a new child; nobody's name is answered "Invalid namespace". It counts as one
 * of the client's namespaces meanwhile, and ends with the client.
 */
#ifndef CONFAB_SOCKETIO_WISHES_H
#define CONFAB_SOCKETIO_WISHES_H

#include "gateway/socketio/server_internal.h"

struct sio_token;
struct sio_wish;

/* A CONNECT to a name that is no namespace. Takes the packet's data. It may be over already. */
void sio_wish_new(struct sio_client *client, struct sio_packet *connect);
/* NULL: none for this name. */
struct sio_wish *sio_wish_find(const struct sio_client *client, const char *name,
                               size_t name_bytes);
/* An event came for it: waits, bounded as what waits for middleware. Takes the packet's data. */
void sio_wish_event(struct sio_wish *wish, struct sio_packet *packet);
/* The client does not want it any more, and is told nothing. */
void sio_wish_end(struct sio_wish *wish);
/* The client's session is over. */
void sio_wishes_end(struct sio_client *client);
/* A parent has decided; goes on at the end of the turn. CONFAB_ECLOSED: the wish is over. */
int sio_wish_decide(const struct sio_token *token, bool granted);
/* The end of a turn. */
void sio_wishes_run(struct confab_server *server);

#endif
