/* A response from Redis: what is taken can be written as a response of its type, which is taken
 * again and says the same. */
#include "broker/wire.h"
#include "common/buf.h"
#include "common/utf8.h"
#include "common/value.h"
#include "tests/fuzz/fuzz.h"
#include <confab/err.h>

#define OUT_BYTES (16 << 20)

static int write_list(struct buf *out, const struct confab_value *id,
                      const struct confab_value *items, enum wire_list_kind kind)
{
    wire_write_list_begin(out, id, kind);
    for (size_t i = 0; i < confab_size(items); i++)
        wire_write_list_value(out, confab_at(items, i));
    return wire_write_list_end(out);
}

static int write_response(struct buf *out, const struct wire_response *response,
                          const struct confab_value *id)
{
    switch (response->type) {
    case WIRE_RESPONSE_SERVER_EVENT:
        return wire_write_server_event_answer(out, id, response->data);
    case WIRE_RESPONSE_CLIENT_COUNT:
        return wire_write_client_count(out, id, response->client_count);
    case WIRE_RESPONSE_CLIENT_ACK:
        return wire_write_client_ack(out, id, response->packet);
    case WIRE_RESPONSE_UNTYPED:
        break;
    }
    if (response->sockets != NULL)
        return write_list(out, id, response->sockets, WIRE_LIST_SOCKETS);
    if (response->rooms != NULL)
        return write_list(out, id, response->rooms, WIRE_LIST_ROOMS);
    return wire_write_done(out, id);
}

static void check_again(const struct wire_response *response)
{
    struct wire_response again;
    struct buf out;
    struct confab_value *id =
        confab_string_n(response->request_id.bytes, response->request_id.length);
    buf_init(&out, OUT_BYTES);
    FUZZ_CHECK(write_response(&out, response, id) == CONFAB_OK);
    FUZZ_CHECK(wire_read_response(out.data, out.len, &again) == WIRE_TAKE);
    FUZZ_CHECK(again.type == response->type);
    if (response->type == WIRE_RESPONSE_CLIENT_COUNT)
        FUZZ_CHECK(again.client_count == response->client_count);
    /* Half a surrogate pair, which JSON can hold, was replaced by the way. */
    if (utf8_valid(response->request_id.bytes, response->request_id.length))
        FUZZ_CHECK(again.request_id.length == response->request_id.length);
    if (response->sockets != NULL && response->type == WIRE_RESPONSE_UNTYPED)
        FUZZ_CHECK(confab_size(again.sockets) == confab_size(response->sockets));
    wire_response_fini(&again);
    confab_value_release(id);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    struct wire_response response;
    if (wire_read_response(bytes, length_bytes, &response) == WIRE_TAKE) {
        FUZZ_CHECK(response.request_id.bytes != NULL);
        check_again(&response);
    }
    wire_response_fini(&response);
    fuzz_check_nothing_left();
    return 0;
}
