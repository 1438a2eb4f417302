/* SPDX-License-Identifier: MIT */
#pragma once
/* hub: who wants what. Topic -> views -> subscriptions, and back.
 *
 * A view is one way to look at a topic: `/contest/a`, `/contest/a/admin` and `/scoreboard/T` are
 * three views of topic `contest/a`; all legacy filters of a topic are one more. Within a view the
 * hub keeps the subscriptions that see everything, those that see public events, and an index of
 * the latter by user for private ones: an event costs what its receivers cost. Who sees a private
 * event is decided by visibility_audience() alone.
 *
 * States of a subscription (changed only in hub.c and hub_replay.c):
 *   (none)    -> WAITING    hub_join           its session may see it
 *   WAITING   -> REPLAYING  the feed is live and holds what was missed since `start`
 *   REPLAYING -> LIVE       its cursor met the feed's position
 *   LIVE      -> WAITING    hub_restart        the client asks again, from a position
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "common/list.h"
#include "common/str.h"
#include "gateway/access/visibility.h"
#include "gateway/bus/feed.h"
#include "proto/position.h"
#include "proto/server_text.h"
#include "proto/topic.h"

struct gw_metrics;
struct hub;
struct rendering;
struct session;
struct user;
struct view;

enum sub_state { SUB_WAITING, SUB_REPLAYING, SUB_LIVE };

/* Where a subscription starts. */
enum start_kind {
    START_NOW,        /* with the next event */
    START_UNREADABLE, /* the same; the client is told that its position could not be used */
    START_AFTER,      /* after `at`, which its client has; it is told whether that could be had */
    START_HELD,       /* after `at`, where the topic stood at some moment */
    START_SINCE       /* with what was published after the moment `since_us` */
};
struct sub_start {
    enum start_kind kind : 8;
    uint32_t asked_at; /* feed_moment() when this was asked: for the hub */
    union {
        struct position at; /* START_AFTER, START_HELD */
        uint64_t since_us;  /* START_SINCE: clock_mono_us() */
    };
};

/* One session on one view. Embedded in its session's own structure (session/subscriptions.h), which
 * fills in session, user, start and check_first. */
struct subscription {
    struct session *session;    /* borrowed: its owner */
    uint64_t cursor;            /* REPLAYING: last offset sent or passed; LIVE: last offset sent */
    uint32_t replay_skipped[2]; /* scoreboards passed without their text: private, public */
    enum sub_state state : 8;
    enum sight sight : 8;
    bool check_first;       /* legacy with several filters: ask handler->is_first() */
    bool wants_scoreboards; /* legacy: something was lost, the newest ones are asked for */
    uint32_t index;         /* in the view's array while LIVE */
    struct view *view;      /* borrowed: lives as long as a subscription is on it */
    struct user *user;      /* borrowed: the session's user, or NULL for nobody */
    union {
        struct list catching_node; /* in the view's list while not LIVE */
        struct {                   /* while LIVE, and in the view's index of users */
            struct subscription *same_user_prev, *same_user_next;
        };
    };
    struct list session_node; /* in the session's list */
    struct sub_start start;
};

/* How the hub reaches sessions. None of these may end a subscription or close a session before
 * it returns: it marks, and acts at the end of the turn. */
struct hub_handler {
    /* The subscription is settled: from here on it gets events. Called once per hub_join() and
     * hub_restart(), perhaps before they return. */
    void (*on_joined)(struct subscription *sub, const struct position *p, enum recovered r);
    void (*deliver)(struct session *s, struct rendering *r, uint32_t skipped);
    /* The same for what a replay brings: bounded by may_replay(), and by nothing else. */
    void (*replay)(struct session *s, struct rendering *r, uint32_t skipped);
    /* May a replay bring more now? When it may again, the session calls hub_pump(). */
    bool (*may_replay)(const struct session *s);
    /* The start cannot be had: puts the next best into sub->start. False: there is none, and the
     * subscription starts now. */
    bool (*next_start)(struct subscription *sub);
    /* Legacy: is this view's topic the first that the session's filters match? */
    bool (*is_first)(const struct subscription *sub, const struct event *e);
};

struct hub_options {
    struct feeds *feeds;                                /* borrowed */
    const struct hub_handler *handler;                  /* static */
    struct gw_metrics *metrics;                         /* borrowed */
    void (*note_event)(void *arg, int64_t accepted_ms); /* for latencies */
    void *note_arg;
};
struct hub *hub_create(const struct hub_options *o);
struct hub *hub_free(struct hub *h); /* accepts NULL; all subscriptions have left */
DEFINE_AUTO(hub)
/* What the hub hears from its feeds: pass it to feeds_create(). */
extern const struct feed_handler hub_feed_handler;

struct hub_place {
    struct str topic; /* `contest/a` */
    enum view_kind kind;
    struct str label; /* channel as the client named it; "" for legacy */
};
/* Puts the subscription on the view, with this sight: its session may see it. The topic is wanted in
 * Redis from now on, and handler->on_joined() follows. False: out of memory. */
MUST_CHECK bool hub_join(struct hub *h, struct subscription *sub, const struct hub_place *place,
                         enum sight sight);
/* Takes it off; harmless when it is on no view. The caller then frees it. */
void hub_leave(struct hub *h, struct subscription *sub);
/* Starts the channel again at sub->start; START_NOW on a settled one only answers its position. */
void hub_restart(struct hub *h, struct subscription *sub);
/* The session has room again: a replay goes on. */
void hub_pump(struct hub *h, struct subscription *sub);
/* Now and then: sends `position` to every live subscription whose client's position lags, and lets
 * renderings go that no replay has used since the last time. */
void hub_send_positions(struct hub *h);
/* Up to where its client has everything. False while it is not settled. */
MUST_CHECK bool subscription_position(const struct subscription *sub, struct position *out);
/* feed_rebase() by the subscription's feed. */
void subscription_rebase(const struct subscription *sub, struct position *p);
struct str subscription_topic(const struct subscription *sub);
