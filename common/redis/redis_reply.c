/* SPDX-License-Identifier: MIT */
#include "common/redis/redis_reply.h"

#include "common/redis/redis_reply_hiredis.h"

static enum redis_reply_type type_of(int hiredis_type)
{
    switch (hiredis_type) {
    case REDIS_REPLY_NIL: return REPLY_NIL;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_VERB:
    case REDIS_REPLY_STATUS: return REPLY_TEXT;
    case REDIS_REPLY_ERROR: return REPLY_ERROR;
    case REDIS_REPLY_INTEGER:
    case REDIS_REPLY_BOOL: return REPLY_INTEGER;
    case REDIS_REPLY_ARRAY:
    case REDIS_REPLY_PUSH:
    case REDIS_REPLY_SET: return REPLY_LIST;
    case REDIS_REPLY_MAP: return REPLY_MAP;
    default: return REPLY_OTHER;
    }
}

struct redis_reply redis_reply_of(const redisReply *r)
{
    return (struct redis_reply){
        .type = type_of(r->type),
        .text = {r->str, r->str ? r->len : 0},
        .integer = r->integer,
        .n = r->element ? r->elements : 0,
        .elements = r->element,
    };
}

struct redis_reply redis_reply_at(const struct redis_reply *r, size_t i)
{
    redisReply *const *elements = r->elements;
    return i < r->n ? redis_reply_of(elements[i]) : (struct redis_reply){.type = REPLY_NIL};
}

struct str redis_reply_text(const struct redis_reply *r)
{
    return r && r->type == REPLY_TEXT ? r->text : STR_NONE;
}

struct str redis_reply_text_at(const struct redis_reply *r, size_t i)
{
    const struct redis_reply element = redis_reply_at(r, i);
    return redis_reply_text(&element);
}

struct str redis_reply_field(const struct redis_reply *r, struct str name)
{
    for (size_t i = 0; i + 1 < r->n; i += 2) {
        if (str_eq(redis_reply_text_at(r, i), name)) {
            return redis_reply_text_at(r, i + 1);
        }
    }
    return STR_NONE;
}
