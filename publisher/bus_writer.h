/* SPDX-License-Identifier: MIT */
#pragma once
/* bus_writer: events into Redis, each by one call of publish.lua, and the word about what became of
 * each. Owns the publisher's link.
 *
 * Whoever hands an event over waits for it a limited time only; the writer goes on waiting for the
 * reply of a command that was sent, whatever became of the request. What was never sent may be sent
 * later: an event marked `keep`, whose sender was told 503, is kept for a minute and written when
 * Redis is back. What was sent and not answered before the link was lost is sent again only if it
 * carries a key, because Redis may have executed it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/compiler.h"
#include "common/redis/redis_link.h"
#include "common/str.h"
#include "proto/topic.h"

struct loop;
struct pub_metrics;
struct bus_writer;

enum bus_outcome {
    BUS_WRITTEN,
    BUS_REPEATED,    /* the key was there already: the result that was kept with it */
    BUS_CONFLICT,    /* the key was there already, with another digest */
    BUS_UNAVAILABLE, /* not written */
    BUS_UNKNOWN      /* sent, but no reply in time, or none that can be understood */
};
/* Called once, perhaps already inside bus_writer_submit(). kept: for BUS_REPEATED, valid during the
 * call. */
typedef void (*bus_done_fn)(enum bus_outcome outcome, struct str kept, void *arg);

struct bus_event {
    struct buf *envelope;            /* both are taken over (left empty) when the event is taken */
    struct buf *marker;              /* NULL: no marker, no state */
    struct str state;                /* with a marker: "public" or "private" */
    const struct topic_name *topics; /* `all`, if it is among them, is the first */
    size_t n_topics;
    struct str refresh_contest; /* "" = no scoreboard refresh is due */
    struct str idem;            /* hexadecimal hash of the key; "" = no key */
    struct str digest;          /* of the request, with a key */
    struct str result;          /* what a repetition is answered, with a key */
    uint64_t wait_ms;           /* how long fn waits */
    bool keep;                  /* if fn hears BUS_UNAVAILABLE, or the event is not taken */
};
enum bus_submit {
    BUS_TAKEN, /* fn was or will be called */
    BUS_DOWN,  /* no link, and no key that would let it wait for one */
    BUS_FULL,  /* too many events in flight */
    BUS_NO_MEMORY
};

struct bus_writer_settings {
    int64_t history_events, history_ms, history_bytes;
};
struct bus_writer_options {
    const struct redis_url *url;        /* borrowed, outlives the writer */
    struct redis_access *const *access; /* redis_link.h */
    const char *prefix;                 /* P; copied */
    struct str list_digest;             /* what P:servers must say; borrowed, outlives the writer */
    struct redis_script **scripts;      /* others to load; borrowed, outlive the writer */
    size_t n_scripts;
    struct bus_writer_settings settings;
    size_t max_event_bytes;      /* of a request's body */
    struct pub_metrics *metrics; /* borrowed, outlives the writer */
};

MUST_CHECK int bus_writer_create(struct loop *l, const struct bus_writer_options *o,
                                 struct bus_writer **out_writer);
/* Tells everybody who waits. Accepts NULL. */
struct bus_writer *bus_writer_free(struct bus_writer *w);
DEFINE_AUTO(bus_writer)
void bus_writer_start(struct bus_writer *w);
void bus_writer_configure(struct bus_writer *w, const struct bus_writer_settings *s);
MUST_CHECK enum bus_submit bus_writer_submit(struct bus_writer *w, const struct bus_event *e,
                                             bus_done_fn fn, void *arg);
/* The link is, and Redis took the last event or trial. */
bool bus_writer_is_ready(const struct bus_writer *w);
/* Nothing is on its way to Redis, or could be now. */
bool bus_writer_is_idle(const struct bus_writer *w);
/* For other commands and scripts on the same link. Borrowed. */
struct redis_link *bus_writer_link(struct bus_writer *w);
