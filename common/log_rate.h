/* SPDX-License-Identifier: MIT */
#pragma once
/* log_rate: how often each phrase may be logged, so that no peer can fill a disk with lines: a
 * burst of LOG_RATE_BURST, then one per LOG_RATE_EVERY_MS. For log.c.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"

enum { LOG_RATE_BURST = 100, LOG_RATE_EVERY_MS = 1000, LOG_RATE_PHRASES = 512 };

/* Zeroed at first. */
struct log_rate {
    struct log_rate_phrase {
        const char *phrase; /* NULL: the slot is free */
        uint64_t full_ms;   /* when all of the burst is there again */
        uint64_t left_out;  /* since the last line that passed */
    } phrases[LOG_RATE_PHRASES];
};
/* True: write the line; *out_left_out lines of this phrase were not since the last one. */
MUST_CHECK bool log_rate_pass(struct log_rate *l, const char *phrase, uint64_t now_ms,
                              uint64_t *out_left_out);
