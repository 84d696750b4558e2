/*
 * Signs of life: a ping every interval, a pong within the timeout.
 *
 * The server pings, the client answers `3`; nothing else counts (Engine.IO revision 4). A ping
 * counts as sent when it is queued, whether a GET is there to take it or not. In revision 3 the
 * client pings, the server answers `3`, and a client that does not for an interval and a timeout is
 * gone. All intervals and all timeouts are equal, so each kind of deadlines is a queue of which
 * only the head is looked at.
 */
#include "gateway/engineio/internal.h"

/* A deadline follows from the instant the ping was due, not from the later one at which the loop
 * came to it: so the two add up to what the client was told. But when the loop was late by more
 * than this part of the timeout, the client is not to pay for it. */
#define LATENESS_PART 8

static void disarm(struct eio_session *session)
{
    struct eio_engine *engine = session->engine;

    if (session->revision == EIO_REVISION_3)
        timerfifo_disarm(&engine->silences, &session->beat);
    else
        timerfifo_disarm(session->awaits_pong ? &engine->pongs : &engine->pings, &session->beat);
}

/* Revision 3. */
static void expect_client(struct eio_session *session, int64_t now_ms)
{
    const struct eio_config *config = &session->engine->config;

    disarm(session);
    if (!session->paused)
        timerfifo_arm(&session->engine->silences, &session->beat,
                      now_ms + config->ping_interval_ms + config->ping_timeout_ms);
}

static void expect_ping(struct eio_session *session, int64_t now_ms)
{
    struct eio_engine *engine = session->engine;

    disarm(session);
    session->awaits_pong = false;
    timerfifo_arm(&engine->pings, &session->beat, now_ms + engine->config.ping_interval_ms);
}

void eio_heartbeat_start(struct eio_session *session, int64_t now_ms)
{
    if (session->revision == EIO_REVISION_3)
        expect_client(session, now_ms);
    else
        expect_ping(session, now_ms);
}

void eio_heartbeat_stop(struct eio_session *session)
{
    disarm(session);
}

void eio_heartbeat_pong(struct eio_session *session, int64_t now_ms)
{
    expect_ping(session, now_ms);
}

void eio_heartbeat_ping(struct eio_session *session, int64_t now_ms)
{
    expect_client(session, now_ms);
    eio_session_push(session, frame_hold(session->engine->pong));
}

void eio_heartbeat_restart(struct eio_session *session, int64_t now_ms)
{
    struct eio_engine *engine = session->engine;

    if (session->revision == EIO_REVISION_3)
        expect_client(session, now_ms);
    if (!session->awaits_pong)
        return;
    disarm(session);
    if (!session->paused)
        timerfifo_arm(&engine->pongs, &session->beat, now_ms + engine->config.ping_timeout_ms);
}

static void ping(struct eio_session *session, int64_t now_ms)
{
    struct eio_engine *engine = session->engine;
    int64_t timeout_ms = engine->config.ping_timeout_ms;
    int64_t from_ms = session->beat.at_ms;

    if (now_ms - from_ms > timeout_ms / LATENESS_PART)
        from_ms = now_ms;
    eio_flow_trim(session, now_ms);
    if (!eio_session_push(session, frame_hold(engine->ping)))
        return;
    session->awaits_pong = true;
    if (!session->paused)
        timerfifo_arm(&engine->pongs, &session->beat, from_ms + timeout_ms);
}

void eio_heartbeat_advance(struct eio_engine *engine, int64_t now_ms)
{
    struct timerfifo_entry *due;

    while ((due = timerfifo_pop_due(&engine->pings, now_ms)) != NULL)
        ping(container_of(due, struct eio_session, beat), now_ms);
    while ((due = timerfifo_pop_due(&engine->pongs, now_ms)) != NULL ||
           (due = timerfifo_pop_due(&engine->silences, now_ms)) != NULL)
        eio_session_end(container_of(due, struct eio_session, beat), EIO_CLOSE_PING_TIMEOUT,
                        EIO_GET_CLOSE);
}
