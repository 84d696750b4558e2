/* A broadcast from Redis: what is taken can be written, is taken again, and is then written as the
 * same bytes. */
#include "broker/wire.h"
#include "common/buf.h"
#include "tests/fuzz/fuzz.h"
#include <confab/err.h>

#define OUT_BYTES (16 << 20)
#define OWN_UID "abcdef"
#define OTHER_UID "zzzzzz"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    struct message *message, *again;
    struct buf first, second;
    if (wire_read_broadcast(bytes, length_bytes, "/", OWN_UID, &message) != WIRE_TAKE) {
        FUZZ_CHECK(message == NULL);
        fuzz_check_nothing_left();
        return 0;
    }
    FUZZ_CHECK(message->room_count <= WIRE_ROOMS_MAX && message->except_count <= WIRE_ROOMS_MAX);
    buf_init(&first, OUT_BYTES);
    buf_init(&second, OUT_BYTES);
    FUZZ_CHECK(wire_write_broadcast(&first, OTHER_UID, message) == CONFAB_OK);
    FUZZ_CHECK(wire_read_broadcast(first.data, first.len, "/", OTHER_UID, &again) == WIRE_OWN);
    FUZZ_CHECK(wire_read_broadcast(first.data, first.len, "/", OWN_UID, &again) == WIRE_TAKE);
    FUZZ_CHECK(again->flags == message->flags);
    FUZZ_CHECK(again->room_count == message->room_count);
    FUZZ_CHECK(again->except_count == message->except_count);
    FUZZ_CHECK(wire_write_broadcast(&second, OTHER_UID, again) == CONFAB_OK);
    FUZZ_CHECK(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    message_release(again);
    message_release(message);
    buf_fini(&first);
    buf_fini(&second);
    fuzz_check_nothing_left();
    return 0;
}
