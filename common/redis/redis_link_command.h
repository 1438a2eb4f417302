/* SPDX-License-Identifier: MIT */
#pragma once
/* redis_link_command: what the other parts of redis_link need beyond the public functions.
 */
#include "common/redis/redis_link.h"

/* As redis_link_command(), but in any state with an open connection. */
MUST_CHECK bool redis_link_send(struct redis_link *r, const struct redis_asker *who, int argc,
                                const struct str *argv);
/* SCRIPT LOAD. */
MUST_CHECK bool redis_link_load_script(struct redis_link *r, const struct redis_script *s,
                                       const struct redis_asker *who);
/* When the oldest unanswered command was sent; false when all are answered. */
bool redis_link_oldest_unanswered(const struct redis_link *r, uint64_t *out_ms);
