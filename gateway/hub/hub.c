/* SPDX-License-Identifier: MIT */
#include "gateway/hub/hub.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/gw_metrics.h"
#include "gateway/hub/hub_internal.h"
#include "gateway/hub/users.h"

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
        uint32_t cap = a->cap ? a->cap * 2 : 2; /* a user's own channel has one mostly */
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

/* Takes it off `catching`: where it stood there, its place in the index is noted. */
static bool index_user(struct view *v, struct subscription *sub)
{
    struct str name = user_name(sub->user);
    struct subscription *first = strmap_get(&v->by_user, name);
    if (first) {
        first->same_user_prev = sub;
        strmap_replace(&v->by_user, name, sub);
    } else if (!strmap_add(&v->by_user, name, sub)) {
        return false;
    }
    list_del(&sub->catching_node);
    sub->same_user_prev = NULL;
    sub->same_user_next = first;
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
}

/* When memory is short the subscription stays in `catching`: the next event, or the next end of
 * a backfill, tries again. */
void view_go_live(struct view *v, struct subscription *sub)
{
    struct sub_array *a = sub->sight == SIGHT_ALL ? &v->all : &v->rest;
    if (!array_add(a, sub)) {
        return;
    }
    if (sub->sight != SIGHT_PUBLIC || !sub->user) {
        list_del(&sub->catching_node);
    } else if (!index_user(v, sub)) {
        array_remove(a, sub);
        return;
    }
    sub->state = SUB_LIVE;
    if (list_empty(&v->catching)) {
        replay_cache_rest(v);
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
    struct topic *t = calloc(1, sizeof(*t));
    if (!t) {
        return NULL;
    }
    t->hub = h;
    list_init(&t->views);
    t->feed = feed_get(h->feeds, name, t);
    if (!t->feed || !strmap_add(&h->topics, feed_topic(t->feed), t)) {
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
        (void)strmap_remove(&t->hub->topics, feed_topic(t->feed));
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
        v->label_len = (uint32_t)place->label.n;
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

bool hub_join(struct hub *h, struct subscription *sub, const struct hub_place *place,
              enum sight sight)
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
    h->metrics->subscriptions++;
    sub->view = v;
    sub->sight = sight;
    sub->state = SUB_WAITING;
    sub->start.asked_at = feed_moment(t->feed);
    list_push_back(&v->catching, &sub->catching_node);
    replay_settle(h, sub);
    return true;
}

void hub_leave(struct hub *h, struct subscription *sub)
{
    struct view *v = sub->view;
    if (!v) {
        return;
    }
    h->metrics->subscriptions--;
    view_out_of_live(v, sub);
    list_del(&sub->catching_node);
    if (list_empty(&v->catching)) {
        replay_cache_rest(v);
    }
    sub->view = NULL;
    v->n_subs--;
    struct topic *t = v->topic;
    view_drop_if_unused(v);
    topic_drop_if_unused(t);
}

void hub_restart(struct hub *h, struct subscription *sub)
{
    if (sub->start.kind == START_NOW && sub->state != SUB_WAITING) {
        struct position p;
        if (subscription_position(sub, &p)) {
            h->handler->on_joined(sub, &p, RECOVERED_UNASKED);
        }
        return;
    }
    view_out_of_live(sub->view, sub);
    sub->start.asked_at = feed_moment(sub->view->topic->feed);
    sub->state = SUB_WAITING;
    replay_settle(h, sub);
}

bool subscription_position(const struct subscription *sub, struct position *out)
{
    if (!sub->view || sub->state == SUB_WAITING) {
        return false;
    }
    *out = *feed_position(sub->view->topic->feed);
    if (sub->state == SUB_REPLAYING) {
        out->offset = sub->cursor;
    }
    return true;
}

void subscription_rebase(const struct subscription *sub, struct position *p)
{
    if (sub->view) {
        feed_rebase(sub->view->topic->feed, p);
    }
}

struct str subscription_topic(const struct subscription *sub)
{
    return feed_topic(sub->view->topic->feed);
}
