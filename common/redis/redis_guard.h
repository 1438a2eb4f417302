/* SPDX-License-Identifier: MIT */
#pragma once
/* redis_guard: stands between a connection's bytes and hiredis's pub/sub code, which trusts what is
 * pushed: it reads elements that a short push does not have, follows NULL when a name is confirmed
 * that nobody subscribed, and frees nested replies by recursion. A private part of redis_conn.
 */
#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "common/compiler.h"
#include "common/str.h"
#include "common/strmap.h"

struct redis_guard {
    redisReplyObjectFunctions ours;
    redisReplyObjectFunctions *plain; /* hiredis's own; NULL before attachment */
    struct strmap awaited;            /* owned values: names of SUBSCRIBEs that are not confirmed */
    bool refused; /* the reply that ended the connection, which hiredis calls OOM */
};

/* A zeroed guard, or one that was detached; it stays where it is until then. */
void redis_guard_attach(struct redis_guard *g, redisReader *reader);
void redis_guard_detach(const struct redis_guard *g, redisReader *reader);
/* A SUBSCRIBE of this name is about to be sent. False: out of memory. */
MUST_CHECK bool redis_guard_await(struct redis_guard *g, struct str name);
void redis_guard_release(struct redis_guard *g);
