/* SPDX-License-Identifier: MIT */
#pragma once
/* What feed.c (life and links) and feed_sync.c (order and holes) share.
 */
#include "common/list.h"
#include "common/loop.h"
#include "common/redis/server_list.h"
#include "common/strmap.h"
#include "gateway/bus/bus.h"
#include "gateway/bus/feed.h"

enum feed_state { FEED_AWAY, FEED_SUBSCRIBING, FEED_READING, FEED_LIVE };

/* A live message that waits for the log to be read up to it. */
struct waiting_msg {
    struct list node;
    struct msg *m; /* ref */
};

/* Older entries on their way in front of the ring. */
struct feed_backfill {
    struct redis_call
        *reading; /* NULL: to be asked again when the reader is back, or in a second */
    struct ring older;
    uint64_t after;            /* entries after this one are wanted */
    char epoch[EPOCH_LEN + 1]; /* of what is in `older` */
};

/* Where the topic stood at a moment: the last question about one, and its answer. */
struct feed_moment {
    struct redis_call *asking; /* NULL and not known: to be asked again */
    uint64_t moment_us;        /* monotonic */
    int64_t ahead_us;          /* of the server's clock, when it was asked */
    uint8_t tries;
    bool is_known;
    bool is_lost; /* Redis cannot say */
    struct position at;
};

/* How far a server's clock is ahead of clock_mono_us(), at least. */
struct server_clock {
    int64_t ahead_us;
    uint64_t noted_us; /* 0: never */
};

/* Tens of thousands of users have one each: what few need is allocated when they do. */
struct feed {
    struct feeds *feeds; /* borrowed: outlives it */
    struct list node;    /* in feeds->all */
    void *owner;         /* borrowed; NULL while it lingers */
    struct str topic;    /* points at name */
    enum feed_state state : 8;
    bool read_states : 1; /* this read wants the scoreboards' texts too */
    bool skip_ahead : 1;  /* too much waited: the next read takes the position only: a reset */
    bool wants_scoreboards : 1; /* somebody asked, and has no answer yet */
    uint8_t server;             /* of the bus: where the topic lives */
    uint8_t disagreements;      /* position checks in a row that differed */
    uint32_t waiting_bytes;
    uint32_t nothing; /* digits of the "nothing yet" that the epoch followed at once; 0: of none */
    uint16_t confirms_begun; /* how often somebody asked whether the position is the newest, */
    uint16_t confirms_done;  /* and the number of the last one that was answered */
    /* What Redis is asked; each NULL while it is not. An answer that is still wanted then is asked for
     * again when the reader is back, or in a second. */
    struct redis_call *reading; /* while READING; while LIVE the position check */
    struct redis_call *confirming, *asking_scoreboards;
    struct position position; /* last contiguous */
    struct position *left; /* owned: where the history before this one was left: it may come back */
    struct list waiting;   /* struct waiting_msg, in order of arrival */
    struct ring ring;
    struct feed_backfill *backfill; /* owned; NULL: none is under way */
    struct feed_moment *since;      /* owned; NULL: never asked */
    uint64_t log_floor;             /* nothing at or before it is in the log any more */
    uint64_t quiet_since_ms;        /* last event or position check */
    uint64_t idle_since_ms;         /* when the owner left */
    int64_t last_event_s;           /* timestamp of the newest event, for /debug/topics */
    char name[];
};

struct feeds {
    struct loop *loop; /* borrowed */
    struct bus *bus;   /* borrowed */
    const struct feed_handler *handler;
    struct gw_metrics *metrics;
    struct strmap by_topic; /* struct feed, owned */
    struct list all;
    struct timer tick;
    size_t ring_max_events, ring_max_bytes; /* of one feed */
    size_t ring_total_bytes;                /* limit over all feeds */
    size_t ring_bytes;                      /* of all feeds */
    uint32_t subscribers_up;                /* bit (1 << server) */
    struct server_clock clocks[SERVER_LIST_MAX];
};

/* feed_sync.c */
/* What a message says; false when not even its position can be read. */
bool feed_decode(struct feed *f, struct str bytes, struct published *out);
void feed_start_read(struct feed *f); /* SUBSCRIBING or LIVE -> READING */
void feed_retry_read(struct feed *f);
void feed_take_message(struct feed *f, struct str bytes);
void feed_drop_waiting(struct feed *f);
/* feed_check.c */
void feed_check_position(struct feed *f);
/* The retries do nothing unless an answer is wanted and none is on its way. */
void feed_retry_confirm(struct feed *f);
void feed_note_time(struct feed *f, const struct bus_page *page);
void feed_retry_since(struct feed *f);
void feed_drop_since(struct feed *f);
/* feed_backfill.c */
bool feed_start_backfill(struct feed *f, uint64_t after); /* false: no memory */
void feed_drop_backfill(struct feed *f);
void feed_retry_backfill(struct feed *f);
void feed_retry_scoreboards(struct feed *f);
/* feed_ring.c */
void feed_ring_append(struct feed *f, const struct published *p, struct msg *m);
void feed_ring_clear(struct feed *f);
void feed_ring_bound(struct feed *f);                /* gives up the oldest over the bounds */
void feed_ring_count(struct feed *f, size_t before); /* its bytes have changed */
uint64_t feed_ring_floor(const struct feed *f); /* the offset before the oldest that it holds */
enum ring_kind feed_ring_kind(const struct event *e);
