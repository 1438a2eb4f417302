/* SPDX-License-Identifier: MIT */
/* The ring of a feed's recent events (ring.h) and its bounds in memory: its own, and that of all. */
#include "common/log.h"
#include "common/msg.h"
#include "gateway/bus/feed_internal.h"
#include "gateway/gw_metrics.h"

enum ring_kind feed_ring_kind(const struct event *e)
{
    if (e->type != EVENT_SCOREBOARD_UPDATE) {
        return RING_EVENT;
    }
    return e->is_public ? RING_SCOREBOARD_PUBLIC : RING_SCOREBOARD_PRIVATE;
}

void feed_ring_count(struct feed *f, size_t before)
{
    f->feeds->ring_bytes += f->ring.bytes - before;
    f->feeds->metrics->ring_bytes = (int64_t)f->feeds->ring_bytes;
}

/* Over the bound of all topics, the topic that grows gives up its oldest first; the newest stays,
 * and what was given up is still in the log. */
void feed_ring_bound(struct feed *f)
{
    struct feeds *all = f->feeds;
    size_t others = all->ring_bytes - f->ring.bytes;
    size_t room = others < all->ring_total_bytes ? all->ring_total_bytes - others : 0;

    while (f->ring.count > 1 && (f->ring.count > all->ring_max_events ||
                                 f->ring.bytes > all->ring_max_bytes || f->ring.bytes > room)) {
        size_t before = f->ring.bytes;
        ring_evict(&f->ring);
        feed_ring_count(f, before);
    }
}

void feed_ring_append(struct feed *f, const struct published *p, struct msg *m)
{
    size_t before = f->ring.bytes;
    bool is_marker = p->event.is_marker;
    if (!is_marker && !m) {
        ring_release(&f->ring); /* no memory for it: a hole in the ring must not be */
    } else if (!ring_append(&f->ring, p->position.offset, is_marker ? NULL : m,
                            feed_ring_kind(&p->event))) {
        log_warn("no memory for recent events", LF_S("topic", f->topic));
    }
    feed_ring_count(f, before);
    feed_ring_bound(f);
}

void feed_ring_clear(struct feed *f)
{
    size_t before = f->ring.bytes;
    ring_release(&f->ring);
    feed_ring_count(f, before);
}

const struct ring_entry *feed_entry(const struct feed *f, uint64_t offset)
{
    return ring_get(&f->ring, offset);
}

uint64_t feed_ring_floor(const struct feed *f)
{
    return f->ring.count > 0 ? f->ring.first - 1 : f->position.offset;
}
