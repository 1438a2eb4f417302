/* SPDX-License-Identifier: MIT */
#pragma once
/* bus_write: one event on its way to Redis, and the arguments of its call of publish.lua. A part of
 * bus_writer; what its states mean stands in bus_backlog.h.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/list.h"
#include "proto/position.h"
#include "proto/topic_keys.h"
#include "publisher/bus_writer.h"

enum bus_write_argument { /* after the keys; see publish.lua */
                          ARG_EPOCH,
                          ARG_ENVELOPE,
                          ARG_MARKER,
                          ARG_STATE,
                          ARG_MAX_EVENTS,
                          ARG_MAX_MS,
                          ARG_MAX_BYTES,
                          ARG_IDEM,
                          ARG_DIGEST,
                          ARG_RESULT,
                          ARG_IDEM_MS,
                          ARG_REFRESH_CONTEST,
                          ARG_TOPICS,
                          ARG_FIRST_IS_ALL,
                          BUS_WRITE_ARGUMENTS
};

/* Of each topic; the idempotency key; the list of refreshes, and the contest's own. */
enum { BUS_WRITE_KEYS_MAX = TOPIC_KINDS * TOPIC_KEYS + 1 + 2 };

enum bus_write_state {
    BUS_WRITE_WAITING, /* never sent */
    BUS_WRITE_SENT,    /* its reply is awaited */
    BUS_WRITE_AGAIN,   /* certainly not executed, or safe to repeat: goes first */
    BUS_WRITE_KEPT,    /* nobody waits for it; written when Redis is back */
    BUS_WRITE_STATES
};
struct bus_write {
    struct list node;          /* in the backlog's list of `state` */
    struct list due;           /* in one of its deadline queues while fn is set */
    struct bus_writer *writer; /* borrowed (outlives it) */
    enum bus_write_state state;
    bus_done_fn fn; /* NULL: nobody waits (any more) */
    void *arg;
    uint64_t deadline_ms;
    uint64_t kept_since_ms; /* 0: was never kept */
    uint64_t kept_order;    /* among the kept */
    unsigned attempts;
    bool keyed;
    bool keep;
    size_t bytes;                /* what it counts for the bounds */
    struct buf envelope, marker; /* owned */
    struct buf names;            /* owned; most arguments point into it */
    char epoch[EPOCH_LEN + 1];
    size_t n_topics, n_keys;
    struct str topics[TOPIC_KINDS]; /* their names in Redis */
    struct str argv[BUS_WRITE_KEYS_MAX + BUS_WRITE_ARGUMENTS];
};

/* NULL: out of memory, and *e is untouched; else it took over envelope and marker. */
struct bus_write *bus_write_create(const struct bus_event *e, struct str prefix);
void bus_write_free(struct bus_write *w);
/* Puts in what changes from one attempt to the next: a fresh candidate for an epoch, because one that
 * was minted and lost must not come back, and the bounds of the log. */
void bus_write_prepare(struct bus_write *w, const struct str history[static 3]);
