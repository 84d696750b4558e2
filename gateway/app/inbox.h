/*
 * What is to be done on the loop's thread, posted from anywhere: a list under a lock, and a
 * descriptor that wakes the loop.
 */
#ifndef CONFAB_APP_INBOX_H
#define CONFAB_APP_INBOX_H

struct confab_server;
struct event_base;
struct inbox;

/* `emptied` is called in the loop after each round of what was posted. All borrowed for its life.
 * NULL: no descriptor is left. */
struct inbox *inbox_new(struct event_base *base, struct confab_server *server,
                        void (*emptied)(void *user), void *user);
/* Any thread. As confab_post(). */
int inbox_post(struct inbox *inbox, void (*fn)(struct confab_server *server, void *user),
               void (*dropped)(void *user), void *user);
/* Drops what waits; from here on nothing is taken. */
void inbox_close(struct inbox *inbox);
/* Nobody may post any more. NULL inside is fine. */
void inbox_free(struct inbox **inbox);

#endif
