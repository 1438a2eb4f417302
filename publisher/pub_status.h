/* SPDX-License-Identifier: MIT */
#pragma once
/* pub_status: the answers to /health, /ready and /metrics, for the publisher's own port and for the
 * plain one. The functions are those of struct admin_route; arg is a struct pub_status.
 */
#include <stdbool.h>

#include "common/http/admin_http.h"

struct bus_writers;
struct pub_metrics;

struct pub_status {
    struct pub_metrics *metrics;       /* borrowed */
    const struct bus_writers *writers; /* borrowed */
    bool leaving;
};
void pub_status_health(struct admin_answer *a, void *arg);
void pub_status_ready(struct admin_answer *a, void *arg);
void pub_status_metrics(struct admin_answer *a, void *arg);
