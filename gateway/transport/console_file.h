/* SPDX-License-Identifier: MIT */
#pragma once
/* console_file: a file below Console.Dir, opened for reading.
 *
 * No symbolic link below that directory is followed, and nothing but a regular file of at most
 * 8 MiB is opened: what is served is what lies there.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"

#define CONSOLE_FILE_MAX_BYTES (8 * 1024 * 1024)
#define CONSOLE_ETAG_MAX 64

struct console_file {
    int fd; /* owned */
    int64_t size;
    char etag[CONSOLE_ETAG_MAX]; /* with its quotes */
};
/* name: of console_path_clean(). False: no such file, or none that is served. */
MUST_CHECK bool console_file_open(const char *dir, const char *name, struct console_file *out);
