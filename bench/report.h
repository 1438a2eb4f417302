/* SPDX-License-Identifier: MIT */
#pragma once
/* report: what a run of the load generator found, as JSON.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/options.h"
#include "bench/probe.h"
#include "bench/receivers.h"
#include "bench/source.h"
#include "bench/stream.h"
#include "bench/tally.h"

/* When the watched processes are looked at. */
enum moment {
    MOMENT_BEGIN,
    MOMENT_CONNECTED, /* every connection is ready */
    MOMENT_RESTED,    /* after --settle and --idle */
    MOMENT_WARM,
    MOMENT_PUBLISHED, /* every message came */
    MOMENTS
};
struct run {
    const struct options *o; /* borrowed */
    struct net net;
    struct tally tally;
    struct source source;        /* its poster is owned here; NULL before publishing begins */
    struct receivers *receivers; /* owned; NULL without --connect */
    bool is_waiting;             /* for what was published last, when it goes step by step */
    uint64_t deadline_us;
    uint64_t at_us[MOMENTS]; /* 0: not reached */
    struct probe probes[MOMENTS][WATCHED_MAX];
    struct probe own[MOMENTS]; /* of the load generator itself */
    const char *trouble;       /* static; NULL while all is well */
};

bool report_is_complete(const struct run *r);
void report_print(const struct run *r, FILE *to);
