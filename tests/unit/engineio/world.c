/* The world of world.h. */
#include "tests/unit/engineio/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/list.h"
#include "common/live.h"
#include "common/mem.h"
#include "tests/unit/test.h"

#define BODY_LIMIT_BYTES (4u << 20)

/* ---- the application ---- */

static void note(struct world *world, const char *word)
{
    if (world->told.len > 0)
        buf_puts(&world->told, " ");
    buf_puts(&world->told, word);
}

static void on_open(void *user, struct eio_session *session)
{
    struct world *world = user;

    note(world, "open");
    if (world->opened != NULL)
        world->opened(world, session);
}

static void on_message(void *user, struct eio_session *session, enum frame_kind kind,
                       const char *bytes, size_t length_bytes)
{
    struct world *world = user;
    size_t i;

    note(world, kind == FRAME_TEXT ? "text:" : "binary:");
    if (kind == FRAME_TEXT)
        buf_append(&world->told, bytes, length_bytes);
    for (i = 0; kind == FRAME_BINARY && i < length_bytes; i++)
        buf_printf(&world->told, "%02x", (unsigned)(uint8_t)bytes[i]);
    if (world->message != NULL)
        world->message(world, session, bytes);
}

static void on_close(void *user, struct eio_session *session, enum eio_close_reason reason)
{
    struct world *world = user;

    note(world, "close:");
    buf_puts(&world->told, eio_close_label(reason));
    if (world->closed != NULL)
        world->closed(world, session);
}

static void on_upgrade(void *user, struct eio_session *session)
{
    struct world *world = user;

    assert_int_equal(eio_session_transport(session), EIO_WEBSOCKET);
    note(world, "upgrade");
}

static const struct eio_events events = {on_open, on_message, on_close, on_upgrade};

struct eio_config world_usual_config(void)
{
    return (struct eio_config){
        .node_tag = "abc",
        .ping_interval_ms = 25000,
        .ping_timeout_ms = 20000,
        .upgrade_timeout_ms = 10000,
        .close_wait_ms = 30000,
        .max_payload_bytes = 1000000,
        .max_queued_bytes = 1 << 20,
        .polling = true,
        .websocket = true,
        .upgrades = true,
    };
}

void world_init(struct world *world, const struct eio_config *config)
{
    memset(world, 0, sizeof(*world));
    world->config = config == NULL ? world_usual_config() : *config;
    world->engine = eio_engine_new(&world->config, &events, world);
    world->now_ms = 1000;
    world->extra_query = "";
    world->revision = 4;
    buf_init(&world->told, BODY_LIMIT_BYTES);
}

static void check_engine_is_idle(struct world *world)
{
    const struct eio_counters *counters = eio_engine_counters(world->engine);

    eio_engine_reap(world->engine);
    assert_int_equal(eio_engine_session_count(world->engine), 0);
    assert_int_equal(counters->queued_bytes, 0);
    assert_int_equal(counters->sessions_now[EIO_POLLING], 0);
    assert_int_equal(counters->sessions_now[EIO_WEBSOCKET], 0);
}

void world_fini(struct world *world)
{
    if (world->engine != NULL)
        check_engine_is_idle(world);
    eio_engine_free(&world->engine);
    assert_null(world->engine);
    buf_fini(&world->told);
    live_report(stderr);
    assert_int_equal(live_total(), 0);
}

int world_setup(void **state)
{
    struct world *world = xmalloc(sizeof(*world));

    world_init(world, NULL);
    *state = world;
    return 0;
}

int world_teardown(void **state)
{
    world_fini(*state);
    free(*state);
    return 0;
}

void world_told(struct world *world, const char *expected)
{
    assert_string_equal(buf_text(&world->told), expected);
    buf_reset(&world->told);
}

void world_pass(struct world *world, int64_t ms)
{
    world->now_ms += ms;
    eio_engine_advance(world->engine, world->now_ms);
}

/* ---- requests ---- */

struct eio_verdict world_route(struct world *world, enum eio_method method, bool is_upgrade,
                               const char *query)
{
    struct eio_request request = {.method = method, .is_upgrade = is_upgrade, .query = query};
    struct eio_verdict verdict;

    eio_route(world->engine, &request, &verdict);
    return verdict;
}

struct eio_verdict world_route_sid(struct world *world, enum eio_method method, bool is_upgrade,
                                   const char *transport, const char *sid)
{
    char query[128];

    snprintf(query, sizeof(query), "EIO=%d&transport=%s&t=x1&sid=%s", world->revision, transport,
             sid);
    return world_route(world, method, is_upgrade, query);
}

struct eio_handshake *world_handshake(const char *query)
{
    struct eio_handshake handshake = {.address = "192.0.2.1", .url = "/socket.io/", .query = query};

    return eio_handshake_new(&handshake);
}

