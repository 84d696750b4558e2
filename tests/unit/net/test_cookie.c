/* The text of Set-Cookie. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/buf.h"
#include "gateway/net/cookie.h"
#include "gateway/net/net.h"

static void expect(const struct net_cookie_config *config, const char *line)
{
    struct cookie cookie;
    struct buf out;

    buf_init(&out, 4000);
    assert_true(cookie_init(&cookie, config));
    cookie_add_line(&cookie, "tag.sid-_1", &out);
    assert_string_equal(buf_text(&out), line);
    cookie_fini(&cookie);
    buf_fini(&out);
}

static void test_lines(void **state)
{
    (void)state;
    expect(&(struct net_cookie_config){0}, "");
    expect(&(struct net_cookie_config){.name = "", .path = "/"}, "");
    expect(&(struct net_cookie_config){.name = "io", .path = "/"},
           "Set-Cookie: io=tag.sid-_1; Path=/; HttpOnly; SameSite=Lax\r\n");
    expect(&(struct net_cookie_config){.name = "test",
                                       .path = "/custom",
                                       .for_scripts = true,
                                       .max_age_s = 86400,
                                       .same_site = NET_SAME_SITE_STRICT},
           "Set-Cookie: test=tag.sid-_1; Max-Age=86400; Path=/custom; SameSite=Strict\r\n");
    expect(&(struct net_cookie_config){.name = "a!b",
                                       .path = "",
                                       .domain = "example.org",
                                       .secure = true,
                                       .same_site = NET_SAME_SITE_NONE},
           "Set-Cookie: a!b=tag.sid-_1; Domain=example.org; HttpOnly; Secure; SameSite=None\r\n");
}

static void test_refusals(void **state)
{
    static const char *const bad_names[] = {"a b", "a=b", "a;b", "a\r\nb", "\xc3\xa9", "a,b"};
    static const char *const bad_values[] = {"/a;b", "/a b", "/a\r\nX: y", "/\x7f", "/\xc3\xa9"};
    char much[1100];
    struct cookie cookie;

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(bad_names); i++) {
        struct net_cookie_config config = {.name = bad_names[i], .path = "/"};

        assert_false(cookie_init(&cookie, &config));
        cookie_fini(&cookie);
    }
    for (size_t i = 0; i < TEST_COUNT(bad_values); i++) {
        struct net_cookie_config path = {.name = "io", .path = bad_values[i]};
        struct net_cookie_config domain = {.name = "io", .domain = bad_values[i]};

        assert_false(cookie_init(&cookie, &path));
        cookie_fini(&cookie);
        assert_false(cookie_init(&cookie, &domain));
        cookie_fini(&cookie);
    }
    memset(much, 'a', sizeof(much));
    much[sizeof(much) - 1] = '\0';
    assert_false(cookie_init(&cookie, &(struct net_cookie_config){.name = "io", .path = much}));
    cookie_fini(&cookie);
    assert_false(cookie_init(&cookie, &(struct net_cookie_config){.name = much}));
    cookie_fini(&cookie);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
