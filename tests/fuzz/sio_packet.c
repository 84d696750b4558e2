/* Socket.IO packets: what was read is written as messages that read as the same packet. The input
 * is one text, then attachments, each behind a byte 0xff. */
#include <math.h>

#include "common/buf.h"
#include "common/utf8.h"
#include "common/value.h"
#include "gateway/socketio/packet.h"
#include "tests/fuzz/fuzz.h"
#include <confab/err.h>

#define PACKET_BYTES 65536
#define TEXT_BYTES (1 << 20)
#define ID_MAX 1e21 /* from here JavaScript writes an exponent */

static struct frame_set *encode(const struct sio_packet *packet)
{
    struct buf scratch;
    buf_init(&scratch, TEXT_BYTES);
    struct frame_set *set = sio_encode(packet, NULL, &scratch);
    FUZZ_CHECK(set != NULL);
    buf_fini(&scratch);
    return set;
}

static bool is_equal(const struct frame_set *a, const struct frame_set *b)
{
    bool equal = a->count == b->count;
    for (unsigned i = 0; equal && i < a->count; i++) {
        size_t a_bytes, b_bytes;
        const char *left = frame_payload(a->frames[i], &a_bytes);
        const char *right = frame_payload(b->frames[i], &b_bytes);
        equal = a_bytes == b_bytes && memcmp(left, right, a_bytes) == 0;
    }
    return equal;
}

/* What JavaScript takes, too, and writes as something else: an id beyond the exponent's begin, an
 * infinite number (`1e999`) as an event's name. */
static bool reads_back(const struct sio_packet *packet)
{
    double name = confab_as_double(confab_at(packet->data, 0), 0);
    return (!packet->has_id || packet->id < ID_MAX) && isfinite(name);
}

static void check_again(const struct frame_set *set, const struct sio_packet *packet)
{
    struct sio_decoder decoder;
    struct sio_packet again;
    int err = CONFAB_EPARTIAL;
    sio_decoder_init(&decoder);
    for (unsigned i = 0; i < set->count; i++) {
        size_t length;
        const char *bytes = frame_payload(set->frames[i], &length);
        size_t digit = i == 0 ? 1 : 0; /* Engine.IO's */
        FUZZ_CHECK(err == CONFAB_EPARTIAL);
        err = sio_decode(&decoder, frame_kind(set->frames[i]), bytes + digit, length - digit,
                         TEXT_BYTES, &again);
    }
    FUZZ_CHECK(err == CONFAB_OK);
    FUZZ_CHECK(again.type == packet->type && again.has_id == packet->has_id);
    FUZZ_CHECK(again.nsp_bytes == packet->nsp_bytes);
    FUZZ_CHECK(memcmp(again.nsp, packet->nsp, again.nsp_bytes) == 0);
    struct frame_set *second = encode(&again);
    FUZZ_CHECK(is_equal(set, second));
    frame_set_release(second);
    confab_value_release(again.data);
    sio_decoder_fini(&decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    struct sio_decoder decoder;
    struct sio_packet packet;
    const char *at = (const char *)bytes;
    const char *end = at + length_bytes;
    enum frame_kind kind = FRAME_TEXT;
    int err = CONFAB_EPARTIAL;
    sio_decoder_init(&decoder);
    while (at != NULL && err == CONFAB_EPARTIAL) {
        const char *mark = at < end ? memchr(at, 0xff, (size_t)(end - at)) : NULL;
        size_t length = (size_t)((mark != NULL ? mark : end) - at);
        if (kind == FRAME_TEXT && !utf8_valid(at, length))
            break;
        err = sio_decode(&decoder, kind, at, length, PACKET_BYTES, &packet);
        if (err == CONFAB_OK || err == CONFAB_EPARTIAL)
            FUZZ_CHECK(sio_decoder_awaits(&decoder) == (err == CONFAB_EPARTIAL));
        kind = FRAME_BINARY;
        at = mark != NULL ? mark + 1 : NULL;
    }
    if (err == CONFAB_OK) {
        struct frame_set *set = encode(&packet);
        if (reads_back(&packet))
            check_again(set, &packet);
        frame_set_release(set);
        confab_value_release(packet.data);
    }
    sio_decoder_fini(&decoder);
    fuzz_check_nothing_left();
    return 0;
}
