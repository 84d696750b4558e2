/*
 * What each test over the loopback begins and ends with, and what many of them ask: a server of
 * one's own as the test's state, the usual queries, why connections ended.
 */
#ifndef CONFAB_TESTS_UNIT_NET_FIXTURE_H
#define CONFAB_TESTS_UNIT_NET_FIXTURE_H

#include "tests/unit/net/loopback.h"

#define POLLING "?EIO=4&transport=polling"
#define WEBSOCKET "?EIO=4&transport=websocket"

/* For a setup function: *state is a struct loopback with these options; `options` NULL: as they
 * come. */
int start(void **state, const struct loopback_options *options);
int setup(void **state); /* as they come */
int teardown(void **state);

/* The query of a session's requests; good until the next call. */
const char *of(const char *sid);
/* Connections that ended so. */
uint64_t closed(const struct loopback *loopback, enum net_close_reason reason);
/* The session is unknown. */
void expect_gone(struct loopback *loopback, const char *sid);
/* A connection with a session over WebSocket; the open packet is taken. */
void begin_ws(struct peer *peer, struct loopback *loopback);

#endif
