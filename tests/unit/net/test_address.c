/* Networks in CIDR form, and the client behind trusted proxies. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "gateway/net/address.h"

static struct address parse(const char *text)
{
    struct address address;

    if (!address_parse(&address, text, strlen(text)))
        fail_msg("%s does not parse", text);
    return address;
}

static void test_text(void **state)
{
    static const char *const good[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::1", "::1"},
        {"2001:DB8::1", "2001:db8::1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
    };
    static const char *const bad[] = {"",       "192.0.2", "192.0.2.1:80",  "[::1]",
                                      "::1%lo", "a.b.c.d", "192.0.2.1.1.1", "1.2.3.4 "};
    struct address address;
    char out[ADDRESS_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(good); i++) {
        address = parse(good[i][0]);
        address_format(&address, out);
        assert_string_equal(out, good[i][1]);
    }
    for (size_t i = 0; i < TEST_COUNT(bad); i++) {
        if (address_parse(&address, bad[i], strlen(bad[i])))
            fail_msg("'%s' parses", bad[i]);
    }
}

static void test_socket_addresses(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct address address;
    char out[ADDRESS_TEXT_BYTES];

    (void)state;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(address_from_socket(&address, (struct sockaddr *)&v4));
    assert_true(address_is_loopback(&address));
    inet_pton(AF_INET6, "::ffff:127.0.0.9", &v6.sin6_addr);
    assert_true(address_from_socket(&address, (struct sockaddr *)&v6));
    assert_true(address_is_loopback(&address));
    inet_pton(AF_INET6, "::1", &v6.sin6_addr);
    assert_true(address_from_socket(&address, (struct sockaddr *)&v6));
    assert_true(address_is_loopback(&address));
    inet_pton(AF_INET6, "2001:db8::7", &v6.sin6_addr);
    assert_true(address_from_socket(&address, (struct sockaddr *)&v6));
    assert_false(address_is_loopback(&address));
    address_format(&address, out);
    assert_string_equal(out, "2001:db8::7");
    assert_false(address_from_socket(&address, &other));
}

static void test_networks(void **state)
{
    static const struct {
        const char *network, *address;
        bool inside;
    } cases[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"192.168.4.0/22", "192.168.7.255", true},
        {"192.168.4.0/22", "192.168.8.0", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1/32", "192.0.2.1", true},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"fd00::/8", "fd12::1", true},
        {"fd00::/8", "fe80::1", false},
        {"::1/128", "::1", true},
        {"::/0", "2001:db8::1", true},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
    };
    static const char *const bad[] = {
        "",           "10.0.0.0/",  "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/-1",   "10.0.0.0/8x",
        "fd00::/129", "fd00::1/64", "/8",          "10.0.0/8",   "10.0.0.0/0008", "localhost"};
    struct address_network network;

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct address address = parse(cases[i].address);

        assert_true(address_network_parse(&network, cases[i].network));
        if (address_network_has(&network, &address) != cases[i].inside)
            fail_msg("%s in %s", cases[i].address, cases[i].network);
    }
    for (size_t i = 0; i < TEST_COUNT(bad); i++) {
        if (address_network_parse(&network, bad[i]))
            fail_msg("'%s' parses", bad[i]);
    }
}

static void test_client(void **state)
{
    static const char *const trusted[] = {"10.0.0.0/8", "2001:db8::/32"};
    static const struct {
        const char *name;
        const char *headers[2];
        const char *client;
    } cases[] = {
        {"no header", {NULL}, "10.0.0.1"},
        {"one", {"192.0.2.7"}, "192.0.2.7"},
        {"forged in front", {"1.1.1.1, 192.0.2.7"}, "192.0.2.7"},
        {"two proxies", {"192.0.2.7, 10.0.0.9"}, "192.0.2.7"},
        {"all trusted", {"10.0.0.7, 10.0.0.9"}, "10.0.0.7"},
        {"two headers", {"192.0.2.7", "10.0.0.9"}, "192.0.2.7"},
        {"two headers, the last counts", {"1.1.1.1", "192.0.2.7"}, "192.0.2.7"},
        {"port", {"192.0.2.7:4711"}, "192.0.2.7"},
        {"IPv6", {"2001:db9::7"}, "2001:db9::7"},
        {"IPv6 with port", {"[2001:db9::7]:4711"}, "2001:db9::7"},
        {"trusted IPv6", {"192.0.2.7, 2001:db8::9"}, "192.0.2.7"},
        {"unreadable", {"192.0.2.7, unknown"}, "10.0.0.1"},
        {"unreadable behind a proxy", {"192.0.2.7, unknown, 10.0.0.9"}, "10.0.0.9"},
        {"empty", {""}, "10.0.0.1"},
        {"empty entry", {"192.0.2.7,,10.0.0.9"}, "10.0.0.9"},
        {"blanks", {"  192.0.2.7\t,  10.0.0.9 "}, "192.0.2.7"},
    };
    struct address_list list;
    struct address peer = parse("10.0.0.1");

    (void)state;
    assert_true(address_list_init(&list, trusted, 2));
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        size_t count = cases[i].headers[0] == NULL ? 0 : cases[i].headers[1] == NULL ? 1 : 2;
        struct address client;
        char out[ADDRESS_TEXT_BYTES];

        address_client(&client, &peer, &list, cases[i].headers, count);
        address_format(&client, out);
        if (strcmp(out, cases[i].client) != 0)
            fail_msg("%s: %s", cases[i].name, out);
    }
    address_list_fini(&list);
}

static void test_bad_list(void **state)
{
    static const char *const texts[] = {"10.0.0.0/8", "nonsense"};
    struct address_list list;

    (void)state;
    assert_false(address_list_init(&list, texts, 2));
    assert_true(address_list_init(&list, NULL, 0));
    struct address any = parse("10.0.0.1");
    assert_false(address_list_has(&list, &any));
    address_list_fini(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),     cmocka_unit_test(test_socket_addresses),
        cmocka_unit_test(test_networks), cmocka_unit_test(test_client),
        cmocka_unit_test(test_bad_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
