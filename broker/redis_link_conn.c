/* One connection of the link: the socket, the greeting, the queue of output, the reader of input.
 */
#define _GNU_SOURCE
#include "broker/redis_link_impl.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/live.h"
#include "common/mem.h"

#define READ_BYTES 16384
/* One connection has no more than this of a loop's turn; what is left fires again. */
#define READ_TURN_BYTES (16 * READ_BYTES)
/* An emptied queue that had grown beyond this gives its memory back. */
#define QUEUE_KEPT_BYTES 65536
/* Digits and line ends around an argument, at most. */
#define ARG_FRAME_BYTES 32

static void on_readable(evutil_socket_t fd, short what, void *user);
static void on_writable(evutil_socket_t fd, short what, void *user);

void link_conn_init(struct link_conn *conn, struct redis_link *link, bool subscriber,
                    size_t queue_max_bytes)
{
    conn->link = link;
    conn->subscriber = subscriber;
    conn->fd = -1;
    list_init(&conn->calls);
    buf_init(&conn->out, queue_max_bytes);
}

void link_conn_fini(struct link_conn *conn)
{
    link_conn_close(conn);
    buf_fini(&conn->out);
}

/* ---- output ---- */

size_t link_conn_queued_bytes(const struct link_conn *conn)
{
    return conn->out.len - conn->out_sent;
}

int link_conn_put(struct link_conn *conn, const struct text *args, unsigned count)
{
    size_t need = ARG_FRAME_BYTES;

    for (unsigned i = 0; i < count; i++) {
        if (args[i].length > conn->out.limit_bytes - need)
            return CONFAB_ELIMIT;
        need += args[i].length + ARG_FRAME_BYTES;
        if (need > conn->out.limit_bytes)
            return CONFAB_ELIMIT;
    }
    if (need > conn->out.limit_bytes - conn->out.len) {
        buf_consume(&conn->out, conn->out_sent);
        conn->out_sent = 0;
    }
    if (need > conn->out.limit_bytes - conn->out.len)
        return CONFAB_ELIMIT;
    if (buf_reserve(&conn->out, need) != CONFAB_OK) {
        conn->out.err = CONFAB_OK; /* what is queued is whole and stays good */
        return CONFAB_ELIMIT;
    }
    buf_printf(&conn->out, "*%u\r\n", count);
    for (unsigned i = 0; i < count; i++) {
        buf_put_u8(&conn->out, '$');
        buf_put_uint(&conn->out, args[i].length);
        buf_append(&conn->out, "\r\n", 2);
        buf_append(&conn->out, args[i].bytes, args[i].length);
        buf_append(&conn->out, "\r\n", 2);
    }
    event_active(conn->link->flush, 0, 0);
    return CONFAB_OK;
}

struct link_call *link_conn_call(struct link_conn *conn, unsigned arg_count, size_t arg_bytes,
                                 redis_link_done *done, void *user)
{
    size_t bytes = sizeof(struct link_call) + arg_count * sizeof(struct text) + arg_bytes;
    struct link_call *call = xmalloc(bytes);

    *call = (struct link_call){.done = done, .user = user, .count = arg_count, .bytes = bytes};
    conn->calls_bytes += bytes;
    list_init(&call->link);
    list_add_tail(&conn->calls, &call->link);
    live_inc(LIVE_REDIS_CALL);
    return call;
}

/* Writes what the socket takes now and asks for more room only when something is left. */
void link_conn_flush(struct link_conn *conn)
{
    ssize_t sent;

    if (conn->state < CONN_GREETING)
        return;
    while (conn->out_sent < conn->out.len) {
        sent = send(conn->fd, conn->out.data + conn->out_sent, conn->out.len - conn->out_sent,
                    MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            event_add(conn->writable, NULL);
            return;
        }
        if (sent < 0) {
            link_fail(conn->link, strerror(errno));
            return;
        }
        conn->out_sent += (size_t)sent;
    }
    conn->out_sent = 0;
    if (conn->out.cap > QUEUE_KEPT_BYTES)
        buf_fini(&conn->out);
    else
        buf_reset(&conn->out);
}

/* ---- opening and closing ---- */

