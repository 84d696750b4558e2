/* The guard in front of WebSocket frames: what passes, what is refused and with which code, however
 * the bytes are cut. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "gateway/net/ws_guard.h"
#include "tests/unit/mutate.h"

#define LIMIT 100000

/* A client's frame with a payload of zeros, or (payload false) its header alone. */
static void add_frame(struct buf *out, uint8_t first, uint64_t length, bool payload)
{
    buf_put_u8(out, first);
    if (length < 126) {
        buf_put_u8(out, (uint8_t)(0x80 | length));
    } else if (length < 65536) {
        buf_put_u8(out, 0x80 | 126);
        buf_put_u16be(out, (uint16_t)length);
    } else {
        buf_put_u8(out, 0x80 | 127);
        buf_put_u64be(out, length);
    }
    buf_put_u32be(out, 0x01020304);
    if (payload)
        memset(buf_extend(out, (size_t)length), 0, (size_t)length);
}

struct outcome {
    unsigned frames;
    unsigned last_opcode;
    enum ws_close_code code; /* WS_CLOSE_NONE: all was taken */
    size_t consumed;
};

static struct outcome run_guard(struct ws_guard guard, const struct buf *in, size_t piece)
{
    struct outcome outcome = {0};

    while (outcome.consumed < in->len) {
        size_t length = in->len - outcome.consumed;
        size_t consumed = 0;
        enum ws_opcode opcode;
        enum ws_step step =
            ws_guard_read(&guard, in->data + outcome.consumed, length < piece ? length : piece,
                          LIMIT, &consumed, &opcode, &outcome.code);

        assert_true(consumed > 0 && consumed <= length);
        outcome.consumed += consumed;
        if (step == WS_STEP_BAD) {
            assert_int_not_equal(outcome.code, WS_CLOSE_NONE);
            return outcome;
        }
        if (step == WS_STEP_END) {
            outcome.frames++;
            outcome.last_opcode = opcode;
        }
    }
    return outcome;
}

static struct outcome run(const struct buf *in, size_t piece)
{
    return run_guard((struct ws_guard){0}, in, piece);
}

static void expect(const char *name, const struct buf *in, unsigned frames, enum ws_close_code code)
{
    for (size_t piece = 1; piece <= in->len && piece < 300; piece++) {
        struct outcome outcome = run(in, piece);

        if (outcome.frames != frames || outcome.code != code)
            fail_msg("%s in pieces of %zu: %u frames, code %d", name, piece, outcome.frames,
                     outcome.code);
    }
}

static void test_single_frames(void **state)
{
    static const struct {
        const char *name;
        uint8_t first;
        uint64_t length;
        bool payload;
        unsigned frames;
        enum ws_close_code code;
    } cases[] = {
        {"text", 0x81, 5, true, 1, WS_CLOSE_NONE},
        {"empty text", 0x81, 0, true, 1, WS_CLOSE_NONE},
        {"binary", 0x82, 125, true, 1, WS_CLOSE_NONE},
        {"16 bits", 0x82, 126, true, 1, WS_CLOSE_NONE},
        {"64 bits", 0x82, 65536, true, 1, WS_CLOSE_NONE},
        {"the limit", 0x82, LIMIT, true, 1, WS_CLOSE_NONE},
        {"above the limit", 0x82, LIMIT + 1, false, 0, WS_CLOSE_TOO_BIG},
        {"far above", 0x82, UINT64_C(1) << 40, false, 0, WS_CLOSE_TOO_BIG},
        {"highest bit", 0x82, UINT64_C(1) << 63, false, 0, WS_CLOSE_PROTOCOL},
        {"ping", 0x89, 125, true, 1, WS_CLOSE_NONE},
        {"pong", 0x8a, 0, true, 1, WS_CLOSE_NONE},
        {"close", 0x88, 2, true, 1, WS_CLOSE_NONE},
        {"long ping", 0x89, 126, false, 0, WS_CLOSE_PROTOCOL},
        {"ping in pieces", 0x09, 1, false, 0, WS_CLOSE_PROTOCOL},
        {"close in pieces", 0x08, 1, false, 0, WS_CLOSE_PROTOCOL},
        {"RSV1", 0xc1, 1, false, 0, WS_CLOSE_PROTOCOL},
        {"RSV2", 0xa1, 1, false, 0, WS_CLOSE_PROTOCOL},
        {"RSV3", 0x91, 1, false, 0, WS_CLOSE_PROTOCOL},
        {"opcode 3", 0x83, 1, false, 0, WS_CLOSE_PROTOCOL},
        {"opcode 11", 0x8b, 1, false, 0, WS_CLOSE_PROTOCOL},
        {"nothing to continue", 0x80, 1, false, 0, WS_CLOSE_PROTOCOL},
    };
    struct buf in;

    (void)state;
    buf_init(&in, 1000000);
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        buf_reset(&in);
        add_frame(&in, cases[i].first, cases[i].length, cases[i].payload);
        expect(cases[i].name, &in, cases[i].frames, cases[i].code);
    }
    buf_fini(&in);
}

