/* The option parser on the gateway's table and on a tool's: sources, precedence, every kind of
 * mistake. */
#define _POSIX_C_SOURCE 200809L

#include "common/options.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

#include "tests/unit/common/options_run.h"
#include "tests/unit/test.h"

static void test_defaults(void **state)
{
    struct run r;

    (void)state;
    run_with(&r, "", NULL, NULL);
    assert_int_equal(r.status, OPTIONS_RUN);
    assert_string_equal(buf_text(&r.text), "");
    assert_int_equal(r.opt.listen.count, 1);
    assert_string_equal(r.opt.listen.items[0], "127.0.0.1:3000");
    assert_int_equal(r.opt.admin_listen.count, 0);
    assert_string_equal(r.opt.redis, "");
    assert_string_equal(r.opt.redis_prefix, "socket.io");
    assert_int_equal(r.opt.redis_rooms, REDIS_ROOMS_EXACT);
    assert_int_equal(r.opt.redis_response_channel, REDIS_RESPONSE_SHARED);
    assert_int_equal(r.opt.app, APP_CHAT);
    assert_true(r.opt.chat_send_msg);
    assert_int_equal(r.opt.ping_interval_ms, 25000);
    assert_int_equal(r.opt.ping_timeout_ms, 20000);
    assert_int_equal(r.opt.max_payload_bytes, 1000000);
    assert_int_equal(r.opt.max_queued_bytes, 1048576);
    assert_int_equal(r.opt.name_grace_ms, 5000);
    assert_int_equal(r.opt.log_level, LOG_INFO);
    assert_int_equal(r.opt.log_format, LOG_TEXT);
    assert_false(r.opt.health);
    run_end(&r);
}

static void test_table_keeps_its_rules(void **state)
{
    struct option_set set = options_gateway("x");

    (void)state;
    for (size_t i = 0; i < set.spec_count; i++) {
        const struct option_spec *spec = &set.specs[i];
        size_t len = strlen(spec->name);

        assert_int_equal(strspn(spec->name, "abcdefghijklmnopqrstuvwxyz0123456789_"), len);
        assert_true(len < 40);
        assert_int_equal(len > 3 && strcmp(spec->name + len - 3, "_ms") == 0,
                         spec->type == OPTION_DURATION);
        assert_int_equal(len > 6 && strcmp(spec->name + len - 6, "_bytes") == 0,
                         spec->type == OPTION_BYTES);
        assert_int_equal(spec->choices[0] != '\0', spec->type == OPTION_ENUM);
        assert_int_equal(spec->text[strlen(spec->text) - 1], '.');
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(spec->name, set.specs[j].name);
    }
}

static void test_flags(void **state)
{
    struct run r;

    (void)state;
    run_with(&r,
             "--listen 0.0.0.0:80 --listen=[::]:80,127.0.0.1:0 --ping-interval-ms 25s "
             "--max-payload-bytes=2MB --redis-rooms all --no-chat-send-msg --health",
             NULL, NULL);
    assert_int_equal(r.status, OPTIONS_RUN);
    assert_int_equal(r.opt.listen.count, 3);
    assert_string_equal(r.opt.listen.items[0], "0.0.0.0:80");
    assert_string_equal(r.opt.listen.items[2], "127.0.0.1:0");
    assert_int_equal(r.opt.ping_interval_ms, 25000);
    assert_int_equal(r.opt.max_payload_bytes, 2000000);
    assert_int_equal(r.opt.redis_rooms, REDIS_ROOMS_ALL);
    assert_false(r.opt.chat_send_msg);
    assert_true(r.opt.health);
    run_end(&r);
}

static void test_truths(void **state)
{
    static const struct {
        const char *args;
        bool value;
    } cases[] = {
        {"--chat-send-msg", true},
        {"--chat-send-msg on", true},
        {"--chat-send-msg off", false},
        {"--chat-send-msg=off", false},
        {"--chat-send-msg=0", false},
        {"--no-chat-send-msg", false},
        {"--no-chat-send-msg --chat-send-msg", true},
        {"--chat-send-msg --app none", true},
    };

    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        struct run r;

        run_with(&r, cases[i].args, NULL, NULL);
        assert_int_equal(r.status, OPTIONS_RUN);
        assert_int_equal(r.opt.chat_send_msg, cases[i].value);
        run_end(&r);
    }
}

