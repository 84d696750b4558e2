/*
 * Everything recorded on a live cluster of Node's classic adapter and its emitters: each message is
 * taken, ignored or refused as Node does it, means to clients what they got, and is written again
 * as it was.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/wire.h"
#include "common/buf.h"
#include "common/live.h"
#include "common/value.h"
#include "tests/unit/vectors.h"
#include "tests/unit/wire/recorded.h"
#include <confab/err.h>

#define FILE_NAME "redis-vectors.jsonl"
#define OUT_BYTES (1 << 22)
#define NO_UID "------" /* nobody's */

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    if (strncmp(name, "specific.", 9) == 0)
        name += 9;
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool is_written_by_nodes(const struct recorded *recorded)
{
    return recorded_in(recorded, "classic") || recorded_in(recorded, "classic-specific");
}

static bool same_bytes(const struct buf *out, const struct recorded *recorded)
{
    return out->err == CONFAB_OK && out->len == recorded->length &&
           (out->len == 0 || memcmp(out->data, recorded->bytes, out->len) == 0);
}

static bool is_json(const struct recorded *recorded)
{
    return strcmp(recorded->encoding, "json") == 0;
}

/* ---- as values ---- */

static struct confab_value *parse(const struct recorded *recorded)
{
    struct confab_value *value;
    if (is_json(recorded))
        value_parse_json((const char *)recorded->bytes, recorded->length, NULL, &value);
    else
        value_parse_msgpack(recorded->bytes, recorded->length, NULL, &value);
    return value;
}

static bool means(const struct confab_value *value, const struct confab_value *row)
{
    const struct confab_value *decoded = confab_get(row, "decoded");
    if (decoded == NULL)
        return true; /* left out of the file where it would be huge */
    struct confab_value *expected = vector_value(decoded);
    bool equal = confab_equal(value, expected);
    confab_value_release(expected);
    return equal;
}

static bool writes_again(const struct confab_value *value, const struct recorded *recorded)
{
    struct buf out;
    buf_init(&out, OUT_BYTES);
    if (is_json(recorded))
        value_write_json(value, &out, NULL);
    else
        value_write_msgpack(value, &out);
    bool same = same_bytes(&out, recorded);
    buf_fini(&out);
    return same;
}

static void test_values(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open(FILE_NAME);
    struct not_met *reads = not_met_load("wire-value-read");
    struct not_met *writes = not_met_load("wire-value-write");
    struct recorded recorded = {0};
    const struct confab_value *row;
    unsigned rows = 0;
    while ((row = recorded_next(vectors, &recorded)) != NULL) {
        struct confab_value *value = parse(&recorded);
        if (strcmp(recorded.encoding, "invalid") == 0) {
            assert_null(value);
            continue;
        }
        assert_non_null(value);
        not_met_judge(reads, recorded.id, means(value, row));
        not_met_judge(writes, recorded.id, writes_again(value, &recorded));
        confab_value_release(value);
        rows++;
    }
    not_met_finish(reads);
    not_met_finish(writes);
    vectors_close(vectors);
    assert_int_equal(rows, 679);
}

/* ---- what clients got ---- */

/* The first frame is `4`, the packet's type and count, the namespace, an id if an acknowledgement
 * is wanted, and this JSON. */
static bool is_frame(const char *text, const struct message *message,
                     const struct confab_value *attachments, const char *json, bool acked)
{
    char head[100];
    const char *nsp = message->nsp.bytes;
    bool named = strcmp(nsp, "/") != 0;
    if (confab_size(attachments) > 0)
        snprintf(head, sizeof head, "45%zu-%s%s", confab_size(attachments), named ? nsp : "",
                 named ? "," : "");
    else
        snprintf(head, sizeof head, "42%s%s", named ? nsp : "", named ? "," : "");
    if (strncmp(text, head, strlen(head)) != 0)
        return false;
    text += strlen(head);
    size_t id = strspn(text, "0123456789");
    return (id > 0) == acked && strcmp(text + id, json) == 0;
}

static bool are_frames(const struct confab_value *frames, const struct message *message,
                       const struct confab_value *attachments, const char *json, bool acked)
{
    if (vector_text(confab_at(frames, 0), "text") == NULL)
        return true; /* recorded as a digest */
    if (!is_frame(vector_text(confab_at(frames, 0), "text"), message, attachments, json, acked))
        return false;
    for (size_t i = 0; i < confab_size(attachments); i++) {
        size_t length;
        const uint8_t *bytes = confab_as_binary(confab_at(attachments, i), &length);
        const char *hex = vector_text(confab_at(frames, i + 1), "bin");
        if (hex == NULL)
            continue;
        size_t expected_length;
        uint8_t *expected = vector_bytes(hex, &expected_length);
        bool same = length == expected_length && memcmp(bytes, expected, length) == 0;
        free(expected);
        if (!same)
            return false;
    }
    return true;
}

