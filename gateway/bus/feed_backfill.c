/* SPDX-License-Identifier: MIT */
/* The ring of recent events, and older ones from the log in front of it for clients that resume:
 * read once, however many ask. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/msg.h"
#include "gateway/bus/feed_internal.h"
#include "gateway/gw_metrics.h"
#include "proto/limits.h"

#define RING_TOTAL_BYTES ((size_t)64 * 1024 * 1024) /* over all topics */

enum ring_kind feed_ring_kind(const struct event *e)
{
    if (e->type != EVENT_SCOREBOARD_UPDATE) {
        return RING_EVENT;
    }
    return e->is_public ? RING_SCOREBOARD_PUBLIC : RING_SCOREBOARD_PRIVATE;
}

static void count_ring(struct feed *f, size_t before)
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
    size_t room = others < RING_TOTAL_BYTES ? RING_TOTAL_BYTES - others : 0;

    while (f->ring.count > 1 && (f->ring.count > all->ring_max_events ||
                                 f->ring.bytes > all->ring_max_bytes || f->ring.bytes > room)) {
        size_t before = f->ring.bytes;
        ring_evict(&f->ring);
        count_ring(f, before);
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
    count_ring(f, before);
    feed_ring_bound(f);
}

void feed_ring_clear(struct feed *f)
{
    size_t before = f->ring.bytes;
    ring_release(&f->ring);
    count_ring(f, before);
}

const struct ring_entry *feed_entry(const struct feed *f, uint64_t offset)
{
    return ring_get(&f->ring, offset);
}

/* The offset before the oldest that the ring holds. */
static uint64_t ring_floor(const struct feed *f)
{
    return f->ring.count > 0 ? f->ring.first - 1 : f->position.offset;
}

enum feed_reach feed_reach(struct feed *f, uint64_t after)
{
    if (after >= ring_floor(f)) {
        return FEED_HAS;
    }
    if (after < f->log_floor) {
        return FEED_LOST;
    }
    if (!f->backfill || after < f->backfill->after) {
        feed_start_backfill(f, after);
    }
    return FEED_ASKED;
}

void feed_drop_backfill(struct feed *f)
{
    if (f->backfill) {
        ring_release(&f->backfill->older);
        free(f->backfill);
        f->backfill = NULL;
    }
}

static void end_backfill(struct feed *f)
{
    feed_drop_backfill(f);
    if (f->owner) {
        f->feeds->handler->on_backfill(f->owner);
    }
}

/* No answer now. Who waits is told later, not at once: it might fail at once again, for ever. */
static void postpone_backfill(struct feed *f)
{
    feed_drop_backfill(f);
    f->backfill_owed = true;
}

void feed_retry_backfill(struct feed *f)
{
    if (f->backfill_owed && !f->backfill) {
        f->backfill_owed = false;
        if (f->owner) {
            f->feeds->handler->on_backfill(f->owner);
        }
    }
}

/* The log does not hold `after + 1` any more: remember, so that nobody asks again. */
static void end_unreached(struct feed *f, uint64_t floor)
{
    f->log_floor = floor;
    end_backfill(f);
}

/* Adds a page's entries to `older`. False: they do not continue it. */
static bool take_older(struct feed *f, const struct bus_page *page)
{
    for (size_t i = 0; i < page->n_entries; i++) {
        struct published p;
        struct str bytes = bus_page_entry(page, i);
        if (!feed_decode(f, bytes, &p)) {
            return false;
        }
        uint64_t next = f->backfill->older.count
                            ? f->backfill->older.first + f->backfill->older.count
                            : f->backfill->after + 1;
        if (p.position.offset != next || p.position.offset > ring_floor(f)) {
            return p.position.offset > ring_floor(f); /* the ring has it from here on */
        }
        struct msg *m = p.event.is_marker ? NULL : msg_copy(bytes);
        bool ok = (m || p.event.is_marker) &&
                  ring_append(&f->backfill->older, next, m, feed_ring_kind(&p.event));
        msg_unref(m);
        if (!ok) {
            return false;
        }
    }
    return true;
}

/* Puts the scoreboards' texts where their markers are. */
static void fill_states(struct feed *f, const struct bus_page *page)
{
    for (int kind = 0; kind < 2; kind++) {
        struct published p;
        if (page->state[kind].n == 0 || published_decode(page->state[kind], &p) != EVENT_OK) {
            continue;
        }
        struct msg *m = msg_copy(page->state[kind]);
        if (m) {
            (void)ring_fill(&f->backfill->older, p.position.offset, feed_ring_kind(&p.event), m);
            msg_unref(m);
        }
    }
}

/* Is each kind's newest scoreboard here, or replaced by one that is still on its way to us? */
static bool has_scoreboards(const struct feed *f, const struct bus_page *page)
{
    for (int i = 0; i < 2; i++) {
        enum ring_kind kind = i ? RING_SCOREBOARD_PUBLIC : RING_SCOREBOARD_PRIVATE;
        struct position at;
        bool is_replaced =
            published_position(page->state[i], &at) == EVENT_OK && at.offset > f->position.offset;
        if (!is_replaced && !ring_holds_newest(&f->ring, kind)) {
            return false;
        }
    }
    return true;
}