static void test_precedence(void **state)
{
    static const char *const env[] = {"CONFAB_PING_INTERVAL_MS=3s", "CONFAB_LISTEN=h:3", NULL};
    static const char *const no_env[] = {"PING_INTERVAL_MS=3s",
                                         "CONFAB_PING_INTERVAL_MS=", "CONFAB_UNKNOWN=1", NULL};
    static const char file[] = "ping-interval-ms = 2s\nlisten = h:2\nlisten = h:22, h:222\n";
    struct run r;

    (void)state;
    run_with(&r, "--config @ --ping-interval-ms 4s --listen h:4", env, file);
    assert_int_equal(r.opt.ping_interval_ms, 4000);
    assert_int_equal(r.opt.listen.count, 1);
    assert_string_equal(r.opt.listen.items[0], "h:4");
    run_end(&r);

    run_with(&r, "--config @", env, file);
    assert_int_equal(r.opt.ping_interval_ms, 3000);
    assert_int_equal(r.opt.listen.count, 1);
    assert_string_equal(r.opt.listen.items[0], "h:3");
    run_end(&r);

    run_with(&r, "--config @", no_env, file);
    assert_int_equal(r.opt.ping_interval_ms, 2000);
    assert_int_equal(r.opt.listen.count, 3);
    assert_string_equal(r.opt.listen.items[2], "h:222");
    run_end(&r);

    /* The last of several flags counts. */
    run_with(&r, "--ping-interval-ms 4s --ping-interval-ms 5s", no_env, NULL);
    assert_int_equal(r.opt.ping_interval_ms, 5000);
    run_end(&r);
}

static void test_file_syntax(void **state)
{
    struct run r;

    (void)state;
    run_with(&r, "--config=@x", NULL, NULL);
    assert_int_equal(r.status, OPTIONS_BAD);
    run_end(&r);
    run_with(&r, "--config @", NULL,
             "# a comment\n"
             "\n"
             "   \t \r\n"
             "ping-interval-ms=1s\r\n"
             "\tredis-prefix  =  \"quoted\"  # behind\n"
             "web-dir = \"/a # b\"\n"
             "chat-namespace = /a-b\n"
             "redis = redis://:a#b@host\n"
             "node-tag = abc # x = y\n"
             "cors-origins =\n"
             "log-level = debug");
    assert_int_equal(r.status, OPTIONS_RUN);
    assert_int_equal(r.opt.ping_interval_ms, 1000);
    assert_string_equal(r.opt.redis_prefix, "quoted");
    assert_string_equal(r.opt.web_dir, "/a # b");
    assert_string_equal(r.opt.chat_namespace, "/a-b");
    assert_string_equal(r.opt.redis, "redis://:a#b@host");
    assert_string_equal(r.opt.node_tag, "abc");
    assert_int_equal(r.opt.cors_origins.count, 0);
    assert_int_equal(r.opt.log_level, LOG_DEBUG);
    run_end(&r);
}

static void test_config_from_environment(void **state)
{
    char variable[128];
    const char *env[] = {variable, NULL};
    struct run r;
    char path[64];

    (void)state;
    run_write_file(path, "node-tag = fromenv\n", 19);
    snprintf(variable, sizeof(variable), "CONFAB_CONFIG=%s", path);
    run_with(&r, "", env, NULL);
    assert_int_equal(r.status, OPTIONS_RUN);
    assert_string_equal(r.opt.node_tag, "fromenv");
    run_end(&r);
    /* The flag wins. */
    run_with(&r, "--config @", env, "node-tag = flag\n");
    assert_string_equal(r.opt.node_tag, "flag");
    run_end(&r);
    unlink(path);
}

/* Every mistake is one line that begins with the program and names the place. "@" is replaced by
 * the file's path. */
