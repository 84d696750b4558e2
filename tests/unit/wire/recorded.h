/* A recorded Redis message: which channel it came on, and its bytes. */
#ifndef CONFAB_TESTS_UNIT_WIRE_RECORDED_H
#define CONFAB_TESTS_UNIT_WIRE_RECORDED_H

#include "broker/wire.h"
#include "tests/unit/vectors.h"

struct recorded {
    const char *id;
    const char *set;
    const char *name; /* of the case */
    const char *encoding;
    const char *channel;
    const char *key; /* the adapter's prefix, from the channel */
    const char *nsp;
    struct wire_channel parsed;
    uint8_t *bytes; /* owned */
    size_t length;
    bool throws; /* Node does, when it reads it */
};

/* The next row that was a message, NULL at the end; recorded->bytes of the last one is freed. Start
 * with a zeroed struct. */
const struct confab_value *recorded_next(struct vectors *vectors, struct recorded *recorded);

bool recorded_in(const struct recorded *recorded, const char *set);

#endif
