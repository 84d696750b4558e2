/*
 * confab-hostile: clients that break a server if they can, many at a time, each in one of the ways
 * of kinds.c: bytes that mean nothing, requests that never end, lengths that lie, floods, clients
 * that never read. One that is thrown out comes again. It judges nothing: it is let loose while
 * somebody else measures how the others are served.
 *
 * main.c   options, connections, time, the count at the end
 * kinds.c  what each kind of client sends
 */
#ifndef CONFAB_BENCH_HOSTILE_H
#define CONFAB_BENCH_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/buf.h"
#include "common/options.h"
#include "common/rng.h"

struct event;
struct event_base;
struct foe;

struct hostile_kind {
    const char *name;
    /* The next bytes to send, appended to foe->out; called when all former ones are in the kernel
     * and pause_ms have passed. Nothing appended: it has said all it has to say. */
    void (*speak)(struct foe *foe);
    int pause_ms;
    bool deaf;     /* never reads */
    int leaves_ms; /* goes away by itself after so long, with a reset; 0: when thrown out */
};
extern const struct hostile_kind hostile_kinds[];
extern const size_t hostile_kind_count;

struct hostile_tally {
    uint64_t opened, ended_by_server, sent_bytes;
};

struct hostile_options {
    struct option_list target;
    struct option_list kind; /* none: all */
    int64_t connections;
    int64_t duration_ms;
    char *path;
    bool forwarded;
};

struct hostile {
    struct hostile_options options;
    struct event_base *base;
    struct rng rng;
    struct sockaddr_storage address;
    socklen_t address_bytes;
    struct foe *foes;
    struct hostile_tally *tallies; /* by kind */
};

/* One connection, and after its end the next of the same kind. */
struct foe {
    struct hostile *hostile;
    const struct hostile_kind *kind;
    struct hostile_tally *tally;
    unsigned index;
    unsigned spoken; /* calls of speak() on this connection */
    int fd;          /* -1: between two connections */
    struct event *io, *timer;
    int64_t opened_at_ms;
    struct buf out;
};

#endif
