/* SPDX-License-Identifier: MIT */
#pragma once
/* loop: the one libevent loop of a process, its timers, its deferred calls, its signals, its lag.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"
#include "common/list.h"

struct event;
struct event_base;
struct evdns_base;
struct histogram;
struct loop;

/* NULL when libevent cannot start. Ignores SIGPIPE for the process. */
struct loop *loop_create(void);
/* After everything that uses it; calls that are still deferred (late frees) are made first.
 * Accepts NULL; always returns NULL. */
struct loop *loop_free(struct loop *l);
DEFINE_AUTO(loop)
struct event_base *loop_base(struct loop *l);
/* The resolver (made on first use; never blocks the loop), with what /etc/resolv.conf and /etc/hosts
 * say now. NULL: cannot be made. */
struct evdns_base *loop_dns(struct loop *l);
/* Reads both again, changed or not. Not inside a callback of the resolver. */
void loop_dns_reread(struct loop *l);
/* Runs until loop_stop(); 0, or -1 when libevent failed. */
int loop_run(struct loop *l);
/* loop_run() returns at the end of this turn; before it: after one turn. */
void loop_stop(struct loop *l);
/* Monotonic ms; cheap enough for per-message use. */
uint64_t loop_now_ms(struct loop *l);

/* A timer, embedded in its owner. Callbacks run from the loop, never from timer_start(). */
typedef void (*timer_fn)(void *arg);
struct timer {
    struct event *ev; /* owned */
    timer_fn fn;
    void *arg;
    uint64_t period_us; /* 0: once */
};
MUST_CHECK bool timer_init(struct timer *t, struct loop *l, timer_fn fn, void *arg);
void timer_release(struct timer *t);               /* harmless on a zeroed or released one */
void timer_start_ms(struct timer *t, uint64_t ms); /* (re)starts; once */
void timer_start_us(struct timer *t, uint64_t us); /* the same, finer */
void timer_start_every_ms(struct timer *t, uint64_t ms);
void timer_stop(struct timer *t);
bool timer_pending(const struct timer *t);

/* A call at the end of this turn of the loop (after the callbacks that are ready now). Embedded
 * in its owner; asking twice is asking once. A call asked for inside a deferred call runs in the
 * same end of turn. */
typedef void (*deferred_fn)(void *arg);
struct deferred {
    struct list node; /* in loop's queue */
    deferred_fn fn;
    void *arg;
};
void deferred_init(struct deferred *d, deferred_fn fn, void *arg);
void loop_defer(struct loop *l, struct deferred *d);
void deferred_cancel(struct deferred *d); /* harmless when not asked for */

/* Calls fn(signo, arg) from the loop. */
typedef void (*signal_fn)(int signo, void *arg);
MUST_CHECK bool loop_on_signal(struct loop *l, int signo, signal_fn fn, void *arg);

/* Measures, once per 100 ms, how late a timer runs, into h (seconds); NULL stops. */
void loop_measure_lag(struct loop *l, struct histogram *h);
