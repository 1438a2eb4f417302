/* SPDX-License-Identifier: MIT */
#pragma once
/* feed: the events of one topic in order, without holes, as long as somebody here wants them.
 *
 * A feed puts together what the subscriber hears live and what the reader finds in the topic's log;
 * offsets make the result independent of which arrives first:
 *
 *   AWAY        -> SUBSCRIBING  the subscriber link is there
 *   SUBSCRIBING -> READING      Redis confirmed: from here on nothing is missed
 *   READING     -> LIVE         the log was read up to what is heard live
 *   LIVE        -> READING      a hole in the offsets, another epoch, or a position check disagrees
 *   any         -> AWAY         the subscriber link is lost (the position stays)
 *
 * While READING, live messages wait (bounded). A hole that the log cannot fill any more, or another
 * epoch, is a reset: the position jumps and the owner is told. A feed outlives its last user by
 * LIMIT_TOPIC_LINGER_MS. The feed also keeps the recent events for clients that resume (ring.h) and
 * fetches older ones from the log, once for everybody who asks.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "common/str.h"
#include "gateway/bus/ring.h"
#include "proto/event.h"

struct bus;
struct feed;
struct feeds;
struct gw_metrics;
struct loop;
struct settings;

/* What the user of a feed hears. Callbacks run from the loop, never inside a call of feed_*(). They
 * may put feeds and get others. */
struct feed_handler {
    void (*on_live)(void *owner); /* the position is known and current (again) */
    void (*on_event)(void *owner, const struct published *p); /* the next one, offset = last + 1 */
    /* The next one is a scoreboard of which only a marker is left: a newer one follows. */
    void (*on_replaced)(void *owner, const struct published *marker);
    void (*on_reset)(void *owner);    /* events may be missing: the position jumped */
    void (*on_backfill)(void *owner); /* feed_reach() may have a better answer now */
    /* What feed_ask_scoreboards() found: up to one of each kind, the newer one last; they lie at or
     * before the position. */
    void (*on_scoreboards)(void *owner, const struct published *found, size_t n);
};

struct feeds_options {
    const struct settings *settings;    /* bounds of the ring */
    const struct feed_handler *handler; /* static */
    struct bus *bus;                    /* borrowed; the feeds become its handler */
    struct gw_metrics *metrics;         /* borrowed */
};
struct feeds *feeds_create(struct loop *l, const struct feeds_options *o);
struct feeds *feeds_free(struct feeds *all); /* accepts NULL */
DEFINE_AUTO(feeds)
/* New bounds of the ring. */
void feeds_configure(struct feeds *all, const struct settings *s);

/* The feed of a topic for its one owner; made, or taken back while it lingers. NULL: no memory. */
struct feed *feed_get(struct feeds *all, struct str topic, void *owner);
/* The position of a topic that is live here, whoever wants it; false: it is not. */
MUST_CHECK bool feeds_position(const struct feeds *all, struct str topic, struct position *out);
/* The owner lets go; nothing is called for it any more. */
void feed_put(struct feed *feed);
struct str feed_topic(const struct feed *feed); /* as long as the feed */
bool feed_is_live(const struct feed *feed);
/* The last contiguous position; its epoch is "" until first known. */
const struct position *feed_position(const struct feed *feed);

/* "Nothing yet" (proto/position.h), where the present epoch is the one that followed it, is offset 0
 * of that epoch: then *p becomes so. */
void feed_rebase(const struct feed *feed, struct position *p);

enum feed_reach {
    FEED_HAS,   /* every event after that offset is in the ring (or there is none) */
    FEED_ASKED, /* the log is being read: on_backfill() follows */
    FEED_LOST   /* the log does not reach back so far */
};
enum feed_reach feed_reach(struct feed *feed, uint64_t after);
/* Is our position really the newest? A client that was at another gateway may know better than a
 * link that has fallen silent. feed_confirm() asks Redis, and on_live() or on_backfill() follows;
 * true: that was asked and answered after the moment when feed_moment() was taken. */
uint32_t feed_moment(const struct feed *feed);
bool feed_is_confirmed(const struct feed *feed, uint32_t since);
void feed_confirm(struct feed *feed);
/* Where did the topic stand at that moment (clock_mono_us()), in Redis' time? Rather a little
 * before it than after. FEED_ASKED: on_backfill() follows; FEED_LOST: Redis cannot say. */
enum feed_reach feed_since(struct feed *feed, uint64_t moment_us, struct position *out);
/* The event with this offset, while the ring holds it. */
const struct ring_entry *feed_entry(const struct feed *feed, uint64_t offset);

/* Reads the topic's newest scoreboards, once for everybody who asks meanwhile. */
void feed_ask_scoreboards(struct feed *feed);

/* For /debug/topics: one JSON object per feed, joined by commas. */
void feeds_debug(const struct feeds *all, struct buf *out);
size_t feeds_count(const struct feeds *all);
