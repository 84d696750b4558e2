/*
 * More namespaces of confab-cast, each for one part of the API.
 *
 *   /listen   what is registered on a socket. Its middleware: `forbidden` is refused, which is told
 *             by `refused` [message, data] and, if it was asked for, by an acknowledgement; `slow`
 * is let pass after 50 ms; the rest at once. `own` is answered by the socket's own handler,
 *             `shared` by the namespace's. `seen` is answered with the names of all events that
 * came and of all that were sent.
 *   /dyn-*    made when somebody comes; but /dyn-closed is refused by middleware, later. `members`
 * is answered with the number of sockets in this one and in all of them; `to all` emits its
 *             arguments to all of them.
 *   /reasons  how sockets end: everybody there is told `gone` [id, reason, rooms it was in], with
 * the rooms as they were right before. `join` room; `end` close ends the socket; `to others` room,
 * event, args… emits to the other members of a room.
 */
#ifndef CONFAB_TESTS_TOOLS_CAST_LISTEN_H
#define CONFAB_TESTS_TOOLS_CAST_LISTEN_H

struct confab_server;

void cast_listen(struct confab_server *server);

#endif
