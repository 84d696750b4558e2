#include "tests/unit/net/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/test.h"

int start(void **state, const struct loopback_options *options)
{
    struct loopback *loopback = malloc(sizeof(*loopback));

    loopback_start(loopback, options);
    *state = loopback;
    return 0;
}

int setup(void **state)
{
    return start(state, NULL);
}

int teardown(void **state)
{
    loopback_stop(*state);
    free(*state);
    return 0;
}

const char *of(const char *sid)
{
    static char query[160];

    snprintf(query, sizeof(query), POLLING "&sid=%s", sid);
    return query;
}

uint64_t closed(const struct loopback *loopback, enum net_close_reason reason)
{
    return net_counters(loopback->net)->closed[reason];
}

void expect_gone(struct loopback *loopback, const char *sid)
{
    struct answer answer;

    exchange(loopback, "GET", of(sid), NULL, &answer);
    assert_int_equal(answer.status, 400);
    assert_string_equal(answer.body, "{\"code\":1,\"message\":\"Session ID unknown\"}");
}

void begin_ws(struct peer *peer, struct loopback *loopback)
{
    peer_open_ws(peer, loopback, WEBSOCKET);
    peer_expect_open(peer);
}
