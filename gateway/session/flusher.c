/* SPDX-License-Identifier: MIT */
#include "gateway/session/flusher.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/loop.h"
#include "common/metrics.h"
#include "gateway/session/gather.h"

#define SLICE_US 5000  /* longest run without letting the loop see other events */
#define CLOCK_EVERY 32 /* receivers between two looks at the clock */
#define NOTES_MAX 64   /* events of one batch whose latency is observed */

struct flusher {
    struct loop *loop; /* borrowed */
    flush_fn fn;
    struct list nodes; /* of sessions, oldest request first */
    struct deferred end_of_turn;
    struct timer later;    /* the next slice, or the end of WriteDelay */
    struct gather *gather; /* owned */
    uint32_t delay_ms;
    struct histogram *publish_to_write; /* borrowed */
    int64_t notes[NOTES_MAX];
    size_t n_notes;
};

static void observe_latency(struct flusher *f)
{
    int64_t now = clock_wall_ms();
    for (size_t i = 0; i < f->n_notes; i++) {
        int64_t ms = now - f->notes[i];
        histogram_observe(f->publish_to_write, ms > 0 ? (double)ms / 1000.0 : 0.0);
    }
    f->n_notes = 0;
}

static void run_slice(void *arg)
{
    struct flusher *f = arg;
    uint64_t start = clock_mono_us();
    struct list *node;
    unsigned done = 0;

    while ((node = list_first(&f->nodes)) != NULL) {
        if (++done % CLOCK_EVERY == 0 && clock_mono_us() - start > SLICE_US) {
            timer_start_us(&f->later, 0);
            return;
        }
        const struct list *next = node->next != &f->nodes ? node->next : NULL;
        list_del(node);
        f->fn(node, next, f->gather);
    }
    observe_latency(f);
}

static void at_end_of_turn(void *arg)
{
    struct flusher *f = arg;
    if (timer_pending(&f->later)) {
        return; /* a slice or the delay is under way already */
    }
    if (f->delay_ms > 0) {
        timer_start_ms(&f->later, f->delay_ms);
        return;
    }
    run_slice(f);
}

struct flusher *flusher_create(struct loop *l, flush_fn fn, struct histogram *publish_to_write)
{
    AUTO(flusher) *f = calloc(1, sizeof(*f));
    if (!f) {
        return NULL;
    }
    f->loop = l;
    f->fn = fn;
    f->publish_to_write = publish_to_write;
    list_init(&f->nodes);
    deferred_init(&f->end_of_turn, at_end_of_turn, f);
    f->gather = gather_create();
    if (!f->gather || !timer_init(&f->later, l, run_slice, f)) {
        return NULL;
    }
    return TAKE(f);
}

struct flusher *flusher_free(struct flusher *f)
{
    if (f) {
        LIST_FOR_EACH (it, next, &f->nodes) {
            list_del(it); /* so that it touches nothing of ours when its session ends */
        }
        deferred_cancel(&f->end_of_turn);
        timer_release(&f->later);
        gather_free(f->gather);
        free(f);
    }
    return NULL;
}

void flusher_set_delay(struct flusher *f, uint32_t delay_ms)
{
    f->delay_ms = delay_ms;
}

void flusher_add(struct flusher *f, struct list *node)
{
    if (list_empty(node)) {
        list_push_back(&f->nodes, node);
        loop_defer(f->loop, &f->end_of_turn);
    }
}

void flusher_note_event(struct flusher *f, int64_t accepted_ms)
{
    if (f->n_notes < NOTES_MAX) {
        f->notes[f->n_notes++] = accepted_ms;
    }
}
