/* SPDX-License-Identifier: MIT */
#include "gateway/hub.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "gateway/gw_metrics.h"
#include "gateway/hub_internal.h"
#include "gateway/rendering.h"
#include "gateway/users.h"
#include "proto/server_text.h"

struct hub *hub_create(const struct hub_options *o)
{
    struct hub *h = calloc(1, sizeof(*h));
    if (h) {
        h->feeds = o->feeds;
        h->handler = o->handler;
        h->metrics = o->metrics;
        h->note_event = o->note_event;
        h->note_arg = o->note_arg;
    }
    return h;
}

struct hub *hub_free(struct hub *h)
{
    if (h) {
        strmap_release(&h->topics);
        free(h);
    }
    return NULL;
}

/* ---- arrays of live subscriptions ---- */

static bool array_add(struct sub_array *a, struct subscription *sub)
{
    if (a->n == a->cap) {
        uint32_t cap = a->cap ? a->cap * 2 : 4;
        struct subscription **v = realloc(a->v, cap * sizeof(struct subscription *));
        if (!v) {
            return false;
        }
        a->v = v;
        a->cap = cap;
    }
    sub->index = a->n;
    a->v[a->n++] = sub;
    return true;
}

static void array_remove(struct sub_array *a, struct subscription *sub)
{
    struct subscription *last = a->v[--a->n];
    a->v[sub->index] = last;
    last->index = sub->index;
}

static bool index_user(struct view *v, struct subscription *sub)
{
    struct str name = user_name(sub->user);
    struct subscription *first = strmap_get(&v->by_user, name);
    sub->same_user_prev = NULL;
    sub->same_user_next = first;
    if (!first) {
        return strmap_add(&v->by_user, name, sub);
    }
    first->same_user_prev = sub;
    strmap_replace(&v->by_user, name, sub);
    return true;
}

static void unindex_user(struct view *v, struct subscription *sub)
{
    if (sub->same_user_next) {
        sub->same_user_next->same_user_prev = sub->same_user_prev;
    }
    if (sub->same_user_prev) {
        sub->same_user_prev->same_user_next = sub->same_user_next;
    } else if (sub->same_user_next) {
        strmap_replace(&v->by_user, user_name(sub->user), sub->same_user_next);
    } else {
        (void)strmap_remove(&v->by_user, user_name(sub->user));
    }
    sub->same_user_prev = NULL;
    sub->same_user_next = NULL;
}

/* When memory is short the subscription stays in `catching`: the next event, or the next end of
 * a backfill, tries again. */
void view_go_live(struct view *v, struct subscription *sub)
{
    struct sub_array *a = sub->sight == SIGHT_ALL ? &v->all : &v->rest;
    if (!array_add(a, sub)) {
        return;
    }
    if (sub->sight == SIGHT_PUBLIC && sub->user && !index_user(v, sub)) {
        array_remove(a, sub);
        return;
    }
    list_del(&sub->catching_node);
    sub->state = SUB_LIVE;
    if (list_empty(&v->catching)) {
        replay_cache_drop(v);
    }
}

void view_out_of_live(struct view *v, struct subscription *sub)
{
    if (sub->state == SUB_LIVE) {
        array_remove(sub->sight == SIGHT_ALL ? &v->all : &v->rest, sub);
        if (sub->sight == SIGHT_PUBLIC && sub->user) {
            unindex_user(v, sub);
        }
        list_push_back(&v->catching, &sub->catching_node);
        sub->state = SUB_WAITING;
    }
}

/* ---- topics and views ---- */

static struct topic *topic_create(struct hub *h, struct str name)
{
    struct topic *t = calloc(1, sizeof(*t) + name.n);
    if (!t) {
        return NULL;
    }
    memcpy(t->text, name.p, name.n);
    t->name = (struct str){t->text, name.n};
    t->hub = h;
    list_init(&t->views);
    t->feed = feed_get(h->feeds, t->name, t);
    if (!t->feed || !strmap_add(&h->topics, t->name, t)) {
        if (t->feed) {
            feed_put(t->feed);
        }
        free(t);
        return NULL;
    }
    return t;
}

static void topic_drop_if_unused(struct topic *t)
{
    if (list_empty(&t->views)) {
        (void)strmap_remove(&t->hub->topics, t->name);
        feed_put(t->feed);
        free(t);
    }
}

static struct view *view_find(struct topic *t, const struct hub_place *place)
{
    LIST_FOR_EACH (it, next, &t->views) {
        struct view *v = LIST_ENTRY(it, struct view, node);
        if (v->kind == place->kind && str_eq(view_label(v), place->label)) {
            return v;
        }
    }
    return NULL;
}

