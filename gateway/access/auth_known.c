/* SPDX-License-Identifier: MIT */
#include "gateway/access/auth_known.h"

#include <stdlib.h>

struct known {
    struct list node; /* in by_age */
    uint64_t key;
    uint64_t until_ms;
};

static struct str key_str(const uint64_t *key)
{
    return (struct str){(const char *)key, sizeof(*key)};
}

void auth_known_init(struct auth_known *k)
{
    *k = (struct auth_known){.by_key = {0}};
    list_init(&k->by_age);
}

static void drop(struct auth_known *k, struct known *e)
{
    (void)strmap_remove(&k->by_key, key_str(&e->key));
    list_del(&e->node);
    free(e);
}

void auth_known_release(struct auth_known *k)
{
    struct list *node;
    while ((node = list_first(&k->by_age)) != NULL) {
        drop(k, LIST_ENTRY(node, struct known, node));
    }
    strmap_release(&k->by_key);
}

uint64_t auth_known_key(struct str token)
{
    return strmap_hash(token);
}

bool auth_known_has(const struct auth_known *k, uint64_t key, uint64_t now_ms)
{
    const struct known *e = strmap_get(&k->by_key, key_str(&key));
    return e && now_ms < e->until_ms;
}

static struct known *add(struct auth_known *k, uint64_t key)
{
    struct known *e = malloc(sizeof(*e));
    if (!e) {
        return NULL;
    }
    *e = (struct known){.key = key};
    list_init(&e->node);
    if (!strmap_add(&k->by_key, key_str(&e->key), e)) {
        free(e);
        return NULL;
    }
    return e;
}

static void drop_old(struct auth_known *k, uint64_t now_ms)
{
    struct list *node;
    while ((node = list_first(&k->by_age)) != NULL) {
        struct known *e = LIST_ENTRY(node, struct known, node);
        if (now_ms < e->until_ms && k->by_key.count <= AUTH_KNOWN_MAX) {
            return;
        }
        drop(k, e);
    }
}

void auth_known_accept(struct auth_known *k, uint64_t key, uint64_t now_ms)
{
    struct known *e = strmap_get(&k->by_key, key_str(&key));
    e = e ? e : add(k, key);
    if (e) {
        e->until_ms = now_ms + AUTH_KNOWN_MS;
        list_del(&e->node);
        list_push_back(&k->by_age, &e->node);
    }
    drop_old(k, now_ms);
}

void auth_known_forget(struct auth_known *k, uint64_t key)
{
    struct known *e = strmap_get(&k->by_key, key_str(&key));
    if (e) {
        drop(k, e);
    }
}
