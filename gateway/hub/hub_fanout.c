/* SPDX-License-Identifier: MIT */
/* What a topic's feed brings, to those who want it: each event rendered once per view, and queued
 * with each of its receivers.
 */
#include "common/buf.h"
#include "common/clock.h"
#include "gateway/gw_metrics.h"
#include "gateway/hub/hub_internal.h"
#include "gateway/hub/rendering.h"
#include "proto/server_text.h"

enum { FETCH_AHEAD = 4 }; /* receivers */

/* Scoreboards of one view and kind replace each other in a queue. */
static uint64_t conflation_tag(const struct view *v, const struct event *e)
{
    if (e->type != EVENT_SCOREBOARD_UPDATE) {
        return 0;
    }
    return (uint64_t)v->id << 1 | e->is_public;
}

struct rendering *view_render(const struct view *v, const struct published *p)
{
    const struct event *e = &p->event;
    uint64_t tag = conflation_tag(v, e);
    struct buf text = {0};
    struct rendering *r = NULL;
    if (v->kind == VIEW_LEGACY) {
        r = rendering_create(e->text, STR_NONE, tag, 0);
    } else {
        server_text_event(&text, e, view_label(v), &p->position, 0);
    }
    if (!text.failed && v->kind != VIEW_LEGACY) {
        size_t data = sizeof("\"data\":}") - 1 + event_data_bytes(e);
        size_t skip_at = tag && text.n > data ? text.n - data : 0;
        r = rendering_create(buf_str(&text), e->type_name, tag, skip_at);
    }
    buf_release(&text);
    if (r) {
        rendering_mark_event(r);
        rendering_set_position(r, view_label(v), &p->position);
    }
    return r;
}

/* One event on its way through one view. */
struct fanout {
    struct hub *hub;
    struct view *view;
    const struct published *p;
    struct rendering *r; /* made for the first receiver */
    bool failed;
};

/* Scoreboards that this one stands for: passed in a replay, or when a gap was repaired. */
static uint32_t take_skipped(struct subscription *sub, const struct event *e)
{
    uint32_t n = 0;
    if (e->type == EVENT_SCOREBOARD_UPDATE) {
        n = sub->replay_skipped[e->is_public];
        sub->replay_skipped[e->is_public] = 0;
    }
    return n;
}

static void send_to(struct fanout *f, struct subscription *sub)
{
    const struct hub_handler *handler = f->hub->handler;
    if (sub->check_first && !handler->is_first(sub, &f->p->event)) {
        return;
    }
    if (!f->r && !f->failed) {
        f->r = view_render(f->view, f->p);
        f->failed = !f->r;
    }
    if (f->r) {
        sub->cursor = f->p->position.offset;
        handler->deliver(sub->session, f->r, take_skipped(sub, &f->p->event));
    }
}

/* Queueing takes a tenth of a microsecond, as long as what it looks at need not be waited for:
 * subscriptions a good way ahead, and the sessions of those that have come. */
static void fetch_ahead(const struct sub_array *a, uint32_t i)
{
    if (i + 2 * FETCH_AHEAD < a->n) {
        prefetch(a->v[i + 2 * FETCH_AHEAD]);
        prefetch(a->v[i + FETCH_AHEAD]->session);
    }
}

static void send_to_array(struct fanout *f, const struct sub_array *a)
{
    for (uint32_t i = 0; i < a->n; i++) {
        fetch_ahead(a, i);
        send_to(f, a->v[i]);
    }
}

static void send_to_user(struct fanout *f, struct str user)
{
    struct subscription *sub = strmap_get(&f->view->by_user, user);
    for (; sub; sub = sub->same_user_next) {
        send_to(f, sub);
    }
}

static void fan_out(struct hub *h, struct view *v, const struct published *p)
{
    const struct event *e = &p->event;
    struct fanout f = {.hub = h, .view = v, .p = p};

    send_to_array(&f, &v->all);
    switch (visibility_audience(e)) {
    case AUDIENCE_EVERYBODY: send_to_array(&f, &v->rest); break;
    case AUDIENCE_ITS_USER: send_to_user(&f, e->user); break;
    case AUDIENCE_NOBODY: break;
    }
    rendering_unref(f.r);
    /* No memory: the receivers must know that something is missing. */
    if (f.failed) {
        for (uint32_t i = 0; i < v->all.n; i++) {
            replay_reset(h, v->all.v[i]);
        }
        for (uint32_t i = 0; i < v->rest.n; i++) {
            replay_reset(h, v->rest.v[i]);
        }
    }
}

static void on_feed_event(void *owner, const struct published *p)
{
    struct topic *t = owner;
    struct hub *h = t->hub;
    uint64_t start_us = clock_mono_us();

    h->note_event(h->note_arg, p->event.accepted_ms);
    LIST_FOR_EACH (it, next, &t->views) {
        struct view *v = LIST_ENTRY(it, struct view, node);
        if (visibility_carries(v->kind, p->event.type)) {
            fan_out(h, v, p);
        }
        /* A replay that waits for nothing but this goes on. */
        LIST_FOR_EACH (sub_it, sub_next, &v->catching) {
            hub_pump(h, LIST_ENTRY(sub_it, struct subscription, catching_node));
        }
    }
    histogram_observe(&h->metrics->process, (double)(clock_mono_us() - start_us) / 1e6);
}

static void on_feed_replaced(void *owner, const struct published *marker)
{
    struct topic *t = owner;
    bool is_public = marker->event.is_public;
    LIST_FOR_EACH (it, next, &t->views) {
        struct view *v = LIST_ENTRY(it, struct view, node);
        if (!visibility_carries(v->kind, marker->event.type)) {
            continue;
        }
        for (uint32_t i = 0; i < v->all.n; i++) {
            v->all.v[i]->replay_skipped[is_public]++;
        }
        for (uint32_t i = 0; is_public && i < v->rest.n; i++) {
            v->rest.v[i]->replay_skipped[is_public]++;
        }
    }
}

static void on_feed_live(void *owner)
{
    struct topic *t = owner;
    replay_settle_all(t->hub, t);
}

static void on_feed_reset(void *owner)
{
    struct topic *t = owner;
    LIST_FOR_EACH (it, next, &t->views) {
        struct view *v = LIST_ENTRY(it, struct view, node);
        replay_cache_drop(v); /* its offsets may mean other events from here on */
        for (uint32_t i = 0; i < v->all.n; i++) {
            replay_reset(t->hub, v->all.v[i]);
        }
        for (uint32_t i = 0; i < v->rest.n; i++) {
            replay_reset(t->hub, v->rest.v[i]);
        }
        LIST_FOR_EACH (sub_it, sub_next, &v->catching) {
            struct subscription *sub = LIST_ENTRY(sub_it, struct subscription, catching_node);
            if (sub->state == SUB_REPLAYING) {
                replay_reset(t->hub, sub);
            }
        }
    }
}

const struct feed_handler hub_feed_handler = {
    .on_live = on_feed_live,
    .on_event = on_feed_event,
    .on_replaced = on_feed_replaced,
    .on_reset = on_feed_reset,
    .on_backfill = on_feed_live,
    .on_scoreboards = scoreboards_on_found,
};
