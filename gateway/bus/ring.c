/* SPDX-License-Identifier: MIT */
#include "gateway/bus/ring.h"

#include <stdlib.h>

#include "common/msg.h"

static struct ring_entry *entry_at(const struct ring *r, size_t i)
{
    return &r->slots[(r->head + i) & (r->cap - 1)];
}

static void drop_text(struct ring *r, struct ring_entry *e)
{
    if (e->m) {
        r->bytes -= e->m->len;
        e->m = msg_unref(e->m);
    }
}

void ring_release(struct ring *r)
{
    for (size_t i = 0; i < r->count; i++) {
        drop_text(r, entry_at(r, i));
    }
    free(r->slots);
    *r = (struct ring){0};
}

static bool grow(struct ring *r)
{
    size_t cap = r->cap ? r->cap * 2 : 16;
    struct ring_entry *slots = malloc(cap * sizeof(*slots));
    if (!slots) {
        return false;
    }
    for (size_t i = 0; i < r->count; i++) {
        slots[i] = *entry_at(r, i);
    }
    free(r->slots);
    r->slots = slots;
    r->cap = cap;
    r->head = 0;
    return true;
}

/* Index of the newest entry of this kind, or r->count. */
static size_t newest_of(const struct ring *r, enum ring_kind kind)
{
    for (size_t i = r->count; i-- > 0;) {
        if (entry_at(r, i)->kind == kind) {
            return i;
        }
    }
    return r->count;
}

bool ring_append(struct ring *r, uint64_t offset, struct msg *m, enum ring_kind kind)
{
    if (r->count > 0 && offset != r->first + r->count) {
        ring_release(r);
    }
    if (r->count == r->cap && !grow(r)) {
        ring_release(r);
        return false;
    }
    if (kind != RING_EVENT) {
        size_t older = newest_of(r, kind);
        if (older < r->count) {
            drop_text(r, entry_at(r, older));
        }
    }
    if (r->count == 0) {
        r->first = offset;
    }
    *entry_at(r, r->count) = (struct ring_entry){m ? msg_ref(m) : NULL, kind};
    r->bytes += m ? m->len : 0;
    r->count++;
    return true;
}

const struct ring_entry *ring_get(const struct ring *r, uint64_t offset)
{
    if (r->count == 0 || offset < r->first || offset - r->first >= r->count) {
        return NULL;
    }
    return entry_at(r, (size_t)(offset - r->first));
}

bool ring_fill(struct ring *r, uint64_t offset, enum ring_kind kind, struct msg *m)
{
    struct ring_entry *e = (struct ring_entry *)ring_get(r, offset);
    if (!e || e->m || e->kind != kind) {
        return false;
    }
    e->m = msg_ref(m);
    r->bytes += m->len;
    return true;
}

bool ring_holds_newest(const struct ring *r, enum ring_kind kind)
{
    size_t i = newest_of(r, kind);
    return i == r->count || entry_at(r, i)->m;
}

void ring_evict(struct ring *r)
{
    if (r->count == 0) {
        return;
    }
    drop_text(r, entry_at(r, 0));
    r->head = (r->head + 1) & (r->cap - 1);
    r->count--;
    r->first++;
    if (r->count == 0) {
        ring_release(r);
    }
}

bool ring_join(struct ring *r, struct ring *older)
{
    bool meets = older->count > 0 && (r->count == 0 || older->first + older->count == r->first);
    for (size_t i = 0; meets && i < r->count; i++) {
        struct ring_entry *e = entry_at(r, i);
        meets = ring_append(older, r->first + i, e->m, e->kind);
    }
    if (!meets) {
        ring_release(older);
        return false;
    }
    ring_release(r);
    *r = *older;
    *older = (struct ring){0};
    return true;
}
