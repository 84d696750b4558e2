/* A chat under a clock that only the test moves: the server's harness with the chat on it. */
#ifndef CONFAB_TESTS_UNIT_CHAT_WORLD_H
#define CONFAB_TESTS_UNIT_CHAT_WORLD_H

#include "gateway/chat/chat.h"
#include "tests/unit/socketio/fake_broker.h"
#include "tests/unit/socketio/harness.h"

struct world {
    struct harness h;
    struct chat *chat;
};

/* `limit`: the presence limit. `fake`: a broker that decides nothing by itself. */
void world_init(struct world *world, unsigned limit, bool fake);
/* The same with these rates. */
void world_init_rates(struct world *world, const unsigned rates[CHAT_LIMIT_COUNT]);
void world_fini(struct world *world);

/* A client that is logged in; what it and the others were told about it has been taken from it
 * alone. */
struct peer *world_user(struct world *world, const char *name);

#endif
