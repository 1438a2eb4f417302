/* SPDX-License-Identifier: MIT */
/* Order and holes: how live messages and pages of the log become one sequence.
 *
 * Everything that is accepted goes through accept_event() with offset = position + 1.
 */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/msg.h"
#include "gateway/bus/feed_internal.h"
#include "gateway/gw_metrics.h"
#include "proto/limits.h"

/* ---- waiting live messages ---- */

static void waiting_free(struct feed *f, struct waiting_msg *w)
{
    f->waiting_bytes -= (uint32_t)w->m->len;
    list_del(&w->node);
    msg_unref(w->m);
    free(w);
}

void feed_drop_waiting(struct feed *f)
{
    LIST_FOR_EACH (it, next, &f->waiting) {
        waiting_free(f, LIST_ENTRY(it, struct waiting_msg, node));
    }
}

static void wait_with(struct feed *f, struct str bytes)
{
    struct waiting_msg *w = NULL;
    if (!f->skip_ahead && f->waiting_bytes + bytes.n <= LIMIT_TOPIC_PENDING_BYTES) {
        w = calloc(1, sizeof(*w));
    }
    if (w) {
        w->m = msg_copy(bytes);
    }
    if (!w || !w->m) {
        free(w);
        /* The log is read too slowly for what arrives: give the range up, openly. */
        feed_drop_waiting(f);
        f->skip_ahead = true;
        return;
    }
    list_push_back(&f->waiting, &w->node);
    f->waiting_bytes += (uint32_t)w->m->len;
}

/* ---- accepting ---- */

/* What tells one "nothing yet" from another. */
static uint32_t nothing_digits(const char *epoch)
{
    char digits[9] = "";
    memcpy(digits, epoch, 8);
    return (uint32_t)strtoul(digits, NULL, 16);
}

bool feed_decode(struct feed *f, struct str bytes, struct published *out)
{
    if (published_decode(bytes, out) == EVENT_OK) {
        return true;
    }
    /* Of a newer version, or damaged: when it at least says where it stands, its place in the
     * sequence is taken without showing it to anybody; else it would be a hole for ever. */
    f->feeds->metrics->events_malformed++;
    out->event = (struct event){.type = EVENT_OTHER, .is_marker = true};
    return published_position(bytes, &out->position) == EVENT_OK;
}

static void accept_event(struct feed *f, const struct published *p, struct msg *m)
{
    f->position = p->position;
    f->quiet_since_ms = clock_mono_ms();
    f->last_event_s = p->event.timestamp_s;
    f->disagreements = 0;
    feed_ring_append(f, p, m);
    if (f->owner && !p->event.is_marker) {
        f->feeds->handler->on_event(f->owner, p);
    } else if (f->owner && p->event.type == EVENT_SCOREBOARD_UPDATE) {
        f->feeds->handler->on_replaced(f->owner, p);
    }
}

static void reset_to(struct feed *f, struct str epoch, uint64_t offset)
{
    log_info("topic reset", LF_S("topic", f->topic), LF_STR("from_epoch", f->position.epoch),
             LF_U64("from", f->position.offset), LF_S("epoch", epoch), LF_U64("to", offset));
    if (!str_eq(epoch, str_of(f->position.epoch))) {
        free(f->left);
        f->left = malloc(sizeof(*f->left));
        if (f->left) {
            *f->left = f->position;
        }
    }
    memcpy(f->position.epoch, epoch.p, EPOCH_LEN);
    f->position.epoch[EPOCH_LEN] = '\0';
    f->position.offset = offset;
    f->log_floor = 0;
    feed_ring_clear(f);
    if (f->owner) {
        f->feeds->handler->on_reset(f->owner);
    }
}

static bool is_known(const struct feed *f)
{
    return f->position.epoch[0] != '\0';
}

static bool is_epoch(const struct feed *f, const struct position *p)
{
    return strcmp(f->position.epoch, p->epoch) == 0;
}

/* Does the event at p come directly after our position? Where we have heard that there was nothing
 * yet, the first of any epoch does. */
static bool is_next(const struct feed *f, const struct position *p)
{
    return p->offset == f->position.offset + 1 &&
           (is_epoch(f, p) || position_is_nothing(&f->position));
}

void feed_rebase(const struct feed *f, struct position *p)
{
    if (position_is_nothing(p) && nothing_digits(p->epoch) == f->nothing) {
        memcpy(p->epoch, f->position.epoch, sizeof(p->epoch));
    }
}