static const struct {
    const char *args;
    const char *env;
    const char *file;
    const char *message;
} mistakes[] = {
    {"--nonsense 1", NULL, NULL, "unknown option --nonsense"},
    {"--ping-intervall-ms=1", NULL, NULL,
     "unknown option --ping-intervall-ms (is --ping-interval-ms meant?)"},
    {"--hlep", NULL, NULL, "unknown option --hlep"},
    {"--ping_interval_ms 1", NULL, NULL,
     "unknown option --ping_interval_ms (is --ping-interval-ms meant?)"},
    {"--no-app", NULL, NULL, "unknown option --no-app"},
    {"--listen-file x", NULL, NULL, "unknown option --listen-file"},
    {"extra", NULL, NULL, "unexpected argument 'extra' (--help lists the options)"},
    {"-h", NULL, NULL, "unexpected argument '-h' (--help lists the options)"},
    {"--", NULL, NULL, "unexpected argument '--' (--help lists the options)"},
    {"a\nb", NULL, NULL, "unexpected argument 'a?b' (--help lists the options)"},
    {"--ping-interval-ms 5\x1b[31m", NULL, NULL,
     "--ping-interval-ms: '5?[31m' is not a duration like 25s, 100ms or 25000"},
    {"--listen", NULL, NULL, "--listen needs a value"},
    {"--config", NULL, NULL, "--config needs a value"},
    {"--health=on", NULL, NULL, "--health takes no value"},
    {"--help=me", NULL, NULL, "--help takes no value"},
    {"--no-chat-send-msg=off", NULL, NULL, "--no-chat-send-msg takes no value"},
    {"--ping-interval-ms 25x", NULL, NULL,
     "--ping-interval-ms: '25x' is not a duration like 25s, 100ms or 25000"},
    {"--ping-interval-ms=", NULL, NULL,
     "--ping-interval-ms: '' is not a duration like 25s, 100ms or 25000"},
    {"--ping-interval-ms 1ms", NULL, NULL,
     "--ping-interval-ms: 1ms is not between 50 and 86400000 ms"},
    {"--ping-interval-ms 99999999999999999999", NULL, NULL,
     "--ping-interval-ms: 99999999999999999999 is not between 50 and 86400000 ms"},
    {"--max-payload-bytes 1kilo", NULL, NULL,
     "--max-payload-bytes: '1kilo' is not a size like 1MB, 64KiB or 1000000"},
    {"--max-payload-bytes 10GiB", NULL, NULL,
     "--max-payload-bytes: 10GiB is not between 1024 and 1073741824 bytes"},
    {"--max-connections many", NULL, NULL, "--max-connections: 'many' is not a whole number"},
    {"--max-connections -1", NULL, NULL, "--max-connections: -1 is not between 0 and 10000000"},
    {"--chat-send-msg=maybe", NULL, NULL, "--chat-send-msg: 'maybe' is neither on nor off"},
    {"--redis-rooms some", NULL, NULL, "--redis-rooms: 'some' is none of exact|all"},
    {"--redis-rooms exac", NULL, NULL, "--redis-rooms: 'exac' is none of exact|all"},
    {"--redis-rooms exact|all", NULL, NULL, "--redis-rooms: 'exact|all' is none of exact|all"},
    {"--listen 3000", NULL, NULL, "--listen: '3000' is not ADDR:PORT"},
    {"--listen=", NULL, NULL, "--listen: at least 1 needed"},
    {"--listen=h:1,,h:2", NULL, NULL, "--listen: the list has an empty item"},
    {"--listen=h:1,", NULL, NULL, "--listen: the list has an empty item"},
    {"--listen=,h:1", NULL, NULL, "--listen: the list has an empty item"},
    {"--listen=a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1", NULL, NULL,
     "--listen: more than 16 items"},
    {"--node-tag abcdefghi", NULL, NULL, "--node-tag: the value is not between 0 and 8 bytes long"},
    {"--node-tag AB", NULL, NULL, "--node-tag: 'AB' is not 3 to 8 of a-z and 0-9"},
    {"--web-dir a\x01", NULL, NULL, "--web-dir: the value holds a control character"},
    {"--web-dir \xff", NULL, NULL, "--web-dir: the value is not UTF-8"},
    {"--trusted-proxies 10.0.0.0/99", NULL, NULL,
     "--trusted-proxies: '10.0.0.0/99' is not a network like 10.0.0.0/8"},
    {"--trusted-proxies 10.0.0.1/8", NULL, NULL,
     "--trusted-proxies: '10.0.0.1/8' is a host with a network's prefix"},
    {"--trusted-proxies fd00::1/127", NULL, NULL,
     "--trusted-proxies: 'fd00::1/127' is a host with a network's prefix"},
    {"--redis http://u:hunter2@h", NULL, NULL,
     "--redis: the value is not redis://[user:password@]host[:port][/db]"},
    {"--redis-password x", NULL, NULL, "--redis-password is of no use without --redis"},
    {"--drain-delay-ms 2s --drain-timeout-ms 1s", NULL, NULL,
     "--drain-delay-ms is not below --drain-timeout-ms"},
    {"--redis-file /nonexistent/file", NULL, NULL,
     "--redis-file: cannot read /nonexistent/file: No such file or directory"},
    {"--config /nonexistent/file", NULL, NULL,
     "--config: cannot read /nonexistent/file: No such file or directory"},
    {"--config /tmp", NULL, NULL, "--config: cannot read /tmp: Is a directory"},
    {"", "CONFAB_CONFIG=/nonexistent/file", NULL,
     "CONFAB_CONFIG: cannot read /nonexistent/file: No such file or directory"},
    {"", "CONFAB_PING_INTERVAL_MS=soon", NULL,
     "CONFAB_PING_INTERVAL_MS: 'soon' is not a duration like 25s, 100ms or 25000"},
    {"", "CONFAB_REDIS_FILE=/nonexistent/file", NULL,
     "CONFAB_REDIS_FILE: cannot read /nonexistent/file: No such file or directory"},
    {"--config @", NULL, "\nnonsense = 1\n", "@:2: unknown key 'nonsense'"},
    {"--config @", NULL, "listn = h:1\n", "@:1: unknown key 'listn' (is listen meant?)"},
    {"--config @", NULL, "health = on\n", "@:1: unknown key 'health'"},
    {"--config @", NULL, "config = x\n", "@:1: unknown key 'config'"},
    {"--config @", NULL, "--listen = h:1\n", "@:1: unknown key '--listen' (is listen meant?)"},
    {"--config @", NULL, "a line\n", "@:1: not a line of the form key = value"},
    {"--config @", NULL, "= 1\n", "@:1: unknown key ''"},
    {"--config @", NULL, "path = /a/\n\npath = /b/\n", "@:3: path was set in line 1 already"},
    {"--config @", NULL, "redis = \nredis-file = x\n", "@:2: redis-file was set in line 1 already"},
    {"--config @", NULL, "#\nlog-level = loud\n",
     "@:2: log-level: 'loud' is none of error|warn|info|debug"},
    /* A mistake counts even where something stronger hides the value's key. */
    {"--config @ --path /x/", NULL, "oops = 1\n", "@:1: unknown key 'oops'"},
};

