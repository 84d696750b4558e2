/* The clients of recovery_world.h. */
#include "tests/unit/socketio/recovery_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/value.h"
#include "tests/unit/test.h"

int recovery_begin(void **state, struct server_config server, size_t max_queued_bytes)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct harness_config config = {.server = server, .max_queued_bytes = max_queued_bytes};
    harness_init(&world->h, &config);
    world->nsp = confab_of(world->h.server, "/");
    world->a.nsp = world->b.nsp = "/";
    *state = world;
    return 0;
}

int recovery_setup(void **state)
{
    return recovery_begin(state, (struct server_config){.recovery_ms = WINDOW_MS}, 0);
}

int recovery_setup_small(void **state)
{
    return recovery_begin(state,
                          (struct server_config){.recovery_ms = WINDOW_MS,
                                                 .recovery_bytes = 4000,
                                                 .max_replay_bytes = 1200},
                          16384);
}

int recovery_teardown(void **state)
{
    struct world *world = *state;
    harness_fini(&world->h);
    free(world);
    return 0;
}

/* ---- the client ---- */

static void copy(char *to, size_t size, const struct confab_value *text)
{
    snprintf(to, size, "%s",
             confab_as_string(text, NULL) != NULL ? confab_as_string(text, NULL) : "");
}

/* An event: its arguments are noted, its offset is remembered where stock clients would. */
static void take_event(struct client *client, const struct confab_value *data)
{
    size_t count = confab_size(data);
    const struct confab_value *last = confab_at(data, count - 1);
    bool has_offset = count > 2 && confab_is(last, CONFAB_STRING);
    if (has_offset)
        copy(client->offset, sizeof(client->offset), last);
    for (size_t i = 1; i < count - has_offset; i++) {
        struct confab_value *text = confab_to_json(confab_at(data, i), 0);
        size_t used = strlen(client->got);
        snprintf(client->got + used, sizeof(client->got) - used, "%s%s", used > 0 ? " " : "",
                 confab_as_string(text, NULL));
        confab_value_release(text);
    }
}

static void take_connect(struct client *client, const struct confab_value *data)
{
    client->recovered = *client->pid != '\0' &&
                        strcmp(confab_as_string(confab_get(data, "pid"), NULL), client->pid) == 0;
    copy(client->pid, sizeof(client->pid), confab_get(data, "pid"));
    copy(client->sid, sizeof(client->sid), confab_get(data, "sid"));
    strcat(client->got, *client->got != '\0' ? " |" : "|");
}

void client_read(struct client *client)
{
    char *frame;
    while ((frame = peer_take(client->peer)) != NULL) {
        const char *text = strpbrk(frame + 2, "[{");
        struct confab_value *data = text != NULL ? confab_from_json(text, strlen(text)) : NULL;
        if (strncmp(frame, "40", 2) == 0)
            take_connect(client, data);
        else if (strncmp(frame, "42", 2) == 0)
            take_event(client, data);
        else
            fail_msg("%s", frame);
        confab_value_release(data);
        free(frame);
    }
}

void client_send_connect(struct client *client, const char *pid, const char *offset)
{
    char packet[256] = "40";
    if (strcmp(client->nsp, "/") != 0)
        snprintf(packet, sizeof(packet), "40%s,", client->nsp);
    size_t used = strlen(packet);
    if (pid != NULL)
        snprintf(packet + used, sizeof(packet) - used, "{\"pid\":\"%s\",\"offset\":\"%s\"}", pid,
                 offset);
    peer_send(client->peer, packet);
}

void client_come(struct world *world, struct client *client)
{
    client->peer = peer_open(&world->h);
    client_send_connect(client, *client->pid != '\0' ? client->pid : NULL, client->offset);
    client_read(client);
    snprintf(client->peer->id, sizeof(client->peer->id), "%s", client->sid);
}

/* What has arrived, and where among it the CONNECT answer was. */
void client_got(struct client *client, const char *expected)
{
    harness_turn(client->peer->harness);
    client_read(client);
    assert_string_equal(client->got, expected);
    client->got[0] = '\0';
}

/* Both are in, and have had a first event. */
void both_in(struct world *world)
{
    client_come(world, &world->a);
    client_come(world, &world->b);
    confab_emit_all(world->nsp, "n", confab_list(confab_int(0), NULL));
    client_got(&world->a, "| 0");
    client_got(&world->b, "| 0");
}

struct confab_socket *client_socket(const struct client *client)
{
    return peer_socket(client->peer, client->nsp);
}

void say(struct world *world, int number)
{
    confab_emit_all(world->nsp, "n", confab_list(confab_int(number), NULL));
    harness_turn(&world->h);
}

void say_in(struct world *world, const char *room, int number)
{
    confab_emit_room(world->nsp, room, "n", confab_list(confab_int(number), NULL));
    harness_turn(&world->h);
}

void say_to(struct client *client, int number)
{
    confab_emit(client_socket(client), "n", confab_list(confab_int(number), NULL));
    harness_turn(client->peer->harness);
}

const struct server_counters *counters(struct world *world)
{
    return server_counters(world->h.server);
}

void not_recovered(struct world *world, struct client *client, enum recovery_answer why)
{
    char before[40];
    snprintf(before, sizeof(before), "%s", client->sid);
    uint64_t count = counters(world)->recoveries[why];
    client_come(world, client);
    client_got(client, "|");
    assert_false(client->recovered);
    assert_string_not_equal(client->sid, before);
    assert_false(confab_socket_recovered(client_socket(client)));
    assert_int_equal(counters(world)->recoveries[why], count + 1);
}

void recovered(struct world *world, struct client *client, const char *expected)
{
    char before[40];
    snprintf(before, sizeof(before), "%s", client->sid);
    uint64_t count = counters(world)->recoveries[RECOVERY_FOUND];
    client_come(world, client);
    client_got(client, expected);
    assert_true(client->recovered);
    assert_string_equal(client->sid, before);
    assert_true(confab_socket_recovered(client_socket(client)));
    assert_int_equal(counters(world)->recoveries[RECOVERY_FOUND], count + 1);
}
