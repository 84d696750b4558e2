/* Files in memory: read once, served under fixed paths. A path is looked up as it was sent; nothing
 * a client says ever becomes a name in the file system. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "gateway/net/internal.h"
#include <confab/err.h>

#define FILE_MAX_BYTES (64 * 1024 * 1024) /* all files together */
#define DEPTH_MAX 3
#define PATH_MAX_BYTES 512
#define ETAG_MAX_BYTES 64

/* A file in one content coding, made when somebody first asks for it and kept. */
struct packed {
    bool was_tried;
    uint8_t *bytes; /* owned; NULL: not worth it */
    size_t length;
};

struct file {
    char *path; /* owned */
    size_t path_bytes;
    char *lines; /* owned: ETag and Cache-Control */
    struct packed packed[CODING_COUNT];
    char etag[ETAG_MAX_BYTES + 3];
    const char *content_type;
    uint8_t *bytes; /* owned */
    size_t length;
};

struct net_files {
    struct file *files; /* owned; sorted by path */
    size_t count;
    size_t total_bytes;
};

struct net_files *net_files_new(void)
{
    return xcalloc(1, sizeof(struct net_files));
}

void net_files_free(struct net_files **pointer)
{
    struct net_files *files = *pointer;

    *pointer = NULL;
    if (files == NULL)
        return;
    for (size_t i = 0; i < files->count; i++) {
        free(files->files[i].path);
        free(files->files[i].lines);
        free(files->files[i].bytes);
        for (int k = 0; k < CODING_COUNT; k++)
            free(files->files[i].packed[k].bytes);
    }
    free(files->files);
    free(files);
}

size_t net_files_count(const struct net_files *files)
{
    return files->count;
}

static const char *content_type_of(const char *name)
{
    static const struct {
        const char *suffix;
        const char *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "application/javascript; charset=utf-8"},
        {".map", "application/json"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"},
        {".webmanifest", "application/manifest+json"},
    };
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(dot, types[i].suffix) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

static int read_whole(const char *name, size_t limit_bytes, uint8_t **bytes, size_t *length)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat about;
    size_t at = 0;
    ssize_t n = 1;

    if (fd < 0)
        return errno == ENOENT ? CONFAB_ENOTFOUND : CONFAB_EIO;
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) ||
        (uint64_t)about.st_size > limit_bytes) {
        close(fd);
        return S_ISREG(about.st_mode) ? CONFAB_ELIMIT : CONFAB_EIO;
    }
    *length = (size_t)about.st_size;
    *bytes = xmalloc(*length);
    while (at < *length && (n = read(fd, *bytes + at, *length - at)) > 0)
        at += (size_t)n;
    close(fd);
    if (at == *length)
        return CONFAB_OK;
    free(*bytes);
    return CONFAB_EIO;
}

/* FNV-1a, 64 bits: tells versions of one file apart, no more. */
static uint64_t hash_of(const uint8_t *bytes, size_t length)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    return hash;
}

static int compare_paths(const void *left, const void *right)
{
    const struct file *a = left;
    const struct file *b = right;
    size_t common = a->path_bytes < b->path_bytes ? a->path_bytes : b->path_bytes;
    int order = memcmp(a->path, b->path, common);

    if (order != 0)
        return order;
    return a->path_bytes < b->path_bytes ? -1 : a->path_bytes > b->path_bytes;
}

static void make_lines(struct file *file, const char *etag)
{
    char lines[ETAG_MAX_BYTES + 80];

    if (etag != NULL)
        snprintf(file->etag, sizeof(file->etag), "\"%.*s\"", ETAG_MAX_BYTES, etag);
    else
        snprintf(file->etag, sizeof(file->etag), "\"%zx-%016llx\"", file->length,
                 (unsigned long long)hash_of(file->bytes, file->length));
    snprintf(lines, sizeof(lines), "ETag: %s\r\nCache-Control: public, max-age=0\r\n", file->etag);
    file->lines = xstrdup(lines);
}

int net_files_add(struct net_files *files, const char *path, const char *name, const char *etag)
{
    struct file file = {.path = xstrdup(path), .path_bytes = strlen(path)};
    int err = read_whole(name, FILE_MAX_BYTES - files->total_bytes, &file.bytes, &file.length);

    if (err != CONFAB_OK) {
        free(file.path);
        return err;
    }
    file.content_type = content_type_of(name);
    make_lines(&file, etag);
    files->files = xreallocarray(files->files, files->count + 1, sizeof(file));
    files->files[files->count++] = file;
    files->total_bytes += file.length;
    qsort(files->files, files->count, sizeof(file), compare_paths);
    return CONFAB_OK;
}

static bool is_plain_name(const char *name)
{
    if (name[0] == '.')
        return false;
    for (; *name != '\0'; name++) {
        if (!isalnum((unsigned char)*name) && strchr("._-", *name) == NULL)
            return false;
    }
    return true;
}

