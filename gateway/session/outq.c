/* SPDX-License-Identifier: MIT */
#include "gateway/session/outq.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hub/rendering.h"

void outq_init(struct outq *q)
{
    memset(q, 0, sizeof(*q));
    q->slots = q->inline_slots;
    q->cap = OUTQ_INLINE;
}

static struct outq_slot *slot_at(struct outq *q, uint32_t i)
{
    return &q->slots[(q->head + i) & (q->cap - 1)];
}

static void drop_heap(struct outq *q)
{
    if (q->slots != q->inline_slots) {
        free(q->slots);
        q->slots = q->inline_slots;
        q->cap = OUTQ_INLINE;
    }
    q->head = 0;
}

void outq_release(struct outq *q)
{
    for (uint32_t i = 0; i < q->count; i++) {
        rendering_unref(slot_at(q, i)->r);
    }
    q->count = 0;
    q->bytes = 0;
    q->head_written = 0;
    drop_heap(q);
}

static bool grow(struct outq *q)
{
    assert(q->cap >= OUTQ_INLINE);
    uint32_t cap = q->cap * 4;
    struct outq_slot *slots = malloc(cap * sizeof(*slots));
    if (!slots) {
        return false;
    }
    for (uint32_t i = 0; i < q->count; i++) {
        slots[i] = *slot_at(q, i);
    }
    if (q->slots != q->inline_slots) {
        free(q->slots);
    }
    q->slots = slots;
    q->cap = cap;
    q->head = 0;
    return true;
}

/* Removes the entry of this tag, if it is there and not being written; adds what it stood for. */
static bool remove_tagged(struct outq *q, uint64_t tag, uint32_t *skipped)
{
    uint32_t first = q->head_written > 0 ? 1 : 0;
    for (uint32_t i = q->count; i-- > first;) {
        struct outq_slot *s = slot_at(q, i);
        if (rendering_tag(s->r) != tag) {
            continue;
        }
        *skipped += s->skipped + 1;
        q->bytes -= rendering_bytes(s->r);
        rendering_unref(s->r);
        for (uint32_t k = i; k + 1 < q->count; k++) {
            *slot_at(q, k) = *slot_at(q, k + 1);
        }
        q->count--;
        return true;
    }
    return false;
}

enum outq_result outq_push(struct outq *q, struct rendering *r, uint32_t skipped, size_t max_bytes)
{
    uint64_t tag = rendering_tag(r);
    bool conflated = tag != 0 && q->count > 0 && remove_tagged(q, tag, &skipped);
    if (q->count > 0 &&
        q->bytes - rendering_bytes(q->slots[q->head].r) + rendering_bytes(r) > max_bytes) {
        return OUTQ_FULL;
    }
    if (q->count == q->cap && !grow(q)) {
        return OUTQ_NO_MEMORY;
    }
    *slot_at(q, q->count) = (struct outq_slot){rendering_ref(r), skipped};
    q->count++;
    q->bytes += rendering_bytes(r);
    return conflated ? OUTQ_CONFLATED : OUTQ_OK;
}

void outq_pop(struct outq *q)
{
    struct outq_slot *s = slot_at(q, 0);
    q->bytes -= rendering_bytes(s->r);
    rendering_unref(s->r);
    q->head = (q->head + 1) & (q->cap - 1);
    q->count--;
    q->head_written = 0;
    if (q->count == 0) {
        drop_heap(q);
    }
}

size_t outq_heap_bytes(const struct outq *q)
{
    return q->slots == q->inline_slots ? 0 : q->cap * sizeof(*q->slots);
}
