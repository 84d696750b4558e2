#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/chat/world.h"

static void end(void *user)
{
    struct world *world = user;
    chat_free(&world->chat);
}

static void init(struct world *world, unsigned limit, bool fake,
                 const unsigned rates[CHAT_LIMIT_COUNT])
{
    struct harness_config config = {.make_broker = fake ? fake_broker_make : NULL};
    harness_init(&world->h, &config);
    struct chat_config chat = {
        .nsp = "/", .send_msg = true, .name_grace_ms = 5000, .presence_limit = limit};
    memcpy(chat.rates, rates, sizeof(chat.rates));
    world->chat = chat_new(world->h.server, &chat);
    world->h.before_free = end;
    world->h.user = world;
}

void world_init(struct world *world, unsigned limit, bool fake)
{
    static const unsigned rates[CHAT_LIMIT_COUNT] = {
        [CHAT_LIMIT_MESSAGES] = 50, [CHAT_LIMIT_SEND_MSG] = 5, [CHAT_LIMIT_LOGINS] = 30};
    init(world, limit, fake, rates);
}

void world_init_rates(struct world *world, const unsigned rates[CHAT_LIMIT_COUNT])
{
    init(world, 1000, false, rates);
}

void world_fini(struct world *world)
{
    harness_fini(&world->h);
}

struct peer *world_user(struct world *world, const char *name)
{
    char login[128], welcome[160], joined[128];
    struct peer *peer = peer_connect(&world->h, "/");
    snprintf(login, sizeof(login), "42[\"login\",\"%s\"]", name);
    snprintf(welcome, sizeof(welcome), "42[\"welcome\",{\"name\":\"%s\",\"resume\":\"*\"}]", name);
    snprintf(joined, sizeof(joined), "42[\"userJoined\",\"%s\"]", name);
    peer_send(peer, login);
    peer_expect(peer, welcome);
    peer_expect(peer, joined);
    return peer;
}
