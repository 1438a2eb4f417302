/* SPDX-License-Identifier: MIT */
/* pub_metrics: the export of the list. */
#include "publisher/pub_metrics.h"

#define ROW(row_kind, field, row_name, row_labels, row_help)                                       \
    {.kind = METRIC_##row_kind,                                                                    \
     .name = (row_name),                                                                           \
     .labels = (row_labels),                                                                       \
     .help = (row_help),                                                                           \
     .offset = offsetof(struct pub_metrics, field)},
static const struct metric_desc rows[] = {PUB_METRICS(ROW)};
#undef ROW

static uint64_t *status_counter(struct pub_metrics *m, int status)
{
    switch (status) {
    case 200: return &m->status_200;
    case 400: return &m->status_400;
    case 401: return &m->status_401;
    case 403: return &m->status_403;
    case 404: return &m->status_404;
    case 405: return &m->status_405;
    case 409: return &m->status_409;
    case 413: return &m->status_413;
    case 422: return &m->status_422;
    case 503: return &m->status_503;
    default: return &m->status_other;
    }
}

void pub_metrics_count_status(struct pub_metrics *m, int status)
{
    (*status_counter(m, status))++;
}

void pub_metrics_render(const struct pub_metrics *m, struct buf *out)
{
    metrics_render(out, rows, ARRAY_LEN(rows), m);
    tls_expiry_render(&m->certificates, out);
}
