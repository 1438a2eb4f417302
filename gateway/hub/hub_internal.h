/* SPDX-License-Identifier: MIT */
#pragma once
/* What hub.c (index), hub_fanout.c (events) and hub_replay.c (catching up) share.
 */
#include "common/strmap.h"
#include "gateway/hub/hub.h"

struct sub_array {
    struct subscription **v; /* owned array of borrowed */
    uint32_t n, cap;
};

#define REPLAY_CACHE 64 /* renderings of recent replays, by offset */
struct replay_cache {
    bool is_used; /* since the last sweep */
    struct {
        uint64_t offset;
        struct rendering *r; /* ref */
    } slot[REPLAY_CACHE];
};

struct view {
    struct topic *topic; /* borrowed */
    struct list node;    /* in topic->views */
    enum view_kind kind;
    uint32_t id;     /* for the tags of scoreboards; never reused */
    uint32_t n_subs; /* in every state */
    uint32_t label_len;
    struct sub_array all;       /* LIVE, sees everything */
    struct sub_array rest;      /* LIVE, sees public events and its user's */
    struct strmap by_user;      /* user's name -> first of `rest`, chained by same_user_next */
    struct list catching;       /* WAITING or REPLAYING */
    struct replay_cache *cache; /* owned; while somebody replays, and up to two sweeps more */
    char label[];
};

struct topic {
    struct hub *hub;   /* borrowed */
    struct feed *feed; /* held */
    struct list views;
};

struct hub {
    struct feeds *feeds; /* borrowed */
    const struct hub_handler *handler;
    struct gw_metrics *metrics;
    void (*note_event)(void *arg, int64_t accepted_ms);
    void *note_arg;
    struct strmap topics; /* struct topic, owned */
    uint32_t next_view_id;
};

/* hub.c */
static inline struct str view_label(const struct view *v)
{
    return (struct str){v->label, v->label_len};
}
void view_go_live(struct view *v, struct subscription *sub);
void view_out_of_live(struct view *v, struct subscription *sub);
/* hub_fanout.c: the event as this view shows it. NULL: out of memory. */
struct rendering *view_render(const struct view *v, const struct published *p);
/* hub_replay.c */
void replay_settle(struct hub *h, struct subscription *sub);
void replay_settle_all(struct hub *h, struct topic *t);
void replay_cache_drop(struct view *v);
void replay_cache_rest(struct view *v);  /* nobody replays now: small ones stay a while */
void replay_cache_sweep(struct view *v); /* drops what was not used since the last sweep */
/* A message that says where the channel stands; the text is released. NULL: out of memory. */
struct rendering *replay_render_text(struct buf *text, struct str type, struct str channel,
                                     const struct position *p);
void replay_reset(struct hub *h, struct subscription *sub);
/* hub_scoreboards.c: a legacy session, which knows no reset, gets the newest scoreboards instead. */
void scoreboards_ask(struct subscription *sub);
void scoreboards_on_found(void *owner, const struct published *found, size_t n);
