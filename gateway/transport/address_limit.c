/* SPDX-License-Identifier: MIT */
#include "gateway/transport/address_limit.h"

#include <stdlib.h>
#include <string.h>

enum { V6_KEY_BYTES = 8, FLOOD_EXTRA = 16 };

static struct str key_of(const struct address *a)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    bool is_v4 = memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
    return (struct str){(const char *)a->bytes, is_v4 ? sizeof(a->bytes) : V6_KEY_BYTES};
}

void address_limit_release(struct address_limit *l)
{
    strmap_release(&l->counts);
}

struct address_count *address_limit_enter(struct address_limit *l, const struct address *a)
{
    struct str key = key_of(a);
    struct address_count *c = strmap_get(&l->counts, key);
    if (!c) {
        c = calloc(1, sizeof(*c));
        if (!c) {
            return NULL;
        }
        memcpy(c->key, key.p, key.n);
        c->key_len = key.n;
        if (!strmap_add(&l->counts, (struct str){(const char *)c->key, c->key_len}, c)) {
            free(c);
            return NULL;
        }
    }
    c->connections++;
    return c;
}

void address_limit_leave(struct address_limit *l, struct address_count *c)
{
    if (c && --c->connections == 0) {
        (void)strmap_remove(&l->counts, (struct str){(const char *)c->key, c->key_len});
        free(c);
    }
}

bool address_limit_is_over(const struct address_count *c, int64_t limit)
{
    return c && limit > 0 && (int64_t)c->connections > limit;
}

bool address_limit_is_flood(const struct address_count *c, int64_t limit)
{
    return c && limit > 0 && (int64_t)c->connections > 2 * limit + FLOOD_EXTRA;
}
