/* SPDX-License-Identifier: MIT */
/* auth_cache: a map of entries that also stand in one list, the most recently used at its front.
 * An entry's lifetime is short and fixed, so the unused ones at the back are the old ones.
 */
#include "gateway/access/auth_cache.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "common/list.h"
#include "common/strmap.h"
#include "gateway/access/auth_answer.h"

enum { NEGATIVE_MS = 1000 };

struct entry {
    struct list node; /* in recent */
    struct auth_key key;
    uint64_t asked_ms;
    uint64_t ends_ms;           /* serves before this */
    struct held_answer *answer; /* ref */
};

struct auth_cache {
    struct strmap by_key; /* of struct entry, owned */
    struct list recent;   /* of the same */
    size_t max_entries;
    uint64_t positive_ms;
};

/* The length stands before the token, so that no other token and filters give the same bytes. */
static bool digest(EVP_MD_CTX *ctx, const struct auth_question *q, struct auth_key *out)
{
    const uint64_t head[2] = {(uint64_t)q->kind, q->credential.token.n};
    return EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
           EVP_DigestUpdate(ctx, head, sizeof(head)) &&
           EVP_DigestUpdate(ctx, q->credential.token.p, q->credential.token.n) &&
           EVP_DigestUpdate(ctx, q->filters.p, q->filters.n) &&
           EVP_DigestFinal_ex(ctx, out->bytes, NULL);
}

bool auth_key_make(const struct auth_question *q, struct auth_key *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool made = ctx && digest(ctx, q, out);
    EVP_MD_CTX_free(ctx);
    return made;
}

struct auth_cache *auth_cache_create(size_t max_entries)
{
    struct auth_cache *c = calloc(1, sizeof(*c));
    if (!c) {
        return NULL;
    }
    list_init(&c->recent);
    c->max_entries = max_entries;
    return c;
}

struct auth_cache *auth_cache_free(struct auth_cache *c)
{
    if (!c) {
        return NULL;
    }
    auth_cache_clear(c);
    strmap_release(&c->by_key);
    free(c);
    return NULL;
}

void auth_cache_set_lifetime(struct auth_cache *c, uint64_t positive_ms)
{
    c->positive_ms = positive_ms;
}

static void drop(struct auth_cache *c, struct entry *e)
{
    list_del(&e->node);
    (void)strmap_remove(&c->by_key, auth_key_str(&e->key)); /* each entry is in the map */
    (void)held_answer_unref(e->answer);
    free(e);
}

struct held_answer *auth_cache_get(struct auth_cache *c, const struct auth_key *k, uint64_t now_ms)
{
    struct entry *e = strmap_get(&c->by_key, auth_key_str(k));
    if (!e) {
        return NULL;
    }
    if (e->ends_ms <= now_ms) {
        drop(c, e);
        return NULL;
    }
    list_del(&e->node);
    list_push_front(&c->recent, &e->node);
    return e->answer;
}

/* How long an answer serves from being asked for. */
static uint64_t lifetime_ms(const struct auth_cache *c, enum auth_result result)
{
    if (c->positive_ms == 0) {
        return 0;
    }
    switch (result) {
    case AUTH_OK: return c->positive_ms;
    case AUTH_UNAUTHORIZED:
    case AUTH_FORBIDDEN:
    case AUTH_NOT_FOUND: return NEGATIVE_MS;
    case AUTH_UNAVAILABLE: break;
    }
    return 0;
}

static struct entry *add(struct auth_cache *c, const struct auth_key *k)
{
    struct entry *e = calloc(1, sizeof(*e));
    if (!e) {
        return NULL;
    }
    e->key = *k;
    if (!strmap_add(&c->by_key, auth_key_str(&e->key), e)) {
        free(e);
        return NULL;
    }
    list_push_front(&c->recent, &e->node);
    return e;
}

void auth_cache_put(struct auth_cache *c, const struct auth_key *k, struct held_answer *h,
                    uint64_t asked_ms, uint64_t now_ms)
{
    auth_cache_sweep(c, now_ms);
    uint64_t ends_ms = asked_ms + lifetime_ms(c, h->a.result);
    struct entry *e = strmap_get(&c->by_key, auth_key_str(k));
    if (ends_ms <= now_ms || (e && e->asked_ms > asked_ms)) {
        return;
    }
    if (e) {
        list_del(&e->node);
        list_push_front(&c->recent, &e->node);
    } else {
        if (c->by_key.count >= c->max_entries) {
            drop(c, LIST_ENTRY(c->recent.prev, struct entry, node));
        }
        e = add(c, k);
        if (!e) {
            return;
        }
    }
    (void)held_answer_unref(e->answer);
    e->answer = held_answer_ref(h);
    e->asked_ms = asked_ms;
    e->ends_ms = ends_ms;
}

void auth_cache_forget_user(struct auth_cache *c, struct str user)
{
    LIST_FOR_EACH (node, next, &c->recent) {
        struct entry *e = LIST_ENTRY(node, struct entry, node);
        if (str_eq(e->answer->a.user, user)) {
            drop(c, e);
        }
    }
}

void auth_cache_sweep(struct auth_cache *c, uint64_t now_ms)
{
    while (!list_empty(&c->recent)) {
        struct entry *e = LIST_ENTRY(c->recent.prev, struct entry, node);
        if (e->ends_ms > now_ms) {
            return;
        }
        drop(c, e);
    }
}

void auth_cache_clear(struct auth_cache *c)
{
    struct list *node;
    while ((node = list_first(&c->recent)) != NULL) {
        drop(c, LIST_ENTRY(node, struct entry, node));
    }
}

size_t auth_cache_count(const struct auth_cache *c)
{
    return c->by_key.count;
}
