/* SPDX-License-Identifier: MIT */
#pragma once
/* feed_fixture: feeds over a made-up Redis, and an owner of a feed that writes down what it hears.
 * cmocka.h must stand before.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/config/settings.h"
#include "common/msg.h"
#include "gateway/bus/feed.h"
#include "gateway/gw_metrics.h"
#include "proto/limits.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/fake_bus.h"
#include "tests/support/fake_event.h"
#include "tests/support/fake_loop.h"

#define TOPIC "contest/a"

/* What the owner of a feed heard, one word each: `live`, an event's offset, `reset`, `backfill`. */
struct owner {
    struct buf heard;
    uint64_t last;    /* offset of the last event */
    struct feed *put; /* let go of at the next call */
};

struct fixture {
    struct loop *loop;
    struct bus *bus;
    struct fake_topic *topic;
    struct settings settings;
    struct gw_metrics metrics;
    struct feeds *feeds;
    struct feed *feed;
    struct owner owner;
    bool recording;
};

static inline void hear(struct owner *o, const char *word)
{
    buf_addf(&o->heard, "%s ", word);
    if (o->put) {
        feed_put(o->put);
        o->put = NULL;
    }
}

static inline void on_live(void *owner)
{
    hear(owner, "live");
}

static inline void on_event(void *owner, const struct published *p)
{
    struct owner *o = owner;
    char word[24];
    snprintf(word, sizeof(word), "%llu", (unsigned long long)p->position.offset);
    o->last = p->position.offset;
    hear(owner, word);
}

static inline void on_reset(void *owner)
{
    hear(owner, "reset");
}

static inline void on_backfill(void *owner)
{
    hear(owner, "backfill");
}

static inline void on_replaced(void *owner, const struct published *marker)
{
    (void)owner; /* nothing is said to anybody */
    (void)marker;
}

/* A word, and how many were found. */
static inline void on_scoreboards(void *owner, const struct published *found, size_t n)
{
    char word[64] = "boards";
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(word);
        snprintf(word + len, sizeof(word) - len, ":%llu",
                 (unsigned long long)found[i].position.offset);
    }
    hear(owner, word);
}

static const struct feed_handler handler UNUSED = {.on_live = on_live,
                                                   .on_event = on_event,
                                                   .on_replaced = on_replaced,
                                                   .on_reset = on_reset,
                                                   .on_backfill = on_backfill,
                                                   .on_scoreboards = on_scoreboards};

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->loop = loop_create();
    f->bus = fake_bus_create();
    f->topic = fake_topic(f->bus, TOPIC);
    f->settings.redis.history_events = 1000;
    f->settings.redis.history_bytes = 8388608;
    f->settings.broadcaster.queue_bytes_total = 536870912;
    const struct feeds_options o = {&f->settings, &handler, f->bus, &f->metrics};
    f->feeds = feeds_create(f->loop, &o);
    *state = f;
    return f->feeds ? 0 : -1;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    fail_alloc_at(-1);
    feeds_free(f->feeds);
    int gauge = f->metrics.ring_bytes != 0;
    fake_bus_free(f->bus);
    loop_free(f->loop);
    buf_release(&f->owner.heard);
    free(f);
    return msg_bytes_alive() == 0 && !gauge ? 0 : -1;
}

static inline void assert_heard(struct fixture *f, const char *words)
{
    buf_addc(&f->owner.heard, '\0');
    assert_string_equal(f->owner.heard.p, words);
    buf_clear(&f->owner.heard);
}

static inline void publish(struct fixture *f, uint64_t n)
{
    struct event e = fake_run("", true);
    while (n-- > 0) {
        fake_publish(f->topic, &e);
    }
}

static inline void hear_live(struct fixture *f, uint64_t offset)
{
    fake_bus_message(f->bus, STR(TOPIC), f->topic->live[offset]);
}

static inline void publish_live(struct fixture *f, uint64_t n)
{
    while (n-- > 0) {
        publish(f, 1);
        hear_live(f, f->topic->last);
    }
}

static inline void subscribe(struct fixture *f)
{
    f->feed = feed_get(f->feeds, STR(TOPIC), &f->owner);
    assert_non_null(f->feed);
    fake_bus_subscribed(f->bus, STR(TOPIC));
}

/* A feed that is live at offset 3, and nothing heard. */
static inline void go_live_at_three(struct fixture *f)
{
    publish(f, 3);
    fake_bus_up(f->bus);
    subscribe(f);
    fake_bus_answer_all(f->bus);
    assert_true(feed_is_live(f->feed));
    assert_heard(f, "live ");
    fake_bus_commands(f->bus);
}

static inline void assert_at(struct fixture *f, const char *epoch, uint64_t offset)
{
    assert_string_equal(feed_position(f->feed)->epoch, epoch);
    assert_int_equal(feed_position(f->feed)->offset, offset);
}
