/* SPDX-License-Identifier: MIT */
/* Events from the log in front of the ring of recent ones, for clients that resume: read once, however
 * many ask. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/msg.h"
#include "gateway/bus/feed_internal.h"
#include "gateway/gw_metrics.h"
#include "proto/limits.h"

enum feed_reach feed_reach(struct feed *f, uint64_t after)
{
    if (after >= feed_ring_floor(f)) {
        return FEED_HAS;
    }
    if (after < f->log_floor) {
        return FEED_LOST;
    }
    /* Somebody who needs still older ones asks again when the read under way has ended. */
    return f->backfill || feed_start_backfill(f, after) ? FEED_ASKED : FEED_LOST;
}

void feed_drop_backfill(struct feed *f)
{
    if (f->backfill) {
        redis_call_cancel(&f->backfill->reading);
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

/* The log does not hold `after + 1` any more: remember, so that nobody asks again. */
static void end_unreached(struct feed *f, uint64_t floor)
{
    f->log_floor = floor;
    end_backfill(f);
}

/* Adds a page's entries to `older`. False: they do not continue it. */
static bool take_older(struct feed *f, const struct bus_page *page)
{
    for (size_t i = 0; i < page->entries.n; i++) {
        struct published p;
        struct str bytes = redis_reply_text_at(&page->entries, i);
        if (!feed_decode(f, bytes, &p)) {
            return false;
        }
        uint64_t next = f->backfill->older.count
                            ? f->backfill->older.first + f->backfill->older.count
                            : f->backfill->after + 1;
        if (p.position.offset != next || p.position.offset > feed_ring_floor(f)) {
            return p.position.offset > feed_ring_floor(f); /* the ring has it from here on */
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

static void finish_backfill(struct feed *f, const struct bus_page *page)
{
    uint64_t after = f->backfill->after;
    uint64_t floor = feed_ring_floor(f);
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
        feed_ring_count(f, before);
        end_unreached(f, floor);
        return;
    }
    feed_ring_count(f, before);
    /* The bounds are applied at the next event or tick, when each waiting client has had its part:
     * at once, they could take away what was just fetched, for ever. */
    end_backfill(f);
}

static void send_backfill(struct feed *f);

static void take_older_page(struct feed *f, const struct bus_page *page)
{
    size_t before = f->backfill->older.count;
    if (!take_older(f, page)) {
        struct position first = {.offset = f->backfill->after + 1};
        if (page->entries.n > 0 &&
            published_position(redis_reply_text_at(&page->entries, 0), &first) != EVENT_OK) {
            first.offset = f->position.offset;
        }
        /* At least one further on than asked for, or it would be asked for again and again. */
        end_unreached(f, MAX(first.offset, f->backfill->after + 2) - 1);
        return;
    }
    uint64_t last = f->backfill->after + f->backfill->older.count;
    if (last >= feed_ring_floor(f)) {
        finish_backfill(f, page);
    } else if (f->backfill->older.count == before) {
        end_unreached(f, feed_ring_floor(f)); /* the log is empty where it should not be */
    } else {
        send_backfill(f);
    }
}

static bool is_of_present_epoch(const struct feed *f)
{
    return strcmp(f->backfill->epoch, f->position.epoch) == 0;
}

static void on_older_page(const struct redis_reply *r, void *arg)
{
    struct feed *f = arg;
    struct bus_page page;
    if (!is_of_present_epoch(f)) {
        end_backfill(f); /* what it was for is history */
    } else if (!bus_page_of(r, &page)) {
        return; /* feed_retry_backfill() */
    } else if (str_eq(page.epoch, str_of(f->backfill->epoch))) {
        take_older_page(f, &page);
    } else if (f->state == FEED_LIVE) {
        feed_start_read(f); /* another history, which nobody has told us of yet */
    }
}

static void send_backfill(struct feed *f)
{
    const struct bus_read q = {
        .topic = f->topic,
        .after = f->backfill->after + f->backfill->older.count,
        .count = LIMIT_LOG_PAGE_ENTRIES,
        .states = true,
    };
    if (!bus_read_topic(f->feeds->bus, &q,
                        &(struct redis_asker){on_older_page, f, &f->backfill->reading})) {
        log_debug("older events to be read later", LF_S("topic", f->topic));
    }
}

void feed_retry_backfill(struct feed *f)
{
    if (!f->backfill || f->backfill->reading) {
        return;
    }
    if (is_of_present_epoch(f)) {
        send_backfill(f);
    } else {
        end_backfill(f);
    }
}

bool feed_start_backfill(struct feed *f, uint64_t after)
{
    f->backfill = calloc(1, sizeof(*f->backfill));
    if (!f->backfill) {
        return false;
    }
    f->backfill->after = after;
    memcpy(f->backfill->epoch, f->position.epoch, sizeof(f->backfill->epoch));
    send_backfill(f);
    return true;
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

static void on_states(const struct redis_reply *r, void *arg)
{
    struct feed *f = arg;
    struct bus_page page;
    if (!bus_page_of(r, &page)) {
        return; /* feed_retry_scoreboards() */
    }
    f->wants_scoreboards = false;
    if (f->owner) {
        struct published found[2];
        size_t n = find_states(f, &page, found);
        f->feeds->handler->on_scoreboards(f->owner, found, n);
    }
}

void feed_ask_scoreboards(struct feed *f)
{
    f->wants_scoreboards = true;
    const struct bus_read q = {.topic = f->topic, .states = true};
    if (!f->asking_scoreboards &&
        !bus_read_topic(f->feeds->bus, &q,
                        &(struct redis_asker){on_states, f, &f->asking_scoreboards})) {
        log_debug("scoreboards to be read later", LF_S("topic", f->topic));
    }
}

void feed_retry_scoreboards(struct feed *f)
{
    if (f->wants_scoreboards && f->owner) {
        feed_ask_scoreboards(f);
    }
}
