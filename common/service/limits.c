/* SPDX-License-Identifier: MIT */
#include "common/service/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/compiler.h"
#include "common/log.h"

enum { DESCRIPTORS_MAX = 1 << 20 };

void limits_open_standard(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* takes the lowest that is free */
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        (void)close(fd);
    }
}

void limits_raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        log_warn("limit of descriptors unknown", LF_STR("reason", strerror(errno)));
        return;
    }
    limit.rlim_cur = MIN(limit.rlim_max, (rlim_t)DESCRIPTORS_MAX);
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        log_warn("limit of descriptors not raised", LF_STR("reason", strerror(errno)));
    }
}
