/* Metrics in Prometheus' text exposition format, version 0.0.4. */
#include "common/metrics.h"

#include <inttypes.h>

static const char *const kind_names[] = {"counter", "gauge", "histogram"};

static void put_seconds(struct buf *out, int64_t us)
{
    uint64_t magnitude = us < 0 ? -(uint64_t)us : (uint64_t)us;
    uint64_t fraction = magnitude % 1000000;
    unsigned digits = 6;

    if (us < 0)
        buf_put_u8(out, '-');
    buf_put_uint(out, magnitude / 1000000);
    if (fraction == 0)
        return;
    while (fraction % 10 == 0) {
        fraction /= 10;
        digits--;
    }
    buf_printf(out, ".%0*" PRIu64, (int)digits, fraction);
}

static void put_number(struct buf *out, const struct metric_spec *spec, int64_t value)
{
    if (spec->unit == METRIC_UNIT_SECONDS)
        put_seconds(out, value);
    else
        buf_put_int(out, value);
    buf_put_u8(out, '\n');
}

static void put_label_value(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            buf_puts(out, "\\n");
            continue;
        }
        if (*text == '"' || *text == '\\')
            buf_put_u8(out, '\\');
        buf_put_u8(out, (uint8_t)*text);
    }
}

static void put_member(struct buf *out, const struct metric_spec *spec, const char *label,
                       int64_t value)
{
    buf_printf(out, "%s{%s=\"", spec->name, spec->label);
    put_label_value(out, label);
    buf_puts(out, "\"} ");
    put_number(out, spec, value);
}

static void put_family(struct buf *out, const struct metric_spec *spec,
                       const struct metric_family *f)
{
    for (uint32_t i = 0; i < f->count; i++)
        put_member(out, spec, f->names[i], f->values[i]);
    if (f->values[METRICS_LABELS_MAX] != 0)
        put_member(out, spec, "other", f->values[METRICS_LABELS_MAX]);
}

static void put_histogram(struct buf *out, const struct metric_spec *spec,
                          const struct metric_histogram *h)
{
    uint64_t below = 0;

    for (size_t i = 0; i < METRICS_BUCKETS - 1; i++) {
        below += h->buckets[i];
        buf_printf(out, "%s_bucket{le=\"", spec->name);
        put_seconds(out, metrics_bucket_us[i]);
        buf_printf(out, "\"} %" PRIu64 "\n", below);
    }
    buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum ", spec->name, h->count,
               spec->name);
    put_number(out, spec, h->sum_us);
    buf_printf(out, "%s_count %" PRIu64 "\n", spec->name, h->count);
}

int metrics_render(const struct metrics *m, struct buf *out)
{
    for (int id = 0; id < METRIC_COUNT; id++) {
        const struct metric_spec *spec = &metric_specs[id];

        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", spec->name, spec->help, spec->name,
                   kind_names[spec->kind]);
        if (m->histograms[id] != NULL) {
            put_histogram(out, spec, m->histograms[id]);
        } else if (m->families[id] != NULL) {
            put_family(out, spec, m->families[id]);
        } else {
            buf_printf(out, "%s ", spec->name);
            put_number(out, spec, m->values[id]);
        }
    }
    return buf_error(out);
}