static void greeted(void *user, int status, const struct redis_answer *answer)
{
    struct link_conn *conn = user;
    struct text text = redis_answer_text(answer);
    char why[LINK_WHY_BYTES];

    if (status != CONFAB_OK)
        return;
    if (redis_answer_kind(answer) == REDIS_ANSWER_ERROR) {
        snprintf(why, sizeof(why), "refused: %s", text.bytes);
        link_fail(conn->link, why);
    }
}

/* The greeting's last command. A server that does not know it, or forbids it, is good enough all
 * the same. */
static void identified(void *user, int status, const struct redis_answer *answer)
{
    struct link_conn *conn = user;

    if (status != CONFAB_OK || conn->link->broken)
        return;
    conn->client_id = redis_answer_integer(answer, 0);
    conn->state = CONN_READY;
    link_conn_ready(conn->link);
}

static void greet(struct link_conn *conn, redis_link_done *done, const char *const *words,
                  unsigned count)
{
    struct text args[4];

    for (unsigned i = 0; i < count; i++)
        args[i] = (struct text){words[i], strlen(words[i])};
    link_conn_call(conn, 0, 0, done, conn);
    if (link_conn_put(conn, args, count) != CONFAB_OK)
        link_fail(conn->link, "the queue's limit is too low");
}

static void on_connected(struct link_conn *conn)
{
    struct redis_link *link = conn->link;
    char db[16];

    conn->state = CONN_GREETING;
    event_add(conn->readable, NULL);
    if (link->password != NULL && link->username != NULL)
        greet(conn, greeted, (const char *const[]){"AUTH", link->username, link->password}, 3);
    else if (link->password != NULL)
        greet(conn, greeted, (const char *const[]){"AUTH", link->password}, 2);
    snprintf(db, sizeof(db), "%u", link->db);
    if (link->db != 0)
        greet(conn, greeted, (const char *const[]){"SELECT", db}, 2);
    /* Tells a server that wants a password or is still loading, which CLIENT ID does not. */
    greet(conn, greeted, (const char *const[]){"PING"}, 1);
    greet(conn, identified, (const char *const[]){"CLIENT", "ID"}, 2);
}

void link_conn_open(struct link_conn *conn, const struct link_address *address)
{
    const struct sockaddr *to = (const struct sockaddr *)&address->address;
    const int on = 1;

    conn->fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0) {
        link_fail(conn->link, strerror(errno));
        return;
    }
    if (to->sa_family != AF_UNIX)
        setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    conn->reader = link_reader_new(conn);
    conn->readable = event_new(conn->link->base, conn->fd, EV_READ | EV_PERSIST, on_readable, conn);
    conn->writable = event_new(conn->link->base, conn->fd, EV_WRITE, on_writable, conn);
    if (conn->reader == NULL || conn->readable == NULL || conn->writable == NULL) {
        link_fail(conn->link, "out of memory");
        return;
    }
    conn->state = CONN_CONNECTING;
    conn->heard = true;
    if (connect(conn->fd, to, address->length) == 0)
        on_connected(conn);
    else if (errno == EINPROGRESS)
        event_add(conn->writable, NULL);
    else
        link_fail(conn->link, strerror(errno));
}

void link_conn_drop(struct link_conn *conn)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    if (conn->fd >= 0)
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    link_conn_close(conn);
}

void link_conn_close(struct link_conn *conn)
{
    if (conn->readable != NULL)
        event_free(conn->readable);
    if (conn->writable != NULL)
        event_free(conn->writable);
    if (conn->reader != NULL)
        redisReaderFree(conn->reader);
    if (conn->fd >= 0)
        close(conn->fd);
    buf_fini(&conn->out);
    conn->readable = NULL;
    conn->writable = NULL;
    conn->reader = NULL;
    conn->fd = -1;
    conn->out_sent = 0;
    conn->state = CONN_CLOSED;
    conn->ping_owed = false;
    conn->ping_waits = 0;
    conn->client_id = 0;
}

static void on_writable(evutil_socket_t fd, short what, void *user)
{
    struct link_conn *conn = user;
    int error = 0;
    socklen_t length = sizeof(error);

    (void)what;
    if (conn->link->broken)
        return;
    if (conn->state != CONN_CONNECTING) {
        link_conn_flush(conn);
        return;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        error = errno;
    if (error != 0)
        link_fail(conn->link, strerror(error));
    else
        on_connected(conn);
}

/* ---- input ---- */

static struct text reply_text(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)
        return (struct text){NULL, 0};
    return (struct text){reply->str, reply->len};
}

