/*
 * What a reply may cost before it is whole.
 *
 * hiredis bounds the length of one array and nothing else: a reply may be arrays in arrays, or an
 * array of long texts, and a text that is declared longer than what will ever come swallows all
 * that follows it. So the bytes, the elements and the levels of a whole reply are counted here, and
 * a declared length is believed at once.
 */
#include "broker/redis_link_impl.h"

#include <stdlib.h>

/* Far more than any answer that is asked for. An element costs far more than the bytes it comes
 * in. */
#define REPLY_ELEMENTS_MAX 65536
/* The reader looks at all levels for each byte that comes, and frees them by recursion. */
#define REPLY_DEPTH_MAX 8

static unsigned depth_of(const redisReadTask *task)
{
    unsigned depth = 0;

    for (; task != NULL && depth <= REPLY_DEPTH_MAX; task = task->parent)
        depth++;
    return depth;
}

static void *make_array(const redisReadTask *task, size_t elements)
{
    struct link_conn *conn = task->privdata;

    if (depth_of(task) > REPLY_DEPTH_MAX || elements > REPLY_ELEMENTS_MAX ||
        conn->reply_elements > REPLY_ELEMENTS_MAX - elements) {
        conn->reply_elements = SIZE_MAX;
        return NULL;
    }
    conn->reply_elements += elements;
    return conn->make_array(task, elements);
}

redisReader *link_reader_new(struct link_conn *conn)
{
    redisReader *reader = redisReaderCreate();

    if (reader == NULL)
        return NULL;
    conn->makers = *reader->fn;
    conn->make_array = conn->makers.createArray;
    conn->makers.createArray = make_array;
    reader->fn = &conn->makers;
    reader->privdata = conn;
    reader->maxelements = REPLY_ELEMENTS_MAX;
    conn->reply_bytes = 0;
    conn->reply_elements = 0;
    return reader;
}

/* The length of the text that is being read; 0 when it is none, or not known yet. */
static unsigned long long declared_bytes(const redisReader *reader)
{
    const redisReadTask *task = reader->ridx >= 0 ? reader->task[reader->ridx] : NULL;
    const char *at = reader->buf + reader->pos;

    if (task == NULL || reader->pos >= reader->len || at[0] < '0' || at[0] > '9' ||
        (task->type != REDIS_REPLY_STRING && task->type != REDIS_REPLY_VERB))
        return 0;
    return strtoull(at, NULL, 10);
}

bool link_reader_overrun(const struct link_conn *conn)
{
    size_t limit_bytes = conn->link->reply_max_bytes;

    return conn->reply_elements > REPLY_ELEMENTS_MAX || conn->reply_bytes > limit_bytes ||
           (conn->reader->err == 0 && declared_bytes(conn->reader) > limit_bytes);
}
