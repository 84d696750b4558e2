/* One allocation holds the message, both lists of rooms and all of their bytes. */
#include "broker/message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/frame.h"
#include "common/live.h"
#include "common/mem.h"
#include "common/value.h"

static int compare_texts(const void *a, const void *b)
{
    const struct text *x = *(const struct text *const *)a;
    const struct text *y = *(const struct text *const *)b;
    int order;

    if (x->length != y->length)
        return x->length < y->length ? -1 : 1;
    order = x->length == 0 ? 0 : memcmp(x->bytes, y->bytes, x->length);
    if (order != 0)
        return order;
    return x < y ? -1 : x > y; /* of equal texts the first one stays in front */
}

/* Gives the texts their final order without the duplicates: out has room for all. Sorting keeps it
 * near linear, since peers choose how many there are. */
static unsigned without_duplicates(const struct text *texts, unsigned count,
                                   const struct text **out)
{
    const struct text **sorted;
    unsigned kept = 0;

    if (count < 2) {
        if (count == 1)
            out[0] = texts;
        return count;
    }
    sorted = xreallocarray(NULL, count, sizeof(const struct text *));
    for (unsigned i = 0; i < count; i++)
        sorted[i] = &texts[i];
    qsort(sorted, count, sizeof(const struct text *), compare_texts);
    memset(out, 0, count * sizeof(const struct text *));
    for (unsigned i = 0; i < count; i++) {
        const struct text *t = sorted[i];

        if (i != 0 && t->length == sorted[i - 1]->length &&
            (t->length == 0 || memcmp(t->bytes, sorted[i - 1]->bytes, t->length) == 0))
            continue;
        out[t - texts] = t;
    }
    for (unsigned i = 0; i < count; i++)
        if (out[i] != NULL)
            out[kept++] = out[i];
    free(sorted);
    return kept;
}

static struct text put_text(char **at, const char *bytes, size_t length)
{
    struct text copy = {*at, length};

    if (length != 0)
        memcpy(*at, bytes, length);
    (*at)[length] = '\0';
    *at += length + 1;
    return copy;
}

static size_t texts_bytes(const struct text *const *texts, unsigned count)
{
    size_t bytes = 0;

    for (unsigned i = 0; i < count; i++)
        bytes += texts[i]->length + 1;
    return bytes;
}

struct message *message_new(const char *nsp, size_t nsp_bytes, const struct text *rooms,
                            unsigned room_count, const struct text *except, unsigned except_count,
                            unsigned flags, struct confab_value *args)
{
    const struct text **lists =
        xreallocarray(NULL, (size_t)room_count + except_count + 1, sizeof(const struct text *));
    const struct text **outside = lists + room_count;
    struct message *message;
    struct text *texts;
    char *at;

    assert(args != NULL);
    room_count = without_duplicates(rooms, room_count, lists);
    except_count = without_duplicates(except, except_count, outside);
    message = xmalloc(sizeof(*message) + ((size_t)room_count + except_count) * sizeof(*texts) +
                      texts_bytes(lists, room_count) + texts_bytes(outside, except_count) +
                      nsp_bytes + 1);
    texts = (struct text *)(void *)(message + 1);
    at = (char *)(texts + room_count + except_count);
    *message = (struct message){.references = 1,
                                .flags = flags,
                                .args = args,
                                .room_count = room_count,
                                .except_count = except_count,
                                .rooms = texts,
                                .except = texts + room_count};
    for (unsigned i = 0; i < room_count; i++)
        texts[i] = put_text(&at, lists[i]->bytes, lists[i]->length);
    for (unsigned i = 0; i < except_count; i++)
        texts[room_count + i] = put_text(&at, outside[i]->bytes, outside[i]->length);
    message->nsp = put_text(&at, nsp, nsp_bytes);
    free(lists);
    live_inc(LIVE_MESSAGE);
    return message;
}

struct message *message_hold(struct message *message)
{
    message->references++;
    return message;
}

void message_release(struct message *message)
{
    if (--message->references != 0)
        return;
    confab_value_release(message->args);
    if (message->wire != NULL)
        frame_set_release(message->wire);
    free(message);
    live_dec(LIVE_MESSAGE);
}

void message_set_wire(struct message *message, struct frame_set *wire)
{
    assert(message->wire == NULL);
    message->wire = wire;
}
