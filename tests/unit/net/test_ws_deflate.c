/* Messages compressed and back: the examples of RFC 7692, what is corrupt, and the limit. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/buf.h"
#include "gateway/net/ws_deflate.h"
#include "tests/unit/mutate.h"

#define LIMIT 100000

static int setup(void **state)
{
    *state = ws_deflate_new();
    return 0;
}

static int teardown(void **state)
{
    struct ws_deflate *deflate = *state;

    ws_deflate_free(&deflate);
    assert_null(deflate);
    ws_deflate_free(&deflate);
    return 0;
}

static enum ws_inflated run(struct ws_deflate *deflate, const void *bytes, size_t length,
                            struct buf *out)
{
    /* In memory of exactly that size. */
    uint8_t *exact = malloc(length > 0 ? length : 1);
    enum ws_inflated result;

    memcpy(exact, bytes, length);
    buf_reset(out);
    result = ws_inflate(deflate, exact, length, out);
    free(exact);
    return result;
}

#define EXAMPLE(bytes, text) {bytes, sizeof(bytes) - 1, text}

static void test_examples(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *text;
    } examples[] = {
        /* 7.2.3.1, 7.2.3.3, 7.2.3.4, 7.2.3.5, 7.2.3.6 */
        EXAMPLE("\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello"),
        EXAMPLE("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello"),
        EXAMPLE("\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello"),
        EXAMPLE("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello"),
        EXAMPLE("\x00", ""),
        /* Without the byte behind the last block, and with other blocks there. */
        EXAMPLE("\xf3\x48\xcd\xc9\xc9\x07\x00", "Hello"),
        EXAMPLE("\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00", "HelloHello"),
        EXAMPLE("\x03\x00\x03\x00\x03\x00\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello"),
    };
    struct buf out;

    buf_init(&out, 10);
    for (size_t i = 0; i < TEST_COUNT(examples); i++) {
        if (run(*state, examples[i].bytes, examples[i].length, &out) != WS_INFLATED ||
            strcmp(buf_text(&out), examples[i].text) != 0)
            fail_msg("example %zu: '%s'", i, buf_text(&out));
    }
    buf_fini(&out);
}

/* The second message of 7.2.3.2 refers to the first, which was forgotten. */
static void test_no_memory_of_others(void **state)
{
    struct buf out;

    buf_init(&out, LIMIT);
    assert_int_equal(run(*state, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, &out), WS_INFLATED);
    assert_int_equal(run(*state, "\xf2\x00\x11\x00\x00", 5, &out), WS_INFLATE_CORRUPT);
    /* Nor behind a last block. */
    assert_int_equal(run(*state, "\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00", 12, &out),
                     WS_INFLATE_CORRUPT);
    assert_int_equal(run(*state, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, &out), WS_INFLATED);
    assert_string_equal(buf_text(&out), "Hello");
    buf_fini(&out);
}

#define CORRUPT(bytes) {bytes, sizeof(bytes) - 1}

static void test_corrupt(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
    } cases[] = {
        CORRUPT(""),
        CORRUPT("\x06"), /* a block of the reserved type */
        CORRUPT("Hello, not compressed"),
        CORRUPT("\xf2\x48\xcd\xc9\xc9\x07"), /* cut inside the block */
        CORRUPT("\xf2\x48\xcd"),
        CORRUPT("\x00\x05\x00\xfa\xff\x48\x65"), /* five bytes announced */
        CORRUPT("\x00\x05\x00\xfb\xff\x48\x65\x6c\x6c\x6f\x00"),
        CORRUPT("\xf2\x48\xcd\xc9\xc9\x07\x00\xff"),
        CORRUPT("\xf3\x48\xcd\xc9\xc9\x07\x00\xff"), /* behind a last block */
        CORRUPT("\x1f\x8b\x08\x00\x00\x00\x00\x00"), /* gzip */
    };
    struct buf out;

    buf_init(&out, LIMIT);
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        if (run(*state, cases[i].bytes, cases[i].length, &out) != WS_INFLATE_CORRUPT)
            fail_msg("case %zu: '%s'", i, buf_text(&out));
    }
    buf_fini(&out);
}

static void fill(char *bytes, size_t length, unsigned sort)
{
    uint32_t seed = 1 + sort;

    for (size_t i = 0; i < length; i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = sort == 0 ? 'x' : sort == 1 ? "the quick fox"[seed >> 29] : (char)(seed >> 24);
    }
}

static void test_round_trips(void **state)
{
    static const size_t lengths[] = {2, 3, 100, 1024, 16384, 32768, 65536, LIMIT - 1, LIMIT};
    char *bytes = malloc(LIMIT);
    struct buf packed;
    struct buf out;

    buf_init(&packed, LIMIT + 10);
    buf_init(&out, LIMIT);
    for (unsigned sort = 0; sort < 3; sort++) {
        fill(bytes, LIMIT, sort);
        for (size_t i = 0; i < TEST_COUNT(lengths); i++) {
            bool pays = ws_deflate_run(*state, bytes, lengths[i], &packed);

            assert_int_equal(pays, sort < 2 && lengths[i] >= 100);
            if (!pays)
                continue;
            assert_true(packed.len < lengths[i]);
            assert_int_equal(run(*state, packed.data, packed.len, &out), WS_INFLATED);
            assert_int_equal(out.len, lengths[i]);
            assert_memory_equal(out.data, bytes, lengths[i]);
        }
    }
    buf_fini(&packed);
    buf_fini(&out);
    free(bytes);
}

