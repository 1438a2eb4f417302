/* SPDX-License-Identifier: MIT */
/* metrics: Prometheus text format 0.0.4. */
#include "common/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fine where a push should be (below 20 ms, the longest step that the loop may take), coarse where
 * something is wrong already. */
static const double bounds[HISTOGRAM_BUCKETS] = {50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3,
                                                 10e-3, 20e-3,  100e-3, 250e-3, 1,    2.5,    10};

void histogram_observe(struct histogram *h, double seconds)
{
    size_t i = 0;
    while (i < HISTOGRAM_BUCKETS && seconds > bounds[i]) {
        i++;
    }
    h->bucket[i]++;
    h->count++;
    h->sum += seconds;
}

/* The shortest decimal that reads back as the same number. */
static void add_number(struct buf *out, double v)
{
    char text[32];
    for (int digits = 6; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v) {
            break;
        }
    }
    buf_add(out, str_of(text));
}

static const char *kind_name(enum metric_kind kind)
{
    switch (kind) {
    case METRIC_COUNTER: return "counter";
    case METRIC_GAUGE: return "gauge";
    case METRIC_HISTOGRAM: return "histogram";
    }
    return "untyped";
}

static void add_head(struct buf *out, enum metric_kind kind, const char *name, const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind_name(kind));
}

/* Appends `name{labels} `. */
static void add_series(struct buf *out, const char *name, const char *labels)
{
    buf_add(out, str_of(name));
    if (labels[0]) {
        buf_addf(out, "{%s}", labels);
    }
    buf_addc(out, ' ');
}

static void add_bucket(struct buf *out, const struct metric_desc *row, const double *bound,
                       uint64_t cumulative)
{
    buf_addf(out, "%s_bucket{%s%sle=\"", row->name, row->labels, row->labels[0] ? "," : "");
    if (bound) {
        add_number(out, *bound);
    } else {
        buf_add(out, STR("+Inf"));
    }
    buf_add(out, STR("\"} "));
    buf_add_u64(out, cumulative);
    buf_addc(out, '\n');
}

static void add_histogram(struct buf *out, const struct metric_desc *row, const struct histogram *h)
{
    uint64_t cumulative = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        cumulative += h->bucket[i];
        add_bucket(out, row, &bounds[i], cumulative);
    }
    add_bucket(out, row, NULL, h->count);
    const char *open = row->labels[0] ? "{" : "";
    const char *close = row->labels[0] ? "}" : "";
    buf_addf(out, "%s_sum%s%s%s ", row->name, open, row->labels, close);
    add_number(out, h->sum);
    buf_addf(out, "\n%s_count%s%s%s ", row->name, open, row->labels, close);
    buf_add_u64(out, h->count);
    buf_addc(out, '\n');
}

static void add_row(struct buf *out, const struct metric_desc *row, const void *field)
{
    if (row->kind == METRIC_HISTOGRAM) {
        add_histogram(out, row, field);
        return;
    }
    add_series(out, row->name, row->labels);
    if (row->kind == METRIC_COUNTER) {
        uint64_t v;
        memcpy(&v, field, sizeof(v));
        buf_add_u64(out, v);
    } else {
        int64_t v;
        memcpy(&v, field, sizeof(v));
        buf_add_i64(out, v);
    }
    buf_addc(out, '\n');
}

void metrics_render(struct buf *out, const struct metric_desc *rows, size_t n, const void *base)
{
    for (size_t i = 0; i < n; i++) {
        const struct metric_desc *row = &rows[i];
        if (i == 0 || strcmp(row->name, rows[i - 1].name) != 0) {
            add_head(out, row->kind, row->name, row->help);
        }
        add_row(out, row, (const char *)base + row->offset);
    }
}

void metrics_render_one(struct buf *out, enum metric_kind kind, const char *name,
                        const char *labels, const char *help, double value)
{
    add_head(out, kind, name, help);
    add_series(out, name, labels);
    add_number(out, value);
    buf_addc(out, '\n');
}
