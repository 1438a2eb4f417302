/* SPDX-License-Identifier: MIT */
#pragma once
/* bus_moves: what this publisher was acknowledged in histories that it has left.
 *
 * Two masters may be there at once: what the old one takes after the new one was promoted is lost
 * when it is demoted. A gateway that went over first gave its clients their `reset` before these
 * events, and cannot know of them. This publisher can. So it remembers topics and when their last
 * acknowledgement came, and when it meets another history (a failover, a restart, another server),
 * it owes a new epoch to those topics that others have begun there already, which resets everybody
 * once more (renew.lua). Pure: knows nothing of links; not re-entrant.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/str.h"
#include "common/strmap.h"

enum { MOVES_TOPICS_MAX = 8192, MOVES_KEEP_MS = 600000, MOVES_BATCH_MAX = 64 };

struct bus_moves {
    struct strmap topics; /* owned: name -> struct moved_topic */
    char history[128];    /* that of what is not owed */
    size_t owed;
    bool asked; /* a batch is on its way */
};

/* Topics of one call of renew.lua; the names stay until the batch is settled. */
struct moves_batch {
    size_t n;
    struct str names[MOVES_BATCH_MAX];
    uint64_t ages_ms[MOVES_BATCH_MAX]; /* of the last acknowledgement in a history that was left */
};

/* Zero-initialised is empty. */
void bus_moves_release(struct bus_moves *m);
/* An event was acknowledged on these topics. When there is no room (MOVES_TOPICS_MAX, memory), the
 * oldest are forgotten. */
void bus_moves_note(struct bus_moves *m, const struct str *names, size_t n, uint64_t now_ms);
/* The link is ready: what was acknowledged in the last MOVES_KEEP_MS, and in another history than
 * this one, is owed from now on. A batch that was on its way is as if never taken. */
void bus_moves_arrive(struct bus_moves *m, struct str history, uint64_t now_ms);
/* False: nothing is owed, or a batch is on its way. */
bool bus_moves_take(struct bus_moves *m, uint64_t now_ms, struct moves_batch *batch);
/* The end of the batch; done: Redis has executed it, else it is owed still. */
void bus_moves_settle(struct bus_moves *m, bool done);
