/* SPDX-License-Identifier: MIT */
#include "common/redis/redis_call.h"

void redis_call_begin(struct redis_call *c, const struct redis_asker *who)
{
    c->asker = *who;
    if (who->call) {
        *who->call = c;
    }
}

void redis_call_end(struct redis_call *c, const struct redis_reply *r)
{
    struct redis_asker asker = c->asker;
    c->asker = (struct redis_asker){0};
    if (asker.call) {
        *asker.call = NULL;
    }
    if (asker.fn) {
        asker.fn(r, asker.arg);
    }
}

void redis_call_cancel(struct redis_call **call)
{
    if (*call) {
        (*call)->asker = (struct redis_asker){0};
        *call = NULL;
    }
}
