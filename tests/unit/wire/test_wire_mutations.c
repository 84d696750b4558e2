/*
 * Garbage on every channel: recorded messages, damaged from a fixed seed, into every reader.
 *
 * What is taken must be writable and be taken again, as the same. What is not must leave nothing
 * behind.
 */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "broker/wire.h"
#include "common/buf.h"
#include "common/live.h"
#include "common/value.h"
#include "tests/unit/mutate.h"
#include "tests/unit/vectors.h"
#include "tests/unit/wire/recorded.h"
#include <confab/err.h>

#define LENGTH_MAX 2000 /* the few recordings that are longer say nothing more */
#define ROUNDS 60
#define OUT_BYTES (1 << 20)
#define OWN_UID "abcdef"

static void check_broadcast(const uint8_t *bytes, size_t length)
{
    struct message *message;
    struct message *again;
    struct buf out;
    if (wire_read_broadcast(bytes, length, "/", OWN_UID, &message) != WIRE_TAKE) {
        assert_null(message);
        return;
    }
    buf_init(&out, OUT_BYTES);
    assert_int_equal(wire_write_broadcast(&out, "zzzzzz", message), CONFAB_OK);
    assert_int_equal(wire_read_broadcast(out.data, out.len, "/", OWN_UID, &again), WIRE_TAKE);
    assert_int_equal(again->flags, message->flags);
    assert_int_equal(again->room_count, message->room_count);
    assert_int_equal(again->except_count, message->except_count);
    message_release(again);
    message_release(message);
    buf_fini(&out);
}

static void check_request(const uint8_t *bytes, size_t length)
{
    struct wire_request request;
    struct wire_request again;
    struct buf out;
    if (wire_read_request(bytes, length, "/", OWN_UID, &request) != WIRE_TAKE || request.nobody) {
        wire_request_fini(&request);
        return;
    }
    buf_init(&out, OUT_BYTES);
    assert_int_equal(wire_write_request(&out, &request), CONFAB_OK);
    assert_int_equal(wire_read_request(out.data, out.len, "/", OWN_UID, &again), WIRE_TAKE);
    assert_int_equal(again.type, request.type);
    assert_int_equal(again.bulk, request.bulk);
    assert_int_equal(again.close, request.close);
    assert_int_equal(again.rooms.count, request.rooms.count);
    assert_int_equal(again.names.count, request.names.count);
    wire_request_fini(&again);
    wire_request_fini(&request);
    buf_fini(&out);
}

static void check_response(const uint8_t *bytes, size_t length)
{
    struct wire_response response;
    if (wire_read_response(bytes, length, &response) == WIRE_TAKE)
        assert_non_null(response.request_id.bytes);
    wire_response_fini(&response);
}

static void check_all(const uint8_t *bytes, size_t length)
{
    check_broadcast(bytes, length);
    check_request(bytes, length);
    check_response(bytes, length);
}

static void test_mutations(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open("redis-vectors.jsonl");
    struct mutator mutator = {.state = 20260702};
    struct recorded recorded = {0};
    while (recorded_next(vectors, &recorded) != NULL) {
        if (recorded.length > LENGTH_MAX)
            continue;
        for (int i = 0; i < ROUNDS; i++) {
            size_t length;
            uint8_t *mutated = mutate(&mutator, recorded.bytes, recorded.length, &length);
            check_all(mutated, length);
            free(mutated);
        }
    }
    vectors_close(vectors);
    assert_int_equal(live_total(), 0);
}

/* A Redis message may be cut anywhere. */
static void test_cut(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open("redis-vectors.jsonl");
    struct recorded recorded = {0};
    unsigned rows = 0;
    while (recorded_next(vectors, &recorded) != NULL && rows < 120) {
        if (recorded.length > LENGTH_MAX)
            continue;
        for (size_t length = 0; length < recorded.length; length++) {
            uint8_t *cut = xmemdup(recorded.bytes, length);
            check_all(cut, length);
            free(cut);
        }
        rows++;
    }
    free(recorded.bytes);
    vectors_close(vectors);
    assert_int_equal(live_total(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
