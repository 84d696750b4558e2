/* The codec's own promises: what the vectors do not say. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/live.h"
#include "common/mem.h"
#include "common/value.h"
#include "gateway/socketio/packet.h"
#include <confab/err.h>

#define LIMIT_BYTES 4096

static int decode_text(const char *text, size_t length, struct sio_packet *packet)
{
    struct sio_decoder decoder;
    sio_decoder_init(&decoder);
    int status = sio_decode(&decoder, FRAME_TEXT, text, length, LIMIT_BYTES, packet);
    sio_decoder_fini(&decoder);
    return status;
}

static void test_every_cut(void **state)
{
    (void)state;
    /* Whatever is cut off, the decoder says something and leaves nothing behind. */
    static const char whole[] =
        "52-/adm\xc3\xbcn,12[\"a\\u00e9\",{\"_placeholder\":true,\"num\":1}]";
    for (size_t length = 0; length < sizeof(whole) - 1; length++) {
        char *exact = xmemdup(whole, length); /* so that a sanitizer sees a byte too far */
        struct sio_packet packet = {.data = NULL};
        int status = decode_text(exact, length, &packet);
        assert_true(status == CONFAB_OK || status == CONFAB_EPARTIAL || status == CONFAB_EPARSE);
        if (status == CONFAB_OK)
            confab_value_release(packet.data);
        free(exact);
    }
}

static void test_every_byte(void **state)
{
    (void)state;
    static const char good[] =
        "451-/a,7[\"ev\",{\"k\":[1,2.5,null,\"\\\"\"]},{\"_placeholder\":true}]";
    char text[sizeof(good)];
    for (size_t at = 1; at < sizeof(good) - 1; at++) {
        for (int byte = 1; byte < 128; byte++) {
            struct sio_packet packet = {.data = NULL};
            memcpy(text, good, sizeof(good));
            text[at] = (char)byte;
            if (decode_text(text + 1, sizeof(good) - 2, &packet) == CONFAB_OK)
                confab_value_release(packet.data);
        }
    }
}

static void test_limits(void **state)
{
    (void)state;
    char text[LIMIT_BYTES + 2];
    struct sio_packet packet;
    memset(text, ' ', sizeof(text));
    memcpy(text, "2[\"a\"]", 6);
    assert_int_equal(decode_text(text, LIMIT_BYTES, &packet), CONFAB_OK);
    confab_value_release(packet.data);
    assert_int_equal(decode_text(text, LIMIT_BYTES + 1, &packet), CONFAB_ELIMIT);
    memset(text, 'n', sizeof(text));
    memcpy(text, "0/", 2);
    assert_int_equal(decode_text(text, 1 + SIO_NSP_MAX_BYTES, &packet), CONFAB_OK);
    assert_int_equal(packet.nsp_bytes, SIO_NSP_MAX_BYTES);
    assert_int_equal(decode_text(text, 2 + SIO_NSP_MAX_BYTES, &packet), CONFAB_ELIMIT);
    assert_int_equal(decode_text("511-[\"a\"]", 9, &packet), CONFAB_ELIMIT);
}

static void test_attachment_bytes(void **state)
{
    (void)state;
    static const char head[] = "52-[\"a\",{\"_placeholder\":true,\"num\":0}]";
    char bytes[LIMIT_BYTES] = {0};
    struct sio_decoder decoder;
    struct sio_packet packet;
    size_t rest = LIMIT_BYTES - (sizeof(head) - 1);
    sio_decoder_init(&decoder);
    assert_int_equal(sio_decode(&decoder, FRAME_TEXT, head, sizeof(head) - 1, LIMIT_BYTES, &packet),
                     CONFAB_EPARTIAL);
    assert_true(sio_decoder_awaits(&decoder));
    assert_int_equal(sio_decode(&decoder, FRAME_BINARY, bytes, rest - 1, LIMIT_BYTES, &packet),
                     CONFAB_EPARTIAL);
    assert_int_equal(sio_decode(&decoder, FRAME_BINARY, bytes, 2, LIMIT_BYTES, &packet),
                     CONFAB_ELIMIT);
    sio_decoder_fini(&decoder);
}

