/* SPDX-License-Identifier: MIT */
#pragma once
/* ring: a topic's most recent published messages, contiguous in offsets, for clients that resume.
 *
 *     first                           first + count
 *       | e | e | m | e | S | e | e | <- appended here
 *
 * Of scoreboards only the newest of each kind is held whole (S); an older one is a marker (m), as
 * in the topic's log. Pure: no clock, no Redis. Bounded by its owner through ring_evict().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

struct msg;

enum ring_kind { RING_EVENT, RING_SCOREBOARD_PRIVATE, RING_SCOREBOARD_PUBLIC };
struct ring_entry {
    struct msg *m; /* ref; NULL: a marker */
    enum ring_kind kind;
};
struct ring {
    struct ring_entry *slots; /* owned; NULL while empty */
    size_t head, count, cap;
    uint64_t first; /* offset of the oldest entry; meaningless while empty */
    size_t bytes;   /* of all messages held */
};

void ring_release(struct ring *r); /* drops everything; leaves an empty ring */
/* Appends the message (own reference taken; NULL for a marker) with the next offset; any other
 * offset empties the ring first. False: out of memory, the ring is empty then. */
MUST_CHECK bool ring_append(struct ring *r, uint64_t offset, struct msg *m, enum ring_kind kind);
/* The entry with this offset, or NULL. */
const struct ring_entry *ring_get(const struct ring *r, uint64_t offset);
/* Gives a marker its text. True when there was a marker of this kind at this offset. */
bool ring_fill(struct ring *r, uint64_t offset, enum ring_kind kind, struct msg *m);
/* Does the newest entry of this kind, if there is one, hold its text (a replay needs that)? */
bool ring_holds_newest(const struct ring *r, enum ring_kind kind);
/* Drops the oldest entry. */
void ring_evict(struct ring *r);
/* Puts `older`, which must end right before r, in front of r; older is empty afterwards. False:
 * they do not meet, or no memory; nothing changed then but that `older` is empty. */
MUST_CHECK bool ring_join(struct ring *r, struct ring *older);
