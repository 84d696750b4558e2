/*
 * Two applications on one engine: sessions that were opened under the program's raw path go to its
 * own events, all others to Socket.IO.
 */
#ifndef CONFAB_APP_RAW_H
#define CONFAB_APP_RAW_H

struct eio_events;

/* For eio_engine_new(), with the gateway as `user`, when the program has a raw path. */
const struct eio_events *raw_mux_events(void);

#endif
