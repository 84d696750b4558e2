/* Metrics: the table keeps its rules, counting, families, histograms and the page. */
#define _GNU_SOURCE

#include "common/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/live.h"
#include <confab/err.h>

#include "tests/unit/test.h"

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void test_table(void **state)
{
    (void)state;
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_spec *spec = &metric_specs[i];

        assert_int_equal(strncmp(spec->name, "confab_", 7), 0);
        assert_int_equal(strspn(spec->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(spec->name));
        assert_int_equal(ends_with(spec->name, "_total"), spec->kind == METRIC_KIND_COUNTER);
        if (spec->unit == METRIC_UNIT_SECONDS)
            assert_non_null(strstr(spec->name, "_seconds"));
        if (spec->unit == METRIC_UNIT_BYTES)
            assert_non_null(strstr(spec->name, "_bytes"));
        if (spec->kind == METRIC_KIND_HISTOGRAM)
            assert_string_equal(spec->label, "");
        if (spec->label[0] == '\0')
            assert_string_equal(spec->values, "");
        assert_true(ends_with(spec->help, "."));
        assert_null(strpbrk(spec->help, "\n\\"));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(spec->name, metric_specs[j].name);
    }
    for (int i = 1; i < METRICS_BUCKETS - 1; i++)
        assert_true(metrics_bucket_us[i] > metrics_bucket_us[i - 1]);
}

static char *render(const struct metrics *m)
{
    struct buf b;
    char *text;

    buf_init(&b, 1 << 20);
    assert_int_equal(metrics_render(m, &b), CONFAB_OK);
    text = (char *)buf_take(&b, NULL);
    return text;
}

static void assert_line(const char *page, const char *line)
{
    size_t len = strlen(line);

    for (const char *at = page; (at = strstr(at, line)) != NULL; at += len) {
        if ((at == page || at[-1] == '\n') && at[len] == '\n')
            return;
    }
    fail_msg("no line '%s'", line);
}

static void test_plain(void **state)
{
    struct metrics m;
    char *page;

    (void)state;
    metrics_init(&m);
    metrics_inc(&m, METRIC_SESSIONS_OPENED);
    metrics_add(&m, METRIC_SESSIONS_OPENED, 4);
    metrics_add(&m, METRIC_QUEUED_BYTES, 100);
    metrics_add(&m, METRIC_QUEUED_BYTES, -40);
    metrics_inc(&m, METRIC_SOCKETS);
    metrics_dec(&m, METRIC_SOCKETS);
    metrics_set(&m, METRIC_CPU, 1500000);
    metrics_set(&m, METRIC_START_TIME, 1);
    assert_int_equal(metrics_get(&m, METRIC_SESSIONS_OPENED), 5);
    page = render(&m);
    assert_line(page, "# TYPE confab_sessions_opened_total counter");
    assert_line(page, "# HELP confab_sessions_opened_total Engine.IO sessions opened.");
    assert_line(page, "confab_sessions_opened_total 5");
    assert_line(page, "confab_queued_bytes 60");
    assert_line(page, "confab_sockets 0");
    assert_line(page, "confab_process_cpu_seconds_total 1.5");
    assert_line(page, "confab_start_time_seconds 0.000001");
    free(page);
    metrics_fini(&m);
}

static void test_families(void **state)
{
    static const char *const reasons[] = {"ping_timeout", "quote\"back\\line\n"};
    struct metrics m;
    char *page;

    (void)state;
    metrics_init(&m);
    metrics_inc_label(&m, METRIC_CONNECTIONS, 1);
    metrics_add_label(&m, METRIC_CONNECTIONS, 1, 2);
    metrics_set_labels(&m, METRIC_SESSIONS_CLOSED, reasons, 2);
    metrics_inc_label(&m, METRIC_SESSIONS_CLOSED, 0);
    metrics_set_label(&m, METRIC_SESSIONS_CLOSED, 1, 7);
    metrics_inc_label(&m, METRIC_SESSIONS_CLOSED, 2);
    metrics_inc_label(&m, METRIC_SESSIONS_CLOSED, UINT32_MAX);
    assert_int_equal(metrics_get_label(&m, METRIC_CONNECTIONS, 1), 3);
    page = render(&m);
    assert_line(page, "confab_connections{transport=\"polling\"} 0");
    assert_line(page, "confab_connections{transport=\"websocket\"} 3");
    assert_line(page, "confab_sessions_closed_total{reason=\"ping_timeout\"} 1");
    assert_line(page, "confab_sessions_closed_total{reason=\"quote\\\"back\\\\line\\n\"} 7");
    assert_line(page, "confab_sessions_closed_total{reason=\"other\"} 2");
    assert_null(strstr(page, "transport=\"other\""));
    free(page);
    metrics_fini(&m);
}