/* RSV1 marks whole messages, on their first frames, and nothing else. */
static void test_compressed(void **state)
{
    static const struct {
        const char *name;
        uint8_t first[3];
        unsigned frames;
        enum ws_close_code code;
    } cases[] = {
        {"text", {0xc1, 0x81, 0xc2}, 3, WS_CLOSE_NONE},
        {"fragments", {0x41, 0x00, 0x80}, 3, WS_CLOSE_NONE},
        {"ping between", {0x42, 0x89, 0x80}, 3, WS_CLOSE_NONE},
        {"on a continuation", {0x41, 0xc0, 0x81}, 1, WS_CLOSE_PROTOCOL},
        {"on a later one", {0x01, 0x40, 0x81}, 1, WS_CLOSE_PROTOCOL},
        {"on a ping", {0xc9, 0x81, 0x81}, 0, WS_CLOSE_PROTOCOL},
        {"on a pong inside", {0x41, 0xca, 0x80}, 1, WS_CLOSE_PROTOCOL},
        {"on a close", {0x81, 0xc8, 0x81}, 1, WS_CLOSE_PROTOCOL},
        {"with RSV2", {0xe1, 0x81, 0x81}, 0, WS_CLOSE_PROTOCOL},
        {"RSV3 alone", {0x91, 0x81, 0x81}, 0, WS_CLOSE_PROTOCOL},
        {"opcode 3", {0xc3, 0x81, 0x81}, 0, WS_CLOSE_PROTOCOL},
    };
    struct buf in;

    (void)state;
    buf_init(&in, 1000000);
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        buf_reset(&in);
        for (int k = 0; k < 3; k++)
            add_frame(&in, cases[i].first[k], 5, true);
        for (size_t piece = 1; piece <= in.len; piece++) {
            struct ws_guard guard = {.may_deflate = true};
            struct outcome outcome = run_guard(guard, &in, piece);

            if (outcome.frames != cases[i].frames || outcome.code != cases[i].code)
                fail_msg("%s in pieces of %zu: %u frames, code %d", cases[i].name, piece,
                         outcome.frames, outcome.code);
        }
    }
    buf_fini(&in);
}

/* Which messages are compressed, whatever comes between their fragments. */
static void test_which_is_compressed(void **state)
{
    static const struct {
        uint8_t first;
        bool is_deflated;
    } frames[] = {{0x01, false}, {0x89, false}, {0x80, false}, {0x41, true}, {0x89, true},
                  {0x80, true},  {0x8a, true},  {0x82, false}, {0xc2, true}, {0x81, false}};
    struct ws_guard guard = {.may_deflate = true};
    struct buf in;

    (void)state;
    buf_init(&in, 1000);
    for (size_t i = 0; i < TEST_COUNT(frames); i++) {
        enum ws_opcode opcode;
        enum ws_close_code code;
        size_t consumed;

        buf_reset(&in);
        add_frame(&in, frames[i].first, 3, true);
        assert_true(ws_guard_is_at_start(&guard));
        assert_int_equal(ws_guard_read(&guard, in.data, 1, LIMIT, &consumed, &opcode, &code),
                         WS_STEP_MORE);
        assert_false(ws_guard_is_at_start(&guard));
        assert_int_equal(
            ws_guard_read(&guard, in.data + 1, in.len - 1, LIMIT, &consumed, &opcode, &code),
            WS_STEP_END);
        assert_int_equal(guard.is_deflated, frames[i].is_deflated);
    }
    buf_fini(&in);
}

