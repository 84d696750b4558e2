/* Formatting of log lines. A line is made in memory and written with one call, so lines of several
 * processes on one pipe do not mix. */
#include "common/log.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/utf8.h"

/* One value escapes to six times its bytes at most; the room above the line's limit lets the last
 * field be judged after it was written. */
#define SCRATCH_BYTES (LOG_LINE_MAX_BYTES + 6 * LOG_VALUE_MAX_BYTES + 256)

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_init(struct log *log, enum log_level level, enum log_format format, FILE *sink)
{
    *log = (struct log){.level = level, .format = format, .sink = sink, .wall_ms = clock_wall_ms};
}

const char *log_errno_text(int number)
{
    return strerror(number);
}

/* Characters that a terminal or a reader's eye could take for something else: controls, line
 * breaks, and those that hide or reorder what is around them. */
static bool needs_escape(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || cp == 0xad || cp == 0x61c ||
           (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
           (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff || (cp >= 0xe0000 && cp <= 0xe0fff);
}

static void put_unicode_escape(struct buf *b, uint32_t cp)
{
    if (cp >= 0x10000) {
        cp -= 0x10000;
        buf_printf(b, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + (cp >> 10), 0xdc00 + (cp & 0x3ff));
    } else {
        buf_printf(b, "\\u%04" PRIx32, cp);
    }
}

static void put_escaped(struct buf *b, const char *s, size_t len)
{
    size_t at = 0;

    while (at < len) {
        uint32_t cp = 0;
        size_t n = utf8_decode(s + at, len - at, &cp);

        if (n == 0) {
            put_unicode_escape(b, 0xfffd);
            at++;
            continue;
        }
        if (cp == '"' || cp == '\\') {
            buf_put_u8(b, '\\');
            buf_put_u8(b, (uint8_t)cp);
        } else if (cp == '\n') {
            buf_puts(b, "\\n");
        } else if (cp == '\r') {
            buf_puts(b, "\\r");
        } else if (cp == '\t') {
            buf_puts(b, "\\t");
        } else if (needs_escape(cp)) {
            put_unicode_escape(b, cp);
        } else {
            buf_append(b, s + at, n);
        }
        at += n;
    }
}

/* True when the text form can do without quotes. */
static bool is_plain_word(const char *s, size_t len)
{
    if (len == 0 || (len == 4 && memcmp(s, "null", 4) == 0))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] <= ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' || s[i] == '=')
            return false;
    }
    return true;
}

static void put_string(struct buf *b, enum log_format format, const char *s, size_t len)
{
    bool cut = len > LOG_VALUE_MAX_BYTES;

    if (cut) {
        len = LOG_VALUE_MAX_BYTES;
        /* Not in the middle of a character. */
        for (int i = 0; i < 3 && len > 0 && ((uint8_t)s[len] & 0xc0) == 0x80; i++)
            len--;
    }
    if (format == LOG_TEXT && !cut && is_plain_word(s, len)) {
        buf_append(b, s, len);
        return;
    }
    buf_put_u8(b, '"');
    put_escaped(b, s, len);
    buf_puts(b, cut ? "...\"" : "\"");
}

static void put_value(struct buf *b, enum log_format format, const struct log_field *f)
{
    switch (f->type) {
    case LOG_TYPE_STRING:
    case LOG_TYPE_BYTES:
        if (f->v.s == NULL)
            buf_puts(b, "null");
        else
            put_string(b, format, f->v.s, f->type == LOG_TYPE_STRING ? strlen(f->v.s) : f->len);
        break;
    case LOG_TYPE_INT:
        buf_put_int(b, f->v.i);
        break;
    case LOG_TYPE_UINT:
        buf_put_uint(b, f->v.u);
        break;
    case LOG_TYPE_DOUBLE:
        if (isfinite(f->v.d))
            buf_printf(b, "%.6g", f->v.d);
        else
            buf_puts(b, "null");
        break;
    case LOG_TYPE_BOOL:
        buf_puts(b, f->v.i != 0 ? "true" : "false");
        break;
    case LOG_TYPE_END:
        break;
    }
}

static void put_head(struct buf *b, const struct log *log, enum log_level level, const char *event)
{
    char ts[CLOCK_UTC_BYTES];

    clock_format_utc(ts, log->wall_ms());
    if (log->format == LOG_JSON)
        buf_printf(b, "{\"ts\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", ts, level_names[level],
                   event);
    else
        buf_printf(b, "%s %s %s", ts, level_names[level], event);
}

static void put_field(struct buf *b, const struct log *log, const struct log_field *f)
{
    size_t before = b->len;

    buf_printf(b, log->format == LOG_JSON ? ",\"%s\":" : " %s=", f->key);
    put_value(b, log->format, f);
    if (b->len > LOG_LINE_MAX_BYTES)
        buf_truncate(b, before);
}

void log_write(struct log *log, enum log_level level, const char *event,
               const struct log_field *fields)
{
    struct buf line;

    if (!log_enabled(log, level))
        return;
    buf_init(&line, SCRATCH_BYTES);
    put_head(&line, log, level, event);
    for (; fields->type != LOG_TYPE_END; fields++)
        put_field(&line, log, fields);
    buf_puts(&line, log->format == LOG_JSON ? "}\n" : "\n");
    /* Nobody is left to tell when the log itself cannot be written. */
    if (buf_error(&line) == 0) {
        fwrite(line.data, 1, line.len, log->sink);
        fflush(log->sink);
        log->lines++;
    }
    buf_fini(&line);
}

void log_limit_init(struct log_limit *limit, uint32_t per_second)
{
    *limit = (struct log_limit){.per_second = per_second, .window_at_ms = INT64_MIN};
}

bool log_limit_pass(struct log_limit *limit, struct log *log, enum log_level level,
                    const char *event, int64_t now_ms)
{
    if (limit->window_at_ms == INT64_MIN || now_ms - limit->window_at_ms >= 1000) {
        uint64_t suppressed = limit->suppressed;

        limit->window_at_ms = now_ms;
        limit->used = 0;
        limit->suppressed = 0;
        if (suppressed != 0)
            log_at(log, level, "log_suppressed", LOG_S("of", event), LOG_U("count", suppressed));
    }
    if (limit->used >= limit->per_second) {
        limit->suppressed++;
        return false;
    }
    limit->used++;
    return true;
}
