/* Answers of polling, compressed or not. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/net/fixture.h"

static int setup_packing(void **state)
{
    static const struct loopback_options options = {.net = {.compression.from_bytes = 500}};

    return start(state, &options);
}

static void test_compression(void **state)
{
    struct loopback *loopback = *state;
    char text[600] = "4";
    struct {
        const char *body, *lines;
        bool packed;
    } cases[] = {
        {text, "Accept-Encoding: gzip\r\n", true},
        {text, NULL, false},
        {"4short", "Accept-Encoding: gzip\r\n", false},
        {"4plain", "Accept-Encoding: gzip\r\n", false},
    };
    struct answer answer;
    struct peer peer;
    char query[128];
    char sid[64];

    memset(text + 1, 'x', sizeof(text) - 2);
    handshake(loopback, sid);
    snprintf(query, sizeof(query), POLLING "&sid=%s", sid);
    peer_open(&peer, loopback);
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        peer_request(&peer, "POST", query, NULL, cases[i].body);
        peer_answer(&peer, &answer, false);
        assert_int_equal(answer.status, 200);
        peer_request(&peer, "GET", query, cases[i].lines, NULL);
        peer_answer(&peer, &answer, false);
        assert_int_equal(answer.status, 200);
        assert_int_equal(answer_has(&answer, "Content-Encoding: gzip"), cases[i].packed);
        if (cases[i].packed)
            assert_true(answer.body_bytes < 100);
    }
    peer_close(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_compression, setup_packing, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
