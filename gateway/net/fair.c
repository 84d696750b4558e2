/*
 * Who is read when. Every connection has a little credit, which flows in all the time and pays for
 * what its frames, requests and bytes cost. While there is credit, a connection is read as soon as
 * something comes. Without, it queues for the rest of the turn: such connections are served one
 * after the other, a portion each, for a bounded time; then the turn ends, answers go out, and the
 * next turn begins with those that have credit. They are written to in the same way: after those
 * with credit, for a bounded time. So whoever says little never waits for all those who flood,
 * however many they are; and with nobody else there, the loop turns at full speed for whoever
 * floods.
 *
 * What nobody sensible sends at a high rate (requests on one connection, frames that end no
 * message) has rates of its own, above which a connection rests: it is not read until there is
 * credit again.
 */
#include "common/clock.h"
#include "gateway/net/internal.h"

/* The credit, in units: a frame is one, a request and each KB is some. */
#define CREDIT_PER_SECOND 100
#define CREDIT_BURST 200
#define UNITS_PER_REQUEST 8
#define BYTES_PER_UNIT 1024

/* One portion. */
#define PORTION_FRAMES 32
#define PORTION_REQUESTS 8

/* For all that queue, in one turn; and for what they are sent. */
#define SLICE_US 500

static const struct rate_rule credit_rule = {
    .amount = CREDIT_PER_SECOND, .span_ms = 1000, .burst = CREDIT_BURST};

void fair_init(struct conn *conn)
{
    list_init(&conn->queue);
    timerq_entry_init(&conn->rest);
    /* Those who are here come before those who come. */
    rate_empty(&conn->credit, &credit_rule, conn->net->now_ms);
}

void fair_fini(struct conn *conn)
{
    list_del(&conn->queue);
    timerq_disarm(&conn->net->rests, &conn->rest);
}

/* ---- costs ---- */

void fair_read(struct conn *conn, size_t length_bytes)
{
    rate_charge(&conn->credit, &credit_rule, length_bytes / BYTES_PER_UNIT, conn->net->now_ms);
}

void fair_frame(struct conn *conn, bool ends_message)
{
    struct net *net = conn->net;

    if (conn->portion > 0)
        conn->portion--;
    rate_charge(&conn->credit, &credit_rule, 1, net->now_ms);
    if (!ends_message)
        rate_charge(&conn->rate, &net->frame_rule, 1, net->now_ms);
}

/* A portion is so many bytes as well: one large message, and the others come first. */
void fair_inflated(struct conn *conn, size_t length_bytes)
{
    size_t frames = length_bytes / (NET_PORTION_BYTES / PORTION_FRAMES);

    fair_read(conn, length_bytes);
    conn->portion = frames < conn->portion ? (uint8_t)(conn->portion - frames) : 0;
}

void fair_request(struct conn *conn)
{
    struct net *net = conn->net;

    if (conn->portion > 0)
        conn->portion--;
    rate_charge(&conn->credit, &credit_rule, UNITS_PER_REQUEST, net->now_ms);
    /* A proxy's connection carries the requests of many. */
    if (conn->role == NET_PUBLIC && !conn->http->is_proxied)
        rate_charge(&conn->rate, &net->request_rule, 1, net->now_ms);
}

/* ---- resting ---- */

void fair_rest(struct conn *conn, int64_t wait_ms)
{
    struct net *net = conn->net;

    if (conn->resting || conn->state == CONN_DEAD)
        return;
    conn->resting = true;
    list_del(&conn->queue);
    conn_want(conn, conn->wants);
    timerq_arm(&net->rests, &conn->rest, net->now_ms + wait_ms);
}

/* A tenth of a second's worth at least is to be there again, so that resting pays. */
static bool rests_for(struct conn *conn, const struct rate_rule *rule, uint64_t *counter)
{
    struct net *net = conn->net;
    int64_t wait_ms = rate_wait_ms(&conn->rate, rule, 1, net->now_ms);

    if (wait_ms == 0)
        return false;
    (*counter)++;
    fair_rest(conn, wait_ms > FAIR_REST_MS ? wait_ms : FAIR_REST_MS);
    return true;
}

bool fair_may_go_on(struct conn *conn)
{
    struct net *net = conn->net;

    if (conn->state == CONN_DEAD || conn->resting || conn->portion == 0)
        return false;
    if (conn->state == CONN_WS)
        return !rests_for(conn, &net->frame_rule, &net->counters.held_frames);
    return !rests_for(conn, &net->request_rule, &net->counters.held_requests);
}

static void wake_rested(struct conn *conn)
{
    conn->resting = false;
    conn_want(conn, conn->wants);
    if (conn->unread)
        fair_queue(conn);
}

int64_t fair_deadline(const struct net *net)
{
    return list_empty(&net->queue) ? timerq_next(&net->rests) : net->now_ms;
}

/* ---- portions ---- */

void fair_queue(struct conn *conn)
{
    if (conn->state == CONN_DEAD || conn->resting || list_linked(&conn->queue))
        return;
    list_add_tail(&conn->net->queue, &conn->queue);
}

static void serve(struct conn *conn)
{
    conn->portion = conn->state == CONN_WS ? PORTION_FRAMES : PORTION_REQUESTS;
    if (conn->state == CONN_HTTP)
        http_readable(conn);
    else if (conn->state == CONN_WS)
        ws_readable(conn);
    if (conn->state != CONN_DEAD && conn->unread)
        fair_queue(conn);
}

bool fair_has_credit(const struct conn *conn)
{
    return rate_wait_ms(&conn->credit, &credit_rule, 1, conn->net->now_ms) == 0;
}

void fair_readable(struct conn *conn)
{
    struct net *net = conn->net;

    if (conn->resting || list_linked(&conn->queue))
        return;
    if (fair_has_credit(conn)) {
        serve(conn);
        return;
    }
    net->counters.reads_deferred++;
    fair_queue(conn);
}

void fair_turn(struct net *net)
{
    int64_t until_us = clock_mono_us() + SLICE_US;
    struct timerq_entry *entry;
    struct list batch;
    struct list *it;

    while ((entry = timerq_pop_due(&net->rests, net->now_ms)) != NULL)
        wake_rested(container_of(entry, struct conn, rest));
    /* One portion each at most; whoever has more to say has queued up again behind the others. */
    list_init(&batch);
    list_splice_tail(&batch, &net->queue);
    while ((it = list_pop(&batch)) != NULL) {
        serve(container_of(it, struct conn, queue));
        if (clock_mono_us() >= until_us)
            break;
    }
    list_splice_tail(&batch, &net->queue);
    list_splice_tail(&net->queue, &batch);
}

void fair_flush(struct net *net)
{
    int64_t until_us = clock_mono_us() + SLICE_US;
    struct list *it;

    while ((it = list_pop(&net->patient)) != NULL) {
        conn_look(container_of(it, struct conn, dirty));
        if (clock_mono_us() >= until_us)
            break;
    }
}
