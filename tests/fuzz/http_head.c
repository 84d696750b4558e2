/* The head of a request: however the bytes are cut into pieces, the answer is the same, and it
 * never speaks of bytes that are not there. The first byte is the size of the pieces. */
#include "gateway/net/http_head.h"
#include "common/mem.h"
#include "tests/fuzz/fuzz.h"
#include <confab/err.h>

static int find_in_pieces(const char *bytes, size_t length, size_t piece)
{
    size_t scanned = 0;
    int found = CONFAB_EPARTIAL;
    for (size_t given = 0; given < length && found == CONFAB_EPARTIAL;) {
        given = length - given < piece ? length : given + piece;
        char *exact = xmemdup(bytes, given);
        found = http_head_find(exact, given, HTTP_HEAD_DEFAULT_BYTES, &scanned);
        FUZZ_CHECK(found <= (int)given && scanned <= given);
        free(exact);
    }
    return found;
}

static void check_text(const char *text, const char *bytes, size_t length)
{
    FUZZ_CHECK(text >= bytes && text <= bytes + length);
    for (; *text != '\0'; text++)
        FUZZ_CHECK(text < bytes + length && *text != '\r' && *text != '\n');
}

static void check_head(const char *bytes, size_t length)
{
    struct http_head head;
    char *exact = xmemdup(bytes, length);
    int status = http_head_parse(&head, exact, length);
    FUZZ_CHECK(status == 0 || (status >= 400 && status < 600));
    if (status == 0) {
        FUZZ_CHECK(head.url[0] == '/' || strcmp(head.url, "*") == 0);
        FUZZ_CHECK(head.path_bytes <= strlen(head.url));
        FUZZ_CHECK(!head.chunked || head.content_length == 0);
        FUZZ_CHECK(head.header_count <= HTTP_HEADERS_MAX);
        check_text(head.url, exact, length);
        for (unsigned i = 0; i < head.header_count; i++) {
            FUZZ_CHECK(http_is_token(head.headers[i].name, strlen(head.headers[i].name)));
            check_text(head.headers[i].value, exact, length);
            FUZZ_CHECK(http_head_get(&head, head.headers[i].name) != NULL);
        }
    }
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    if (length_bytes < 2)
        return 0;
    const char *text = (const char *)bytes + 1;
    size_t scanned = 0;
    int found = http_head_find(text, length_bytes - 1, HTTP_HEAD_DEFAULT_BYTES, &scanned);
    FUZZ_CHECK(find_in_pieces(text, length_bytes - 1, 1u + bytes[0]) == found);
    if (found > 0) {
        FUZZ_CHECK(found >= 4 && memcmp(text + found - 4, "\r\n\r\n", 4) == 0);
        check_head(text, (size_t)found);
    }
    return 0;
}
