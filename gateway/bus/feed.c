/* SPDX-License-Identifier: MIT */
/* Life of feeds: made on demand, subscribed through the bus, checked when quiet, freed late. */
#include "gateway/bus/feed.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/config/settings.h"
#include "common/msg.h"
#include "gateway/bus/feed_internal.h"
#include "gateway/gw_metrics.h"
#include "proto/limits.h"

#define TICK_MS 1000
#define RING_TOTAL_BYTES ((size_t)64 * 1024 * 1024) /* over all topics, at the most */
#define QUIET_CHECK_MS 25000 /* a topic without events has its position compared so often */

static void feed_free(struct feed *f)
{
    list_del(&f->node);
    redis_call_cancel(&f->reading);
    redis_call_cancel(&f->confirming);
    redis_call_cancel(&f->asking_scoreboards);
    feed_drop_waiting(f);
    feed_ring_clear(f);
    feed_drop_backfill(f);
    feed_drop_since(f);
    free(f->left);
    free(f);
}

static void feed_leave(struct feed *f)
{
    struct feeds *all = f->feeds;

    bus_unsubscribe(all->bus, f->topic);
    (void)strmap_remove(&all->by_topic, f->topic);
    all->metrics->topics = (int64_t)all->by_topic.count;
    feed_free(f);
}

/* What could not be asked, or was not answered. */
static void feed_retry(struct feed *f)
{
    feed_retry_read(f);
    feed_retry_backfill(f);
    feed_retry_confirm(f);
    feed_retry_since(f);
    feed_retry_scoreboards(f);
}

static void tick_feed(struct feed *f, uint64_t now)
{
    feed_ring_bound(f);
    if (!f->owner && now - f->idle_since_ms >= LIMIT_TOPIC_LINGER_MS) {
        feed_leave(f);
        return;
    }
    feed_retry(f);
    if (f->state == FEED_LIVE && now - f->quiet_since_ms >= QUIET_CHECK_MS) {
        f->quiet_since_ms = now;
        feed_check_position(f);
    }
    if (f->state == FEED_SUBSCRIBING && now - f->quiet_since_ms >= QUIET_CHECK_MS) {
        f->quiet_since_ms = now; /* the confirmation is long overdue */
        bus_subscribe(f->feeds->bus, f->topic);
    }
}

static void on_tick(void *arg)
{
    struct feeds *all = arg;
    uint64_t now = clock_mono_ms();

    LIST_FOR_EACH (it, next, &all->all) {
        tick_feed(LIST_ENTRY(it, struct feed, node), now);
    }
}

/* ---- links ---- */

static void feed_join(struct feed *f)
{
    f->state = FEED_SUBSCRIBING;
    f->quiet_since_ms = clock_mono_ms();
    bus_subscribe(f->feeds->bus, f->topic);
}

static void on_up(unsigned server, void *arg)
{
    struct feeds *all = arg;
    all->subscribers_up |= 1u << server;
    LIST_FOR_EACH (it, next, &all->all) {
        struct feed *f = LIST_ENTRY(it, struct feed, node);
        if (f->server == server) {
            feed_join(f);
        }
    }
}

static void on_down(unsigned server, void *arg)
{
    struct feeds *all = arg;
    all->subscribers_up &= ~(1u << server);
    LIST_FOR_EACH (it, next, &all->all) {
        struct feed *f = LIST_ENTRY(it, struct feed, node);
        if (f->server == server) {
            f->state = FEED_AWAY;
            redis_call_cancel(&f->reading); /* perhaps older than the next subscription */
            feed_drop_waiting(f);
        }
    }
}

static void on_reader_up(unsigned server, void *arg)
{
    struct feeds *all = arg;
    LIST_FOR_EACH (it, next, &all->all) {
        struct feed *f = LIST_ENTRY(it, struct feed, node);
        if (f->server == server) {
            feed_retry(f);
        }
    }
}

static void on_subscribed(struct str topic, void *arg)
{
    struct feeds *all = arg;
    struct feed *f = strmap_get(&all->by_topic, topic);
    if (f && f->state == FEED_SUBSCRIBING) {
        feed_start_read(f);
    }
}

static void on_message(struct str topic, struct str bytes, void *arg)
{
    struct feeds *all = arg;
    struct feed *f = strmap_get(&all->by_topic, topic);
    if (f && f->state != FEED_AWAY) {
        feed_take_message(f, bytes);
    }
}

