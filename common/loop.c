/* SPDX-License-Identifier: MIT */
/* loop: libevent's base and what we hang on it.
 *
 * The deferred queue costs one libevent event for all: loop_defer() activates it, which puts it
 * behind the callbacks that are active already; it then runs the queue until it is empty.
 */
#include "common/loop.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metrics.h"

enum { LAG_PERIOD_US = 100000 };

struct loop_signal {
    struct list node; /* in loop's signals */
    struct event *ev; /* owned */
    signal_fn fn;
    void *arg;
};

enum { DNS_FILES = 2 };
struct dns_file {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed;
};

struct loop {
    struct event_base *base;             /* owned */
    struct event *end_of_turn;           /* owned; runs the deferred calls */
    struct evdns_base *dns;              /* owned; NULL before the first use */
    struct dns_file dns_seen[DNS_FILES]; /* when they were read last */
    struct list deferred;                /* of struct deferred, borrowed */
    struct list signals;                 /* of struct loop_signal, owned */
    struct timer lag_timer;
    struct histogram *lag; /* borrowed; NULL: not measured */
    uint64_t lag_due_us;
};

static void run_deferred(struct loop *l)
{
    struct list *node;
    while ((node = list_first(&l->deferred)) != NULL) {
        struct deferred *d = LIST_ENTRY(node, struct deferred, node);
        list_del(node);
        d->fn(d->arg); /* may free d */
    }
}

static void on_end_of_turn(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    run_deferred(arg);
}

/* Without PRECISE_TIMER libevent counts in the kernel's ticks of 4 ms; then short write delays
 * would be noise, and so would the measured lag. */
static struct event_base *create_base(void)
{
    struct event_config *config = event_config_new();
    if (!config) {
        return NULL;
    }
    struct event_base *base = NULL;
    if (event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0) {
        base = event_base_new_with_config(config);
    }
    event_config_free(config);
    return base;
}

struct loop *loop_create(void)
{
    AUTO(loop) *l = calloc(1, sizeof(*l));
    if (!l) {
        return NULL;
    }
    list_init(&l->deferred);
    list_init(&l->signals);
    l->base = create_base();
    if (!l->base) {
        return NULL;
    }
    l->end_of_turn = event_new(l->base, -1, 0, on_end_of_turn, l);
    if (!l->end_of_turn || signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        return NULL;
    }
    return TAKE(l);
}

struct loop *loop_free(struct loop *l)
{
    if (!l) {
        return NULL;
    }
    run_deferred(l);
    timer_release(&l->lag_timer);
    LIST_FOR_EACH (node, next, &l->signals) {
        struct loop_signal *s = LIST_ENTRY(node, struct loop_signal, node);
        event_free(s->ev);
        free(s);
    }
    if (l->dns) {
        evdns_base_free(l->dns, 0);
    }
    if (l->end_of_turn) {
        event_free(l->end_of_turn);
    }
    if (l->base) {
        event_base_free(l->base);
    }
    free(l);
    return NULL;
}

struct event_base *loop_base(struct loop *l)
{
    return l->base;
}

static const char *const dns_files[DNS_FILES] = {"/etc/resolv.conf", "/etc/hosts"};

