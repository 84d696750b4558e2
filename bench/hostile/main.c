/* confab-hostile: see hostile.h. */
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/hostile/hostile.h"
#include "common/clock.h"
#include "common/mem.h"

#define EXIT_NO_SERVICE 69
#define OUT_MAX_BYTES (1u << 20)
#define RETURN_MS 100 /* and as much at random */

#define OPT(field, kind_, lo, hi, otherwise, words)     \
    {.name = #field,                                    \
     .type = OPTION_##kind_,                            \
     .offset = offsetof(struct hostile_options, field), \
     .min = (lo),                                       \
     .max = (hi),                                       \
     .def = (otherwise),                                \
     .choices = "",                                     \
     .group = "Options",                                \
     .text = (words)}

static const char *check_kind(const char *text)
{
    for (size_t i = 0; i < hostile_kind_count; i++)
        if (strcmp(hostile_kinds[i].name, text) == 0)
            return NULL;
    return "is no kind of hostile client (see bench/hostile/kinds.c)";
}

static const struct option_spec specs[] = {
    OPT(target, LIST, 1, 1, "http://127.0.0.1:3000", "Server, as http://HOST:PORT."),
    OPT(path, STRING, 1, 128, "/socket.io/", "Path of the Engine.IO endpoint."),
    OPT(connections, INT, 1, 100000, "500", "Clients at a time, evenly of all kinds."),
    {.name = "kind",
     .type = OPTION_LIST,
     .offset = offsetof(struct hostile_options, kind),
     .min = 0,
     .max = 64,
     .def = "",
     .choices = "",
     .check = check_kind,
     .group = "Options",
     .text = "Kinds of clients; all when none is named."},
    OPT(duration_ms, DURATION, 100, 86400000, "10s", "How long."),
    OPT(forwarded, BOOL, 0, 0, "off", "Say that each client comes from an address of its own."),
};

static void begin(struct foe *foe);

static void schedule(struct foe *foe, int64_t delay_ms)
{
    struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000};
    event_add(foe->timer, &delay);
}

