/* SPDX-License-Identifier: MIT */
#pragma once
/* source: makes the messages of a run and sends them when they are due: at a rate, alone or in
 * bursts, or as fast as they are answered.
 */
#include <stdbool.h>
#include <stdint.h>

#include "bench/latency.h"
#include "bench/poster.h"
#include "bench/tally.h"
#include "common/buf.h"
#include "common/compiler.h"

/* In the template, `@mark@`, `@pad@` and `@index@` are replaced; index is the number of the message
 * modulo `modulo`. */
struct source_plan {
    uint32_t count;
    double rate;    /* messages per second; 0: each as soon as there is room */
    uint32_t burst; /* of so many at once (their mean rate is `rate`) */
};
struct source_stats {
    uint64_t sent, ok, failed;
    uint64_t begun_us, ended_us; /* of the plan: first one sent, last one answered */
    uint64_t behind_us;          /* the most that one was sent after it was due */
    struct latency answered;     /* due (without a rate: sent) -> answered */
};
struct source {
    struct poster *poster; /* borrowed */
    struct tally *tally;   /* borrowed */
    const char *body;      /* borrowed: the template */
    uint32_t modulo;
    size_t pad;      /* bytes */
    uint32_t number; /* of the next message */
    struct source_plan plan;
    uint32_t sent;             /* of the plan */
    struct source_stats stats; /* of the plan */
    struct buf message;
};

void source_release(struct source *s);
/* Starts a plan now. */
void source_begin(struct source *s, const struct source_plan *plan, uint64_t now_us);
/* Sends what is due and fits. Returns when to come again (UINT64_MAX: when something was
 * answered), or 0: a message could not be made or written. */
uint64_t source_pump(struct source *s, uint64_t now_us);
/* For the poster's `done`; arg is the source. */
void source_answered(void *arg, bool ok, uint64_t begun_us);
/* All of the plan is sent and answered. */
bool source_is_done(const struct source *s);
/* Bytes of the next message with the present pad. */
size_t source_body_bytes(struct source *s);
