#define _POSIX_C_SOURCE 200809L

#include "tests/unit/common/options_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/test.h"

#define MAX_ARGS 16

void run_write_file(char *path, const char *content, size_t len)
{
    int fd;

    strcpy(path, "/tmp/confab-options-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, len), (ssize_t)len);
    close(fd);
}

void run_with(struct run *r, const char *args, const char *const *env, const char *file)
{
    char copy[512];
    char *argv[MAX_ARGS] = {copy};
    char *envp[MAX_ARGS] = {NULL};
    int argc = 1;

    r->set = options_gateway("confab-gateway");
    buf_init(&r->text, 1 << 20);
    run_write_file(r->path, file != NULL ? file : "", file != NULL ? strlen(file) : 0);
    run_write_file(r->secret_path, "first line\nsecond\n", 18);
    snprintf(copy, sizeof(copy), "confab-gateway %s", args);
    strtok(copy, " ");
    for (char *arg; (arg = strtok(NULL, " ")) != NULL && argc < MAX_ARGS;) {
        if (strcmp(arg, "@") == 0)
            arg = r->path;
        argv[argc++] = strcmp(arg, "%") == 0 ? r->secret_path : arg;
    }
    for (int i = 0; env != NULL && env[i] != NULL; i++)
        envp[i] = strdup(env[i]);
    r->status = options_parse(&r->set, &r->opt, argc, argv, envp, &r->text);
    for (int i = 0; envp[i] != NULL; i++)
        free(envp[i]);
}

void run_end(struct run *r)
{
    if (r->status == OPTIONS_RUN)
        options_fini(&r->set, &r->opt);
    buf_fini(&r->text);
    unlink(r->path);
    unlink(r->secret_path);
}
