/* SPDX-License-Identifier: MIT */
/* Catching up: from "may see it" to "gets what is new", with what was missed in between.
 *
 * A replay is pulled: a subscription has a cursor and is given events while its session has little
 * to send; it gets nothing live before the cursor meets the feed's position.
 */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/msg.h"
#include "gateway/gw_metrics.h"
#include "gateway/hub/hub_internal.h"
#include "gateway/hub/rendering.h"
#include "gateway/hub/users.h"

/* ---- renderings shared by those who replay the same events ---- */

void replay_cache_drop(struct view *v)
{
    if (!v->cache) {
        return;
    }
    for (size_t i = 0; i < REPLAY_CACHE; i++) {
        rendering_unref(v->cache->slot[i].r);
    }
    free(v->cache);
    v->cache = NULL;
}

/* Clients resume one after another, and each would have every event compressed anew. */
#define REPLAY_CACHE_KEPT_BYTES 4096 /* of one rendering */
void replay_cache_rest(struct view *v)
{
    for (size_t i = 0; v->cache && i < REPLAY_CACHE; i++) {
        struct rendering *r = v->cache->slot[i].r;
        if (r && rendering_bytes(r) > REPLAY_CACHE_KEPT_BYTES) {
            v->cache->slot[i].r = rendering_unref(r);
        }
    }
}

void replay_cache_sweep(struct view *v)
{
    if (!v->cache || !list_empty(&v->catching)) {
        return;
    }
    if (!v->cache->is_used) {
        replay_cache_drop(v);
        return;
    }
    v->cache->is_used = false;
}

/* With one reference for the caller; NULL: out of memory. */
static struct rendering *cached_render(struct view *v, const struct published *p)
{
    if (!v->cache) {
        v->cache = calloc(1, sizeof(*v->cache));
    }
    if (!v->cache) {
        return view_render(v, p);
    }
    v->cache->is_used = true;
    size_t i = p->position.offset % REPLAY_CACHE;
    struct rendering *r = v->cache->slot[i].r;
    if (r && v->cache->slot[i].offset == p->position.offset) {
        return rendering_ref(r);
    }
    rendering_unref(r);
    r = view_render(v, p);
    v->cache->slot[i].r = r ? rendering_ref(r) : NULL;
    v->cache->slot[i].offset = p->position.offset;
    return r;
}

/* ---- reset ---- */

struct rendering *replay_render_text(struct buf *text, struct str type, struct str channel,
                                     const struct position *p)
{
    struct rendering *r = text->failed ? NULL : rendering_create(buf_str(text), type, 0, 0);
    buf_release(text);
    if (r) {
        rendering_set_position(r, channel, p);
    }
    return r;
}

void replay_reset(struct hub *h, struct subscription *sub)
{
    const struct position *p = feed_position(sub->view->topic->feed);
    sub->cursor = p->offset;
    memset(sub->replay_skipped, 0, sizeof(sub->replay_skipped));
    if (sub->view->kind == VIEW_LEGACY) {
        scoreboards_ask(sub);
        return;
    }
    struct buf text = {0};
    server_text_reset(&text, view_label(sub->view), p);
    struct rendering *r = replay_render_text(&text, STR("reset"), view_label(sub->view), p);
    if (r) {
        h->metrics->resets++;
        h->handler->deliver(sub->session, r, 0);
        rendering_unref(r);
    }
}

/* ---- replay ---- */

static void replay_event(struct hub *h, struct subscription *sub, const struct ring_entry *entry)
{
    struct published p;
    if (published_decode(msg_str(entry->m), &p) != EVENT_OK) {
        return; /* it was decoded before it came into the ring */
    }
    struct view *v = sub->view;
    struct str user = sub->user ? user_name(sub->user) : STR_NONE;
    if (!visibility_carries(v->kind, p.event.type) ||
        !visibility_sees(sub->sight, user, &p.event) ||
        (sub->check_first && !h->handler->is_first(sub, &p.event))) {
        return;
    }
    uint32_t skipped = 0;
    if (entry->kind != RING_EVENT) {
        skipped = sub->replay_skipped[p.event.is_public];
        sub->replay_skipped[p.event.is_public] = 0;
    }
    struct rendering *r = cached_render(v, &p);
    if (r) {
        h->handler->replay(sub->session, r, skipped);
        rendering_unref(r);
    } else {
        replay_reset(h, sub);
    }
}

/* One step. False: nothing can be done now. */
static bool replay_step(struct hub *h, struct subscription *sub)
{
    struct feed *feed = sub->view->topic->feed;
    const struct ring_entry *entry = feed_entry(feed, sub->cursor + 1);
    if (!entry) {
        if (feed_reach(feed, sub->cursor) == FEED_LOST) {
            replay_reset(h, sub);
            return true;
        }
        return false;
    }
    sub->cursor++;
    if (entry->m) {
        replay_event(h, sub, entry);
    } else if (entry->kind != RING_EVENT) {
        sub->replay_skipped[entry->kind == RING_SCOREBOARD_PUBLIC]++;
    }
    return true;
}

