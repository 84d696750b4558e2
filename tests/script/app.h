/*
 * The application of scripts: clients tell it by their events what to do, and what it learned is
 * kept as lines until the script asks for them. Where the chat has `/`, it has the others alone.
 *
 * Namespaces: `/` and `/b` are open to all; `/guarded` does what the CONNECT's auth says:
 * {"token": NAME} is decided by the script, {"refuse": TEXT} is refused, else the socket is let in.
 */
#ifndef CONFAB_TESTS_SCRIPT_APP_H
#define CONFAB_TESTS_SCRIPT_APP_H

#include "common/list.h"
#include "tests/script/world.h"

struct chat;

struct app {
    struct world *world;
    struct list told;   /* struct app_line.link */
    struct list tokens; /* struct app_token.link: named, also when spent */
    struct chat *chat;
};

struct app_line {
    struct list link;
    char text[];
};

/* Before world_init(). */
void app_init(struct app *app, struct world *world);
/* After it; `with_chat`: the chat on `/`. */
void app_begin(struct app *app, bool with_chat);
/* After world_fini(). */
void app_fini(struct app *app);

/* Keeps a line for the script. */
void app_tell(struct app *app, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The oldest line; NULL: none. The caller frees it. */
struct app_line *app_take_line(struct app *app);

enum app_decision { APP_ALLOW, APP_REFUSE, APP_ANSWER };
/* Decides a named token; `text`: of the refusal, or the ack's arguments as JSON ("": no ack).
 * Returns what the server says; CONFAB_EINVAL: no token has this name. */
int app_decide(struct app *app, const char *name, enum app_decision decision, const char *text);

#endif