static const uint8_t *draw(struct world *world, uint8_t random[16])
{
    memset(random, 0, 16);
    random[0] = ++world->drawn;
    return random;
}

/* ---- carriers ---- */

static void wake_get(struct eio_carrier *carrier)
{
    container_of(carrier, struct fake_get, get.carrier)->woken = true;
}

static void wake_post(struct eio_carrier *carrier)
{
    container_of(carrier, struct fake_post, post.carrier)->woken = true;
}

static void wake_ws(struct eio_carrier *carrier)
{
    container_of(carrier, struct fake_ws, ws.carrier)->woken = true;
}

static void get_init(struct fake_get *get)
{
    memset(get, 0, sizeof(*get));
    get->get.carrier.wake = wake_get;
}

static void ws_init(struct fake_ws *ws)
{
    memset(ws, 0, sizeof(*ws));
    ws->ws.carrier.wake = wake_ws;
}

/* ---- polling ---- */

static void expect_open_packet(const struct world *world, struct eio_session *session,
                               const char *upgrades, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes,
             "0{\"sid\":\"%s\",\"upgrades\":%s,\"pingInterval\":%lld,\"pingTimeout\":%lld,"
             "\"maxPayload\":%zu}",
             eio_session_sid(session), upgrades, (long long)world->config.ping_interval_ms,
             (long long)world->config.ping_timeout_ms, world->config.max_payload_bytes);
}

struct eio_session *world_polling(struct world *world)
{
    char query[128], open[256];
    struct eio_verdict verdict;
    struct eio_session *session;
    struct fake_get get;
    uint8_t random[16];

    snprintf(query, sizeof(query), "EIO=%d&transport=polling%s", world->revision,
             world->extra_query);
    verdict = world_route(world, EIO_GET, false, query);
    assert_int_equal(verdict.route, EIO_ROUTE_HANDSHAKE);
    assert_int_equal(verdict.transport, EIO_POLLING);
    get_init(&get);
    session = eio_handshake_polling(world->engine, &get.get, world_handshake(query),
                                    draw(world, random), world->now_ms);
    expect_open_packet(world, session, "[\"websocket\"]", open, sizeof(open));
    if (world->revision == 3) {
        snprintf(query, sizeof(query), "%zu:", strlen(open));
        memmove(open + strlen(query), open, strlen(open) + 1);
        memcpy(open, query, strlen(query));
    }
    world_get_gives(&get, 200, open);
    return session;
}

void world_get(struct world *world, struct eio_session *session, struct fake_get *get)
{
    struct eio_verdict verdict =
        world_route_sid(world, EIO_GET, false, "polling", eio_session_sid(session));

    assert_int_equal(verdict.route, EIO_ROUTE_GET);
    assert_ptr_equal(verdict.session, session);
    get_init(get);
    eio_get_open(session, &get->get, world->now_ms);
}

void world_get_waits(struct fake_get *get)
{
    struct eio_answer answer;
    struct buf body;

    buf_init(&body, BODY_LIMIT_BYTES);
    assert_false(eio_get_take(&get->get, &answer, &body));
    assert_int_equal(body.len, 0);
    assert_non_null(get->get.carrier.session);
    get->woken = false;
    buf_fini(&body);
}

void world_get_gives(struct fake_get *get, int status, const char *body)
{
    struct eio_answer answer;
    struct buf got;

    buf_init(&got, BODY_LIMIT_BYTES);
    assert_true(get->woken);
    assert_true(eio_get_take(&get->get, &answer, &got));
    assert_string_equal(buf_text(&got), body);
    assert_int_equal(got.len, strlen(body));
    assert_int_equal(answer.status, status);
    assert_int_equal(answer.error_code, -1);
    if (status == 200)
        assert_string_equal(answer.content_type, "text/plain; charset=UTF-8");
    else
        assert_null(answer.content_type);
    assert_null(get->get.carrier.session);
    assert_false(eio_get_take(&get->get, &answer, &got));
    buf_fini(&got);
}

void world_post_begins(struct world *world, struct eio_session *session, struct fake_post *post)
{
    struct eio_verdict verdict =
        world_route_sid(world, EIO_POST, false, "polling", eio_session_sid(session));
    struct eio_answer answer;

    assert_int_equal(verdict.route, EIO_ROUTE_POST);
    assert_ptr_equal(verdict.session, session);
    memset(post, 0, sizeof(*post));
    post->post.carrier.wake = wake_post;
    assert_true(
        eio_post_open(session, &post->post, "text/plain;charset=UTF-8", &answer, world->now_ms));
}

void world_post_body(struct world *world, struct fake_post *post, const char *body)
{
    eio_post_submit(&post->post, body, strlen(body), world->now_ms);
}

void world_post_waits(struct fake_post *post)
{
    struct eio_answer answer;
    bool cut;

    assert_false(eio_post_take(&post->post, &answer, &cut));
    post->woken = false;
}

