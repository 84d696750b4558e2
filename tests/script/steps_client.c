/* Steps of clients: `a opens polling`, `a sends 42["echo"]`, `a gets 42["echo"]`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/engineio/internal.h"
#include "tests/script/script.h"

/* Bytes are shown and written as text with \x1e for those that are none. */
static const char *shown(struct script *script, const struct client_letter *letter)
{
    static const char digits[] = "0123456789abcdef";
    size_t most = letter->length < 4000 ? letter->length : 4000;
    buf_reset(&script->text);
    for (size_t i = 0; i < most; i++) {
        uint8_t byte = (uint8_t)letter->bytes[i];
        if (letter->kind == FRAME_TEXT ? byte < 0x20 : (byte < 0x20 || byte > 0x7e)) {
            char escape[] = {'\\', 'x', digits[byte >> 4], digits[byte & 15], '\0'};
            buf_puts(&script->text, escape);
        } else {
            buf_append(&script->text, &letter->bytes[i], 1);
        }
    }
    return buf_text(&script->text);
}

/* The oldest letter; fails when there is none. */
static struct client_letter *next_letter(struct script *script, struct client *client,
                                         enum client_place place, const char *expected)
{
    struct client_letter *letter = client_first(client, place);
    if (letter == NULL)
        script_fail(script, expected, "nothing arrived");
    return letter;
}

static void expect_letter(struct script *script, struct client *client, enum client_place place,
                          enum frame_kind kind, const char *pattern)
{
    struct client_letter *letter = next_letter(script, client, place, pattern);
    if (letter->kind != kind)
        script_fail(script, pattern, kind == FRAME_TEXT ? "bytes" : "a text");
    if (kind == FRAME_TEXT) {
        if (!script_matches(script, pattern, letter->bytes))
            script_fail(script, pattern, shown(script, letter));
    } else {
        script_expand(script, pattern);
        if (script->text.len != letter->length ||
            memcmp(buf_text(&script->text), letter->bytes, letter->length) != 0)
            script_fail(script, pattern, shown(script, letter));
    }
    client_letter_free(letter);
}

static void expect_status(struct script *script, int64_t expected, int got)
{
    char words[2][32];
    if (expected == got)
        return;
    snprintf(words[0], sizeof(words[0]), "status %d", (int)expected);
    snprintf(words[1], sizeof(words[1]), "status %d", got);
    script_fail(script, words[0], words[1]);
}

/* `… refused 400`: behind a step that the gateway may refuse. */
static void expect_refusal(struct script *script, char *rest, int status)
{
    const char *word = script_word(&rest);
    bool is_refused = strcmp(word, "refused") == 0;
    if (*word != '\0' && !is_refused)
        script_fail(script, "refused", word);
    expect_status(script, is_refused ? script_number(script, script_word(&rest)) : 0, status);
    world_turn(&script->world);
}

/* ---- opening ---- */

static void opens(struct script *script, struct client *client, char *rest)
{
    const char *transport = script_word(&rest);
    const char *extra = *rest == '&' ? script_word(&rest) : "";
    bool is_polling = strcmp(transport, "polling") == 0;
    if (!is_polling && strcmp(transport, "websocket") != 0)
        script_fail(script, "polling or websocket", transport);
    int status = client_opens(client, is_polling ? EIO_POLLING : EIO_WEBSOCKET, extra);
    expect_refusal(script, rest, status);
    if (status == 0 && !client->manual)
        expect_letter(script, client, CLIENT_PACKETS, FRAME_TEXT, "0{\"sid\":\"abc.*\",*}");
}

static void connects(struct script *script, struct client *client, char *rest)
{
    char packet[700];
    const char *nsp = script_word(&rest);
    bool is_main = strcmp(nsp, "/") == 0;
    script_expand(script, rest);
    snprintf(packet, sizeof(packet), "40%s%s%s", is_main ? "" : nsp, is_main ? "" : ",",
             buf_text(&script->text));
    client_sends(client, FRAME_TEXT, packet, strlen(packet));
    world_turn(&script->world);
    snprintf(packet, sizeof(packet), "40%s%s{\"sid\":\"", is_main ? "" : nsp, is_main ? "" : ",");
    struct client_letter *letter = next_letter(script, client, CLIENT_PACKETS, packet);
    if (strncmp(letter->bytes, packet, strlen(packet)) != 0)
        script_fail(script, packet, shown(script, letter));
    snprintf(client->id, sizeof(client->id), "%.20s", letter->bytes + strlen(packet));
    client_letter_free(letter);
}

/* ---- sending ---- */