/* Whether each client of node B that got something got what the message says. Some rows hold the
 * frames of several messages. */
static bool reaches_clients(const struct confab_value *row, const struct message *message,
                            bool acked)
{
    const struct confab_value *clients = confab_get(row, "client_frames");
    struct confab_value *attachments = confab_array();
    struct buf json;
    bool met = true;
    buf_init(&json, OUT_BYTES);
    assert_int_equal(value_write_json(message->args, &json, attachments), CONFAB_OK);
    assert_int_equal(confab_size(attachments) > 0, confab_has_binary(message->args));
    for (size_t i = 0; i < confab_size(clients); i++) {
        const struct confab_value *frames;
        const char *client = confab_entry(clients, i, NULL, &frames);
        /* The clients of node A, where the call was made, got it from values that never travelled.
         */
        if (client[0] == 'B')
            met = met && are_frames(frames, message, attachments, buf_text(&json), acked);
    }
    buf_fini(&json);
    confab_value_release(attachments);
    return met;
}

/* ---- broadcasts ---- */

static bool writes_broadcast(const struct recorded *recorded, const struct message *message)
{
    char uid[7] = {0};
    struct buf out;
    memcpy(uid, recorded->bytes + 2, 6);
    buf_init(&out, OUT_BYTES);
    bool same = wire_write_broadcast(&out, uid, message) == CONFAB_OK && same_bytes(&out, recorded);
    buf_fini(&out);
    return same;
}

/* A broadcast to one room in a row of several has the frames of all. */
static bool frames_are_its_own(const struct recorded *recorded)
{
    static const char *const mixed[] = {"emit.room.number-joined"};
    return !is_one_of(recorded->name, mixed, TEST_COUNT(mixed));
}

static enum wire_verdict broadcast_verdict(const struct recorded *recorded)
{
    static const char *const ignored[] = {"raw.broadcast.no-nsp.custom", "raw.broadcast.nsp-null",
                                          "raw.broadcast.nsp-mismatch", "fatal.no-packet",
                                          "fatal.packet-nil"};
    /* A node that is deaf already reports an error for each good message too. */
    if (strstr(recorded->name, ".then-good") != NULL)
        return WIRE_TAKE;
    if (is_one_of(recorded->name, ignored, TEST_COUNT(ignored)))
        return WIRE_IGNORE;
    return recorded->throws ? WIRE_MALFORMED : WIRE_TAKE;
}

static void broadcast_row(const struct confab_value *row, const struct recorded *recorded,
                          struct not_met *reads, struct not_met *writes)
{
    struct message *message;
    enum wire_verdict verdict =
        wire_read_broadcast(recorded->bytes, recorded->length, recorded->nsp, NO_UID, &message);
    bool met = verdict == broadcast_verdict(recorded);
    assert_true((message != NULL) == (verdict == WIRE_TAKE));
    if (message == NULL) {
        not_met_judge(reads, recorded->id, met);
        return;
    }
    not_met_judge(reads, recorded->id,
                  met && (!frames_are_its_own(recorded) || reaches_clients(row, message, false)));
    if (is_written_by_nodes(recorded)) {
        struct buf channel;
        buf_init(&channel, 1000);
        assert_int_equal(wire_channel_of(&channel, recorded->key, message), CONFAB_OK);
        assert_string_equal(buf_text(&channel), recorded->channel);
        buf_fini(&channel);
        not_met_judge(writes, recorded->id, writes_broadcast(recorded, message));
    }
    message_release(message);
}

static void test_broadcasts(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open(FILE_NAME);
    struct not_met *reads = not_met_load("wire-broadcast-read");
    struct not_met *writes = not_met_load("wire-broadcast-write");
    struct recorded recorded = {0};
    const struct confab_value *row;
    unsigned rows = 0;
    while ((row = recorded_next(vectors, &recorded)) != NULL) {
        if (recorded.parsed.kind != WIRE_CHANNEL_BROADCAST)
            continue;
        broadcast_row(row, &recorded, reads, writes);
        rows++;
    }
    not_met_finish(reads);
    not_met_finish(writes);
    vectors_close(vectors);
    assert_int_equal(rows, 311);
}

/* ---- requests ---- */

static enum wire_verdict request_verdict(const struct recorded *recorded)
{
    static const char *const ignored[] = {
        "raw.type1.string-type", "raw.type8.stray",       "raw.type99",
        "raw.request.array",     "raw.type6.sse.no-data", "raw.v5-request.allRooms"};
    if (is_one_of(recorded->name, ignored, TEST_COUNT(ignored)))
        return WIRE_IGNORE;
    return recorded->throws || strcmp(recorded->encoding, "invalid") == 0 ? WIRE_MALFORMED
                                                                          : WIRE_TAKE;
}