static void test_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(mistakes); i++) {
        const char *env[] = {mistakes[i].env, NULL};
        const char *message = mistakes[i].message;
        char expected[512];
        struct run r;

        run_with(&r, mistakes[i].args, env, mistakes[i].file);
        assert_int_equal(r.status, OPTIONS_BAD);
        snprintf(expected, sizeof(expected), "confab-gateway: %s%s\n",
                 message[0] == '@' ? r.path : "", message[0] == '@' ? message + 1 : message);
        assert_string_equal(buf_text(&r.text), expected);
        run_end(&r);
    }
}

static void test_hostile_files(void **state)
{
    static char large[1100000];
    struct option_set set = options_gateway("p");
    struct options opt;
    struct buf text;
    char path[64];
    char *argv[] = {path, "--config", path, NULL};

    (void)state;
    buf_init(&text, 10000);
    run_write_file(path, "path = /a\0b/\n", 13);
    assert_int_equal(options_parse(&set, &opt, 3, argv, NULL, &text), OPTIONS_BAD);
    assert_non_null(strstr(buf_text(&text), ": not a text file\n"));
    unlink(path);

    memset(large, '#', sizeof(large));
    run_write_file(path, large, sizeof(large));
    assert_int_equal(options_parse(&set, &opt, 3, argv, NULL, &text), OPTIONS_BAD);
    assert_non_null(strstr(buf_text(&text), ": longer than 1048576 bytes\n"));
    unlink(path);

    /* A secret's file is read to a limit too. */
    argv[1] = "--redis-file";
    run_write_file(path, large, sizeof(large));
    assert_int_equal(options_parse(&set, &opt, 3, argv, NULL, &text), OPTIONS_BAD);
    assert_non_null(strstr(buf_text(&text), "is longer than 4096 bytes\n"));
    unlink(path);
    buf_fini(&text);
}

