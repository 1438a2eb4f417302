/* SPDX-License-Identifier: MIT */
#include "common/service/parts.h"

#include <assert.h>

bool parts_prepare(const struct service_part *parts, size_t n, const struct service_plan *plan,
                   struct parts_attempt *attempt, struct buf *out_problems)
{
    bool ok = true;
    assert(n <= PARTS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (parts[i].prepare && !parts[i].prepare(plan, &attempt->prepared[i], out_problems)) {
            attempt->prepared[i] = NULL;
            ok = false;
        }
    }
    attempt->n = n;
    return ok;
}

void parts_commit(const struct service_part *parts, struct parts_attempt *attempt, void *app,
                  const struct settings *next)
{
    for (size_t i = 0; i < attempt->n; i++) {
        parts[i].commit(app, next, attempt->prepared[i]);
    }
    *attempt = (struct parts_attempt){0};
}

void parts_discard(const struct service_part *parts, struct parts_attempt *attempt)
{
    for (size_t i = 0; i < attempt->n; i++) {
        if (attempt->prepared[i] && parts[i].discard) {
            parts[i].discard(attempt->prepared[i]);
        }
    }
    *attempt = (struct parts_attempt){0};
}
