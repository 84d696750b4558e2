#include "gateway/net/ws_deflate.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "common/buf.h"
#include "common/mem.h"

#define WINDOW_BITS (-15) /* the largest; negative is zlib's way to ask for no header */
#define MEMORY_LEVEL 8    /* zlib's own default */
#define PIECE_BYTES 16384

/* To read a block's codes takes microseconds, even when nothing but its end follows. A packer with
 * the least memory that zlib knows begins a block for every 127 bytes, and each flush in the middle
 * of a message is two. */
#define BLOCKS_MIN 1024
#define BYTES_PER_BLOCK 100

/* An empty block ends each message, and these bytes of it are left out. */
static const uint8_t tail[4] = {0, 0, 0xff, 0xff};

struct ws_deflate {
    z_stream packing, unpacking;
    bool can_pack, can_unpack;
    bool at_end;   /* a block came that calls itself the last */
    size_t blocks; /* of this message */
    uint8_t piece[PIECE_BYTES];
};

static void *take(void *user, unsigned count, unsigned size)
{
    (void)user;
    return xcalloc(count, size);
}

static void give_back(void *user, void *memory)
{
    (void)user;
    free(memory);
}

struct ws_deflate *ws_deflate_new(void)
{
    return xcalloc(1, sizeof(struct ws_deflate));
}

void ws_deflate_free(struct ws_deflate **pointer)
{
    struct ws_deflate *zip = *pointer;

    *pointer = NULL;
    if (zip == NULL)
        return;
    if (zip->can_pack)
        deflateEnd(&zip->packing);
    if (zip->can_unpack)
        inflateEnd(&zip->unpacking);
    free(zip);
}

/* ---- in ---- */

/* None of zlib's calls that prepare a stream can fail: what they ask for is valid, and memory is
 * there or the program ends. */
static void start_unpacking(struct ws_deflate *zip)
{
    z_stream *stream = &zip->unpacking;
    int status;

    zip->at_end = false;
    zip->blocks = 0;
    if (zip->can_unpack) {
        status = inflateReset(stream);
    } else {
        stream->zalloc = take;
        stream->zfree = give_back;
        status = inflateInit2(stream, WINDOW_BITS);
        zip->can_unpack = true;
    }
    assert(status == Z_OK);
    (void)status;
}

/* zlib's words for where it stands; see inflate() in zlib.h. */
static bool is_behind_block(const z_stream *stream)
{
    return (stream->data_type & 128) != 0;
}

static bool is_behind_last_block(const z_stream *stream)
{
    return is_behind_block(stream) && (stream->data_type & 64) != 0;
}

/* And not inside the three bits that the next one begins with. */
static bool is_between_blocks(const z_stream *stream)
{
    return is_behind_block(stream) && (stream->data_type & 63) < 3;
}

/* Up to a block's end. */
static enum ws_inflated unpack_piece(struct ws_deflate *zip, struct buf *out)
{
    z_stream *stream = &zip->unpacking;
    int status;

    /* Behind a last block others may follow (RFC 7692, 7.2.3.4). */
    if (zip->at_end)
        inflateReset(stream);
    stream->next_out = zip->piece;
    stream->avail_out = PIECE_BYTES;
    status = inflate(stream, Z_BLOCK);
    zip->at_end = status == Z_STREAM_END || is_behind_last_block(stream);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
        return WS_INFLATE_CORRUPT;
    buf_append(out, zip->piece, PIECE_BYTES - stream->avail_out);
    if (buf_error(out) != 0)
        return WS_INFLATE_TOO_BIG;
    if (is_behind_block(stream) && ++zip->blocks > BLOCKS_MIN + out->len / BYTES_PER_BLOCK)
        return WS_INFLATE_CORRUPT;
    return WS_INFLATED;
}

static enum ws_inflated unpack(struct ws_deflate *zip, const void *bytes, size_t length_bytes,
                               struct buf *out)
{
    z_stream *stream = &zip->unpacking;
    enum ws_inflated result = WS_INFLATED;

    stream->next_in = (Bytef *)(uintptr_t)bytes;
    stream->avail_in = (uInt)length_bytes;
    do {
        result = unpack_piece(zip, out);
    } while (result == WS_INFLATED &&
             (stream->avail_in > 0 || (stream->avail_out == 0 && !zip->at_end)));
    return result;
}

enum ws_inflated ws_inflate(struct ws_deflate *zip, const void *bytes, size_t length_bytes,
                            struct buf *out)
{
    enum ws_inflated result;

    if (length_bytes > UINT32_MAX)
        return WS_INFLATE_TOO_BIG;
    start_unpacking(zip);
    result = unpack(zip, bytes, length_bytes, out);
    if (result != WS_INFLATED || zip->at_end)
        return result;
    result = unpack(zip, tail, sizeof(tail), out);
    if (result == WS_INFLATED && (zip->at_end || !is_between_blocks(&zip->unpacking)))
        return WS_INFLATE_CORRUPT;
    return result;
}

/* ---- out ---- */

static void start_packing(struct ws_deflate *zip)
{
    z_stream *stream = &zip->packing;
    int status;

    if (zip->can_pack) {
        status = deflateReset(stream);
    } else {
        stream->zalloc = take;
        stream->zfree = give_back;
        /* The loop waits meanwhile: the fastest level. */
        status = deflateInit2(stream, Z_BEST_SPEED, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL,
                              Z_DEFAULT_STRATEGY);
        zip->can_pack = true;
    }
    assert(status == Z_OK);
    (void)status;
}

bool ws_deflate_run(struct ws_deflate *zip, const void *bytes, size_t length_bytes, struct buf *out)
{
    z_stream *stream = &zip->packing;
    /* For a payload that is shorter by a byte, its tail, and a byte that zlib leaves when it is
     * through. */
    size_t room = length_bytes - 1 + sizeof(tail) + 1;

    buf_reset(out);
    if (length_bytes < 2 || length_bytes > UINT32_MAX / 2 || buf_extend(out, room) == NULL)
        return false;
    start_packing(zip);
    stream->next_in = (Bytef *)(uintptr_t)bytes;
    stream->avail_in = (uInt)length_bytes;
    stream->next_out = out->data;
    stream->avail_out = (uInt)room;
    if (deflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_in > 0 || stream->avail_out == 0)
        return false;
    buf_truncate(out, room - stream->avail_out - sizeof(tail));
    return true;
}
