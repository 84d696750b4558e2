/* Which coding a client gets, and that it can be read. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/buf.h"
#include "gateway/net/coding.h"

static void test_negotiation(void **state)
{
    static const struct {
        const char *accept;
        enum coding coding;
    } cases[] = {
        {NULL, CODING_NONE},
        {"", CODING_NONE},
        {"gzip", CODING_GZIP},
        {"GZip", CODING_GZIP},
        {"deflate", CODING_DEFLATE},
        {"gzip, deflate, br, zstd", CODING_GZIP},
        {"deflate, gzip", CODING_DEFLATE},
        {"br", CODING_NONE},
        {"identity", CODING_NONE},
        {"identity, gzip;q=0.5", CODING_GZIP},
        {"gzip;q=0", CODING_NONE},
        {"gzip;q=0.000", CODING_NONE},
        {"gzip;q=0, deflate;q=0.001", CODING_DEFLATE},
        {"gzip;q=0.5, deflate;q=0.6", CODING_DEFLATE},
        {"gzip ; q=0.6 , deflate;\tq=0.5", CODING_GZIP},
        {"gzip;Q=0.1,deflate;q=0.2", CODING_DEFLATE},
        {"*", CODING_GZIP},
        {"*, gzip;q=0", CODING_DEFLATE},
        {"gzip;q=0, *", CODING_DEFLATE},
        {"*;q=0", CODING_NONE},
        {"*;q=0, deflate", CODING_DEFLATE},
        {"*;q=0.5, deflate;q=0.5", CODING_DEFLATE},
        {"*;q=0.9, deflate;q=0.5", CODING_GZIP},
        {"gzip;level=1;q=0.2, deflate;q=0.3", CODING_DEFLATE},
        {"gzip;q=0.1, gzip;q=0.9, deflate;q=0.5", CODING_GZIP},
        {"gzip;q=x", CODING_NONE},
        {"gzip;q=", CODING_NONE},
        {"gzip;q=2", CODING_NONE},
        {"gzip;q=1.001", CODING_NONE},
        {"gzip;q=-1", CODING_NONE},
        {"gzip;q=0.1234", CODING_NONE},
        {"xgzip, gzipx, x-gzip", CODING_NONE},
        {",,;;,q=1,", CODING_NONE},
        {",, gzip ,,", CODING_GZIP},
        {"gzip;", CODING_GZIP},
    };

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        if (coding_negotiate(cases[i].accept) != cases[i].coding)
            fail_msg("'%s'", cases[i].accept != NULL ? cases[i].accept : "(none)");
    }
    assert_string_equal(coding_line(CODING_NONE), "");
    assert_string_equal(coding_line(CODING_GZIP), "Content-Encoding: gzip\r\n");
    assert_string_equal(coding_line(CODING_DEFLATE), "Content-Encoding: deflate\r\n");
}

static void expect_same(enum coding coding, const struct buf *packed, const char *bytes,
                        size_t length)
{
    char *plain = malloc(length);
    z_stream stream = {.next_in = packed->data,
                       .avail_in = (uInt)packed->len,
                       .next_out = (Bytef *)plain,
                       .avail_out = (uInt)length};

    assert_non_null(plain);
    assert_int_equal(inflateInit2(&stream, coding == CODING_GZIP ? 31 : 15), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.total_out, length);
    assert_int_equal(stream.avail_in, 0);
    assert_memory_equal(plain, bytes, length);
    inflateEnd(&stream);
    free(plain);
}

static void test_round_trips(void **state)
{
    static const size_t lengths[] = {100, 1024, 70000, 1000000};
    static const enum coder_effort efforts[] = {CODER_FAST, CODER_THOROUGH};
    char *bytes = malloc(1000000);
    struct buf out;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < 1000000; i++)
        bytes[i] = "the quick brown fox"[i * i / 7 % 19];
    memset(bytes, 'x', 100);
    buf_init(&out, 1000000);
    for (size_t e = 0; e < TEST_COUNT(efforts); e++) {
        struct coder *coder = coder_new(efforts[e]);

        for (size_t i = 0; i < 2 * TEST_COUNT(lengths); i++) {
            size_t length = lengths[i / 2];
            enum coding coding = i % 2 == 0 ? CODING_GZIP : CODING_DEFLATE;

            assert_true(coder_run(coder, coding, bytes, length, &out));
            assert_true(out.len < length);
            expect_same(coding, &out, bytes, length);
        }
        coder_free(&coder);
        assert_null(coder);
    }
    buf_fini(&out);
    free(bytes);
}

static void test_not_worth_it(void **state)
{
    struct coder *coder = coder_new(CODER_FAST);
    char noise[3000];
    char flat[3000];
    uint32_t seed = 1;
    struct buf out;

    (void)state;
    for (size_t i = 0; i < sizeof(noise); i++) {
        seed = seed * 1664525u + 1013904223u;
        noise[i] = (char)(seed >> 24);
    }
    memset(flat, 'x', sizeof(flat));
    buf_init(&out, 2000);
    assert_false(coder_run(coder, CODING_GZIP, noise, 1500, &out));
    assert_false(coder_run(coder, CODING_GZIP, "", 0, &out));
    assert_false(coder_run(coder, CODING_GZIP, "x", 1, &out));
    assert_false(coder_run(coder, CODING_NONE, flat, 1500, &out));
    assert_false(coder_run(coder, CODING_GZIP, flat, sizeof(flat), &out)); /* above the limit */
    assert_true(coder_run(coder, CODING_GZIP, flat, 1500, &out)); /* it recovers from all that */
    expect_same(CODING_GZIP, &out, flat, 1500);
    buf_fini(&out);
    coder_free(&coder);
    coder_free(&coder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_negotiation),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_not_worth_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
