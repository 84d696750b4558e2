/* Allocation that aborts instead of failing; see mem.h for when that is right. */
#include "common/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p, size_t size)
{
    if (p == NULL) {
        fprintf(stderr, "out of memory (%zu bytes)\n", size);
        abort();
    }
    return p;
}

static size_t product(size_t n, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(n, size, &total))
        checked(NULL, SIZE_MAX);
    return total;
}

void *xmalloc(size_t size)
{
    return checked(malloc(size != 0 ? size : 1), size);
}

void *xcalloc(size_t n, size_t size)
{
    size_t total = product(n, size);

    return checked(calloc(1, total != 0 ? total : 1), total);
}

void *xrealloc(void *old, size_t size)
{
    return checked(realloc(old, size != 0 ? size : 1), size);
}

void *xreallocarray(void *old, size_t n, size_t size)
{
    return xrealloc(old, product(n, size));
}

char *xstrdup(const char *s)
{
    return xmemdup0(s, strlen(s));
}

char *xstrndup(const char *s, size_t n)
{
    const char *end = memchr(s, '\0', n);

    return xmemdup0(s, end != NULL ? (size_t)(end - s) : n);
}

void *xmemdup(const void *data, size_t len)
{
    void *copy = xmalloc(len);

    if (len != 0)
        memcpy(copy, data, len);
    return copy;
}

char *xmemdup0(const void *data, size_t len)
{
    char *copy;

    if (len == SIZE_MAX)
        checked(NULL, len);
    copy = xmalloc(len + 1);
    if (len != 0)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}