static void test_secrets_from_files(void **state)
{
    static const char *const both[] = {"CONFAB_REDIS_PASSWORD=a", "CONFAB_REDIS_PASSWORD_FILE=b",
                                       NULL};
    char variable[128];
    const char *env[] = {variable, NULL};
    struct run r;
    char path[64];

    (void)state;
    run_with(&r, "--redis redis://h --redis-password-file %", NULL, NULL);
    assert_int_equal(r.status, OPTIONS_RUN);
    assert_string_equal(r.opt.redis_password, "first line");
    run_end(&r);

    run_write_file(path, "redis://u:p@h\r\n", 15);
    snprintf(variable, sizeof(variable), "CONFAB_REDIS_FILE=%s", path);
    run_with(&r, "", env, NULL);
    assert_int_equal(r.status, OPTIONS_RUN);
    assert_string_equal(r.opt.redis, "redis://u:p@h");
    run_end(&r);
    unlink(path);

    run_with(&r, "--redis redis://h", both, NULL);
    assert_int_equal(r.status, OPTIONS_BAD);
    assert_string_equal(
        buf_text(&r.text),
        "confab-gateway: CONFAB_REDIS_PASSWORD and CONFAB_REDIS_PASSWORD_FILE are both set\n");
    run_end(&r);
}

static void test_other_exits(void **state)
{
    struct run r;

    (void)state;
    run_with(&r, "--check-config", NULL, NULL);
    assert_int_equal(r.status, OPTIONS_EXIT);
    assert_string_equal(buf_text(&r.text), "the configuration is valid\n");
    run_end(&r);

    run_with(&r, "--check-config --listen nowhere", NULL, NULL);
    assert_int_equal(r.status, OPTIONS_BAD);
    run_end(&r);

    run_with(&r, "--version", NULL, NULL);
    assert_int_equal(r.status, OPTIONS_EXIT);
    assert_string_equal(buf_text(&r.text), "confab-gateway " CONFAB_VERSION "\n");
    run_end(&r);

    run_with(&r, "--help", NULL, NULL);
    assert_int_equal(r.status, OPTIONS_EXIT);
    for (size_t i = 0; i < r.set.spec_count; i++) {
        char flag[80];

        snprintf(flag, sizeof(flag), "\n  --%s ", r.set.specs[i].name);
        for (char *c = flag; *c != '\0'; c++)
            *c = *c == '_' ? '-' : *c;
        assert_non_null(strstr(buf_text(&r.text), flag));
    }
    for (const char *line = buf_text(&r.text); *line != '\0';) {
        size_t len = strcspn(line, "\n");

        assert_true(len <= 110);
        line += len + (line[len] == '\n');
    }
    run_end(&r);
}

/* A tool's own table: no environment, other fields. */
struct tool_values {
    int64_t clients;
    struct option_list targets;
    char *name;
    bool quiet;
};

static void test_a_tools_table(void **state)
{
    static const struct option_spec specs[] = {
        {"clients", OPTION_INT, offsetof(struct tool_values, clients), 1, 100, "10", "", NULL, "g",
         "Number."},
        {"target", OPTION_LIST, offsetof(struct tool_values, targets), 0, 4, "a,b", "", NULL, "g",
         "Targets."},
        {"name", OPTION_STRING, offsetof(struct tool_values, name), 0, 10, "x y", "", NULL, "g",
         "Name."},
        {"quiet", OPTION_BOOL, offsetof(struct tool_values, quiet), 0, 0, "off", "", NULL, "g",
         "Quiet."},
    };
    const struct option_set set = {.program = "tool",
                                   .summary = "A tool.",
                                   .specs = specs,
                                   .spec_count = TEST_COUNT(specs),
                                   .values_size = sizeof(struct tool_values)};
    char *argv[] = {"tool", "--clients", "7", "--quiet", NULL};
    char *envp[] = {"CONFAB_CLIENTS=8", "CLIENTS=9", NULL};
    struct tool_values values;
    struct buf text;

    (void)state;
    buf_init(&text, 10000);
    assert_int_equal(options_parse(&set, &values, 4, argv, envp, &text), OPTIONS_RUN);
    assert_int_equal(values.clients, 7);
    assert_int_equal(values.targets.count, 2);
    assert_string_equal(values.targets.items[1], "b");
    assert_string_equal(values.name, "x y");
    assert_true(values.quiet);
    options_fini(&set, &values);
    assert_null(values.name);
    assert_int_equal(options_parse(&set, &values, 0, argv, NULL, &text), OPTIONS_RUN);
    assert_int_equal(values.clients, 10);
    options_fini(&set, &values);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_table_keeps_its_rules),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_truths),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_file_syntax),
        cmocka_unit_test(test_config_from_environment),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_hostile_files),
        cmocka_unit_test(test_secrets_from_files),
        cmocka_unit_test(test_other_exits),
        cmocka_unit_test(test_a_tools_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
