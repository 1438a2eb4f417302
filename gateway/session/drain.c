/* SPDX-License-Identifier: MIT */
#include "gateway/session/drain.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/config/settings.h"
#include "common/log.h"
#include "common/loop.h"
#include "gateway/gw.h"
#include "gateway/gw_metrics.h"
#include "gateway/hub/hub.h"
#include "gateway/session/session.h"

#define STEP_MS 50
#define LOT_MIN 20      /* sessions closed in one step after the deadline, at least … */
#define LOT_STEPS 20    /* … and so many that all are closed after this many steps */
#define GOODBYE_MS 3000 /* for the peers to answer the last close frames */

struct drain {
    struct gw *gw; /* borrowed */
    void (*on_done)(void *arg);
    void *arg;
    struct timer step;
    uint64_t started_ms, all_closed_ms; /* 0: not yet */
    uint64_t drain_ms;
    size_t silent_at_start;
    size_t lot;
};

static size_t count_sessions(struct gw *gw, bool silent_only)
{
    size_t n = 0;
    LIST_FOR_EACH (it, next, &gw->sessions) {
        struct session *s = session_of_node(it);
        n += !session_is_closing(s) && (!silent_only || !session_takes_reconnect(s));
    }
    return n;
}

/* Closes up to `most` of the sessions that are still open. */
static size_t close_some(struct drain *d, size_t most, bool silent_only)
{
    size_t n = 0;
    LIST_FOR_EACH (it, next, &d->gw->sessions) {
        struct session *s = session_of_node(it);
        if (n == most) {
            break;
        }
        if (!session_is_closing(s) && (!silent_only || !session_takes_reconnect(s))) {
            d->gw->metrics->closed_leaving++;
            session_close(s, CLOSE_LEAVING, "draining");
            n++;
        }
    }
    return n;
}

static void ask_everybody(struct drain *d)
{
    /* Room is left after the last `after` for a connection and a replay. */
    uint64_t spread = d->drain_ms * 3 / 4;
    hub_send_positions(d->gw->hub);
    LIST_FOR_EACH (it, next, &d->gw->sessions) {
        struct session *s = session_of_node(it);
        if (!session_is_closing(s) && session_takes_reconnect(s)) {
            session_ask_to_reconnect(s, (unsigned)(random_u64() % (spread + 1)),
                                     (unsigned)d->drain_ms);
        }
    }
}

static void finish_if_done(struct drain *d, uint64_t now)
{
    if (count_sessions(d->gw, false) > 0) {
        return;
    }
    if (d->all_closed_ms == 0) {
        d->all_closed_ms = now;
    }
    bool is_done = list_empty(&d->gw->sessions) && d->gw->resumes_pending == 0;
    if (is_done || now - d->all_closed_ms > GOODBYE_MS) {
        timer_stop(&d->step);
        d->on_done(d->arg);
    }
}

static void on_step(void *arg)
{
    struct drain *d = arg;
    uint64_t now = clock_mono_ms();
    uint64_t elapsed = now - d->started_ms;

    if (elapsed >= d->drain_ms) {
        if (d->lot == 0) {
            d->lot = MAX((size_t)LOT_MIN, count_sessions(d->gw, false) / LOT_STEPS + 1);
        }
        (void)close_some(d, d->drain_ms == 0 ? SIZE_MAX : d->lot, false);
    } else {
        size_t due = (size_t)((uint64_t)d->silent_at_start * elapsed / d->drain_ms);
        size_t left = count_sessions(d->gw, true);
        size_t gone = d->silent_at_start - MIN(left, d->silent_at_start); /* by themselves, too */
        if (due > gone) {
            (void)close_some(d, due - gone, true);
        }
    }
    finish_if_done(d, now);
}

struct drain *drain_create(struct gw *gw, void (*on_done)(void *arg), void *arg)
{
    struct drain *d = calloc(1, sizeof(*d));
    if (!d) {
        return NULL;
    }
    d->gw = gw;
    d->on_done = on_done;
    d->arg = arg;
    if (!timer_init(&d->step, gw->loop, on_step, d)) {
        free(d);
        return NULL;
    }
    return d;
}

struct drain *drain_free(struct drain *d)
{
    if (d) {
        timer_release(&d->step);
        free(d);
    }
    return NULL;
}

void drain_start(struct drain *d)
{
    if (d->started_ms) {
        d->drain_ms = 0;
        return;
    }
    d->started_ms = clock_mono_ms();
    d->drain_ms = (uint64_t)d->gw->settings->broadcaster.drain_ms;
    d->gw->is_draining = true;
    d->silent_at_start = count_sessions(d->gw, true);
    log_info("draining", LF_U64("sessions", count_sessions(d->gw, false)),
             LF_U64("drain_ms", d->drain_ms));
    if (d->drain_ms > 0) {
        ask_everybody(d);
    }
    timer_start_every_ms(&d->step, STEP_MS);
}
