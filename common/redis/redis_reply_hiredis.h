/* SPDX-License-Identifier: MIT */
#pragma once
/* redis_reply_hiredis: from the library's value to ours. For what lies below redis_link, and for
 * fakes.
 */
#include <hiredis/hiredis.h>

#include "common/redis/redis_reply.h"

/* A view of r, which is not NULL and outlives it. */
struct redis_reply redis_reply_of(const redisReply *r);
