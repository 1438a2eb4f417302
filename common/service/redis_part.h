/* SPDX-License-Identifier: MIT */
#pragma once
/* redis_part: what opens Redis, as a part that takes new settings (parts.h). What was prepared is a
 * struct redis_access.
 */
#include "common/compiler.h"
#include "common/service/parts.h"

MUST_CHECK bool redis_part_prepare(const struct service_plan *plan, void **out_prepared,
                                   struct buf *out_problems);
void redis_part_discard(void *prepared);
