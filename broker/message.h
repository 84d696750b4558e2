/*
 * A message: one emit on its way through the cluster.
 *
 * Counted and immutable once it was given away. It carries what the Redis adapter's format carries
 * (namespace, rooms, except, flags, arguments as values) and, made lazily by Socket.IO's room, the
 * frames that clients get; so a broadcast is encoded once whatever the number of receivers. The
 * memory broker hands the same object from sender to receivers; the Redis broker makes it anew from
 * bytes. It knows no socket and no session.
 */
#ifndef CONFAB_BROKER_MESSAGE_H
#define CONFAB_BROKER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct confab_value;
struct frame_set;

enum message_flag {
    MESSAGE_VOLATILE = 1u << 0,     /* may be dropped where a client cannot take it now */
    MESSAGE_LOCAL = 1u << 1,        /* this node only; never published */
    MESSAGE_COMPRESS_OFF = 1u << 2, /* compress:false was said */
    MESSAGE_COMPRESS_ON = 1u << 3,  /* compress:true was said (both absent: not said; the wire keeps
                                       the difference) */
    MESSAGE_NO_FLAGS = 0
};

/* Bytes with a length and a NUL behind them. Room names are compared as bytes. */
struct text {
    const char *bytes;
    size_t length;
};

struct message {
    unsigned references;
    unsigned flags;
    struct text nsp;
    struct confab_value *args; /* array: event name, arguments; never NULL */
    unsigned room_count;       /* 0: everybody in the namespace */
    unsigned except_count;
    const struct text *rooms;  /* duplicates removed */
    const struct text *except; /* rooms whose members are left out */
    struct frame_set *wire;    /* NULL until message_set_wire() */
};

/*
 * Copies all texts; takes `args`. rooms/except may be NULL when their count is 0. The caller owns
 * the one reference. Counts and lengths from outside must have been bounded before.
 */
struct message *message_new(const char *nsp, size_t nsp_bytes, const struct text *rooms,
                            unsigned room_count, const struct text *except, unsigned except_count,
                            unsigned flags, struct confab_value *args);
struct message *message_hold(struct message *message);
void message_release(struct message *message);

/* The only late addition: the frames for clients; takes the reference. Setting twice is an error
 * (asserted). */
void message_set_wire(struct message *message, struct frame_set *wire);

#endif
