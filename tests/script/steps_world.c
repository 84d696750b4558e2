/* Steps of nobody in particular: settings, time, decisions, the end, numbers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/script/script.h"

static void expect_number(struct script *script, int64_t expected, int64_t got)
{
    char words[2][32];
    snprintf(words[0], sizeof(words[0]), "%lld", (long long)expected);
    snprintf(words[1], sizeof(words[1]), "%lld", (long long)got);
    if (expected != got)
        script_fail(script, words[0], words[1]);
}

static void expect_text(const struct script *script, const char *expected, const char *got)
{
    if (strcmp(expected, got) != 0)
        script_fail(script, expected, got);
}

/* ---- before the world is there ---- */

static void app(struct script *script, char *rest)
{
    const char *word = script_word(&rest);
    script->with_chat = strcmp(word, "chat") == 0;
    if (script->begun || (!script->with_chat && strcmp(word, "echo") != 0))
        script_fail(script, "app echo or app chat, in front of the first step", word);
}

static void set(struct script *script, char *rest)
{
    const char *field = script_word(&rest);
    size_t i = script->setting_count++;
    if (script->begun || i >= SCRIPT_SETTINGS_MAX)
        script_fail(script, "a setting in front of the first step", field);
    script->settings[i].field = xstrdup(field);
    script->settings[i].value = script_number(script, script_word(&rest));
}

/* ---- clients ---- */

static void client(struct script *script, char *rest)
{
    const char *name = script_word(&rest), *word;
    bool is_manual = false, is_old = false;
    script_begin(script);
    if (*name == '\0' || script_client(script, name) != NULL)
        script_fail(script, "a new client's name", name);
    while (*(word = script_word(&rest)) != '\0') {
        is_manual |= strcmp(word, "manual") == 0;
        is_old |= strcmp(word, "old") == 0;
        if (strcmp(word, "manual") != 0 && strcmp(word, "old") != 0)
            script_fail(script, "manual or old", word);
    }
    struct client *made = client_new(&script->world, name, is_manual);
    made->revision = is_old ? EIO_REVISION_3 : EIO_REVISION_4;
}

/* `request get QUERY STATUS BODY`: a request that the engine refuses. */
static void request(struct script *script, char *rest)
{
    static const char *const methods[] = {"get", "post", "options", "head", "other", "upgrade"};
    const char *word = script_word(&rest), *query = script_word(&rest);
    struct eio_verdict verdict;
    char query_room[300];
    unsigned method = 0;
    script_begin(script);
    while (method < 6 && strcmp(methods[method], word) != 0)
        method++;
    if (method == 6)
        script_fail(script, "a method", word);
    snprintf(query_room, sizeof(query_room), "%s", script_expand(script, query));
    struct eio_request asked = {.method = method == 5 ? EIO_GET : (enum eio_method)method,
                                .is_upgrade = method == 5,
                                .query = query_room};
    eio_route(script->world.h.engine, &asked, &verdict);
    if (verdict.route != EIO_ROUTE_REFUSE)
        script_fail(script, "a refusal", "none");
    expect_number(script, script_number(script, script_word(&rest)), verdict.answer.status);
    expect_text(script, rest, verdict.answer.body);
}

/* ---- time ---- */

static void turn(struct script *script, char *rest)
{
    (void)rest;
    world_turn(&script->world);
}

static void pass(struct script *script, char *rest)
{
    script_begin(script);
    world_pass(&script->world, script_number(script, script_word(&rest)));
}

static void drain(struct script *script, char *rest)
{
    script_begin(script);
    eio_engine_refuse_new(script->world.h.engine);
    server_drain(script->world.h.server, script_number(script, script_word(&rest)));
    world_turn(&script->world);
}

/* ---- the application ---- */

static void told(struct script *script, char *rest)
{
    struct app_line *line = app_take_line(&script->app);
    if (strcmp(rest, "nothing") == 0) {
        if (line != NULL)
            script_fail(script, rest, line->text);
        return;
    }
    if (line == NULL)
        script_fail(script, rest, "nothing was told");
    if (!script_matches(script, rest, line->text))
        script_fail(script, rest, line->text);
    free(line);
}

