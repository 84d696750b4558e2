/*
 * The values inside recorded Socket.IO packets: read as Node read them, written as Node wrote them,
 * in both encodings.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/live.h"
#include "common/value.h"
#include "tests/unit/vectors.h"
#include <confab/err.h>

#define FILE_NAME "socketio-parser-vectors.jsonl"
#define OUT_BYTES (1 << 22)

static void row_id(const struct confab_value *row, char *id, size_t room)
{
    snprintf(id, room, "%s/%s", vector_text(row, "kind"), vector_text(row, "case"));
}

static bool is_kind(const struct confab_value *row, const char *kind)
{
    return strcmp(vector_text(row, "kind"), kind) == 0;
}

/* The packet that the recorded decoder made, tags resolved; NULL when it made none. */
static struct confab_value *decoded_packet(const struct confab_value *row)
{
    const struct confab_value *packets = confab_get(confab_get(row, "decoded"), "packets");
    return confab_size(packets) == 0 ? NULL : vector_value(confab_at(packets, 0));
}

/* Where the JSON of a packet's text begins: behind type, count, namespace and id. */
static const char *json_of(const char *text)
{
    text++;
    size_t count = strspn(text, "0123456789");
    if (text[count] == '-')
        text += count + 1;
    if (text[0] == '/') {
        size_t nsp = strcspn(text, ",");
        text += text[nsp] == ',' ? nsp + 1 : nsp;
    }
    return text + strspn(text, "0123456789");
}

/* The frames behind the first one as values. */
static struct confab_value *attachments_of(const struct confab_value *frames)
{
    struct confab_value *attachments = confab_array();
    for (size_t i = 1; i < confab_size(frames); i++) {
        size_t length;
        uint8_t *bytes = vector_bytes(vector_text(confab_at(frames, i), "bin"), &length);
        confab_push(attachments, confab_binary(bytes, length));
        free(bytes);
    }
    return attachments;
}

static bool writes_json(const struct confab_value *data, const char *json,
                        const struct confab_value *expected_attachments)
{
    struct buf out;
    buf_init(&out, OUT_BYTES);
    struct confab_value *attachments = confab_array();
    bool met = value_write_json(data, &out, attachments) == CONFAB_OK &&
               strcmp(buf_text(&out), json) == 0 && confab_equal(attachments, expected_attachments);
    confab_value_release(attachments);
    buf_fini(&out);
    return met;
}

static bool reads_json(const char *json, const struct confab_value *attachments,
                       const struct confab_value *expected)
{
    struct confab_value *value;
    if (value_parse_json(json, strlen(json), NULL, &value) != CONFAB_OK)
        return false;
    bool met = value_fill_placeholders(&value, attachments, 100, 100) == CONFAB_OK &&
               confab_equal(value, expected) &&
               confab_has_binary(value) == confab_has_binary(expected);
    confab_value_release(value);
    return met;
}

static void test_json(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open(FILE_NAME);
    struct not_met *writes = not_met_load("value-json-write");
    struct not_met *reads = not_met_load("value-json-read");
    const struct confab_value *row;
    unsigned rows = 0;
    while ((row = vectors_next(vectors)) != NULL) {
        char id[128];
        const struct confab_value *frames = confab_get(row, "frames");
        const struct confab_value *tagged = confab_get(confab_get(row, "packet"), "data");
        if (!is_kind(row, "sio-json") || tagged == NULL)
            continue;
        const char *json = json_of(vector_text(confab_at(frames, 0), "text"));
        struct confab_value *data = vector_value(tagged);
        struct confab_value *attachments = attachments_of(frames);
        struct confab_value *decoded = decoded_packet(row);
        row_id(row, id, sizeof id);
        not_met_judge(writes, id, writes_json(data, json, attachments));
        if (decoded != NULL)
            not_met_judge(reads, id, reads_json(json, attachments, confab_get(decoded, "data")));
        confab_value_release(decoded);
        confab_value_release(attachments);
        confab_value_release(data);
        rows++;
    }
    not_met_finish(writes);
    not_met_finish(reads);
    vectors_close(vectors);
    assert_true(rows >= 35);
}

static bool writes_msgpack(const struct confab_value *value, const uint8_t *bytes, size_t length)
{
    struct buf out;
    buf_init(&out, OUT_BYTES);
    bool met = value_write_msgpack(value, &out) == CONFAB_OK && out.len == length &&
               memcmp(out.data, bytes, length) == 0;
    buf_fini(&out);
    return met;
}

/* What a row of any of the msgpack kinds says the bytes mean; NULL: nothing beyond its being
 * readable or not. */
static struct confab_value *meaning_of(const struct confab_value *row)
{
    if (is_kind(row, "live-msgpack"))
        return vector_value(confab_get(row, "msgpack"));
    struct confab_value *decoded = decoded_packet(row);
    if (decoded == NULL && is_kind(row, "sio-msgpack"))
        decoded = vector_value(confab_get(row, "packet"));
    return decoded;
}

static bool is_malformed(const struct confab_value *row)
{
    const char *error = vector_text(confab_get(confab_get(row, "decoded"), "error"), "error");
    return error != NULL && (strstr(error, "parse") != NULL || strstr(error, "trailing") != NULL);
}

static void msgpack_row(const struct confab_value *row, const char *id, const uint8_t *bytes,
                        size_t length, struct not_met *reads, struct not_met *writes)
{
    struct confab_value *value;
    int rc = value_parse_msgpack(bytes, length, NULL, &value);
    if (is_malformed(row)) {
        assert_int_equal(rc, CONFAB_EPARSE);
        return;
    }
    assert_int_equal(rc, CONFAB_OK);
    struct confab_value *meaning = meaning_of(row);
    if (meaning != NULL)
        not_met_judge(reads, id, confab_equal(value, meaning));
    if (is_kind(row, "sio-msgpack"))
        not_met_judge(writes, id, writes_msgpack(value, bytes, length));
    confab_value_release(meaning);
    confab_value_release(value);
}

static void test_msgpack(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open(FILE_NAME);
    struct not_met *reads = not_met_load("value-msgpack-read");
    struct not_met *writes = not_met_load("value-msgpack-write");
    const struct confab_value *row;
    unsigned rows = 0;
    while ((row = vectors_next(vectors)) != NULL) {
        char id[128];
        const struct confab_value *frame =
            is_kind(row, "live-msgpack") ? row : confab_at(confab_get(row, "frames"), 0);
        if (strstr(vector_text(row, "kind"), "msgpack") == NULL ||
            vector_text(frame, "bin") == NULL)
            continue;
        size_t length;
        uint8_t *bytes = vector_bytes(vector_text(frame, "bin"), &length);
        row_id(row, id, sizeof id);
        msgpack_row(row, id, bytes, length, reads, writes);
        free(bytes);
        rows++;
    }
    not_met_finish(reads);
    not_met_finish(writes);
    vectors_close(vectors);
    assert_true(rows >= 95);
}

static int nothing_lives(void **state)
{
    (void)state;
    assert_int_equal(live_count(LIVE_VALUE), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_json, nothing_lives),
        cmocka_unit_test_teardown(test_msgpack, nothing_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