static const struct bus_handler bus_handler = {
    .on_up = on_up,
    .on_down = on_down,
    .on_reader_up = on_reader_up,
    .on_subscribed = on_subscribed,
    .on_message = on_message,
};

/* ---- life ---- */

/* A ring that is too large now shrinks with its next event. */
void feeds_configure(struct feeds *all, const struct settings *s)
{
    all->ring_max_events = (size_t)s->redis.history_events;
    all->ring_max_bytes = (size_t)s->redis.history_bytes;
    all->ring_total_bytes = MIN(RING_TOTAL_BYTES, (size_t)s->broadcaster.queue_bytes_total / 2);
}

struct feeds *feeds_create(struct loop *l, const struct feeds_options *o)
{
    struct feeds *all = calloc(1, sizeof(*all));
    if (!all) {
        return NULL;
    }
    all->loop = l;
    all->bus = o->bus;
    all->handler = o->handler;
    all->metrics = o->metrics;
    feeds_configure(all, o->settings);
    list_init(&all->all);
    if (!timer_init(&all->tick, l, on_tick, all)) {
        free(all);
        return NULL;
    }
    timer_start_every_ms(&all->tick, TICK_MS);
    bus_set_handler(o->bus, &bus_handler, all);
    return all;
}

struct feeds *feeds_free(struct feeds *all)
{
    if (all) {
        timer_release(&all->tick);
        LIST_FOR_EACH (it, next, &all->all) {
            feed_free(LIST_ENTRY(it, struct feed, node));
        }
        strmap_release(&all->by_topic);
        free(all);
    }
    return NULL;
}

/* ---- users ---- */

static struct feed *feed_create(struct feeds *all, struct str topic)
{
    struct feed *f = calloc(1, sizeof(*f) + topic.n);
    if (!f) {
        return NULL;
    }
    memcpy(f->name, topic.p, topic.n);
    f->topic = (struct str){f->name, topic.n};
    f->feeds = all;
    f->server = (uint8_t)bus_server_of(all->bus, f->topic);
    list_init(&f->waiting);
    if (!strmap_add(&all->by_topic, f->topic, f)) {
        free(f);
        return NULL;
    }
    list_push_back(&all->all, &f->node);
    all->metrics->topics = (int64_t)all->by_topic.count;
    if (all->subscribers_up & 1u << f->server) {
        feed_join(f);
    }
    return f;
}

struct feed *feed_get(struct feeds *all, struct str topic, void *owner)
{
    struct feed *f = strmap_get(&all->by_topic, topic);
    if (!f) {
        f = feed_create(all, topic);
    }
    if (f) {
        f->owner = owner;
    }
    return f;
}

bool feeds_position(const struct feeds *all, struct str topic, struct position *out)
{
    const struct feed *f = strmap_get(&all->by_topic, topic);
    if (!f || f->state != FEED_LIVE) {
        return false;
    }
    *out = f->position;
    return true;
}

void feed_put(struct feed *f)
{
    f->owner = NULL;
    f->idle_since_ms = clock_mono_ms();
}

bool feed_is_live(const struct feed *f)
{
    return f->state == FEED_LIVE;
}

struct str feed_topic(const struct feed *f)
{
    return f->topic;
}

const struct position *feed_position(const struct feed *f)
{
    return &f->position;
}

size_t feeds_count(const struct feeds *all)
{
    return all->by_topic.count;
}

void feeds_debug(const struct feeds *all, struct buf *out)
{
    static const char *const states[] = {"away", "subscribing", "reading", "live"};
    const char *comma = "";

    LIST_FOR_EACH (it, next, &all->all) {
        const struct feed *f = LIST_ENTRY(it, struct feed, node);
        char position[POSITION_TEXT_MAX + 1];
        size_t n = position_write(&f->position, position);
        buf_addf(out, "%s{\"topic\":", comma);
        buf_add_json(out, f->topic);
        buf_addf(out, ",\"state\":\"%s\",\"position\":\"%.*s\",\"used\":%s,\"last_event\":%lld,",
                 states[f->state], (int)n, position, f->owner ? "true" : "false",
                 (long long)f->last_event_s);
        buf_addf(out, "\"ring_events\":%zu,\"ring_bytes\":%zu}", f->ring.count, f->ring.bytes);
        comma = ",";
    }
}
