/* SPDX-License-Identifier: MIT */
/* bus_backlog: lists, bounds and deadlines. */
#include "publisher/bus_backlog.h"

#include <assert.h>

#include "common/log.h"
#include "proto/limits.h"
#include "publisher/pub_metrics.h"

enum {
    KEPT_MAX = 1024,
    KEPT_BYTES_MAX = 64 << 20,
    KEPT_MS = 60000,
};

/* An event that was kept once counts as kept wherever it is: its sender is gone. */
static void count(struct bus_backlog *b, const struct bus_write *e, int sign)
{
    struct pub_metrics *m = b->metrics;
    bool is_kept = e->kept_since_ms > 0;
    int64_t bytes = sign * (int64_t)e->bytes;
    struct bus_load *load = is_kept ? &b->kept : &b->in_flight;
    load->events += sign;
    load->bytes += bytes;
    *(is_kept ? &m->kept : &m->in_flight) += sign;
    *(is_kept ? &m->kept_bytes : &m->in_flight_bytes) += bytes;
}

static struct bus_write *entry_of(struct list *node)
{
    return LIST_ENTRY(node, struct bus_write, node);
}

static void on_overdue(struct bus_backlog *b, struct bus_write *e)
{
    switch (e->state) {
    case BUS_WRITE_WAITING: bus_backlog_not_written(b, e); break;
    case BUS_WRITE_SENT: bus_backlog_tell(b, e, BUS_UNKNOWN, STR_NONE); break; /* reply frees it */
    case BUS_WRITE_AGAIN:
        if (e->keyed) { /* perhaps executed before the link was lost */
            bus_backlog_give_up(b, e, "overdue");
        } else { /* NOSCRIPT: not executed */
            bus_backlog_not_written(b, e);
        }
        break;
    case BUS_WRITE_KEPT:
    case BUS_WRITE_STATES: assert(!"nobody waits for a kept event"); break;
    }
}

static void on_deadline(void *arg)
{
    struct deadline_queue *q = arg;
    struct bus_backlog *b = q->backlog;
    uint64_t now_ms = loop_now_ms(b->loop);
    struct list *node;
    while ((node = list_first(&q->head)) != NULL) {
        struct bus_write *e = LIST_ENTRY(node, struct bus_write, due);
        if (e->deadline_ms > now_ms) {
            timer_start_ms(&q->timer, e->deadline_ms - now_ms);
            return;
        }
        on_overdue(b, e);
    }
}

bool bus_backlog_init(struct bus_backlog *b, struct loop *l, struct pub_metrics *m)
{
    *b = (struct bus_backlog){.loop = l, .metrics = m};
    for (size_t i = 0; i < BUS_WRITE_STATES; i++) {
        list_init(&b->lists[i]);
    }
    for (size_t i = 0; i < QUEUES; i++) {
        b->queues[i].backlog = b;
        list_init(&b->queues[i].head);
        if (!timer_init(&b->queues[i].timer, l, on_deadline, &b->queues[i])) {
            return false;
        }
    }
    return true;
}

void bus_backlog_release(struct bus_backlog *b)
{
    b->closed = true;
    for (size_t i = 0; i < BUS_WRITE_STATES; i++) {
        struct bus_write *e;
        while ((e = bus_backlog_first(b, (enum bus_write_state)i)) != NULL) {
            bus_backlog_not_written(b, e);
        }
    }
    for (size_t i = 0; i < QUEUES; i++) {
        timer_release(&b->queues[i].timer);
    }
}

bool bus_backlog_is_full(const struct bus_backlog *b)
{
    return b->in_flight.events >= LIMIT_PUBLISHER_IN_FLIGHT ||
           b->in_flight.bytes >= LIMIT_PUBLISHER_IN_FLIGHT_BYTES;
}

void bus_backlog_add(struct bus_backlog *b, struct bus_write *e)
{
    e->state = BUS_WRITE_WAITING;
    list_push_back(&b->lists[BUS_WRITE_WAITING], &e->node);
    count(b, e, 1);
}

