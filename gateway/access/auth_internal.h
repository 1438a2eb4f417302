/* SPDX-License-Identifier: MIT */
#pragma once
/* auth_internal: what auth.c asks of its two sources, and the bounds that tests shorten.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "gateway/access/auth.h"

struct auth_source;

/* The answer is valid during the call. */
typedef void (*auth_source_fn)(const struct auth_answer *answer, void *arg);

struct auth_source_ops {
    /* Answers inside ask() and costs nobody anything: no turns, no cache, no counting. */
    bool is_local;
    /* Calls fn exactly once, perhaps before it returns; never after a cancel. The question stays
     * until then. Returns what cancel takes, or NULL when fn was called already. */
    void *(*ask)(struct auth_source *s, const struct auth_question *q, auth_source_fn fn,
                 void *arg);
    void (*cancel)(struct auth_source *s, void *call);
    void (*free)(struct auth_source *s); /* no call is under way; accepts NULL */
};

/* The first member of each source. */
struct auth_source {
    const struct auth_source_ops *ops; /* static */
};

struct auth_limits {
    uint32_t call_ms;     /* for one call to the frontend, from sending */
    uint64_t wait_ms;     /* for a turn */
    size_t waiting;       /* questions that may wait for a turn, */
    size_t waiting_bytes; /* and their bytes */
    size_t cache_entries;
};
extern const struct auth_limits auth_limits_default; /* those of proto/limits.h */

/* auth_create() with other bounds. */
MUST_CHECK int auth_create_limited(struct loop *l, const struct settings *s,
                                   struct auth_metrics *metrics, const struct auth_limits *limits,
                                   struct auth **out_auth, const char **out_why);
