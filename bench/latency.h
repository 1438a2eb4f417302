/* SPDX-License-Identifier: MIT */
#pragma once
/* latency: a histogram of microseconds, exact to 1.6 %, without limits that matter. Pure.
 */
#include <stdint.h>

#include "common/buf.h"

/* 64 steps per octave over 32 octaves. */
#define LATENCY_STEPS 64
#define LATENCY_BUCKETS (LATENCY_STEPS * 32)
struct latency {
    uint64_t count, sum_us, max_us;
    uint64_t bucket[LATENCY_BUCKETS];
};
void latency_add(struct latency *l, uint64_t us);
/* The value that `share` (0 … 1) of all do not exceed; 0 when there is none. */
uint64_t latency_quantile(const struct latency *l, double share);
/* {"count":…,"mean":…,"p50":…,"p90":…,"p99":…,"max":…} in microseconds. */
void latency_json(const struct latency *l, struct buf *out);
