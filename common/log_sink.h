/* SPDX-License-Identifier: MIT */
#pragma once
/* log_sink: where log lines go. A line is written whole or not at all, and never waited for: when a
 * pipe, socket or terminal is full, the line is dropped and counted.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

enum log_sink_kind {
    LOG_SINK_PLAIN,  /* a file, or a pipe that is ours alone and does not block */
    LOG_SINK_SOCKET, /* journald's */
    LOG_SINK_SHARED  /* stderr with a blocking mode that others share */
};
struct log_sink {
    int fd;
    enum log_sink_kind kind;
    bool torn; /* a line was written in part: the next begins a new one */
};

/* file NULL: stderr; else a path that is appended to. 0, or -errno and *out is as it was.
 * *out_created: the file was not there before. */
MUST_CHECK int log_sink_open(const char *file, struct log_sink *out, bool *out_created);
/* Can a file that is there be appended to? 0 or -errno; -ENOENT: it is not there. */
MUST_CHECK int log_sink_check(const char *file);
void log_sink_close(struct log_sink *s);
/* False: nobody will see this line. */
bool log_sink_write(struct log_sink *s, const char *p, size_t n);
