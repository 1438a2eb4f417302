/* SPDX-License-Identifier: MIT */
#pragma once
/* outq: renderings that one client has yet to receive, oldest first.
 *
 * Bounded in bytes behind the head (a message always enters an empty queue). A rendering with a tag
 * removes the older one of the same tag, unless that is already being written, and remembers how
 * many it stands for. Never blocks and never closes anybody: it only reports OUTQ_FULL.
 * Embedded; two slots without any heap memory.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

struct rendering;

#define OUTQ_INLINE 2
struct outq_slot {
    struct rendering *r; /* ref */
    uint32_t skipped;
};
struct outq {
    struct outq_slot *slots; /* inline_slots, or owned */
    uint32_t head, count, cap;
    uint32_t head_written; /* bytes of the head's message that left already */
    size_t bytes;          /* of all entries */
    struct outq_slot inline_slots[OUTQ_INLINE];
};

enum outq_result {
    OUTQ_OK,
    OUTQ_CONFLATED, /* taken, and an older one of the same tag removed */
    OUTQ_FULL,      /* not taken: over max_bytes */
    OUTQ_NO_MEMORY  /* not taken */
};

void outq_init(struct outq *q);
void outq_release(struct outq *q); /* drops everything; leaves an empty queue */
/* Takes its own reference when it takes r. */
MUST_CHECK enum outq_result outq_push(struct outq *q, struct rendering *r, uint32_t skipped,
                                      size_t max_bytes);
static inline bool outq_is_empty(const struct outq *q)
{
    return q->count == 0;
}
/* The i-th entry from the head (i < count). */
static inline const struct outq_slot *outq_at(const struct outq *q, uint32_t i)
{
    return &q->slots[(q->head + i) & (q->cap - 1)];
}
/* Removes the head, wholly written. */
void outq_pop(struct outq *q);
/* Heap bytes of the slots. */
size_t outq_heap_bytes(const struct outq *q);