static void test_attachments_allowed(void **state)
{
    (void)state;
    struct sio_decoder decoder;
    struct sio_packet packet;
    for (unsigned most = 1; most < 30; most += 14) {
        char text[16];
        for (unsigned count = most; count <= most + 1; count++) {
            sio_decoder_init(&decoder);
            decoder.max_attachments = most;
            int length = snprintf(text, sizeof(text), "5%u-[\"a\"]", count);
            assert_int_equal(
                sio_decode(&decoder, FRAME_TEXT, text, (size_t)length, LIMIT_BYTES, &packet),
                count == most ? CONFAB_EPARTIAL : CONFAB_ELIMIT);
            assert_true(decoder.has_too_many == (count > most));
            sio_decoder_fini(&decoder);
        }
    }
}

static void test_whole_awaits_nothing(void **state)
{
    (void)state;
    static const char text[] = "51-/a,[\"x\",{\"_placeholder\":true,\"num\":0}]";
    struct sio_decoder decoder;
    struct sio_packet packet;
    sio_decoder_init(&decoder);
    assert_false(sio_decoder_awaits(&decoder));
    assert_int_equal(sio_decode(&decoder, FRAME_TEXT, text, sizeof(text) - 1, LIMIT_BYTES, &packet),
                     CONFAB_EPARTIAL);
    assert_true(sio_decoder_awaits(&decoder));
    assert_int_equal(sio_decode(&decoder, FRAME_BINARY, "\x01", 1, LIMIT_BYTES, &packet),
                     CONFAB_OK);
    assert_false(sio_decoder_awaits(&decoder));
    confab_value_release(packet.data);
    sio_decoder_fini(&decoder);
}

/* A text that names attachment 0 `places` times, and that attachment. */
static int decode_shared(size_t places, size_t bytes, struct sio_packet *packet)
{
    static const char place[] = ",{\"_placeholder\":true,\"num\":0}";
    char attachment[LIMIT_BYTES] = {0};
    struct sio_decoder decoder;
    struct buf text;
    buf_init(&text, LIMIT_BYTES);
    buf_puts(&text, "51-[\"a\"");
    for (size_t i = 0; i < places; i++)
        buf_puts(&text, place);
    buf_puts(&text, "]");
    sio_decoder_init(&decoder);
    int status = sio_decode(&decoder, FRAME_TEXT, buf_text(&text), text.len, LIMIT_BYTES, packet);
    assert_int_equal(status, CONFAB_EPARTIAL);
    status = sio_decode(&decoder, FRAME_BINARY, attachment, bytes, LIMIT_BYTES, packet);
    if (status == CONFAB_OK) {
        assert_int_equal(packet->wire_bytes, text.len + bytes);
        confab_value_release(packet->data);
    }
    sio_decoder_fini(&decoder);
    buf_fini(&text);
    return status;
}

/* Each place leaves again as an attachment of its own: so small a packet must not grow so large,
 * nor into one that stock clients refuse. */
static void test_one_attachment_in_many_places(void **state)
{
    (void)state;
    struct sio_packet packet;
    assert_int_equal(decode_shared(SIO_ATTACHMENTS_USUAL, 1, &packet), CONFAB_OK);
    assert_int_equal(decode_shared(SIO_ATTACHMENTS_USUAL + 1, 1, &packet), CONFAB_ELIMIT);
    assert_int_equal(decode_shared(4, LIMIT_BYTES / 4, &packet), CONFAB_OK);
    assert_int_equal(decode_shared(5, LIMIT_BYTES / 4, &packet), CONFAB_ELIMIT);
}