static void test_not_worth_it(void **state)
{
    char bytes[3000];
    struct buf out;

    buf_init(&out, 2000);
    fill(bytes, sizeof(bytes), 0);
    assert_false(ws_deflate_run(*state, bytes, 0, &out));
    assert_false(ws_deflate_run(*state, bytes, 1, &out));
    assert_false(ws_deflate_run(*state, bytes, sizeof(bytes), &out)); /* above the limit */
    assert_true(ws_deflate_run(*state, bytes, 1500, &out));
    buf_fini(&out);
}

/* Compressed as tightly as can be, without the tail. */
static uint8_t *bomb(size_t length, size_t *packed)
{
    z_stream stream = {0};
    size_t room = length / 500 + 1000;
    uint8_t *bytes = malloc(room);
    uint8_t *zeros = calloc(1, length);

    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = zeros;
    stream.avail_in = (uInt)length;
    stream.next_out = bytes;
    stream.avail_out = (uInt)room;
    assert_int_equal(deflate(&stream, Z_SYNC_FLUSH), Z_OK);
    *packed = room - stream.avail_out - 4;
    deflateEnd(&stream);
    free(zeros);
    return bytes;
}

static void test_limit(void **state)
{
    static const struct {
        size_t length;
        enum ws_inflated result;
    } cases[] = {{LIMIT - 1, WS_INFLATED},
                 {LIMIT, WS_INFLATED},
                 {LIMIT + 1, WS_INFLATE_TOO_BIG},
                 {10000000, WS_INFLATE_TOO_BIG}};
    struct buf out;

    buf_init(&out, LIMIT);
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        size_t length;
        uint8_t *bytes = bomb(cases[i].length, &length);

        assert_true(length < cases[i].length / 500 + 100);
        assert_int_equal(run(*state, bytes, length, &out), cases[i].result);
        assert_true(out.len <= LIMIT);
        assert_true(out.cap <= 2 * LIMIT);
        free(bytes);
    }
    buf_fini(&out);
}

/* Without the tail, and a flush behind every so many bytes. */
static uint8_t *pack_small(const char *text, size_t length, size_t step, size_t *packed)
{
    z_stream stream = {0};
    size_t room = 2 * length + 1000;
    uint8_t *bytes = malloc(room);

    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -9, 1, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_out = bytes;
    stream.avail_out = (uInt)room;
    for (size_t at = 0; at < length; at += step) {
        stream.next_in = (Bytef *)(uintptr_t)(text + at);
        stream.avail_in = (uInt)(length - at < step ? length - at : step);
        assert_int_equal(deflate(&stream, Z_SYNC_FLUSH), Z_OK);
    }
    *packed = room - stream.avail_out - 4;
    deflateEnd(&stream);
    return bytes;
}

/* What packers with little memory make of it, and those that flush within a message. */
static void test_small_blocks(void **state)
{
    static const size_t steps[] = {LIMIT, 1000, 250};
    char *text = malloc(LIMIT);
    struct buf out;

    buf_init(&out, LIMIT);
    for (unsigned sort = 0; sort < 3; sort++) {
        fill(text, LIMIT, sort);
        for (size_t i = 0; i < TEST_COUNT(steps); i++) {
            size_t length;
            uint8_t *bytes = pack_small(text, LIMIT, steps[i], &length);

            assert_int_equal(run(*state, bytes, length, &out), WS_INFLATED);
            assert_int_equal(out.len, LIMIT);
            assert_memory_equal(out.data, text, LIMIT);
            free(bytes);
        }
    }
    buf_fini(&out);
    free(text);
}

/* A message of nothing but blocks: little to take in, much to do. */
static void test_too_many_blocks(void **state)
{
    static const struct {
        uint8_t block[5];
        size_t length;
    } cases[] = {
        {{0x03, 0x00}, 2},                   /* each calls itself the last */
        {{0x02, 0x08, 0x20, 0x80, 0x00}, 5}, /* four of ten bits */
        {{0x00, 0x00, 0x00, 0xff, 0xff}, 5}, /* stored ones */
    };
    size_t room = 5 * 20000;
    uint8_t *bytes = malloc(room);
    struct buf out;

    buf_init(&out, LIMIT);
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        size_t length = cases[i].length;

        for (size_t at = 0; at + length <= room; at += length)
            memcpy(bytes + at, cases[i].block, length);
        assert_int_equal(run(*state, bytes, room, &out), WS_INFLATE_CORRUPT);
        bytes[200 * length] = 0; /* the empty block whose end is left out */
        assert_int_equal(run(*state, bytes, 200 * length + 1, &out), WS_INFLATED);
        assert_int_equal(out.len, 0);
    }
    buf_fini(&out);
    free(bytes);
}

/* Nothing that is damaged gets past the limit, and afterwards all is as before. */
static void test_damage(void **state)
{
    char bytes[2000];
    struct mutator mutator = {3};
    struct buf packed;
    struct buf out;

    fill(bytes, sizeof(bytes), 1);
    buf_init(&packed, 4000);
    buf_init(&out, 5000);
    for (int i = 0; i < 3000; i++) {
        size_t length;
        uint8_t *damaged;

        if (i % 100 == 0)
            assert_true(ws_deflate_run(*state, bytes, sizeof(bytes), &packed));
        damaged = mutate(&mutator, packed.data, packed.len, &length);
        run(*state, damaged, length, &out);
        assert_true(out.len <= 5000);
        free(damaged);
    }
    assert_int_equal(run(*state, packed.data, packed.len, &out), WS_INFLATED);
    assert_memory_equal(out.data, bytes, sizeof(bytes));
    buf_fini(&packed);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),     cmocka_unit_test(test_no_memory_of_others),
        cmocka_unit_test(test_corrupt),      cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_not_worth_it), cmocka_unit_test(test_limit),
        cmocka_unit_test(test_small_blocks), cmocka_unit_test(test_too_many_blocks),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
