/* SPDX-License-Identifier: MIT */
#pragma once
/* backoff: exponential delays with full jitter. Pure: the randomness is an argument.
 */
#include <stdint.h>

struct backoff {
    uint32_t min_ms; /* the first delay lies in [min_ms / 2, min_ms] */
    uint32_t max_ms;
    uint32_t attempt; /* failures in a row */
};

/* The next delay in ms: half of min(max, min * 2^attempt), plus a random part of the other half. */
uint32_t backoff_next(struct backoff *b, uint64_t random);
void backoff_reset(struct backoff *b);
