/* See packet_rows.h. */
#include "tests/unit/socketio/packet_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"
#include "tests/unit/vectors.h"

struct vectors *packet_rows_open(void)
{
    return vectors_open("socketio-parser-vectors.jsonl");
}

bool packet_row_is(const struct confab_value *row, const char *kind)
{
    return strcmp(vector_text(row, "kind"), kind) == 0;
}

struct sio_packet packet_row_packet(const struct confab_value *row)
{
    const struct confab_value *tagged = confab_get(row, "packet");
    const struct confab_value *id = confab_get(tagged, "id");
    const char *nsp = vector_text(tagged, "nsp");
    struct sio_packet packet = {.type =
                                    (enum sio_type)confab_as_int(confab_get(tagged, "type"), -1),
                                .nsp = nsp != NULL ? nsp : "/",
                                .nsp_bytes = nsp != NULL ? strlen(nsp) : 1,
                                .has_id = id != NULL,
                                .id = confab_as_double(id, 0)};
    if (confab_get(tagged, "data") != NULL)
        packet.data = vector_value(confab_get(tagged, "data"));
    return packet;
}

int packet_row_feed(packet_decode_fn *decode, struct sio_decoder *decoder,
                    const struct confab_value *frame, size_t max_packet_bytes,
                    struct sio_packet *packet)
{
    size_t length;
    const char *text = confab_as_string(confab_get(frame, "text"), &length);
    if (text != NULL)
        return decode(decoder, FRAME_TEXT, text, length, max_packet_bytes, packet);
    uint8_t *bytes = vector_bytes(vector_text(frame, "bin"), &length);
    int status =
        decode(decoder, FRAME_BINARY, (const char *)bytes, length, max_packet_bytes, packet);
    free(bytes);
    return status;
}

unsigned packet_rows_judge(const char *list, const char *kind, const char *other,
                           bool (*meets)(const struct confab_value *row))
{
    struct vectors *vectors = packet_rows_open();
    struct not_met *not_met = not_met_load(list);
    const struct confab_value *row;
    unsigned rows = 0;
    while ((row = vectors_next(vectors)) != NULL) {
        char id[128];
        if (!packet_row_is(row, kind) && (other == NULL || !packet_row_is(row, other)))
            continue;
        snprintf(id, sizeof(id), "%s/%s", vector_text(row, "kind"), vector_text(row, "case"));
        not_met_judge(not_met, id, meets(row));
        rows++;
    }
    not_met_finish(not_met);
    vectors_close(vectors);
    return rows;
}
