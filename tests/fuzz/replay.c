/* Gives a fuzz target the files and directories that are named, once each, where there is no
 * fuzzer. A directory that does not exist is an empty one: not every target has regressions. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/mem.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX_BYTES (1 << 20)

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    uint8_t *room = xmalloc(INPUT_MAX_BYTES);
    size_t length = fread(room, 1, INPUT_MAX_BYTES, file);
    fclose(file);
    uint8_t *exact = xmemdup(room, length);
    free(room);
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(exact, length);
    free(exact);
    return 1;
}

/* How many inputs were tried; negative: something could not be read. */
static int replay(const char *path)
{
    struct stat about;
    int tried = 0;
    if (stat(path, &about) != 0)
        return errno == ENOENT ? 0 : -1;
    if (!S_ISDIR(about.st_mode))
        return replay_file(path);
    DIR *directory = opendir(path);
    if (directory == NULL)
        return -1;
    const struct dirent *entry;
    while (tried >= 0 && (entry = readdir(directory)) != NULL) {
        char inside[PATH_MAX];
        snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            tried = replay_file(inside) < 0 ? -1 : tried + 1;
    }
    closedir(directory);
    return tried;
}

int main(int argc, char **argv)
{
    int sum = 0;
    for (int i = 1; i < argc; i++) {
        int tried = replay(argv[i]);
        if (tried < 0)
            return 2;
        sum += tried;
    }
    printf("%d inputs\n", sum);
    return sum > 0 ? 0 : 2;
}
