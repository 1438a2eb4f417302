/* SPDX-License-Identifier: MIT */
#pragma once
/* clock: the two clocks. Pure modules never call these: they take the time as an argument.
 */
#include <stdint.h>

uint64_t clock_mono_us(void); /* monotonic, microseconds */
uint64_t clock_mono_ms(void); /* monotonic, milliseconds */
int64_t clock_wall_ms(void);  /* Unix time, milliseconds */
int64_t clock_wall_us(void);  /* Unix time, microseconds */
/* Cryptographic randomness from the kernel; never fails (aborts when the kernel cannot). */
void random_bytes(void *out, unsigned long len);
uint64_t random_u64(void);
