/* SPDX-License-Identifier: MIT */
#pragma once
/* log_limit: lets one line through per interval and counts the others, for faults that come with
 * every request.
 */
#include <stdbool.h>
#include <stdint.h>

struct log_limit {
    uint64_t next_ms;  /* zero at first */
    uint64_t silenced; /* lines left out since the last one */
};

/* True: write the line, with *out_silenced in it. */
static inline bool log_limit_pass(struct log_limit *l, uint64_t now_ms, uint64_t interval_ms,
                                  uint64_t *out_silenced)
{
    if (now_ms < l->next_ms) {
        l->silenced++;
        return false;
    }
    *out_silenced = l->silenced;
    l->silenced = 0;
    l->next_ms = now_ms + interval_ms;
    return true;
}