static void queues(struct script *script, struct client *client, char *rest)
{
    script_expand(script, rest);
    client_sends(client, FRAME_TEXT, buf_text(&script->text), script->text.len);
}

static void sends(struct script *script, struct client *client, char *rest)
{
    queues(script, client, rest);
    world_turn(&script->world);
}

static void queues_bytes(struct script *script, struct client *client, char *rest)
{
    script_expand(script, rest);
    client_sends(client, FRAME_BINARY, buf_text(&script->text), script->text.len);
}

static void sends_bytes(struct script *script, struct client *client, char *rest)
{
    queues_bytes(script, client, rest);
    world_turn(&script->world);
}

static void posts(struct script *script, struct client *client, char *rest)
{
    int status = client_begins_post(client, "text/plain;charset=UTF-8");
    expect_status(script, 0, status);
    script_expand(script, rest);
    client_submits(client, buf_text(&script->text), script->text.len);
    world_turn(&script->world);
}

static void begins_post(struct script *script, struct client *client, char *rest)
{
    const char *type = script_word(&rest);
    expect_refusal(script, rest, client_begins_post(client, *type != '\0' ? type : NULL));
}

static void body(struct script *script, struct client *client, char *rest)
{
    script_expand(script, rest);
    if (!client_submits(client, buf_text(&script->text), script->text.len))
        script_fail(script, "a POST that waits for its body", "none");
    world_turn(&script->world);
}

static void body_too_big(struct script *script, struct client *client, char *rest)
{
    (void)rest;
    if (client->post == NULL)
        script_fail(script, "a POST that waits for its body", "none");
    eio_post_too_big(&client->post->post);
    world_turn(&script->world);
}

static void too_big(struct script *script, struct client *client, char *rest)
{
    (void)rest;
    if (client->ws == NULL)
        script_fail(script, "a WebSocket", "none");
    eio_ws_too_big(&client->ws->ws, script->world.h.now_ms);
    world_turn(&script->world);
}

/* The network still buffers so much of what it took. */
static void buffered(struct script *script, struct client *client, char *rest)
{
    struct client_ws *ws = client->ws != NULL ? client->ws : client->probe;
    if (ws == NULL)
        script_fail(script, "a WebSocket", "none");
    eio_ws_buffered(&ws->ws, (size_t)script_number(script, script_word(&rest)));
    world_turn(&script->world);
}

static void requests(struct script *script, struct client *client, char *rest)
{
    expect_refusal(script, rest, client_gets(client));
}

static void upgrades(struct script *script, struct client *client, char *rest)
{
    int status = client->manual ? client_upgrades(client) : client_upgrades_whole(client);
    expect_refusal(script, rest, status);
}

static void probe_sends(struct script *script, struct client *client, char *rest)
{
    if (!client_says_on_probe(client, script_expand(script, rest)))
        script_fail(script, "a WebSocket that wants to take over", "none");
    world_turn(&script->world);
}

/* ---- getting ---- */

static void gets(struct script *script, struct client *client, char *rest)
{
    expect_letter(script, client, CLIENT_PACKETS, FRAME_TEXT, rest);
}

static void gets_bytes(struct script *script, struct client *client, char *rest)
{
    expect_letter(script, client, CLIENT_PACKETS, FRAME_BINARY, rest);
}

static void expect_answer(struct script *script, struct client *client, enum client_place place,
                          enum frame_kind kind, char *rest)
{
    const char *status = script_word(&rest);
    struct client_letter *letter = next_letter(script, client, place, "an answer");
    expect_status(script, strcmp(status, "cut") == 0 ? 0 : script_number(script, status),
                  letter->status);
    expect_letter(script, client, place, kind, rest);
}

static void get_answered(struct script *script, struct client *client, char *rest)
{
    expect_answer(script, client, CLIENT_GET, FRAME_TEXT, rest);
}

static void get_answered_bytes(struct script *script, struct client *client, char *rest)
{
    expect_answer(script, client, CLIENT_GET, FRAME_BINARY, rest);
}

static void post_answered(struct script *script, struct client *client, char *rest)
{
    expect_answer(script, client, CLIENT_POST, FRAME_TEXT, rest);
}

static void probe_gets(struct script *script, struct client *client, char *rest)
{
    expect_letter(script, client, CLIENT_PROBE, FRAME_TEXT, rest);
}

static void probe_closed(struct script *script, struct client *client, char *rest)
{
    (void)rest;
    const struct client_letter *letter = client_first(client, CLIENT_PROBE);
    if (client->probe != NULL || (letter != NULL && letter->status != 0))
        script_fail(script, "a closed WebSocket", "it is open, or something came on it");
}

