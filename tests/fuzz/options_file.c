/* A configuration file: one that is taken is printed as a file that is taken, too, and means the
 * same. The parsers of single values get the text as well. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/options.h"
#include "tests/fuzz/fuzz.h"
#include <confab/err.h>

#define OUT_BYTES (4 << 20)

/* Takes the text as the file behind --config and prints what came of it. */
static enum options_status print_config(const char *text, size_t length, struct buf *out)
{
    struct option_set set = options_gateway("confab-gateway");
    struct options values;
    char path[64];
    char program[] = "confab-gateway", flag[] = "--config", print[] = "--print-config";
    char *argv[] = {program, flag, path, print, NULL};
    int file = memfd_create("config", MFD_CLOEXEC);
    FUZZ_CHECK(file >= 0 && write(file, text, length) == (ssize_t)length);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    enum options_status status = options_parse(&set, &values, 4, argv, NULL, out);
    close(file);
    FUZZ_CHECK(status != OPTIONS_RUN);
    FUZZ_CHECK(buf_error(out) == CONFAB_OK && out->len > 0);
    return status;
}

/* The lengths of a printed line, with and without the remark on where the value came from. */
static size_t line_length(const char *line, size_t *setting)
{
    size_t length = strcspn(line, "\n");
    *setting = length;
    for (size_t i = length; i-- > 0;) {
        if (strncmp(line + i, "  # ", 4) == 0) {
            *setting = i;
            break;
        }
    }
    return length;
}

/* Lines that are remarks hold secrets, which are not printed; all others are the same. */
static void check_settings(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        size_t a_setting, b_setting;
        size_t a_length = line_length(a, &a_setting);
        size_t b_length = line_length(b, &b_setting);
        if (*a != '#')
            FUZZ_CHECK(a_setting == b_setting && memcmp(a, b, a_setting) == 0);
        a += a_length + (a[a_length] == '\n');
        b += b_length + (b[b_length] == '\n');
    }
    FUZZ_CHECK(*a == '\0' && *b == '\0');
}

/* Durations and sizes without a unit are what they are printed as. */
static void check_values(const char *text)
{
    int64_t number, again;
    char plain[32];
    bool truth;
    if (option_parse_duration_ms(text, &number) == CONFAB_OK) {
        snprintf(plain, sizeof(plain), "%lld", (long long)number);
        FUZZ_CHECK(option_parse_duration_ms(plain, &again) == CONFAB_OK && again == number);
    }
    if (option_parse_bytes(text, &number) == CONFAB_OK) {
        snprintf(plain, sizeof(plain), "%lld", (long long)number);
        FUZZ_CHECK(option_parse_bytes(plain, &again) == CONFAB_OK && again == number);
    }
    option_parse_int(text, &number);
    option_parse_bool(text, &truth);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    struct buf first, second;
    char *text = xmemdup0(bytes, length_bytes);
    check_values(text);
    /* "redis-file = /dev/stdin" would wait for somebody to type. */
    if (strstr(text, "file") == NULL) {
        buf_init(&first, OUT_BYTES);
        buf_init(&second, OUT_BYTES);
        if (print_config(text, length_bytes, &first) == OPTIONS_EXIT) {
            FUZZ_CHECK(print_config(buf_text(&first), first.len, &second) == OPTIONS_EXIT);
            check_settings(buf_text(&first), buf_text(&second));
        } else {
            FUZZ_CHECK(strchr(buf_text(&first), '\n') == buf_text(&first) + first.len - 1);
        }
        buf_fini(&first);
        buf_fini(&second);
    }
    free(text);
    return 0;
}
