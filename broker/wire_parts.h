/* What wire*.c share: reading loosely typed documents as JavaScript does, and pieces of messages.
 * Nobody else includes it. */
#ifndef CONFAB_BROKER_WIRE_PARTS_H
#define CONFAB_BROKER_WIRE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/message.h"
#include "broker/wire.h"

struct buf;
struct confab_value;

/* A request or response: JSON if the first byte is `{`, else msgpack. NULL when it is neither. The
 * caller owns it. */
struct confab_value *wire_parse(const void *bytes, size_t length_bytes);
/* A broadcast: always msgpack. */
struct confab_value *wire_parse_msgpack(const void *bytes, size_t length_bytes);

/* Whether an `if` takes it. */
bool wire_truthy(const struct confab_value *value);

/* The text of a room or id that is a string or a number; numbers are spelled into a string that is
 * added to the array `spelled` (created if NULL). False for other kinds. */
bool wire_room_text(const struct confab_value *value, struct confab_value **spelled,
                    struct text *out);

/* Rooms on their way from a document to a message or request. */
struct wire_rooms {
    struct text *texts; /* owned */
    unsigned count;
    bool matchless; /* there were some, but none that can be anybody's room */
};

/*
 * What `new Set(value)` makes of it: an array's items, a string's characters, nothing of undefined
 * and null. Items that are neither strings nor numbers are left out. False when JavaScript would
 * throw, or there are too many.
 */
bool wire_rooms_read(const struct confab_value *value, struct confab_value **spelled,
                     struct wire_rooms *out);

/*
 * The message of a packet and its opts, in namespace `nsp` (the packet's own one is not looked at).
 * `flags` says whether opts' flags count. WIRE_TAKE: *message is the caller's.
 */
enum wire_verdict wire_message_of(const struct confab_value *packet,
                                  const struct confab_value *opts, const char *nsp, bool flags,
                                  struct message **message);

/* msgpack by hand, where keys and order are fixed. */
void wire_put_text(struct buf *out, const char *bytes, size_t length_bytes);
void wire_put_string(struct buf *out, const char *text);
void wire_put_array(struct buf *out, size_t count);
/* A piece of msgpack given as a literal. */
#define WIRE_PUT(out, literal) buf_append((out), (literal), sizeof(literal) - 1)

/* `{type:2,data:[...],nsp}`, the array being args with `holes` more items that are not written; cut
 * in two where they go if `after` is another buffer. CONFAB_ELIMIT also when an argument is nested
 * too deeply, which the buffer does not know. */
int wire_put_packet(struct buf *out, struct buf *after, const struct message *message,
                    unsigned holes);
/* The items of `rooms` and `except`, as arrays behind their keys. */
void wire_put_rooms(struct buf *out, const struct message *message);

#endif
