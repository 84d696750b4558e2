/* The metrics of metrics.h: the table, counting in families and histograms, and what the process
 * tells of itself. */
#define _DEFAULT_SOURCE

#include "common/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/live.h"
#include "common/mem.h"
#include <confab/version.h>

const struct metric_spec metric_specs[METRIC_COUNT] = {
#define METRIC(id, kind, unit, name, label, values, help) \
    {#id, METRIC_KIND_##kind, METRIC_UNIT_##unit, name, label, values, help},
#include "common/metrics.def"
#undef METRIC
};

const int64_t metrics_bucket_us[METRICS_BUCKETS - 1] = {
    100,    500,    1000,   2500,    5000,    10000,   25000,    50000,
    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
};

static void add_name(struct metric_family *f, const char *name, size_t len)
{
    if (f->count == METRICS_LABELS_MAX)
        return;
    if (len >= METRICS_LABEL_BYTES)
        len = METRICS_LABEL_BYTES - 1;
    memcpy(f->names[f->count], name, len);
    f->names[f->count++][len] = '\0';
}

static void add_listed_names(struct metric_family *f, const char *values)
{
    while (*values != '\0') {
        size_t len = strcspn(values, "|");

        add_name(f, values, len);
        values += len + (values[len] == '|');
    }
}

void metrics_init(struct metrics *m)
{
    *m = (struct metrics){0};
    for (int id = 0; id < METRIC_COUNT; id++) {
        const struct metric_spec *spec = &metric_specs[id];

        if (spec->kind == METRIC_KIND_HISTOGRAM) {
            m->histograms[id] = xcalloc(1, sizeof(*m->histograms[id]));
        } else if (spec->label[0] != '\0') {
            m->families[id] = xcalloc(1, sizeof(*m->families[id]));
            add_listed_names(m->families[id], spec->values);
        }
    }
    metrics_set(m, METRIC_START_TIME, clock_wall_ms() * 1000);
}

void metrics_fini(struct metrics *m)
{
    for (int id = 0; id < METRIC_COUNT; id++) {
        free(m->families[id]);
        free(m->histograms[id]);
    }
    *m = (struct metrics){0};
}

void metrics_set_labels(struct metrics *m, enum metric_id id, const char *const *names,
                        size_t count)
{
    struct metric_family *f = m->families[id];

    if (f == NULL)
        return;
    *f = (struct metric_family){0};
    for (size_t i = 0; i < count; i++)
        add_name(f, names[i], strlen(names[i]));
}

uint32_t metrics_label(struct metrics *m, enum metric_id id, const char *name)
{
    struct metric_family *f = m->families[id];
    size_t len = strlen(name);

    if (f == NULL)
        return METRICS_LABELS_MAX;
    if (len >= METRICS_LABEL_BYTES)
        len = METRICS_LABEL_BYTES - 1;
    for (uint32_t i = 0; i < f->count; i++) {
        if (strncmp(f->names[i], name, len) == 0 && f->names[i][len] == '\0')
            return i;
    }
    if (f->count == METRICS_LABELS_MAX)
        return METRICS_LABELS_MAX;
    add_name(f, name, len);
    return f->count - 1;
}

static int64_t *member(const struct metrics *m, enum metric_id id, uint32_t label)
{
    struct metric_family *f = m->families[id];

    if (f == NULL)
        return NULL;
    return &f->values[label < f->count ? label : METRICS_LABELS_MAX];
}

void metrics_add_label(struct metrics *m, enum metric_id id, uint32_t label, int64_t n)
{
    int64_t *value = member(m, id, label);

    if (value != NULL)
        *value += n;
}

void metrics_set_label(struct metrics *m, enum metric_id id, uint32_t label, int64_t value)
{
    int64_t *at = member(m, id, label);

    if (at != NULL)
        *at = value;
}

int64_t metrics_get_label(const struct metrics *m, enum metric_id id, uint32_t label)
{
    const int64_t *value = member(m, id, label);

    return value != NULL ? *value : 0;
}

void metrics_observe_us(struct metrics *m, enum metric_id id, int64_t us)
{
    struct metric_histogram *h = m->histograms[id];
    size_t bucket = 0;

    if (h == NULL)
        return;
    if (us < 0)
        us = 0;
    while (bucket < METRICS_BUCKETS - 1 && us > metrics_bucket_us[bucket])
        bucket++;
    h->buckets[bucket]++;
    h->count++;
    h->sum_us += us;
}

/* 0 where /proc does not tell. */
static int64_t resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long long pages = 0;

    if (f == NULL)
        return 0;
    if (fscanf(f, "%*s %lld", &pages) != 1)
        pages = 0;
    fclose(f);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

void metrics_collect_process(struct metrics *m)
{
    metrics_set_label(m, METRIC_BUILD_INFO, metrics_label(m, METRIC_BUILD_INFO, confab_version()),
                      1);
    metrics_set(m, METRIC_CPU, clock_cpu_us());
    metrics_set(m, METRIC_RESIDENT, resident_bytes());
    for (int kind = 0; kind < LIVE_KIND_COUNT; kind++) {
        uint32_t label =
            metrics_label(m, METRIC_LIVE_OBJECTS, live_kind_name((enum live_kind)kind));

        metrics_set_label(m, METRIC_LIVE_OBJECTS, label, live_count((enum live_kind)kind));
    }
}
