/* A line to Redis that can be cut: a proxy on a port of its own. */
#ifndef CONFAB_TESTS_REDIS_LINE_H
#define CONFAB_TESTS_REDIS_LINE_H

#include <stdint.h>

struct event_base;
struct line;

struct line *line_new(struct event_base *base, uint16_t to_port);
void line_free(struct line **line);
uint16_t line_port(const struct line *line);
/* Ends all connections at once; new ones end at once as well, until it is mended. */
void line_cut(struct line *line);
void line_mend(struct line *line);

#endif
