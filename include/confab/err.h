/*
 * The error numbers of the whole program, one table.
 *
 * Every function that can fail returns CONFAB_OK (0) or one of the negative values below; results
 * travel through out-parameters. errno never crosses a room: whoever sees it first turns it into
 * one of these. A parser may return a count of consumed bytes instead of CONFAB_OK, which is why
 * all errors are negative.
 */
#ifndef CONFAB_ERR_H
#define CONFAB_ERR_H

#include <confab/export.h>

CONFAB_API_BEGIN

/* X(symbol, number, short name for logs, text for people). Numbers are part of the C API: append,
 * never renumber. */
#define CONFAB_ERRORS(X)                                                    \
    X(CONFAB_OK, 0, "ok", "no error")                                       \
    X(CONFAB_EINVAL, -1, "invalid", "invalid argument")                     \
    X(CONFAB_ENOMEM, -2, "no_memory", "out of memory")                      \
    X(CONFAB_ELIMIT, -3, "limit", "a limit was exceeded")                   \
    X(CONFAB_EPARSE, -4, "parse", "malformed input")                        \
    X(CONFAB_ECLOSED, -5, "closed", "already closed")                       \
    X(CONFAB_EAGAIN, -6, "again", "not possible right now, try again")      \
    X(CONFAB_ENOTFOUND, -7, "not_found", "not found")                       \
    X(CONFAB_EEXISTS, -8, "exists", "already exists")                       \
    X(CONFAB_EUNAVAILABLE, -9, "unavailable", "a needed service is away")   \
    X(CONFAB_ETIMEDOUT, -10, "timed_out", "the deadline passed")            \
    X(CONFAB_EBUSY, -11, "busy", "busy with another request")               \
    X(CONFAB_EDENIED, -12, "denied", "not permitted")                       \
    X(CONFAB_EIO, -13, "io", "input or output failed")                      \
    X(CONFAB_ECANCELED, -14, "canceled", "canceled before it finished")     \
    X(CONFAB_EUNSUPPORTED, -15, "unsupported", "not supported")             \
    X(CONFAB_EPARTIAL, -16, "partial", "more input is needed")              \
    X(CONFAB_EADDRINUSE, -17, "addr_in_use", "the address is not bindable") \
    X(CONFAB_EINTERNAL, -18, "internal", "internal error")

enum confab_err {
#define X(symbol, number, name, text) symbol = (number),
    CONFAB_ERRORS(X)
#undef X
};

/* The text for people; never NULL, "unknown error" for a number outside the table. */
const char *confab_strerror(int err);

/* The short lower-case name used as a value in log lines and metrics; never NULL. */
const char *confab_errname(int err);

CONFAB_API_END

#endif
