/* A request from Redis: what is taken can be written and is taken again as the same request. */
#include "broker/wire.h"
#include "common/buf.h"
#include "tests/fuzz/fuzz.h"
#include <confab/err.h>

#define OUT_BYTES (16 << 20)
#define OWN_UID "abcdef"

static void check_list(const struct wire_list *a, const struct wire_list *b)
{
    FUZZ_CHECK(a->count == b->count && a->count <= WIRE_ROOMS_MAX);
    for (unsigned i = 0; i < a->count; i++) {
        FUZZ_CHECK(a->texts[i].length == b->texts[i].length);
        FUZZ_CHECK(memcmp(a->texts[i].bytes, b->texts[i].bytes, a->texts[i].length) == 0);
    }
}

static void check_again(const struct wire_request *request)
{
    struct wire_request again;
    struct buf out;
    buf_init(&out, OUT_BYTES);
    FUZZ_CHECK(wire_write_request(&out, request) == CONFAB_OK);
    FUZZ_CHECK(wire_read_request(out.data, out.len, "/", OWN_UID, &again) == WIRE_TAKE);
    FUZZ_CHECK(again.type == request->type && again.bulk == request->bulk);
    FUZZ_CHECK(again.close == request->close && again.nobody == request->nobody);
    FUZZ_CHECK((again.message == NULL) == (request->message == NULL));
    check_list(&again.rooms, &request->rooms);
    check_list(&again.except, &request->except);
    check_list(&again.names, &request->names);
    wire_request_fini(&again);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    struct wire_request request;
    enum wire_verdict verdict = wire_read_request(bytes, length_bytes, "/", OWN_UID, &request);
    FUZZ_CHECK(verdict != WIRE_OWN || request.own);
    /* Nobody asks nobody. */
    if (verdict == WIRE_TAKE && !request.nobody)
        check_again(&request);
    wire_request_fini(&request);
    fuzz_check_nothing_left();
    return 0;
}
