/* SPDX-License-Identifier: MIT */
/* redis_guard: hiredis makes each value of a reply through a table of functions, in the order of
 * the wire. Ours look at the value's place first; a NULL ends the connection.
 */
#include "common/redis/redis_guard.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    DEPTH_MAX = 8, /* of nested arrays; four are in use */
    PUSH_ELEMENTS_MIN = 3,
};

struct awaited {
    size_t count; /* confirmations to come */
    size_t len;
    char name[];
};

bool redis_guard_await(struct redis_guard *g, struct str name)
{
    struct awaited *a = strmap_get(&g->awaited, name);
    if (a) {
        a->count++;
        return true;
    }
    a = malloc(sizeof(*a) + name.n);
    if (!a) {
        return false;
    }
    *a = (struct awaited){.count = 1, .len = name.n};
    memcpy(a->name, name.n ? name.p : "", name.n);
    if (!strmap_add(&g->awaited, (struct str){a->name, a->len}, a)) {
        free(a);
        return false;
    }
    return true;
}

static bool take_awaited(struct redis_guard *g, struct str name)
{
    struct awaited *a = name.p ? strmap_get(&g->awaited, name) : NULL;
    if (a && --a->count == 0) {
        (void)strmap_remove(&g->awaited, name);
        free(a);
        return true;
    }
    return a != NULL;
}

/* The reply's first word when `t` is its second element; else NULL. */
static const char *kind_before(const redisReadTask *t)
{
    const redisReadTask *root = t->parent;
    if (!root || root->parent || t->idx != 1 ||
        (root->type != REDIS_REPLY_PUSH && root->type != REDIS_REPLY_ARRAY)) {
        return NULL;
    }
    const redisReply *first = ((const redisReply *)root->obj)->element[0];
    return first->type == REDIS_REPLY_STRING ? first->str : NULL;
}

/* text: the value when it is a string, else STR_NONE. */
static bool is_expected(const redisReadTask *t, struct str text)
{
    struct redis_guard *g = t->privdata;
    const char *kind = kind_before(t);
    bool ok = !kind || (strcasecmp(kind, "subscribe") == 0 ? take_awaited(g, text)
                                                           : strcasecmp(kind, "psubscribe") != 0);
    g->refused = g->refused || !ok;
    return ok;
}

static bool is_of_sound_shape(const redisReadTask *t, size_t elements)
{
    struct redis_guard *g = t->privdata;
    size_t depth = 0;
    for (const redisReadTask *up = t->parent; up && depth <= DEPTH_MAX; up = up->parent) {
        depth++;
    }
    if (depth > DEPTH_MAX || (t->type == REDIS_REPLY_PUSH && elements < PUSH_ELEMENTS_MIN)) {
        g->refused = true;
    }
    return !g->refused;
}

static const redisReplyObjectFunctions *plain(const redisReadTask *t)
{
    return ((const struct redis_guard *)t->privdata)->plain;
}

static void *create_string(const redisReadTask *t, char *p, size_t n)
{
    /* Errors, status lines, big numbers come here too, and are no names. */
    struct str text = t->type == REDIS_REPLY_STRING ? (struct str){p, n} : STR_NONE;
    return is_expected(t, text) ? plain(t)->createString(t, p, n) : NULL;
}

static void *create_array(const redisReadTask *t, size_t elements)
{
    bool ok = is_of_sound_shape(t, elements) && is_expected(t, STR_NONE);
    return ok ? plain(t)->createArray(t, elements) : NULL;
}

static void *create_integer(const redisReadTask *t, long long value)
{
    return is_expected(t, STR_NONE) ? plain(t)->createInteger(t, value) : NULL;
}

static void *create_double(const redisReadTask *t, double value, char *p, size_t n)
{
    return is_expected(t, STR_NONE) ? plain(t)->createDouble(t, value, p, n) : NULL;
}

static void *create_nil(const redisReadTask *t)
{
    return is_expected(t, STR_NONE) ? plain(t)->createNil(t) : NULL;
}

static void *create_bool(const redisReadTask *t, int value)
{
    return is_expected(t, STR_NONE) ? plain(t)->createBool(t, value) : NULL;
}

void redis_guard_attach(struct redis_guard *g, redisReader *reader)
{
    g->plain = reader->fn;
    g->ours = (redisReplyObjectFunctions){
        .createString = create_string,
        .createArray = create_array,
        .createInteger = create_integer,
        .createDouble = create_double,
        .createNil = create_nil,
        .createBool = create_bool,
        .freeObject = g->plain->freeObject,
    };
    reader->fn = &g->ours;
    reader->privdata = g;
}

void redis_guard_detach(const struct redis_guard *g, redisReader *reader)
{
    reader->fn = g->plain;
}

void redis_guard_release(struct redis_guard *g)
{
    struct strmap_iter it = {0};
    void *a;
    while ((a = strmap_next(&g->awaited, &it)) != NULL) {
        strmap_iter_remove(&g->awaited, &it);
        free(a);
    }
    strmap_release(&g->awaited);
}
