/* SPDX-License-Identifier: MIT */
#pragma once
/* probe: what the watched processes have used until now: CPU time and resident memory.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/compiler.h"

struct probe {
    uint64_t cpu_us;     /* user and kernel, all threads, also those that have ended */
    uint64_t rss_bytes;  /* resident now */
    uint64_t peak_bytes; /* resident at most, since the last probe_forget_peak() */
};
/* False: there is no such process (any more). */
MUST_CHECK bool probe_read(pid_t pid, struct probe *out);
/* The highest memory is counted from now on (where the kernel allows it). */
void probe_forget_peak(pid_t pid);
