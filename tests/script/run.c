/* Reads scripts and performs them: run [--trace] FILE… */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/script/script.h"

/* ---- what goes wrong ---- */

static void where(void *user, FILE *out)
{
    const struct script *script = user;
    fprintf(out, "%s:%u: ", script->path, script->line);
}

void script_fail(const struct script *script, const char *expected, const char *got)
{
    fflush(stdout);
    fprintf(stderr, "%s:%u:\n  expected: %s\n  got:      %s\n", script->path, script->line,
            expected, got);
    exit(1);
}

/* ---- the world ---- */

static void on_closed(void *user, struct eio_session *session, enum eio_close_reason reason)
{
    struct script *script = user;
    size_t i = script->end_count++;
    WORLD_CHECK(&script->world, i < SCRIPT_ENDS_MAX && reason < EIO_CLOSE_REASON_COUNT);
    snprintf(script->ends[i].sid, sizeof(script->ends[i].sid), "%s", eio_session_sid(session));
    script->ends[i].reason = reason;
}

static const struct world_spy spy = {.closed = on_closed};

static int64_t setting(const struct script *script, const char *field, int64_t otherwise)
{
    for (size_t i = 0; i < script->setting_count; i++) {
        if (strcmp(script->settings[i].field, field) == 0)
            return script->settings[i].value;
    }
    return otherwise;
}

static void tune(struct eio_config *engine, void *user)
{
    const struct script *script = user;
    engine->ping_interval_ms = setting(script, "ping_interval_ms", engine->ping_interval_ms);
    engine->ping_timeout_ms = setting(script, "ping_timeout_ms", engine->ping_timeout_ms);
    engine->upgrade_timeout_ms = setting(script, "upgrade_timeout_ms", engine->upgrade_timeout_ms);
    engine->close_wait_ms = setting(script, "close_wait_ms", engine->close_wait_ms);
    engine->max_queued_bytes =
        (size_t)setting(script, "max_queued_bytes", (int64_t)engine->max_queued_bytes);
    engine->soft_queued_bytes = (size_t)setting(script, "soft_queued_bytes", 0);
    engine->soft_queued_ms = setting(script, "soft_queued_ms", 20000);
    engine->max_packets_per_second = setting(script, "max_packets_per_second", 0);
    engine->max_per_second_bytes = setting(script, "max_per_second_bytes", 0);
    engine->max_payload_bytes =
        (size_t)setting(script, "max_payload_bytes", (int64_t)engine->max_payload_bytes);
    engine->revision_3 = setting(script, "revision_3", 0) != 0;
    engine->polling = setting(script, "polling", 1) != 0;
    engine->websocket = setting(script, "websocket", 1) != 0;
    engine->upgrades = setting(script, "upgrades", 1) != 0;
}

static const char *const fields[] = {
    "revision_3",
    "soft_queued_bytes",
    "soft_queued_ms",
    "max_packets_per_second",
    "max_per_second_bytes",
    "ping_interval_ms",
    "ping_timeout_ms",
    "upgrade_timeout_ms",
    "close_wait_ms",
    "max_queued_bytes",
    "max_payload_bytes",
    "polling",
    "websocket",
    "upgrades",
    "connect_timeout_ms",
    "max_packet_bytes",
    "max_waiting_bytes",
    "max_auth_bytes",
    "max_encoded_bytes",
    "max_namespaces",
    "max_acks",
    "msgpack",
};

static void check_settings(const struct script *script)
{
    for (size_t i = 0; i < script->setting_count; i++) {
        bool known = false;
        for (size_t j = 0; j < sizeof(fields) / sizeof(fields[0]); j++)
            known |= strcmp(script->settings[i].field, fields[j]) == 0;
        if (!known)
            script_fail(script, "a setting", script->settings[i].field);
    }
}

void script_begin(struct script *script)
{
    struct server_config *server = &script->config.server;
    if (script->begun)
        return;
    script->begun = true;
    check_settings(script);
    server->connect_timeout_ms = setting(script, "connect_timeout_ms", 0);
    server->max_packet_bytes = (size_t)setting(script, "max_packet_bytes", 0);
    server->max_waiting_bytes = (size_t)setting(script, "max_waiting_bytes", 0);
    server->max_auth_bytes = (size_t)setting(script, "max_auth_bytes", 0);
    server->max_encoded_bytes = (size_t)setting(script, "max_encoded_bytes", 0);
    server->max_namespaces = (unsigned)setting(script, "max_namespaces", 0);
    server->msgpack = setting(script, "msgpack", 0) != 0;
    server->max_acks = (unsigned)setting(script, "max_acks", 0);
    script->config.tune = tune;
    script->config.tune_user = script;
    FILE *log = script->world.log;
    world_init(&script->world, &script->config);
    script->world.log = log;
    script->world.where = where;
    script->world.where_user = script;
    script->world.spy = &spy;
    script->world.spy_user = script;
    app_begin(&script->app, script->with_chat);
}

struct client *script_client(const struct script *script, const char *name)
{
    if (!script->begun)
        return NULL;
    LIST_FOREACH(it, &script->world.clients)
    {
        struct client *client = container_of(it, struct client, link);
        if (strcmp(client->name, name) == 0)
            return client;
    }
    return NULL;
}

/* ---- reading ---- */

static void perform(struct script *script, char *line)
{
    char *rest = line;
    char *word = script_word(&rest);
    if (*word == '\0' || *word == '#')
        return;
    world_log(&script->world, "line %u: %s %s", script->line, word, rest);
    if (script_world_step(script, word, rest))
        return;
    struct client *client = script_client(script, word);
    const char *step = script_word(&rest);
    if (client == NULL && strcmp(step, "opens") == 0) {
        script_begin(script);
        client = client_new(&script->world, word, false);
    }
    if (client == NULL)
        script_fail(script, "a step, or a client that was opened", word);
    if (!script_client_step(script, client, step, rest))
        script_fail(script, "something that clients do", step);
}

/* The sessions that are open now end with the world, each of them once. */
static void end(struct script *script)
{
    const struct eio_counters *counters = eio_engine_counters(script->world.h.engine);
    uint64_t opened = counters->opened;
    app_tell(&script->app, "the end");
    script->world.where = NULL;
    world_fini(&script->world);
    if (opened != script->end_count)
        script_fail(script, "as many ends as sessions", "others");
    app_fini(&script->app);
}

static void run(const char *path, FILE *log)
{
    struct script script = {.path = path, .world = {.log = log}};
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    buf_init(&script.text, SCRIPT_TEXT_MAX_BYTES);
    app_init(&script.app, &script.world);
    while ((length = getline(&line, &room, file)) >= 0) {
        script.line++;
        line[strcspn(line, "\n")] = '\0';
        perform(&script, line);
    }
    if (!script.begun)
        script_fail(&script, "a step", "the file's end");
    end(&script);
    printf("%s: %u lines\n", path, script.line);
    for (size_t i = 0; i < script.setting_count; i++)
        free((char *)(uintptr_t)script.settings[i].field);
    buf_fini(&script.text);
    free(line);
    fclose(file);
}

int main(int argc, char **argv)
{
    int first = argc > 1 && strcmp(argv[1], "--trace") == 0 ? 2 : 1;
    if (first >= argc) {
        fprintf(stderr, "Usage: %s [--trace] FILE...\n", argv[0]);
        return 64;
    }
    for (int i = first; i < argc; i++)
        run(argv[i], first == 2 ? stdout : NULL);
    return 0;
}
