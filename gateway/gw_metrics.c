/* SPDX-License-Identifier: MIT */
/* gw_metrics: the table made of the list, and the older names that dashboards of today ask for. */
#include "gateway/gw_metrics.h"

#include <inttypes.h>

#include <stddef.h>

static const struct metric_desc rows[] = {
#define X_ROW(kind, field, name, labels, help)                                                     \
    {METRIC_##kind, name, labels, help, offsetof(struct gw_metrics, field)},
    GW_METRICS(X_ROW)
#undef X_ROW
};

/* A Prometheus summary without quantiles: what the original broadcaster exported. */
static void render_summary(struct buf *out, const char *name, const char *help,
                           const struct histogram *h)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s summary\n", name, help, name);
    buf_addf(out, "%s_sum %.9g\n%s_count %llu\n", name, h->sum, name, (unsigned long long)h->count);
}

/* The names of the original, each read off the number of ours that means the same. */
static void render_older_names(const struct gw_metrics *m, struct buf *out)
{
    metrics_render_one(out, METRIC_GAUGE, "broadcaster_websockets_count", "",
                       "Open WebSocket connections",
                       (double)(m->conns_websocket + m->conns_websocket_legacy));
    metrics_render_one(out, METRIC_GAUGE, "broadcaster_sse_count", "",
                       "Open Server-Sent Events connections",
                       (double)(m->conns_sse + m->conns_sse_legacy));
    metrics_render_one(out, METRIC_COUNTER, "broadcaster_messages_total", "",
                       "Events taken for distribution", (double)m->events_received);
    metrics_render_one(out, METRIC_COUNTER, "broadcaster_channel_drop_total", "",
                       "Clients dropped because they were too slow", (double)m->closed_slow);
    render_summary(out, "broadcaster_dispatch_latency_seconds",
                   "From the publisher's acceptance to the write to clients", &m->publish_to_write);
    metrics_render_one(out, METRIC_GAUGE, "build_info", "version=\"" BROADCASTER_VERSION "\"",
                       "The program's version", 1);
}

void gw_metrics_render(const struct gw_metrics *m, struct buf *out)
{
    metrics_render(out, rows, ARRAY_LEN(rows), m);
    tls_expiry_render(&m->certificates, out);
    render_older_names(m, out);
}

static void json_counter(struct buf *out, uint64_t v)
{
    buf_add_u64(out, v);
}

static void json_gauge(struct buf *out, int64_t v)
{
    buf_add_i64(out, v);
}

static void json_histogram(struct buf *out, struct histogram h)
{
    buf_addf(out, "{\"count\":%llu,\"sum\":%.9g}", (unsigned long long)h.count, h.sum);
}

void gw_metrics_render_json(const struct gw_metrics *m, uint64_t instance, int64_t wall_ms,
                            struct buf *out)
{
    buf_addf(out, "{\"time\":%.3f,\"version\":\"" BROADCASTER_VERSION "\"", (double)wall_ms / 1000);
    buf_addf(out, ",\"instance\":\"%016" PRIx64 "\"", instance);
#define X_JSON_COUNTER json_counter
#define X_JSON_GAUGE json_gauge
#define X_JSON_HISTOGRAM json_histogram
#define X_JSON(kind, field, name, labels, help)                                                    \
    buf_add(out, STR(",\"" #field "\":"));                                                         \
    X_JSON_##kind(out, m->field);
    GW_METRICS(X_JSON)
#undef X_JSON
#undef X_JSON_COUNTER
#undef X_JSON_GAUGE
#undef X_JSON_HISTOGRAM
    buf_add(out, STR("}\n"));
}
