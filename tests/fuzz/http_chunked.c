/* A chunked body: however the bytes are cut into pieces, the data, the end and the error are the
 * same. The first byte is the size of the pieces. */
#include "gateway/net/http_chunked.h"
#include "common/buf.h"
#include "common/mem.h"
#include "tests/fuzz/fuzz.h"
#include <confab/err.h>

struct outcome {
    struct buf data;
    size_t consumed; /* up to the end of the body */
    int err;
    bool done;
};

static void read_pieces(struct outcome *outcome, const char *bytes, size_t length, size_t piece)
{
    struct http_chunked chunked = {0};
    *outcome = (struct outcome){.err = CONFAB_OK};
    buf_init(&outcome->data, length);
    while (outcome->consumed < length && !chunked.done) {
        size_t left = length - outcome->consumed;
        size_t given = left < piece ? left : piece;
        char *exact = xmemdup(bytes + outcome->consumed, given);
        const char *data;
        size_t data_bytes;
        int n = http_chunked_read(&chunked, exact, given, &data, &data_bytes);
        if (n < 0) {
            outcome->err = n;
            free(exact);
            return;
        }
        FUZZ_CHECK(n > 0 && (size_t)n <= given && data_bytes <= (size_t)n);
        FUZZ_CHECK(data >= exact && data + data_bytes <= exact + n);
        FUZZ_CHECK(buf_append(&outcome->data, data, data_bytes) == CONFAB_OK);
        outcome->consumed += (size_t)n;
        free(exact);
    }
    outcome->done = chunked.done;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    struct outcome whole, pieces;
    if (length_bytes < 2)
        return 0;
    const char *text = (const char *)bytes + 1;
    read_pieces(&whole, text, length_bytes - 1, SIZE_MAX);
    read_pieces(&pieces, text, length_bytes - 1, 1u + bytes[0]);
    FUZZ_CHECK(whole.err == pieces.err && whole.done == pieces.done);
    FUZZ_CHECK(whole.err != CONFAB_OK || whole.consumed == pieces.consumed);
    FUZZ_CHECK(whole.data.len == pieces.data.len);
    FUZZ_CHECK(strcmp(buf_text(&whole.data), buf_text(&pieces.data)) == 0);
    buf_fini(&whole.data);
    buf_fini(&pieces.data);
    return 0;
}
