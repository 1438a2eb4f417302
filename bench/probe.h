/* SPDX-License-Identifier: MIT */
#pragma once
/* probe: what the watched processes have used until now: CPU time and resident memory.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/compiler.h"

struct probe {
    uint64_t cpu_us;    /* user and kernel, all threads, also those that have ended */
    uint64_t rss_bytes; /* resident now */
};
/* False: there is no such process (any more). */
MUST_CHECK bool probe_read(pid_t pid, struct probe *out);