void hub_pump(struct hub *h, struct subscription *sub)
{
    if (sub->state != SUB_REPLAYING) {
        return;
    }
    const struct position *p = feed_position(sub->view->topic->feed);
    while (sub->cursor < p->offset) {
        if (!h->handler->may_replay(sub->session) || !replay_step(h, sub)) {
            return;
        }
    }
    view_go_live(sub->view, sub);
}

/* ---- settling ---- */

static void settle(struct hub *h, struct subscription *sub, const struct position *p,
                   enum recovered r)
{
    sub->cursor = p->offset;
    sub->state = SUB_REPLAYING;
    memset(sub->replay_skipped, 0, sizeof(sub->replay_skipped));
    h->metrics->resumed += r == RECOVERED_YES;
    h->metrics->not_resumed += r == RECOVERED_NO;
    h->handler->on_joined(sub, p, r);
    if (sub->view->kind == VIEW_LEGACY && r == RECOVERED_NO) {
        scoreboards_ask(sub);
    }
    hub_pump(h, sub);
}

/* Can the events after sub->start.at be had? FEED_ASKED: not known yet, and this is asked again. */
static enum feed_reach reach_start(struct subscription *sub)
{
    struct feed *feed = sub->view->topic->feed;
    const struct position *now = feed_position(feed);
    struct position at = sub->start.at; /* as the client knows it, which is what it is told */
    feed_rebase(feed, &at);
    if (position_same_epoch(&at, now) && at.offset <= now->offset) {
        return feed_reach(feed, at.offset);
    }
    if (sub->start.kind == START_AFTER && !feed_is_confirmed(feed, sub->start.asked_at)) {
        feed_confirm(feed); /* it may be us who lag */
        return FEED_ASKED;
    }
    return FEED_LOST;
}

/* The moment becomes a place in the topic. False: not known yet. */
static bool find_moment(struct subscription *sub)
{
    struct feed *feed = sub->view->topic->feed;
    struct position at;
    switch (feed_since(feed, sub->start.since_us, &at)) {
    case FEED_HAS: sub->start = (struct sub_start){.kind = START_HELD, .at = at}; break;
    case FEED_LOST: sub->start = (struct sub_start){.kind = START_NOW}; break;
    case FEED_ASKED: return false;
    }
    return true;
}

/* The feed is live: from where does the subscription start? */
static void settle_start(struct hub *h, struct subscription *sub)
{
    const struct position *now = feed_position(sub->view->topic->feed);
    bool was_after = sub->start.kind == START_AFTER;
    if (sub->start.kind == START_SINCE && !find_moment(sub)) {
        return;
    }
    switch (sub->start.kind) {
    case START_NOW: settle(h, sub, now, RECOVERED_UNASKED); return;
    case START_UNREADABLE: settle(h, sub, now, RECOVERED_NO); return;
    case START_AFTER:
    case START_HELD: break;
    case START_SINCE: return; /* find_moment() has put another in its place */
    }
    switch (reach_start(sub)) {
    case FEED_HAS:
        settle(h, sub, &sub->start.at, was_after ? RECOVERED_YES : RECOVERED_UNASKED);
        return;
    case FEED_ASKED: return; /* on_backfill() comes back here */
    case FEED_LOST: break;
    }
    if (!h->handler->next_start(sub)) {
        settle(h, sub, now, was_after ? RECOVERED_NO : RECOVERED_UNASKED);
        return;
    }
    h->metrics->not_resumed += was_after;
    if (was_after) { /* legacy: nobody tells its client that something is missing */
        scoreboards_ask(sub);
    }
    settle_start(h, sub);
}

/* Looks whether a subscription that is not LIVE can go on. */
void replay_settle(struct hub *h, struct subscription *sub)
{
    struct feed *feed = sub->view->topic->feed;
    if (!feed_is_live(feed)) {
        return;
    }
    switch (sub->state) {
    case SUB_WAITING: settle_start(h, sub); break;
    case SUB_REPLAYING: hub_pump(h, sub); break;
    case SUB_LIVE: break;
    }
}

void replay_settle_all(struct hub *h, struct topic *t)
{
    LIST_FOR_EACH (it, next, &t->views) {
        struct view *v = LIST_ENTRY(it, struct view, node);
        LIST_FOR_EACH (sub_it, sub_next, &v->catching) {
            replay_settle(h, LIST_ENTRY(sub_it, struct subscription, catching_node));
        }
    }
}
