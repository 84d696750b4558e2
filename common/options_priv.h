/*
 * What the parts of the option parser share: texts are gathered first, each with its source
 * (options.c, options_file.c), then turned into values (options_value.c) and shown
 * (options_show.c).
 */
#ifndef CONFAB_COMMON_OPTIONS_PRIV_H
#define CONFAB_COMMON_OPTIONS_PRIV_H

#include "common/options.h"

/* In rising precedence. */
enum option_source { OPTION_FROM_DEFAULT, OPTION_FROM_FILE, OPTION_FROM_ENV, OPTION_FROM_FLAG };

/* The texts of one option from its strongest source so far. */
struct option_given {
    enum option_source source;
    char *where;  /* owned; how the user knows the place: "--listen", "CONFAB_LISTEN", "gw.conf:12"
                   */
    char **texts; /* owned; several for a LIST only */
    size_t count;
};

struct option_run {
    const struct option_set *set;
    struct buf *text;           /* borrowed; what the caller prints */
    struct option_given *given; /* owned; one for each spec */
    char *config_path;          /* owned */
    char *config_where;         /* owned; what named the file */
    bool check_config;
    bool print_config;
};

/* Puts "program: message" with a line end into run->text. Always OPTIONS_BAD. */
enum options_status options_fail(struct option_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The option called name, written as flags and keys are ("ping-interval-ms"); NULL if there is
 * none. With *from_file the name with
 * "-file" behind it is taken too, for the types that may come from a file. */
const struct option_spec *options_find(const struct option_set *set, const char *name,
                                       size_t name_len, bool *from_file);

/* The best guess at what was meant by an unknown name, as an option's name with '-'; false when
 * nothing is near. */
bool options_guess(const struct option_set *set, const char *name, char *out, size_t size);

/* Writes the name with '-' for '_'. */
void options_dashed(const char *name, char *out, size_t size);
#define OPTION_NAME_BYTES 64

static inline bool option_takes_file(enum option_type type)
{
    return type == OPTION_SECRET || type == OPTION_URL;
}

/* Takes one text (copied) for an option, unless a stronger source has spoken. from_file: text is
 * the path of a file whose first line is meant. */
enum options_status options_give(struct option_run *run, const struct option_spec *spec,
                                 enum option_source source, const char *where, const char *text,
                                 bool from_file);

/* Wipes (where secret) and frees the texts; the array and where stay. */
void options_forget(struct option_given *given, const struct option_spec *spec);

/* Reads the configuration file run->config_path. */
enum options_status options_read_file(struct option_run *run);

/* Turns the texts into the field in values. CONFAB_OK, or an error with the reason (no line end) in
 * why. */
int option_store(const struct option_spec *spec, void *values, const char *const *texts,
                 size_t count, struct buf *why);
void option_clear(const struct option_spec *spec, void *values);

/* Texts of OPTIONS_EXIT. */
void options_show_help(const struct option_set *set, struct buf *out);
void options_show_config(const struct option_run *run, const void *values, struct buf *out);

#endif
