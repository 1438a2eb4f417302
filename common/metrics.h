/* SPDX-License-Identifier: MIT */
#pragma once
/* metrics: numbers in a plain struct of their owner, described by a table, printed as Prometheus
 * text. The owner keeps one X-macro list, so that the struct, the table and the export cannot drift:
 *
 *     #define GW_METRICS(X) X(COUNTER, accepted, "broadcaster_handshakes_total", "result=\"ok\"", "…")
 */
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "common/metrics_process.h" /* metrics_render_process() */

#define HISTOGRAM_BUCKETS 14
/* Seconds; upper bounds 50 µs … 10 s (see metrics.c). */
struct histogram {
    uint64_t count;
    double sum;
    uint64_t bucket[HISTOGRAM_BUCKETS + 1]; /* not cumulative; the last is +Inf */
};
void histogram_observe(struct histogram *h, double seconds);

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
struct metric_desc {
    enum metric_kind kind;
    const char *name;   /* rows of one name stand together */
    const char *labels; /* `result="ok"`, or "" */
    const char *help;
    size_t offset; /* of an int64_t/uint64_t (counter, gauge) or struct histogram */
};
/* Appends all rows; base is the struct that the offsets are in. */
void metrics_render(struct buf *out, const struct metric_desc *rows, size_t n, const void *base);
/* Appends one gauge or counter that is not in a table. */
void metrics_render_one(struct buf *out, enum metric_kind kind, const char *name,
                        const char *labels, const char *help, double value);
