/* A form of JSONP polling, and the script around what it held: the script is one call with one
 * text, which nothing in it can end. */
#include "common/buf.h"
#include "gateway/engineio/packet_jsonp.h"
#include "tests/fuzz/fuzz.h"

#define LIMIT_BYTES (1 << 20)

static void check_script(const char *script, size_t length)
{
    static const char head[] = "___eio[12](\"", foot[] = "\");";
    size_t at = sizeof(head) - 1, end = length - (sizeof(foot) - 1);
    FUZZ_CHECK(length >= sizeof(head) + sizeof(foot) - 2);
    FUZZ_CHECK(memcmp(script, head, at) == 0);
    FUZZ_CHECK(memcmp(script + end, foot, sizeof(foot) - 1) == 0);
    while (at < end) {
        unsigned char c = (unsigned char)script[at];
        FUZZ_CHECK(c >= 0x20 && c != '"' && c != '<' && c != '>');
        FUZZ_CHECK(end - at < 3 || (memcmp(script + at, "\xe2\x80\xa8", 3) != 0 &&
                                    memcmp(script + at, "\xe2\x80\xa9", 3) != 0));
        at += c == '\\' ? 2 : 1;
    }
    FUZZ_CHECK(at == end);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    struct buf payload;
    if (length_bytes > LIMIT_BYTES / 16)
        return 0;
    buf_init(&payload, LIMIT_BYTES);
    if (eio_jsonp_read_form((const char *)bytes, length_bytes, &payload) == 0) {
        FUZZ_CHECK(payload.len <= length_bytes);
        FUZZ_CHECK(eio_jsonp_wrap(&payload, 0, 12) == 0);
        check_script(buf_text(&payload), payload.len);
    }
    buf_fini(&payload);
    fuzz_check_nothing_left();
    return 0;
}
