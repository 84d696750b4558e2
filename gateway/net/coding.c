#include "gateway/net/coding.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "common/buf.h"
#include "common/mem.h"

#define BLANKS " \t"
#define WEIGHT_MAX 1000
#define GZIP_WINDOW_BITS (15 + 16) /* zlib's way to ask for gzip's header */
#define ZLIB_WINDOW_BITS 15        /* what HTTP calls deflate */
#define MEMORY_LEVEL 8             /* zlib's own default */

static const char *const names[CODING_COUNT] = {
    [CODING_GZIP] = "gzip", [CODING_DEFLATE] = "deflate"};

const char *coding_line(enum coding coding)
{
    static const char *const lines[CODING_COUNT] = {"", "Content-Encoding: gzip\r\n",
                                                    "Content-Encoding: deflate\r\n"};

    return lines[coding];
}

/* ---- negotiation ---- */

/* What the header says of one coding. */
struct wish {
    int weight;     /* in thousandths; -1: nothing */
    bool is_named;  /* not just meant by "*" */
    unsigned place; /* in the list */
};

/* 0, 1, 0.5, 1.000; with at most three digits behind the point. */
static int read_weight(const char *text, size_t length)
{
    int weight = 0;
    int unit = WEIGHT_MAX / 10;

    if (length == 0 || length > 5 || (text[0] != '0' && text[0] != '1') ||
        (length > 1 && text[1] != '.'))
        return 0;
    weight = (text[0] - '0') * WEIGHT_MAX;
    for (size_t i = 2; i < length; i++, unit /= 10) {
        if (text[i] < '0' || text[i] > '9')
            return 0;
        weight += (text[i] - '0') * unit;
    }
    return weight <= WEIGHT_MAX ? weight : 0;
}

/* The parameter q among those behind a name; 1 without it. */
static int find_weight(const char *text, const char *end)
{
    while (text < end) {
        size_t length;

        text += strspn(text, BLANKS ";");
        length = strcspn(text, ",; \t");
        if (length >= 2 && (text[0] == 'q' || text[0] == 'Q') && text[1] == '=')
            return read_weight(text + 2, length - 2);
        if (length == 0)
            break;
        text += length;
    }
    return WEIGHT_MAX;
}

static bool is_better_wish(const struct wish *new, const struct wish *old)
{
    if (old->weight < 0 || new->is_named != old->is_named)
        return old->weight < 0 || new->is_named;
    return new->weight >= old->weight;
}

static void note(struct wish wishes[CODING_COUNT], const char *name, size_t length,
                 struct wish wish)
{
    bool is_star = length == 1 && *name == '*';

    for (int i = CODING_GZIP; i < CODING_COUNT; i++) {
        wish.is_named = strlen(names[i]) == length && strncasecmp(name, names[i], length) == 0;
        if ((wish.is_named || is_star) && is_better_wish(&wish, &wishes[i]))
            wishes[i] = wish;
    }
}

static bool is_preferred(const struct wish *a, const struct wish *b)
{
    if (a->weight != b->weight)
        return a->weight > b->weight;
    if (a->is_named != b->is_named)
        return a->is_named;
    return a->place < b->place;
}

enum coding coding_negotiate(const char *accept)
{
    struct wish wishes[CODING_COUNT] = {{-1, false, 0}, {-1, false, 0}, {-1, false, 0}};
    enum coding best = CODING_NONE;

    for (unsigned place = 0; accept != NULL; place++) {
        size_t length;
        const char *end;

        accept += strspn(accept, BLANKS);
        length = strcspn(accept, ",; \t");
        end = accept + strcspn(accept, ",");
        note(wishes, accept, length,
             (struct wish){find_weight(accept + length, end), false, place});
        accept = *end == ',' ? end + 1 : NULL;
    }
    for (enum coding i = CODING_GZIP; i < CODING_COUNT; i++) {
        if (wishes[i].weight > 0 &&
            (best == CODING_NONE || is_preferred(&wishes[i], &wishes[best])))
            best = i;
    }
    return best;
}

/* ---- compression ---- */

struct coder {
    int level;
    bool is_ready[CODING_COUNT];
    z_stream streams[CODING_COUNT];
};

struct coder *coder_new(enum coder_effort effort)
{
    struct coder *coder = xcalloc(1, sizeof(*coder));

    coder->level = effort == CODER_FAST ? Z_BEST_SPEED : Z_BEST_COMPRESSION;
    return coder;
}

void coder_free(struct coder **pointer)
{
    struct coder *coder = *pointer;

    *pointer = NULL;
    if (coder == NULL)
        return;
    for (int i = 0; i < CODING_COUNT; i++) {
        if (coder->is_ready[i])
            deflateEnd(&coder->streams[i]);
    }
    free(coder);
}

/* A stream that has seen nothing; NULL when there is no memory. */
static z_stream *fresh_stream(struct coder *coder, enum coding coding)
{
    z_stream *stream = &coder->streams[coding];
    int window = coding == CODING_GZIP ? GZIP_WINDOW_BITS : ZLIB_WINDOW_BITS;

    if (coder->is_ready[coding])
        return deflateReset(stream) == Z_OK ? stream : NULL;
    if (deflateInit2(stream, coder->level, Z_DEFLATED, window, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return NULL;
    coder->is_ready[coding] = true;
    return stream;
}

bool coder_run(struct coder *coder, enum coding coding, const void *bytes, size_t length_bytes,
               struct buf *out)
{
    z_stream *stream;

    buf_reset(out);
    if (coding == CODING_NONE || length_bytes < 2 || length_bytes > UINT32_MAX)
        return false;
    stream = fresh_stream(coder, coding);
    /* Room for one byte less than there were: what does not fit is not worth sending. */
    if (stream == NULL || buf_extend(out, length_bytes - 1) == NULL)
        return false;
    stream->next_in = (Bytef *)(uintptr_t)bytes;
    stream->avail_in = (uInt)length_bytes;
    stream->next_out = out->data;
    stream->avail_out = (uInt)(length_bytes - 1);
    if (deflate(stream, Z_FINISH) != Z_STREAM_END)
        return false;
    buf_truncate(out, (size_t)(stream->next_out - out->data));
    return true;
}
