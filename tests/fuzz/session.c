/*
 * A whole gateway: the input is a script for several clients, over WebSocket and polling, who send
 * what they like, fall silent, stop reading, leave and vanish while time goes by. Whatever they do,
 * nothing is left at the end (which harness_fini() checks).
 *
 * A step is three bytes, what, who and how much; sending takes as many of the following bytes.
 */
#define _GNU_SOURCE
#include "common/utf8.h"
#include "common/value.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/socketio/harness.h"
#include <confab/err.h>

#define PEERS 4
#define STEPS_MAX 200

struct play {
    struct harness h;
    struct peer *peers[PEERS];
    const uint8_t *at;
    size_t awaited; /* answers */
};

static void on_answer(struct confab_server *server, int status, const struct confab_value *args,
                      void *user)
{
    struct play *play = user;
    (void)server;
    FUZZ_CHECK((status == CONFAB_OK) == (args != NULL));
    FUZZ_CHECK(play->awaited > 0);
    play->awaited--;
}

/* The application: what it does depends on the name's first letter. */
static void on_event(struct confab_socket *socket, struct confab_event *event, void *user)
{
    struct play *play = user;
    const char *name = confab_event_name(event);
    struct confab_namespace *nsp = confab_of(play->h.server, "/");
    struct confab_value *args = confab_value_hold(confab_event_args(event));
    switch (name[0]) {
    case 'a':
        confab_ack(event, args);
        break;
    case 'b':
        confab_emit_all(nsp, "b", args);
        break;
    case 'd':
        confab_value_release(args);
        confab_disconnect(socket, name[1] != '\0');
        break;
    case 'j':
        confab_value_release(args);
        confab_join(socket, name, NULL, NULL);
        break;
    case 'l':
        confab_value_release(args);
        confab_leave(socket, name + 1);
        break;
    case 'q':
        play->awaited++;
        confab_emit_with_ack(socket, "q", args, 1000, on_answer, play);
        break;
    case 'r':
        confab_emit_room(nsp, name + 1, "r", args);
        break;
    case 'w': /* answered when its time is over */
        confab_value_release(args);
        confab_defer(event, 500);
        break;
    default:
        confab_emit(socket, "echo", args);
    }
}

static void send_text(struct peer *peer, const uint8_t *bytes, size_t length)
{
    char text[256];
    memcpy(text, bytes, length);
    text[length] = '\0';
    /* Frames with anything else end in the network's room. */
    if (utf8_valid(text, length))
        peer_send(peer, text);
}

static struct peer *newcomer(struct play *play, size_t how)
{
    bool is_old = how >= 192;
    play->h.query = is_old ? "&EIO=3" : "";
    if (is_old)
        return peer_open(&play->h);
    if (how % 3 == 0)
        return peer_open_polling(&play->h);
    return how % 3 == 1 ? peer_open(&play->h) : peer_connect(&play->h, "/");
}

/* Returns how many bytes behind the step it took. */
static size_t step(struct play *play, uint8_t what, uint8_t who, uint8_t much, size_t left)
{
    struct peer **place = &play->peers[who % PEERS];
    struct peer *peer = *place;
    size_t length = much < left ? much : left;
    if (peer == NULL || (peer->closed && what % 8 != 2)) {
        *place = newcomer(play, much);
        return 0;
    }
    switch (what % 8) {
    case 0:
    case 1:
        send_text(peer, play->at, length);
        return length;
    case 2:
        harness_pass(&play->h, much * 200);
        return 0;
    case 3:
        peer_send_binary(peer, play->at, length);
        return length;
    case 4:
        peer->silent = !peer->silent;
        return 0;
    case 5:
        peer->clogged = !peer->clogged;
        return 0;
    case 6:
        peer_leave(peer);
        return 0;
    default:
        peer_lose(peer);
        return 0;
    }
}

static void perform(struct play *play, const uint8_t *end)
{
    for (unsigned steps = 0; steps < STEPS_MAX && end - play->at >= 3; steps++) {
        const uint8_t *words = play->at;
        play->at += 3;
        play->at += step(play, words[0], words[1], words[2], (size_t)(end - play->at));
        for (unsigned i = 0; i < PEERS; i++) {
            if (play->peers[i] != NULL)
                peer_drop_inbox(play->peers[i]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    struct play play = {.at = bytes};
    setenv("CMOCKA_TEST_ABORT", "1", 1); /* the harness' own checks */
    harness_init(&play.h, NULL);
    confab_on_any(confab_of(play.h.server, "/"), on_event, &play);
    perform(&play, bytes + length_bytes);
    harness_fini(&play.h);
    FUZZ_CHECK(play.awaited == 0);
    fuzz_check_nothing_left();
    return 0;
}
