/* SPDX-License-Identifier: MIT */
/* Is a feed's position still the newest? Asked now and then of a quiet topic, and when a client knows
 * of a newer position than we do. */
#include <string.h>

#include "common/log.h"
#include "gateway/bus/feed_internal.h"
#include "gateway/gw_metrics.h"

static struct position newest(const struct bus_page *page)
{
    struct position p = {.offset = page->last};
    memcpy(p.epoch, page->epoch.p, EPOCH_LEN);
    return p;
}

/* ---- the position check of a quiet topic ---- */

static void on_check(const struct redis_reply *r, void *arg)
{
    struct feed *f = arg;
    struct bus_page page;
    if (!bus_page_of(r, &page)) {
        return;
    }
    struct position now = newest(&page);
    if (position_same_epoch(&f->position, &now) && now.offset <= f->position.offset) {
        f->disagreements = 0;
        return;
    }
    /* The first time the message may just be under way on the other connection. */
    if (++f->disagreements < 2) {
        feed_check_position(f);
        return;
    }
    f->disagreements = 0;
    f->feeds->metrics->gaps_found++;
    log_warn("missed events in a quiet topic", LF_S("topic", f->topic),
             LF_U64("at", f->position.offset), LF_U64("newest", now.offset));
    feed_start_read(f);
}

void feed_check_position(struct feed *f)
{
    const struct bus_read q = {.topic = f->topic};
    if (!f->reading &&
        !bus_read_topic(f->feeds->bus, &q, &(struct redis_asker){on_check, f, &f->reading})) {
        log_debug("position not checked", LF_S("topic", f->topic));
    }
}

/* ---- a client that knows of a newer position ---- */

uint32_t feed_moment(const struct feed *f)
{
    return f->confirms_begun;
}

bool feed_is_confirmed(const struct feed *f, uint32_t since)
{
    return (int16_t)(uint16_t)(f->confirms_done - since) > 0;
}

static void on_confirm(const struct redis_reply *r, void *arg)
{
    struct feed *f = arg;
    struct bus_page page;
    if (!bus_page_of(r, &page)) {
        return; /* feed_retry_confirm() */
    }
    f->confirms_done = f->confirms_begun;
    if (f->state != FEED_LIVE) {
        return; /* on_live() follows */
    }
    struct position now = newest(&page);
    if (!position_same_epoch(&f->position, &now) || now.offset > f->position.offset) {
        feed_start_read(f);
    } else if (f->owner) {
        f->feeds->handler->on_backfill(f->owner);
    }
}

void feed_confirm(struct feed *f)
{
    if (f->confirming) {
        return; /* perhaps too old an answer: who waits asks again then */
    }
    const struct bus_read q = {.topic = f->topic};
    f->confirms_begun++;
    if (!bus_read_topic(f->feeds->bus, &q, &(struct redis_asker){on_confirm, f, &f->confirming})) {
        log_debug("position to be confirmed later", LF_S("topic", f->topic));
    }
}

void feed_retry_confirm(struct feed *f)
{
    if (f->confirms_done != f->confirms_begun && f->owner) {
        feed_confirm(f);
    }
}