void world_post_gives(struct fake_post *post, int status, const char *body)
{
    struct eio_answer answer;
    bool cut = true;

    assert_true(post->woken);
    assert_true(eio_post_take(&post->post, &answer, &cut));
    assert_false(cut);
    assert_int_equal(answer.status, status);
    assert_string_equal(answer.body, body);
    if (status == 200)
        assert_string_equal(answer.content_type, "text/html");
    else
        assert_null(answer.content_type);
    assert_null(post->post.carrier.session);
    assert_false(eio_post_take(&post->post, &answer, &cut));
}

void world_post_cut(struct fake_post *post)
{
    struct eio_answer answer;
    bool cut = false;

    assert_true(post->woken);
    assert_true(eio_post_take(&post->post, &answer, &cut));
    assert_true(cut);
    assert_null(post->post.carrier.session);
}

void world_post(struct world *world, struct eio_session *session, const char *body)
{
    struct fake_post post;

    world_post_begins(world, session, &post);
    world_post_body(world, &post, body);
    world_post_gives(&post, 200, "ok");
}

/* ---- WebSocket ---- */

struct eio_session *world_websocket(struct world *world, struct fake_ws *ws)
{
    char query[128], open[256];
    struct eio_verdict verdict;
    struct eio_session *session;
    uint8_t random[16];

    snprintf(query, sizeof(query), "EIO=%d&transport=websocket%s", world->revision,
             world->extra_query);
    verdict = world_route(world, EIO_GET, true, query);
    assert_int_equal(verdict.route, EIO_ROUTE_HANDSHAKE);
    assert_int_equal(verdict.transport, EIO_WEBSOCKET);
    ws_init(ws);
    session = eio_handshake_ws(world->engine, &ws->ws, world_handshake(query), draw(world, random),
                               world->now_ms);
    expect_open_packet(world, session, "[]", open, sizeof(open));
    world_ws_gives(ws, open);
    return session;
}

void world_upgrade(struct world *world, struct eio_session *session, struct fake_ws *ws)
{
    struct eio_verdict verdict =
        world_route_sid(world, EIO_GET, true, "websocket", eio_session_sid(session));

    assert_int_equal(verdict.route, EIO_ROUTE_UPGRADE);
    assert_ptr_equal(verdict.session, session);
    ws_init(ws);
    eio_ws_upgrade(session, &ws->ws, world->now_ms);
}

void world_ws_sends(struct world *world, struct fake_ws *ws, const char *text)
{
    eio_ws_receive(&ws->ws, FRAME_TEXT, text, strlen(text), world->now_ms);
}

static void ws_gives(struct fake_ws *ws, enum frame_kind kind, const char *bytes,
                     size_t length_bytes)
{
    struct frame *frame = eio_ws_take(&ws->ws);
    const char *payload;
    size_t got_bytes;

    assert_true(ws->woken);
    assert_non_null(frame);
    payload = frame_payload(frame, &got_bytes);
    assert_int_equal(frame_kind(frame), kind);
    assert_int_equal(got_bytes, length_bytes);
    assert_memory_equal(payload, bytes, length_bytes);
    frame_release(frame);
}

void world_ws_gives(struct fake_ws *ws, const char *text)
{
    ws_gives(ws, FRAME_TEXT, text, strlen(text));
}

void world_ws_gives_binary(struct fake_ws *ws, const char *bytes, size_t length_bytes)
{
    ws_gives(ws, FRAME_BINARY, bytes, length_bytes);
}

void world_ws_quiet(struct fake_ws *ws)
{
    assert_null(eio_ws_take(&ws->ws));
    assert_false(eio_ws_wants_close(&ws->ws));
    ws->woken = false;
}

void world_ws_closes(struct fake_ws *ws)
{
    assert_true(ws->woken);
    assert_null(eio_ws_take(&ws->ws));
    assert_true(eio_ws_wants_close(&ws->ws));
    assert_null(ws->ws.carrier.session);
    eio_ws_lost(&ws->ws, true, 0);
    assert_false(eio_ws_wants_close(&ws->ws));
}

/* ---- sending ---- */

static bool send_frame(struct eio_session *session, struct frame *frame, bool volatile_)
{
    bool sent = eio_session_send(session, frame, volatile_);

    frame_release(frame);
    return sent;
}

bool world_send(struct eio_session *session, const char *text)
{
    return send_frame(session, frame_text("4", text, strlen(text)), false);
}

bool world_send_volatile(struct eio_session *session, const char *text)
{
    return send_frame(session, frame_text("4", text, strlen(text)), true);
}

bool world_send_binary(struct eio_session *session, const char *bytes, size_t length_bytes)
{
    return send_frame(session, frame_binary(bytes, length_bytes), false);
}
