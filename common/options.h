/*
 * Options from the command line, the environment and a file, driven by a table.
 *
 * The gateway's table is options.def; a tool brings its own array of struct option_spec and its own
 * struct of values. For every option the first of these that names it wins as a whole: flag,
 * environment variable, configuration file (--config FILE, or <prefix>CONFIG), default. Wrong usage
 * gives one line and the exit status 64; nothing is printed here.
 *
 * What every program gets besides its own table: --config FILE, --check-config, --print-config,
 * --help, --version. A table without an env_prefix has no environment variables.
 *
 *   flags      --name value, --name=value; truths: --name, --name on, --name=off, --no-name
 *   file       "name = value" lines; '#' starts a comment at a line's begin or behind a blank; a
 *              value in double quotes is taken as it stands
 *   durations  25s, 100ms, 1m, 2h; a plain number: milliseconds
 *   sizes      1MB, 1MiB, 64kB, 512B; a plain number: bytes
 *   secrets    SECRET and URL options also from a file's first line: --name-file,
 *              <prefix>NAME_FILE, "name-file ="
 */
#ifndef CONFAB_COMMON_OPTIONS_H
#define CONFAB_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

/* Type -> C type of the field in the struct of values. Texts are owned by the struct
 * (options_fini() frees), never NULL. */
enum option_type {
    OPTION_BOOL,     /* bool */
    OPTION_INT,      /* int64_t */
    OPTION_DURATION, /* int64_t, milliseconds */
    OPTION_BYTES,    /* int64_t */
    OPTION_STRING,   /* char * */
    OPTION_SECRET,   /* char *, never printed */
    OPTION_URL,      /* char *, printed with the password masked */
    OPTION_ENUM,     /* int, index into choices */
    OPTION_LIST,     /* struct option_list */
    OPTION_COMMAND   /* bool; a flag only */
};

struct option_list {
    char **items; /* owned */
    size_t count;
};

struct option_spec {
    const char *name; /* as the field, with '_' */
    enum option_type type;
    size_t offset; /* offsetof the field in the struct of values */
    int64_t min;
    int64_t max;
    const char *def;     /* default, as it would be written in the file; "" for none */
    const char *choices; /* ENUM: "a|b|c" */
    const char *(*check)(const char *); /* options_check.h, or NULL */
    const char *group;                  /* heading in --help and the docs */
    const char *text;
};

struct option_set {
    const char *program;
    const char *summary;    /* one line for --help */
    const char *env_prefix; /* "CONFAB_", or NULL */
    const struct option_spec *specs;
    size_t spec_count;
    size_t values_size; /* sizeof the struct of values */
    /* Checks across options after all are known: NULL, or what is wrong. May be NULL. */
    const char *(*check_all)(const void *values);
};

enum options_status {
    OPTIONS_RUN,  /* go on; text is empty */
    OPTIONS_EXIT, /* text is for stdout; exit with 0 */
    OPTIONS_BAD   /* text is one line for stderr; exit with 64 */
};

#define OPTIONS_EXIT_USAGE 64

/* Parses into *values, which is zeroed first. envp is a NULL-terminated array of "NAME=value", or
 * NULL for none. text is reset first. values needs options_fini() after OPTIONS_RUN only. Reads the
 * configuration file and secrets' files; no other effects. */
enum options_status options_parse(const struct option_set *set, void *values, int argc,
                                  char *const *argv, char *const *envp, struct buf *text);
void options_fini(const struct option_set *set, void *values);

/* What a main() does with it: parses with the process's environment and prints. Returns -1 to go
 * on, else the status to exit with. */
int options_main(const struct option_set *set, void *values, int argc, char *const *argv);

/* The parsers of single values, for tests and for other texts with units. CONFAB_OK, CONFAB_EPARSE
 * or CONFAB_ELIMIT (overflow). */
int option_parse_int(const char *text, int64_t *out);
int option_parse_duration_ms(const char *text, int64_t *out);
int option_parse_bytes(const char *text, int64_t *out);
int option_parse_bool(const char *text, bool *out);

/* The gateway's own. */
#define OPTION_CTYPE_BOOL bool
#define OPTION_CTYPE_INT int64_t
#define OPTION_CTYPE_DURATION int64_t
#define OPTION_CTYPE_BYTES int64_t
#define OPTION_CTYPE_STRING char *
#define OPTION_CTYPE_SECRET char *
#define OPTION_CTYPE_URL char *
#define OPTION_CTYPE_ENUM int
#define OPTION_CTYPE_LIST struct option_list
#define OPTION_CTYPE_COMMAND bool

struct options {
#define OPTION(field, type, min, max, def, choices, check, group, text) OPTION_CTYPE_##type field;
#include "common/options.def"
#undef OPTION
};

enum option_parser { PARSER_JSON, PARSER_MSGPACK };
enum option_redis_rooms { REDIS_ROOMS_EXACT, REDIS_ROOMS_ALL };
enum option_redis_response_channel { REDIS_RESPONSE_SHARED, REDIS_RESPONSE_SPECIFIC };
enum option_app { APP_CHAT, APP_NONE };
enum option_same_site { SAME_SITE_LAX, SAME_SITE_STRICT, SAME_SITE_NONE };
/* log_level and log_format: enum log_level, enum log_format of common/log.h */

/* The set made from options.def; program is the name to show. Its values are a struct options. */
struct option_set options_gateway(const char *program);

#endif
