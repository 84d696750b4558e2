/*
 * Counters, gauges and histograms of one gateway, from the table metrics.def, shown in Prometheus'
 * text format.
 *
 * Everything is a whole number: metrics with the unit SECONDS are counted in microseconds and shown
 * as seconds. Counting is an addition in an array. A metric with a label is a family: one number
 * for each value of the label, indexed by an enum of the owner or by the index that metrics_label()
 * gave. Every family is bounded; what goes beyond counts under the value "other".
 */
#ifndef CONFAB_COMMON_METRICS_H
#define CONFAB_COMMON_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

enum metric_id {
#define METRIC(id, kind, unit, name, label, values, help) METRIC_##id,
#include "common/metrics.def"
#undef METRIC
    METRIC_COUNT
};

enum metric_kind { METRIC_KIND_COUNTER, METRIC_KIND_GAUGE, METRIC_KIND_HISTOGRAM };
enum metric_unit { METRIC_UNIT_NONE, METRIC_UNIT_BYTES, METRIC_UNIT_SECONDS };

/* A row of the table. */
struct metric_spec {
    const char *id;
    enum metric_kind kind;
    enum metric_unit unit;
    const char *name;
    const char *label;
    const char *values;
    const char *help;
};

extern const struct metric_spec metric_specs[METRIC_COUNT];

#define METRICS_LABELS_MAX 64 /* values in one family */
#define METRICS_LABEL_BYTES 48
#define METRICS_BUCKETS 16 /* of a histogram, +Inf included */

struct metric_family {
    uint32_t count;
    char names[METRICS_LABELS_MAX][METRICS_LABEL_BYTES];
    int64_t values[METRICS_LABELS_MAX + 1]; /* the last is "other" */
};

struct metric_histogram {
    uint64_t buckets[METRICS_BUCKETS]; /* each counts its own range only */
    uint64_t count;
    int64_t sum_us;
};

struct metrics {
    int64_t values[METRIC_COUNT];
    struct metric_family *families[METRIC_COUNT];      /* owned; NULL where there is no label */
    struct metric_histogram *histograms[METRIC_COUNT]; /* owned; NULL for other kinds */
};

/* Upper bounds of the histogram buckets but the last. */
extern const int64_t metrics_bucket_us[METRICS_BUCKETS - 1];

void metrics_init(struct metrics *m);
void metrics_fini(struct metrics *m);

/* Plain counters and gauges. */
static inline void metrics_add(struct metrics *m, enum metric_id id, int64_t n)
{
    m->values[id] += n;
}

static inline void metrics_inc(struct metrics *m, enum metric_id id)
{
    m->values[id]++;
}

static inline void metrics_dec(struct metrics *m, enum metric_id id)
{
    m->values[id]--;
}

static inline void metrics_set(struct metrics *m, enum metric_id id, int64_t value)
{
    m->values[id] = value;
}

static inline int64_t metrics_get(const struct metrics *m, enum metric_id id)
{
    return m->values[id];
}

/* Names the values of a family in the order of the caller's enum, replacing all that were there. At
 * most METRICS_LABELS_MAX, names up to METRICS_LABEL_BYTES - 1 bytes. */
void metrics_set_labels(struct metrics *m, enum metric_id id, const char *const *names,
                        size_t count);

/* The index of a family's value by name, registered at the first use; METRICS_LABELS_MAX ("other")
 * when the family is full. For names the program makes itself: a name a peer chose would fill the
 * family. */
uint32_t metrics_label(struct metrics *m, enum metric_id id, const char *name);

/* One member of a family; an index outside the registered ones means "other". */
void metrics_add_label(struct metrics *m, enum metric_id id, uint32_t label, int64_t n);
void metrics_set_label(struct metrics *m, enum metric_id id, uint32_t label, int64_t value);
int64_t metrics_get_label(const struct metrics *m, enum metric_id id, uint32_t label);

static inline void metrics_inc_label(struct metrics *m, enum metric_id id, uint32_t label)
{
    metrics_add_label(m, id, label, 1);
}

/* Adds one observation to a histogram; negative times count as 0. */
void metrics_observe_us(struct metrics *m, enum metric_id id, int64_t us);

/* Fills in what describes the process: build version, processor time, memory, descriptors, live
 * objects. Reads /proc; call it before rendering. */
void metrics_collect_process(struct metrics *m);

/* Appends the whole page; Content-Type is METRICS_CONTENT_TYPE. Errors as of buf_append(). */
int metrics_render(const struct metrics *m, struct buf *out);

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

#endif