static void test_labels_by_name_are_bounded(void **state)
{
    struct metrics m;
    char name[128];

    (void)state;
    metrics_init(&m);
    assert_int_equal(metrics_label(&m, METRIC_CONNECTIONS, "websocket"), 1);
    assert_int_equal(metrics_label(&m, METRIC_DROPS, "a"), 0);
    assert_int_equal(metrics_label(&m, METRIC_DROPS, "b"), 1);
    assert_int_equal(metrics_label(&m, METRIC_DROPS, "a"), 0);
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(metrics_label(&m, METRIC_DROPS, name), 2);
    assert_int_equal(metrics_label(&m, METRIC_DROPS, name), 2);
    for (int i = 3; i < METRICS_LABELS_MAX; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        assert_int_equal(metrics_label(&m, METRIC_DROPS, name), i);
    }
    assert_int_equal(metrics_label(&m, METRIC_DROPS, "one more"), METRICS_LABELS_MAX);
    metrics_inc_label(&m, METRIC_DROPS, METRICS_LABELS_MAX);
    assert_int_equal(metrics_get_label(&m, METRIC_DROPS, METRICS_LABELS_MAX), 1);
    /* Not a family: nothing happens. */
    assert_int_equal(metrics_label(&m, METRIC_SOCKETS, "a"), METRICS_LABELS_MAX);
    metrics_inc_label(&m, METRIC_SOCKETS, 0);
    assert_int_equal(metrics_get_label(&m, METRIC_SOCKETS, 0), 0);
    metrics_fini(&m);
}

static void test_histogram(void **state)
{
    struct metrics m;
    char *page;

    (void)state;
    metrics_init(&m);
    metrics_observe_us(&m, METRIC_LOOP_LAG, -5);
    metrics_observe_us(&m, METRIC_LOOP_LAG, 100);
    metrics_observe_us(&m, METRIC_LOOP_LAG, 101);
    metrics_observe_us(&m, METRIC_LOOP_LAG, 2000000);
    metrics_observe_us(&m, METRIC_LOOP_LAG, 60000000);
    metrics_observe_us(&m, METRIC_SOCKETS, 1);
    page = render(&m);
    assert_line(page, "# TYPE confab_loop_lag_seconds histogram");
    assert_line(page, "confab_loop_lag_seconds_bucket{le=\"0.0001\"} 2");
    assert_line(page, "confab_loop_lag_seconds_bucket{le=\"0.0005\"} 3");
    assert_line(page, "confab_loop_lag_seconds_bucket{le=\"1\"} 3");
    assert_line(page, "confab_loop_lag_seconds_bucket{le=\"2.5\"} 4");
    assert_line(page, "confab_loop_lag_seconds_bucket{le=\"10\"} 4");
    assert_line(page, "confab_loop_lag_seconds_bucket{le=\"+Inf\"} 5");
    assert_line(page, "confab_loop_lag_seconds_sum 62.000201");
    assert_line(page, "confab_loop_lag_seconds_count 5");
    free(page);
    metrics_fini(&m);
}

static void test_process(void **state)
{
    struct metrics m;
    char line[64];
    char *page;

    (void)state;
    metrics_init(&m);
    live_inc(LIVE_ROOM);
    metrics_collect_process(&m);
    metrics_collect_process(&m);
    live_dec(LIVE_ROOM);
    assert_true(metrics_get(&m, METRIC_RESIDENT) > 100000);
    page = render(&m);
    snprintf(line, sizeof(line), "confab_build_info{version=\"%s\"} 1", CONFAB_VERSION);
    assert_line(page, line);
    assert_line(page, "confab_live_objects{kind=\"room\"} 1");
    assert_line(page, "confab_live_objects{kind=\"frame\"} 0");
    free(page);
    metrics_fini(&m);
}

static void test_too_small_a_buffer(void **state)
{
    struct metrics m;
    struct buf b;

    (void)state;
    metrics_init(&m);
    buf_init(&b, 100);
    assert_int_equal(metrics_render(&m, &b), CONFAB_ELIMIT);
    buf_fini(&b);
    metrics_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_labels_by_name_are_bounded),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_too_small_a_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
