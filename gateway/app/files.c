/*
 * The chat page and npm's client bundles: found beside the program or the library, read once at the
 * start.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/app/gateway.h"
#include "gateway/net/net.h"
#include <confab/err.h>

#define PATH_BYTES 4096

static const char *const bundles[] = {
    "socket.io.js",
    "socket.io.js.map",
    "socket.io.min.js",
    "socket.io.min.js.map",
    "socket.io.esm.min.js",
    "socket.io.esm.min.js.map",
    "socket.io.msgpack.min.js",
    "socket.io.msgpack.min.js.map",
};

/* Where the files may lie, seen from the program or from libconfab.so: in a checkout these are in
 * <root>/build/<preset>/{bin,lib}/, installed in <prefix>/bin/ and <prefix>/lib/, or one deeper. */
static const char *const places[] = {"../../../web", "../share/confab/web",
                                     "../../share/confab/web"};

static bool is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Beside a file of ours. */
static bool find_beside(const char *file, char out[PATH_BYTES])
{
    const char *slash = strrchr(file, '/');
    for (size_t i = 0; slash != NULL && i < sizeof(places) / sizeof(places[0]); i++) {
        int n = snprintf(out, PATH_BYTES, "%.*s/%s", (int)(slash - file), file, places[i]);
        if (n < PATH_BYTES && is_directory(out))
            return true;
    }
    return false;
}

/* The program that this code is linked into, or the library that it was loaded from. */
static const char *own_file(void)
{
    Dl_info info;
    static const char anchor;
    return dladdr(&anchor, &info) != 0 && info.dli_fname != NULL ? info.dli_fname : "";
}

static bool find_directory(const struct options *options, char out[PATH_BYTES])
{
    if (options->web_dir[0] != '\0') {
        snprintf(out, PATH_BYTES, "%s", options->web_dir);
        return is_directory(out);
    }
    char program[PATH_BYTES / 2];
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    program[n > 0 ? n : 0] = '\0';
    return find_beside(program, out) || find_beside(own_file(), out);
}

/* Node's server says the client's version in the ETag. */
static void read_version(const char *directory, char version[32])
{
    char path[PATH_BYTES + 32];
    snprintf(path, sizeof(path), "%s/client/VERSION", directory);
    version[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    if (fgets(version, 32, file) != NULL)
        version[strcspn(version, "\r\n\"")] = '\0';
    fclose(file);
}

int gateway_load_files(struct gateway *gateway)
{
    char directory[PATH_BYTES], version[32];
    gateway->files = net_files_new();
    if (!find_directory(&gateway->options, directory)) {
        if (gateway->options.web_dir[0] != '\0') {
            fprintf(stderr, "%s: --web-dir %s is not a directory\n", gateway->app->name,
                    gateway->options.web_dir);
            return CONFAB_EINVAL;
        }
        log_warn(&gateway->log, "web_files_missing");
        return CONFAB_OK;
    }
    read_version(directory, version);
    for (size_t i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++) {
        char path[128], file[PATH_BYTES + 64];
        snprintf(path, sizeof(path), "%s%s", gateway->options.path, bundles[i]);
        snprintf(file, sizeof(file), "%s/client/%s", directory, bundles[i]);
        if (net_files_add(gateway->files, path, file, version[0] ? version : NULL) != CONFAB_OK)
            log_warn(&gateway->log, "client_bundle_missing", LOG_S("file", bundles[i]));
    }
    bool with_page = gateway->app->with_page ||
                     (gateway->app->setup == NULL && gateway->options.app == APP_CHAT);
    char page[PATH_BYTES + 8];
    snprintf(page, sizeof(page), "%s/page", directory);
    if (with_page && net_files_add_directory(gateway->files, "/", page) != CONFAB_OK)
        log_warn(&gateway->log, "page_missing");
    return CONFAB_OK;
}
