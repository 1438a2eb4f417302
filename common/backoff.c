/* SPDX-License-Identifier: MIT */
/* backoff: exponential delays with jitter. */
#include "common/backoff.h"

#include "common/compiler.h"

uint32_t backoff_next(struct backoff *b, uint64_t random)
{
    uint64_t ceiling = (uint64_t)b->min_ms << MIN(b->attempt, 32U);
    if (ceiling > b->max_ms) {
        ceiling = b->max_ms;
    }
    if (b->attempt < UINT32_MAX) {
        b->attempt++;
    }
    uint64_t half = ceiling / 2;
    return (uint32_t)(half + random % (ceiling - half + 1));
}

void backoff_reset(struct backoff *b)
{
    b->attempt = 0;
}
