/* SPDX-License-Identifier: MIT */
#pragma once
/* bus_backlog: the events that a publisher holds, in lists by what is to become of them, with the
 * bounds on their number, the deadlines of those who wait for them and the word given to these. A
 * part of bus_writer; knows nothing of Redis.
 *
 * WAITING -> SENT            bus_writer's pump
 * WAITING -> KEPT, (freed)   bus_backlog_not_written: a deadline, or no place
 * SENT    -> (freed)         its reply
 * SENT    -> AGAIN           not executed, or safe to repeat, and somebody waits for it
 * SENT    -> KEPT            not executed, and nobody else would repeat it
 * AGAIN   -> SENT, KEPT, (freed)  as WAITING
 * KEPT    -> SENT            bus_writer's pump
 * KEPT    -> (freed)         a minute has passed, or a newer one needs its place
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/list.h"
#include "common/loop.h"
#include "publisher/bus_write.h"

struct pub_metrics;
struct bus_backlog;

/* Those who wait equally long stand in the order of their deadlines: one timer serves all. */
struct deadline_queue {
    struct list head; /* of struct bus_write.due */
    struct timer timer;
    struct bus_backlog *backlog; /* borrowed (holds this) */
};
enum { QUEUE_QUICK, QUEUE_PATIENT, QUEUES }; /* without and with a key */

struct bus_load {
    int64_t events, bytes;
};
struct bus_backlog {
    struct loop *loop;               /* borrowed */
    struct pub_metrics *metrics;     /* borrowed; its gauges are sums over all servers */
    struct bus_load in_flight, kept; /* each event counts for one of them: these are bounded */
    struct list lists[BUS_WRITE_STATES];
    struct deadline_queue queues[QUEUES];
    uint64_t kept_ever; /* order of the kept ones */
    bool closed;        /* nothing is kept any more */
};

MUST_CHECK bool bus_backlog_init(struct bus_backlog *b, struct loop *l, struct pub_metrics *m);
/* Tells everybody who waits and frees everything. */
void bus_backlog_release(struct bus_backlog *b);

bool bus_backlog_is_full(const struct bus_backlog *b);
/* As WAITING. */
void bus_backlog_add(struct bus_backlog *b, struct bus_write *e);
/* fn is called when an outcome is known, at the latest after wait_ms. */
void bus_backlog_expect(struct bus_backlog *b, struct bus_write *e, bus_done_fn fn, void *arg,
                        uint64_t wait_ms);
/* The oldest in a state, or NULL. */
struct bus_write *bus_backlog_first(const struct bus_backlog *b, enum bus_write_state state);
/* To SENT or AGAIN. */
void bus_backlog_move(struct bus_backlog *b, struct bus_write *e, enum bus_write_state state);
/* Tells who waits, once. The event stays where it is. */
void bus_backlog_tell(struct bus_backlog *b, struct bus_write *e, enum bus_outcome outcome,
                      struct str kept);
/* Frees it. */
void bus_backlog_drop(struct bus_backlog *b, struct bus_write *e);
/* Tells BUS_UNKNOWN and frees it; one that was kept is lost for good, hence a line in the log. */
void bus_backlog_give_up(struct bus_backlog *b, struct bus_write *e, const char *why);
/* Redis certainly has not executed it: tells BUS_UNAVAILABLE, then keeps or frees it. */
void bus_backlog_not_written(struct bus_backlog *b, struct bus_write *e);
/* Frees those that have been kept too long. */
void bus_backlog_expire_kept(struct bus_backlog *b);
