/* SPDX-License-Identifier: MIT */
#pragma once
/* origin_log: tells the operator which pages are refused for their origin, because their browsers
 * tell their users nothing. At most ORIGIN_LOG_LINES warnings a minute whatever the number of
 * clients; when the minute is over, one more with the count of the rest.
 */
#include <stdint.h>

#include "common/str.h"
#include "common/wheel.h"

enum { ORIGIN_LOG_LINES = 10, ORIGIN_LOG_MINUTE_S = 60 };

struct origin_log {
    struct wheel *wheel;      /* borrowed, outlives us */
    struct wheel_node minute; /* set while one is running */
    unsigned lines;           /* written in it … */
    uint64_t rest;            /* … and not written */
};

void origin_log_init(struct origin_log *l, struct wheel *wheel);
void origin_log_release(struct origin_log *l);
/* A page of this origin may not use us. The texts are the peer's; `origin` may be empty. */
void origin_log_refused(struct origin_log *l, struct str origin, struct str host, struct str peer);
