/*
 * A script: a plain text file of steps on a world (world.h), read and performed line by line. The
 * language is described in tests/script/README.md. What does not happen as it stands there ends the
 * process with the file, the line, what was expected and what came.
 */
#ifndef CONFAB_TESTS_SCRIPT_SCRIPT_H
#define CONFAB_TESTS_SCRIPT_SCRIPT_H

#include "common/buf.h"
#include "tests/script/app.h"
#include "tests/script/client.h"
#include "tests/script/world.h"

#define SCRIPT_SETTINGS_MAX 16
#define SCRIPT_NAMES_MAX 32
#define SCRIPT_ENDS_MAX 64
#define SCRIPT_TEXT_MAX_BYTES (1u << 22)

struct script {
    const char *path;
    unsigned line;
    bool begun; /* the world is there: no more settings */
    bool with_chat;
    struct world world;
    struct app app;
    struct harness_config config;
    struct {
        const char *field;
        int64_t value;
    } settings[SCRIPT_SETTINGS_MAX];
    size_t setting_count;
    /* What patterns caught: ${name}. */
    struct {
        char name[24], text[200];
    } names[SCRIPT_NAMES_MAX];
    size_t name_count;
    /* Sessions that ended, in that order. */
    struct {
        char sid[64];
        enum eio_close_reason reason;
    } ends[SCRIPT_ENDS_MAX];
    size_t end_count;
    struct buf text; /* of the step, with names replaced */
};

void script_fail(const struct script *script, const char *expected, const char *got)
    __attribute__((noreturn));
/* Makes the world at the first step that needs it. */
void script_begin(struct script *script);
/* The client of that name; NULL: none. */
struct client *script_client(const struct script *script, const char *name);

/* ---- words.c: texts with names in them ---- */

/* Cuts the first word off; "" at the end. */
char *script_word(char **rest);
/* A number; fails on anything else. */
int64_t script_number(struct script *script, const char *word);
/* Replaces ${name}, ${x:1000} (a text so many times) and \x1e (a byte); the result lies in
 * script->text until the next call. Names that are not known stay as they are. */
const char *script_expand(struct script *script, const char *from);
/* Whether a text is as the pattern says, in which `*` is anything and ${name} catches what it
 * stands for. */
bool script_matches(struct script *script, const char *pattern, const char *text);

/* ---- steps ---- */

/* False: no such step. `rest` is what stands behind its word. */
bool script_client_step(struct script *script, struct client *client, const char *word, char *rest);
bool script_world_step(struct script *script, const char *word, char *rest);

#endif