static void test_decoder_goes_on(void **state)
{
    (void)state;
    static const char head[] = "51-/adm,3[\"a\",{\"_placeholder\":true,\"num\":0}]";
    struct sio_decoder decoder;
    struct sio_packet packet;
    sio_decoder_init(&decoder);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(
            sio_decode(&decoder, FRAME_TEXT, head, sizeof(head) - 1, LIMIT_BYTES, &packet),
            CONFAB_EPARTIAL);
        assert_int_equal(sio_decode(&decoder, FRAME_BINARY, "\x01", 1, LIMIT_BYTES, &packet),
                         CONFAB_OK);
        assert_int_equal(packet.type, SIO_EVENT);
        assert_int_equal(packet.nsp_bytes, 4);
        assert_memory_equal(packet.nsp, "/adm", 4);
        assert_true(packet.has_id && packet.id == 3);
        assert_true(confab_has_binary(packet.data));
        confab_value_release(packet.data);
        assert_int_equal(sio_decode(&decoder, FRAME_TEXT, "1", 1, LIMIT_BYTES, &packet), CONFAB_OK);
        assert_int_equal(packet.type, SIO_DISCONNECT);
    }
    sio_decoder_fini(&decoder);
}

static void test_unanswerable_ids(void **state)
{
    (void)state;
    struct sio_packet packet;
    char text[600];
    assert_int_equal(decode_text("21 2[\"a\"]", 9, &packet), CONFAB_EPARSE);
    memset(text, '9', sizeof(text));
    text[0] = '2';
    assert_int_equal(decode_text(text, 350, &packet), CONFAB_EPARSE);
    assert_int_equal(decode_text(text, sizeof(text), &packet), CONFAB_EPARSE);
}

struct written {
    enum sio_type type;
    const char *nsp;
    const char *event;
    double id; /* < 0: none */
    const char *json;
    const char *text;
};

static void test_writing(void **state)
{
    (void)state;
    static const struct written rows[] = {
        {SIO_EVENT, "/", "hi", -1, "[]", "42[\"hi\"]"},
        {SIO_EVENT, "/", "hi", -1, "[1,\"a/b\",{\"k\":null}]", "42[\"hi\",1,\"a/b\",{\"k\":null}]"},
        {SIO_EVENT, "/", "q\"\n", -1, "[]", "42[\"q\\\"\\n\"]"},
        {SIO_EVENT, "/", "\xc3\xa9", -1, "[]", "42[\"\xc3\xa9\"]"},
        {SIO_EVENT, "/", "", -1, "[]", "42[\"\"]"},
        {SIO_EVENT, "/chat", "hi", 7, "[2]", "42/chat,7[\"hi\",2]"},
        {SIO_EVENT, "/", NULL, -1, "[\"x\",1]", "42[\"x\",1]"},
        {SIO_ACK, "/", NULL, 0, "[]", "430[]"},
        {SIO_ACK, "/", NULL, 1e20, "[]", "43100000000000000000000[]"},
        {SIO_EVENT, "/\xc3\xa9\"", "\xc3\xa9", 1, "[]", "42/\xc3\xa9\",1[\"\xc3\xa9\"]"},
        {SIO_DISCONNECT, "/chat", NULL, -1, NULL, "41/chat,"},
        {SIO_CONNECT, "/", NULL, -1, "{\"sid\":\"x\"}", "40{\"sid\":\"x\"}"},
    };
    struct buf scratch;
    buf_init(&scratch, LIMIT_BYTES);
    for (size_t i = 0; i < TEST_COUNT(rows); i++) {
        const struct written *row = &rows[i];
        struct sio_packet packet = {.type = row->type,
                                    .nsp = row->nsp,
                                    .nsp_bytes = strlen(row->nsp),
                                    .has_id = row->id >= 0,
                                    .id = row->id};
        if (row->json != NULL)
            assert_int_equal(value_parse_json(row->json, strlen(row->json), NULL, &packet.data),
                             CONFAB_OK);
        struct frame_set *set = sio_encode(&packet, row->event, &scratch);
        assert_non_null(set);
        assert_int_equal(set->count, 1);
        size_t length;
        const char *text = frame_payload(set->frames[0], &length);
        assert_int_equal(length, strlen(row->text));
        assert_memory_equal(text, row->text, length);
        assert_int_equal(frame_json_at(set->frames[0]), strcspn(row->text, "[{"));
        frame_set_release(set);
        confab_value_release(packet.data);
    }
    buf_fini(&scratch);
}

