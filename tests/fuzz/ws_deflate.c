/* Compression of WebSocket messages: what was agreed on is an offer that would be taken as such;
 * what is inflated stays within its limit, is the beginning of what a higher limit gives, does not
 * depend on messages before, and survives being compressed. The first byte is the limit, then
 * comes the header's value up to a line end, then the message. */
#include "gateway/net/ws_deflate.h"
#include "common/buf.h"
#include "common/mem.h"
#include "gateway/net/ws_extensions.h"
#include "tests/fuzz/fuzz.h"

#define HIGHER_LIMIT (1 << 18)

static void agree(const char *value)
{
    static const char name[] = "Sec-WebSocket-Extensions: ";
    struct ws_terms terms, again;
    struct buf line;
    bool good = ws_extensions_read(value, &terms);
    FUZZ_CHECK(good || !terms.deflate);
    FUZZ_CHECK(terms.window_bits >= 8 && terms.window_bits <= WS_WINDOW_BITS_MAX);
    buf_init(&line, 1000);
    ws_extensions_answer(&terms, &line);
    FUZZ_CHECK((line.len > 0) == terms.deflate);
    if (terms.deflate) {
        FUZZ_CHECK(strncmp(buf_text(&line), name, sizeof(name) - 1) == 0);
        buf_truncate(&line, line.len - 2); /* the line's end */
        FUZZ_CHECK(ws_extensions_read(buf_text(&line) + sizeof(name) - 1, &again));
        FUZZ_CHECK(again.deflate && again.window_bits == terms.window_bits &&
                   again.tells_bits == terms.tells_bits);
    }
    buf_fini(&line);
}

static enum ws_inflated inflate_exact(struct ws_deflate *deflate, const uint8_t *bytes,
                                      size_t length, struct buf *out)
{
    uint8_t *exact = xmemdup(bytes, length);
    enum ws_inflated result = ws_inflate(deflate, exact, length, out);
    free(exact);
    return result;
}

static void pack_again(struct ws_deflate *deflate, const struct buf *message)
{
    struct buf packed, back;
    buf_init(&packed, 2 * message->len + 100);
    buf_init(&back, message->len);
    if (ws_deflate_run(deflate, message->data, message->len, &packed)) {
        FUZZ_CHECK(packed.len < message->len);
        FUZZ_CHECK(inflate_exact(deflate, packed.data, packed.len, &back) == WS_INFLATED);
        FUZZ_CHECK(back.len == message->len && memcmp(back.data, message->data, back.len) == 0);
    }
    buf_fini(&packed);
    buf_fini(&back);
}

static void unpack(const uint8_t *bytes, size_t length, size_t limit)
{
    struct ws_deflate *deflate = ws_deflate_new();
    struct buf low, high;
    buf_init(&low, limit);
    buf_init(&high, HIGHER_LIMIT);
    enum ws_inflated first = inflate_exact(deflate, bytes, length, &low);
    enum ws_inflated second = inflate_exact(deflate, bytes, length, &high);
    FUZZ_CHECK(low.len <= limit && high.len <= HIGHER_LIMIT && low.len <= high.len);
    FUZZ_CHECK(low.len == 0 || memcmp(low.data, high.data, low.len) == 0);
    FUZZ_CHECK(first == second || first == WS_INFLATE_TOO_BIG);
    if (first != WS_INFLATE_TOO_BIG)
        FUZZ_CHECK(low.len == high.len);
    if (second == WS_INFLATED)
        pack_again(deflate, &high);
    buf_fini(&low);
    buf_fini(&high);
    ws_deflate_free(&deflate);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    if (length_bytes < 2)
        return 0;
    size_t rest = length_bytes - 1;
    const uint8_t *end = memchr(bytes + 1, '\n', rest);
    size_t length = end != NULL ? (size_t)(end - bytes) - 1 : 0;
    char *value = xmemdup0(bytes + 1, length);
    agree(value);
    free(value);
    if (end != NULL)
        unpack(end + 1, rest - length - 1, bytes[0] * 64u);
    return 0;
}
