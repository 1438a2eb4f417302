/* SPDX-License-Identifier: MIT */
#pragma once
/* flusher: at the end of a turn of the loop, writes what sessions were given during it.
 *
 * An idle receiver so gets everything of one turn in one write. When very many have something, the
 * work is cut in slices of a few milliseconds with the loop's other events between; the order
 * within each session does not depend on it. With WriteDelay the end of the turn is put off.
 */
#include <stdint.h>

#include "common/compiler.h"
#include "common/list.h"

struct flusher;
struct gather;
struct histogram;
struct loop;

/* Writes what the owner of the node has; must not free it. `next` comes after it, if anything does: it
 * is only to be prefetched. */
typedef void (*flush_fn)(struct list *node, const struct list *next, struct gather *g);

struct flusher *flusher_create(struct loop *l, flush_fn fn, struct histogram *publish_to_write);
struct flusher *flusher_free(struct flusher *f); /* accepts NULL; nodes are forgotten */
DEFINE_AUTO(flusher)
void flusher_set_delay(struct flusher *f, uint32_t delay_ms);
/* Asks for one call of fn; asking twice is asking once. */
void flusher_add(struct flusher *f, struct list *node);
/* Notes when an event of this batch was accepted by the publisher (Unix ms), for the latency
 * from there to the write. */
void flusher_note_event(struct flusher *f, int64_t accepted_ms);
