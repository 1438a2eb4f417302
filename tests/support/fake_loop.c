/* SPDX-License-Identifier: MIT */
#include "tests/support/fake_loop.h"

#include <stdlib.h>

/* File state, because clock.h has no object: the time, and the randomness of the process. */
static uint64_t now_us = 1000000;
static uint64_t drift_us;
static uint64_t random_state = 0x9e3779b97f4a7c15;

struct loop {
    struct list deferred; /* struct deferred */
    struct list timers;   /* struct event, those that run */
};
/* What struct timer calls an event. */
struct event {
    struct list node;
    struct loop *loop;
    struct timer *timer;
    uint64_t due_us;
};

uint64_t clock_mono_us(void)
{
    now_us += drift_us;
    return now_us;
}

uint64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

int64_t clock_wall_us(void)
{
    return 1704067200000000 + (int64_t)clock_mono_us();
}

int64_t clock_wall_ms(void)
{
    return clock_wall_us() / 1000;
}

void fake_clock_drift_us(uint64_t us)
{
    drift_us = us;
}

uint64_t random_u64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

void random_bytes(void *out, unsigned long len)
{
    unsigned char *p = out;
    while (len-- > 0) {
        *p++ = (unsigned char)random_u64();
    }
}

struct loop *loop_create(void)
{
    struct loop *l = malloc(sizeof(*l));
    if (l) {
        list_init(&l->deferred);
        list_init(&l->timers);
    }
    return l;
}

static void run_deferred(struct loop *l)
{
    struct list *node;
    while ((node = list_first(&l->deferred)) != NULL) {
        struct deferred *d = LIST_ENTRY(node, struct deferred, node);
        list_del(node);
        d->fn(d->arg);
    }
}

struct loop *loop_free(struct loop *l)
{
    if (l) {
        run_deferred(l);
        free(l);
    }
    return NULL;
}

uint64_t loop_now_ms(struct loop *l UNUSED)
{
    return clock_mono_ms();
}

bool timer_init(struct timer *t, struct loop *l, timer_fn fn, void *arg)
{
    *t = (struct timer){.fn = fn, .arg = arg};
    t->ev = calloc(1, sizeof(*t->ev));
    if (t->ev) {
        list_init(&t->ev->node);
        t->ev->loop = l;
        t->ev->timer = t;
    }
    return t->ev != NULL;
}

void timer_release(struct timer *t)
{
    if (t->ev) {
        list_del(&t->ev->node);
        free(t->ev);
    }
    *t = (struct timer){0};
}

static void start(struct timer *t, uint64_t us)
{
    t->ev->due_us = now_us + us;
    list_del(&t->ev->node);
    list_push_back(&t->ev->loop->timers, &t->ev->node);
}

void timer_start_us(struct timer *t, uint64_t us)
{
    t->period_us = 0;
    start(t, us);
}

void timer_start_ms(struct timer *t, uint64_t ms)
{
    timer_start_us(t, ms * 1000);
}

void timer_start_every_ms(struct timer *t, uint64_t ms)
{
    t->period_us = ms * 1000;
    start(t, t->period_us);
}

void timer_stop(struct timer *t)
{
    t->period_us = 0;
    if (t->ev) {
        list_del(&t->ev->node);
    }
}

bool timer_pending(const struct timer *t)
{
    return t->ev && !list_empty(&t->ev->node);
}

void deferred_init(struct deferred *d, deferred_fn fn, void *arg)
{
    *d = (struct deferred){.fn = fn, .arg = arg};
    list_init(&d->node);
}

void loop_defer(struct loop *l, struct deferred *d)
{
    if (list_empty(&d->node)) {
        list_push_back(&l->deferred, &d->node);
    }
}

void deferred_cancel(struct deferred *d)
{
    if (d->fn) {
        list_del(&d->node);
    }
}

/* The timer that is due first and not after `until`, or NULL. */
static struct event *first_due(struct loop *l, uint64_t until_us)
{
    struct event *first = NULL;
    LIST_FOR_EACH (it, next, &l->timers) {
        struct event *e = LIST_ENTRY(it, struct event, node);
        if (e->due_us <= until_us && (!first || e->due_us < first->due_us)) {
            first = e;
        }
    }
    return first;
}

static void fire(struct event *e)
{
    struct timer *t = e->timer;
    list_del(&e->node);
    if (t->period_us > 0) {
        start(t, t->period_us);
    }
    t->fn(t->arg); /* may release the timer */
}

void fake_loop_pass_ms(struct loop *l, uint64_t ms)
{
    uint64_t until_us = now_us + ms * 1000;
    struct event *e;

    run_deferred(l);
    while ((e = first_due(l, until_us)) != NULL) {
        now_us = MAX(now_us, e->due_us);
        fire(e);
        run_deferred(l);
    }
    now_us = MAX(now_us, until_us);
}

void fake_loop_turn(struct loop *l)
{
    fake_loop_pass_ms(l, 0);
}
