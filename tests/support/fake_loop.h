/* SPDX-License-Identifier: MIT */
#pragma once
/* fake_loop: common/loop.h and common/clock.h on a time that only passes when a test says so. Link
 * fake_loop.c instead of the real ones; timers and deferred calls then run in a fixed order.
 */
#include <stdint.h>

#include "common/clock.h"
#include "common/loop.h"

/* Lets time pass: what becomes due runs in order, each followed by the deferred calls. */
void fake_loop_pass_ms(struct loop *l, uint64_t ms);
/* One turn of the loop in which no time passes: only what is deferred, and timers due now. */
void fake_loop_turn(struct loop *l);
/* Time passes while a callback runs: `us` more at every look at the clock (0: it stands). */
void fake_clock_drift_us(uint64_t us);
