/*
 * The Lua scripts that run inside Redis, embedded when the program is built from the readable files
 * in broker/lua/.
 *
 * Each script is one atomic step. All keys it touches come in KEYS; times are Redis' own (TIME);
 * channels it publishes to come in ARGV, as channels are no keys.
 */
#ifndef CONFAB_BROKER_REDIS_SCRIPTS_H
#define CONFAB_BROKER_REDIS_SCRIPTS_H

#include <stddef.h>

struct redis_script {
    const char *name;
    const char *sha1; /* 40 hexadecimal digits: what Redis knows it by */
    const char *text;
    size_t length_bytes;
    unsigned index; /* 0 … REDIS_SCRIPT_COUNT - 1 */
};

/* X(name): broker/lua/<name>.lua. The build fails when the list and the folder differ. */
#define REDIS_SCRIPTS(X) \
    X(lease)             \
    X(enter)             \
    X(claim)             \
    X(restore)           \
    X(reclaim)           \
    X(prune)             \
    X(release)           \
    X(sweep)             \
    X(load)              \
    X(leave)

enum redis_script_index {
#define X(name) REDIS_SCRIPT_INDEX_##name,
    REDIS_SCRIPTS(X)
#undef X
        REDIS_SCRIPT_COUNT
};

#define X(name) extern const struct redis_script redis_script_##name;
REDIS_SCRIPTS(X)
#undef X

#endif
