/* One turn of an event loop, so that a test can look between two. */
#ifndef CONFAB_TESTS_UNIT_REDIS_LINK_LOOP_TURN_H
#define CONFAB_TESTS_UNIT_REDIS_LINK_LOOP_TURN_H

struct event_base;

/* At most so many milliseconds long, less than a second. */
void loop_turn(struct event_base *base, int longest_ms);

#endif
