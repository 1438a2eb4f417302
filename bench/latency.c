/* SPDX-License-Identifier: MIT */
/* Values below LATENCY_STEPS have a bucket each; above, an octave is split into LATENCY_STEPS.
 */
#include "bench/latency.h"

#include "common/compiler.h"

#define STEP_BITS 6
_Static_assert(1 << STEP_BITS == LATENCY_STEPS, "an octave has LATENCY_STEPS steps");

static size_t bucket_of(uint64_t us)
{
    if (us < LATENCY_STEPS) {
        return (size_t)us;
    }
    unsigned octave = 63u - (unsigned)__builtin_clzll(us) - STEP_BITS;
    size_t at = (size_t)(octave + 1) * LATENCY_STEPS + (size_t)(us >> octave) - LATENCY_STEPS;
    return MIN(at, (size_t)LATENCY_BUCKETS - 1);
}

/* The largest value of a bucket. */
static uint64_t bucket_top(size_t at)
{
    if (at < LATENCY_STEPS) {
        return at;
    }
    uint64_t octave = at / LATENCY_STEPS - 1;
    return ((at % LATENCY_STEPS + LATENCY_STEPS + 1) << octave) - 1;
}

void latency_add(struct latency *l, uint64_t us)
{
    l->count++;
    l->sum_us += us;
    l->max_us = MAX(l->max_us, us);
    l->bucket[bucket_of(us)]++;
}

uint64_t latency_quantile(const struct latency *l, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)l->count + 0.5);
    uint64_t seen = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS && l->count > 0; i++) {
        seen += l->bucket[i];
        if (seen >= MAX(wanted, 1u)) {
            return MIN(bucket_top(i), l->max_us);
        }
    }
    return l->max_us;
}

void latency_json(const struct latency *l, struct buf *out)
{
    double mean = l->count > 0 ? (double)l->sum_us / (double)l->count : 0;
    buf_addf(out, "{\"count\":%llu,\"mean\":%.1f", (unsigned long long)l->count, mean);
    buf_addf(out, ",\"p50\":%llu,\"p90\":%llu,\"p99\":%llu,\"max\":%llu}",
             (unsigned long long)latency_quantile(l, 0.5),
             (unsigned long long)latency_quantile(l, 0.9),
             (unsigned long long)latency_quantile(l, 0.99), (unsigned long long)l->max_us);
}
