#include "tests/unit/redis_link/loop_turn.h"

#include <event2/event.h>

static void wake(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    (void)user;
}

void loop_turn(struct event_base *base, int longest_ms)
{
    struct timeval longest = {0, longest_ms * 1000};
    struct event *timeout = event_new(base, -1, 0, wake, NULL);

    event_add(timeout, &longest);
    event_base_loop(base, EVLOOP_ONCE);
    event_free(timeout);
}
