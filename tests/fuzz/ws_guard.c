/* WebSocket frames: however the bytes are cut into pieces, frames end at the same places with the
 * same opcodes, and are refused at the same place with the same code. The first byte is the size of
 * the pieces, the second one the limit of a message. */
#include "gateway/net/ws_guard.h"
#include "common/buf.h"
#include "common/mem.h"
#include "tests/fuzz/fuzz.h"

#define EVENTS_BYTES (1 << 20)

static void note(struct buf *events, size_t at, enum ws_step step, unsigned what)
{
    buf_printf(events, "%zu:%d:%u ", at, (int)step, what);
}

static void read_pieces(struct buf *events, const uint8_t *bytes, size_t length, size_t piece,
                        uint32_t max_message_bytes)
{
    struct ws_guard guard = {0};
    enum ws_step step = WS_STEP_MORE;
    size_t at = 0;
    while (at < length && step != WS_STEP_BAD) {
        size_t given = length - at < piece ? length - at : piece;
        uint8_t *exact = xmemdup(bytes + at, given);
        enum ws_opcode opcode = WS_CONTINUATION;
        enum ws_close_code code = WS_CLOSE_NONE;
        size_t consumed = 0;
        step = ws_guard_read(&guard, exact, given, max_message_bytes, &consumed, &opcode, &code);
        free(exact);
        FUZZ_CHECK(consumed > 0 && consumed <= given);
        FUZZ_CHECK(step != WS_STEP_MORE || consumed == given);
        FUZZ_CHECK(guard.message_bytes <= max_message_bytes);
        at += consumed;
        if (step == WS_STEP_BAD)
            FUZZ_CHECK(code == WS_CLOSE_PROTOCOL || code == WS_CLOSE_TOO_BIG);
        if (step != WS_STEP_MORE)
            note(events, at, step, step == WS_STEP_BAD ? (unsigned)code : (unsigned)opcode);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    struct buf whole, pieces;
    if (length_bytes < 3)
        return 0;
    uint32_t max_message_bytes = bytes[1] * 64u;
    buf_init(&whole, EVENTS_BYTES);
    buf_init(&pieces, EVENTS_BYTES);
    read_pieces(&whole, bytes + 2, length_bytes - 2, SIZE_MAX, max_message_bytes);
    read_pieces(&pieces, bytes + 2, length_bytes - 2, 1u + bytes[0] % 32, max_message_bytes);
    FUZZ_CHECK(strcmp(buf_text(&whole), buf_text(&pieces)) == 0);
    buf_fini(&whole);
    buf_fini(&pieces);
    return 0;
}