static void test_writing_attachments(void **state)
{
    (void)state;
    struct buf scratch;
    buf_init(&scratch, LIMIT_BYTES);
    struct confab_value *args = confab_array();
    for (int i = 0; i < 20; i++)
        confab_push(args, confab_binary("ab", (size_t)(i % 3)));
    struct sio_packet packet = {
        .type = SIO_EVENT, .nsp = "/a", .nsp_bytes = 2, .has_id = true, .id = 5, .data = args};
    struct frame_set *set = sio_encode(&packet, "bin", &scratch);
    assert_int_equal(set->count, 21);
    size_t length;
    const char *text = frame_payload(set->frames[0], &length);
    static const char start[] = "4520-/a,5[\"bin\",{\"_placeholder\":true,\"num\":0},";
    assert_memory_equal(text, start, sizeof(start) - 1);
    assert_int_equal(frame_json_at(set->frames[0]), strcspn(start, "["));
    assert_int_equal(frame_kind(set->frames[20]), FRAME_BINARY);
    frame_set_release(set);
    confab_value_release(args);
    buf_fini(&scratch);
}

static void test_writing_too_much(void **state)
{
    (void)state;
    struct buf scratch;
    buf_init(&scratch, 16);
    struct confab_value *args = confab_list(confab_string("longer than sixteen bytes"), NULL);
    struct sio_packet packet = {.type = SIO_EVENT, .nsp = "/", .nsp_bytes = 1, .data = args};
    assert_null(sio_encode(&packet, "hi", &scratch));
    packet.data = NULL;
    struct frame_set *set = sio_encode(&packet, "hi", &scratch);
    assert_non_null(set); /* the scratch is good again */
    frame_set_release(set);
    confab_value_release(args);
    buf_fini(&scratch);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_number;
        double number;
    } rows[] = {
        {"", true, 0},
        {" \t\n", true, 0},
        {"1", true, 1},
        {" 01 ", true, 1},
        {"1e1", true, 10},
        {".5", true, 0.5},
        {"5.", true, 5},
        {"-2", true, -2},
        {"+3", true, 3},
        {"0x1F", true, 31},
        {"0b101", true, 5},
        {"0o17", true, 15},
        {"\xc2\xa0"
         "7\xef\xbb\xbf",
         true, 7},
        {"\xe2\x80\xa8"
         "8",
         true, 8},
        {"x", false, 0},
        {"1x", false, 0},
        {".", false, 0},
        {"1e", false, 0},
        {"0x", false, 0},
        {"0b2", false, 0},
        {"nan", false, 0},
        {"inf", false, 0},
        {"0x1p3", false, 0},
        {"- 1", false, 0},
        {"1 2", false, 0},
        {"-0x1", false, 0},
    };
    for (size_t i = 0; i < TEST_COUNT(rows); i++) {
        double number = -1;
        bool is_number = sio_read_number(rows[i].text, strlen(rows[i].text), &number);
        if (is_number != rows[i].is_number || (is_number && number != rows[i].number))
            fail_msg("'%s' gave %d, %g", rows[i].text, is_number, number);
    }
    double number;
    assert_true(sio_read_number("Infinity", 8, &number));
    assert_true(number > 1e308);
}

static int nothing_lives(void **state)
{
    (void)state;
    live_report(stderr);
    return live_total() == 0 ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_teardown(name, nothing_lives)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_cut),
        TEST(test_every_byte),
        TEST(test_limits),
        TEST(test_attachment_bytes),
        TEST(test_attachments_allowed),
        TEST(test_whole_awaits_nothing),
        TEST(test_decoder_goes_on),
        TEST(test_unanswerable_ids),
        TEST(test_writing),
        TEST(test_writing_attachments),
        TEST(test_writing_too_much),
        TEST(test_numbers),
        TEST(test_one_attachment_in_many_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