static void nothing(struct script *script, struct client *client, char *rest)
{
    (void)rest;
    for (unsigned place = 0; place < CLIENT_PLACES; place++) {
        const struct client_letter *letter = client_first(client, place);
        if (letter != NULL)
            script_fail(script, "nothing", shown(script, letter));
    }
}

static void forgets(struct script *script, struct client *client, char *rest)
{
    (void)script;
    (void)rest;
    for (unsigned place = 0; place < CLIENT_PLACES; place++) {
        while (client_first(client, place) != NULL)
            client_letter_free(client_first(client, place));
    }
}

/* ---- its state, its end ---- */

static void turn_flag(struct script *script, bool *flag, char *rest)
{
    const char *word = script_word(&rest);
    if (strcmp(word, "on") != 0 && strcmp(word, "off") != 0)
        script_fail(script, "on or off", word);
    *flag = strcmp(word, "on") == 0;
    world_turn(&script->world);
}

static void silent(struct script *script, struct client *client, char *rest)
{
    turn_flag(script, &client->silent, rest);
}

static void clogged(struct script *script, struct client *client, char *rest)
{
    turn_flag(script, &client->clogged, rest);
}

static void closed(struct script *script, struct client *client, char *rest)
{
    nothing(script, client, rest);
    if (!client->closed)
        script_fail(script, "the client knows that its session is over", "it does not");
}

static void ended(struct script *script, struct client *client, char *rest)
{
    const char *label = script_word(&rest), *got = "not at all";
    unsigned times = 0;
    for (size_t i = 0; i < script->end_count; i++) {
        if (strcmp(script->ends[i].sid, client->sid) == 0) {
            got = eio_close_label(script->ends[i].reason);
            times++;
        }
    }
    if (times > 1)
        script_fail(script, "one end", "several");
    if (strcmp(label, got) != 0)
        script_fail(script, label, got);
}

static void open_(struct script *script, struct client *client, char *rest)
{
    (void)rest;
    for (size_t i = 0; i < script->end_count; i++) {
        if (strcmp(script->ends[i].sid, client->sid) == 0)
            script_fail(script, "an open session", eio_close_label(script->ends[i].reason));
    }
    if (client->closed)
        script_fail(script, "an open session", "the client was told of its end");
}

static void transport(struct script *script, struct client *client, char *rest)
{
    const char *word = script_word(&rest), *got = client->ws != NULL ? "websocket" : "polling";
    if (strcmp(word, got) != 0)
        script_fail(script, word, got);
}

static void leaves(struct script *script, struct client *client, char *rest)
{
    (void)rest;
    client_loses_ws(client, true);
    client->closed = true;
    world_turn(&script->world);
}

static void loses(struct script *script, struct client *client, char *rest)
{
    const char *what = script_word(&rest);
    if (strcmp(what, "get") == 0)
        client_loses_get(client);
    else if (strcmp(what, "post") == 0)
        client_loses_post(client);
    else if (strcmp(what, "websocket") == 0)
        client_loses_ws(client, false);
    else if (strcmp(what, "probe") == 0)
        client_loses_probe(client, false);
    else if (strcmp(what, "all") == 0)
        client_vanishes(client);
    else
        script_fail(script, "get, post, websocket, probe or all", what);
    world_turn(&script->world);
}

static const struct {
    const char *word;
    void (*perform)(struct script *script, struct client *client, char *rest);
} steps[] = {
    {"opens", opens},
    {"connects", connects},
    {"sends", sends},
    {"sends-bytes", sends_bytes},
    {"queues", queues},
    {"queues-bytes", queues_bytes},
    {"posts", posts},
    {"begins-post", begins_post},
    {"body", body},
    {"body-too-big", body_too_big},
    {"too-big", too_big},
    {"buffered", buffered},
    {"requests", requests},
    {"upgrades", upgrades},
    {"probe-sends", probe_sends},
    {"gets", gets},
    {"gets-bytes", gets_bytes},
    {"get-answered", get_answered},
    {"get-answered-bytes", get_answered_bytes},
    {"post-answered", post_answered},
    {"probe-gets", probe_gets},
    {"probe-closed", probe_closed},
    {"nothing", nothing},
    {"forgets", forgets},
    {"silent", silent},
    {"clogged", clogged},
    {"closed", closed},
    {"ended", ended},
    {"open", open_},
    {"transport", transport},
    {"leaves", leaves},
    {"loses", loses},
};

bool script_client_step(struct script *script, struct client *client, const char *word, char *rest)
{
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (strcmp(steps[i].word, word) == 0) {
            steps[i].perform(script, client, rest);
            return true;
        }
    }
    return false;
}
