/* The store of a single node by itself: what coming back again and again may cost. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "broker/message.h"
#include "common/frame.h"
#include "common/rng.h"
#include "common/value.h"
#include "gateway/socketio/recovery_store.h"

#define ROOM "elsewhere"

struct bench {
    struct rng rng;
    struct recovery_store *store;
    struct recovery_space *space;
    struct recovery_session *session;
    enum recovery_answer answer;
};

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct recovery_memory_config config = {.window_ms = 120000,
                                            .notice_ms = 0,
                                            .packets_bytes = 64 << 20,
                                            .sessions_bytes = 1 << 20,
                                            .most_replay_bytes = 1 << 20};
    rng_init(&bench->rng);
    bench->store = recovery_memory_new(&config, &bench->rng);
    bench->space = bench->store->ops->space_open(bench->store, "/");
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    recovery_session_free(bench->session);
    bench->store->ops->space_close(bench->space);
    bench->store->ops->free(bench->store);
    rng_fini(&bench->rng);
    free(bench);
    return 0;
}

static void leave(struct bench *bench, unsigned count)
{
    static const struct text room = {ROOM, sizeof(ROOM) - 1};
    struct frame *frame = frame_text("4", "2[\"a\"]", 6);
    struct frame_set *frames = frame_set_new(&frame, 1);
    struct message *message = message_new("/", 1, &room, 1, NULL, 0, 0, confab_array());
    while (count-- > 0)
        bench->store->ops->append(bench->space, frames, message, 0, 0);
    message_release(message);
    frame_set_release(frames);
}

static void on_restored(void *user, enum recovery_answer answer, struct recovery_session *session)
{
    struct bench *bench = user;
    bench->answer = answer;
    bench->session = session;
}

static enum recovery_answer come_back(struct bench *bench, const char *offset)
{
    char pid[RECOVERY_PID_CHARACTERS + 1];
    memcpy(pid, bench->session->pid, sizeof(pid));
    bench->store->ops->keep(bench->session, 0);
    bench->session = NULL;
    bench->store->ops->restore(bench->space, pid, offset, 0, on_restored, bench);
    return bench->answer;
}

static void no_frames(void *user, struct frame_set *frames)
{
    (void)user;
    (void)frames;
    fail();
}

/* Rather often, also when little happens; but not for ever. */
static void test_many_returns(void **state)
{
    struct bench *bench = *state;
    char offset[RECOVERY_OFFSET_BYTES];
    bench->session = recovery_session_new(bench->space, "aaaaaaaaaaaaaaaaaaaa", &bench->rng);
    bench->store->ops->offset(bench->space, offset);
    leave(bench, 10001);
    for (int i = 0; i < 18; i++) {
        assert_int_equal(come_back(bench, offset), RECOVERY_FOUND);
        assert_true(bench->store->ops->replay(bench->session, no_frames, NULL));
    }
    assert_int_equal(come_back(bench, offset), RECOVERY_TOO_MUCH);
    assert_null(bench->session);
}

/* With the newest offset it costs nothing. */
static void test_quick_returns(void **state)
{
    struct bench *bench = *state;
    char offset[RECOVERY_OFFSET_BYTES];
    bench->session = recovery_session_new(bench->space, "aaaaaaaaaaaaaaaaaaaa", &bench->rng);
    for (int i = 0; i < 300; i++) {
        leave(bench, 999);
        bench->store->ops->offset(bench->space, offset);
        leave(bench, 1);
        assert_int_equal(come_back(bench, offset), RECOVERY_FOUND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_many_returns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quick_returns, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
