/* SPDX-License-Identifier: MIT */
#include "gateway/session/pace.h"

#include "common/compiler.h"
#include "proto/limits.h"

static uint32_t used_at(const struct pace *p, uint32_t now_s)
{
    uint64_t earned = (uint64_t)(now_s - p->at_s) * LIMIT_REPLAY_BYTES_PER_SECOND;
    return earned < p->used ? p->used - (uint32_t)earned : 0;
}

void pace_spend(struct pace *p, size_t bytes, uint32_t now_s)
{
    uint32_t used = used_at(p, now_s);
    p->used = used + (uint32_t)MIN(bytes, (size_t)UINT32_MAX - used);
    p->at_s = now_s;
}

bool pace_is_spent(const struct pace *p, uint32_t now_s)
{
    return used_at(p, now_s) >= LIMIT_REPLAY_BURST_BYTES;
}

bool pace_is_by_the_second(const struct pace *p, uint32_t now_s)
{
    return used_at(p, now_s) >= LIMIT_REPLAY_BURST_BYTES - LIMIT_REPLAY_BYTES_PER_SECOND;
}
