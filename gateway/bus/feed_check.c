/* SPDX-License-Identifier: MIT */
/* Is a feed's position still the newest? Asked now and then of a quiet topic, and when a client knows
 * of a newer position than we do. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
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
    feed_note_time(f, &page);
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

/* ---- where the topic stood at a moment ---- */

#define MOMENT_RECENT_US 1000000
#define MOMENT_SLACK_US 2000000
#define MOMENT_TRIES 3

static int64_t ahead_of(const struct feed *f)
{
    const struct server_clock *c = &f->feeds->clocks[f->server];
    return c->ahead_us - (int64_t)((clock_mono_us() - c->noted_us) / 10000); /* clocks drift */
}

/* An answer tells Redis' time of some moments ago, so its clock is ahead of ours by at least as much as
 * this says. The quickest answer says most, until the clock is set back. */
void feed_note_time(struct feed *f, const struct bus_page *page)
{
    int64_t ahead_us = page->now_us - (int64_t)clock_mono_us();
    struct server_clock *c = &f->feeds->clocks[f->server];
    if (page->now_us > 0 &&
        (c->noted_us == 0 || ahead_us >= ahead_of(f) || ahead_us < ahead_of(f) - MOMENT_SLACK_US)) {
        c->ahead_us = ahead_us;
        c->noted_us = clock_mono_us();
    }
}

/* What was long ago may have been before Redis' clock was set. An event that comes twice is harmless,
 * one that never comes is not. */
static uint64_t slack_of(uint64_t moment_us)
{
    return clock_mono_us() - moment_us < MOMENT_RECENT_US ? 0 : MOMENT_SLACK_US;
}

static void on_since(const struct redis_reply *r, void *arg);

static void ask_since(struct feed *f, uint64_t moment_us)
{
    struct feed_moment *m = f->since;
    const struct bus_read q = {
        .topic = f->topic,
        .since_ms = ((int64_t)(moment_us - slack_of(moment_us)) + ahead_of(f)) / 1000,
    };
    m->moment_us = moment_us;
    m->ahead_us = ahead_of(f);
    m->is_known = false;
    if (!bus_read_topic(f->feeds->bus, &q, &(struct redis_asker){on_since, f, &m->asking})) {
        log_debug("moment to be looked up later", LF_S("topic", f->topic));
    }
}

static void on_since(const struct redis_reply *r, void *arg)
{
    struct feed *f = arg;
    struct feed_moment *m = f->since;
    struct bus_page page;
    if (!bus_page_of(r, &page)) {
        return; /* feed_retry_since() */
    }
    feed_note_time(f, &page);
    if (ahead_of(f) > m->ahead_us && m->tries++ < MOMENT_TRIES) {
        ask_since(f, m->moment_us); /* now it is known better */
        return;
    }
    m->is_known = true;
    m->is_lost = !page.has_since;
    m->at = newest(&page);
    m->at.offset = page.since;
    if (f->owner && f->state == FEED_LIVE) {
        f->feeds->handler->on_backfill(f->owner);
    }
}

enum feed_reach feed_since(struct feed *f, uint64_t moment_us, struct position *out)
{
    if (!f->since) {
        f->since = calloc(1, sizeof(*f->since));
    }
    struct feed_moment *m = f->since;
    if (!m) {
        return FEED_LOST;
    }
    if (m->is_known && m->moment_us <= moment_us &&
        moment_us - m->moment_us <= slack_of(moment_us)) {
        *out = m->at;
        return m->is_lost ? FEED_LOST : FEED_HAS;
    }
    if (!m->asking) {
        m->tries = 0;
        ask_since(f, moment_us);
    }
    return FEED_ASKED;
}

void feed_retry_since(struct feed *f)
{
    const struct feed_moment *m = f->since;
    if (m && f->owner && !m->asking && !m->is_known) {
        ask_since(f, m->moment_us);
    }
}

void feed_drop_since(struct feed *f)
{
    if (f->since) {
        redis_call_cancel(&f->since->asking);
        free(f->since);
        f->since = NULL;
    }
}
