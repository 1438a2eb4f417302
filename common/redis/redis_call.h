/* SPDX-License-Identifier: MIT */
#pragma once
/* redis_call: a question to Redis that somebody waits for, and may stop waiting for.
 *
 * Whoever asks passes a redis_asker. When it names a place for a handle, that is set while the
 * answer is awaited, and NULL again before the callback runs; so `if (x->call)` reads "an answer
 * is on its way", and an owner that goes away cancels.
 */
#include "common/redis/redis_reply.h"

struct redis_call;

/* Once, from the loop, never inside the call that asked. r is valid during the callback; NULL: the
 * link was lost before the answer, and whether Redis executed the command is unknown. */
typedef void (*redis_reply_fn)(const struct redis_reply *r, void *arg);

struct redis_asker {
    redis_reply_fn fn; /* NULL: nobody wants the answer */
    void *arg;
    struct redis_call *
        *call; /* NULL: the asker outlives every answer. It stays where it is until the
                                 answer or redis_call_cancel() */
};

/* The callback does not run; what was sent is executed all the same. Anywhere; harmless when *call
 * is NULL, which it is afterwards. */
void redis_call_cancel(struct redis_call **call);

/* ---- for what answers: the links, and fakes of them ---- */

struct redis_call {
    struct redis_asker asker;
};
void redis_call_begin(struct redis_call *c, const struct redis_asker *who);
/* Runs the callback, unless it was cancelled. */
void redis_call_end(struct redis_call *c, const struct redis_reply *r);
