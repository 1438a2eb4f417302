/* SPDX-License-Identifier: MIT */
#include "gateway/session/grants.h"

#include <stdlib.h>
#include <string.h>

#include "common/strmap.h"

enum { CAP_MIN = 4, CAP_MAX = 4096 };

static struct str filter_of(const struct grant *it)
{
    return (struct str){it->filter, it->len};
}

static struct grant **bucket_of(const struct grants *g, struct str filter)
{
    return &g->buckets[strmap_hash(filter) & (g->cap - 1u)];
}

const struct grant *grants_find(struct grants *g, struct str filter)
{
    for (struct grant *it = g->buckets ? *bucket_of(g, filter) : NULL; it; it = it->next) {
        if (str_eq(filter_of(it), filter)) {
            it->used_at = ++g->clock;
            return it;
        }
    }
    return NULL;
}

/* Looks at all of them: only when there are as many as may be, and the frontend was asked before. */
static void drop_oldest(struct grants *g)
{
    struct grant **oldest = NULL;
    for (size_t i = 0; i < g->cap; i++) {
        for (struct grant **at = &g->buckets[i]; *at; at = &(*at)->next) {
            oldest = !oldest || (*at)->used_at < (*oldest)->used_at ? at : oldest;
        }
    }
    if (oldest) {
        struct grant *gone = *oldest;
        *oldest = gone->next;
        free(gone);
        g->count--;
    }
}

static void insert(struct grants *g, struct grant *it)
{
    struct grant **bucket = bucket_of(g, filter_of(it));
    it->next = *bucket;
    *bucket = it;
    g->count++;
}

/* When memory is short the buckets just become longer. False: there are none. */
static bool make_room(struct grants *g)
{
    if (g->count < g->cap || g->cap >= CAP_MAX) {
        return true;
    }
    struct grants more = {.cap = g->cap ? (uint16_t)(g->cap * 2) : CAP_MIN, .clock = g->clock};
    more.buckets = calloc(more.cap, sizeof(struct grant *));
    if (!more.buckets) {
        return g->buckets;
    }
    for (size_t i = 0; i < g->cap; i++) {
        for (struct grant *it = g->buckets[i], *next; it; it = next) {
            next = it->next;
            insert(&more, it);
        }
    }
    free(g->buckets);
    *g = more;
    return true;
}

void grants_add(struct grants *g, struct str filter, bool is_admin, size_t max)
{
    while (g->count > 0 && g->count >= max) {
        drop_oldest(g);
    }
    struct grant *it = make_room(g) ? malloc(sizeof(*it) + filter.n) : NULL;
    if (it) {
        it->used_at = ++g->clock;
        it->is_admin = is_admin;
        it->len = (uint16_t)filter.n; /* a message is shorter than 64 KiB */
        memcpy(it->filter, filter.p, filter.n);
        insert(g, it);
    }
}

void grants_clear(struct grants *g)
{
    while (g->count > 0) {
        drop_oldest(g);
    }
    free(g->buckets);
    *g = (struct grants){.buckets = NULL};
}