void bus_backlog_expect(struct bus_backlog *b, struct bus_write *e, bus_done_fn fn, void *arg,
                        uint64_t wait_ms)
{
    struct deadline_queue *q = &b->queues[e->keyed ? QUEUE_PATIENT : QUEUE_QUICK];
    e->fn = fn;
    e->arg = arg;
    e->deadline_ms = loop_now_ms(b->loop) + wait_ms;
    list_push_back(&q->head, &e->due);
    if (!timer_pending(&q->timer)) {
        timer_start_ms(&q->timer, wait_ms);
    }
}

struct bus_write *bus_backlog_first(const struct bus_backlog *b, enum bus_write_state state)
{
    struct list *node = list_first(&b->lists[state]);
    return node ? entry_of(node) : NULL;
}

void bus_backlog_move(struct bus_backlog *b, struct bus_write *e, enum bus_write_state state)
{
    assert(state == BUS_WRITE_SENT || state == BUS_WRITE_AGAIN);
    list_del(&e->node);
    e->state = state;
    list_push_back(&b->lists[state], &e->node);
}

static void count_outcome(struct pub_metrics *m, enum bus_outcome outcome)
{
    switch (outcome) {
    case BUS_WRITTEN: m->written++; break;
    case BUS_REPEATED: m->repeated++; break;
    case BUS_CONFLICT: m->conflicting++; break;
    case BUS_UNAVAILABLE: m->unavailable++; break;
    case BUS_UNKNOWN: m->unknown++; break;
    }
}

void bus_backlog_tell(struct bus_backlog *b, struct bus_write *e, enum bus_outcome outcome,
                      struct str kept)
{
    if (!e->fn) {
        return;
    }
    count_outcome(b->metrics, outcome);
    bus_done_fn fn = e->fn;
    e->fn = NULL;
    list_del(&e->due);
    fn(outcome, kept, e->arg);
}

void bus_backlog_drop(struct bus_backlog *b, struct bus_write *e)
{
    assert(!e->fn);
    list_del(&e->node);
    count(b, e, -1);
    bus_write_free(e);
}

void bus_backlog_give_up(struct bus_backlog *b, struct bus_write *e, const char *why)
{
    bus_backlog_tell(b, e, BUS_UNKNOWN, STR_NONE);
    if (e->kept_since_ms > 0) {
        b->metrics->kept_dropped++;
        log_error("kept event lost", LF_STR("reason", why));
    }
    bus_backlog_drop(b, e);
}

/* In the order in which they were kept first, also after Redis has refused some again. */
static void insert_kept(struct bus_backlog *b, struct bus_write *e)
{
    struct list *head = &b->lists[BUS_WRITE_KEPT];
    struct list *before = head;
    if (e->kept_since_ms == 0) {
        e->kept_since_ms = MAX(loop_now_ms(b->loop), 1U);
        e->kept_order = b->kept_ever++;
    } else {
        before = head->next;
        while (before != head && entry_of(before)->kept_order < e->kept_order) {
            before = before->next;
        }
    }
    e->state = BUS_WRITE_KEPT;
    list_push_back(before, &e->node); /* the list is a ring: this puts e in front of `before` */
}

static void keep(struct bus_backlog *b, struct bus_write *e)
{
    count(b, e, -1);
    list_del(&e->node);
    insert_kept(b, e);
    count(b, e, 1);
    struct bus_write *oldest;
    while ((b->kept.events > KEPT_MAX || b->kept.bytes > KEPT_BYTES_MAX) &&
           (oldest = bus_backlog_first(b, BUS_WRITE_KEPT)) != NULL) {
        bus_backlog_give_up(b, oldest, "too many are kept");
    }
}

void bus_backlog_not_written(struct bus_backlog *b, struct bus_write *e)
{
    bus_backlog_tell(b, e, BUS_UNAVAILABLE, STR_NONE);
    if (!b->closed && e->keep) {
        keep(b, e);
    } else if (e->kept_since_ms > 0) {
        bus_backlog_give_up(b, e, "the publisher stops");
    } else {
        bus_backlog_drop(b, e);
    }
}

void bus_backlog_expire_kept(struct bus_backlog *b)
{
    uint64_t now_ms = loop_now_ms(b->loop);
    LIST_FOR_EACH (node, next, &b->lists[BUS_WRITE_KEPT]) {
        if (entry_of(node)->kept_since_ms + KEPT_MS <= now_ms) {
            bus_backlog_give_up(b, entry_of(node), "kept too long");
        }
    }
}