static int add_directory(struct net_files *files, const char *prefix, const char *directory,
                         int depth);

static int add_entry(struct net_files *files, const char *prefix, const char *directory,
                     const char *entry, int depth)
{
    char path[PATH_MAX_BYTES];
    char name[4096];
    struct stat about;
    int err;

    if (snprintf(path, sizeof(path), "%s%s", prefix, entry) >= (int)sizeof(path) ||
        snprintf(name, sizeof(name), "%s/%s", directory, entry) >= (int)sizeof(name))
        return CONFAB_ELIMIT;
    if (lstat(name, &about) != 0)
        return CONFAB_EIO;
    if (S_ISDIR(about.st_mode) && depth < DEPTH_MAX) {
        size_t length = strlen(path);

        if (length + 2 > sizeof(path))
            return CONFAB_ELIMIT;
        memcpy(path + length, "/", 2);
        return add_directory(files, path, name, depth + 1);
    }
    if (!S_ISREG(about.st_mode))
        return CONFAB_OK;
    err = net_files_add(files, path, name, NULL);
    if (err == CONFAB_OK && strcmp(entry, "index.html") == 0)
        err = net_files_add(files, prefix, name, NULL);
    return err;
}

static int add_directory(struct net_files *files, const char *prefix, const char *directory,
                         int depth)
{
    DIR *open_directory = opendir(directory);
    struct dirent *entry;
    int err = CONFAB_OK;

    if (open_directory == NULL)
        return errno == ENOENT || errno == ENOTDIR ? CONFAB_ENOTFOUND : CONFAB_EIO;
    while (err == CONFAB_OK && (entry = readdir(open_directory)) != NULL) {
        if (is_plain_name(entry->d_name))
            err = add_entry(files, prefix, directory, entry->d_name, depth);
    }
    closedir(open_directory);
    return err;
}

int net_files_add_directory(struct net_files *files, const char *prefix, const char *directory)
{
    return add_directory(files, prefix, directory, 1);
}

/* If-None-Match: a list of tags, weak ones too, or "*". */
static bool has_version(const struct net_request *request, const struct file *file)
{
    const char *known = net_request_header(request, "if-none-match");

    return known != NULL && (strcmp(known, "*") == 0 || strstr(known, file->etag) != NULL);
}

/* Texts; pictures and fonts are compressed already. */
static bool is_compressible(const struct file *file)
{
    static const char *const types[] = {"text/", "application/javascript", "application/json",
                                        "application/manifest", "image/svg"};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strncmp(file->content_type, types[i], strlen(types[i])) == 0)
            return true;
    }
    return false;
}

/* The largest bundle's map holds the loop up for some 20 ms, once. */
static const struct packed *pack(struct file *file, enum coding coding)
{
    struct packed *packed = &file->packed[coding];
    struct coder *coder;
    struct buf out;

    if (packed->was_tried)
        return packed;
    packed->was_tried = true;
    buf_init(&out, file->length);
    coder = coder_new(CODER_THOROUGH);
    if (coder_run(coder, coding, file->bytes, file->length, &out)) {
        packed->bytes = xmemdup(out.data, out.len);
        packed->length = out.len;
    }
    coder_free(&coder);
    buf_fini(&out);
    return packed;
}

/* The header lines are put together in net's scratch. */
static void fill(struct net_response *response, struct file *file,
                 const struct net_request *request)
{
    struct net *net = request->conn->net;
    enum coding coding = (enum coding)request->conn->http->coding;
    bool may_pack = net->compress_from_bytes != 0 && file->length >= net->compress_from_bytes &&
                    is_compressible(file);
    const struct packed *packed =
        may_pack && coding != CODING_NONE && response->status == 200 ? pack(file, coding) : NULL;

    buf_reset(&net->lines);
    buf_puts(&net->lines, file->lines);
    if (may_pack)
        buf_puts(&net->lines, "Vary: Accept-Encoding\r\n");
    response->body = file->bytes;
    response->body_bytes = file->length;
    if (packed != NULL && packed->bytes != NULL) {
        buf_puts(&net->lines, coding_line(coding));
        response->body = packed->bytes;
        response->body_bytes = packed->length;
    }
    response->headers = buf_text(&net->lines);
}

bool net_files_serve(struct net_files *files, struct net_request *request)
{
    const struct http_head *head = request->head;
    struct file wanted = {.path = head->url, .path_bytes = head->path_bytes};
    struct file *file;
    struct net_response response = {.status = 200, .body_stays = true};

    if ((head->method != EIO_GET && head->method != EIO_HEAD) || head->wants_websocket ||
        files->count == 0)
        return false;
    file = bsearch(&wanted, files->files, files->count, sizeof(wanted), compare_paths);
    if (file == NULL)
        return false;
    if (has_version(request, file))
        response.status = 304;
    else
        response.content_type = file->content_type;
    fill(&response, file, request);
    net_respond(request, &response);
    return true;
}
