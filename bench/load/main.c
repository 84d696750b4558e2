/* confab-load: see bench/load/load.h and docs/load.md. */
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/load/load.h"
#include "common/mem.h"

#define EXIT_NO_SERVICE 69
#define RUN_CHARS 8

#define OPT(field, kind, lo, hi, otherwise, choice, heading, words) \
    {.name = #field,                                                \
     .type = OPTION_##kind,                                         \
     .offset = offsetof(struct load_options, field),                \
     .min = (lo),                                                   \
     .max = (hi),                                                   \
     .def = (otherwise),                                            \
     .choices = (choice),                                           \
     .group = (heading),                                            \
     .text = (words)}

static const char *check_rate(const char *text)
{
    char *end;
    double rate = strtod(text, &end);
    return *text == '\0' || *end != '\0' || !(rate >= 0) || rate > 1e7
               ? "is not a number from 0 to 10000000"
               : NULL;
}

static const struct option_spec specs[] = {
    OPT(target, LIST, 1, 64, "http://127.0.0.1:3000", "", "Where",
        "Server to load, as http://HOST:PORT; clients are spread over all that are given."),
    OPT(path, STRING, 1, 128, "/socket.io/", "", "Where", "Path of the Engine.IO endpoint."),
    OPT(clients, INT, 1, 1000000, "100", "", "Who", "Number of clients."),
    OPT(transport, ENUM, 0, 0, "websocket", "websocket|polling", "Who", "How they connect."),
    OPT(ramp, INT, 1, 100000, "500", "", "Who", "New clients a second."),
    OPT(login, BOOL, 0, 0, "off", "", "Who",
        "Log in under a name each (the chat needs it to speak)."),
    OPT(name_prefix, STRING, 1, 8, "load", "", "Who", "Beginning of the names."),
    OPT(rooms, INT, 0, 100000, "0", "", "What",
        "Spread the clients over so many rooms; 0: all together."),
    OPT(app, ENUM, 0, 0, "chat", "bench|chat", "What",
        "The application served: the chat, or the events of confab-benchapp."),
    OPT(mode, ENUM, 0, 0, "broadcast", "broadcast|echo|idle", "What",
        "Broadcast: what one client says reaches the others. Echo (benchapp): acknowledged to the sender alone. Idle: just stay connected."),
    OPT(senders, INT, 0, 100000, "0", "", "What",
        "How many of the clients send; 0: ten, or all in echo mode."),
    {.name = "rate",
     .type = OPTION_STRING,
     .offset = offsetof(struct load_options, rate_text),
     .min = 1,
     .max = 16,
     .def = "10",
     .choices = "",
     .check = check_rate,
     .group = "What",
     .text =
         "Messages a second, of all senders together. 0 in echo mode: each answer sends the next."},
    OPT(size_bytes, BYTES, 48, 4096, "100", "", "What", "Length of a message's text."),
    OPT(duration_ms, DURATION, 100, 86400000, "10s", "", "When", "How long to send."),
    OPT(settle_ms, DURATION, 0, 600000, "1s", "", "When",
        "Pause between the last connect and the first message."),
    OPT(drain_ms, DURATION, 0, 600000, "5s", "", "When",
        "How long to wait for what is still on its way."),
    OPT(quiet, BOOL, 0, 0, "off", "", "Output", "No line per second, only the JSON at the end."),
};

static bool resolve(struct load_target *target, const char *url)
{
    const char *rest = strncmp(url, "http://", 7) == 0 ? url + 7 : url;
    snprintf(target->host, sizeof(target->host), "%.*s", (int)strcspn(rest, "/"), rest);
    char host[256];
    snprintf(host, sizeof(host), "%s", target->host);
    char *colon = strrchr(host, ':');
    const char *port = "80";
    if (colon != NULL && strchr(colon, ']') == NULL) {
        *colon = '\0';
        port = colon + 1;
    }
    char *name = host;
    if (name[0] == '[' && name[strlen(name) - 1] == ']') {
        name[strlen(name) - 1] = '\0';
        name++;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int status = getaddrinfo(name, port, &hints, &found);
    if (status != 0) {
        fprintf(stderr, "confab-load: %s: %s\n", url, gai_strerror(status));
        return false;
    }
    memcpy(&target->address, found->ai_addr, found->ai_addrlen);
    target->address_bytes = found->ai_addrlen;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&target->address;
    target->loopback = v4->sin_family == AF_INET && ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    freeaddrinfo(found);
    return true;
}

/* A client is one descriptor, or two with polling. */
static bool raise_descriptors(const struct load_options *options)
{
    rlim_t needed = (rlim_t)options->clients * (options->transport == LOAD_POLLING ? 2 : 1) + 64;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < needed) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= needed)
        return true;
    fprintf(stderr,
            "confab-load: %lld clients need %llu file descriptors, the limit is %llu (ulimit -n)\n",
            (long long)options->clients, (unsigned long long)needed,
            (unsigned long long)limit.rlim_cur);
    return false;
}

static void prepare(struct load *load)
{
    const struct load_options *o = &load->options;
    unsigned clients = (unsigned)o->clients;
    bool echo = o->mode == LOAD_MODE_ECHO;
    load->options.rate = strtod(o->rate_text, NULL);
    load->sender_count = o->senders > 0 ? (unsigned)o->senders : echo ? clients : 10;
    if (load->sender_count > clients)
        load->sender_count = clients;
    load->options.senders = load->sender_count;
    load->clients = xcalloc(clients, sizeof(*load->clients));
    load->room_size = xcalloc((size_t)o->rooms + 1, sizeof(*load->room_size));
    load->next_seq = xcalloc(load->sender_count, sizeof(*load->next_seq));
    load->scratch = xmalloc(LOAD_READ_BYTES);
    load->text = xmalloc((size_t)o->size_bytes + 128);
    rng_base36(&load->rng, load->run, RUN_CHARS);
    for (unsigned i = 0; i < clients; i++) {
        struct client *client = &load->clients[i];
        client->load = load;
        client->index = i;
        client->room = o->rooms > 0 ? (int)(i % (unsigned)o->rooms) : -1;
        client->get.fd = -1;
        client->post.fd = -1;
    }
}

static void clean_up(struct load *load)
{
    free(load->clients);
    free(load->room_size);
    free(load->next_seq);
    free(load->scratch);
    free(load->text);
    free(load->targets);
    event_base_free(load->base);
    rng_fini(&load->rng);
    free(load);
}

int main(int argc, char **argv)
{
    struct load *load = xcalloc(1, sizeof(*load));
    struct option_set set = {.program = "confab-load",
                             .summary =
                                 "Many Socket.IO clients that measure how long messages take.",
                             .specs = specs,
                             .spec_count = sizeof(specs) / sizeof(specs[0]),
                             .values_size = sizeof(struct load_options)};
    int status = options_main(&set, &load->options, argc, argv);
    if (status >= 0) {
        free(load);
        return status;
    }
    rng_init(&load->rng);
    load->base = event_base_new();
    load->target_count = load->options.target.count;
    load->targets = xcalloc(load->target_count, sizeof(*load->targets));
    bool good = load->base != NULL && raise_descriptors(&load->options);
    for (size_t i = 0; good && i < load->target_count; i++)
        good = resolve(&load->targets[i], load->options.target.items[i]);
    status = EXIT_NO_SERVICE;
    if (good) {
        prepare(load);
        status = load_run(load);
    }
    options_fini(&set, &load->options);
    clean_up(load);
    return status;
}