static void request_row(const struct confab_value *row, const struct recorded *recorded,
                        struct not_met *reads, struct not_met *writes)
{
    struct wire_request request;
    enum wire_verdict verdict =
        wire_read_request(recorded->bytes, recorded->length, recorded->nsp, NO_UID, &request);
    bool met = verdict == request_verdict(recorded);
    if (verdict != WIRE_TAKE) {
        assert_null(request.document);
        not_met_judge(reads, recorded->id, met);
        return;
    }
    if (request.message != NULL)
        met = met && reaches_clients(row, request.message, true);
    not_met_judge(reads, recorded->id, met);
    if (is_written_by_nodes(recorded) || recorded_in(recorded, "emitter")) {
        struct buf out;
        buf_init(&out, OUT_BYTES);
        wire_write_request(&out, &request);
        not_met_judge(writes, recorded->id, same_bytes(&out, recorded));
        buf_fini(&out);
    }
    wire_request_fini(&request);
}

static void test_requests(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open(FILE_NAME);
    struct not_met *reads = not_met_load("wire-request-read");
    struct not_met *writes = not_met_load("wire-request-write");
    struct recorded recorded = {0};
    const struct confab_value *row;
    unsigned rows = 0;
    while ((row = recorded_next(vectors, &recorded)) != NULL) {
        if (recorded.parsed.kind != WIRE_CHANNEL_REQUEST)
            continue;
        request_row(row, &recorded, reads, writes);
        rows++;
    }
    not_met_finish(reads);
    not_met_finish(writes);
    vectors_close(vectors);
    assert_int_equal(rows, 184);
}

/* ---- responses ---- */

/* Writes what was read, by the function for it. */
static void write_response(struct buf *out, const struct wire_response *response)
{
    const struct confab_value *id = confab_get(response->document, "requestId");
    const struct confab_value *list =
        response->sockets != NULL ? response->sockets : response->rooms;
    if (response->type == WIRE_RESPONSE_SERVER_EVENT) {
        wire_write_server_event_answer(out, id, response->data);
    } else if (response->type == WIRE_RESPONSE_CLIENT_COUNT) {
        wire_write_client_count(out, id, response->client_count);
    } else if (response->type == WIRE_RESPONSE_CLIENT_ACK) {
        wire_write_client_ack(out, id, response->packet);
    } else if (list != NULL) {
        wire_write_list_begin(out, id,
                              response->sockets != NULL ? WIRE_LIST_SOCKETS : WIRE_LIST_ROOMS);
        for (size_t i = 0; i < confab_size(list); i++) {
            struct text text;
            text.bytes = confab_as_string(confab_at(list, i), &text.length);
            if (text.bytes != NULL)
                wire_write_list_text(out, &text);
            else
                wire_write_list_value(out, confab_at(list, i));
        }
        wire_write_list_end(out);
    } else {
        wire_write_done(out, id);
    }
}

static enum wire_verdict response_verdict(const struct confab_value *row,
                                          const struct recorded *recorded)
{
    if (recorded->throws || strcmp(recorded->encoding, "invalid") == 0)
        return WIRE_MALFORMED;
    struct confab_value *decoded = vector_value(confab_get(row, "decoded"));
    bool has_id = confab_is(confab_get(decoded, "requestId"), CONFAB_STRING);
    confab_value_release(decoded);
    return has_id ? WIRE_TAKE : WIRE_IGNORE;
}

static void response_row(const struct confab_value *row, const struct recorded *recorded)
{
    struct wire_response response;
    struct buf out;
    enum wire_verdict verdict = wire_read_response(recorded->bytes, recorded->length, &response);
    if (verdict != response_verdict(row, recorded))
        fail_msg("%s: verdict %d", recorded->id, (int)verdict);
    if (verdict != WIRE_TAKE) {
        assert_null(response.document);
        return;
    }
    buf_init(&out, OUT_BYTES);
    write_response(&out, &response);
    if (!same_bytes(&out, recorded))
        fail_msg("%s: written as %s", recorded->id, buf_text(&out));
    buf_fini(&out);
    wire_response_fini(&response);
}

static void test_responses(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open(FILE_NAME);
    struct recorded recorded = {0};
    const struct confab_value *row;
    unsigned rows = 0;
    while ((row = recorded_next(vectors, &recorded)) != NULL) {
        if (recorded.parsed.kind != WIRE_CHANNEL_RESPONSE)
            continue;
        response_row(row, &recorded);
        rows++;
    }
    vectors_close(vectors);
    assert_int_equal(rows, 212);
}

static int nothing_lives(void **state)
{
    (void)state;
    assert_int_equal(live_total(), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_values, nothing_lives),
        cmocka_unit_test_teardown(test_broadcasts, nothing_lives),
        cmocka_unit_test_teardown(test_requests, nothing_lives),
        cmocka_unit_test_teardown(test_responses, nothing_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
