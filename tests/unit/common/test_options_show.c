/* What is shown of the options: settings with their sources, and nothing of secrets. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/common/options_run.h"
#include "tests/unit/test.h"

static void test_print_config(void **state)
{
    static const char *const env[] = {"CONFAB_REDIS_PASSWORD=hunter2", NULL};
    struct run r, back;
    const char *text;

    (void)state;
    run_with(&r,
             "--print-config --config @ --redis redis://u:hunter3@h:1/2 --listen h:1 --listen h:2",
             env, "ping-interval-ms = 30s\n");
    assert_int_equal(r.status, OPTIONS_EXIT);
    text = buf_text(&r.text);
    assert_non_null(strstr(text, "\n# Engine.IO\nping-interval-ms = 30000  # "));
    assert_non_null(strstr(text, "\nping-timeout-ms = 20000  # default\n"));
    assert_non_null(strstr(text, "# Listening\nlisten = h:1, h:2  # --listen\n"));
    assert_non_null(strstr(text, "\nadmin-listen = \"\"  # default\n"));
    assert_non_null(strstr(text, "\n# redis = redis://u:***@h:1/2  # --redis\n"));
    assert_non_null(strstr(text, "\n# redis-password = ***  # CONFAB_REDIS_PASSWORD\n"));
    assert_non_null(strstr(text, "\nchat-send-msg = on  # default\n"));
    assert_non_null(strstr(text, "\nredis-rooms = exact  # default\n"));
    assert_null(strstr(text, "hunter"));
    assert_null(strstr(text, "health"));

    /* What it prints is a configuration file with the same values. */
    run_with(&back, "--config @", NULL, text);
    assert_int_equal(back.status, OPTIONS_RUN);
    assert_int_equal(back.opt.ping_interval_ms, 30000);
    assert_int_equal(back.opt.listen.count, 2);
    assert_string_equal(back.opt.web_dir, "");
    assert_string_equal(back.opt.redis, "");
    run_end(&back);
    run_end(&r);
}

/* Hashes and quotes: in quotes, or, where the file has no way to say it, as a comment. */
static void test_print_of_odd_values(void **state)
{
    static const char file[] = "redis = \"unix:///a #b\"\n"
                               "web-dir = /a\"b\n";
    struct run r, back;
    const char *text;

    (void)state;
    run_with(&r, "--print-config --config @", NULL, file);
    assert_int_equal(r.status, OPTIONS_EXIT);
    text = buf_text(&r.text);
    assert_non_null(strstr(text, "\nredis = \"unix:///a #b\"  # "));
    assert_non_null(strstr(text, "\n# web-dir = \"/a\"b\"  # "));
    run_with(&back, "--config @", NULL, text);
    assert_int_equal(back.status, OPTIONS_RUN);
    assert_string_equal(back.opt.redis, "unix:///a #b");
    run_end(&back);
    run_end(&r);
}

static void test_masked_urls(void **state)
{
    static const struct {
        const char *url;
        const char *shown;
    } cases[] = {
        {"redis://h", "\nredis = redis://h  #"},
        {"redis://u:p@h", "\n# redis = redis://u:***@h  #"},
        {"redis://:p@h", "\n# redis = redis://:***@h  #"},
        {"redis://token@h", "\n# redis = redis://***@h  #"},
        {"redis://u:a@b/c:d@h", "\n# redis = redis://u:***@h  #"},
    };

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        char args[128];
        struct run r;

        snprintf(args, sizeof(args), "--print-config --redis %s", cases[i].url);
        run_with(&r, args, NULL, NULL);
        assert_int_equal(r.status, OPTIONS_EXIT);
        assert_non_null(strstr(buf_text(&r.text), cases[i].shown));
        run_end(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print_config),
        cmocka_unit_test(test_print_of_odd_values),
        cmocka_unit_test(test_masked_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
