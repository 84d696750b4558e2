/* One call of the option parser on the gateway's table: what goes in as text, what comes out. */
#ifndef CONFAB_TESTS_UNIT_COMMON_OPTIONS_RUN_H
#define CONFAB_TESTS_UNIT_COMMON_OPTIONS_RUN_H

#include "common/buf.h"
#include "common/options.h"

struct run {
    struct option_set set;
    struct options opt;
    struct buf text;
    enum options_status status;
    char path[64];        /* the configuration file */
    char secret_path[64]; /* a file with a secret in its first line */
};

/* args are split at blanks; "@" stands for the configuration file, "%" for the secret's file. env
 * is one variable or NULL. */
void run_with(struct run *r, const char *args, const char *const *env, const char *file);
void run_end(struct run *r);
/* A temporary file; `path` has room for 64 bytes. */
void run_write_file(char *path, const char *content, size_t len);

#endif