/* "Nothing yet" was left for the page's epoch. Whoever left another epoch since then has missed that
 * one if he knows of nothing yet. */
static void note_nothing(struct feed *f, const struct bus_page *page)
{
    bool left_another = is_known(f) && !position_is_nothing(&f->position) &&
                        nothing_digits(page->nothing.p) == f->nothing;
    f->nothing = page->base == 0 && !left_another ? nothing_digits(page->nothing.p) : 0;
}

/* ---- from READING to LIVE ---- */

/* Takes what waited; stops at a hole. True: nothing waits any more. */
static bool take_waiting(struct feed *f)
{
    /* The analyzer does not see that list_del() has changed the head before a node is freed. */
    LIST_FOR_EACH (it, next, &f->waiting) { /* NOLINT(clang-analyzer-unix.Malloc) */
        struct waiting_msg *w = LIST_ENTRY(it, struct waiting_msg, node);
        struct published p;
        if (!feed_decode(f, msg_str(w->m), &p)) {
            waiting_free(f, w);
            continue;
        }
        if (is_next(f, &p.position)) {
            accept_event(f, &p, w->m);
        } else if (!is_epoch(f, &p.position) || p.position.offset > f->position.offset) {
            return false;
        }
        waiting_free(f, w);
    }
    return true;
}

static void become_live(struct feed *f)
{
    f->state = FEED_LIVE;
    f->disagreements = 0;
    f->quiet_since_ms = clock_mono_ms();
    if (f->owner) { /* after a repair too: somebody may have come during it, and waits */
        f->feeds->handler->on_live(f->owner);
    }
}

/* The log was read to its end. When what waited does not follow, the log is read again: something
 * was published in between. What still does not follow after that comes from an older history
 * (heard just before a failover) or from no publisher at all: it is nobody's, and dropped. */
static void finish_read(struct feed *f)
{
    while (!take_waiting(f)) {
        if (f->disagreements++ < 3) {
            feed_start_read(f);
            return;
        }
        waiting_free(f, LIST_ENTRY(list_first(&f->waiting), struct waiting_msg, node));
    }
    become_live(f);
}

/* ---- reading ---- */

/* Puts the scoreboard in the place of its marker, unless a newer one replaces it. False: its text
 * is gone, and there is no newer one. */
static bool find_scoreboard(const struct feed *f, const struct bus_page *page, struct published *p,
                            struct str *text)
{
    struct str state = page->state[p->event.is_public];
    struct position at;
    if (published_position(state, &at) != EVENT_OK || !is_epoch(f, &at) ||
        at.offset < p->position.offset) {
        return false;
    }
    struct published whole;
    if (at.offset == p->position.offset && published_decode(state, &whole) == EVENT_OK) {
        *p = whole;
        *text = state;
    }
    return true;
}

/* One entry of a page. False: the log has a hole before it, or there. */
static bool take_entry(struct feed *f, struct str bytes, const struct bus_page *page)
{
    struct published p;
    if (!feed_decode(f, bytes, &p)) {
        return false;
    }
    if (p.position.offset <= f->position.offset) {
        return true;
    }
    if (!is_epoch(f, &p.position) || p.position.offset != f->position.offset + 1) {
        return false;
    }
    struct str text = bytes;
    if (p.event.is_marker && p.event.type == EVENT_SCOREBOARD_UPDATE &&
        !find_scoreboard(f, page, &p, &text)) {
        return false;
    }
    struct msg *m = p.event.is_marker ? NULL : msg_copy(text);
    f->feeds->metrics->events_repaired++;
    accept_event(f, &p, m);
    msg_unref(m);
    return true;
}

/* Do the page's entries hold a marker? Then the scoreboards' texts are needed. */
static bool has_marker(const struct bus_page *page)
{
    for (size_t i = 0; i < page->entries.n; i++) {
        struct published p;
        struct str entry = redis_reply_text_at(&page->entries, i);
        if (published_decode(entry, &p) == EVENT_OK && p.event.is_marker) {
            return true;
        }
    }
    return false;
}

/* Where to begin in the history that the page is of. One that was left and is back (the link was at
 * a wrong server meanwhile) goes on where it was left, so that nothing comes twice. A young one is
 * shown from its beginning: its events were published while nobody could hear them. */