static bool is_same_file(const struct dns_file *a, const struct dns_file *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Whether they were written or replaced since the last call. */
static bool dns_files_changed(struct loop *l)
{
    bool changed = false;
    for (size_t i = 0; i < DNS_FILES; i++) {
        struct stat st = {0};
        (void)stat(dns_files[i], &st); /* all zero when it is missing */
        const struct dns_file now = {st.st_dev, st.st_ino, st.st_size, st.st_mtim};
        changed |= !is_same_file(&now, &l->dns_seen[i]);
        l->dns_seen[i] = now;
    }
    return changed;
}

void loop_dns_reread(struct loop *l)
{
    if (l->dns) {
        (void)evdns_base_clear_nameservers_and_suspend(l->dns);
        evdns_base_search_clear(l->dns);
        evdns_base_clear_host_addresses(l->dns);
        /* Reads /etc/hosts in any case, and without a server in the first asks 127.0.0.1. */
        (void)evdns_base_resolv_conf_parse(l->dns, DNS_OPTIONS_ALL, dns_files[0]);
        (void)evdns_base_resume(l->dns);
    }
}

struct evdns_base *loop_dns(struct loop *l)
{
    bool changed = dns_files_changed(l);
    if (!l->dns) {
        /* Not EVDNS_BASE_INITIALIZE_NAMESERVERS: that fails altogether when the file is missing or
         * names no server. */
        l->dns = evdns_base_new(l->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
        changed = true;
    }
    if (changed) {
        loop_dns_reread(l);
    }
    return l->dns;
}

int loop_run(struct loop *l)
{
    return event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0 ? -1 : 0;
}

void loop_stop(struct loop *l)
{
    if (event_base_loopexit(l->base, NULL) < 0) {
        (void)event_base_loopbreak(l->base); /* out of memory: less polite, needs none */
    }
}

uint64_t loop_now_ms(struct loop *l UNUSED)
{
    return clock_mono_ms(); /* through the vdso: some 20 ns, no system call */
}

static void timer_start(struct timer *t, uint64_t us)
{
    const struct timeval delay = {.tv_sec = (time_t)(us / 1000000),
                                  .tv_usec = (suseconds_t)(us % 1000000)};
    if (event_add(t->ev, &delay) < 0) { /* libevent's heap of timers cannot grow */
        log_error("timer not started, out of memory");
    }
}

static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct timer *t = arg;
    if (t->period_us > 0) {
        timer_start(t, t->period_us);
    }
    t->fn(t->arg); /* may stop, restart or free the timer */
}

bool timer_init(struct timer *t, struct loop *l, timer_fn fn, void *arg)
{
    *t = (struct timer){.fn = fn, .arg = arg};
    t->ev = event_new(l->base, -1, 0, on_timer, t);
    return t->ev != NULL;
}

void timer_release(struct timer *t)
{
    if (t->ev) {
        event_free(t->ev);
    }
    *t = (struct timer){0};
}

void timer_start_us(struct timer *t, uint64_t us)
{
    t->period_us = 0;
    timer_start(t, us);
}

void timer_start_ms(struct timer *t, uint64_t ms)
{
    timer_start_us(t, ms * 1000);
}

void timer_start_every_ms(struct timer *t, uint64_t ms)
{
    t->period_us = ms * 1000;
    timer_start(t, t->period_us);
}

void timer_stop(struct timer *t)
{
    t->period_us = 0;
    if (t->ev) {
        (void)event_del(t->ev); /* fails only for an event without a base */
    }
}

bool timer_pending(const struct timer *t)
{
    return t->ev && event_pending(t->ev, EV_TIMEOUT, NULL);
}

void deferred_init(struct deferred *d, deferred_fn fn, void *arg)
{
    *d = (struct deferred){.fn = fn, .arg = arg};
    list_init(&d->node);
}

void loop_defer(struct loop *l, struct deferred *d)
{
    if (!list_empty(&d->node)) {
        return;
    }
    if (list_empty(&l->deferred)) {
        event_active(l->end_of_turn, EV_TIMEOUT, 0);
    }
    list_push_back(&l->deferred, &d->node);
}

void deferred_cancel(struct deferred *d)
{
    if (d->fn) { /* a zeroed one was never in a list */
        list_del(&d->node);
    }
}

static void on_signal(evutil_socket_t signo, short what UNUSED, void *arg)
{
    struct loop_signal *s = arg;
    s->fn((int)signo, s->arg);
}

bool loop_on_signal(struct loop *l, int signo, signal_fn fn, void *arg)
{
    struct loop_signal *s = calloc(1, sizeof(*s));
    if (!s) {
        return false;
    }
    s->fn = fn;
    s->arg = arg;
    s->ev = evsignal_new(l->base, signo, on_signal, s);
    if (!s->ev || event_add(s->ev, NULL) < 0) {
        if (s->ev) {
            event_free(s->ev);
        }
        free(s);
        return false;
    }
    list_push_back(&l->signals, &s->node);
    return true;
}

static void measure_again(struct loop *l)
{
    l->lag_due_us = clock_mono_us() + LAG_PERIOD_US;
    timer_start_us(&l->lag_timer, LAG_PERIOD_US);
}

static void on_lag_timer(void *arg)
{
    struct loop *l = arg;
    uint64_t now_us = clock_mono_us();
    uint64_t late_us = now_us > l->lag_due_us ? now_us - l->lag_due_us : 0;
    histogram_observe(l->lag, (double)late_us / 1e6);
    measure_again(l);
}

void loop_measure_lag(struct loop *l, struct histogram *h)
{
    l->lag = h;
    if (!h) {
        timer_stop(&l->lag_timer);
    } else if (l->lag_timer.ev || timer_init(&l->lag_timer, l, on_lag_timer, l)) {
        measure_again(l);
    }
}
