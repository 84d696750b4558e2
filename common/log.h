/*
 * Log lines: a level, a fixed event id and typed fields.
 *
 *     log_info(log, "session_closed", LOG_S("reason", reason), LOG_I("bytes", n));
 *
 *     2030-01-31T23:59:59.123Z info session_closed reason=ping_timeout bytes=512            (text)
 *     {"ts":"2030-…","level":"info","event":"session_closed","reason":"ping_timeout","bytes":512}
 * (json)
 *
 * One event is one line whatever the values hold: control characters, quotes, line ends, bytes that
 * are not UTF-8 and characters that reorder or hide text are escaped, long values are cut. Event
 * ids and keys are written by us (lower case and '_') and not escaped. The fields are not evaluated
 * when the level is off. Protocol code does not log; the rooms that own sockets do.
 */
#ifndef CONFAB_COMMON_LOG_H
#define CONFAB_COMMON_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

#define LOG_LEVEL_NAMES "error|warn|info|debug" /* in the enum's order, for option tables */
#define LOG_FORMAT_NAMES "text|json"
#define LOG_VALUE_MAX_BYTES 1024 /* a longer value is cut there and ends in "..." */
#define LOG_LINE_MAX_BYTES 16384 /* fields that do not fit any more are left out */

struct log {
    enum log_level level;
    enum log_format format;
    FILE *sink;               /* borrowed; written with one fwrite per line and flushed */
    int64_t (*wall_ms)(void); /* clock_wall_ms, or a test's */
    uint64_t lines;           /* written so far */
};

void log_init(struct log *log, enum log_level level, enum log_format format, FILE *sink);

enum log_type {
    LOG_TYPE_END,
    LOG_TYPE_STRING,
    LOG_TYPE_BYTES,
    LOG_TYPE_INT,
    LOG_TYPE_UINT,
    LOG_TYPE_DOUBLE,
    LOG_TYPE_BOOL
};

struct log_field {
    const char *key;
    enum log_type type;
    union {
        const char *s;
        int64_t i;
        uint64_t u;
        double d;
    } v;
    size_t len; /* LOG_TYPE_BYTES only */
};

/* Fields: string (NULL shows as null), counted bytes, signed, unsigned, fraction, truth. */
#define LOG_S(k, value) {(k), LOG_TYPE_STRING, {.s = (value)}, 0}
#define LOG_B(k, data, n) {(k), LOG_TYPE_BYTES, {.s = (const char *)(data)}, (n)}
#define LOG_I(k, value) {(k), LOG_TYPE_INT, {.i = (value)}, 0}
#define LOG_U(k, value) {(k), LOG_TYPE_UINT, {.u = (value)}, 0}
#define LOG_D(k, value) {(k), LOG_TYPE_DOUBLE, {.d = (value)}, 0}
#define LOG_T(k, value) {(k), LOG_TYPE_BOOL, {.i = (value) ? 1 : 0}, 0}
#define LOG_END {NULL, LOG_TYPE_END, {.i = 0}, 0}

static inline bool log_enabled(const struct log *log, enum log_level level)
{
    return log != NULL && level <= log->level;
}

/* Writes the line; fields end with LOG_END. The macros below are the usual way in; a NULL log
 * swallows everything. */
void log_write(struct log *log, enum log_level level, const char *event,
               const struct log_field *fields);

/* (log, level, "event", fields...), (log, "event", fields...) */
#define LOG_FIELDS_(log, level, event, ...)                                              \
    do {                                                                                 \
        if (log_enabled((log), (level)))                                                 \
            log_write((log), (level), (event), (const struct log_field[]){__VA_ARGS__}); \
    } while (0)
#define log_at(log, level, ...) LOG_FIELDS_(log, level, __VA_ARGS__, LOG_END)
#define log_error(log, ...) LOG_FIELDS_(log, LOG_ERROR, __VA_ARGS__, LOG_END)
#define log_warn(log, ...) LOG_FIELDS_(log, LOG_WARN, __VA_ARGS__, LOG_END)
#define log_info(log, ...) LOG_FIELDS_(log, LOG_INFO, __VA_ARGS__, LOG_END)
#define log_debug(log, ...) LOG_FIELDS_(log, LOG_DEBUG, __VA_ARGS__, LOG_END)

/* The same with errno's text as the field "error" at the end; number is errno, saved by the caller
 * where other calls came between. */
#define log_error_errno(log, number, ...) \
    LOG_FIELDS_(log, LOG_ERROR, __VA_ARGS__, LOG_S("error", log_errno_text(number)), LOG_END)
#define log_warn_errno(log, number, ...) \
    LOG_FIELDS_(log, LOG_WARN, __VA_ARGS__, LOG_S("error", log_errno_text(number)), LOG_END)
const char *log_errno_text(int number);

/*
 * A limit on one event that outsiders can provoke, kept by the owner of the log lines: at most
 * per_second lines a second. The first line after a pause tells how many were left out:
 * `log_suppressed of=EVENT count=N`.
 */
struct log_limit {
    uint32_t per_second;
    uint32_t used;       /* in the current second */
    uint64_t suppressed; /* since the last line that told */
    int64_t window_at_ms;
};

void log_limit_init(struct log_limit *limit, uint32_t per_second);

/* True when one more line may be written now (monotonic milliseconds); writes the log_suppressed
 * line first when one is owed. */
bool log_limit_pass(struct log_limit *limit, struct log *log, enum log_level level,
                    const char *event, int64_t now_ms);

/* (log, limit, now_ms, level, "event", fields...) */
#define LOG_LIMITED_(log, limit, now_ms, level, event, ...)                              \
    do {                                                                                 \
        if (log_enabled((log), (level)) &&                                               \
            log_limit_pass((limit), (log), (level), (event), (now_ms)))                  \
            log_write((log), (level), (event), (const struct log_field[]){__VA_ARGS__}); \
    } while (0)
#define log_limited(log, limit, now_ms, level, ...) \
    LOG_LIMITED_(log, limit, now_ms, level, __VA_ARGS__, LOG_END)

#endif