static uint64_t landing(const struct feed *f, const struct bus_page *page)
{
    if (f->skip_ahead || str_eq(page->epoch, str_of(f->position.epoch))) {
        return page->last;
    }
    if (f->left && str_eq(page->epoch, str_of(f->left->epoch)) && f->left->offset <= page->last) {
        return f->left->offset;
    }
    return page->last <= LIMIT_LOG_PAGE_ENTRIES ? page->base : page->last;
}

/* To the new history, or past what could not be kept. */
static void jump(struct feed *f, const struct bus_page *page)
{
    uint64_t to = landing(f, page);
    f->skip_ahead = false;
    if (!str_eq(page->epoch, str_of(f->position.epoch))) {
        note_nothing(f, page);
    }
    reset_to(f, page->epoch, to);
    if (f->position.offset < page->last) {
        feed_start_read(f);
    } else {
        finish_read(f);
    }
}

/* We knew of nothing yet, and this is what followed: all that is missing lies in the log. */
static bool follows_nothing(const struct feed *f, const struct bus_page *page)
{
    return position_is_nothing(&f->position) && page->base == 0 &&
           str_eq(page->nothing, str_of(f->position.epoch));
}

static void take_page(struct feed *f, const struct bus_page *page)
{
    struct position now = {.offset = page->last};
    memcpy(now.epoch, page->epoch.p, EPOCH_LEN);

    if (!is_known(f)) {
        note_nothing(f, page);
        f->position = now;
        finish_read(f);
        return;
    }
    if (follows_nothing(f, page)) {
        note_nothing(f, page);
        memcpy(f->position.epoch, page->epoch.p, EPOCH_LEN);
    }
    if (!is_epoch(f, &now) || now.offset < f->position.offset || f->skip_ahead) {
        jump(f, page);
        return;
    }
    if (!f->read_states && has_marker(page)) {
        f->read_states = true;
        feed_start_read(f);
        return;
    }
    uint64_t before = f->position.offset;
    bool whole = true;
    for (size_t i = 0; i < page->entries.n && whole; i++) {
        whole = take_entry(f, redis_reply_text_at(&page->entries, i), page);
    }
    /* A page that brings nothing although there is more would be asked for again for ever. */
    whole = whole && (f->position.offset > before || f->position.offset == now.offset);
    if (!whole) {
        reset_to(f, page->epoch, page->last);
    }
    if (f->position.offset < now.offset) {
        feed_start_read(f); /* the next page */
        return;
    }
    f->feeds->metrics->gaps_repaired += whole;
    finish_read(f);
}

static void on_page(const struct redis_reply *r, void *arg)
{
    struct feed *f = arg;
    struct bus_page page;
    if (bus_page_of(r, &page)) {
        feed_note_time(f, &page);
        take_page(f, &page);
    }
    /* Else still READING: feeds_on_reader_up() or the next tick asks again. */
}

void feed_start_read(struct feed *f)
{
    if (f->state != FEED_READING) {
        f->read_states = false;
    }
    f->state = FEED_READING;
    redis_call_cancel(&f->reading); /* a position check */
    const struct bus_read q = {
        .topic = f->topic,
        .after = f->position.offset,
        .count = is_known(f) && !f->skip_ahead ? LIMIT_LOG_PAGE_ENTRIES : 0,
        .states = f->read_states,
    };
    if (!bus_read_topic(f->feeds->bus, &q, &(struct redis_asker){on_page, f, &f->reading})) {
        log_debug("topic to be read later", LF_S("topic", f->topic));
    }
}

void feed_retry_read(struct feed *f)
{
    if (f->state == FEED_READING && !f->reading) {
        feed_start_read(f);
    }
}

/* ---- live ---- */

void feed_take_message(struct feed *f, struct str bytes)
{
    struct published p;
    f->feeds->metrics->events_received++;
    if (!feed_decode(f, bytes, &p)) {
        return;
    }
    if (f->state != FEED_LIVE) {
        wait_with(f, bytes);
        return;
    }
    if (is_epoch(f, &p.position) && p.position.offset <= f->position.offset) {
        return; /* heard or read before */
    }
    if (is_next(f, &p.position)) {
        struct msg *m = msg_copy(bytes);
        accept_event(f, &p, m);
        msg_unref(m);
        return;
    }
    f->feeds->metrics->gaps_found++;
    log_warn("gap in a topic", LF_S("topic", f->topic), LF_U64("at", f->position.offset),
             LF_U64("heard", p.position.offset));
    wait_with(f, bytes);
    feed_start_read(f);
}
