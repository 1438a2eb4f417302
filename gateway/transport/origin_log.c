/* SPDX-License-Identifier: MIT */
#include "gateway/transport/origin_log.h"

#include "common/log.h"

static void on_minute_over(void *arg)
{
    struct origin_log *l = arg;
    if (l->rest > 0) {
        log_warn("more origins refused", LF_U64("count", l->rest));
    }
    l->lines = 0;
    l->rest = 0;
}

void origin_log_init(struct origin_log *l, struct wheel *wheel)
{
    *l = (struct origin_log){.wheel = wheel};
    wheel_node_init(&l->minute, on_minute_over, l);
}

void origin_log_release(struct origin_log *l)
{
    wheel_cancel(&l->minute);
}

void origin_log_refused(struct origin_log *l, struct str origin, struct str host, struct str peer)
{
    if (l->lines == ORIGIN_LOG_LINES) {
        l->rest++;
        return;
    }
    if (l->lines++ == 0) {
        wheel_set(l->wheel, &l->minute, ORIGIN_LOG_MINUTE_S);
    }
    log_warn("origin refused", LF_S("origin", origin), LF_S("host", host), LF_S("peer", peer));
}
