/*
 * Answers that are lists: ids of sockets, descriptions of sockets, names of rooms. They may be
 * long, so they are made in slices of a few milliseconds, a slice in a turn of the loop. One that
 * grows beyond the limit is not sent, but counted: the asker runs into its timeout, which is better
 * than what a message of that size would do to Redis and to everybody subscribed.
 */
#define _GNU_SOURCE
#include "broker/redis_impl.h"

#include <stdlib.h>

#include "broker/wire.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/value.h"
#include <confab/err.h>

#define SLICE_US 2000
#define ITEMS_BETWEEN_LOOKS 32
/* Askers who do not wait for one answer before they ask again. */
#define JOBS_MAX 256

struct redis_job {
    struct list link;
    struct redis *redis;
    struct broker_namespace *nsp;
    enum wire_request_type type;
    struct text uid; /* owned */
    struct buf out;
    struct rooms_walk *walk; /* SOCKETS, FETCH; NULL: nobody */
    struct buf rooms;        /* ALL_ROOMS: each name behind its length */
    size_t rooms_at;
};

static void on_turn(evutil_socket_t fd, short what, void *user);

void redis_jobs_init(struct redis *redis)
{
    list_init(&redis->jobs);
    redis->jobs_turn = event_new(redis->base, -1, 0, on_turn, redis);
    if (redis->jobs_turn == NULL)
        abort();
}

static void job_free(struct redis_job *job)
{
    list_del(&job->link);
    job->redis->job_count--;
    rooms_walk_free(&job->walk);
    buf_fini(&job->out);
    buf_fini(&job->rooms);
    redis_free_text(&job->uid);
    free(job);
}

void redis_jobs_clear(struct redis *redis)
{
    while (!list_empty(&redis->jobs))
        job_free(LIST_FIRST(&redis->jobs, struct redis_job, link));
}

void redis_jobs_close(struct redis *redis, const struct broker_namespace *nsp)
{
    struct list *link = redis->jobs.next;

    while (link != &redis->jobs) {
        struct redis_job *job = container_of(link, struct redis_job, link);

        link = link->next;
        if (job->nsp == nsp)
            job_free(job);
    }
}

void redis_jobs_fini(struct redis *redis)
{
    redis_jobs_clear(redis);
    event_free(redis->jobs_turn);
}

/* ---- the items ---- */

static bool next_room(struct redis_job *job)
{
    struct text room;

    if (job->rooms_at >= job->rooms.len)
        return false;
    memcpy(&room.length, job->rooms.data + job->rooms_at, sizeof(room.length));
    room.bytes = (const char *)job->rooms.data + job->rooms_at + sizeof(room.length);
    job->rooms_at += sizeof(room.length) + room.length;
    wire_write_list_text(&job->out, &room);
    return true;
}

static bool next_socket(struct redis_job *job)
{
    struct broker_member *member = job->walk != NULL ? rooms_walk_next(job->walk) : NULL;
    struct confab_value *described;
    struct text id;

    if (member == NULL)
        return false;
    if (job->type == WIRE_REQUEST_SOCKETS) {
        id = broker_member_id(member);
        wire_write_list_text(&job->out, &id);
        return true;
    }
    described = broker_describe(member, true);
    if (described != NULL)
        wire_write_list_value(&job->out, described);
    confab_value_release(described);
    return true;
}

static bool next_item(struct redis_job *job)
{
    if (buf_error(&job->out) != CONFAB_OK)
        return false;
    return job->type == WIRE_REQUEST_ALL_ROOMS ? next_room(job) : next_socket(job);
}

/* ---- slices ---- */

static void send_answer(struct redis_job *job)
{
    struct redis *redis = job->redis;

    wire_write_list_end(&job->out);
    redis_respond(redis, job->nsp, redis_answer_uid(redis, &job->uid), &job->out);
    if (buf_error(&job->out) == CONFAB_OK)
        redis->broker.counters.requests_answered++;
    else
        log_limited(redis->log, &redis->refused_lines, clock_mono_ms(), LOG_WARN,
                    "redis_response_too_big", LOG_S("nsp", job->nsp->name),
                    LOG_U("limit_bytes", redis->response_max_bytes));
}

/* True when the list is at its end. */
static bool run_items(struct redis_job *job)
{
    for (unsigned i = 0; i < ITEMS_BETWEEN_LOOKS; i++)
        if (!next_item(job))
            return true;
    return false;
}

static bool run_slice(struct redis_job *job, int64_t until_us)
{
    do {
        if (run_items(job))
            return true;
    } while (clock_mono_us() < until_us);
    return false;
}

static void on_turn(evutil_socket_t fd, short what, void *user)
{
    static const struct timeval next_turn = {0, 0};
    struct redis *redis = user;
    int64_t until_us = clock_mono_us() + SLICE_US;
    struct redis_job *job;

    (void)fd;
    (void)what;
    while ((job = LIST_FIRST(&redis->jobs, struct redis_job, link)) != NULL &&
           run_slice(job, until_us)) {
        send_answer(job);
        job_free(job);
    }
    if (!list_empty(&redis->jobs))
        event_add(redis->jobs_turn, &next_turn);
}

/* ---- beginning ---- */

static void add_room(void *user, const struct room *room)
{
    struct redis_job *job = user;
    struct text name = room_text(room);

    buf_append(&job->rooms, &name.length, sizeof(name.length));
    buf_append(&job->rooms, name.bytes, name.length);
}

void redis_answer_list(struct redis *redis, struct broker_namespace *nsp,
                       const struct wire_request *request)
{
    const struct rooms_target target = {request->rooms.texts, request->except.texts,
                                        request->rooms.count, request->except.count};
    static const struct timeval next_turn = {0, 0};
    struct redis_job *job;

    if (redis->job_count >= JOBS_MAX) {
        redis->unsent++;
        return;
    }
    job = xcalloc(1, sizeof(*job));
    job->redis = redis;
    job->nsp = nsp;
    job->type = request->type;
    job->uid =
        (struct text){xmemdup0(request->uid.bytes, request->uid.length), request->uid.length};
    buf_init(&job->out, redis->response_max_bytes);
    /* Names alone are shorter than the answer, but for the room that their lengths take. */
    buf_init(&job->rooms, 8 * redis->response_max_bytes);
    if (request->type == WIRE_REQUEST_ALL_ROOMS)
        rooms_each(&nsp->rooms, add_room, job);
    else if (!request->nobody)
        job->walk = rooms_walk_new(&nsp->rooms, &target);
    wire_write_list_begin(&job->out, request->request_id,
                          request->type == WIRE_REQUEST_ALL_ROOMS ? WIRE_LIST_ROOMS
                                                                  : WIRE_LIST_SOCKETS);
    list_init(&job->link);
    list_add_tail(&redis->jobs, &job->link);
    /* A short answer to somebody who is alone is given at once. */
    if (++redis->job_count > 1 || !run_items(job)) {
        event_add(redis->jobs_turn, &next_turn);
        return;
    }
    send_answer(job);
    job_free(job);
}