static void end(struct foe *foe, bool by_server)
{
    if (foe->fd < 0)
        return;
    if (by_server)
        foe->tally->ended_by_server++;
    struct linger reset = {.l_onoff = 1};
    setsockopt(foe->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    event_free(foe->io);
    foe->io = NULL;
    close(foe->fd);
    foe->fd = -1;
    buf_fini(&foe->out);
    schedule(foe, RETURN_MS + rng_below(&foe->hostile->rng, RETURN_MS));
}

static bool flush(struct foe *foe)
{
    while (foe->out.len > 0) {
        ssize_t n = send(foe->fd, foe->out.data, foe->out.len, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return true;
        if (n < 0) {
            end(foe, true);
            return false;
        }
        foe->tally->sent_bytes += (uint64_t)n;
        buf_consume(&foe->out, (size_t)n);
    }
    return true;
}

static void watch(struct foe *foe, short what)
{
    if (foe->kind->deaf)
        what &= (short)~EV_READ;
    event_del(foe->io);
    event_assign(foe->io, foe->hostile->base, foe->fd, what | EV_PERSIST,
                 event_get_callback(foe->io), foe);
    if (what != 0)
        event_add(foe->io, NULL);
}

static void drain_input(struct foe *foe)
{
    char bytes[65536];
    ssize_t n = recv(foe->fd, bytes, sizeof(bytes), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        end(foe, true);
}

/* One block a time, so that all of them come to speak. */
static void speak(struct foe *foe)
{
    if (foe->out.len == 0) {
        foe->kind->speak(foe);
        foe->spoken++;
    }
    bool silent = foe->out.len == 0;
    if (!flush(foe))
        return;
    bool waits = foe->out.len > 0;
    if (!waits && (silent || foe->kind->pause_ms > 0)) {
        watch(foe, EV_READ);
        schedule(foe, foe->kind->pause_ms > 0 ? foe->kind->pause_ms : 1000);
    } else {
        watch(foe, EV_READ | EV_WRITE);
    }
}

static void on_io(int fd, short what, void *user)
{
    struct foe *foe = user;
    (void)fd;
    if (what & EV_READ)
        drain_input(foe);
    if (foe->fd >= 0 && what & EV_WRITE)
        speak(foe);
}

static void on_timer(int fd, short what, void *user)
{
    struct foe *foe = user;
    (void)fd;
    (void)what;
    if (foe->fd < 0)
        begin(foe);
    else if (foe->kind->leaves_ms > 0 &&
             clock_mono_ms() - foe->opened_at_ms >= foe->kind->leaves_ms)
        end(foe, false);
    else
        speak(foe);
}

static void begin(struct foe *foe)
{
    struct hostile *hostile = foe->hostile;
    foe->spoken = 0;
    buf_init(&foe->out, OUT_MAX_BYTES);
    foe->fd = socket(hostile->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (foe->fd < 0) {
        schedule(foe, RETURN_MS);
        return;
    }
    int on = 1;
    setsockopt(foe->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    foe->io = event_new(hostile->base, foe->fd, EV_WRITE | EV_PERSIST, on_io, foe);
    if (connect(foe->fd, (const struct sockaddr *)&hostile->address, hostile->address_bytes) != 0 &&
        errno != EINPROGRESS) {
        end(foe, false);
        return;
    }
    foe->tally->opened++;
    foe->opened_at_ms = clock_mono_ms();
    event_add(foe->io, NULL);
    if (foe->kind->leaves_ms > 0)
        schedule(foe, foe->kind->leaves_ms);
}

static bool resolve(struct hostile *hostile, const char *url)
{
    const char *rest = strncmp(url, "http://", 7) == 0 ? url + 7 : url;
    char host[256];
    snprintf(host, sizeof(host), "%.*s", (int)strcspn(rest, "/"), rest);
    char *colon = strrchr(host, ':');
    if (colon == NULL)
        return false;
    *colon = '\0';
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return false;
    memcpy(&hostile->address, found->ai_addr, found->ai_addrlen);
    hostile->address_bytes = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static const struct hostile_kind *pick_kind(const struct hostile *hostile, size_t i)
{
    const struct option_list *wanted = &hostile->options.kind;
    if (wanted->count == 0)
        return &hostile_kinds[i % hostile_kind_count];
    size_t k = 0;
    while (strcmp(hostile_kinds[k].name, wanted->items[i % wanted->count]) != 0)
        k++;
    return &hostile_kinds[k];
}

static void let_loose(struct hostile *hostile)
{
    size_t count = (size_t)hostile->options.connections;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    hostile->foes = xcalloc(count, sizeof(*hostile->foes));
    hostile->tallies = xcalloc(hostile_kind_count, sizeof(*hostile->tallies));
    for (size_t i = 0; i < count; i++) {
        struct foe *foe = &hostile->foes[i];
        foe->hostile = hostile;
        foe->kind = pick_kind(hostile, i);
        foe->tally = &hostile->tallies[foe->kind - hostile_kinds];
        foe->index = (unsigned)i;
        foe->fd = -1;
        foe->timer = event_new(hostile->base, -1, 0, on_timer, foe);
        schedule(foe, rng_below(&hostile->rng, 500));
    }
    struct timeval duration = {.tv_sec = hostile->options.duration_ms / 1000,
                               .tv_usec = hostile->options.duration_ms % 1000 * 1000};
    event_base_loopexit(hostile->base, &duration);
    event_base_dispatch(hostile->base);
}

static void report(const struct hostile *hostile)
{
    const char *before = "";
    printf("{");
    for (size_t i = 0; i < hostile_kind_count; i++) {
        const struct hostile_tally *tally = &hostile->tallies[i];
        if (tally->opened == 0)
            continue;
        printf("%s\n  \"%s\": {\"opened\": %" PRIu64 ", \"ended_by_server\": %" PRIu64
               ", \"sent_bytes\": %" PRIu64 "}",
               before, hostile_kinds[i].name, tally->opened, tally->ended_by_server,
               tally->sent_bytes);
        before = ",";
    }
    printf("\n}\n");
}

static void clean_up(struct hostile *hostile)
{
    for (size_t i = 0; hostile->foes != NULL && i < (size_t)hostile->options.connections; i++) {
        struct foe *foe = &hostile->foes[i];
        end(foe, false);
        event_free(foe->timer);
    }
    free(hostile->foes);
    free(hostile->tallies);
    event_base_free(hostile->base);
    rng_fini(&hostile->rng);
}

int main(int argc, char **argv)
{
    struct hostile hostile = {0};
    struct option_set set = {.program = "confab-hostile",
                             .summary = "Clients that break a server if they can.",
                             .specs = specs,
                             .spec_count = sizeof(specs) / sizeof(specs[0]),
                             .values_size = sizeof(struct hostile_options)};
    int status = options_main(&set, &hostile.options, argc, argv);
    if (status >= 0)
        return status;
    rng_init(&hostile.rng);
    hostile.base = event_base_new();
    status = EXIT_NO_SERVICE;
    if (hostile.base == NULL || !resolve(&hostile, hostile.options.target.items[0])) {
        fprintf(stderr, "confab-hostile: %s: no such host and port\n",
                hostile.options.target.items[0]);
    } else {
        let_loose(&hostile);
        report(&hostile);
        status = 0;
    }
    clean_up(&hostile);
    options_fini(&set, &hostile.options);
    return status;
}
