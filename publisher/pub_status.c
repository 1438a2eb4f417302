/* SPDX-License-Identifier: MIT */
/* pub_status: what machines ask. */
#include "publisher/pub_status.h"

#include "publisher/bus_writers.h"
#include "publisher/pub_metrics.h"

#define JSON_TYPE "application/json"

void pub_status_health(struct admin_answer *a, void *arg UNUSED)
{
    a->content_type = JSON_TYPE;
    buf_add(&a->body, STR("{\"status\":\"ok\"}\n"));
}

void pub_status_ready(struct admin_answer *a, void *arg)
{
    const struct pub_status *s = arg;
    a->content_type = JSON_TYPE;
    if (s->leaving) {
        a->status = 503;
        buf_add(&a->body, STR("{\"status\":\"stopping\"}\n"));
    } else if (!bus_writers_are_ready(s->writers)) {
        a->status = 503;
        buf_add(&a->body, STR("{\"status\":\"no redis\"}\n"));
    } else {
        buf_add(&a->body, STR("{\"status\":\"ok\"}\n"));
    }
}

void pub_status_metrics(struct admin_answer *a, void *arg)
{
    const struct pub_status *s = arg;
    a->content_type = "text/plain; version=0.0.4; charset=utf-8";
    bus_writers_measure(s->writers);
    pub_metrics_render(s->metrics, &a->body);
}
