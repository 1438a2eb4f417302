/* SPDX-License-Identifier: MIT */
#include "gateway/session/rate.h"

#include "common/compiler.h"

bool rate_take(struct rate *r, uint32_t per_second, uint32_t burst, uint32_t now_s)
{
    uint32_t passed = now_s - r->at_s;
    if (r->at_s == 0 || passed >= burst / per_second + 1) {
        r->tokens = burst;
    } else if (passed > 0) {
        r->tokens = MIN(burst, r->tokens + passed * per_second);
    }
    r->at_s = now_s;
    if (r->tokens == 0) {
        return false;
    }
    r->tokens--;
    return true;
}