static void test_unmasked(void **state)
{
    struct buf in;

    (void)state;
    buf_init(&in, 100);
    buf_append(&in, "\x81\x01x", 3);
    expect("unmasked", &in, 0, WS_CLOSE_PROTOCOL);
    buf_fini(&in);
}

static void test_fragments(void **state)
{
    struct buf in;

    (void)state;
    buf_init(&in, 1000000);
    add_frame(&in, 0x01, 3, true);
    add_frame(&in, 0x89, 2, true); /* control frames may come between */
    add_frame(&in, 0x00, 3, true);
    add_frame(&in, 0x80, 3, true);
    add_frame(&in, 0x82, 3, true);
    expect("fragments", &in, 5, WS_CLOSE_NONE);
    buf_reset(&in);
    add_frame(&in, 0x01, 3, true);
    add_frame(&in, 0x81, 3, false);
    expect("a message inside a message", &in, 1, WS_CLOSE_PROTOCOL);
    buf_reset(&in);
    add_frame(&in, 0x02, LIMIT - 1, true);
    add_frame(&in, 0x80, 1, true);
    add_frame(&in, 0x02, LIMIT - 1, true);
    add_frame(&in, 0x80, 2, false);
    expect("the sum above the limit", &in, 3, WS_CLOSE_TOO_BIG);
    buf_fini(&in);
}

/* Empty fragments cost work and no bytes: their number is bounded. */
static void test_many_fragments(void **state)
{
    struct buf in;
    struct outcome outcome;

    (void)state;
    buf_init(&in, 1000000);
    add_frame(&in, 0x01, 0, true);
    for (int i = 1; i < WS_FRAGMENTS_MAX; i++)
        add_frame(&in, 0x00, 0, true);
    outcome = run(&in, in.len);
    assert_int_equal(outcome.code, WS_CLOSE_NONE);
    add_frame(&in, 0x80, 0, true);
    outcome = run(&in, in.len);
    assert_int_equal(outcome.code, WS_CLOSE_TOO_BIG);
    assert_int_equal(outcome.frames, WS_FRAGMENTS_MAX);
    buf_fini(&in);
}

static void test_damage(void **state)
{
    struct mutator mutator = {99};
    struct buf seed;

    (void)state;
    buf_init(&seed, 10000);
    add_frame(&seed, 0x01, 7, true);
    add_frame(&seed, 0x80, 200, true);
    add_frame(&seed, 0x89, 4, true);
    add_frame(&seed, 0x88, 2, true);
    for (int i = 0; i < 20000; i++) {
        size_t length;
        uint8_t *bytes = mutate(&mutator, seed.data, seed.len, &length);
        struct buf in = {.data = bytes, .len = length};
        struct outcome whole = run(&in, length + 1);
        struct outcome single = run(&in, 1);

        assert_int_equal(whole.frames, single.frames);
        assert_int_equal(whole.code, single.code);
        assert_int_equal(whole.consumed, single.consumed);
        free(bytes);
    }
    buf_fini(&seed);
}

static void test_close_frames(void **state)
{
    uint8_t frame[4];

    (void)state;
    assert_int_equal(ws_close_frame(frame, WS_CLOSE_NONE), 2);
    assert_memory_equal(frame, "\x88\x00", 2);
    assert_int_equal(ws_close_frame(frame, WS_CLOSE_TOO_BIG), 4);
    assert_memory_equal(frame, "\x88\x02\x03\xf1", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_frames), cmocka_unit_test(test_unmasked),
        cmocka_unit_test(test_fragments),     cmocka_unit_test(test_many_fragments),
        cmocka_unit_test(test_damage),        cmocka_unit_test(test_close_frames),
        cmocka_unit_test(test_compressed),    cmocka_unit_test(test_which_is_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