/* `allow NAME`, `refuse NAME TEXT`, `answer NAME [ARGS]`; `gone` or `spent` behind `but`: what the
 * server says when it does not come in time. */
static void decide(struct script *script, char *rest, enum app_decision decision)
{
    const char *name = script_word(&rest);
    int expected = CONFAB_OK;
    if (strncmp(rest, "but ", 4) == 0) {
        expected = strcmp(rest + 4, "gone") == 0 ? CONFAB_ECLOSED : CONFAB_ENOTFOUND;
        rest += strlen(rest);
    }
    int status = app_decide(&script->app, name, decision, rest);
    expect_text(script, confab_errname(expected), confab_errname(status));
    world_turn(&script->world);
}

static void allow(struct script *script, char *rest)
{
    decide(script, rest, APP_ALLOW);
}

static void refuse(struct script *script, char *rest)
{
    decide(script, rest, APP_REFUSE);
}

static void answer(struct script *script, char *rest)
{
    decide(script, rest, APP_ANSWER);
}

/* ---- numbers ---- */

static int64_t labelled(const struct script *script, const char *what)
{
    for (unsigned i = 0; i < EIO_CLOSE_REASON_COUNT; i++) {
        if (strncmp(what, "closed.", 7) == 0 && strcmp(what + 7, eio_close_label(i)) == 0)
            return (int64_t)eio_engine_counters(script->world.h.engine)->closed[i];
    }
    for (unsigned i = 0; i < EIO_LIMIT_COUNT; i++) {
        if (strncmp(what, "limit.", 6) == 0 && strcmp(what + 6, eio_limit_label(i)) == 0)
            return (int64_t)eio_engine_counters(script->world.h.engine)->limits[i];
    }
    for (unsigned i = 0; i < SERVER_LIMIT_COUNT; i++) {
        if (strncmp(what, "limit.", 6) == 0 && strcmp(what + 6, server_limit_label(i)) == 0)
            return (int64_t)server_counters(script->world.h.server)->limits[i];
    }
    script_fail(script, "something that is counted", what);
}

/* How many of something there are, or were. */
static void count(struct script *script, char *rest)
{
    script_begin(script);
    const char *what = script_word(&rest);
    const struct eio_counters *engine = eio_engine_counters(script->world.h.engine);
    const struct server_counters *server = server_counters(script->world.h.server);
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"sessions", eio_engine_session_count(script->world.h.engine)},
        {"polling", engine->sessions_now[EIO_POLLING]},
        {"websocket", engine->sessions_now[EIO_WEBSOCKET]},
        {"opened", engine->opened},
        {"upgrades", engine->upgrades},
        {"upgrades-failed", engine->upgrades_failed},
        {"queued-bytes", engine->queued_bytes},
        {"clients", server_client_count(script->world.h.server)},
        {"sockets", server->sockets_now},
        {"connects", server->connects},
        {"connect-errors", server->connect_errors},
        {"bad-packets", server->bad_packets},
        {"volatile-drops", server->volatile_drops},
        {"pauses", server->pauses},
        {"tokens", server->tokens_now},
        {"tokens-expired", server->tokens_expired},
        {"acks-timed-out", server->acks_timed_out},
    };
    int64_t expected = script_number(script, script_word(&rest));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strcmp(numbers[i].name, what) == 0) {
            expect_number(script, expected, (int64_t)numbers[i].value);
            return;
        }
    }
    expect_number(script, expected, labelled(script, what));
}

static const struct {
    const char *word;
    void (*perform)(struct script *script, char *rest);
} steps[] = {
    {"app", app},     {"set", set},       {"client", client}, {"turn", turn},
    {"pass", pass},   {"drain", drain},   {"told", told},     {"allow", allow},
    {"count", count}, {"refuse", refuse}, {"answer", answer}, {"request", request},
};

bool script_world_step(struct script *script, const char *word, char *rest)
{
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (strcmp(steps[i].word, word) == 0) {
            steps[i].perform(script, rest);
            return true;
        }
    }
    return false;
}