static bool send_backfill(struct feed *f);

static void finish_backfill(struct feed *f, const struct bus_page *page)
{
    uint64_t after = f->backfill->after;
    uint64_t floor = ring_floor(f);
    size_t before = f->ring.bytes;

    fill_states(f, page);
    if (!ring_join(&f->ring, &f->backfill->older)) {
        end_unreached(f, after + 1);
        return;
    }
    if (!has_scoreboards(f, page)) {
        /* A scoreboard's text is gone from Redis: what lies before it cannot be replayed. */
        while (f->ring.count > 0 && f->ring.first <= floor) {
            ring_evict(&f->ring);
        }
        count_ring(f, before);
        end_unreached(f, floor);
        return;
    }
    count_ring(f, before);
    /* The bounds are applied at the next event or tick, when each waiting client has had its part:
     * at once, they could take away what was just fetched, for ever. */
    end_backfill(f);
}

static void on_older_page(const struct bus_page *page, void *arg)
{
    struct feed *f = arg;
    if (!feed_answered(f)) {
        return;
    }
    if (strcmp(f->backfill->epoch, f->position.epoch) != 0) {
        end_backfill(f); /* what it was for is history */
        return;
    }
    if (!page || !str_eq(page->epoch, str_of(f->backfill->epoch))) {
        postpone_backfill(f);
        if (page && f->state == FEED_LIVE) {
            feed_start_read(f); /* another history, which nobody has told us of yet */
        }
        return;
    }
    size_t before = f->backfill->older.count;
    if (!take_older(f, page)) {
        struct position first = {.offset = f->backfill->after + 1};
        if (page->n_entries > 0 &&
            published_position(bus_page_entry(page, 0), &first) != EVENT_OK) {
            first.offset = f->position.offset;
        }
        /* At least one further on than asked for, or it would be asked for again and again. */
        end_unreached(f, MAX(first.offset, f->backfill->after + 2) - 1);
        return;
    }
    uint64_t last = f->backfill->after + f->backfill->older.count;
    if (last >= ring_floor(f)) {
        finish_backfill(f, page);
        return;
    }
    if (f->backfill->older.count == before) {
        end_unreached(f, ring_floor(f)); /* the log is empty where it should not be */
        return;
    }
    if (!send_backfill(f)) {
        postpone_backfill(f);
    }
}

static bool send_backfill(struct feed *f)
{
    struct bus_read q = {
        .topic = f->topic,
        .after = f->backfill->after + f->backfill->older.count,
        .count = LIMIT_LOG_PAGE_ENTRIES,
        .states = true,
    };
    bool sent = bus_read_topic(f->feeds->bus, &q, on_older_page, f);
    f->reads += sent;
    return sent;
}

void feed_start_backfill(struct feed *f, uint64_t after)
{
    if (f->backfill) {
        /* Somebody needs still older ones: the read under way ends first, then feed_reach() is
         * asked again and starts over. */
        return;
    }
    f->backfill = calloc(1, sizeof(*f->backfill));
    if (f->backfill) {
        f->backfill->after = after;
        memcpy(f->backfill->epoch, f->position.epoch, sizeof(f->backfill->epoch));
    }
    f->backfill_owed = !f->backfill || !send_backfill(f);
    if (f->backfill_owed) {
        feed_drop_backfill(f);
    }
}

/* ---- the newest scoreboards by themselves ---- */

/* Those that lie at or before the position, the newer one last. One of another epoch belongs to a
 * reset that is still to come, and a newer one comes live. */
static size_t find_states(const struct feed *f, const struct bus_page *page,
                          struct published found[static 2])
{
    size_t n = 0;
    for (int kind = 0; kind < 2; kind++) {
        struct published *p = &found[n];
        n += page->state[kind].n > 0 && published_decode(page->state[kind], p) == EVENT_OK &&
             position_same_epoch(&p->position, &f->position) &&
             p->position.offset <= f->position.offset;
    }
    if (n == 2 && found[1].position.offset < found[0].position.offset) {
        struct published newer = found[0];
        found[0] = found[1];
        found[1] = newer;
    }
    return n;
}

static void on_states(const struct bus_page *page, void *arg)
{
    struct feed *f = arg;
    f->scoreboards_pending = false;
    if (!feed_answered(f)) {
        return;
    }
    f->scoreboards_owed = !page;
    if (page && f->owner) {
        struct published found[2];
        size_t n = find_states(f, page, found);
        f->feeds->handler->on_scoreboards(f->owner, found, n);
    }
}

void feed_ask_scoreboards(struct feed *f)
{
    if (f->scoreboards_pending) {
        return;
    }
    struct bus_read q = {.topic = f->topic, .states = true};
    f->scoreboards_pending = bus_read_topic(f->feeds->bus, &q, on_states, f);
    f->scoreboards_owed = !f->scoreboards_pending;
    f->reads += f->scoreboards_pending;
}

void feed_retry_scoreboards(struct feed *f)
{
    if (f->scoreboards_owed && f->owner) {
        feed_ask_scoreboards(f);
    }
}
