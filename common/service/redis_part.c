/* SPDX-License-Identifier: MIT */
#include "common/service/redis_part.h"

#include "common/buf.h"
#include "common/redis/redis_access.h"

bool redis_part_prepare(const struct service_plan *plan, void **out_prepared,
                        struct buf *out_problems)
{
    const char *reason;
    *out_prepared = redis_access_create(plan->settings, &reason);
    if (!*out_prepared) {
        buf_addf(out_problems, "%s\n", reason);
    }
    return *out_prepared != NULL;
}

void redis_part_discard(void *prepared)
{
    (void)redis_access_free(prepared);
}