static struct view *view_create(struct topic *t, const struct hub_place *place)
{
    struct view *v = calloc(1, sizeof(*v) + place->label.n);
    if (v) {
        v->topic = t;
        v->kind = place->kind;
        v->id = ++t->hub->next_view_id;
        list_init(&v->catching);
        v->label_len = place->label.n;
        if (place->label.n) {
            memcpy(v->label, place->label.p, place->label.n);
        }
        list_push_back(&t->views, &v->node);
    }
    return v;
}

static void view_drop_if_unused(struct view *v)
{
    if (v->n_subs > 0) {
        return;
    }
    replay_cache_drop(v);
    list_del(&v->node);
    strmap_release(&v->by_user);
    free(v->all.v);
    free(v->rest.v);
    free(v);
}

bool hub_join(struct hub *h, struct subscription *sub, const struct hub_place *place)
{
    struct topic *t = strmap_get(&h->topics, place->topic);
    if (!t) {
        t = topic_create(h, place->topic);
    }
    if (!t) {
        return false;
    }
    struct view *v = view_find(t, place);
    if (!v) {
        v = view_create(t, place);
    }
    if (!v) {
        topic_drop_if_unused(t);
        return false;
    }
    v->n_subs++;
    sub->view = v;
    sub->state = SUB_ASKING;
    sub->asked_at = feed_moment(t->feed);
    list_push_back(&v->catching, &sub->catching_node);
    replay_settle(h, sub);
    return true;
}

void hub_allow(struct hub *h, struct subscription *sub, enum sight sight)
{
    sub->sight = sight;
    sub->state = SUB_WAITING;
    h->metrics->subscriptions++;
    replay_settle(h, sub);
}

void hub_leave(struct hub *h, struct subscription *sub)
{
    struct view *v = sub->view;
    if (!v) {
        return;
    }
    if (sub->state != SUB_ASKING) {
        h->metrics->subscriptions--;
    }
    view_out_of_live(v, sub);
    list_del(&sub->catching_node);
    if (list_empty(&v->catching)) {
        replay_cache_drop(v);
    }
    sub->view = NULL;
    v->n_subs--;
    struct topic *t = v->topic;
    view_drop_if_unused(v);
    topic_drop_if_unused(t);
}

void hub_restart(struct hub *h, struct subscription *sub)
{
    bool settled = sub->state == SUB_LIVE || sub->state == SUB_REPLAYING;
    if (!sub->has_asked && settled) {
        struct position p = *feed_position(sub->view->topic->feed);
        p.offset = sub->state == SUB_LIVE ? p.offset : sub->cursor;
        h->handler->on_joined(sub, &p, RECOVERED_UNASKED);
        return;
    }
    view_out_of_live(sub->view, sub);
    sub->asked_at = feed_moment(sub->view->topic->feed);
    if (sub->state != SUB_ASKING) {
        sub->state = SUB_WAITING;
    }
    replay_settle(h, sub);
}

bool subscription_position(const struct subscription *sub, struct position *out)
{
    if (!sub->view || (sub->state != SUB_LIVE && sub->state != SUB_REPLAYING)) {
        return false;
    }
    *out = *feed_position(sub->view->topic->feed);
    if (sub->state == SUB_REPLAYING) {
        out->offset = sub->cursor;
    }
    return true;
}

struct str subscription_label(const struct subscription *sub)
{
    return view_label(sub->view);
}

enum view_kind subscription_kind(const struct subscription *sub)
{
    return sub->view->kind;
}

struct str subscription_topic(const struct subscription *sub)
{
    return sub->view->topic->name;
}

/* ---- fan-out ---- */

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

static void fan_out(struct hub *h, struct view *v, const struct published *p)
{
    const struct event *e = &p->event;
    struct fanout f = {.hub = h, .view = v, .p = p};

    for (uint32_t i = 0; i < v->all.n; i++) {
        send_to(&f, v->all.v[i]);
    }
    if (e->is_public) {
        for (uint32_t i = 0; i < v->rest.n; i++) {
            send_to(&f, v->rest.v[i]);
        }
    } else if (e->user.n > 0) {
        struct subscription *sub = strmap_get(&v->by_user, e->user);
        for (; sub; sub = sub->same_user_next) {
            send_to(&f, sub);
        }
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
        if (access_carries(v->kind, p->event.type)) {
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
        if (!access_carries(v->kind, marker->event.type)) {
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

void hub_send_positions(struct hub *h)
{
    struct strmap_iter it = {0};
    struct topic *t;
    while ((t = strmap_next(&h->topics, &it)) != NULL) {
        const struct position *p = feed_position(t->feed);
        LIST_FOR_EACH (node, next, &t->views) {
            struct view *v = LIST_ENTRY(node, struct view, node);
            struct rendering *r = NULL;
            struct sub_array *const arrays[] = {&v->all, &v->rest};
            for (size_t a = 0; v->kind != VIEW_LEGACY && a < ARRAY_LEN(arrays); a++) {
                r = replay_send_position(h, arrays[a], view_label(v), p, r);
            }
            rendering_unref(r);
        }
    }
}
