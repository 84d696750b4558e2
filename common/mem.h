/*
 * Allocation that does not return on failure.
 *
 * For small objects of a size the program chose itself. A size that came from a peer is limited
 * first, and where even the limited size is large the caller uses malloc() and returns
 * CONFAB_ENOMEM. All results are freed with free().
 */
#ifndef CONFAB_COMMON_MEM_H
#define CONFAB_COMMON_MEM_H

#include <stddef.h>

/* All of these abort the process with one line on stderr when memory is out or n * size overflows.
 * A size of 0 is taken as 1, so the result is never NULL and always unique. */
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size); /* zeroed */
void *xrealloc(void *old, size_t size);
void *xreallocarray(void *old, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);      /* at most n bytes, stops at a NUL */
void *xmemdup(const void *data, size_t len);  /* exact copy */
char *xmemdup0(const void *data, size_t len); /* exact copy with a NUL behind it */

#endif
