/* See recorded.h. */
#include "tests/unit/wire/recorded.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

static void find_namespace(struct recorded *recorded)
{
    static const char *const keys[] = {"socket.io", "pfx"};
    static const char *const namespaces[] = {"/", "/custom", "/\xc3\xbcn\xc3\xaf"};
    unsigned found = 0;
    for (size_t i = 0; i < TEST_COUNT(keys); i++) {
        for (size_t j = 0; j < TEST_COUNT(namespaces); j++) {
            struct wire_channel parsed;
            if (!wire_channel_parse(recorded->channel, strlen(recorded->channel), keys[i],
                                    namespaces[j], &parsed))
                continue;
            recorded->key = keys[i];
            recorded->nsp = namespaces[j];
            recorded->parsed = parsed;
            found++;
        }
    }
    if (found != 1)
        fail_msg("%s: belongs to %u namespaces", recorded->channel, found);
}

const struct confab_value *recorded_next(struct vectors *vectors, struct recorded *recorded)
{
    const struct confab_value *row;
    free(recorded->bytes);
    *recorded = (struct recorded){0};
    while ((row = vectors_next(vectors)) != NULL) {
        if (vector_text(row, "payload") == NULL)
            continue;
        recorded->id = vector_text(row, "id");
        recorded->set = vector_text(row, "set");
        recorded->name = vector_text(row, "case");
        recorded->encoding = vector_text(row, "encoding");
        recorded->channel = vector_text(row, "channel");
        recorded->throws = confab_as_bool(confab_get(row, "throws"), false);
        recorded->bytes = vector_bytes(vector_text(row, "payload"), &recorded->length);
        find_namespace(recorded);
        return row;
    }
    return NULL;
}

bool recorded_in(const struct recorded *recorded, const char *set)
{
    return strcmp(recorded->set, set) == 0;
}
