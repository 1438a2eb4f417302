/* SPDX-License-Identifier: MIT */
#pragma once
/* metrics_process: what every process can say about itself, from /proc and the kernel; a number
 * that cannot be had is left out.
 */
#include "common/buf.h"

/* Appends broadcaster_build_info and process_* (cpu, resident bytes, fds, start). */
void metrics_render_process(struct buf *out, const char *process);