static bool says(struct text text, const char *word)
{
    return text.bytes != NULL && text.length == strlen(word) &&
           memcmp(text.bytes, word, text.length) == 0;
}

/* True when the reply is a message or a confirmation, which only a subscribing connection gets, and
 * not the answer to a command. */
static bool take_push(struct link_conn *conn, const redisReply *reply)
{
    static const struct {
        const char *word;
        enum redis_subscription kind;
    } confirmations[] = {
        {"subscribe", REDIS_SUBSCRIBE},
        {"unsubscribe", REDIS_UNSUBSCRIBE},
        {"psubscribe", REDIS_PSUBSCRIBE},
        {"punsubscribe", REDIS_PUNSUBSCRIBE},
    };
    struct redis_link *link = conn->link;
    struct text word, items[4] = {{NULL, 0}};

    if (!conn->subscriber || reply->type != REDIS_REPLY_ARRAY || reply->elements < 3)
        return false;
    for (size_t i = 0; i < reply->elements && i < 4; i++)
        items[i] = reply_text(reply->element[i]);
    word = items[0];
    if (says(word, "message") && items[1].bytes != NULL && items[2].bytes != NULL) {
        link->events->on_message(link->user,
                                 &(struct redis_message){.channel = items[1], .payload = items[2]});
        return true;
    }
    if (says(word, "pmessage") && reply->elements >= 4 && items[1].bytes != NULL &&
        items[2].bytes != NULL && items[3].bytes != NULL) {
        link->events->on_message(link->user, &(struct redis_message){items[1], items[2], items[3]});
        return true;
    }
    for (size_t i = 0; i < sizeof(confirmations) / sizeof(confirmations[0]); i++) {
        if (says(word, confirmations[i].word)) {
            if (items[1].bytes != NULL)
                link->events->on_subscribed(link->user, confirmations[i].kind, items[1]);
            return true;
        }
    }
    return false;
}

static void take_reply(struct link_conn *conn, const redisReply *reply)
{
    char why[LINK_WHY_BYTES];

    conn->link->depth++;
    if (!take_push(conn, reply)) {
        if (!list_empty(&conn->calls)) {
            link_answer(conn, CONFAB_OK, reply);
        } else if (reply->type == REDIS_REPLY_ERROR) {
            /* A subscription refused, or the server's last words ("max number of clients reached").
             */
            snprintf(why, sizeof(why), "refused: %s", reply->str);
            link_fail(conn->link, why);
        } else {
            link_fail(conn->link, "a reply that nobody asked for");
        }
    }
    conn->link->depth--;
}

/* False when the link has failed. */
static bool take_replies(struct link_conn *conn)
{
    static const char too_long[] = "a reply beyond the limit";
    struct redis_link *link = conn->link;
    void *reply;

    for (;;) {
        reply = NULL;
        if (redisReaderGetReply(conn->reader, &reply) != REDIS_OK) {
            link_fail(link, link_reader_overrun(conn) ? too_long : conn->reader->errstr);
            return false;
        }
        if (reply == NULL)
            break;
        conn->reply_bytes = conn->reader->len - conn->reader->pos;
        conn->reply_elements = 0;
        take_reply(conn, reply);
        freeReplyObject(reply);
        if (link->broken)
            return false;
    }
    if (link_reader_overrun(conn)) {
        link_fail(link, too_long);
        return false;
    }
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
    struct link_conn *conn = user;
    char bytes[READ_BYTES];
    size_t taken = 0;
    ssize_t got;

    (void)what;
    while (!conn->link->broken && taken < READ_TURN_BYTES) {
        got = recv(fd, bytes, sizeof(bytes), 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (got <= 0) {
            link_fail(conn->link, got == 0 ? "closed by the server" : strerror(errno));
            return;
        }
        conn->heard = true;
        taken += (size_t)got;
        conn->reply_bytes += (size_t)got;
        if (redisReaderFeed(conn->reader, bytes, (size_t)got) != REDIS_OK) {
            link_fail(conn->link, conn->reader->errstr);
            return;
        }
        if (!take_replies(conn) || (size_t)got < sizeof(bytes))
            return;
    }
}
